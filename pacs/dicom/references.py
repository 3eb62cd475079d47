"""SOP instances named in sequences: what Storage Commitment and Instance Availability Notification say of them."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

from pacs.dicom.part10 import IMPLICIT_LITTLE_ENDIAN, LONG_VRS, SHORT_VRS
from pacs.dicom.walk import check_data_set
from pacs.errors import InvalidInstance, OutOfResources

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The push model's SOP class, and the one instance of it that everybody knows (PS3.4 J.3.5)."""
INSTANCE_AVAILABILITY_NOTIFICATION = "1.2.840.10008.5.1.4.33"

MOST_REFERENCES = 100_000
"""Instances in one request or report."""
MOST_BYTES = 32 << 20
"""Of a data set that names so many."""

RETRIEVE_AE_TITLE = 0x00080054
INSTANCE_AVAILABILITY = 0x00080056
REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE = 0x00081111
REFERENCED_SERIES_SEQUENCE = 0x00081115
REFERENCED_SOP_CLASS_UID = 0x00081150
REFERENCED_SOP_INSTANCE_UID = 0x00081155
TRANSACTION_UID = 0x00081195
FAILURE_REASON = 0x00081197
FAILED_SOP_SEQUENCE = 0x00081198
REFERENCED_SOP_SEQUENCE = 0x00081199
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
WANTED = frozenset(
    (
        REFERENCED_SOP_CLASS_UID,
        REFERENCED_SOP_INSTANCE_UID,
        TRANSACTION_UID,
        FAILURE_REASON,
        FAILED_SOP_SEQUENCE,
        REFERENCED_SOP_SEQUENCE,
    )
)


class Reference(NamedTuple):
    """One SOP instance, by name."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What is to be kept for good: the action information of PS3.4 Table J.3-1."""

    transaction_uid: str
    references: tuple[Reference, ...]
    """Each once."""


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What became of a request: the event information of PS3.4 Table J.3-2."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: Mapping[Reference, int]
    """With the Failure Reason of each (PS3.3 C.14.1.1)."""


def parse_request(data: bytes, transfer_syntax_uid: str) -> CommitmentRequest:
    """Raises InvalidInstance for what is no request, OutOfResources for one of too many references."""
    elements = _parse(data, transfer_syntax_uid)
    references = tuple(dict.fromkeys(_reference(item) for item in _items(elements, REFERENCED_SOP_SEQUENCE)))
    if not references:
        raise InvalidInstance("no instance is referenced")
    return CommitmentRequest(_uid(elements, TRANSACTION_UID), references)


def encode_request(request: CommitmentRequest, transfer_syntax_uid: str) -> bytes:
    """The data set, in Implicit or Explicit VR Little Endian."""
    element = _writer(transfer_syntax_uid)
    return element(TRANSACTION_UID, b"UI", _padded(request.transaction_uid)) + _sequence(
        element, REFERENCED_SOP_SEQUENCE, (_encode_reference(element, one) for one in request.references)
    )


def parse_report(data: bytes, transfer_syntax_uid: str) -> CommitmentReport:
    """Raises InvalidInstance for what is no report, OutOfResources for one of too many references."""
    elements = _parse(data, transfer_syntax_uid)
    failed = {_reference(item): _reason(item) for item in _items(elements, FAILED_SOP_SEQUENCE)}
    committed = dict.fromkeys(_reference(item) for item in _items(elements, REFERENCED_SOP_SEQUENCE))
    return CommitmentReport(
        _uid(elements, TRANSACTION_UID), tuple(one for one in committed if one not in failed), failed
    )


def encode_report(report: CommitmentReport, retrieve_ae_title: str, transfer_syntax_uid: str) -> bytes:
    """The data set, in Implicit or Explicit VR Little Endian; each sequence only where it has items."""
    element = _writer(transfer_syntax_uid)
    data = element(RETRIEVE_AE_TITLE, b"AE", _padded(retrieve_ae_title, b" "))
    data += element(TRANSACTION_UID, b"UI", _padded(report.transaction_uid))
    if report.failed:
        items = (
            _encode_reference(element, one) + element(FAILURE_REASON, b"US", struct.pack("<H", reason))
            for one, reason in report.failed.items()
        )
        data += _sequence(element, FAILED_SOP_SEQUENCE, items)
    if report.committed:
        items = (_encode_reference(element, one) for one in report.committed)
        data += _sequence(element, REFERENCED_SOP_SEQUENCE, items)
    return data


