"""A sender that changes no byte: dcmtk and pynetdicom decode what they send, and write it again their way."""

import io
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pacs.dicom.header import read_header
from pacs.dicom.part10 import MAX_META, FileMeta, read_file_meta
from pacs.errors import InvalidInstance
from pacs.upper_layer.association import Association, associate, request_of
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import C_GET_RQ, C_STORE_RQ, RESPONSE, WITH_DATA_SET, Command
from pacs.upper_layer.pdu import Roles

STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
EXPLICIT = "1.2.840.10008.1.2.1"
MOST = 1 << 30


def open_association(
    port: int, abstract_syntax: str, transfer_syntax: str, *more: str, roles: dict[str, Roles] | None = None
) -> Association:
    """An association with one context, and further ones in Explicit VR Little Endian."""
    syntaxes = [(abstract_syntax, [transfer_syntax]), *((syntax, [EXPLICIT]) for syntax in more)]
    return associate(("127.0.0.1", port), request_of("TEST", "PACS", syntaxes, roles))


def meta_of(path: Path) -> tuple[FileMeta, bytes] | None:
    """The file meta and the data set's bytes; None when the file has no file meta that says what it holds.

    As a sender does, SOP Class and Instance UID are taken from the data set where they can be: some files' meta lies.
    """
    data = path.read_bytes()
    try:
        meta = read_file_meta(data[: MAX_META + 8])
    except InvalidInstance:
        return None
    if meta is None or not (meta.sop_class_uid and meta.sop_instance_uid and meta.transfer_syntax_uid):
        return None
    with suppress(InvalidInstance):
        header = read_header(io.BytesIO(data), meta.data_set_offset, len(data), meta.transfer_syntax_uid)
        meta = replace(meta, sop_class_uid=header.sop_class_uid, sop_instance_uid=header.sop_instance_uid)
    return meta, data[meta.data_set_offset :]


def store(port: int, meta: FileMeta, data_set: bytes) -> int | None:
    """The status of a C-STORE; None when the peer would not even talk of it."""
    return store_pieces(port, meta, [data_set])


def store_pieces(port: int, meta: FileMeta, data_set: Iterable[bytes]) -> int | None:
    """The same for a data set that is never whole in memory."""
    try:
        with open_association(port, meta.sop_class_uid, meta.transfer_syntax_uid) as association:
            if not association.contexts:
                return None
            context = next(iter(association.contexts.values()))
            command = Command(
                command_field=C_STORE_RQ,
                message_id=1,
                affected_sop_class_uid=meta.sop_class_uid,
                affected_sop_instance_uid=meta.sop_instance_uid,
                priority=0,
                command_data_set_type=WITH_DATA_SET,
            )
            association.send(context, command, data_set)
            status = association.response().status
            association.release()
            return status
    except AssociationError:
        return None


def get(port: int, meta: FileMeta, study_instance_uid: str, series_instance_uid: str) -> bytes:
    """The data set of one instance by C-GET, in its own transfer syntax."""
    roles = {meta.sop_class_uid: Roles(scu=False, scp=True)}
    syntaxes = (meta.sop_class_uid, meta.transfer_syntax_uid, STUDY_ROOT_GET)
    with open_association(port, *syntaxes, roles=roles) as association:
        of_get = next(c for c in association.contexts.values() if c.abstract_syntax == STUDY_ROOT_GET)
        identifier = (
            _element(0x0008, 0x0018, b"UI", meta.sop_instance_uid)
            + _element(0x0008, 0x0052, b"CS", "IMAGE")
            + _element(0x0020, 0x000D, b"UI", study_instance_uid)
            + _element(0x0020, 0x000E, b"UI", series_instance_uid)
        )
        command = Command(
            command_field=C_GET_RQ,
            message_id=1,
            affected_sop_class_uid=STUDY_ROOT_GET,
            priority=0,
            command_data_set_type=WITH_DATA_SET,
        )
        association.send(of_get, command, [identifier])
        found = _receive_one(association)
        association.release()
        return found


def _element(group: int, element: int, vr: bytes, value: str) -> bytes:
    """Explicit VR Little Endian; of UIDs that break the rules, too, which pydicom will not write."""
    encoded = value.encode()
    encoded += (b"\0" if vr == b"UI" else b" ") * (len(encoded) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(encoded)) + encoded


def _receive_one(association: Association) -> bytes:
    found = b""
    while True:
        message = association.receive()
        assert message is not None, "released before the end"
        if message.command.command_field == C_GET_RQ | RESPONSE:
            if message.command.status != 0xFF00:
                assert message.command.status == 0, f"C-GET ended with {message.command.status:04X}"
                return found
            continue
        assert message.command.command_field == C_STORE_RQ
        found = association.read_data_set(MOST)
        answer = Command(
            command_field=C_STORE_RQ | RESPONSE,
            message_id_being_responded_to=message.command.message_id,
            affected_sop_class_uid=message.command.affected_sop_class_uid,
            affected_sop_instance_uid=message.command.affected_sop_instance_uid,
            status=0,
        )
        association.send(message.context, answer)
