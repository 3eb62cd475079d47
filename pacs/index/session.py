"""The engine, one transaction at a time for writing, and the group commit that makes durability cheap."""
