"""Association negotiation, as bytes and back."""

import struct

import pytest
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from pacs.upper_layer.errors import Violation
from pacs.upper_layer.pdu import (
    AnsweredContext,
    AssociateAccept,
    AssociateRequest,
    ProposedContext,
    Roles,
    decode_accept,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
    encode_release,
    encode_request,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"

REQUEST = AssociateRequest(
    called_ae_title="PACS",
    calling_ae_title="CT 1",
    contexts=(ProposedContext(1, CT, (EXPLICIT, IMPLICIT)), ProposedContext(255, FIND, (IMPLICIT,))),
    maximum_length=16384,
    roles={CT: Roles(scu=True, scp=True)},
    extended={FIND: b"\1\0\1"},
)


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def request_pdu(*items: bytes, called: bytes = b"PACS", calling: bytes = b"CT 1") -> bytes:
    """An A-ASSOCIATE-RQ by hand (PS3.8 Table 9-11)."""
    body = struct.pack(">Hxx16s16s32x", 1, called.ljust(16), calling.ljust(16)) + b"".join(items)
    return struct.pack(">BxL", 1, len(body)) + body


def context_item(number: int, abstract_syntax: str = CT, *transfer_syntaxes: str) -> bytes:
    syntaxes = b"".join(item(0x40, uid.encode()) for uid in transfer_syntaxes)
    return item(0x20, bytes([number, 0, 0, 0]) + item(0x30, abstract_syntax.encode()) + syntaxes)


APPLICATION_CONTEXT = item(0x10, b"1.2.840.10008.3.1.1.1")
MAXIMUM_LENGTH = item(0x51, struct.pack(">L", 16384))
USER_INFORMATION = item(0x50, MAXIMUM_LENGTH + item(0x52, b"1.2.3"))


def test_a_request_comes_back() -> None:
    assert decode_request(encode_request(REQUEST)) == REQUEST


def test_an_acceptance_comes_back() -> None:
    accept = AssociateAccept(
        "PACS",
        "CT 1",
        (AnsweredContext(1, 0, EXPLICIT), AnsweredContext(255, 3, IMPLICIT)),
        262144,
        {CT: Roles(scu=False, scp=True)},
        {FIND: b"\1\0\1"},
    )

    assert decode_accept(encode_accept(accept)) == accept


def test_another_implementation_reads_what_we_write_and_we_what_it_writes() -> None:
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(encode_request(REQUEST))

    assert [
        (str(context.abstract_syntax), [str(uid) for uid in context.transfer_syntax])
        for context in theirs.presentation_context
    ] == [(context.abstract_syntax, list(context.transfer_syntaxes)) for context in REQUEST.contexts]
    assert decode_request(bytes(theirs.encode())) == REQUEST


def test_another_implementation_reads_our_answer_and_we_its() -> None:
    accept = AssociateAccept("PACS", "CT 1", (AnsweredContext(1, 0, EXPLICIT),), 0, {CT: Roles(False, True)})
    theirs = A_ASSOCIATE_AC()
    theirs.decode(encode_accept(accept))

    assert theirs.user_information is not None
    assert theirs.user_information.role_selection[UID(CT)].scp_role
    assert decode_accept(bytes(theirs.encode())) == accept


def test_a_request_by_hand_is_understood() -> None:
    request = decode_request(request_pdu(APPLICATION_CONTEXT, context_item(3, CT, EXPLICIT), USER_INFORMATION))

    assert request == AssociateRequest("PACS", "CT 1", (ProposedContext(3, CT, (EXPLICIT,)),), 16384)


def test_items_that_nobody_knows_yet_are_passed_over() -> None:
    user = item(0x50, MAXIMUM_LENGTH + item(0x5E, b"tomorrow's") + item(0x52, b"1.2.3"))
    tomorrow = item(0x60, b"something")

    request = decode_request(request_pdu(APPLICATION_CONTEXT, tomorrow, context_item(1, CT, EXPLICIT), user))

    assert request.maximum_length == 16384
    assert [context.abstract_syntax for context in request.contexts] == [CT]


def test_128_contexts_of_60_syntaxes_are_understood() -> None:
    syntaxes = [f"{EXPLICIT}.{number}" for number in range(60)]
    contexts = [context_item(number, CT, *syntaxes) for number in range(1, 256, 2)]

    request = decode_request(request_pdu(APPLICATION_CONTEXT, *contexts, USER_INFORMATION))

    assert len(request.contexts) == 128
    assert request.contexts[127].transfer_syntaxes == tuple(syntaxes)


@pytest.mark.parametrize(
    "pdu",
    [
        pytest.param(b"\1\0\0\0\0\0", id="nothing"),
        pytest.param(request_pdu(APPLICATION_CONTEXT)[:80], id="an item cut short"),
        pytest.param(request_pdu(b"\x20\0\xff\xff" + bytes(8)), id="an item longer than its PDU"),
        pytest.param(request_pdu(context_item(2, CT, EXPLICIT)), id="an even id"),
        pytest.param(request_pdu(context_item(1, CT, EXPLICIT), context_item(1, CT, IMPLICIT)), id="one id twice"),
        pytest.param(request_pdu(item(0x20, b"\1\0\0\0\x30\0\0\xff1.2")), id="a syntax longer than its context"),
        pytest.param(request_pdu(called=bytes(16)), id="no called AE title"),
        pytest.param(request_pdu(calling=b"CT\n1"), id="a line break in the AE title"),
        pytest.param(request_pdu(item(0x50, item(0x51, b"\0\0"))), id="a maximum length of two bytes"),
    ],
)
def test_what_is_no_request_is_a_violation(pdu: bytes) -> None:
    with pytest.raises(Violation):
        decode_request(pdu)


def test_short_pdus_are_written_as_the_standard_has_them() -> None:
    assert encode_reject(1, 1, 7) == bytes.fromhex("03 00 00000004 00 01 01 07")
    assert encode_release(5) == bytes.fromhex("05 00 00000004 00000000")
    assert encode_abort(2, 6) == bytes.fromhex("07 00 00000004 0000 02 06")
