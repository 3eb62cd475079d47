"""Kept instances opened: their frames, and their headers as Datasets, long values left in the file."""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pydicom
import structlog
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.archive.selection import InstanceRef, frame_tables, read
from pacs.context import Pacs
from pacs.dicom import header
from pacs.dicom.dicomjson import PIXEL_DATA, dictionary_vr
from pacs.dicom.frames import FrameTable
from pacs.dicom.part10 import file_meta
from pacs.dicom.pixels import BIG_ENDIAN, BIG_ENDIAN_PIXELS, DEFLATED, EXPLICIT, GE_PRIVATE, IMPLICIT, NATIVE
from pacs.errors import InvalidInstance, NotFound, OutOfResources, Undecodable
from storage.errors import StoreError

log = structlog.get_logger(__name__)

LONG = 256 << 10
"""Bytes from which on a value is left in the file where there is no pixel data."""
MOST_INFLATED = 1 << 29
"""Bytes a deflated data set may become: far beyond any that is meant, far below what harms."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A kept instance, read part by part. One whose data set is deflated is inflated in memory."""

    transfer_syntax_uid: str
    """Of what is read here: of a deflated one Explicit VR Little Endian."""
    table: FrameTable | None
    read: Callable[[int, int], bytes]
    """Bytes of the file from start up to, not including, stop."""

    def frame(self, number: int) -> bytes:
        """A frame as it is stored. Raises NotFound when there is none of this number."""
        if self.table is None:
            raise NotFound("the instance has no frames, or none that can be told apart")
        return self.table.bytes_of(number, self.read(*self.range_of(self.table, number)))

    def range_of(self, table: FrameTable, number: int) -> tuple[int, int]:
        """Where the bytes of a frame lie in the file. Raises NotFound."""
        start, stop = table.range_of(number)
        if self.transfer_syntax_uid in BIG_ENDIAN_PIXELS:
            stop += (stop - start) % 2  # the last byte of an odd number in words comes after its padding
        return start, stop


def open_instance(pacs: Pacs, ref: InstanceRef, table: FrameTable | None) -> Opened:
    """table: as the index has it. Raises OutOfResources, Undecodable."""
    if ref.transfer_syntax_uid != DEFLATED:
        return Opened(ref.transfer_syntax_uid, table, partial(read, pacs, ref))
    meta = file_meta(ref.sop_class_uid, ref.sop_instance_uid, EXPLICIT)
    file = meta + inflated_data_set(pacs, ref)
    try:
        found = header.read_header(io.BytesIO(file), len(meta), len(file), EXPLICIT)
    except InvalidInstance as error:
        raise Undecodable("the deflated data set is damaged") from error
    return Opened(EXPLICIT, found.frame_table, lambda start, stop: file[start:stop])


def read_headers(pacs: Pacs, refs: Sequence[InstanceRef]) -> Iterator[tuple[InstanceRef, Opened | None, Dataset]]:
    """Each instance, opened, with its header. One that cannot be read has its UIDs only, and is not open."""
    tables = frame_tables(pacs, refs)
    for ref in refs:
        try:
            opened = open_instance(pacs, ref, tables.get(ref.pk))
            yield ref, opened, read_header(pacs, ref, opened)
        except Undecodable:
            log.warning("header cannot be read", sop_instance_uid=ref.sop_instance_uid)
            yield ref, None, _uids_only(ref)


def read_header(pacs: Pacs, ref: InstanceRef, opened: Opened) -> Dataset:
    """What stands before the pixel data, by one ranged read where the frame table tells how much that is.

    Where there is pixel data it ends in an empty element of its tag and VR. Raises Undecodable when it is not
    readable to pydicom, OutOfResources when the bytes are not there.
    """
    if opened.table is not None:
        head = opened.read(0, opened.table.range_of(1)[0])
        return header_of(io.BytesIO(head), opened.transfer_syntax_uid)
    if ref.transfer_syntax_uid == DEFLATED:
        return header_of(io.BytesIO(opened.read(0, MOST_INFLATED)), EXPLICIT)
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
        _read_sequences(ds)
    except Exception as error:  # pydicom raises what it likes on what it cannot read
        raise Undecodable("the header cannot be read") from error
    if element is not None:
        ds[element.tag] = element
    return ds


def _read_sequences(ds: Dataset) -> None:
    """Long sequences too, while the file is open: they are no values that anybody would read by themselves."""
    for tag, element in list(ds.items()):
        if isinstance(element, RawDataElement) and element.value is None and element.length:
            vr = dictionary_vr(int(tag)) if element.VR in (None, "UN") else element.VR
            if vr == "SQ":
                ds[tag]


def inflated_data_set(pacs: Pacs, ref: InstanceRef) -> bytes:
    """In Explicit VR Little Endian, of one in the deflated syntax (PS3.5 A.5). Raises Undecodable, OutOfResources."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(read(pacs, ref, ref.data_set_offset), MOST_INFLATED)
    except zlib.error as error:
        raise Undecodable("the deflated data set is damaged") from error
    if inflater.unconsumed_tail:
        raise Undecodable(f"the deflated data set is larger than {MOST_INFLATED} bytes")
    return inflated


def _pixel_data_element(head: bytes, transfer_syntax_uid: str) -> RawDataElement | None:
    """An empty element like the one whose first bytes these are, where that is pixel data."""
    order: Literal["big", "little"] = "big" if transfer_syntax_uid == BIG_ENDIAN else "little"
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in PIXEL_DATA:
        return None
    if transfer_syntax_uid in (IMPLICIT, GE_PRIVATE):
        vr = "OW"
    else:
        vr = head[4:6].decode("latin-1") if transfer_syntax_uid in NATIVE else "OB"
    return RawDataElement(Tag(tag), vr, 0, b"", 0, False, True)


def _uids_only(ref: InstanceRef) -> Dataset:
    ds = Dataset()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = ref.study_instance_uid, ref.series_instance_uid
    ds.SOPClassUID, ds.SOPInstanceUID = ref.sop_class_uid, ref.sop_instance_uid
    return ds
