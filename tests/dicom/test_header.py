"""The header reader: what it reads, what it refuses, and how little it takes to do so."""

import io
import json
import os
import struct
import time
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pacs.dicom.attributes import BY_PATH, READ_FROM_INSTANCE, Attribute
from pacs.dicom.header import Header, read_header
from pacs.dicom.part10 import read_file_meta
from pacs.dicom.walk import MAX_ELEMENTS, MAX_ITEMS, MAX_VALUE, WINDOW, check_data_set, inflated
from pacs.errors import InvalidInstance
from tests.conftest import CORPUS, manifest
from tests.make import data_set_bytes, make_ct, make_uid, part10

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


def header_of(data: bytes, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Header:
    """The header of a bare data set."""
    return read_header(io.BytesIO(data), 0, len(data), transfer_syntax_uid)


def header_of_file(path: Path) -> Header:
    """The header of a Part 10 file, as ingest reads it."""
    with path.open("rb") as file:
        meta = read_file_meta(file.read(1 << 16))
        if meta is None:
            raise InvalidInstance("the file is cut off")
        return read_header(file, meta.data_set_offset, os.fstat(file.fileno()).st_size, meta.transfer_syntax_uid)


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in Explicit VR Little Endian, with another length than it has where that is the point."""
    length = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content) if length is None else length) + content


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
OPEN = 0xFFFFFFFF

UIDS = (
    element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.66")
    + element(0x00080018, b"UI", b"1.2.3.4\0")
    + element(0x0020000D, b"UI", b"1.2\0")
    + element(0x0020000E, b"UI", b"1.2.3\0")
)
"""The least that is an instance: Raw Data with its UIDs."""


class Recorded(io.BytesIO):
    """A file that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "the whole rest of the file is never asked for"
        self.reads.append((self.tell(), size))
        return super().read(size)


@pytest.mark.parametrize("syntax", NATIVE)
def test_every_indexed_attribute_is_read(syntax: str) -> None:
    request = Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "SPS1", "RP1"
    ds = make_ct(
        transfer_syntax_uid=syntax,
        RequestAttributesSequence=[request, Dataset()],
        ImageType=["ORIGINAL", "PRIMARY"],
        OperatorsName="Phạm^An\\Lê^Bình",
        PatientComments="a\\b\r\nc  ",
        PatientWeight="61.5",
    )

    values = header_of(data_set_bytes(ds), syntax).values

    assert values.keys() == {attribute.column for attribute in READ_FROM_INSTANCE}
    assert values["patient_name"] == "NGUYỄN^THỊ ÁNH ĐÀO"
    assert values["study_description"] == "CT NGỰC"
    assert values["image_type"] == "ORIGINAL\\PRIMARY"
    assert values["operators_name"] == "Phạm^An\\Lê^Bình"
    assert values["patient_comments"] == "a\\b\r\nc"
    assert values["request_attributes_sequence"] == (
        '[{"ScheduledProcedureStepID":"SPS1","RequestedProcedureID":"RP1"}]'
    )
    assert values["patient_weight"] == "61.5"
    assert (values["rows"], values["columns"], values["bits_allocated"]) == (8, 8, 16)
    assert (values["series_number"], values["instance_number"]) == (1, 1)
    assert values["number_of_frames"] is None
    assert values["institution_name"] == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"7 ", 7),
        (b"+7", 7),
        (b"-12 ", -12),
        (b"", None),
        (b"1A", None),
        (b"9" * 19, None),
        (b"1\\2 ", 1),
        (b"1.5 ", None),
    ],
)
def test_an_integer_is_a_number_that_a_column_can_hold_or_nothing(value: bytes, expected: int | None) -> None:
    data = UIDS + element(0x00200013, b"IS", value)

    assert header_of(data).values["instance_number"] == expected


def test_no_nul_comes_out() -> None:
    data = UIDS + element(0x00100020, b"LO", b"12\x0034\0\0")

    assert header_of(data).values["patient_id"] == "1234"


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("vr", [b"SQ", b"UN"])
def test_sequences_are_passed_through_whatever_their_length_and_vr(is_open: bool, vr: bytes) -> None:
    implicit = struct.pack("<HHI", 0x0008, 0x0100, 2) + b"T1"
    inside = element(0x00080100, b"SH", b"T1") if vr == b"SQ" else implicit
    content = item(inside + ITEM_END, OPEN) + SEQUENCE_END if is_open else item(inside) + item(b"")
    data = (
        UIDS
        + element(0x00321064, vr, content, OPEN if is_open else None)
        + element(0x00211001, b"SQ", item(b"") + SEQUENCE_END, OPEN)
        + element(
            0x00400275, b"SQ", item(element(0x00401001, b"SH", b"RP1 ")) + item(element(0x00401001, b"SH", b"RP2 "))
        )
        + element(0xFFFCFFFC, b"OB", bytes(10))
    )

    assert header_of(data).values["request_attributes_sequence"] == (
        '[{"RequestedProcedureID":"RP1"},{"RequestedProcedureID":"RP2"}]'
    )


