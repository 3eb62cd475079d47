"""Media types: what a client accepts, and which of our forms that is (PS3.18 8.7, RFC 9110 12.5.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.errors import NotAcceptable

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTET_STREAM = "application/octet-stream"
MULTIPART = "multipart/related"
ZIP = "application/zip"

DEFAULT_TRANSFER_SYNTAX: Mapping[str, str] = {DICOM: EXPLICIT_LITTLE_ENDIAN, OCTET_STREAM: EXPLICIT_LITTLE_ENDIAN}
"""What a media type means without `transfer-syntax` (PS3.18 8.7.3.3). An image type without it takes what there is."""

ALIASES: Mapping[str, str] = {
    "application/json": DICOM_JSON,
    "image/x-dicom-rle": "image/dicom-rle",
    "image/x-jls": "image/jls",
    "image/jpg": "image/jpeg",
}
"""Older and common names (PS3.18 8.7.3.3.2 note)."""

_COMPRESSED = "1.2.840.10008.1.2.4."
FRAME_MEDIA_TYPE: Mapping[str, str] = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **{f"{_COMPRESSED}{number}": "image/jpeg" for number in (50, 51, 57, 70)},
    **{f"{_COMPRESSED}{number}": "image/jls" for number in (80, 81)},
    **{f"{_COMPRESSED}{number}": "image/jp2" for number in (90, 91)},
    **{f"{_COMPRESSED}{number}": "image/jpx" for number in (92, 93)},
    **{f"{_COMPRESSED}{number}": "image/jxl" for number in (110, 111, 112)},
    **{f"{_COMPRESSED}{number}": "image/jphc" for number in (201, 202, 203)},
    **{f"{_COMPRESSED}{number}": "video/mpeg" for number in (100, 101, "100.1", "101.1")},
    **{f"{_COMPRESSED}{n}{more}": "video/mp4" for n in range(102, 107) for more in ("", ".1")},
    **{f"{_COMPRESSED}{number}": "video/H265" for number in (107, 108)},
}
"""The media type of a compressed frame, by transfer syntax (PS3.18 Tables 8.7.3-4 to 8.7.3-6)."""

_ELEMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))')
_TYPE = re.compile(r"[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type, or a range of them."""

    name: str
    """`type/subtype` in lower case, by its present name."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """By names in lower case."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A form in which we can give something."""

    media_type: str
    """Of the body, or of each part of a multipart one."""
    transfer_syntax_uid: str = ""
    """Empty where the media type knows of none: JSON, rendered images."""
    is_multipart: bool = False


def parse_media_type(text: str) -> MediaType | None:
    """A Content-Type, or an element of Accept; None when it is none."""
    name = text.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(name):
        return None
    parameters = {
        key.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain.strip() for key, quoted, plain in _PARAMETER.findall(text)
    }
    return MediaType(ALIASES.get(name, name), parameters)


def choose(accept: str, offers: Sequence[Offer], query: str = "") -> Offer:
    """The offer that the client likes best; among equals the first one.

    accept: the header; query: the `accept` parameter, which goes before it (PS3.18 8.7.5). Nothing at all, and `*/*`,
    take the first offer. Raises NotAcceptable when none is acceptable.
    """
    query = query.replace("dicom json", "dicom+json")  # a plus that was not escaped in the URL
    ranges = _ranges(query) or _ranges(accept)
    if not ranges and not (query or accept).strip():
        return offers[0]
    best = max(offers, key=lambda offer: _quality(offer, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptable(f"none of what is accepted can be given: {', '.join(map(_described, offers))}")
    return best


def frame_media_type(transfer_syntax_uid: str) -> str:
    """The media type of one frame as it is stored in a transfer syntax."""
    return FRAME_MEDIA_TYPE.get(transfer_syntax_uid, OCTET_STREAM)


def _ranges(accept: str) -> list[MediaType]:
    found = map(parse_media_type, _ELEMENT.findall(accept))
    return [one for one in found if one is not None]


def _quality(offer: Offer, ranges: Sequence[MediaType]) -> float:
    """Of the most specific range that the offer is in (RFC 9110 12.5.1); 0 when it is in none."""
    fitting = [(_specificity(one), _q(one)) for one in ranges if _is_in(offer, one)]
    return max(fitting)[1] if fitting else 0.0


def _is_in(offer: Offer, wanted: MediaType) -> bool:
    if wanted.name == "*/*":
        return True
    if not offer.is_multipart:
        return _is_type(offer.media_type, wanted.name) and _is_syntax(offer, wanted)
    if not _is_type(MULTIPART, wanted.name):
        return False
    of_part = parse_media_type(wanted.parameters.get("type", "*/*"))
    return of_part is not None and _is_type(offer.media_type, of_part.name) and _is_syntax(offer, wanted)


def _is_type(name: str, wanted: str) -> bool:
    name = name.lower()
    return wanted in (name, "*/*") or (wanted.endswith("/*") and name.startswith(wanted[:-1]))


def _is_syntax(offer: Offer, wanted: MediaType) -> bool:
    syntax = wanted.parameters.get("transfer-syntax") or DEFAULT_TRANSFER_SYNTAX.get(offer.media_type, "*")
    return not offer.transfer_syntax_uid or syntax in ("*", offer.transfer_syntax_uid)


def _specificity(wanted: MediaType) -> tuple[int, int]:
    wildcards = wanted.name.count("*")
    return -wildcards, sum(wanted.parameters.get(name, "*") != "*" for name in ("type", "transfer-syntax"))


def _q(wanted: MediaType) -> float:
    text = wanted.parameters.get("q", "1")
    return float(text) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text) else 0.0


def _described(offer: Offer) -> str:
    syntax = f"; transfer-syntax={offer.transfer_syntax_uid}" if offer.transfer_syntax_uid else ""
    if offer.is_multipart:
        return f'{MULTIPART}; type="{offer.media_type}"{syntax}'
    return f"{offer.media_type}{syntax}"
