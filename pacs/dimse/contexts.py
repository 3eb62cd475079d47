"""What we offer: which abstract syntaxes, in which transfer syntaxes and roles, and what we can agree on besides."""

from collections.abc import Sequence
from functools import lru_cache

from pydicom._uid_dict import UID_dictionary

from pacs.dicom.attributes import Level
from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN
from pacs.dicom.references import STORAGE_COMMITMENT
from pacs.upper_layer.pdu import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ACCEPTED,
    REMEMBERED,
    ROLES_REFUSED,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
    AnsweredContext,
    AssociateRequest,
    ProposedContext,
    Roles,
)

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_STUDY_ONLY_FIND = "1.2.840.10008.5.1.4.1.2.3.1"
PATIENT_STUDY_ONLY_MOVE = "1.2.840.10008.5.1.4.1.2.3.2"
PATIENT_STUDY_ONLY_GET = "1.2.840.10008.5.1.4.1.2.3.3"
"""Retired, and still asked for."""
COMPOSITE_INSTANCE_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.4.2"
COMPOSITE_INSTANCE_ROOT_GET = "1.2.840.10008.5.1.4.1.2.4.3"
WITHOUT_BULK_GET = "1.2.840.10008.5.1.4.1.2.5.3"
COMPOSITE_MODELS = frozenset((COMPOSITE_INSTANCE_ROOT_MOVE, COMPOSITE_INSTANCE_ROOT_GET))
FIND_MODELS = frozenset((PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_STUDY_ONLY_FIND))
MOVE_MODELS = frozenset((PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE, PATIENT_STUDY_ONLY_MOVE, COMPOSITE_INSTANCE_ROOT_MOVE))
GET_MODELS = frozenset(
    (PATIENT_ROOT_GET, STUDY_ROOT_GET, PATIENT_STUDY_ONLY_GET, COMPOSITE_INSTANCE_ROOT_GET, WITHOUT_BULK_GET)
)
LEVELS = {
    **dict.fromkeys((PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET), (Level.PATIENT, Level.IMAGE)),
    **dict.fromkeys((STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET), (Level.STUDY, Level.IMAGE)),
    **dict.fromkeys(
        (PATIENT_STUDY_ONLY_FIND, PATIENT_STUDY_ONLY_MOVE, PATIENT_STUDY_ONLY_GET), (Level.PATIENT, Level.STUDY)
    ),
}
"""The highest and the lowest level of each hierarchical model."""
SERVICES = FIND_MODELS | MOVE_MODELS | GET_MODELS | {VERIFICATION, STORAGE_COMMITMENT}
"""Abstract syntaxes of everything but storage."""
MODELS = frozenset(LEVELS)
"""Those for which something is agreed by extended negotiation."""
SERVICE_SYNTAXES = (EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN)
"""For identifiers, in the order we like them."""

NEVER_STORED = frozenset(
    (
        "1.2.840.10008.1.2.6.1",  # MIME, XML and Papyrus, all retired
        "1.2.840.10008.1.2.6.2",
        "1.2.840.10008.1.20",
        "1.2.840.10008.1.2.7.1",  # DICOM-RTV, which no instance is ever encoded in
        "1.2.840.10008.1.2.7.2",
        "1.2.840.10008.1.2.7.3",
    )
)
CONVERTED = frozenset((IMPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN))
"""Offered first, and Explicit VR Little Endian too: then we take that, which keeps the VRs of private elements."""

SUPPORTED_OF_FIND = b"\1\1\1\1\0\1\1"
"""Relational queries, date-time, fuzzy names, time zone, multi-frame, empty, multiple values (PS3.4 C.5.1.1.1)."""
SUPPORTED_OF_RETRIEVE = b"\1\0"
"""Relational retrieval, multi-frame conversion (PS3.4 C.5.2.1.1)."""


def answer_contexts(request: AssociateRequest) -> tuple[AnsweredContext, ...]:
    """What becomes of each proposed context (PS3.8 9.3.3.2)."""
    return _answers(request.contexts, tuple(request.roles.items()))