def test_an_item_may_have_a_character_set_of_its_own() -> None:
    request = element(0x00080005, b"CS", b"ISO_IR 144") + element(0x00401001, b"SH", b"\xbb\xee")
    data = element(0x00080005, b"CS", b"ISO_IR 100") + UIDS + element(0x00100020, b"LO", b"\xe9t\xe9 ")
    data += element(0x00400275, b"SQ", item(request))

    values = header_of(data).values

    assert values["request_attributes_sequence"] == '[{"RequestedProcedureID":"Лю"}]'
    assert values["patient_id"] == "été"


def test_utf8_that_is_called_latin_1_is_read_as_what_it_is() -> None:
    name = "NGUYỄN^THỊ ÁNH ĐÀO".encode()
    data = element(0x00080005, b"CS", b"ISO_IR 100") + UIDS + element(0x00100010, b"PN", name + b" " * (len(name) % 2))

    assert header_of(data).values["patient_name"] == "NGUYỄN^THỊ ÁNH ĐÀO"


@pytest.mark.parametrize(
    ("actual", "said"),
    [(ImplicitVRLittleEndian, ExplicitVRLittleEndian), (ExplicitVRLittleEndian, ImplicitVRLittleEndian)],
)
def test_a_data_set_is_read_by_what_it_is_and_not_by_what_it_is_called(actual: str, said: str) -> None:
    data = data_set_bytes(make_ct(transfer_syntax_uid=actual))

    assert header_of(data, said).values["patient_id"] == "0004123456"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        *((keyword, None) for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")),
        ("StudyInstanceUID", ""),
        ("SOPClassUID", "1.2.840.10008.1.3.10"),
    ],
)
def test_an_instance_lacks_none_of_its_uids_and_is_no_dicomdir(keyword: str, value: str | None) -> None:
    attributes: dict[str, Any] = {keyword: value}
    with pytest.raises(InvalidInstance, match=r"UID is missing|DICOMDIR"):
        header_of(data_set_bytes(make_ct(**attributes)))


@pytest.mark.parametrize(
    "uid", [b"1.2.x", b"1..2", b".1.2", b"1.2.", b"../../etc", b"1.2 3", b"1\\2", b"1.2.-3", b"1" * 74, b"\xc3\xa9"]
)
def test_a_uid_that_is_none_is_refused(uid: bytes) -> None:
    data = UIDS[: UIDS.index(b"\x08\0\x18\0")] + element(0x00080018, b"UI", uid) + UIDS[UIDS.index(b"\x20\0\x0d\0") :]

    with pytest.raises(InvalidInstance, match="SOP Instance UID is no UID"):
        header_of(data)


def test_an_attribute_that_occurs_twice_must_say_the_same() -> None:
    same = UIDS + element(0x00100020, b"LO", b"1 ") * 2
    other = UIDS + element(0x00100020, b"LO", b"1 ") + element(0x00100020, b"LO", b"2 ")

    assert header_of(same).values["patient_id"] == "1"
    with pytest.raises(InvalidInstance, match="occurs twice"):
        header_of(other)


