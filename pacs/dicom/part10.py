"""A DICOM file's head: preamble and file meta, and the transfer syntaxes and forms of elements (PS3.10 7, PS3.5)."""

import re
import struct
from dataclasses import dataclass

from pacs.errors import InvalidInstance

IMPLEMENTATION_CLASS_UID = "1.2.826.0.1.3680043.10.1557.1"
IMPLEMENTATION_VERSION_NAME = "FILMLESS"
"""No release number: equal data sets give equal files, whichever release of ours received them."""

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_PRIVATE = "1.2.840.113619.5.2"
"""Implicit VR Little Endian, but for its Pixel Data, which is big endian."""

IMPLICIT = frozenset((IMPLICIT_LITTLE_ENDIAN, GE_PRIVATE))
DEFLATED = frozenset((DEFLATED_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
NATIVE = frozenset((*IMPLICIT, EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN))
"""Every other transfer syntax is explicit little endian, its pixel data encapsulated (PS3.5 A)."""


MAX_META = 1 << 16
"""Bytes of preamble and file meta."""

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
"""Their explicit length has 4 bytes (PS3.5 Table 7.1-1)."""
_SHORT = b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
SHORT_VRS = frozenset(_SHORT.split())

UID = re.compile(r"(?=.{1,72}\Z)[0-9]+(?:\.[0-9]+)*|[0-9a-f]{64}")
"""Of 64 digits and dots at most (PS3.5 9.1). Real files have more, and they are somebody's images: generators that
append to a UID that is full already, and SHA-256 sums by which de-identification replaced them."""


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a Part 10 file says before its data set."""

    data_set_offset: int
    """Bytes from the start of the file."""
    transfer_syntax_uid: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    """Media Storage SOP Class and Instance UID; empty where the file does not say."""


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, `DICM` and file meta: what stands before the data set. The same for the same UIDs, always."""
    elements = (
        _meta_element(0x0001, b"OB\0\0\x02\0\0\0", b"\0\x01"),
        _meta_uid(0x0002, sop_class_uid),
        _meta_uid(0x0003, sop_instance_uid),
        _meta_uid(0x0010, transfer_syntax_uid),
        _meta_uid(0x0012, IMPLEMENTATION_CLASS_UID),
        _meta_element(0x0013, struct.pack("<2sH", b"SH", 8), IMPLEMENTATION_VERSION_NAME.encode()),
    )
    group = b"".join(elements)
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def read_file_meta(head: bytes) -> FileMeta | None:
    """The file meta at the head of a Part 10 stream; None: more bytes are needed (at its end: it is cut off).

    What machines write is taken: no preamble, no or a wrong group length, implicit VR, and a bare data set in one of
    the uncompressed transfer syntaxes, which is recognised by its first element. Raises InvalidInstance.
    """
    if len(head) < 132:
        return None
    position = 132 if head[128:132] == b"DICM" else 4 if head[:4] == b"DICM" else 0
    uids: dict[int, str] = {}
    while head[position : position + 2] == b"\2\0":
        number, header, length = _meta_header(head, position)
        value = position + header
        position = value + length
        if position > MAX_META:
            raise InvalidInstance("the file meta information has no end")
        if number in (0x0002, 0x0003, 0x0010):
            uids[number] = _uid_text(head[value:position])
    if position + 8 > len(head):
        return None
    if position == 0:
        return FileMeta(0, _guessed_transfer_syntax(head))
    if not UID.fullmatch(uids.get(0x0010, "")):
        raise InvalidInstance("the file meta information has no Transfer Syntax UID")
    return FileMeta(position, uids[0x0010], uids.get(0x0002, ""), uids.get(0x0003, ""))


def _meta_element(number: int, vr_and_length: bytes, value: bytes) -> bytes:
    return struct.pack("<HH", 2, number) + vr_and_length + value


def _meta_uid(number: int, uid: str) -> bytes:
    value = uid.encode("ascii") + b"\0" * (len(uid) % 2)
    return _meta_element(number, struct.pack("<2sH", b"UI", len(value)), value)


def _meta_header(head: bytes, position: int) -> tuple[int, int, int]:
    """Number, bytes of the header and bytes of the value of a file meta element; past the end when it is cut off."""
    if position + 12 > len(head):
        return 0, 12, 0
    _, number, vr, length = struct.unpack_from("<HH2sH", head, position)
    if vr in LONG_VRS:
        return number, 12, int.from_bytes(head[position + 8 : position + 12], "little")
    if vr not in SHORT_VRS:
        return number, 8, int.from_bytes(head[position + 4 : position + 8], "little")
    return number, 8, length


def _guessed_transfer_syntax(head: bytes) -> str:
    """Of a bare data set, by the form of its first element, which must be of group 0008."""
    if head[:2] == b"\0\x08" and head[4:6] in SHORT_VRS:
        return EXPLICIT_BIG_ENDIAN
    if head[:2] == b"\x08\0":
        return EXPLICIT_LITTLE_ENDIAN if head[4:6] in SHORT_VRS | LONG_VRS else IMPLICIT_LITTLE_ENDIAN
    raise InvalidInstance("this is no DICOM file")


def _uid_text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")
