"""What belongs to no patient: hanging protocols, colour palettes and their like (PS3.18 12, PS3.4 GG).

Each is an object in a folder of its own, and a row with its metadata. There are hundreds of them, not millions.
"""

import hashlib
import io
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

import pydicom
import structlog
from pydicom.dataset import Dataset
from sqlalchemy import Connection, Row, insert, select

from pacs import audit
from pacs.archive.ingest import admit, store_errors
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.dicomjson import Json, dataset_to_json
from pacs.dicom.json_matching import Search, is_answer, selected, tag_of, text_of
from pacs.dicom.part10 import (
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    MAX_META,
    UID,
    FileMeta,
    file_meta,
    read_file_meta,
)
from pacs.dicom.walk import check_data_set
from pacs.errors import (
    AlreadyThere,
    InstanceMismatch,
    InvalidInstance,
    NotFound,
    OutOfResources,
    TooLarge,
    UnsupportedTransferSyntax,
)
from pacs.index.tables import resource
from storage import ObjectNotFound

log = structlog.get_logger(__name__)

KINDS: Mapping[str, frozenset[str]] = {
    "color-palettes": frozenset(("1.2.840.10008.5.1.4.39.1",)),
    "defined-procedure-protocols": frozenset(
        ("1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.3", "1.2.840.10008.5.1.4.1.1.200.7")
    ),
    "hanging-protocols": frozenset(("1.2.840.10008.5.1.4.38.1",)),
    "implant-templates": frozenset(
        ("1.2.840.10008.5.1.4.43.1", "1.2.840.10008.5.1.4.44.1", "1.2.840.10008.5.1.4.45.1")
    ),
    "inventories": frozenset(("1.2.840.10008.5.1.4.1.1.201.1",)),
}
"""The categories of PS3.18 Table 12.1.1-1, and the SOP classes of each (PS3.4 Table GG.3-1)."""
KIND_OF = {uid: kind for kind, uids in KINDS.items() for uid in uids}
FOLDER = "resources"
"""Of their objects: those of patients lie in none, so that neither are taken for the other."""
LARGEST = 64 << 20
"""Bytes of one of them, which is held while it is stored and given."""
TAKEN = (EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN)
RETURNED = tuple(
    map(
        tag_of,
        (
            *("SpecificCharacterSet", "InstanceCreationDate", "SOPClassUID", "SOPInstanceUID", "ContentLabel"),
            *("ContentDescription", "ContentCreatorName", "Manufacturer", "HangingProtocolName"),
            *("HangingProtocolDescription", "HangingProtocolLevel", "HangingProtocolCreator"),
            *("HangingProtocolCreationDateTime", "HangingProtocolDefinitionSequence", "NumberOfPriorsReferenced"),
            *("HangingProtocolUserIdentificationCodeSequence", "HangingProtocolUserGroupName", "ImplantName"),
            *("ImplantPartNumber", "ImplantSize", "ImplantAssemblyTemplateName", "ImplantTemplateGroupName"),
            *("ProtocolName", "PotentialScheduledProtocolCodeSequence", "Modality", "ModelSpecificationSequence"),
            *("InventoryPurpose", "InventoryCompletionStatus", "TotalNumberOfStudyRecords"),
        ),
    )
)
"""What is answered unasked: the keys that PS3.4 U.6.1, X.6.1, BB.6.1 and HH.6.1 require."""

_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Resource:
    """One that is kept."""

    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    object_key: str
    """The SHA-256 of its file in hexadecimal, by which it changes."""


@dataclass(slots=True)
class Found:
    """What a search finds."""

    datasets: list[tuple[str, Json]]
    """The SOP Instance UID of each, and what is answered of it."""
    has_more: bool


