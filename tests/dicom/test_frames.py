"""Frames by their byte ranges, against pydicom's own decapsulation."""

import io
import os
import struct
import tracemalloc
import warnings
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from pacs.dicom.frames import FrameTable, encapsulated_frames
from pacs.dicom.header import Header, read_header
from pacs.dicom.part10 import read_file_meta
from pacs.errors import InvalidInstance, NotFound
from tests.conftest import manifest
from tests.make import make_ct, part10

JPEG, JPEG2000 = b"\xff\xd8\xff\xe0", b"\xff\x4f\xff\x51"


def header_of(data: bytes) -> Header:
    meta = read_file_meta(data)
    assert meta is not None
    return read_header(io.BytesIO(data), meta.data_set_offset, len(data), meta.transfer_syntax_uid)


def table_of(data: bytes) -> FrameTable:
    """The table of a Part 10 file, as it comes back out of the index."""
    table = header_of(data).frame_table
    assert table is not None
    kept = FrameTable.from_bytes(table.to_bytes())
    assert kept == table
    return kept


def frames_of(data: bytes) -> list[bytes]:
    """Each frame by one ranged read."""
    table = table_of(data)
    ranges = (table.range_of(number) for number in range(1, table.count + 1))
    return [table.bytes_of(number, data[start:stop]) for number, (start, stop) in enumerate(ranges, start=1)]


def item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def encapsulated(frames: list[list[bytes]], offset_table: list[int] | None = None, **attributes: Any) -> bytes:
    """A Part 10 file whose frames are fragments; the offset table is empty unless it is given."""
    fragments = [fragment for frame in frames for fragment in frame]
    table = struct.pack(f"<{len(offset_table or [])}I", *(offset_table or []))
    keywords: dict[str, Any] = {"transfer_syntax_uid": JPEGBaseline8Bit, "NumberOfFrames": len(frames), **attributes}
    ds = make_ct(PixelData=b"".join(map(item, [table, *fragments])), **keywords)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return part10(ds).getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_frames_follow_each_other(syntax: str) -> None:
    pixels = np.arange(3 * 4 * 5, dtype="<i2" if syntax == ExplicitVRLittleEndian else ">i2")

    data = part10(make_ct(4, 5, syntax, NumberOfFrames=3, PixelData=pixels.tobytes())).getvalue()

    assert frames_of(data) == [frame.tobytes() for frame in pixels.reshape(3, 4, 5)]
    assert len(table_of(data).to_bytes()) < 32


@pytest.mark.parametrize(
    ("rows", "columns", "count"), [(3, 3, 5), (1, 1, 9), (8, 8, 2), (5, 7, 1), (2, 4, 3), (17, 3, 8)]
)
def test_frames_of_single_bits_begin_at_the_first_byte(rows: int, columns: int, count: int) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (count, rows * columns), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()

    data = part10(make_ct(rows, columns, BitsAllocated=1, NumberOfFrames=count, PixelData=packed)).getvalue()

    assert frames_of(data) == [np.packbits(frame, bitorder="little").tobytes() for frame in bits]


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(st.binary(min_size=30, max_size=60), min_size=1, max_size=6),
    fragments_per_frame=st.integers(1, 3),
    form=st.sampled_from(["none", "basic", "extended"]),
)
def test_encapsulated_frames_are_as_pydicom_decapsulates_them(
    frames: list[bytes], fragments_per_frame: int, form: str
) -> None:
    frames = [JPEG + frame + b"\0" * (len(frame) % 2) for frame in frames]
    attributes: dict[str, Any] = {}
    if form == "extended":
        value, offsets, lengths = encapsulate_extended(frames)
        attributes = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    else:
        value = encapsulate(frames, fragments_per_frame, has_bot=form == "basic")
    ds = make_ct(transfer_syntax_uid=JPEGBaseline8Bit, NumberOfFrames=len(frames), PixelData=value, **attributes)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    data = part10(ds).getvalue()

    assert frames_of(data) == frames
    if form == "basic" or len(frames) == 1:  # without a table pydicom goes by how a fragment ends
        assert frames == list(generate_frames(value, number_of_frames=len(frames)))
    assert header_of(data).number_of_frames == len(frames)


@pytest.mark.parametrize(
    "offset_table",
    [
        None,
        [0, 28],  # right
        [0, 14],  # the second fragment, which does not begin a frame
        [0, 30],  # no fragment at all
        [0, 4_000_000_000],
        [28, 0],
        [0, 0],
        [0],
        [0, 14, 28],
        [14, 28],
    ],
)
def test_a_wrong_offset_table_gives_no_wrong_frame(offset_table: list[int] | None) -> None:
    first, second = [JPEG + b"ab", b"cdef"], [JPEG + b"gh", b"ijkl"]
    first[1], second[1] = first[1] + b"\0\0", second[1] + b"\0\0"

    data = encapsulated([first, second], offset_table)

    assert frames_of(data) == [b"".join(first), b"".join(second)]


