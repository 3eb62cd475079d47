"""C-FIND: what is asked, what is answered, and when it stops."""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from sqlalchemy import insert, select

from pacs.archive import find as archive_find
from pacs.context import SYSTEM
from pacs.index import dialects, tables
from pacs.peers import directory
from tests.dimse.conftest import (
    EXPLICIT,
    IMPLICIT,
    PATIENT_ROOT_FIND,
    STUDY_ROOT_FIND,
    Door,
    RawPeer,
    associated,
    dcmtk,
    identifier,
    opened,
    pdv,
    response_of,
    store_all,
)
from tests.make import make_ct, make_uid

MANY = 1200


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, list[Dataset]]]:
    """A door with three studies, of two and of one series."""
    first, second = make_uid(7, 1), make_uid(7, 2)
    datasets = [
        make_ct(StudyInstanceUID=first, SeriesInstanceUID=f"{first}.1", PatientID="A", StudyDate="20260101"),
        make_ct(StudyInstanceUID=first, SeriesInstanceUID=f"{first}.2", PatientID="A", StudyDate="20260101"),
        make_ct(StudyInstanceUID=second, SeriesInstanceUID=f"{second}.1", PatientID="B", PatientName="Dupont^Zoé"),
        make_ct(StudyInstanceUID=make_uid(7, 3), SeriesInstanceUID=make_uid(7, 3, 1), PatientID="A"),
    ]
    with opened(tmp_path_factory.mktemp("studies")) as door:
        assert store_all(door, *datasets) == [0, 0, 0, 0]
        yield door, datasets


def ask(
    door: Door, keys: Dataset, model: str = STUDY_ROOT_FIND, syntax: str = EXPLICIT, agreed: bytes = b""
) -> tuple[list[Dataset], list[int]]:
    """The answers and all statuses. agreed: bytes of extended negotiation."""
    extended = []
    if agreed:
        negotiation = SOPClassExtendedNegotiation()
        negotiation.sop_class_uid = model
        negotiation.service_class_application_information = agreed
        extended.append(negotiation)
    with associated(door, [(model, [syntax])], extended=extended) as association:
        pairs = list(association.send_c_find(keys, model))
    return [answer for _, answer in pairs if answer is not None], [status.Status for status, _ in pairs]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_study_is_found_with_what_was_asked_for(studies: tuple[Door, list[Dataset]], syntax: str) -> None:
    door, datasets = studies
    keys = identifier(
        QueryRetrieveLevel="STUDY",
        StudyInstanceUID=datasets[0].StudyInstanceUID,
        PatientName="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedSeries="",
    )

    answers, statuses = ask(door, keys, syntax=syntax)

    assert statuses == [0xFF00, 0x0000]
    (answer,) = answers
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.PatientName == "NGUYỄN^THỊ ÁNH ĐÀO"
    assert (answer.ModalitiesInStudy, answer.NumberOfStudyRelatedSeries) == ("CT", 2)
    assert (answer.QueryRetrieveLevel, answer.RetrieveAETitle) == ("STUDY", "PACS")
    assert "StudyDescription" not in answer


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        (PATIENT_ROOT_FIND, {"QueryRetrieveLevel": "PATIENT", "PatientID": "A"}, 1),
        (PATIENT_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "PatientID": "A", "StudyInstanceUID": ""}, 2),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "PatientID": "A", "StudyInstanceUID": ""}, 2),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "PatientName": "nguyen*", "StudyInstanceUID": ""}, 2),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "StudyDate": "20260101-20260131"}, 1),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": make_uid(7, 1)}, 2),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3.4.5"}, 0),
        (
            STUDY_ROOT_FIND,
            {
                "QueryRetrieveLevel": "IMAGE",
                "StudyInstanceUID": make_uid(7, 1),
                "SeriesInstanceUID": f"{make_uid(7, 1)}.2",
                "SOPInstanceUID": "",
            },
            1,
        ),
    ],
)
def test_each_level_of_each_model_answers(
    studies: tuple[Door, list[Dataset]], model: str, keys: dict[str, str], expected: int
) -> None:
    door, _ = studies

    answers, statuses = ask(door, identifier(**keys), model)

    assert statuses == [0xFF00] * expected + [0]
    assert all(keyword in answer for answer in answers for keyword in keys)


