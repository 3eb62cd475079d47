"""Command sets, as bytes and back."""

import pytest

from pacs.upper_layer.errors import Violation
from pacs.upper_layer.message import C_STORE_RQ, Command, encode_command, parse_command

C_ECHO_RSP = bytes.fromhex(
    "0000 0000 0400 0000 42000000"  # (0000,0000) Command Group Length
    "0000 0200 1200 0000 312e322e3834302e31303030382e312e3100"  # (0000,0002) 1.2.840.10008.1.1, padded
    "0000 0001 0200 0000 3080"  # (0000,0100) C-ECHO-RSP
    "0000 2001 0200 0000 0700"  # (0000,0120) responds to message 7
    "0000 0008 0200 0000 0101"  # (0000,0800) no data set
    "0000 0009 0200 0000 0000"  # (0000,0900) Success
)


def test_a_command_set_is_written_as_the_standard_has_it() -> None:
    command = Command(
        command_field=0x8030,
        affected_sop_class_uid="1.2.840.10008.1.1",
        message_id_being_responded_to=7,
        status=0,
    )

    assert encode_command(command) == C_ECHO_RSP
    assert parse_command(C_ECHO_RSP) == command


def test_every_element_comes_back() -> None:
    command = Command(
        command_field=C_STORE_RQ,
        message_id=1,
        message_id_being_responded_to=65535,
        affected_sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        affected_sop_instance_uid="1.2.3",
        priority=0,
        command_data_set_type=1,
        status=0xA900,
        offending_element=0x00080018,
        error_comment="not the SOP Instance UID that was announced",
        move_destination="DEST",
        move_originator_application_entity_title="WORKSTATION",
        move_originator_message_id=9,
        number_of_remaining_suboperations=1,
        number_of_completed_suboperations=2,
        number_of_failed_suboperations=3,
        number_of_warning_suboperations=4,
    )

    assert parse_command(encode_command(command)) == command


def test_elements_that_nobody_asked_for_are_passed_over() -> None:
    private = bytes.fromhex("0000 1150 0200 0000 0100")  # (0000,5011) of ACR-NEMA

    assert parse_command(C_ECHO_RSP + private) == parse_command(C_ECHO_RSP)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        C_ECHO_RSP[:-1],
        C_ECHO_RSP[:20],
        bytes.fromhex("0800 1800 0400 0000 312e3200"),  # an element of group 0008
        bytes.fromhex("0000 0001 0100 0000 30"),  # a number of one byte
        bytes.fromhex("0000 0001 ffffffff 3000"),  # longer than 4 GiB
        bytes.fromhex("0000 0001 0200 0000 3000"),  # no data set type
        bytes.fromhex("0000 0008 0200 0000 0101"),  # no command field
    ],
)
def test_what_is_no_command_set_is_a_violation(data: bytes) -> None:
    with pytest.raises(Violation):
        parse_command(data)
