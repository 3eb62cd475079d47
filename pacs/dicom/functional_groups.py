"""The functional groups of enhanced multi-frame objects (PS3.3 C.7.6.16)."""

from pydicom.dataset import Dataset

from pacs.dicom.values import item, items


def functional_group(ds: Dataset, keyword: str, frame_number: int) -> Dataset | None:
    """The item of a functional group macro for a frame (from 1): its own, else the shared one; None when neither is."""
    frames = items(ds, "PerFrameFunctionalGroupsSequence")
    if 1 <= frame_number <= len(frames):
        own = item(frames[frame_number - 1], keyword)
        if own is not None:
            return own
    shared = item(ds, "SharedFunctionalGroupsSequence")
    return None if shared is None else item(shared, keyword)