@pytest.mark.parametrize(
    ("model", "keys", "says"),
    [
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "PATIENT", "PatientID": "A"}, "no PATIENT level"),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": ""}, "StudyInstanceUID"),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2\\1.3"}, "StudyInstanceUID"),
        (PATIENT_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""}, "PatientID"),
        (PATIENT_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "PatientID": "A*"}, "PatientID"),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "FRAME"}, "QueryRetrieveLevel"),
        (STUDY_ROOT_FIND, {"StudyInstanceUID": ""}, "QueryRetrieveLevel"),
        (STUDY_ROOT_FIND, {"QueryRetrieveLevel": "STUDY", "StudyDate": "yesterday"}, "StudyDate"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")
def test_what_is_no_question_is_refused_in_words(
    studies: tuple[Door, list[Dataset]], model: str, keys: dict[str, str], says: str
) -> None:
    door, _ = studies
    with associated(door, [(model, [EXPLICIT])]) as association:
        ((status, _),) = association.send_c_find(identifier(**keys), model)

    assert status.Status == 0xA900
    assert says in status.ErrorComment


def test_bytes_that_are_no_identifier_are_refused(studies: tuple[Door, list[Dataset]]) -> None:
    door, _ = studies
    find = bytes.fromhex("0000 0001 0200 0000 2000 0000 1001 0200 0000 0100 0000 0008 0200 0000 0100")

    with RawPeer(door) as peer:
        peer.associate(STUDY_ROOT_FIND)
        peer.send(pdv(3, find), pdv(2, b"what?"))
        _, answer = peer.receive_pdu()

    assert struct.unpack("<H", response_of(answer[6:])[0x0900]) == (0xA900,)


def test_keys_that_are_not_indexed_are_answered_empty_and_said_to_be_so(studies: tuple[Door, list[Dataset]]) -> None:
    door, datasets = studies
    keys = identifier(
        QueryRetrieveLevel="STUDY", StudyInstanceUID=datasets[0].StudyInstanceUID, PregnancyStatus=None, Modality="MR"
    )

    answers, statuses = ask(door, keys)

    assert statuses == [0xFF01, 0]
    assert answers[0].PregnancyStatus is None
    assert answers[0].Modality in ("", None)


def test_a_relational_question_needs_no_key_above_once_that_was_agreed(studies: tuple[Door, list[Dataset]]) -> None:
    door, datasets = studies
    keys = identifier(QueryRetrieveLevel="SERIES", SeriesInstanceUID=datasets[1].SeriesInstanceUID)

    assert ask(door, keys)[1] == [0xA900]
    assert ask(door, keys, agreed=b"\1")[1] == [0xFF00, 0]


def test_a_peer_that_never_negotiates_may_be_let_ask_relationally(tmp_path: Path) -> None:
    ds = make_ct()
    keys = identifier(QueryRetrieveLevel="SERIES", SeriesInstanceUID=ds.SeriesInstanceUID)
    with opened(tmp_path / "data") as door:
        directory.add(door.pacs, SYSTEM, "TEST", "127.0.0.1", 104, may=["store", "query"], relational=True)
        assert store_all(door, ds) == [0]

        assert ask(door, keys)[1] == [0xFF00, 0]
        assert ask(door, identifier(QueryRetrieveLevel="PATIENT", PatientID=""))[1] == [0xA900]
        assert ask(door, identifier(QueryRetrieveLevel="PATIENT", PatientID=""), agreed=b"\1")[1] == [0xA900]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door with studies on both sides of midnight, one of them with the clock of Hanoi."""
    values: list[dict[str, Any]] = [
        {"StudyDate": "20260705", "StudyTime": "0900", "Modality": "CT"},
        {"StudyDate": "20260705", "StudyTime": "103000", "Modality": "PT"},
        {"StudyDate": "20260706", "StudyTime": "03", "AccessionNumber": None},
        {"StudyDate": "20260707", "StudyTime": "190000", "AccessionNumber": ""},
        {"StudyDate": "20260707", "StudyTime": "020000", "TimezoneOffsetFromUTC": "+0700"},
    ]
    datasets = [
        make_ct(StudyInstanceUID=f"1.2.{n}", SeriesInstanceUID=f"1.3.{n}", **one) for n, one in enumerate(values)
    ]
    both = make_ct(StudyInstanceUID="1.2.1", SeriesInstanceUID="1.3.1.1", **values[1] | {"Modality": "CT"})
    with opened(tmp_path_factory.mktemp("night")) as door:
        assert store_all(door, *datasets, both) == [0] * 6
        yield door


@pytest.mark.parametrize(
    ("agreed", "keys", "expected"),
    [
        (b"\1", {"StudyDate": "20260705-20260707", "StudyTime": "1000-1800"}, "1"),
        (b"\1\1", {"StudyDate": "20260705-20260707", "StudyTime": "1000-1800"}, "1 2 4"),
        (b"\0\1", {"StudyDate": "20260705-", "StudyTime": "1000-"}, "1 2 3 4"),
        (b"\0\1", {"StudyDate": "-20260705", "StudyTime": "-1000"}, "0"),
        (b"\0\1", {"StudyDate": "20260705-", "StudyTime": "-1000"}, "0 2 4"),
        (b"\1", {"AccessionNumber": '""'}, ""),
        (b"\0\0\0\0\0\1", {"AccessionNumber": '""'}, "2 3"),
        (b"\1", {"ModalitiesInStudy": ["CT", "PT"]}, "0 1 2 3 4"),
        (b"\0\0\0\0\0\0\1", {"ModalitiesInStudy": ["CT", "PT"]}, "1"),
        (b"\0\0\0\1", {"StudyDate": "20260706", "TimezoneOffsetFromUTC": "+0000"}, "2 4"),
        (b"\0\0\0\1", {"StudyDate": "20260706", "TimezoneOffsetFromUTC": "+0700"}, "2"),
        (b"\0\0\0\1", {"StudyTime": "1900-1930", "TimezoneOffsetFromUTC": "+0000"}, "3 4"),
        (b"\0\1\0\1", {"StudyDate": "20260706-20260706", "StudyTime": "18-19", "TimezoneOffsetFromUTC": "+0000"}, "4"),
        (b"\1", {"StudyDate": "20260706", "TimezoneOffsetFromUTC": "+0000"}, "2"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")
def test_keys_mean_what_was_agreed(night: Door, agreed: bytes, keys: dict[str, Any], expected: str) -> None:
    answers, statuses = ask(night, identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="", **keys), agreed=agreed)

    assert [answer.StudyInstanceUID for answer in answers] == [f"1.2.{number}" for number in expected.split()]
    assert statuses[-1] == 0
    if "TimezoneOffsetFromUTC" in keys:
        assert {answer.TimezoneOffsetFromUTC or "" for answer in answers} <= {"", "+0700"}


def test_an_offset_that_is_none_is_refused(night: Door) -> None:
    keys = identifier(QueryRetrieveLevel="STUDY", StudyDate="20260706", TimezoneOffsetFromUTC="Hanoi")

    assert ask(night, keys, agreed=b"\0\0\0\1")[1] == [0xA900]


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}, [("S1", "R1")]),
        ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R2"}, None),
        ({"ScheduledProcedureStepID": "S*", "RequestedProcedureID": ""}, [("S1", "R1"), ("S2", "R2")]),
        ({"ScheduledProcedureStepID": "S?", "RequestedProcedureID": "R2"}, [("S2", "R2")]),
    ],
)
def test_all_keys_of_an_item_match_the_same_item(
    tmp_path_factory: pytest.TempPathFactory, item: dict[str, str], found: list[tuple[str, str]] | None
) -> None:
    steps = [identifier(ScheduledProcedureStepID=f"S{n}", RequestedProcedureID=f"R{n}") for n in (1, 2)]
    ds = make_ct(RequestAttributesSequence=steps)
    keys = identifier(QueryRetrieveLevel="SERIES", StudyInstanceUID=ds.StudyInstanceUID, SeriesInstanceUID="")
    keys.RequestAttributesSequence = [identifier(**item)]
    with opened(tmp_path_factory.mktemp("items")) as door:
        assert store_all(door, ds) == [0]
        answers, _ = ask(door, keys)

    items = [
        [(one.ScheduledProcedureStepID, one.RequestedProcedureID) for one in answer.RequestAttributesSequence]
        for answer in answers
    ]
    assert items == ([found] if found else [])


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door with more answers than fit into one piece: series without instances, for the sake of speed."""
    ds = make_ct(StudyInstanceUID=make_uid(9))
    with opened(tmp_path_factory.mktemp("crowded")) as door:
        assert store_all(door, ds) == [0]
        with door.pacs.database.write() as connection:
            study_pk = connection.scalar(select(tables.study.c.pk))
            rows = [{"study_pk": study_pk, "series_instance_uid": f"1.2.{number}"} for number in range(MANY - 1)]
            connection.execute(insert(tables.series), rows)
        yield door


def test_more_answers_than_the_limit_are_never_cut_in_silence(tmp_path: Path) -> None:
    datasets = [
        make_ct(StudyInstanceUID=make_uid(8, number), SeriesInstanceUID=make_uid(8, number, 1)) for number in range(4)
    ]
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="")
    with opened(tmp_path / "data", query_limit=3) as door:
        assert store_all(door, *datasets[:3]) == [0, 0, 0]
        assert ask(door, keys)[1] == [0xFF00] * 3 + [0]

        assert store_all(door, datasets[3]) == [0]
        assert ask(door, keys)[1] == [0xFF00] * 3 + [0xB001]
        with associated(door, [(STUDY_ROOT_FIND, [EXPLICIT])]) as association:
            *_, (status, _) = association.send_c_find(keys, STUDY_ROOT_FIND)
    assert "more than these 3" in status.ErrorComment