def encode_availability(
    study_instance_uid: str,
    series: Mapping[str, Sequence[Reference]],
    retrieve_ae_title: str,
    transfer_syntax_uid: str,
) -> bytes:
    """That these instances of a study can be had at once (PS3.4 Table R.3.2-1). series: by Series Instance UID.

    The sequence of performed procedure steps is empty, and attributes of no table are forbidden there.
    """
    element = _writer(transfer_syntax_uid)
    where = element(RETRIEVE_AE_TITLE, b"AE", _padded(retrieve_ae_title, b" "))
    where += element(INSTANCE_AVAILABILITY, b"CS", b"ONLINE")
    items = (
        _sequence(
            element,
            REFERENCED_SOP_SEQUENCE,
            (where + _encode_reference(element, reference) for reference in references),
        )
        + element(SERIES_INSTANCE_UID, b"UI", _padded(series_instance_uid))
        for series_instance_uid, references in series.items()
    )
    return (
        _sequence(element, REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, ())
        + _sequence(element, REFERENCED_SERIES_SEQUENCE, items)
        + element(STUDY_INSTANCE_UID, b"UI", _padded(study_instance_uid))
    )


Elements = dict[int, "bytes | list[Elements]"]
"""The values of a data set by tag: of those that are wanted."""


def _parse(data: bytes, transfer_syntax_uid: str) -> Elements:
    check_data_set(BytesIO(data), len(data), transfer_syntax_uid)  # every length that is trusted below is right
    elements, _ = _Parser(data).elements(0, len(data))
    return elements


class _Parser:
    """Reads a data set in little endian that `check_data_set` has passed, and so is nested no deeper than that allows.

    A request may name 100,000 instances, and its answer is to come at once: a general parser takes seconds.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def elements(self, position: int, end: int) -> tuple[Elements, int]:
        """From there to the end, or to an item's delimiter; and where that was."""
        data, found = self._data, Elements()
        while position < end:
            group, number, vr, length = _HEAD(data, position)
            tag = group << 16 | number
            position += 8
            if vr in LONG_VRS:
                (length,) = _LENGTH(data, position)
                position += 4
            elif vr not in SHORT_VRS:  # implicit, or a delimiter
                (length,) = _LENGTH(data, position - 4)
            if tag == ITEM_END:
                break
            if length == UNDEFINED or (tag in WANTED and tag in _SEQUENCES):
                items, position = self._items(position, end if length == UNDEFINED else position + length)
                found[tag] = items
                continue
            if tag in WANTED:
                found[tag] = data[position : position + length]
            position += length
        return found, position

    def _items(self, position: int, end: int) -> tuple[list[Elements], int]:
        items = []
        while position < end:
            group, number, length = _ITEM(self._data, position)
            position += 8
            if group << 16 | number == SEQUENCE_END:
                break
            item, position = self.elements(position, end if length == UNDEFINED else position + length)
            items.append(item)
            if len(items) > MOST_REFERENCES:
                raise OutOfResources(f"more than {MOST_REFERENCES} instances")
        return items, position


_HEAD = struct.Struct("<HH2sH").unpack_from
_ITEM = struct.Struct("<HHL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_SEQUENCES = frozenset((FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE))


def _items(elements: Elements, tag: int) -> list[Elements]:
    value = elements.get(tag, [])
    return value if isinstance(value, list) else []


def _reference(item: Elements) -> Reference:
    return Reference(_uid(item, REFERENCED_SOP_CLASS_UID), _uid(item, REFERENCED_SOP_INSTANCE_UID))


def _uid(elements: Elements, tag: int) -> str:
    value = elements.get(tag, b"")
    uid = value.decode("ascii", "replace").strip(" \0") if isinstance(value, bytes) else ""
    if not 1 <= len(uid) <= 64:
        raise InvalidInstance(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing, or no UID")
    return uid


def _reason(item: Elements) -> int:
    value = item.get(FAILURE_REASON, b"")
    if not isinstance(value, bytes) or len(value) < 2:
        raise InvalidInstance("a Failure Reason is missing")
    return int.from_bytes(value[:2], "little")


class _Writer:
    """Data elements in little endian, with or without their VR."""

    def __init__(self, *, implicit: bool) -> None:
        self._implicit = implicit

    def __call__(self, tag: int, vr: bytes, value: bytes) -> bytes:
        group, number = tag >> 16, tag & 0xFFFF
        if self._implicit:
            return struct.pack("<HHL", group, number, len(value)) + value
        if vr in LONG_VRS:
            return struct.pack("<HH2sxxL", group, number, vr, len(value)) + value
        return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def _writer(transfer_syntax_uid: str) -> _Writer:
    return _Writer(implicit=transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN)


def _encode_reference(element: _Writer, reference: Reference) -> bytes:
    return element(REFERENCED_SOP_CLASS_UID, b"UI", _padded(reference.sop_class_uid)) + element(
        REFERENCED_SOP_INSTANCE_UID, b"UI", _padded(reference.sop_instance_uid)
    )


def _sequence(element: _Writer, tag: int, items: Iterable[bytes]) -> bytes:
    return element(tag, b"SQ", b"".join([struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in items]))


def _padded(text: str, pad: bytes = b"\0") -> bytes:
    value = text.encode("ascii", "replace")
    return value + pad * (len(value) % 2)
