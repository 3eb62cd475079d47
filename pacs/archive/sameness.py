"""Whether two kept files hold one instance in two transfer syntaxes. Asked rarely, and in doubt the answer is no."""

from typing import Any, BinaryIO

import numpy as np
import structlog
from pydicom import dcmread
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from pacs.dicom.frames import FrameTable
from pacs.dicom.header import read_header
from pacs.dicom.part10 import MAX_META, read_file_meta
from pacs.dicom.pixels import colour_space_of, decode_frame, pixel_description
from pacs.errors import Undecodable
from storage import ObjectStore

log = structlog.get_logger(__name__)

ENCODING = frozenset((0x00280004, 0x00280006))
"""Photometric Interpretation and Planar Configuration follow the encoding: colours are compared as they decode."""
PADDING = 0xFFFCFFFC
PIXEL_DATA_GROUP = 0x7FE0

Content = tuple[tuple[int, Any], ...]
"""Tag and value: bytes without padding or, of a sequence, the content of each item."""


def is_same_content(objects: ObjectStore, one_key: str, other_key: str) -> bool:
    """Whether the attributes are equal and every frame decodes to equal samples.

    Memory: both headers and a frame of each. Raises StoreError.
    """
    with objects.open(one_key) as one, objects.open(other_key) as other:
        try:
            return _is_same(_Opened(one), _Opened(other))
        except Undecodable as error:
            log.info("content not comparable", one=one_key, other=other_key, why=str(error))
            return False


class _Opened:
    """A kept file, its header read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        meta = read_file_meta(file.read(MAX_META))
        assert meta is not None  # it has a file meta of ours
        header = read_header(file, meta.data_set_offset, file.seek(0, 2), meta.transfer_syntax_uid)
        self.transfer_syntax_uid = meta.transfer_syntax_uid
        self.number_of_frames = header.number_of_frames
        self._frame_table = header.frame_table
        file.seek(0)
        try:
            self.dataset = dcmread(file, stop_before_pixels=True)
            self.content = _content(self.dataset)
        except Exception as error:  # pydicom raises what it likes on what it cannot read
            raise Undecodable("the header cannot be read") from error

    def frame(self, number: int) -> bytes:
        table = self.frame_table
        start, stop = table.range_of(number)
        self._file.seek(start)
        return table.bytes_of(number, self._file.read(stop - start))

    @property
    def frame_table(self) -> FrameTable:
        if self._frame_table is None:
            raise Undecodable("it is not known where each frame lies")
        return self._frame_table


def _is_same(one: _Opened, other: _Opened) -> bool:
    if one.content != other.content or one.number_of_frames != other.number_of_frames:
        return False
    return all(_is_same_frame(one, other, number) for number in range(1, one.number_of_frames + 1))


def _is_same_frame(one: _Opened, other: _Opened, number: int) -> bool:
    samples, colours = [], []
    for opened in (one, other):
        description, data = pixel_description(opened.dataset), opened.frame(number)
        samples.append(decode_frame(description, data, opened.transfer_syntax_uid))
        colours.append(colour_space_of(description, data, opened.transfer_syntax_uid))
    return colours[0] == colours[1] and np.array_equal(samples[0], samples[1])


def _content(ds: Dataset) -> Content:
    """The values as bytes, so that no decoding of text hides a difference, whatever VR the encoding names."""
    return tuple(
        (tag, _value(ds, tag))
        for tag in sorted(ds.keys())
        if tag.group != PIXEL_DATA_GROUP and tag.element != 0 and tag not in ENCODING and tag != PADDING
    )


def _value(ds: Dataset, tag: int) -> Any:
    element = ds.get_item(tag)
    if isinstance(element, RawDataElement) and not _is_sequence(element):
        return (element.value or b"").rstrip(b" \0")
    value = ds[tag].value
    return tuple(_content(item) for item in value) if ds[tag].VR == "SQ" else value


def _is_sequence(element: RawDataElement) -> bool:
    """Implicit VR and UN do not say: the dictionary does."""
    if element.VR not in (None, "UN"):
        return element.VR == "SQ"
    return dictionary_has_tag(element.tag) and dictionary_VR(element.tag) == "SQ"
