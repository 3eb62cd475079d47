"""The PDUs of association negotiation as values, encoded and decoded (PS3.8 9.3, PS3.7 D.3).

By hand: the library's items, an object for each UID, take as long as everything else that an association needs.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from pacs.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.upper_layer.errors import Violation

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
"""The types of PDU (PS3.8 9.3.1)."""

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

ACCEPTED = 0
ROLES_REFUSED = 1
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4
"""Results of a presentation context (PS3.8 Table 9-18)."""

USERNAME, USERNAME_AND_PASSCODE, KERBEROS, SAML, JWT = range(1, 6)
"""The types of user identity (PS3.7 Table D.3-14)."""

HEADER = struct.Struct(">BxL")
"""Type and length, in bytes of what follows, of every PDU."""
ITEM = struct.Struct(">BxH")
PROLOGUE = struct.Struct(">HH16s16s32x")
"""Protocol version, reserved, called and calling AE title, reserved (PS3.8 Tables 9-11 and 9-17)."""
ITEM_OF_CONTEXT = struct.Struct(">BxBx")
"""Id, and in an answer the result."""
APPLICATION_CONTEXT_ITEM, PROPOSED_CONTEXT, ANSWERED_CONTEXT = 0x10, 0x20, 0x21
ABSTRACT_SYNTAX, TRANSFER_SYNTAX, USER_INFORMATION = 0x30, 0x40, 0x50
LARGEST, IMPLEMENTATION, ROLE_SELECTION, VERSION, EXTENDED, IDENTITY, IDENTITY_ANSWER = (
    0x51,
    0x52,
    0x54,
    0x55,
    0x56,
    0x58,
    0x59,
)
"""Types of items and, from LARGEST on, of sub-items of the user information (PS3.8 9.3, Annex D; PS3.7 D.3.3)."""
SHORT = struct.Struct(">H")
LONGEST_UID = 64
MOST_CONTEXTS = 128
"""Their ids are the odd numbers of a byte (PS3.8 9.3.2.2)."""
ITEMS_BEGIN = 74
"""Where the items stand in an A-ASSOCIATE-RQ and -AC, in bytes from the start of the PDU."""
REMEMBERED = 64
"""What was decoded or encoded lately: a peer proposes the same each time, and values are tuples, quickly compared."""
LARGEST_REMEMBERED = 32 << 10
"""Bytes of items."""
IDENTITY_HEAD = bytes((IDENTITY, 0))


class Roles(NamedTuple):
    """What the requestor of an association may be for a SOP class (PS3.7 D.3.3.4)."""

    scu: bool
    scp: bool


class ProposedContext(NamedTuple):
    """A presentation context as proposed."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