@pytest.mark.parametrize(
    "broken",
    [
        element(0x00100020, b"LO", b"1 ", 0xFFFE),
        element(0x00091001, b"OB", b"1 ", 0xFFFFFFFE),
        element(0x00091001, b"OB", b"1 ", OPEN),
        element(0x00091001, b"UT", b"1 ", OPEN),
        element(0x00091001, b"OB", b"1 ", 3),
        element(0x00091001, b"OB", b"1 ", 1),
        element(0x00321064, b"SQ", item(b""), 7),
        element(0x00321064, b"SQ", item(b""), 9),
        element(0x00321064, b"SQ", item(b""), OPEN),
        element(0x00321064, b"SQ", item(b"", 8)),
        element(0x00321064, b"SQ", item(b"", OPEN)),
        element(0x00321064, b"SQ", item(element(0x00080100, b"SH", b"T1", 200))),
        element(0x00321064, b"SQ", element(0x00080100, b"SH", b"T1")),
        element(0x00321064, b"SQ", b"abc"),
        ITEM_END,
        SEQUENCE_END,
        item(b""),
        b"\0",
        bytes(7),
        element(0x7FE00010, b"OB", item(b"") + item(b"abcd"), OPEN),
        element(0x7FE00010, b"OB", item(b"") + item(b"abcd", 400) + SEQUENCE_END, OPEN),
        element(0x7FE00010, b"OB", item(b"") + item(b"abcd", OPEN) + SEQUENCE_END, OPEN),
        element(0x7FE00010, b"OB", b"abcdefgh", OPEN),
    ],
    ids=range(23),
)
def test_a_length_that_is_a_lie_is_refused(broken: bytes) -> None:
    with pytest.raises(InvalidInstance):
        header_of(UIDS + broken, JPEGBaseline8Bit)


def test_a_file_cut_off_anywhere_is_refused() -> None:
    ds = make_ct(rows=4, columns=4)
    ds.ProcedureCodeSequence = Sequence([Dataset()])
    ds.ProcedureCodeSequence[0].CodeValue = "T1"
    ds["ProcedureCodeSequence"].is_undefined_length = True
    whole = data_set_bytes(ds)
    header_of(whole)

    boundaries = {position for group in (b"\x20\0", b"\x28\0", b"\xe0\x7f") for position in find_all(whole, group)}
    for size in range(len(whole)):
        try:
            header = header_of(whole[:size])
        except InvalidInstance:
            continue
        # All that stands before an element behind the last UID is an instance too, if one without an image.
        assert size in boundaries
        assert header.frame_table is None


def find_all(data: bytes, wanted: bytes) -> Iterator[int]:
    position = data.find(wanted)
    while position >= 0:
        yield position
        position = data.find(wanted, position + 1)


def test_nesting_has_a_limit_and_no_depth_is_recursed_into() -> None:
    def nested(depth: int) -> bytes:
        start = element(0x00321064, b"SQ", b"", OPEN) + item(b"", OPEN)
        return UIDS + start * depth + (ITEM_END + SEQUENCE_END) * depth

    header_of(nested(64))
    for depth in (65, 300, 50_000):
        with pytest.raises(InvalidInstance, match="nested deeper"):
            header_of(nested(depth))


@pytest.mark.parametrize(
    "many",
    [
        element(0x00091001, b"LO", b"") * 1_000_000,
        element(0x00321064, b"SQ", item(b"") * 1_000_000),
        element(0x00321064, b"SQ", (item(b"", OPEN) + ITEM_END) * 500_000 + SEQUENCE_END, OPEN),
    ],
    ids=["elements", "items", "open items"],
)
def test_a_million_tiny_things_are_refused_at_once(many: bytes) -> None:
    started = time.process_time()

    with pytest.raises(InvalidInstance, match=f"more than {MAX_ELEMENTS}"):
        header_of(UIDS + many)

    assert time.process_time() - started < 2


def test_the_limit_of_elements_is_where_it_is_said_to_be() -> None:
    tiny = element(0x00091001, b"LO", b"")

    header_of(UIDS + tiny * (MAX_ELEMENTS - 4))
    with pytest.raises(InvalidInstance, match="more than"):
        header_of(UIDS + tiny * (MAX_ELEMENTS - 3))


