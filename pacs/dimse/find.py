"""C-FIND: an identifier as a Query, and its answers in few, large pieces (PS3.4 C.4.1)."""

from collections.abc import Iterable

from pacs.archive.find import Answers, find
from pacs.dicom.attributes import BY_PATH, UNIQUE_KEY, Level
from pacs.dicom.identifier import MAX_IDENTIFIER, Identifier, identifier_encoder, parse_identifier
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.dicom.query import Query, Universal, parse_match
from pacs.dimse.answers import PENDING, SUCCESS, Request
from pacs.dimse.contexts import PATIENT_ROOT_FIND
from pacs.errors import InvalidQuery
from pacs.upper_layer.message import WITH_DATA_SET, encode_command
from pacs.upper_layer.wire import Buffer

PENDING_WITH_UNSUPPORTED_KEYS = 0xFF01
CANCELLED = 0xFE00
"""PS3.4 Table C.4-1."""

SENT_TOGETHER = 64 << 10
"""Bytes of answers that are gathered; between two sends the peer may cancel."""

RELATIONAL, FUZZY = 0, 2
"""Bytes of what was agreed by extended negotiation (PS3.4 C.5.1.1.1)."""


def handle_find(request: Request) -> None:
    identifier = parse_identifier(request.association.read_data_set(MAX_IDENTIFIER), request.context.transfer_syntax)
    model = request.context.abstract_syntax
    agreed = request.association.extended.get(model, b"").ljust(7, b"\0")
    if not agreed[RELATIONAL]:
        check_unique_keys(identifier, Level.PATIENT if model == PATIENT_ROOT_FIND else Level.STUDY)
    query, unsupported = query_of(identifier, fuzzy=bool(agreed[FUZZY]))
    answers = find(request.pacs, request.actor, query)
    status = SUCCESS if _send_all(request, identifier, answers, unsupported) else CANCELLED
    request.respond(status)


def query_of(identifier: Identifier, *, fuzzy: bool) -> tuple[Query, tuple[int, ...]]:
    """The question, and the tags of keys that it leaves out: not indexed, or below the level. Raises InvalidQuery."""
    asked = [(BY_PATH[path], values) for path, values in identifier.keys]
    matches = {
        attribute.path: match
        for attribute, values in asked
        if attribute.level <= identifier.level and (match := parse_match(attribute, values, fuzzy=fuzzy)) != Universal()
    }
    include = tuple(attribute.path for attribute, _ in asked if attribute.level <= identifier.level)
    below = tuple(attribute.tag for attribute, _ in asked if attribute.level > identifier.level)
    return Query(identifier.level, matches, include), identifier.unknown + below


def check_unique_keys(identifier: Identifier, top: Level) -> None:
    """A hierarchical question has one unique key for each level above its own (PS3.4 C.4.1.2.1). Raises InvalidQuery.

    top: the highest level of the information model.
    """
    if identifier.level < top:
        raise InvalidQuery(f"there is no {identifier.level.name} level in this information model")
    values_of = dict(identifier.keys)
    for level in range(top, identifier.level):
        keyword = UNIQUE_KEY[Level(level)]
        values = values_of.get(keyword, ())
        if len(values) != 1 or not values[0] or "*" in values[0] or "?" in values[0]:
            raise InvalidQuery(f"{keyword} must be one value at the {identifier.level.name} level")


def _send_all(request: Request, identifier: Identifier, answers: Answers, unsupported: Iterable[int]) -> bool:
    """Send the answers; whether they were all, and not cut off by the peer's cancel."""
    unsupported = tuple(unsupported)
    encode = identifier_encoder(
        answers.attributes,
        explicit=request.context.transfer_syntax == EXPLICIT_LITTLE_ENDIAN,
        level=identifier.level,
        retrieve_ae_title=request.pacs.settings.ae_title,
        unknown=unsupported,
        character_set=request.charset,
    )
    status = PENDING_WITH_UNSUPPORTED_KEYS if unsupported else PENDING
    command = encode_command(request.response(status, command_data_set_type=WITH_DATA_SET))
    association, context = request.association, request.context
    gathered: list[Buffer] = []
    size = 0
    for row in answers:
        gathered += association.encode(context, command, encode(row))
        size += len(gathered[-1]) + len(command)
        if size >= SENT_TOGETHER:
            association.send_encoded([b"".join(gathered)])
            gathered, size = [], 0
            if association.is_cancelled(request.message_id):
                return False
    association.send_encoded([b"".join(gathered)])
    return True
