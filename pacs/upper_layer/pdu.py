"""The PDUs of association negotiation as values, encoded and decoded by pynetdicom (PS3.8 9.3, PS3.7 D.3)."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import (
    PDU_ITEM_TYPES,
    AbstractSyntaxSubItem,
    ApplicationContextItem,
    ImplementationClassUIDSubItem,
    ImplementationVersionNameSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    PresentationContextItemRQ,
    SCP_SCU_RoleSelectionSubItem,
    SOPClassExtendedNegotiationSubItem,
    TransferSyntaxSubItem,
    UserIdentitySubItemAC,
    UserIdentitySubItemRQ,
    UserInformationItem,
)

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
USER_INFORMATION = 0x50
PROPOSED_CONTEXT = 0x20
MOST_CONTEXTS = 128
"""Their ids are the odd numbers of a byte (PS3.8 9.3.2.2)."""
ITEMS_BEGIN = 74
"""Where the items stand in an A-ASSOCIATE-RQ and -AC, in bytes from the start of the PDU."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the requestor of an association may be for a SOP class (PS3.7 D.3.3.4)."""

    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as proposed."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredContext:
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


def encode_request(request: AssociateRequest) -> bytes:
    pdu = A_ASSOCIATE_RQ()
    pdu.called_ae_title = request.called_ae_title
    pdu.calling_ae_title = request.calling_ae_title
    pdu.variable_items = [
        _application_context(),
        *map(_proposed_item, request.contexts),
        _user_information(request),
    ]
    return bytes(pdu.encode())


def encode_accept(accept: AssociateAccept) -> bytes:
    pdu = A_ASSOCIATE_AC()
    pdu.reserved_aet = accept.called_ae_title
    pdu.reserved_aec = accept.calling_ae_title
    pdu.variable_items = [
        _application_context(),
        *map(_answered_item, accept.contexts),
        _user_information(accept),
    ]
    return bytes(pdu.encode())


def decode_request(pdu: bytes) -> AssociateRequest:
    """The request in a whole PDU. Raises Violation."""
    decoded = A_ASSOCIATE_RQ()
    _decode(decoded, pdu)
    user = decoded.user_information
    return AssociateRequest(
        called_ae_title=decoded.called_ae_title.strip(),
        calling_ae_title=decoded.calling_ae_title.strip(),
        contexts=_proposed_contexts(decoded.presentation_context),
        maximum_length=_maximum_length(user),
        roles=_roles(user),
        extended=_extended(user),
        application_context=str(decoded.application_context_name or ""),
        protocol_version=decoded.protocol_version,
        identity=_identity(user),
    )


def decode_accept(pdu: bytes) -> AssociateAccept:
    """The acceptance in a whole PDU. Raises Violation."""
    decoded = A_ASSOCIATE_AC()
    _decode(decoded, pdu)
    user = decoded.user_information
    return AssociateAccept(
        called_ae_title=decoded.reserved_aet.strip(),
        calling_ae_title=decoded.reserved_aec.strip(),
        contexts=tuple(
            AnsweredContext(item.context_id or 0, item.result or 0, str(item.transfer_syntax or ""))
            for item in decoded.presentation_context
        ),
        maximum_length=_maximum_length(user),
        roles=_roles(user),
        extended=_extended(user),
        identity=_identity_answer(user),
    )


def encode_reject(result: int, source: int, reason: int) -> bytes:
    return struct.pack(">BxLxBBB", ASSOCIATE_RJ, 4, result, source, reason)


def encode_release(kind: int) -> bytes:
    """kind: RELEASE_RQ or RELEASE_RP."""
    return struct.pack(">BxL4x", kind, 4)


def encode_abort(source: int, reason: int) -> bytes:
    """source: 0 for the service user, 2 for the provider (PS3.8 9.3.8)."""
    return struct.pack(">BxLxxBB", ABORT, 4, source, reason)


def _decode(decoded: A_ASSOCIATE_RQ | A_ASSOCIATE_AC, pdu: bytes) -> None:
    if len(pdu) < ITEMS_BEGIN:
        raise Violation("the PDU is cut short")
    try:
        decoded.decode(pdu[:ITEMS_BEGIN] + _known(pdu[ITEMS_BEGIN:]))
    except Violation:
        raise
    except Exception as error:  # the library has many ways to say that a PDU is malformed
        raise Violation("the PDU cannot be understood") from error


def _known(items: bytes) -> bytes:
    """The items without those nobody knows yet, which are to be ignored (PS3.8 9.3.2, PS3.7 D.3.3)."""
    known: list[bytes] = []
    contexts = 0
    for kind, value in _items(items):
        contexts += kind == PROPOSED_CONTEXT
        if contexts > MOST_CONTEXTS:
            raise Violation("more presentation contexts than there are ids")
        if kind not in PDU_ITEM_TYPES:
            continue
        if kind == USER_INFORMATION:
            value = _known(value)
        known += [ITEM.pack(kind, len(value)), value]
    return b"".join(known)


