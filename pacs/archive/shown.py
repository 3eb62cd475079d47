"""What others wrote, for the viewer: lists, contents by kind, and where they lie on the frames of a series.

Each is made once for a revision of its series and kept (`metadata.kept_of_series`). The browser parses no DICOM.
"""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from pacs.archive import decoding
from pacs.archive.headers import LONG, Opened, open_instance, read_header
from pacs.archive.metadata import SeriesVersion, as_json, kept_of_series, series_document, versions
from pacs.archive.outgoing import outgoing_header
from pacs.archive.rendering import encapsulated_document
from pacs.archive.selection import CHUNK, InstanceRef, frame_table, instances, read
from pacs.context import Actor, Pacs
from pacs.dicom import contours, segmentation, structured_report
from pacs.dicom.fragments import Stream, stream_of
from pacs.dicom.overlays import told_planes
from pacs.dicom.pixels import PixelDescription, pixel_description
from pacs.dicom.placing import Series, series_of
from pacs.dicom.told_object import ToldObject, kind_of_object, media_type_of, told_object
from pacs.dicom.told_state import Image, told_state
from pacs.errors import NotAcceptable, NotFound, OutOfResources, Undecodable
from storage.errors import StoreError

FORM = 1
"""Counts the changes of what is made here: what an older program kept is not given."""
MOST_OBJECTS = 2000
"""Listed of one study."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What is derived, packed as gzip, and the version of all that it is made of."""

    packed: bytes
    version: str


def objects_of(pacs: Pacs, actor: Actor, study: str) -> Json:
    """What a study holds besides images. Raises NotAllowed, NotFound."""
    known = {one.series_instance_uid: one for one in versions(pacs, actor, study)}
    refs = [ref for ref in instances(pacs, actor, study) if _kind(ref) != "image"]
    found: list[ToldObject] = []
    for series, group in groupby(refs[:MOST_OBJECTS], key=lambda ref: ref.series_instance_uid):
        if (one := known.get(series)) is not None:
            packed = kept_of_series(pacs, one, f"list-{FORM}", _listing(pacs, list(group)))
            found += json.loads(gzip.decompress(packed))
    return {"objects": found, "left_out": max(0, len(refs) - MOST_OBJECTS)}


def content_of(pacs: Pacs, actor: Actor, study: str, sop: str) -> Content:
    """What an object says, by its kind. Raises NotAllowed, NotFound, NotAcceptable for an image, Undecodable."""
    ref, version = _found(pacs, actor, study, sop)
    return _kept(pacs, version, ref, "content", lambda: _content(pacs, actor, ref))


def placed_on(pacs: Pacs, actor: Actor, study: str, sop: str, on_study: str, on_series: str) -> Content:
    """Where an object lies on the frames of a series: by the index of each frame on which it does.

    Raises as `content_of`.
    """
    ref, version = _found(pacs, actor, study, sop)
    (target,) = versions(pacs, actor, on_study, on_series)
    what = f"on {target.study_instance_uid} {target.series_instance_uid} {target.revision}"

    def make() -> Json:
        series = series_of(json.loads(series_document(pacs, actor, on_study, on_series)))
        return {"revision": target.revision, "frames": _placed(pacs, ref, series)}

    return _kept(pacs, version, ref, what, make)


def segment_frame(pacs: Pacs, actor: Actor, study: str, sop: str, frame: int) -> tuple[bytes, str]:
    """A frame of a segmentation, and its version: single bits packed from the lowest of a byte, rows without padding,
    else bytes or words in little endian, row by row. Raises NotAllowed, NotFound, NotAcceptable, Undecodable.
    """
    ref, _ = _found(pacs, actor, study, sop)
    if _kind(ref) != "segmentation":
        raise NotAcceptable("this is no segmentation")
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    description = pixel_description(read_header(pacs, ref, opened))
    samples = decoding.samples_of(pacs, description, opened.frame(frame), opened.transfer_syntax_uid)
    if description.bits_allocated == 1:
        return np.packbits(samples.astype(bool), bitorder="little").tobytes(), ref.version
    return samples.astype("<u2" if description.bits_allocated == 16 else "u1").tobytes(), ref.version


def overlays(pacs: Pacs, actor: Actor, study: str, sop: str, frame: int) -> Content:
    """The overlay planes over a frame of an image. Raises NotAllowed, NotFound, Undecodable."""
    ref, version = _found(pacs, actor, study, sop)

    def make() -> Json:
        opened, header = _read(pacs, ref)
        description = pixel_description(header)
        samples = decoding.samples_of(pacs, description, opened.frame(frame), opened.transfer_syntax_uid)
        return {"planes": list(told_planes(header, description, samples, frame))}

    return _kept(pacs, version, ref, f"overlays {frame}", make)


