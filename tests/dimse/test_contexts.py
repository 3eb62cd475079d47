"""Which proposals are taken, and in what form."""

import pytest
from pydicom._uid_dict import UID_dictionary
from pynetdicom import AllStoragePresentationContexts

from pacs.dimse.contexts import answer_contexts, answer_extended, answer_roles, choose_syntax, is_storage
from pacs.upper_layer.pdu import AssociateRequest, ProposedContext, Roles

CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
COMMITMENT = "1.2.840.10008.1.20.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
GE_PRIVATE = "1.2.840.113619.5.2"


def test_every_storage_class_of_the_standard_is_stored() -> None:
    assert all(is_storage(str(context.abstract_syntax)) for context in AllStoragePresentationContexts)


@pytest.mark.parametrize(
    ("abstract_syntax", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.3", True),  # Ultrasound Multi-frame, retired
        ("1.2.840.10008.5.1.4.1.1.9.1", True),  # Waveform - Trial
        ("1.2.840.10008.5.1.1.30", True),  # Hardcopy Color Image, retired
        ("1.2.840.10008.5.1.4.38.1", True),  # Hanging Protocol
        ("1.2.840.10008.5.1.4.1.1.501.1", True),  # DICOS CT
        ("1.3.12.2.1107.5.9.1", True),  # Siemens CSA Non-Image, private
        ("1.2.840.10008.5.1.4.1.1.9999", True),  # of a standard to come
        (FIND, False),
        ("1.2.840.10008.1.1", False),  # Verification
        ("1.2.840.10008.1.20.1", False),  # Storage Commitment
        ("1.2.840.10008.5.1.4.31", False),  # Modality Worklist
        ("1.2.840.10008.3.1.2.3.3", False),  # Modality Performed Procedure Step
        ("1.2.840.10008.5.1.1.9", False),  # Basic Grayscale Print, a meta class
        (IMPLICIT, False),  # a transfer syntax
        ("", False),
    ],
)
def test_what_is_no_service_of_the_standard_is_stored(abstract_syntax: str, expected: bool) -> None:
    assert is_storage(abstract_syntax) is expected


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([JPEG], JPEG),
        ([JPEG, EXPLICIT, IMPLICIT], JPEG),  # nothing is decompressed for our sake
        ([EXPLICIT, JPEG_2000], EXPLICIT),  # nor compressed
        ([IMPLICIT, EXPLICIT], EXPLICIT),
        ([BIG_ENDIAN, IMPLICIT], BIG_ENDIAN),
        ([BIG_ENDIAN, EXPLICIT], EXPLICIT),
        ([GE_PRIVATE, IMPLICIT], IMPLICIT),
        ([GE_PRIVATE], GE_PRIVATE),
        (["1.2.840.10008.1.2.7.1"], ""),  # SMPTE ST 2110, never stored
        (["1.2.840.10008.1.20", IMPLICIT], IMPLICIT),  # Papyrus
        ([CT], ""),  # no transfer syntax
        ([], ""),
    ],
)
def test_the_senders_first_choice_is_taken(offered: list[str], expected: str) -> None:
    assert choose_syntax(offered) == expected


def test_every_transfer_syntax_that_instances_are_kept_in_is_taken() -> None:
    syntaxes = {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"}

    refused = {uid for uid in syntaxes if not choose_syntax([uid])}

    assert refused == {
        "1.2.840.10008.1.2.6.1",
        "1.2.840.10008.1.2.6.2",
        "1.2.840.10008.1.20",
        "1.2.840.10008.1.2.7.1",
        "1.2.840.10008.1.2.7.2",
        "1.2.840.10008.1.2.7.3",
    }


def request(*contexts: tuple[str, tuple[str, ...]], **fields: object) -> AssociateRequest:
    proposed = tuple(ProposedContext(2 * index + 1, *context) for index, context in enumerate(contexts))
    return AssociateRequest("PACS", "TEST", proposed, 0, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("context", "roles", "expected"),
    [
        ((CT, (EXPLICIT,)), None, (0, EXPLICIT)),
        ((FIND, (IMPLICIT, EXPLICIT)), None, (0, EXPLICIT)),
        ((FIND, (JPEG,)), None, (4, IMPLICIT)),
        ((CT, ()), None, (4, IMPLICIT)),
        ((WORKLIST, (IMPLICIT,)), None, (3, IMPLICIT)),
        ((COMMITMENT, (IMPLICIT, EXPLICIT)), None, (0, EXPLICIT)),
        ((COMMITMENT, (IMPLICIT,)), Roles(scu=False, scp=True), (0, IMPLICIT)),
        ((COMMITMENT, (IMPLICIT,)), Roles(scu=False, scp=False), (1, IMPLICIT)),
        ((CT, (JPEG_2000, EXPLICIT)), Roles(scu=False, scp=True), (0, EXPLICIT)),  # we send: all can be given so
        ((CT, (JPEG_2000, EXPLICIT)), Roles(scu=True, scp=True), (0, JPEG_2000)),
        ((CT, (EXPLICIT,)), Roles(scu=False, scp=False), (1, IMPLICIT)),
    ],
)
def test_each_context_has_its_answer(
    context: tuple[str, tuple[str, ...]], roles: Roles | None, expected: tuple[int, str]
) -> None:
    (answered,) = answer_contexts(request(context, roles={context[0]: roles} if roles else {}))

    assert (answered.context_id, answered.result, answered.transfer_syntax) == (1, *expected)


def test_roles_are_granted_for_storage_alone() -> None:
    both = Roles(scu=True, scp=True)

    assert answer_roles(request(roles={CT: both, FIND: both})) == {CT: both}


def test_what_we_cannot_do_is_not_agreed_on() -> None:
    wanted = {FIND: b"\1\1\1\1\1\1\1", MOVE: b"\1\1", CT: b"\1"}

    assert answer_extended(request(extended=wanted)) == {FIND: b"\1\1\1\1\0\1\1", MOVE: b"\1\0"}
    assert answer_extended(request(extended={FIND: b"\0\1"})) == {FIND: b"\0\1"}
