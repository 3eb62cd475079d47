"""The header of a kept instance as a Dataset: everything before its pixel data, long values left in the file."""

import io
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pydicom
import structlog
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.archive.selection import InstanceRef, frame_tables, read
from pacs.context import Pacs
from pacs.dicom.dicomjson import PIXEL_DATA
from pacs.dicom.frames import FrameTable
from pacs.dicom.part10 import file_meta
from pacs.dicom.pixels import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, NATIVE
from pacs.errors import OutOfResources, Undecodable
from storage.errors import StoreError

log = structlog.get_logger(__name__)

LONG = 256 << 10
"""Bytes from which on a value is left in the file where there is no pixel data."""
MOST_INFLATED = 1 << 29
"""Bytes a deflated data set may become: far beyond any that is meant, far below what harms."""


def read_headers(pacs: Pacs, refs: Sequence[InstanceRef]) -> Iterator[tuple[InstanceRef, FrameTable | None, Dataset]]:
    """Each instance with its frame table and its header. One that cannot be read has its UIDs only."""
    tables = frame_tables(pacs, refs)
    for ref in refs:
        table = tables.get(ref.pk)
        try:
            yield ref, table, read_header(pacs, ref, table)
        except Undecodable:
            log.warning("header cannot be read", sop_instance_uid=ref.sop_instance_uid)
            yield ref, table, _uids_only(ref)


def read_header(pacs: Pacs, ref: InstanceRef, table: FrameTable | None) -> Dataset:
    """What stands before the pixel data, by one ranged read where the frame table tells how much that is.

    Where there is pixel data it ends in an empty element of its tag and VR. Raises Undecodable when it is not
    readable to pydicom, OutOfResources when the bytes are not there.
    """
    if ref.transfer_syntax_uid == DEFLATED:
        return header_of(io.BytesIO(inflated_file(pacs, ref)), EXPLICIT)
    if table is not None:
        return header_of(io.BytesIO(read(pacs, ref, 0, table.range_of(1)[0])), ref.transfer_syntax_uid)
    try:
        with pacs.objects.open(ref.object_key) as file:
            return header_of(file, ref.transfer_syntax_uid)
    except StoreError as error:
        raise OutOfResources(f"the kept bytes of instance {ref.sop_instance_uid} are missing") from error


def header_of(file: Any, transfer_syntax_uid: str) -> Dataset:
    """The header of a Part 10 file that is open at its start. Raises Undecodable."""
    try:
        ds = pydicom.dcmread(file, stop_before_pixels=True, defer_size=LONG)
        element = _pixel_data_element(file.read(12), transfer_syntax_uid)
    except Exception as error:  # pydicom raises what it likes on what it cannot read
        raise Undecodable("the header cannot be read") from error
    if element is not None:
        ds[element.tag] = element
    return ds


def inflated_file(pacs: Pacs, ref: InstanceRef) -> bytes:
    """A Part 10 file in Explicit VR Little Endian of one in the deflated syntax (PS3.5 A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data_set = inflater.decompress(read(pacs, ref, ref.data_set_offset), MOST_INFLATED)
    except zlib.error as error:
        raise Undecodable("the deflated data set is damaged") from error
    if inflater.unconsumed_tail:
        raise Undecodable(f"the deflated data set is larger than {MOST_INFLATED} bytes")
    return file_meta(ref.sop_class_uid, ref.sop_instance_uid, EXPLICIT) + data_set


def _pixel_data_element(head: bytes, transfer_syntax_uid: str) -> RawDataElement | None:
    """An empty element like the one whose first bytes these are, where that is pixel data."""
    order: Literal["big", "little"] = "big" if transfer_syntax_uid == BIG_ENDIAN else "little"
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in PIXEL_DATA:
        return None
    if transfer_syntax_uid == IMPLICIT:
        vr = "OW"
    else:
        vr = head[4:6].decode("latin-1") if transfer_syntax_uid in NATIVE else "OB"
    return RawDataElement(Tag(tag), vr, 0, b"", 0, False, True)


def _uids_only(ref: InstanceRef) -> Dataset:
    ds = Dataset()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = ref.study_instance_uid, ref.series_instance_uid
    ds.SOPClassUID, ds.SOPInstanceUID = ref.sop_class_uid, ref.sop_instance_uid
    return ds