def _items(items: bytes) -> Iterator[tuple[int, bytes]]:
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


def _proposed_contexts(items: list[PresentationContextItemRQ]) -> tuple[ProposedContext, ...]:
    contexts = {
        number: ProposedContext(
            number, str(item.abstract_syntax or ""), tuple(map(str, filter(None, item.transfer_syntax)))
        )
        for item in items
        for number in [item.context_id or 0]
    }
    if len(contexts) < len(items):
        raise Violation("two presentation contexts have one id")
    if any(number % 2 == 0 for number in contexts):
        raise Violation("a presentation context has an even id")
    return tuple(contexts.values())


def _maximum_length(user: UserInformationItem | None) -> int:
    return int((user and user.maximum_length) or 0)


def _roles(user: UserInformationItem | None) -> dict[str, Roles]:
    if user is None:
        return {}
    return {str(uid): Roles(bool(item.scu_role), bool(item.scp_role)) for uid, item in user.role_selection.items()}


def _extended(user: UserInformationItem | None) -> dict[str, bytes]:
    if user is None:
        return {}
    return {str(item.sop_class_uid): item.service_class_application_information or b"" for item in user.ext_neg}


def _identity(user: UserInformationItem | None) -> UserIdentity | None:
    item = user and user.user_identity
    if not isinstance(item, UserIdentitySubItemRQ):
        return None
    return UserIdentity(
        item.user_identity_type or 0,
        item.primary_field or b"",
        item.secondary_field or b"",
        bool(item.positive_response_requested),
    )


def _identity_answer(user: UserInformationItem | None) -> bytes | None:
    item = user and user.user_identity
    return (item.server_response or b"") if isinstance(item, UserIdentitySubItemAC) else None


def _application_context() -> ApplicationContextItem:
    item = ApplicationContextItem()
    item.application_context_name = UID(APPLICATION_CONTEXT)
    return item


def _proposed_item(context: ProposedContext) -> PresentationContextItemRQ:
    abstract_syntax = AbstractSyntaxSubItem()
    abstract_syntax.abstract_syntax_name = UID(context.abstract_syntax)
    item = PresentationContextItemRQ()
    item.presentation_context_id = context.context_id
    item.abstract_transfer_syntax_sub_items = [abstract_syntax, *map(_transfer_syntax, context.transfer_syntaxes)]
    return item


def _answered_item(context: AnsweredContext) -> PresentationContextItemAC:
    item = PresentationContextItemAC()
    item.presentation_context_id = context.context_id
    item.result_reason = context.result
    item.transfer_syntax_sub_item = [_transfer_syntax(context.transfer_syntax)]
    return item


def _transfer_syntax(uid: str) -> TransferSyntaxSubItem:
    item = TransferSyntaxSubItem()
    item.transfer_syntax_name = UID(uid)
    return item


def _user_information(pdu: AssociateRequest | AssociateAccept) -> UserInformationItem:
    """Sub-items in the order of their types, which some peers expect."""
    maximum_length = MaximumLengthSubItem()
    maximum_length.maximum_length_received = pdu.maximum_length
    implementation = ImplementationClassUIDSubItem()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameSubItem()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    roles = [_role_item(uid, roles) for uid, roles in pdu.roles.items()]
    extended = [_extended_item(uid, value) for uid, value in pdu.extended.items()]
    information = UserInformationItem()
    information.user_data = [maximum_length, implementation, *roles, version, *extended, *_identity_items(pdu)]
    return information


def _identity_items(pdu: AssociateRequest | AssociateAccept) -> list[UserIdentitySubItemRQ | UserIdentitySubItemAC]:
    match pdu.identity:
        case None:
            return []
        case UserIdentity() as identity:
            item = UserIdentitySubItemRQ()
            item.user_identity_type = identity.kind
            item.positive_response_requested = int(identity.wants_answer)
            item.primary_field = identity.primary
            item.secondary_field = identity.secondary
            return [item]
        case answer:
            answered = UserIdentitySubItemAC()
            answered.server_response = answer
            return [answered]


def _role_item(uid: str, roles: Roles) -> SCP_SCU_RoleSelectionSubItem:
    item = SCP_SCU_RoleSelectionSubItem()
    item.sop_class_uid = UID(uid)
    item.scu_role = int(roles.scu)
    item.scp_role = int(roles.scp)
    return item


def _extended_item(uid: str, value: bytes) -> SOPClassExtendedNegotiationSubItem:
    item = SOPClassExtendedNegotiationSubItem()
    item.sop_class_uid = UID(uid)
    item.service_class_application_information = value
    return item
