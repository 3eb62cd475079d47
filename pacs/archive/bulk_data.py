"""Bulk data: the long values of an instance, each read by ranges where its bytes lie as they are wanted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.archive.headers import Opened, open_instance, read_header
from pacs.archive.metadata import metadata_of
from pacs.archive.retrieve import FrameSet, decoded, frames
from pacs.archive.selection import CHUNK, InstanceRef, frame_table
from pacs.context import Actor, Pacs
from pacs.dicom.media import OCTET_STREAM, parse_media_type
from pacs.dicom.pixels import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, pixel_description
from pacs.dicom.transcode import native_description, native_size
from pacs.errors import NotFound

PIXEL_PATHS = frozenset(("7FE00008", "7FE00009", "7FE00010"))
ENCAPSULATED_DOCUMENT = "00420011"
WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


@dataclass(frozen=True, slots=True)
class BulkValue:
    """The value behind a BulkDataURI, little endian, uncompressed."""

    ref: InstanceRef
    path: str
    """Tags and item numbers: `54000100/1/54001010`."""
    media_type: str
    """Of an encapsulated document its own; of all else that of mere bytes."""
    size: int
    """Bytes."""
    pieces: Callable[[int, int], Iterator[bytes]]
    """The bytes from start up to, not including, stop."""


def bulk_value(pacs: Pacs, ref: InstanceRef, path: str) -> BulkValue:
    """A value that is no pixel data. Raises NotFound, OutOfResources, Undecodable."""
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    header = read_header(pacs, ref, opened)
    element = _element_at(header, path)
    if isinstance(element, RawDataElement) and element.value is None and _word_of(ref, element.VR) == 1:
        start, size = element.value_tell, element.length
        value = BulkValue(ref, path, OCTET_STREAM, size, partial(_read, opened, start))
    else:
        data = _bytes_of(ref, opened, element, path)
        value = BulkValue(ref, path, OCTET_STREAM, len(data), lambda start, stop: iter((data[start:stop],)))
    return _document(value, header) if path == ENCAPSULATED_DOCUMENT else value


def pixel_value(pacs: Pacs, actor: Actor, ref: InstanceRef, path: str = "7FE00010") -> BulkValue:
    """The pixel data of an instance, all its frames. Raises NotFound, OutOfResources, Undecodable."""
    stored = _frames(pacs, actor, ref)
    opened, table = stored.opened, stored.opened.table
    assert table is not None
    if stored.transfer_syntax_uid in (EXPLICIT, IMPLICIT):
        start, stop = table.range_of(1)[0], table.range_of(table.count)[1]
        return BulkValue(ref, path, OCTET_STREAM, stop - start, partial(_read, opened, start))
    description = pixel_description(read_header(pacs, ref, opened))
    native = native_description(description, stored.transfer_syntax_uid)
    pieces: Callable[[int, int], Iterator[bytes]]
    if native.bits_allocated == 1:  # frames share bytes
        pieces = partial(_cut_of_all, pacs, actor, ref)
    else:
        pieces = partial(_cut_of_frames, pacs, actor, ref, native_size(native, 1))
    return BulkValue(ref, path, OCTET_STREAM, native_size(native, table.count), pieces)


def bulk_values(pacs: Pacs, actor: Actor, ref: InstanceRef, *, only_pixels: bool = False) -> Iterator[BulkValue]:
    """All bulk data of an instance. What cannot be read or decoded is told when it is come to.

    Raises NotFound, OutOfResources, Undecodable.
    """
    for path in bulk_paths(metadata_of(pacs, ref)):
        if path in PIXEL_PATHS:
            if ref.has_frames or ref.transfer_syntax_uid == DEFLATED:  # else its frames cannot be told apart
                yield pixel_value(pacs, actor, ref, path)
        elif not only_pixels:
            yield bulk_value(pacs, ref, path)


def bulk_paths(dataset: Mapping[str, Any]) -> Iterator[str]:
    """The paths of all BulkDataURIs in the metadata of an instance."""
    for tag, element in dataset.items():
        if "BulkDataURI" in element:
            yield tag
        elif element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", ()), start=1):
                yield from (f"{tag}/{number}/{path}" for path in bulk_paths(item))


def _read(opened: Opened, offset: int, start: int, stop: int) -> Iterator[bytes]:
    for begin in range(offset + start, offset + stop, CHUNK):
        yield opened.read(begin, min(begin + CHUNK, offset + stop))


def _frames(pacs: Pacs, actor: Actor, ref: InstanceRef, numbers: range | None = None) -> FrameSet:
    return frames(pacs, actor, ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid, numbers)


def _cut_of_frames(
    pacs: Pacs, actor: Actor, ref: InstanceRef, frame_size: int, start: int, stop: int
) -> Iterator[bytes]:
    """Only the frames are decoded that the range is in."""
    if start >= stop:
        return
    first = start // frame_size
    numbers = range(first + 1, (stop - 1) // frame_size + 2)
    for index, data in enumerate(decoded(pacs, _frames(pacs, actor, ref, numbers)).frames, start=first):
        yield data[max(0, start - index * frame_size) : stop - index * frame_size]


def _cut_of_all(pacs: Pacs, actor: Actor, ref: InstanceRef, start: int, stop: int) -> Iterator[bytes]:
    yield b"".join(decoded(pacs, _frames(pacs, actor, ref)).frames)[start:stop]


def _bytes_of(ref: InstanceRef, opened: Opened, element: RawDataElement | DataElement | None, path: str) -> bytes:
    value = element.value if element is not None else None
    if isinstance(element, RawDataElement) and value is None:
        value = opened.read(element.value_tell, element.value_tell + element.length)
    if element is None or not isinstance(value, bytes):
        raise NotFound(f"instance {ref.sop_instance_uid} has no bulk data {path[:64]}")
    word = _word_of(ref, element.VR)
    return value if word == 1 else np.frombuffer(value, f"u{word}").byteswap().tobytes()


def _word_of(ref: InstanceRef, vr: str | None) -> int:
    """Bytes of the words in which a value is kept in the other order; 1: in none."""
    return WORD_BYTES.get(vr or "", 1) if ref.transfer_syntax_uid == BIG_ENDIAN else 1


def _document(value: BulkValue, header: Dataset) -> BulkValue:
    """An encapsulated document without its padding, as what it says it is (PS3.3 C.24.2)."""
    media_type = parse_media_type(str(header.get("MIMETypeOfEncapsulatedDocument", "") or ""))
    length = header.get("EncapsulatedDocumentLength")
    size = length if isinstance(length, int) and 0 <= value.size - length <= 1 else value.size
    name = media_type.name if media_type else OCTET_STREAM
    return BulkValue(value.ref, value.path, name, size, value.pieces)


def _element_at(ds: Dataset, path: str) -> RawDataElement | DataElement | None:
    *places, last = path.split("/")
    try:
        for keyword, number in zip(places[::2], places[1::2], strict=True):
            ds = ds[int(keyword, 16)].value[int(number) - 1]
        return dict(ds.items()).get(Tag(int(last, 16)))  # get_item would look for the file, which is closed
    except Exception:  # no number, no such element, no sequence: all the same to who asked
        return None