def store(pacs: Pacs, actor: Actor, file: BinaryIO, *, kind: str = "", sop_instance_uid: str = "") -> Resource:
    """Keep one from a Part 10 stream: durable when it returns. Storing the same again changes nothing.

    kind, sop_instance_uid: what it must be; "": any. Raises NotAllowed, InvalidInstance, InstanceMismatch,
    UnsupportedTransferSyntax, TooLarge, OutOfResources, and AlreadyThere where another one has that UID.
    """
    actor.require("store")
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise TooLarge(f"a resource has at most {LARGEST >> 20} MiB")
    values = _values_of(data)
    data = _file_of(values, data)
    if kind not in ("", values["kind"]):
        raise InstanceMismatch(f"its SOP class is none of {kind}")
    if sop_instance_uid not in ("", values["sop_instance_uid"]):
        raise InstanceMismatch("its SOP Instance UID is not the one of the address")
    _refuse_another(_row(pacs, values["sop_instance_uid"]), values)
    with store_errors():
        admit(pacs, len(data))
        pacs.objects.put(f"{FOLDER}/{values['object_key']}", data)
    with pacs.database.write() as connection:
        row = _select_one(connection, values["sop_instance_uid"])
        _refuse_another(row, values)
        if row is None:
            connection.execute(insert(resource).values(**values, source=actor.name, received_at=datetime.now(UTC)))
        uid = values["sop_instance_uid"]
        audit.record(connection, actor, "stored" if row is None else "received-again", detail=f"{values['kind']} {uid}")
    return Resource(**{name: values[name] for name in Resource.__dataclass_fields__})


def retrieve(pacs: Pacs, actor: Actor, kind: str, sop_instance_uid: str) -> Resource:
    """Raises NotAllowed, NotFound."""
    actor.require("retrieve")
    row = _row(pacs, sop_instance_uid)
    if row is None or row.kind != kind:
        raise NotFound(f"no such resource among {kind}")
    return Resource(*(getattr(row, name) for name in Resource.__dataclass_fields__))


def whole_file(pacs: Pacs, one: Resource) -> bytes:
    """Its Part 10 file, explicit little endian (PS3.18 8.7.3.1: never implicit). Raises NotFound, OutOfResources."""
    try:
        with store_errors():
            data = pacs.objects.get(f"{FOLDER}/{one.object_key}")
    except (ObjectNotFound, OutOfResources) as error:
        raise OutOfResources("the resource cannot be read now") from error
    if one.transfer_syntax_uid == EXPLICIT_LITTLE_ENDIAN:
        return data
    ds = pydicom.dcmread(io.BytesIO(data))
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    ds.save_as(file)
    written = file.getvalue()
    meta = file_meta(one.sop_class_uid, one.sop_instance_uid, EXPLICIT_LITTLE_ENDIAN)
    return meta + written[_meta_of(written).data_set_offset :]


def metadata(pacs: Pacs, one: Resource) -> Json:
    """Its metadata, binary values in line. Raises NotFound."""
    row = _row(pacs, one.sop_instance_uid)
    if row is None:
        raise NotFound("no such resource")
    found: Json = json.loads(row.content)
    return found


def search(pacs: Pacs, actor: Actor, kind: str, asked: Search) -> Found:
    """Those of a kind that are all that is asked, in the order in which they came. Raises NotAllowed."""
    actor.require("query")
    with pacs.database.read() as connection:
        statement = select(resource.c.sop_instance_uid, resource.c.content)
        rows = connection.execute(statement.where(resource.c.kind == kind).order_by(resource.c.pk)).all()
    matching = ((row.sop_instance_uid, found) for row in rows if is_answer(asked, found := json.loads(row.content)))
    stop = None if asked.limit is None else asked.offset + asked.limit
    answers = [(uid, selected(found, RETURNED, asked)) for uid, found in islice(matching, asked.offset, stop)]
    return Found(answers, next(matching, None) is not None)


def lost_or_damaged(pacs: Pacs, *, digests: bool = False) -> Iterator[tuple[str, bool]]:
    """The keys of rows whose object is gone (True) or not what it was (False). digests: read every one of them."""
    with pacs.database.read() as connection:
        rows = connection.execute(select(resource.c.object_key, resource.c.size)).all()
    sizes = {one.key: one.size for one in pacs.objects.list(FOLDER)}
    for row in rows:
        key = f"{FOLDER}/{row.object_key}"
        if key not in sizes:
            yield key, True
        elif sizes[key] != row.size or (digests and _digest(pacs.objects.get(key)) != row.object_key):
            yield key, False


