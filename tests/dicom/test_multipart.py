"""multipart/related: what is written can be read, and what is abused is refused."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicom.multipart import (
    MAX_OUTSIDE,
    MAX_PARTS,
    MultipartReader,
    Part,
    PartBegins,
    PartEnds,
    content_length,
    content_type,
    new_boundary,
    write,
)
from pacs.errors import InvalidInstance, UnsupportedContent

RELATED = 'multipart/related; type="application/dicom"; boundary=b'


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(declared: str, data: bytes, size: int = 1 << 16) -> list[tuple[dict[str, str], bytes]]:
    """The parts, fed in pieces of a size."""
    reader = MultipartReader(declared)
    parts: list[tuple[dict[str, str], bytes]] = []
    is_open = False
    for piece in pieces(data, size):
        for event in reader.feed(piece):
            match event:
                case PartBegins(headers):
                    assert not is_open
                    is_open = True
                    parts.append((dict(headers), b""))
                case PartEnds():
                    assert is_open
                    is_open = False
                case _:
                    assert is_open
                    parts[-1] = parts[-1][0], parts[-1][1] + event
    reader.finish()
    assert not is_open
    return parts


@settings(max_examples=60, deadline=None)
@given(
    bodies=st.lists(
        st.binary(max_size=40) | st.sampled_from([b"\r\n--", b"\r\n--bou", b"\r\n--boundar--", b"\r\n--boundaryx"])
    ),
    size=st.integers(1, 90),
)
def test_what_is_written_is_read_however_it_is_cut(bodies: list[bytes], size: int) -> None:
    parts = [Part("application/dicom", [body], len(body)) for body in bodies]

    data = b"".join(write(parts, "boundary"))

    assert content_length(parts, "boundary") == len(data)
    assert [body for _, body in read(content_type("application/dicom", "boundary"), data, size)] == bodies


def test_headers_come_with_the_part() -> None:
    boundary = new_boundary()
    part = Part("image/jp2; transfer-syntax=1.2", [b"abc"], 3, "/studies/1/frames/1")

    [(headers, body)] = read(content_type("image/jp2", boundary), b"".join(write([part], boundary)))

    assert headers == {
        "content-type": "image/jp2; transfer-syntax=1.2",
        "content-length": "3",
        "content-location": "/studies/1/frames/1",
    }
    assert body == b"abc"


def test_bodies_are_taken_as_they_come_and_not_copied() -> None:
    taken: list[bytes] = []

    def body() -> Iterator[bytes]:
        for _ in range(3):
            taken.append(bytes(1000))
            yield taken[-1]

    written = write([Part("application/dicom", body())], "b")

    assert next(written).endswith(b"\r\n\r\n")
    assert not taken
    assert next(written) is taken[0]
    assert len(taken) == 1
    assert content_length([Part("application/dicom", [])], "b") is None


@pytest.mark.parametrize(
    ("data", "bodies"),
    [
        (b"--b\r\n\r\nabc\r\n--b--", [b"abc"]),
        (b"preamble\r\n--b\r\nA: 1\r\n\r\nabc\r\n--b--\r\nepilogue", [b"abc"]),
        (b"\r\n--b \t\r\n\r\nabc\r\n--b\r\n\r\ndef\r\n--b--\r\n", [b"abc", b"def"]),
        (b"--b\r\nA: 1\r\n\r\n--b\r\nB: 2\r\n\r\n\r\n--b--", [b"", b""]),
        (b"--b\r\n\r\n\r\n--bc\r\n--b-\r\n\r\n--b--", [b"\r\n--bc\r\n--b-\r\n"]),
        (b"--b--", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_every_form_of_boundary_is_read(data: bytes, bodies: list[bytes], size: int) -> None:
    assert [body for _, body in read(RELATED, data, size)] == bodies


def test_a_boundary_may_be_quoted_and_a_header_folded() -> None:
    [(headers, _)] = read(
        'multipart/related; boundary="a b"; type=x/y', b"--a b\r\nContent-Type: x/y;\r\n  z=1\r\n\r\n\r\n--a b--"
    )

    assert headers == {"content-type": "x/y;  z=1"}


@pytest.mark.parametrize(
    "declared",
    [
        "",
        "application/dicom",
        "multipart/form-data; boundary=b",
        "multipart/related",
        f"multipart/related; boundary={'b' * 201}",
    ],
)
def test_other_content_is_not_supported(declared: str) -> None:
    with pytest.raises(UnsupportedContent):
        MultipartReader(declared)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"--b\r\n\r\nabc", "cut off"),
        (b"--b\r\n\r\nabc\r\n--b\r\n", "cut off"),
        (b"no boundary at all", "cut off"),
        (b"--b\r\nnonsense\r\n\r\nabc\r\n--b--", "is no header"),
        (b"--b\r\nA: " + b"x" * 20_000 + b"\r\n\r\nabc\r\n--b--", "headers of a part"),
        (b"--b\r\nA: " + b"x" * 100_000, "headers of a part"),
        (b"x" * 2 * MAX_OUTSIDE, "outside of the parts"),
        (b"--b--" + b"x" * 2 * MAX_OUTSIDE, "outside of the parts"),
        (b"--b\r\n\r\n" + b"\r\n--b\r\n\r\n" * MAX_PARTS, "parts"),
    ],
)
def test_what_is_broken_or_abused_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInstance, match=why):
        read(RELATED, data)


def test_a_body_is_not_held() -> None:
    reader = MultipartReader(RELATED)
    list(reader.feed(b"--b\r\n\r\n"))

    for _ in range(10):
        pieces = [piece for piece in reader.feed(bytes(1 << 20)) if isinstance(piece, bytes)]
        assert sum(map(len, pieces)) >= (1 << 20) - 10