def test_a_question_that_takes_too_long_is_refused(crowded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = identifier(QueryRetrieveLevel="SERIES", SeriesDescription="*a?b*c?d*e*f*")
    monkeypatch.setattr(archive_find, "PATIENCE_S", -1.0)
    monkeypatch.setattr(dialects, "STEPS_BETWEEN_LOOKS", 10)

    assert ask(crowded, keys, agreed=b"\1")[1] == [0xA700]


def test_private_keys_are_answered_empty_under_their_creator(studies: tuple[Door, list[Dataset]]) -> None:
    door, datasets = studies
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=datasets[0].StudyInstanceUID)
    keys.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "x")

    (answer,), statuses = ask(door, keys)

    assert statuses == [0xFF01, 0]
    assert answer.private_block(0x0011, "ACME")[1].value in ("", None, b"")


HOSTILE = [
    *({"StudyDate": text} for text in ("2026-07", "20269999", "'; DROP TABLE study; --", "0-0-0")),
    *({"StudyTime": text} for text in ("99", "24-25", "x")),
    *({"QueryRetrieveLevel": text} for text in ("FRAME", "STUDY\\SERIES", "' OR 1=1")),
    *({"StudyInstanceUID": text} for text in ("1.2.' OR '1'='1", "*.*.*", "1..2")),
    *({"PatientName": text} for text in ("*" * 2000, "?*" * 500, "\\" * 500, "=" * 64)),
]


