"""A kept instance in an uncompressed transfer syntax, frame by frame: it takes the memory of one frame."""

import io
from collections.abc import Iterator
from typing import Literal

from pacs.archive.decoding import apart
from pacs.archive.headers import header_of, inflated_data_set
from pacs.archive.selection import CHUNK, InstanceRef, data_set, data_set_chunks, frame_table, read
from pacs.context import Pacs
from pacs.dicom.dicomjson import PIXEL_DATA
from pacs.dicom.frames import FrameTable
from pacs.dicom.pixels import BIG_ENDIAN_PIXELS, DEFLATED, EXPLICIT, IMPLICIT, pixel_description
from pacs.dicom.rewrite import UNDEFINED, element_header, rewrite, swapped, vr_of
from pacs.dicom.transcode import (
    TARGETS,
    encoding_of,
    native_changes,
    native_description,
    native_frame,
    native_size,
    packed,
)
from pacs.errors import NotAcceptable

NOT_ENCAPSULATED = frozenset((IMPLICIT, EXPLICIT, *BIG_ENDIAN_PIXELS))
DELIMITER = 8
"""Bytes of a sequence delimiter."""


def transcoded_chunks(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> Iterator[bytes]:
    """The data set in Explicit or Implicit VR Little Endian, every value kept; as it is when it is so already.

    What cannot be done is told before the first chunk, but for a frame that turns out to be damaged. Raises
    NotAcceptable for other transfer syntaxes and what cannot be decoded as a whole, Undecodable for a damaged frame.
    """
    if transfer_syntax_uid == ref.transfer_syntax_uid:
        yield from data_set_chunks(pacs, ref)
        return
    if transfer_syntax_uid not in TARGETS:
        raise NotAcceptable(f"instances are not given in transfer syntax {transfer_syntax_uid}")
    table = frame_table(pacs, ref)
    is_implicit = transfer_syntax_uid == IMPLICIT
    if ref.transfer_syntax_uid == DEFLATED:
        yield _inflated(pacs, ref, is_implicit)
    elif table is not None:
        yield from _with_frames(pacs, ref, table, is_implicit)
    elif ref.transfer_syntax_uid in NOT_ENCAPSULATED:
        yield rewrite(data_set(pacs, ref), encoding_of(ref.transfer_syntax_uid), is_implicit)[0]
    else:
        yield _without_pixel_data(pacs, ref, is_implicit)


def _inflated(pacs: Pacs, ref: InstanceRef, is_implicit: bool) -> bytes:
    data = inflated_data_set(pacs, ref)
    return rewrite(data, encoding_of(EXPLICIT), is_implicit)[0] if is_implicit else data


def _without_pixel_data(pacs: Pacs, ref: InstanceRef, is_implicit: bool) -> bytes:
    data = data_set(pacs, ref)
    rewritten, end = rewrite(data, encoding_of(ref.transfer_syntax_uid), is_implicit, stop_at=PIXEL_DATA)
    if end < len(data):
        raise NotAcceptable("the frames cannot be told apart, so the instance is only given as it was received")
    return rewritten


def _with_frames(pacs: Pacs, ref: InstanceRef, table: FrameTable, is_implicit: bool) -> Iterator[bytes]:
    head = read(pacs, ref, 0, table.range_of(1)[0])
    if ref.transfer_syntax_uid in NOT_ENCAPSULATED:
        return _native(pacs, ref, head, is_implicit)
    return _decoded(pacs, ref, table, head, is_implicit)


def _native(pacs: Pacs, ref: InstanceRef, head: bytes, is_implicit: bool) -> Iterator[bytes]:
    """Pixel data goes as it is, or swapped."""
    source = encoding_of(ref.transfer_syntax_uid)
    data = head[ref.data_set_offset :]
    rewritten, end = rewrite(data, source, is_implicit, stop_at=PIXEL_DATA)
    order: Literal["big", "little"] = "big" if source.is_big_endian else "little"
    length = int.from_bytes(head[-4:], order)
    tag = int.from_bytes(data[end : end + 2], order) << 16 | int.from_bytes(data[end + 2 : end + 4], order)
    vr = vr_of(tag) if source.is_implicit else data[end + 4 : end + 6].decode("ascii")
    if length == UNDEFINED or len(head) + length > ref.size:
        raise NotAcceptable("the pixel data is cut off, so the instance is only given as it was received")
    yield rewritten + element_header(tag, vr, length, is_implicit)
    size = _swapped_size(head, ref, vr) if ref.transfer_syntax_uid in BIG_ENDIAN_PIXELS else 1
    stop = len(head) + length
    for start in range(len(head), stop, CHUNK):
        chunk = read(pacs, ref, start, min(stop, start + CHUNK))
        yield swapped(chunk, size) if size > 1 else chunk
    yield rewrite(read(pacs, ref, stop), source, is_implicit)[0]


def _swapped_size(head: bytes, ref: InstanceRef, vr: str) -> int:
    """Bytes of what is swapped in big endian pixel data: a sample, or a word of smaller samples."""
    description = pixel_description(header_of(io.BytesIO(head), ref.transfer_syntax_uid))
    return max(description.dtype.itemsize, 2 if vr == "OW" else 1)


def _decoded(pacs: Pacs, ref: InstanceRef, table: FrameTable, head: bytes, is_implicit: bool) -> Iterator[bytes]:
    syntax = ref.transfer_syntax_uid
    description = pixel_description(header_of(io.BytesIO(head), syntax))
    native = native_description(description, syntax)
    length = native_size(native, table.count)
    if length >= UNDEFINED:
        raise NotAcceptable("the decoded pixel data would be too large for its length")
    changes = native_changes(description, syntax)
    source = encoding_of(syntax)
    rewritten, _ = rewrite(head[ref.data_set_offset :], source, is_implicit, changes, stop_at=PIXEL_DATA)
    frames = (
        apart(pacs, native_frame, description, _frame(pacs, ref, table, number), syntax) for number in _numbers(table)
    )
    samples = packed(frames) if native.bits_allocated == 1 else frames
    first = next(samples)
    vr = "OW" if native.bits_allocated > 8 or is_implicit else "OB"
    yield rewritten + element_header(0x7FE00010, vr, length + length % 2, is_implicit) + first
    yield from samples
    yield bytes(length % 2)
    yield rewrite(read(pacs, ref, table.range_of(table.count)[1] + DELIMITER), source, is_implicit)[0]


def _numbers(table: FrameTable) -> range:
    return range(1, table.count + 1)


def _frame(pacs: Pacs, ref: InstanceRef, table: FrameTable, number: int) -> bytes:
    return table.bytes_of(number, read(pacs, ref, *table.range_of(number)))