class AnsweredContext(NamedTuple):
    """What became of it: a result of PS3.8 Table 9-18, and the transfer syntax if accepted."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """Who uses the requestor, as he says (PS3.7 D.3.3.7.1)."""

    kind: int
    """One of USERNAME, USERNAME_AND_PASSCODE, KERBEROS, SAML, JWT."""
    primary: bytes = field(repr=False)
    """The name, or the ticket."""
    secondary: bytes = field(default=b"", repr=False)
    """The passcode."""
    wants_answer: bool = False


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    maximum_length: int
    """Bytes of a P-DATA PDU's body that the sender takes; 0: any."""
    roles: Mapping[str, Roles] = field(default_factory=dict)
    extended: Mapping[str, bytes] = field(default_factory=dict)
    """SOP class extended negotiation, by SOP Class UID (PS3.7 D.3.3.5)."""
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    identity: UserIdentity | None = None


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """An A-ASSOCIATE-AC."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[AnsweredContext, ...]
    maximum_length: int
    roles: Mapping[str, Roles] = field(default_factory=dict)
    extended: Mapping[str, bytes] = field(default_factory=dict)
    identity: bytes | None = None
    """What the acceptor answers to whom it believes who he is (PS3.7 D.3.3.7.2); None: nothing."""


class _Proposal(NamedTuple):
    """All items of an A-ASSOCIATE-RQ."""

    contexts: tuple[ProposedContext, ...]
    maximum_length: int
    roles: Mapping[str, Roles]
    extended: Mapping[str, bytes]
    application_context: str
    identity: UserIdentity | None


def encode_request(request: AssociateRequest) -> bytes:
    contexts = [
        _item(
            PROPOSED_CONTEXT,
            ITEM_OF_CONTEXT.pack(context.context_id, 0),
            _uid_item(ABSTRACT_SYNTAX, context.abstract_syntax),
            *[_uid_item(TRANSFER_SYNTAX, uid) for uid in context.transfer_syntaxes],
        )
        for context in request.contexts
    ]
    return _pdu(ASSOCIATE_RQ, request, contexts, _identity_item(request.identity))


def encode_accept(accept: AssociateAccept) -> bytes:
    return _pdu(ASSOCIATE_AC, accept, [_answers(accept.contexts)], _identity_answer_item(accept.identity))


def decode_request(pdu: bytes) -> AssociateRequest:
    """The request in a whole PDU. Raises Violation."""
    version, called, calling = _prologue(pdu)
    items = pdu[ITEMS_BEGIN:]
    is_small = len(items) <= LARGEST_REMEMBERED
    # A passcode is nothing to remember.
    proposal = _remembered_proposal(items) if is_small and IDENTITY_HEAD not in items else _proposal(items)
    return AssociateRequest(
        called_ae_title=_ae_title(called),
        calling_ae_title=_ae_title(calling),
        contexts=proposal.contexts,
        maximum_length=proposal.maximum_length,
        roles=proposal.roles,
        extended=proposal.extended,
        application_context=proposal.application_context,
        protocol_version=version,
        identity=proposal.identity,
    )


def decode_accept(pdu: bytes) -> AssociateAccept:
    """The acceptance in a whole PDU. Raises Violation."""
    _, called, calling = _prologue(pdu)
    items = list(_items(pdu[ITEMS_BEGIN:]))
    user = dict(_user_items(items))
    return AssociateAccept(
        called_ae_title=called.decode("ascii", "replace").strip(" \0"),  # reserved: they say nothing (PS3.8 9.3.3)
        calling_ae_title=calling.decode("ascii", "replace").strip(" \0"),
        contexts=tuple(_answered_context(value) for kind, value in items if kind == ANSWERED_CONTEXT),
        maximum_length=_maximum_length(user),
        roles=_roles(items),
        extended=_extended(items),
        identity=_identity_answer(user.get(IDENTITY_ANSWER)),
    )


def encode_reject(result: int, source: int, reason: int) -> bytes:
    return struct.pack(">BxLxBBB", ASSOCIATE_RJ, 4, result, source, reason)


def encode_release(kind: int) -> bytes:
    """kind: RELEASE_RQ or RELEASE_RP."""
    return struct.pack(">BxL4x", kind, 4)


def encode_abort(source: int, reason: int) -> bytes:
    """source: 0 for the service user, 2 for the provider (PS3.8 9.3.8)."""
    return struct.pack(">BxLxxBB", ABORT, 4, source, reason)


def _pdu(kind: int, pdu: AssociateRequest | AssociateAccept, contexts: Iterable[bytes], identity: bytes) -> bytes:
    titles = (title.encode("ascii", "replace").ljust(16)[:16] for title in (pdu.called_ae_title, pdu.calling_ae_title))
    user = _item(
        USER_INFORMATION,
        _item(LARGEST, struct.pack(">L", pdu.maximum_length)),
        _uid_item(IMPLEMENTATION, IMPLEMENTATION_CLASS_UID),
        # Sub-items in the order of their types, which some peers expect.
        *[_item(ROLE_SELECTION, _with_length(uid), bytes((is_.scu, is_.scp))) for uid, is_ in pdu.roles.items()],
        _item(VERSION, IMPLEMENTATION_VERSION_NAME.encode("ascii")),
        *[_item(EXTENDED, _with_length(uid), value) for uid, value in pdu.extended.items()],
        identity,
    )
    context = _uid_item(APPLICATION_CONTEXT_ITEM, APPLICATION_CONTEXT)
    body = b"".join((PROLOGUE.pack(1, 0, *titles), context, *contexts, user))
    return HEADER.pack(kind, len(body)) + body


def _item(kind: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    return ITEM.pack(kind, len(value)) + value


def _uid_item(kind: int, uid: str) -> bytes:
    value = uid.encode("ascii")
    return ITEM.pack(kind, len(value)) + value


def _with_length(uid: str) -> bytes:
    value = uid.encode("ascii")
    return SHORT.pack(len(value)) + value


def _identity_item(identity: UserIdentity | None) -> bytes:
    if identity is None:
        return b""
    head = bytes((identity.kind, identity.wants_answer))
    fields = [SHORT.pack(len(value)) + value for value in (identity.primary, identity.secondary)]
    return _item(IDENTITY, head, *fields)


def _identity_answer_item(answer: bytes | None) -> bytes:
    return b"" if answer is None else _item(IDENTITY_ANSWER, SHORT.pack(len(answer)), answer)


@lru_cache(REMEMBERED)
def _answers(contexts: tuple[AnsweredContext, ...]) -> bytes:
    return b"".join(
        _item(
            ANSWERED_CONTEXT,
            ITEM_OF_CONTEXT.pack(context.context_id, context.result),
            _uid_item(TRANSFER_SYNTAX, context.transfer_syntax),
        )
        for context in contexts
    )


@lru_cache(REMEMBERED)
def _remembered_proposal(items: bytes) -> _Proposal:
    return _proposal(items)


def _proposal(data: bytes) -> _Proposal:
    items = list(_items(data))
    user = dict(_user_items(items))
    return _Proposal(
        contexts=_proposed_contexts([value for kind, value in items if kind == PROPOSED_CONTEXT]),
        maximum_length=_maximum_length(user),
        roles=MappingProxyType(_roles(items)),
        extended=MappingProxyType(_extended(items)),
        application_context=next((_uid(value) for kind, value in items if kind == APPLICATION_CONTEXT_ITEM), ""),
        identity=_identity(user.get(IDENTITY)),
    )


def _prologue(pdu: bytes) -> tuple[int, bytes, bytes]:
    """Protocol version, called and calling AE title."""
    if len(pdu) < ITEMS_BEGIN:
        raise Violation("the PDU is cut short")
    version, _, called, calling = PROLOGUE.unpack_from(pdu, HEADER.size)
    return version, called, calling


def _items(items: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and values. Who knows a type takes it; others are to be ignored (PS3.8 9.3.2, PS3.7 D.3.3)."""
    start = 0
    while start < len(items):
        if len(items) - start < ITEM.size:
            raise Violation("an item is cut short")
        kind, length = ITEM.unpack_from(items, start)
        start += ITEM.size
        if length > len(items) - start:
            raise Violation("an item is longer than its PDU")
        yield kind, items[start : start + length]
        start += length