def answer_roles(request: AssociateRequest) -> dict[str, Roles]:
    """What the requestor may be, of what he asked for (PS3.7 D.3.3.4): where we can be both, all of it.

    C-GET needs it for storage; who reports a storage commitment is its SCP (PS3.4 J.3.3).
    """
    return {uid: roles for uid, roles in request.roles.items() if _is_of_both_roles(uid)}


def answer_extended(request: AssociateRequest) -> dict[str, bytes]:
    """Of what is asked for by SOP class extended negotiation, what we can (PS3.7 D.3.3.5)."""
    return {uid: _agreed(uid, wanted) for uid, wanted in request.extended.items() if uid in MODELS}


@lru_cache(1024)
def is_storage(abstract_syntax: str) -> bool:
    """Whether instances of it are stored: all storage classes of the standard, private ones, and those to come."""
    if not abstract_syntax or abstract_syntax in SERVICES:
        return False
    name, kind, *_ = UID_dictionary.get(abstract_syntax, ("Storage", "SOP Class"))
    return kind == "SOP Class" and "Storage" in name and "Commitment" not in name


def _is_of_both_roles(abstract_syntax: str) -> bool:
    return abstract_syntax == STORAGE_COMMITMENT or is_storage(abstract_syntax)


def choose_syntax(offered: Sequence[str], *, to_send: bool = False) -> str:
    """The transfer syntax we take of those offered; "": none.

    What the peer names first it most likely has, so nothing is compressed or decompressed for our sake. to_send: the
    data comes from us, and we prefer what everything we keep can be given in.
    """
    takable = [uid for uid in offered if is_takable(uid)]
    known = [uid for uid in takable if uid in UID_dictionary]
    first = next(iter(known or takable), "")
    if EXPLICIT_LITTLE_ENDIAN in takable and (to_send or first in CONVERTED):
        return EXPLICIT_LITTLE_ENDIAN
    return first


@lru_cache(1024)
def is_takable(transfer_syntax: str) -> bool:
    """Whether instances in it are stored: all current and retired syntaxes, private ones, and those to come."""
    _, kind, *_ = UID_dictionary.get(transfer_syntax, ("", "Transfer Syntax"))
    return kind == "Transfer Syntax" and transfer_syntax not in NEVER_STORED


@lru_cache(REMEMBERED)
def _answers(
    contexts: tuple[ProposedContext, ...], selected: tuple[tuple[str, Roles], ...]
) -> tuple[AnsweredContext, ...]:
    roles = dict(selected)
    return tuple(_answer(context, roles.get(context.abstract_syntax)) for context in contexts)


def _answer(context: ProposedContext, roles: Roles | None) -> AnsweredContext:
    if _is_of_both_roles(context.abstract_syntax) and roles == Roles(scu=False, scp=False):
        return _refused(context, ROLES_REFUSED)
    if context.abstract_syntax in SERVICES:
        chosen = next((uid for uid in SERVICE_SYNTAXES if uid in context.transfer_syntaxes), "")
    elif is_storage(context.abstract_syntax):
        chosen = choose_syntax(context.transfer_syntaxes, to_send=roles == Roles(scu=False, scp=True))
    else:
        return _refused(context, ABSTRACT_SYNTAX_NOT_SUPPORTED)
    if not chosen:
        return _refused(context, TRANSFER_SYNTAXES_NOT_SUPPORTED)
    return AnsweredContext(context.context_id, ACCEPTED, chosen)


def _refused(context: ProposedContext, result: int) -> AnsweredContext:
    """A refused context names a transfer syntax too, which has no meaning (PS3.8 9.3.3.2)."""
    return AnsweredContext(context.context_id, result, IMPLICIT_LITTLE_ENDIAN)


def _agreed(uid: str, wanted: bytes) -> bytes:
    supported = SUPPORTED_OF_FIND if uid in FIND_MODELS else SUPPORTED_OF_RETRIEVE
    return bytes(a & b for a, b in zip(wanted, supported, strict=False))
