"""Key images as a Key Object Selection Document (PS3.3 A.35.4, TID 2010)."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from pacs.dicom.annotation_document import Title
from pacs.dicom.edition import MANUFACTURER, MODEL, Edition, Reference, part10
from pacs.dicom.measurement_report import evidence, numbers, observers

TITLES: Mapping[Title, Code] = {
    "of-interest": codes.DCM.OfInterest,
    "for-referring-provider": codes.DCM.ForReferringProvider,
}
Frame = tuple[Reference, int]
"""An instance, and which of its frames is meant, from 1."""


def key_object_selection(edition: Edition, image: Dataset, frames: Sequence[Frame], title: Title) -> bytes:
    """The document as a file. image: a header of the study."""
    chosen = [
        (reference, sorted({number for _, number in group}))
        for reference, group in groupby(sorted(frames, key=_place), lambda frame: frame[0])
    ]
    person, device = observers(edition)
    shown = [_as_image(reference) for reference, _ in chosen]
    content = KeyObjectSelection(TITLES[title], shown, person, device)
    items = [one for one in content[0].ContentSequence if one.ValueType == "IMAGE"]
    for (reference, frame_numbers), item in zip(chosen, items, strict=True):
        if reference.is_multiframe:
            item.ReferencedSOPSequence[0].ReferencedFrameNumber = frame_numbers
    parameters = numbers(edition)
    made = KeyObjectSelectionDocument(shown, content, manufacturer=MANUFACTURER, **parameters)
    made.ManufacturerModelName = MODEL
    return part10(made, edition, image)


def _place(frame: Frame) -> tuple[str, str, int]:
    reference, number = frame
    return reference.series_instance_uid, reference.sop_instance_uid, number


def _as_image(reference: Reference) -> Dataset:
    """What has rows and columns is an image to highdicom."""
    ds = evidence(reference)
    ds.Rows = ds.Columns = 1
    return ds