@pytest.mark.parametrize("before_the_edge", range(34))
def test_an_element_may_lie_across_the_windows(before_the_edge: int) -> None:
    filler = bytes(WINDOW - len(UIDS) - 12 - before_the_edge)
    content = item(element(0x00401001, b"SH", b"RP"), OPEN) + ITEM_END + SEQUENCE_END
    data = UIDS + element(0x00091001, b"UN", filler) + element(0x00400275, b"SQ", content, OPEN)
    data += element(0x00401400, b"LT", b"x") + element(0x7FE00010, b"OW", bytes(4))

    assert header_of(data).values["request_attributes_sequence"] == '[{"RequestedProcedureID":"RP"}]'


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_byte_makes_it_crash_or_read_more_than_it_needs(data: st.DataObject) -> None:
    whole = bytearray(data_set_bytes(make_ct(rows=4, columns=4, SOPInstanceUID="1.2.3")))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(whole) - 4))
        whole[position : position + 4] = data.draw(
            st.sampled_from(
                [b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\xfe\xff\0\xe0", b"SQ\0\0", b"UN\0\0", b"\0\0\0\x7f"]
            )
            | st.binary(min_size=4, max_size=4)
        )
    file = Recorded(bytes(whole))
    syntax = data.draw(st.sampled_from([*NATIVE, JPEGBaseline8Bit, DeflatedExplicitVRLittleEndian]))

    try:
        read_header(file, 0, len(whole), syntax)
    except InvalidInstance as error:
        assert str(error)

    assert all(size <= max(WINDOW, MAX_VALUE) for _, size in file.reads)
    assert len(file.reads) < 200


def test_the_pixels_are_never_touched() -> None:
    whole = data_set_bytes(make_ct(rows=512, columns=512))
    start = len(whole) - 512 * 512 * 2
    file = Recorded(whole)

    read_header(file, 0, len(whole), ExplicitVRLittleEndian)

    assert max(position + size for position, size in file.reads) <= WINDOW
    assert start < WINDOW


def test_a_large_private_value_is_passed_over() -> None:
    data = UIDS[:34] + element(0x00091001, b"OB", bytes(1 << 20)) + UIDS[34:]
    file = Recorded(data)

    read_header(file, 0, len(data), ExplicitVRLittleEndian)

    assert sum(size for _, size in file.reads) <= 3 * WINDOW


def test_an_indexed_value_has_a_limit() -> None:
    with pytest.raises(InvalidInstance, match="bytes long"):
        header_of(struct.pack("<HHI", 0x10, 0x4000, MAX_VALUE + 2) + bytes(MAX_VALUE + 2), ImplicitVRLittleEndian)


@pytest.mark.parametrize(
    ("attributes", "length", "is_whole"),
    [
        ({}, 128, True),
        ({}, 126, False),
        ({}, 130, True),  # some pad to more than the even length, and what is too much is no one's pixel
        ({"NumberOfFrames": 2}, 128, False),
        ({"NumberOfFrames": 2}, 256, True),
        ({"NumberOfFrames": 0}, 128, True),
        ({"Rows": 3, "Columns": 3, "BitsAllocated": 8}, 10, True),
        ({"Rows": 65535, "Columns": 65535, "NumberOfFrames": 2147483647}, 128, False),
        ({"BitsAllocated": 1}, 8, True),
        ({"BitsAllocated": 1, "Rows": 3, "Columns": 3, "NumberOfFrames": 3}, 4, True),
        ({"BitsAllocated": 1, "Rows": 3, "Columns": 3, "NumberOfFrames": 3}, 2, False),
        ({"SamplesPerPixel": 3, "BitsAllocated": 8, "PhotometricInterpretation": "YBR_FULL_422"}, 128, True),
        ({"SamplesPerPixel": 3, "BitsAllocated": 8, "PhotometricInterpretation": "YBR_FULL"}, 128, False),
    ],
)
def test_native_pixels_are_as_many_as_they_should_be(attributes: dict[str, Any], length: int, is_whole: bool) -> None:
    data = data_set_bytes(make_ct(**attributes, PixelData=bytes(length)))

    if is_whole:
        header_of(data)
    else:
        with pytest.raises(InvalidInstance, match="should be"):
            header_of(data)


def test_without_a_description_the_pixels_have_no_frames() -> None:
    header = header_of(data_set_bytes(make_ct(Rows=None)))

    assert header.frame_table is None
    assert header.number_of_frames == 1


def test_encapsulated_pixels_do_not_hide_in_an_uncompressed_syntax() -> None:
    data = UIDS + element(0x7FE00010, b"OB", item(b"") + item(b"abcd") + SEQUENCE_END, OPEN)

    assert header_of(data, JPEGBaseline8Bit).frame_table is not None
    with pytest.raises(InvalidInstance, match="is encapsulated"):
        header_of(data, ExplicitVRLittleEndian)


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_a_deflated_data_set_is_read_and_can_be_inflated(padding: bytes) -> None:
    plain = data_set_bytes(make_ct(rows=300, columns=300))
    deflated = deflate(plain) + padding

    header = header_of(deflated, DeflatedExplicitVRLittleEndian)

    assert header.values["patient_name"] == "NGUYỄN^THỊ ÁNH ĐÀO"
    assert header.number_of_frames == 1
    assert header.frame_table is None
    assert b"".join(inflated(io.BytesIO(b"head" + deflated), 4, 4 + len(deflated))) == plain


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (deflate(UIDS)[:-3], "cut off"),
        (deflate(UIDS + b"\0"), "cut off"),
        (b"\xff" * 200, "cannot be inflated"),
        (deflate(UIDS) + bytes(100), "follow the end"),
    ],
)
def test_a_deflated_data_set_that_is_broken_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInstance, match=why):
        header_of(data, DeflatedExplicitVRLittleEndian)