@pytest.mark.parametrize(
    ("frames", "syntax", "expected"),
    [
        ([[JPEG + b"a\0"]], JPEGBaseline8Bit, [JPEG + b"a\0"]),
        ([[b"ab", b"cd", b"ef"]], RLELossless, [b"abcdef"]),
        ([[b"ab"], [b""], [b"ef"]], RLELossless, [b"ab", b"", b"ef"]),
        ([[JPEG2000 + b"ab", b"cd"], [JPEG2000 + b"ef"]], JPEG2000Lossless, [JPEG2000 + b"abcd", JPEG2000 + b"ef"]),
    ],
)
def test_frames_are_told_by_their_fragments(frames: list[list[bytes]], syntax: str, expected: list[bytes]) -> None:
    assert frames_of(encapsulated(frames, transfer_syntax_uid=syntax)) == expected


@pytest.mark.parametrize(
    ("frames", "attributes"),
    [
        ([[b"ab", b"cd"], [b"ef"]], {}),
        ([[JPEG], [JPEG]], {"NumberOfFrames": 5}),
        ([[JPEG + b"ab", b"cd"], [JPEG]], {"NumberOfFrames": 1000, "transfer_syntax_uid": "1.2.840.10008.1.2.4.102"}),
        ([], {}),
    ],
    ids=["nothing begins a frame", "frames are missing", "a video", "no fragment"],
)
def test_where_frames_cannot_be_told_there_is_no_table(frames: list[list[bytes]], attributes: dict[str, Any]) -> None:
    header = header_of(encapsulated(frames, **attributes))

    assert header.frame_table is None
    assert header.number_of_frames >= 1


@pytest.mark.parametrize(
    ("offset_table", "expected"),
    [([0, 20], [b"abcd", b"ef"]), ([0, 10], [b"ab", b"cdef"]), ([0, 12], None), ([0, 30], None), ([10, 20], None)],
)
def test_where_no_frame_shows_its_beginning_the_offset_table_tells(
    offset_table: list[int], expected: list[bytes] | None
) -> None:
    data = encapsulated([[b"ab", b"cd"], [b"ef"]], offset_table, transfer_syntax_uid=RLELossless)

    if expected is None:
        assert header_of(data).frame_table is None
    else:
        assert frames_of(data) == expected


@pytest.mark.parametrize("number", [0, -1, 4])
def test_there_is_no_other_frame(number: int) -> None:
    with pytest.raises(NotFound, match="the instance has 3"):
        FrameTable(0, 3, 100, 64).range_of(number)


def test_a_fragment_that_is_not_where_the_table_has_it_is_noticed() -> None:
    data = encapsulated([[JPEG + b"ab", b"cd"], [JPEG + b"ef", b"gh"]])
    table = table_of(data)
    start, stop = table.range_of(1)

    for damaged in (data[start + 1 : stop + 1], data[start : stop - 1], b""[:0] + data[start : start + 5]):
        with pytest.raises(InvalidInstance, match="not where"):
            table.bytes_of(1, damaged)


def test_a_hundred_thousand_fragments_cost_their_offsets() -> None:
    positions = array("Q", range(0, 100_001 * 500, 500))

    tracemalloc.start()
    table = encapsulated_frames(lambda position, size: b"", (0, 0), positions, 100_000, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert table is not None
    assert table.range_of(100_000) == (1000 + 99_999 * 500 + 8, 1000 + 100_000 * 500)
    assert len(table.to_bytes()) < 100_000 * 4 + 100
    assert peak < 12 << 20


def test_frames_beyond_four_gigabytes_have_their_place() -> None:
    positions = array("Q", (100, 100 + (3 << 30), 100 + (6 << 30)))

    table = encapsulated_frames(lambda position, size: b"", (0, 0), positions, 2, 0)

    assert table is not None
    assert FrameTable.from_bytes(table.to_bytes()).range_of(2) == (108 + (3 << 30), 100 + (6 << 30))


def test_the_frames_of_the_corpus_are_as_pydicom_decapsulates_them(corpus: Path) -> None:
    compared = 0
    different = []
    for row in manifest(path="syntax/") + manifest(path="modality/") + manifest(path="photometric/"):
        if not row["expected"].startswith("stores+renders") or int(row["bytes"]) > 4_000_000:
            continue
        data = (corpus / row["path"]).read_bytes()
        with warnings.catch_warnings(action="ignore"):
            ds = pydicom.dcmread(io.BytesIO(data))
            count = int(ds.get("NumberOfFrames") or 1)
            if "PixelData" not in ds or not ds.file_meta.TransferSyntaxUID.is_encapsulated:
                continue
            try:
                theirs = list(generate_frames(ds.PixelData, number_of_frames=count))
            except ValueError:
                continue
        compared += 1
        if frames_of(data) != theirs:
            different.append(row["path"])

    assert different == []
    assert compared > 60


def test_a_table_is_of_the_file_and_not_of_the_data_set(tmp_path: Path) -> None:
    path = tmp_path / "ct.dcm"
    path.write_bytes(part10(make_ct()).getvalue())

    with path.open("rb") as file:
        meta = read_file_meta(file.read(1 << 16))
        assert meta is not None
        table = read_header(
            file, meta.data_set_offset, os.fstat(file.fileno()).st_size, meta.transfer_syntax_uid
        ).frame_table
        assert table is not None
        start, stop = table.range_of(1)
        file.seek(start)
        assert file.read(stop - start) == make_ct().PixelData
