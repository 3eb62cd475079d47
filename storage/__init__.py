"""Objects: bytes under a key, whole or not at all, on stable storage when we say so. Knows nothing of DICOM."""

from storage.errors import MustWait, ObjectNotFound, StorageFault, StorageFull, StoreError
from storage.store import Draft, ObjectStore, StoredObject, open_store

__all__ = [
    "Draft",
    "MustWait",
    "ObjectNotFound",
    "ObjectStore",
    "StorageFault",
    "StorageFull",
    "StoreError",
    "StoredObject",
    "open_store",
]
