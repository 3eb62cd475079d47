"""C-MOVE and C-GET: which instances are asked for, by each information model (PS3.4 C.4.2, C.4.3, Annexes Y and Z)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import structlog

from pacs.archive.extraction import extract, extracted_chunks, without_bulk
from pacs.archive.find import find
from pacs.archive.retrieve import InstanceRef, instances, transcoded_chunks
from pacs.context import Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.frame_list import parse_composite_request
from pacs.dicom.identifier import parse_identifier
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, NATIVE
from pacs.dicom.query import AnyOf, Match, Query
from pacs.dimse.answers import Request
from pacs.dimse.contexts import COMPOSITE_MODELS, LEVELS, WITHOUT_BULK_GET
from pacs.dimse.suboperations import Operation
from pacs.errors import InvalidFrames, InvalidQuery, NotFound, OutOfResources, UnknownDestination
from pacs.peers import directory
from pacs.peers.dimse import Outgoing

log = structlog.get_logger(__name__)

CANNOT_COUNT = 0xA701
"""Unable to calculate the number of matches (PS3.4 Tables C.4-2 and C.4-3)."""

LONGEST_IDENTIFIER = 4 << 20
"""Bytes: 60,000 UIDs."""

RELATIONAL = 0
"""The byte of extended negotiation that allows retrieval without the unique keys above (PS3.4 C.5.2.1.1)."""

KEYS = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}


def handle_get(request: Request) -> None:
    """The instances come back over the association that asked for them."""
    operation = _begin(request)
    if operation is not None:
        operation.send_over(request.association)
        operation.finish()


def handle_move(request: Request) -> None:
    """The instances go to a peer that we know, by the AE title that the request names."""
    request.actor.require("retrieve")  # before we tell whom we know
    destination = directory.by_ae_title(request.pacs, request.command.move_destination or "")
    if destination is None:
        raise UnknownDestination("the move destination is no known peer")
    operation = _begin(request)
    if operation is not None:
        operation.deliver(destination)
        operation.finish()


def _begin(request: Request) -> Operation | None:
    """None: that we cannot look is answered already."""
    request.actor.require("retrieve")
    data = request.association.read_data_set(LONGEST_IDENTIFIER)
    try:
        wanted = _wanted(request, data)
    except NotFound:
        wanted = []
    except OutOfResources as error:
        request.respond(CANNOT_COUNT, error_comment=str(error)[:64])
        return None
    log.info("retrieve", instances=len(wanted), destination=request.command.move_destination)
    return Operation(request, wanted)


def _wanted(request: Request, data: bytes) -> list[Outgoing]:
    """Raises NotFound, InvalidQuery, NotExtractable, OutOfResources."""
    model = request.context.abstract_syntax
    if model == WITHOUT_BULK_GET:
        return _without_bulk(request, data)
    if model in COMPOSITE_MODELS:
        return _composite(request, data)
    return [_whole(request.pacs, ref) for ref in _refs(request, data)]


def _whole(pacs: Pacs, ref: InstanceRef) -> Outgoing:
    return Outgoing(
        ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid, partial(transcoded_chunks, pacs, ref)
    )


def _composite(request: Request, data: bytes) -> list[Outgoing]:
    """Instances, or a new one of the frames of one (PS3.4 Y.4)."""
    pacs, asked = request.pacs, parse_composite_request(data, request.context.transfer_syntax)
    refs = instances(pacs, request.actor, sop=asked.sop_instance_uids)
    if asked.selection is None:
        return [_whole(pacs, ref) for ref in refs]
    made = extract(pacs, refs[0], asked.selection)
    return [
        Outgoing(
            refs[0].sop_class_uid,
            made.sop_instance_uid,
            made.transfer_syntax_uid,
            partial(extracted_chunks, pacs, made),
        )
    ]


def _without_bulk(request: Request, data: bytes) -> list[Outgoing]:
    """Instances without their pixels (PS3.4 Z.4)."""
    asked = parse_composite_request(data, request.context.transfer_syntax)
    if asked.selection is not None:
        raise InvalidFrames("frames are not asked for without bulk")
    return [
        Outgoing(
            ref.sop_class_uid,
            ref.sop_instance_uid,
            EXPLICIT_LITTLE_ENDIAN if ref.transfer_syntax_uid in NATIVE else ref.transfer_syntax_uid,
            partial(_bulkless, request.pacs, ref),
        )
        for ref in instances(request.pacs, request.actor, sop=asked.sop_instance_uids)
    ]


def _bulkless(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> Iterator[bytes]:
    yield without_bulk(pacs, ref, transfer_syntax_uid)


def _refs(request: Request, data: bytes) -> list[InstanceRef]:
    """The instances that an identifier names (PS3.4 C.4.2.2.1). Raises NotFound, InvalidQuery."""
    identifier = parse_identifier(data, request.context.transfer_syntax)
    keys = {path: tuple(filter(None, values)) for path, values in identifier.keys}
    _check_keys(request, identifier.level, keys)
    named = {path: keys.get(path) or None for path in KEYS.values()}
    studies = named["StudyInstanceUID"]
    if patient_ids := named["PatientID"]:
        studies = _studies_of(request, patient_ids, studies)
    return instances(request.pacs, request.actor, studies, named["SeriesInstanceUID"], named["SOPInstanceUID"])


def _check_keys(request: Request, level: Level, keys: Mapping[str, tuple[str, ...]]) -> None:
    """The unique key of the level and of every level above it (PS3.4 C.4.2.2.1); lists only at the level."""
    model, extended = request.context.abstract_syntax, request.association.extended
    top, bottom = LEVELS[model]
    if not top <= level <= bottom:
        raise InvalidQuery(f"there is no {level.name} level in this information model")
    is_relational = extended.get(model, b"\0")[RELATIONAL : RELATIONAL + 1] == b"\1"
    for of_level, keyword in KEYS.items():
        if of_level == level and not keys.get(keyword):
            raise InvalidQuery(f"{keyword} is missing")
        if top <= of_level < level and not is_relational and len(keys.get(keyword, ())) != 1:
            raise InvalidQuery(f"{keyword} is missing, or is a list")


def _studies_of(request: Request, patient_ids: Iterable[str], studies: tuple[str, ...] | None) -> tuple[str, ...]:
    """The studies of these patients, among those that are named if any are. Raises NotFound."""
    matches: dict[str, Match] = {"PatientID": AnyOf(tuple(patient_ids))}
    if studies:
        matches["StudyInstanceUID"] = AnyOf(studies)
    query = Query(Level.STUDY, matches, ("StudyInstanceUID",))
    # The right to retrieve was required; it includes this look, whoever else may not ask questions.
    actor = replace(request.actor, permissions=request.actor.permissions | {"query"})
    found = tuple(str(uid) for (uid,) in find(request.pacs, actor, query))
    if not found:
        raise NotFound("no such study")
    return found
