"""What a client accepts, against what we can give."""

import pytest

from pacs.dicom.media import DICOM, DICOM_JSON, OCTET_STREAM, Offer, choose, frame_media_type, parse_media_type
from pacs.errors import NotAcceptable

EXPLICIT, J2K, JPEG, RLE = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.5",
)
STORED = Offer(DICOM, J2K, is_multipart=True)
PLAIN = Offer(DICOM, EXPLICIT, is_multipart=True)
SINGLE = Offer(DICOM, EXPLICIT)
FRAME_J2K = Offer("image/jp2", J2K, is_multipart=True)
FRAME_PLAIN = Offer(OCTET_STREAM, EXPLICIT, is_multipart=True)
RENDERED_JPEG, RENDERED_PNG = Offer("image/jpeg"), Offer("image/png")
JSON = Offer(DICOM_JSON)


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        ("", (STORED, PLAIN), STORED),
        ("*/*", (STORED, PLAIN), STORED),
        ('multipart/related; type="application/dicom"', (STORED, PLAIN), PLAIN),
        ("multipart/related; type=application/dicom", (STORED, PLAIN), PLAIN),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', (STORED, PLAIN), STORED),
        (f'Multipart/Related; TYPE="application/dicom"; Transfer-Syntax="{J2K}"', (STORED, PLAIN), STORED),
        (f"multipart/related; type=application/dicom; transfer-syntax={EXPLICIT}", (STORED, PLAIN), PLAIN),
        ("multipart/related", (STORED, PLAIN), PLAIN),
        ("application/dicom", (STORED, PLAIN, SINGLE), SINGLE),
        ("application/*", (PLAIN, SINGLE), SINGLE),
        ("multipart/*;q=0.1, application/dicom;q=0.9", (PLAIN, SINGLE), SINGLE),
        ('multipart/related; type="image/jp2"', (FRAME_J2K, FRAME_PLAIN), FRAME_J2K),
        ('multipart/related; type="application/octet-stream"', (FRAME_J2K, FRAME_PLAIN), FRAME_PLAIN),
        (
            "multipart/related; type=application/octet-stream; q=0.5, multipart/related; type=image/jp2",
            (FRAME_PLAIN, FRAME_J2K),
            FRAME_J2K,
        ),
        ("image/png, image/jpeg;q=0.9", (RENDERED_JPEG, RENDERED_PNG), RENDERED_PNG),
        ("image/*", (RENDERED_JPEG, RENDERED_PNG), RENDERED_JPEG),
        ("image/jpeg;q=0, image/*", (RENDERED_JPEG, RENDERED_PNG), RENDERED_PNG),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", (JSON,), JSON),
        ("application/json", (JSON,), JSON),
        ("application/dicom+json; charset=utf-8", (JSON,), JSON),
        ('nonsense, "also, nonsense", application/dicom+json', (JSON,), JSON),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str, offers: tuple[Offer, ...], expected: Offer) -> None:
    assert choose(accept, offers) == expected


@pytest.mark.parametrize(
    ("accept", "offers"),
    [
        ("image/gif", (RENDERED_JPEG,)),
        ("application/dicom+xml", (JSON,)),
        ('multipart/related; type="application/dicom"', (STORED,)),
        (f"multipart/related; type=application/dicom; transfer-syntax={JPEG}", (STORED, PLAIN)),
        ("application/dicom", (PLAIN,)),
        ("multipart/related; type=image/jpeg", (FRAME_PLAIN,)),
        ("*/*;q=0", (JSON,)),
        ("nonsense", (JSON,)),
        ("image/jpeg;q=high", (RENDERED_JPEG,)),
    ],
)
def test_what_is_not_accepted_is_refused(accept: str, offers: tuple[Offer, ...]) -> None:
    with pytest.raises(NotAcceptable, match="can be given"):
        choose(accept, offers)


def test_the_query_parameter_goes_before_the_header() -> None:
    assert choose("image/jpeg", (RENDERED_JPEG, RENDERED_PNG), query="image/png") == RENDERED_PNG
    assert choose("text/html", (JSON,), query="application/dicom json") == JSON


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("Image/JPEG", "image/jpeg", {}),
        ("image/x-dicom-rle", "image/dicom-rle", {}),
        ('a/b; x="q;\\"u\\", o"; Y=z', "a/b", {"x": 'q;"u", o', "y": "z"}),
        ("multipart/related; boundary=abc ; type=application/dicom", "multipart/related", {"boundary": "abc"}),
    ],
)
def test_a_media_type_has_a_name_and_parameters(text: str, name: str, parameters: dict[str, str]) -> None:
    parsed = parse_media_type(text)

    assert parsed is not None
    assert parsed.name == name
    assert parameters.items() <= parsed.parameters.items()


def test_each_frame_has_a_media_type() -> None:
    assert frame_media_type(RLE) == "image/dicom-rle"
    assert frame_media_type("1.2.840.10008.1.2.4.102") == "video/mp4"
    assert frame_media_type(EXPLICIT) == OCTET_STREAM