@pytest.mark.parametrize("keys", HOSTILE, ids=lambda keys: repr(keys)[:40])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_bad_question_is_answered_at_once_and_never_in_sql(
    studies: tuple[Door, list[Dataset]], keys: dict[str, str]
) -> None:
    door, _ = studies
    started = time.monotonic()
    with associated(door, [(STUDY_ROOT_FIND, [EXPLICIT])]) as association:
        started = time.monotonic()
        *_, (status, _) = association.send_c_find(
            identifier(**{"QueryRetrieveLevel": "STUDY", **keys}), STUDY_ROOT_FIND
        )

    assert time.monotonic() - started < 1
    assert status.Status in (0x0000, 0xA900)
    assert not {"select", "sqlite", "syntax"} & set(str(status.get("ErrorComment", "")).lower().split())


@pytest.mark.filterwarnings("ignore:The value length:UserWarning")
def test_ten_thousand_uids_and_a_mebibyte_are_answered_at_once(studies: tuple[Door, list[Dataset]]) -> None:
    door, datasets = studies
    uids = "\\".join([*(f"1.2.{number}" for number in range(10_000)), datasets[0].StudyInstanceUID])
    started = time.monotonic()

    assert ask(door, identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=uids), syntax=IMPLICIT)[1] == [0xFF00, 0]
    too_long = identifier(QueryRetrieveLevel="STUDY", PatientComments="x" * (1 << 20))
    assert ask(door, too_long, syntax=IMPLICIT)[1] == [0xA900]
    assert time.monotonic() - started < 2