def _user_items(items: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for kind, value in items:
        if kind == USER_INFORMATION:
            yield from _items(value)


def _ae_title(value: bytes) -> str:
    """PS3.5 6.2, VR AE."""
    title = value.decode("ascii", "replace").strip(" \0")
    if not title or not title.isascii() or not title.isprintable() or "\\" in title:
        raise Violation("an AE title is none")
    return title


def _uid(value: bytes) -> str:
    uid = value.rstrip(b" \0")
    if len(uid) > LONGEST_UID or not uid.isascii():
        raise Violation("a UID is none")
    return uid.decode("ascii")


def _proposed_contexts(values: list[bytes]) -> tuple[ProposedContext, ...]:
    if len(values) > MOST_CONTEXTS:
        raise Violation("more presentation contexts than there are ids")
    contexts = [_proposed_context(value) for value in values]
    if len({context.context_id for context in contexts}) < len(contexts):
        raise Violation("two presentation contexts have one id")
    if any(context.context_id % 2 == 0 for context in contexts):
        raise Violation("a presentation context has an even id")
    return tuple(contexts)


def _proposed_context(value: bytes) -> ProposedContext:
    number, _, syntaxes = _context(value)
    abstract = next((_uid(uid) for kind, uid in syntaxes if kind == ABSTRACT_SYNTAX), "")
    # An empty one is none.
    transfer = [_uid(uid) for kind, uid in syntaxes if kind == TRANSFER_SYNTAX and uid]
    return ProposedContext(number, abstract, tuple(transfer))


def _answered_context(value: bytes) -> AnsweredContext:
    number, result, syntaxes = _context(value)
    return AnsweredContext(number, result, next((_uid(uid) for kind, uid in syntaxes if kind == TRANSFER_SYNTAX), ""))


def _context(value: bytes) -> tuple[int, int, list[tuple[int, bytes]]]:
    """Id, result, and the items of the syntaxes."""
    if len(value) < ITEM_OF_CONTEXT.size:
        raise Violation("a presentation context is cut short")
    number, result = ITEM_OF_CONTEXT.unpack_from(value)
    return number, result, list(_items(value[ITEM_OF_CONTEXT.size :]))


def _maximum_length(user: Mapping[int, bytes]) -> int:
    value = user.get(LARGEST, bytes(4))
    if len(value) != 4:
        raise Violation("the maximum length is no number")
    return int.from_bytes(value, "big")


def _roles(items: Iterable[tuple[int, bytes]]) -> dict[str, Roles]:
    selected = [_uid_and_rest(value) for kind, value in _user_items(items) if kind == ROLE_SELECTION]
    if any(len(rest) < 2 for _, rest in selected):
        raise Violation("a role selection is cut short")
    return {uid: Roles(bool(rest[0]), bool(rest[1])) for uid, rest in selected}


def _extended(items: Iterable[tuple[int, bytes]]) -> dict[str, bytes]:
    return dict(_uid_and_rest(value) for kind, value in _user_items(items) if kind == EXTENDED)


def _uid_and_rest(value: bytes) -> tuple[str, bytes]:
    uid, rest = _prefixed(value)
    return _uid(uid), rest


def _prefixed(value: bytes) -> tuple[bytes, bytes]:
    """What a length of two bytes stands before, and the rest."""
    if len(value) < SHORT.size:
        raise Violation("a sub-item is cut short")
    end = SHORT.size + SHORT.unpack_from(value)[0]
    if end > len(value):
        raise Violation("a sub-item is cut short")
    return value[SHORT.size : end], value[end:]


def _identity(value: bytes | None) -> UserIdentity | None:
    if value is None:
        return None
    if len(value) < 2:
        raise Violation("a user identity is cut short")
    primary, rest = _prefixed(value[2:])
    secondary = _prefixed(rest)[0] if rest else b""
    return UserIdentity(value[0], primary, secondary, bool(value[1]))


def _identity_answer(value: bytes | None) -> bytes | None:
    return None if value is None else _prefixed(value)[0]
