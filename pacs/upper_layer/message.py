"""DIMSE command sets: the elements of group 0000, always in Implicit VR Little Endian (PS3.7 6.3.1, Annex E)."""

import struct
from dataclasses import dataclass, fields

from pacs.upper_layer.errors import Violation

C_STORE_RQ, C_GET_RQ, C_FIND_RQ, C_MOVE_RQ, C_ECHO_RQ = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030
C_CANCEL_RQ = 0x0FFF
N_EVENT_REPORT_RQ, N_GET_RQ, N_SET_RQ, N_ACTION_RQ, N_CREATE_RQ, N_DELETE_RQ = (
    0x0100,
    0x0110,
    0x0120,
    0x0130,
    0x0140,
    0x0150,
)
RESPONSE = 0x8000
"""Added to the command field of a request gives that of its response."""

NO_DATA_SET = 0x0101
WITH_DATA_SET = 0x0001
"""Command Data Set Type: anything but 0x0101 announces a data set (PS3.7 E.1)."""
MEDIUM = 0x0000
"""Priority."""

ELEMENT = struct.Struct("<HHL")
US = struct.Struct("<H")

ELEMENTS: dict[int, tuple[str, str]] = {  # PS3.7 Table E.1-1: VR, and the field of Command
    0x0002: ("UI", "affected_sop_class_uid"),
    0x0003: ("UI", "requested_sop_class_uid"),
    0x0100: ("US", "command_field"),
    0x0110: ("US", "message_id"),
    0x0120: ("US", "message_id_being_responded_to"),
    0x0600: ("AE", "move_destination"),
    0x0700: ("US", "priority"),
    0x0800: ("US", "command_data_set_type"),
    0x0900: ("US", "status"),
    0x0901: ("AT", "offending_element"),
    0x0902: ("LO", "error_comment"),
    0x1000: ("UI", "affected_sop_instance_uid"),
    0x1001: ("UI", "requested_sop_instance_uid"),
    0x1002: ("US", "event_type_id"),
    0x1008: ("US", "action_type_id"),
    0x1020: ("US", "number_of_remaining_suboperations"),
    0x1021: ("US", "number_of_completed_suboperations"),
    0x1022: ("US", "number_of_failed_suboperations"),
    0x1023: ("US", "number_of_warning_suboperations"),
    0x1030: ("AE", "move_originator_application_entity_title"),
    0x1031: ("US", "move_originator_message_id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command set. None: the element is absent."""

    command_field: int
    message_id: int | None = None
    message_id_being_responded_to: int | None = None
    affected_sop_class_uid: str | None = None
    requested_sop_class_uid: str | None = None
    affected_sop_instance_uid: str | None = None
    requested_sop_instance_uid: str | None = None
    event_type_id: int | None = None
    action_type_id: int | None = None
    priority: int | None = None
    command_data_set_type: int = NO_DATA_SET
    status: int | None = None
    offending_element: int | None = None
    """A tag."""
    error_comment: str | None = None
    """At most 64 characters."""
    move_destination: str | None = None
    move_originator_application_entity_title: str | None = None
    move_originator_message_id: int | None = None
    number_of_remaining_suboperations: int | None = None
    number_of_completed_suboperations: int | None = None
    number_of_failed_suboperations: int | None = None
    number_of_warning_suboperations: int | None = None

    @property
    def has_data_set(self) -> bool:
        return self.command_data_set_type != NO_DATA_SET


def encode_command(command: Command) -> bytes:
    """The command set with its group length, elements in the order of their tags."""
    elements = []
    for element, (vr, name) in ELEMENTS.items():
        value = getattr(command, name)
        if value is not None:
            encoded = _encode(value, vr)
            elements += [ELEMENT.pack(0, element, len(encoded)), encoded]
    body = b"".join(elements)
    return ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def parse_command(data: bytes) -> Command:
    """The command set. Raises Violation when it is none. Elements that no service of ours uses are passed over."""
    values: dict[str, int | str | None] = {}
    start = 0
    while start < len(data):
        if len(data) - start < ELEMENT.size:
            raise Violation("the command set is cut short")
        group, element, length = ELEMENT.unpack_from(data, start)
        start += ELEMENT.size
        if group != 0 or length > len(data) - start:
            raise Violation("the command set is malformed")
        if element in ELEMENTS:
            vr, name = ELEMENTS[element]
            values[name] = _decode(data[start : start + length], vr)
        start += length
    if not {name for name, value in values.items() if value is not None} >= REQUIRED:
        raise Violation("the command set lacks its command field or data set type")
    return Command(**values)  # type: ignore[arg-type]  # each field has the type that its VR decodes to


REQUIRED = {"command_field", "command_data_set_type"}
assert {name for _, name in ELEMENTS.values()} == {field.name for field in fields(Command)}


def _encode(value: int | str, vr: str) -> bytes:
    if isinstance(value, int):
        return struct.pack("<HH", value >> 16, value & 0xFFFF) if vr == "AT" else US.pack(value)
    encoded = value.encode("ascii", "replace")
    return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) % 2)


def _decode(value: bytes, vr: str) -> int | str | None:
    if not value:
        return None
    if vr == "US":
        if len(value) < US.size:
            raise Violation("a number of the command set is cut short")
        return int(US.unpack_from(value)[0])
    if vr == "AT":
        if len(value) < 4:
            return None
        group, element = struct.unpack_from("<HH", value)
        return int(group << 16 | element)
    return value.decode("ascii", "replace").strip(" \0")