def document(pacs: Pacs, actor: Actor, study: str, sop: str) -> tuple[bytes, str, str]:
    """The document that an object holds, its media type and its version.

    Raises NotAllowed, NotFound, NotAcceptable where there is none, Undecodable, OutOfResources.
    """
    ref, _ = _found(pacs, actor, study, sop)
    if _kind(ref) != "document":
        raise NotAcceptable("this object holds no document")
    media_type = media_type_of(_read(pacs, ref)[1], ref.sop_class_uid, ref.transfer_syntax_uid)
    return encapsulated_document(pacs, ref), media_type, ref.version


@dataclass(frozen=True, slots=True)
class Video:
    """A video as it is kept, to be read from anywhere."""

    media_type: str
    version: str
    size: int
    pieces: Callable[[int, int], Iterator[bytes]]
    """Its bytes from start up to, not including, stop."""


def video(pacs: Pacs, actor: Actor, study: str, sop: str) -> Video:
    """Raises NotAllowed, NotFound, NotAcceptable where there is none, Undecodable, OutOfResources."""
    ref, _ = _found(pacs, actor, study, sop)
    if _kind(ref) != "video":
        raise NotAcceptable("this object holds no video")
    stream = _stream(pacs, ref)

    def pieces(start: int, stop: int) -> Iterator[bytes]:
        for begin, end in stream.ranges(start, stop):
            for at in range(begin, end, CHUNK):
                yield read(pacs, ref, at, min(at + CHUNK, end))

    media_type = media_type_of(Dataset(), ref.sop_class_uid, ref.transfer_syntax_uid)
    return Video(media_type, ref.version, stream.size, pieces)


def _found(pacs: Pacs, actor: Actor, study: str, sop: str) -> tuple[InstanceRef, SeriesVersion]:
    (ref, *_) = instances(pacs, actor, study, None, sop)
    (version,) = versions(pacs, actor, study, ref.series_instance_uid)
    return ref, version


def _kind(ref: InstanceRef) -> str:
    return kind_of_object(ref.sop_class_uid, ref.transfer_syntax_uid)


def _read(pacs: Pacs, ref: InstanceRef) -> tuple[Opened, Dataset]:
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    return opened, outgoing_header(pacs, ref, opened, read_header(pacs, ref, opened))


def _kept(pacs: Pacs, one: SeriesVersion, ref: InstanceRef, what: str, make: Callable[[], Json]) -> Content:
    told = f"{FORM} {ref.version} {what}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:32]
    return Content(kept_of_series(pacs, one, digest, lambda: as_json(make())), f"{one.revision}-{digest}")


def _listing(pacs: Pacs, refs: Sequence[InstanceRef]) -> Callable[[], bytes]:
    return lambda: as_json([_told(pacs, ref) for ref in refs])


def _told(pacs: Pacs, ref: InstanceRef) -> ToldObject:
    """One that cannot be read is listed by its UIDs."""
    try:
        header = _read(pacs, ref)[1]
    except Undecodable:
        header = Dataset()
    told = told_object(header, ref.sop_class_uid, ref.transfer_syntax_uid)
    told["sop_instance_uid"], told["series_instance_uid"] = ref.sop_instance_uid, ref.series_instance_uid
    return told


def _content(pacs: Pacs, actor: Actor, ref: InstanceRef) -> Json:
    header = _read(pacs, ref)[1]
    told: Mapping[str, Any]
    match _kind(ref):
        case "segmentation":
            told = segmentation.segmentation_of(header)
        case "contours":
            told = contours.structures_of(header)
        case "sr" | "key_object":
            told = structured_report.told_report(header)
        case "presentation_state":
            told = told_state(header, lambda image: _description(pacs, actor, ref, image))
        case kind:
            raise NotAcceptable(f"of this kind nothing is told: {kind}")
    return dict(told)


def _placed(pacs: Pacs, ref: InstanceRef, series: Series) -> Mapping[int, Any]:
    header = _read(pacs, ref)[1]
    match _kind(ref):
        case "segmentation":
            return segmentation.placed_on(segmentation.segmentation_of(header), series)
        case "contours":
            return contours.placed_on(header, series)
        case "sr":
            return structured_report.placed_on(structured_report.told_report(header), series)
        case kind:
            raise NotAcceptable(f"of this kind nothing lies on frames: {kind}")


def _description(pacs: Pacs, actor: Actor, state: InstanceRef, image: Image) -> PixelDescription | None:
    """Of an image that a state is about; None where it is not here, or none."""
    try:
        (ref, *_) = instances(pacs, actor, state.study_instance_uid, image["series"] or None, image["sop"])
        return pixel_description(_read(pacs, ref)[1])
    except (NotFound, Undecodable):
        return None


def _stream(pacs: Pacs, ref: InstanceRef) -> Stream:
    try:
        with pacs.objects.open(ref.object_key) as file:
            pydicom.dcmread(file, stop_before_pixels=True, defer_size=LONG)
            return stream_of(file)
    except StoreError as error:
        raise OutOfResources(f"the kept bytes of instance {ref.sop_instance_uid} are missing") from error
