"""The file meta: always the same, and read whatever machines make of it."""

import io

import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.dicom.header import read_header
from pacs.dicom.part10 import file_meta, read_file_meta
from pacs.errors import InvalidInstance
from tests.make import data_set_bytes, make_ct, part10

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


def test_file_meta_is_read_by_pydicom_and_by_us_and_is_always_the_same() -> None:
    meta = file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", ExplicitVRLittleEndian)

    file = meta + data_set_bytes(make_ct(SOPInstanceUID="1.2.3.4"))
    ds = pydicom.dcmread(io.BytesIO(file))
    found = read_file_meta(file)

    assert meta == file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", ExplicitVRLittleEndian)
    assert meta[:128] == bytes(128)
    assert ds.file_meta.FileMetaInformationGroupLength == len(meta) - 144
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert ds.SOPInstanceUID == "1.2.3.4"
    assert found is not None
    assert found.data_set_offset == len(meta)
    assert found.transfer_syntax_uid == ExplicitVRLittleEndian
    assert (found.sop_class_uid, found.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")


def test_more_bytes_are_asked_for_until_the_meta_is_whole() -> None:
    whole = part10(make_ct()).getvalue()
    expected = read_file_meta(whole)
    assert expected is not None

    for size in range(expected.data_set_offset + 20):
        found = read_file_meta(whole[:size])
        assert found == (expected if size >= expected.data_set_offset + 8 else None)


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_data_set_without_preamble_and_meta_is_recognised(syntax: str) -> None:
    data = data_set_bytes(make_ct(transfer_syntax_uid=syntax))

    meta = read_file_meta(data)

    assert meta is not None
    assert (meta.data_set_offset, meta.transfer_syntax_uid) == (0, syntax)
    assert read_header(io.BytesIO(data), 0, len(data), meta.transfer_syntax_uid).values["patient_id"] == "0004123456"


@pytest.mark.parametrize(
    "head", [bytes(4096), b"%PDF-1.7" * 100, b"\x7fELF" * 100, bytes(128) + b"DICM" + bytes(2000), b"PK\3\4" * 200]
)
def test_what_is_no_dicom_file_is_refused(head: bytes) -> None:
    with pytest.raises(InvalidInstance):
        read_file_meta(head)