def test_a_deflated_bomb_is_refused() -> None:
    bomb = deflate(UIDS + element(0x7FE00010, b"OB", bytes(300 << 20)))
    assert len(bomb) < 1 << 20
    started = time.process_time()

    with pytest.raises(InvalidInstance, match="becomes more than"):
        header_of(bomb, DeflatedExplicitVRLittleEndian)

    assert time.process_time() - started < 8


def test_an_identifier_is_checked_before_others_read_it() -> None:
    check_data_set(io.BytesIO(UIDS), len(UIDS), ExplicitVRLittleEndian)
    with pytest.raises(InvalidInstance):
        check_data_set(io.BytesIO(UIDS), len(UIDS) - 1, ExplicitVRLittleEndian)


def test_the_corpus_is_stored_and_refused_as_its_manifest_expects(corpus: Path) -> None:
    wrong = []
    for row in manifest():
        started = time.process_time()
        try:
            header_of_file(corpus / row["path"])
            outcome = "stores"
        except InvalidInstance as error:
            assert str(error)
            outcome = "refuses"
        is_fast = time.process_time() - started < 2
        expected = row["expected"]
        is_free = expected == "no crash" or "or refuses" in expected
        if not is_fast or not (is_free or outcome in expected):
            wrong.append((row["path"], expected, outcome))

    assert wrong == []


def test_the_corpus_is_read_as_pydicom_reads_it(corpus: Path) -> None:
    different = []
    for row in manifest():
        if "fuzz" in row["path"] or not row["expected"].startswith("stores"):
            continue
        try:
            header = header_of_file(corpus / row["path"])
        except InvalidInstance:
            continue
        with warnings.catch_warnings(action="ignore"):
            ds = pydicom.dcmread(corpus / row["path"], force=True, stop_before_pixels=True)
            different += [
                (row["path"], attribute.path, theirs, header.values[attribute.column])
                for attribute in READ_FROM_INSTANCE
                if (theirs := value_of(ds, attribute)) != without_last_groups(header.values[attribute.column])
            ]

    assert different == []


def value_of(ds: Dataset, attribute: Attribute) -> str | int | None:
    """As pydicom reads it, in the form of the index."""
    if attribute.members:
        items = [_members(item, attribute) for item in (ds.get(attribute.keyword) or [])[:MAX_ITEMS]]
        kept = [item for item in items if item]
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else ""
    value = ds.get(attribute.keyword)
    if attribute.is_integer:
        first = str(value[0] if isinstance(value, MultiValue) else value)
        return int(first) if first.lstrip("-").isdigit() else None
    if value is None:
        return ""
    values = value if isinstance(value, MultiValue) else [value]
    texts = [raw_text(one) for one in values]
    return unicodedata.normalize("NFC", "\\".join(text.rstrip(" ") for text in texts))


def _members(item: Dataset, sequence: Attribute) -> dict[str, str]:
    """In the order of their tags."""
    members = sorted((BY_PATH[f"{sequence.keyword}.{one}"] for one in sequence.members), key=lambda one: one.tag)
    values = {member.keyword: str(value_of(item, member)) for member in members}
    return {keyword: value for keyword, value in values.items() if value}


def without_last_groups(value: str | int | None) -> str | int | None:
    """A name's last groups, when they are empty, are no groups to pydicom."""
    return value.rstrip("=") if isinstance(value, str) else value


def raw_text(value: object) -> str:
    """Numbers as they were written, for which pydicom's names keep bytes."""
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)


@pytest.mark.skipif(not (CORPUS / "MANIFEST.csv").exists(), reason=f"no corpus at {CORPUS} (PACS_CORPUS)")
def test_a_file_may_be_any_file(tmp_path: Path) -> None:
    data = part10(make_ct(StudyInstanceUID=make_uid(7))).getvalue()
    path = tmp_path / "ct.dcm"
    path.write_bytes(data)
    meta = read_file_meta(data)
    assert meta is not None

    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        headers = [
            read_header(file, meta.data_set_offset, len(data), meta.transfer_syntax_uid)
            for file in (buffered, raw, io.BytesIO(data))
        ]

    assert headers[0] == headers[1] == headers[2]
    assert headers[0].frame_table is not None
    assert headers[0].frame_table.range_of(1) == (len(data) - 128, len(data))
