"""Data sets rewritten with corrections: nothing else changes, in any file that is kept."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs.dicom.coerce import Correction, coerced
from pacs.dicom.header import read_header
from pacs.dicom.part10 import DEFLATED, file_meta, read_file_meta
from pacs.dicom.transcode import encoding_of
from pacs.errors import InvalidInstance, NotAcceptable
from tests.conftest import manifest
from tests.make import data_set_bytes, make_ct

NAME = "NGUYỄN^THỊ ÁNH ĐÀO"
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
RENAMED = Correction("PatientName", NAME, "CORRECT", "an", AT)
CHANGED = {0x00080005, 0x00100010, 0x04000561}
MOST_READ_BACK = 8 << 20


def in_pieces(data: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


# Real files have values that are no good, and pydicom says so.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_real_file_keeps_all_but_what_is_corrected(corpus: Path) -> None:
    failed, tried = [], 0
    for row in manifest():
        data = (corpus / row["path"]).read_bytes()
        try:
            meta = read_file_meta(data)
            if meta is None or meta.transfer_syntax_uid in DEFLATED or len(data) > MOST_READ_BACK:
                continue
            read_header(io.BytesIO(data), meta.data_set_offset, len(data), meta.transfer_syntax_uid)
        except InvalidInstance:
            continue
        tried += 1
        syntax = meta.transfer_syntax_uid
        try:
            given = b"".join(coerced(in_pieces(data[meta.data_set_offset :]), encoding_of(syntax), [RENAMED]))
        except NotAcceptable as error:
            failed.append((row["path"], str(error)))
            continue
        head = file_meta("1.2", "1.2", syntax)
        was = pydicom.dcmread(io.BytesIO(head + data[meta.data_set_offset :]))
        now = pydicom.dcmread(io.BytesIO(head + given))
        assert now.PatientName == NAME, row["path"]
        assert differing(was, now) == [], row["path"]
    assert tried > 500
    assert len(failed) < 5, failed


def differing(was: Dataset, now: Dataset) -> list[str]:
    """What differs and should not."""
    return [
        str(tag)
        for tag in sorted({*was.keys(), *now.keys()} - CHANGED)
        if tag.element and tag.group != 0x7FE0 and not is_equal(was.get(tag), now.get(tag))
    ]


def is_equal(one: DataElement | None, other: DataElement | None) -> bool:
    if one is None or other is None:
        return False
    return len(one.value) == len(other.value) if one.VR == "SQ" else bool(one.value == other.value)


def test_what_is_right_already_is_given_as_it_came() -> None:
    data = data_set_bytes(make_ct(PatientName=NAME))

    pieces = list(coerced(in_pieces(data, 100), encoding_of(ExplicitVRLittleEndian), [RENAMED]))

    assert b"".join(pieces) == data


def test_memory_is_that_of_the_header() -> None:
    data = data_set_bytes(make_ct(rows=512, columns=512))
    taken = []

    def chunks() -> Iterator[bytes]:
        for chunk in in_pieces(data):
            taken.append(chunk)
            yield chunk

    pieces = coerced(chunks(), encoding_of(ExplicitVRLittleEndian), [RENAMED])
    first = next(pieces)

    assert len(taken) == 1
    assert len(first) < 4096
    assert len(list(pieces)) == len(list(in_pieces(data)))