def test_fuzzy_names_match_the_beginnings_of_words_once_that_was_agreed(studies: tuple[Door, list[Dataset]]) -> None:
    door, _ = studies
    keys = identifier(QueryRetrieveLevel="STUDY", PatientName="zoe dup", StudyInstanceUID="")

    assert ask(door, keys)[1] == [0]
    assert ask(door, keys, agreed=b"\0\0\1")[1] == [0xFF00, 0]


def test_a_peer_that_reads_latin_1_alone_is_answered_in_it(tmp_path: Path) -> None:
    ds = make_ct(PatientName="Dupont^Zoé")
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=ds.StudyInstanceUID, PatientName="")
    with opened(tmp_path / "data") as door:
        directory.add(door.pacs, SYSTEM, "TEST", "127.0.0.1", 104, may=["store", "query"], charset="ISO_IR 100")
        assert store_all(door, ds) == [0]

        (answer,), _ = ask(door, keys)

    assert (answer.SpecificCharacterSet, answer.PatientName) == ("ISO_IR 100", "Dupont^Zoé")


def test_dcmtk_finds(studies: tuple[Door, list[Dataset]]) -> None:
    door, _ = studies
    done = dcmtk(
        "findscu", "-S", "-aec", "PACS", "127.0.0.1", door.port, "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=A"
    )

    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("Find Response") == 2


def test_many_answers_all_come(crowded: Door) -> None:
    keys = identifier(QueryRetrieveLevel="SERIES", StudyInstanceUID=make_uid(9), SeriesInstanceUID="")

    answers, statuses = ask(crowded, keys)

    assert statuses == [0xFF00] * MANY + [0]
    assert len({answer.SeriesInstanceUID for answer in answers}) == MANY


def test_a_cancel_stops_the_answers(crowded: Door) -> None:
    """The peer reads nothing until it has cancelled, so the answers cannot all have been sent before."""
    find = bytes.fromhex("0000 0001 0200 0000 2000 0000 1001 0200 0000 0100 0000 0008 0200 0000 0100")
    cancel = bytes.fromhex("0000 0001 0200 0000 ff0f 0000 2001 0200 0000 0100 0000 0008 0200 0000 0101")
    keys = b"\x08\0\x52\0CS\6\0SERIES\x20\0\x0d\0UI" + len(make_uid(9)).to_bytes(2, "little") + make_uid(9).encode()

    with RawPeer(crowded) as peer:
        peer.associate(STUDY_ROOT_FIND)
        peer.send(pdv(3, find), pdv(2, keys))
        peer.send(pdv(3, cancel))
        statuses: list[int] = []
        while not statuses or statuses[-1] == 0xFF00:
            _, body = peer.receive_pdu()
            if body[5] & 1:
                statuses.append(struct.unpack("<H", response_of(body[6:])[0x0900])[0])

    assert statuses[-1] == 0xFE00
    assert len(statuses) < MANY
