"""The subcommands of `pacs`, a file a noun; `__main__` joins them."""