def adopt(pacs: Pacs, connection: Connection) -> list[str]:
    """Give each object that has no row the one it would have: after a crash, or when the index is made again."""
    known = set(connection.execute(select(resource.c.object_key)).scalars())
    adopted = []
    for one in sorted(pacs.objects.list(FOLDER), key=lambda one: (one.modified, one.key)):
        if one.key.rpartition("/")[2] in known:
            continue
        try:
            values = _values_of(pacs.objects.get(one.key))
        except InvalidInstance:
            log.error("object damaged", object_key=one.key)
            continue
        if _select_one(connection, values["sop_instance_uid"]) is None:
            connection.execute(insert(resource).values(**values, source=SYSTEM.name, received_at=one.modified))
            adopted.append(one.key)
    return adopted


def _values_of(data: bytes) -> dict[str, Any]:
    """The row of a file. Raises InvalidInstance, UnsupportedTransferSyntax."""
    meta = _meta_of(data)
    if meta.transfer_syntax_uid not in TAKEN:
        raise UnsupportedTransferSyntax(f"resources are not taken in {meta.transfer_syntax_uid}")
    data_set = data[meta.data_set_offset :]
    check_data_set(io.BytesIO(data_set), len(data_set), meta.transfer_syntax_uid)
    try:
        ds = pydicom.dcmread(io.BytesIO(file_meta("1", "1", meta.transfer_syntax_uid) + data_set))
        found = _inlined(dataset_to_json(ds, str), ds)
    except Exception as error:  # pydicom raises what it likes on what is no data set
        raise InvalidInstance("the data set cannot be read") from error
    names = {name: text_of(found.get(tag_of(keyword))) for name, keyword in _NAMES.items()}
    if not UID.fullmatch(names["sop_instance_uid"]):
        raise InvalidInstance("the SOP Instance UID is missing, or is none")
    if names["sop_class_uid"] not in KIND_OF:
        raise InstanceMismatch("its SOP class is of no resource that belongs to no patient")
    head = file_meta(names["sop_class_uid"], names["sop_instance_uid"], meta.transfer_syntax_uid)
    return {
        **names,
        "kind": KIND_OF[names["sop_class_uid"]],
        "transfer_syntax_uid": meta.transfer_syntax_uid,
        "object_key": _digest(head + data_set),
        "size": len(head) + len(data_set),
        "data_set_offset": len(head),
        "content": json.dumps(found, ensure_ascii=False, separators=(",", ":")),
    }


_NAMES = {"sop_class_uid": "SOPClassUID", "sop_instance_uid": "SOPInstanceUID"}


def _file_of(values: Mapping[str, Any], data: bytes) -> bytes:
    """The file that is kept: our file meta before the data set as it came, as of instances of patients."""
    head = file_meta(values["sop_class_uid"], values["sop_instance_uid"], values["transfer_syntax_uid"])
    return head + data[_meta_of(data).data_set_offset :]


def _meta_of(data: bytes) -> FileMeta:
    meta = read_file_meta(data[:MAX_META])
    if meta is None:
        raise InvalidInstance("the file ends before its data set begins")
    return meta


def _inlined(found: Json, ds: Dataset) -> Json:
    """With the binary values themselves in place of where they are: there is no resource for them alone."""
    for tag, element in found.items():
        if "BulkDataURI" in element:
            value = ds[int(tag, 16)].value
            found[tag] = {"vr": element["vr"], "InlineBinary": b64encode(value).decode("ascii")}
        elif element["vr"] == "SQ":
            for item, inner in zip(element.get("Value", ()), ds[int(tag, 16)].value, strict=False):
                _inlined(item, inner)
    return found


def _refuse_another(row: _Row | None, values: Mapping[str, Any]) -> None:
    if row is not None and row.object_key != values["object_key"]:
        raise AlreadyThere("there is another resource of this SOP Instance UID")


def _row(pacs: Pacs, sop_instance_uid: str) -> _Row | None:
    with pacs.database.read() as connection:
        return _select_one(connection, sop_instance_uid)


def _select_one(connection: Connection, sop_instance_uid: str) -> _Row | None:
    return connection.execute(select(resource).where(resource.c.sop_instance_uid == sop_instance_uid)).one_or_none()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
