"""C-FIND: an identifier as a Query, and its answers in few, large pieces (PS3.4 C.4.1)."""

from dataclasses import replace
from itertools import islice

from pacs.archive.find import Answers, find
from pacs.archive.further import being_filled, dictionary
from pacs.dicom.attributes import DICTIONARY, UNIQUE_KEY, Dictionary, Level
from pacs.dicom.identifier import MAX_IDENTIFIER, Identifier, identifier_encoder, parse_identifier
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.dicom.query import Match, Query, Rules, Universal, combined, parse_match, zoned
from pacs.dimse.answers import PENDING, SUCCESS, Request
from pacs.dimse.contexts import LEVELS
from pacs.errors import InvalidQuery
from pacs.upper_layer.message import WITH_DATA_SET, encode_command
from pacs.upper_layer.wire import Buffer

PENDING_WITH_UNSUPPORTED_KEYS = 0xFF01
CANCELLED = 0xFE00
LIMIT_REACHED = 0xB001
"""PS3.4 Table C.4-1, and the warning of the Repository Query, which every query may end in here."""

SENT_TOGETHER = 64 << 10
"""Bytes of answers that are gathered; between two sends the peer may cancel."""

RELATIONAL, DATE_TIME, FUZZY, TIMEZONE, EMPTY, MULTIPLE = 0, 1, 2, 3, 5, 6
"""Bytes of what was agreed by extended negotiation (PS3.4 C.5.1.1.1). Byte 4 is the conversion of images."""


def handle_find(request: Request) -> None:
    known = dictionary(request.pacs)
    identifier = parse_identifier(_identifier_of(request), request.context.transfer_syntax, known)
    model = request.context.abstract_syntax
    agreed = request.association.extended.get(model, b"").ljust(7, b"\0")
    top, bottom = LEVELS[model]
    if not top <= identifier.level <= bottom:
        raise InvalidQuery(f"there is no {identifier.level.name} level in this information model")
    if not agreed[RELATIONAL] and not (request.peer and request.peer.relational):
        check_unique_keys(identifier, top)
    query = query_of(identifier, agreed, request.pacs.settings.query_limit + 1, known)
    answers = find(request.pacs, request.actor, query)
    status = _send_all(request, identifier, query, answers)
    if status == LIMIT_REACHED:
        request.respond(status, error_comment=f"there are more than these {request.pacs.settings.query_limit} matches")
    else:
        request.respond(status)


def query_of(identifier: Identifier, agreed: bytes, limit: int, known: Dictionary = DICTIONARY) -> Query:
    """The question. agreed: the seven bytes of extended negotiation. Raises InvalidQuery."""
    rules = Rules(bool(agreed[FUZZY]), bool(agreed[EMPTY]), bool(agreed[MULTIPLE]))
    keys = [(known.by_path[path], values) for path, values in identifier.keys]
    asked = [(attribute, values) for attribute, values in keys if attribute.level <= identifier.level]
    matches: dict[str, Match] = {
        attribute.path: match
        for attribute, values in asked
        if not attribute.members and (match := parse_match(attribute, values, rules)) != Universal()
    }
    if agreed[DATE_TIME]:
        matches = combined(matches)
    if agreed[TIMEZONE] and identifier.offset:
        matches = zoned(matches, identifier.offset, known)
    include = [attribute.path for attribute, _ in asked]
    if identifier.offset is not None:
        include.append("TimezoneOffsetFromUTC")
    return Query(identifier.level, matches, tuple(include), limit, dictionary=known)


def unsupported_keys(identifier: Identifier, known: Dictionary = DICTIONARY) -> tuple[int, ...]:
    """The tags of keys that are left out: not indexed, or below the level."""
    tags = dict(identifier.tags)
    below = (one for path, _ in identifier.keys if (one := known.by_path[path]).level > identifier.level)
    its_tags = (tags.get(one.path) or known.by_path[one.sequence or one.path].tag for one in below)
    return (*identifier.unknown, *its_tags)


def check_unique_keys(identifier: Identifier, top: Level) -> None:
    """A hierarchical question has one unique key for each level above its own (PS3.4 C.4.1.2.1). Raises InvalidQuery.

    top: the highest level of the information model.
    """
    values_of = dict(identifier.keys)
    for level in range(top, identifier.level):
        keyword = UNIQUE_KEY[Level(level)]
        values = values_of.get(keyword, ())
        if len(values) != 1 or not values[0] or "*" in values[0] or "?" in values[0]:
            raise InvalidQuery(f"{keyword} must be one value at the {identifier.level.name} level")


def _identifier_of(request: Request) -> bytes:
    """Raises InvalidQuery for one that is too long: the peer hears so, and the association lives on."""
    data = bytearray()
    for piece in request.association.data_set():
        data += piece
        if len(data) > MAX_IDENTIFIER:
            raise InvalidQuery(f"the identifier has more than {MAX_IDENTIFIER} bytes")
    return bytes(data)


def _send_all(request: Request, identifier: Identifier, query: Query, answers: Answers) -> int:
    """Send the answers; the status that ends them."""
    limit = request.pacs.settings.query_limit
    unsupported = unsupported_keys(identifier, query.dictionary)
    tags = dict(identifier.tags)
    encode = identifier_encoder(
        [replace(one, tag=tags.get(one.path, one.tag)) for one in answers.attributes],
        explicit=request.context.transfer_syntax == EXPLICIT_LITTLE_ENDIAN,
        level=identifier.level,
        retrieve_ae_title=request.pacs.settings.ae_title,
        unknown=unsupported,
        creators=identifier.creators,
        character_set=request.charset,
        asked_in=identifier.character_set,
    )
    # What is not filled yet is not matched in all there is: the peer hears that a key is not supported as it should be.
    is_whole = not unsupported and not identifier.is_beyond and not being_filled(request.pacs, query)
    status = PENDING if is_whole else PENDING_WITH_UNSUPPORTED_KEYS
    command = encode_command(request.response(status, command_data_set_type=WITH_DATA_SET))
    association, context = request.association, request.context
    gathered: list[Buffer] = []
    size = 0
    rows = iter(answers)
    for row in islice(rows, limit):
        gathered += association.encode(context, command, encode(row))
        size += len(gathered[-1]) + len(command)
        if size >= SENT_TOGETHER:
            association.send_encoded([b"".join(gathered)])
            gathered, size = [], 0
            if association.is_cancelled(request.message_id):
                return CANCELLED
    association.send_encoded([b"".join(gathered)])
    return SUCCESS if next(rows, None) is None else LIMIT_REACHED
