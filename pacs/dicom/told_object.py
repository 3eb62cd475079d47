"""What a study holds besides images, an entry an object: what it is, who made it, and which images it is about."""

from collections.abc import Sequence
from typing import TypedDict

from pydicom.dataset import Dataset

from pacs.dicom.series_builder import kind_of
from pacs.dicom.series_document import Kind
from pacs.dicom.softcopy import shown_by
from pacs.dicom.structured_report import images_of
from pacs.dicom.text import character_sets, text
from pacs.dicom.values import item, items, number, word

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
MOST_IMAGES = 10_000
"""Named for one object."""
DOCUMENTS = {"104.1": "application/pdf", "104.2": "text/xml", "104.3": "model/stl", "104.4": "model/obj"}
VIDEOS = {"100": "video/mpeg", "101": "video/mpeg"}
VIDEO_SYNTAX = "1.2.840.10008.1.2.4."


class AboutImage(TypedDict):
    series: str
    sop: str
    frames: list[int]
    """Empty: all of it."""


class ToldObject(TypedDict):
    sop_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    kind: str
    """As of a series; a structure set is `contours`."""
    label: str
    title_code: str
    """Of a report or a key object note."""
    description: str
    creator: str
    date: str
    time: str
    series_number: int | None
    instance_number: int | None
    frame_of_reference_uids: list[str]
    series: list[str]
    """Series that it is about."""
    images: list[AboutImage]
    """Images that a presentation state, a key object note or a report names."""
    media_type: str
    """Of a document or a video."""


def told_object(ds: Dataset, sop_class_uid: str, transfer_syntax_uid: str) -> ToldObject:
    """What is missing or broken in its header is left out."""
    sets = character_sets(ds)
    kind = kind_of_object(sop_class_uid, transfer_syntax_uid)
    images = _images(ds, kind)[:MOST_IMAGES]
    return {
        "sop_instance_uid": word(ds, "SOPInstanceUID"),
        "series_instance_uid": word(ds, "SeriesInstanceUID"),
        "sop_class_uid": sop_class_uid,
        "kind": kind,
        "label": _label(ds, sets),
        "title_code": word(item(ds, "ConceptNameCodeSequence") or Dataset(), "CodeValue"),
        "description": text(ds, "ContentDescription", sets) or text(ds, "SeriesDescription", sets),
        "creator": _creator(ds, sets),
        "date": word(ds, "ContentDate")
        or word(ds, "StructureSetDate")
        or word(ds, "PresentationCreationDate")
        or word(ds, "SeriesDate"),
        "time": word(ds, "ContentTime")
        or word(ds, "StructureSetTime")
        or word(ds, "PresentationCreationTime")
        or word(ds, "SeriesTime"),
        "series_number": _whole(ds, "SeriesNumber"),
        "instance_number": _whole(ds, "InstanceNumber"),
        "frame_of_reference_uids": _spaces(ds),
        "series": sorted({image["series"] for image in images if image["series"]} | set(_series(ds))),
        "images": images,
        "media_type": media_type_of(ds, sop_class_uid, transfer_syntax_uid),
    }


def kind_of_object(sop_class_uid: str, transfer_syntax_uid: str) -> Kind | str:
    return "contours" if sop_class_uid == STRUCTURE_SET else kind_of(sop_class_uid, transfer_syntax_uid)


def media_type_of(ds: Dataset, sop_class_uid: str, transfer_syntax_uid: str) -> str:
    """Of what an object holds for another program; "" where it holds nothing of that kind."""
    if kind_of(sop_class_uid, transfer_syntax_uid) == "video":
        return VIDEOS.get(transfer_syntax_uid.removeprefix(VIDEO_SYNTAX), "video/mp4")
    ends = (DOCUMENTS[end] for end in DOCUMENTS if sop_class_uid.endswith(f".{end}"))
    return next(ends, "application/octet-stream" if "EncapsulatedDocument" in ds else "")


def _label(ds: Dataset, sets: Sequence[str]) -> str:
    title = item(ds, "ConceptNameCodeSequence")
    found = (
        text(ds, "ContentLabel", sets),
        text(ds, "StructureSetLabel", sets),
        text(ds, "DocumentTitle", sets),
        "" if title is None else text(title, "CodeMeaning", character_sets(title, sets)),
        text(ds, "SeriesDescription", sets),
    )
    return next(filter(None, found), "")


def _creator(ds: Dataset, sets: Sequence[str]) -> str:
    for keyword, name in (
        ("VerifyingObserverSequence", "VerifyingObserverName"),
        ("AuthorObserverSequence", "PersonName"),
    ):
        for one in items(ds, keyword):
            if found := text(one, name, character_sets(one, sets)):
                return found
    keywords = ("ContentCreatorName", "OperatorsName", "Manufacturer")
    return next(filter(None, (text(ds, keyword, sets) for keyword in keywords)), "")


def _images(ds: Dataset, kind: str) -> list[AboutImage]:
    if kind == "presentation_state":
        return [
            {"series": one.series_instance_uid, "sop": one.sop_instance_uid, "frames": list(one.frames)}
            for one in shown_by(ds)
        ]
    if kind in ("key_object", "sr"):
        return [{"series": one["series"], "sop": one["sop"], "frames": one["frames"]} for one in images_of(ds)]
    return []


def _series(ds: Dataset) -> list[str]:
    """Those that a segmentation or a structure set refers to as wholes."""
    found = [word(one, "SeriesInstanceUID") for one in items(ds, "ReferencedSeriesSequence")]
    for space in items(ds, "ReferencedFrameOfReferenceSequence"):
        for study in items(space, "RTReferencedStudySequence"):
            found += [word(one, "SeriesInstanceUID") for one in items(study, "RTReferencedSeriesSequence")]
    return [uid for uid in found if uid]


def _spaces(ds: Dataset) -> list[str]:
    regions = items(ds, "StructureSetROISequence")
    told = [word(ds, "FrameOfReferenceUID"), *(word(one, "ReferencedFrameOfReferenceUID") for one in regions)]
    return sorted({uid for uid in told if uid})


def _whole(ds: Dataset, keyword: str) -> int | None:
    found = number(ds, keyword)
    return None if found is None else int(found)
