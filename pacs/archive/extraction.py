"""Instances made of kept ones when they are asked for: of some of their frames, or without their bulk.

Nothing of them is kept. The same frames of the same instance have the same SOP Instance UID each time.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from pacs.archive.decoding import apart
from pacs.archive.headers import Opened, header_of, inflated_data_set, open_instance
from pacs.archive.outgoing import corrected
from pacs.archive.selection import InstanceRef, data_set, frame_table, read
from pacs.context import Pacs
from pacs.dicom.dicomjson import PIXEL_DATA
from pacs.dicom.extraction import (
    WITHOUT_BULK,
    Elements,
    check_extractable,
    elements_of,
    encapsulated,
    frame_times_s,
    with_frames,
    without_waveforms,
    written,
)
from pacs.dicom.frame_list import FrameSelection, selected
from pacs.dicom.frames import FrameTable
from pacs.dicom.part10 import file_meta
from pacs.dicom.pixels import (
    BIG_ENDIAN_PIXELS,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    NATIVE,
    PixelDescription,
    pixel_description,
)
from pacs.dicom.rewrite import Encoding, element_header, rewrite
from pacs.dicom.transcode import (
    TARGETS,
    encoding_of,
    native_changes,
    native_description,
    native_frame,
    native_size,
    packed,
)
from pacs.errors import NotAcceptable, NotExtractable, Undecodable


@dataclass(frozen=True, slots=True)
class Extract:
    """Some frames of an instance, as one of their own."""

    ref: InstanceRef
    opened: Opened
    table: FrameTable
    selection: FrameSelection
    numbers: tuple[int, ...]
    sop_instance_uid: str
    transfer_syntax_uid: str
    """The one in which nothing needs to be decoded."""


def extract(pacs: Pacs, ref: InstanceRef, selection: FrameSelection) -> Extract:
    """What is to be given. Raises NotExtractable with its kinds."""
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    if opened.table is None:
        raise NotExtractable("the frames of this instance cannot be told apart")
    if opened.transfer_syntax_uid in BIG_ENDIAN_PIXELS:
        raise NotExtractable("frames are not extracted from big endian pixel data")
    if _description(opened, opened.table).keyword != "PixelData":
        raise NotExtractable("frames are not extracted from floating point pixel data")
    elements = _header(ref, opened, opened.table, is_implicit=False)
    check_extractable(elements)
    count = opened.table.count
    numbers = tuple(selected(selection, count, frame_times_s(elements, count, is_implicit=False)))
    digest = hashlib.sha256(f"{ref.version} {numbers}".encode()).digest()
    uid = f"2.25.{UUID(bytes=digest[:16], version=5).int}"  # PS3.5 B.2
    return Extract(ref, opened, opened.table, selection, numbers, uid, opened.transfer_syntax_uid)


def extracted_chunks(pacs: Pacs, extract: Extract, transfer_syntax_uid: str) -> Iterator[bytes]:
    """The data set of the new instance, corrected. Raises NotAcceptable for other transfer syntaxes, Undecodable."""
    if transfer_syntax_uid not in (*TARGETS, extract.transfer_syntax_uid):
        raise NotAcceptable(f"instances are not given in transfer syntax {transfer_syntax_uid}")
    made = partial(_made, pacs, extract, transfer_syntax_uid)
    yield from corrected(pacs, extract.ref, made, encoding_of(transfer_syntax_uid))


def _made(pacs: Pacs, extract: Extract, transfer_syntax_uid: str) -> Iterator[bytes]:
    is_implicit = transfer_syntax_uid == IMPLICIT
    elements = _header(extract.ref, extract.opened, extract.table, is_implicit)
    station, count = pacs.settings.ae_title, extract.table.count
    made = with_frames(
        elements, extract.numbers, extract.sop_instance_uid, extract.selection, count, is_implicit, station
    )
    frames = (extract.opened.frame(number) for number in extract.numbers)
    if transfer_syntax_uid == extract.transfer_syntax_uid and transfer_syntax_uid not in NATIVE:
        yield written(made, is_implicit)
        yield from encapsulated(frames)
    else:
        yield from _native(pacs, extract, made, frames, is_implicit)


def without_bulk(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> bytes:
    """The data set without its pixels and other bulk (PS3.4 Z.1.3).

    In Explicit or Implicit VR Little Endian, or its own syntax if that is encapsulated.
    """
    is_implicit = transfer_syntax_uid == IMPLICIT
    data, source = _whole_header(pacs, ref)
    header, _ = rewrite(data, source, is_implicit, WITHOUT_BULK, stop_at=PIXEL_DATA)
    made = written(without_waveforms(elements_of(header, is_implicit), is_implicit), is_implicit)
    return b"".join(corrected(pacs, ref, lambda: iter((made,)), encoding_of(transfer_syntax_uid)))


def _whole_header(pacs: Pacs, ref: InstanceRef) -> tuple[bytes, Encoding]:
    """What stands before the pixel data; everything, where there is none, or nothing says where it is."""
    if ref.transfer_syntax_uid == DEFLATED:
        return inflated_data_set(pacs, ref), encoding_of(EXPLICIT)
    table = frame_table(pacs, ref)
    data = data_set(pacs, ref) if table is None else read(pacs, ref, ref.data_set_offset, table.range_of(1)[0])
    return data, encoding_of(ref.transfer_syntax_uid)


def _header(ref: InstanceRef, opened: Opened, table: FrameTable, is_implicit: bool) -> Elements:
    head = _head(opened, table)[_data_set_offset(ref, opened) :]
    data, _ = rewrite(head, encoding_of(opened.transfer_syntax_uid), is_implicit, stop_at=PIXEL_DATA)
    return elements_of(data, is_implicit)


def _head(opened: Opened, table: FrameTable) -> bytes:
    return opened.read(0, table.range_of(1)[0])


def _description(opened: Opened, table: FrameTable) -> PixelDescription:
    """Raises NotExtractable where the header describes no pixels."""
    try:
        return pixel_description(header_of(io.BytesIO(_head(opened, table)), opened.transfer_syntax_uid))
    except Undecodable as error:
        raise NotExtractable(str(error)) from error


def _data_set_offset(ref: InstanceRef, opened: Opened) -> int:
    if ref.transfer_syntax_uid != DEFLATED:
        return ref.data_set_offset
    return len(file_meta(ref.sop_class_uid, ref.sop_instance_uid, EXPLICIT))


def _native(
    pacs: Pacs, extract: Extract, elements: Elements, frames: Iterator[bytes], is_implicit: bool
) -> Iterator[bytes]:
    syntax = extract.transfer_syntax_uid
    description = _description(extract.opened, extract.table)
    native = native_description(description, syntax)
    length = native_size(native, len(extract.numbers))
    if length >= 0xFFFFFFFF:
        raise NotExtractable("the decoded pixel data would be too large for its length")
    changes = native_changes(description, syntax)
    changed = {tag: change for tag, change in changes.items() if change is not None}
    vr = "OW" if native.bits_allocated > 8 or is_implicit else "OB"
    yield written({**elements, **changed}, is_implicit) + element_header(
        0x7FE00010, vr, length + length % 2, is_implicit
    )
    samples = (apart(pacs, native_frame, description, frame, syntax) for frame in frames)
    yield from packed(samples) if native.bits_allocated == 1 else samples
    yield bytes(length % 2)
