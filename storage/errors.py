"""What can go wrong with a store."""


class MustWait(Exception):
    """Whoever asked must not wait, and what he asked for is not at hand. He asks again where he may."""


class StoreError(Exception):
    """The store did not do what was asked."""


class ObjectNotFound(StoreError):
    """No object has this key."""


class StorageFull(StoreError):
    """There is no room: no space, no inodes, no quota. Nothing was kept."""


class StorageFault(StoreError):
    """The store cannot be trusted or reached: a sync failed, or the server does not answer. Nothing was kept."""
