"""What administrators make searchable: from now on with each arrival, and by the job in all that is there already."""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sqlalchemy import delete, func, select

from pacs.archive import further, further_values
from pacs.archive.correct import correct
from pacs.archive.find import find
from pacs.archive.ingest import ingest
from pacs.archive.recovery import reindex
from pacs.archive.remove import remove as remove_study
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.attributes import UNIQUE_KEY, Level
from pacs.dicom.query import LITERAL, Query, Rules, parse_match
from pacs.errors import AlreadyThere, InvalidQuery, NotAllowed, NotFound
from pacs.index.tables import further_attribute, further_value
from pacs.settings import Settings
from pacs.workflow import further as job
from tests.make import make_ct, make_uid, part10

ACME = "ACME 1.1"


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """On each database."""
    return settings.model_copy(update={"database": database_url})


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads headers without knowing of a definition meanwhile."""
    monkeypatch.setattr(job, "SETTLED_AFTER", timedelta(0))


def private(ds: Dataset, value: str, block: int = 0x10, creator: str = ACME) -> Dataset:
    ds.add_new(0x00090000 | block, "LO", creator)
    ds.add_new(0x00090001 | block << 8, "LO", value)
    return ds


def store(pacs: Pacs, number: int, **attributes: Any) -> str:
    """An instance of a study of this number."""
    uids = {"StudyInstanceUID": make_uid(21, number), "SeriesInstanceUID": make_uid(21, number, 1)}
    ds = make_ct(**{**uids, "SOPInstanceUID": make_uid(21, number, 1, 1), "PatientID": f"P{number}", **attributes})
    return ingest(pacs, SYSTEM, part10(private(ds, f"value {number}", 0x10 + number))).study_instance_uid


def fill(pacs: Pacs) -> None:
    for key in job.JOB.due(pacs):
        job.JOB.run(pacs, key)


def found(pacs: Pacs, path: str, value: str, level: Level = Level.STUDY, rules: Rules = LITERAL) -> list[str]:
    dictionary = further.dictionary(pacs)
    match = parse_match(dictionary.by_path[path], [value], rules)
    query = Query(level, {path: match}, (UNIQUE_KEY[level],), dictionary=dictionary)
    return [str(row[0]) for row in find(pacs, SYSTEM, query)]


STUDIES: list[dict[str, Any]] = [
    {
        "BodyPartThickness": "12.50",
        "PatientMotherBirthName": "ĐÀO^THỊ AN",
        "ScheduledStudyStartDate": "20260101",
        "EchoNumbers": "1\\07",
        "SliceThickness": "1",
        "ReconstructionDiameter": "250",
        "FrameOfReferenceUID": "1.2.3",
        "AcquisitionDuration": 0.1,
        "ContrastBolusAgent": "iodine*",
    },
    {"BodyPartThickness": "1.25E1", "PatientMotherBirthName": "Doe^Anna", "ScheduledStudyStartDate": "20260201"},
    {"BodyPartThickness": "7", "EchoNumbers": "3", "ContrastBolusAgent": "Iod", "FrameOfReferenceUID": "1.2.4"},
]
QUESTIONS = [
    ("BodyPartThickness", "12.5", LITERAL, [1, 2]),
    ("BodyPartThickness", "7.0", LITERAL, [3]),
    ("PatientMotherBirthName", "dao*", LITERAL, [1]),
    ("PatientMotherBirthName", "doe^anna", LITERAL, [2]),
    ("PatientMotherBirthName", "an", Rules(fuzzy=True), [1, 2]),
    ("ScheduledStudyStartDate", "20260101-20260131", LITERAL, [1]),
    ("ScheduledStudyStartDate", "-20261231", LITERAL, [1, 2]),
    ("EchoNumbers", "7", LITERAL, [1]),
    ("EchoNumbers", "3", LITERAL, [3]),
    ("EchoNumbers", "70", LITERAL, []),
    ("FrameOfReferenceUID", "1.2.4", LITERAL, [3]),
    ("AcquisitionDuration", "0.1", LITERAL, [1]),
    ("ContrastBolusAgent", "iod*", LITERAL, [1]),
    ("ContrastBolusAgent", "?od*", LITERAL, [1, 3]),
    ("ContrastBolusAgent", '""', Rules(empty=True), [2]),
    (f"00091001 {ACME}", "value 2", LITERAL, [2]),
    (f"00091001 {ACME}", "value*", LITERAL, [1, 2, 3]),
]
LEVELS = {"PatientMotherBirthName": "patient", "EchoNumbers": "instance", "ContrastBolusAgent": "series"}


def define_all(pacs: Pacs) -> None:
    for path in dict.fromkeys(path for path, *_ in QUESTIONS):
        keyword, _, creator = path.partition(" ")
        further.add(pacs, SYSTEM, keyword, LEVELS.get(path, "study"), creator, "LO" if creator else "")


@pytest.fixture(params=["before", "after"])
def filled(request: pytest.FixtureRequest, pacs: Pacs) -> Iterator[Pacs]:
    """Three studies, stored before or after their attributes were made searchable."""
    if request.param == "before":
        for number, attributes in enumerate(STUDIES, start=1):
            store(pacs, number, **attributes)
    define_all(pacs)
    if request.param == "after":
        for number, attributes in enumerate(STUDIES, start=1):
            store(pacs, number, **attributes)
    else:
        fill(pacs)
        assert all(one.state == further.READY for one in further.all_further(pacs, SYSTEM))
    yield pacs


def test_further_attributes_are_matched_as_others_of_their_kind(filled: Pacs) -> None:
    for path, value, rules, expected in QUESTIONS:
        uids = [make_uid(21, number) for number in expected]
        assert found(filled, path, value, rules=rules) == uids, (path, value)


def test_they_are_found_at_every_level_and_returned(filled: Pacs) -> None:
    assert found(filled, "EchoNumbers", "7", Level.IMAGE) == [make_uid(21, 1, 1, 1)]
    assert found(filled, "EchoNumbers", "7", Level.PATIENT) == ["P1"]
    assert found(filled, "PatientMotherBirthName", "doe*", Level.SERIES) == [make_uid(21, 2, 1)]
    dictionary = further.dictionary(filled)
    include = ("EchoNumbers", "AcquisitionDuration", f"00091001 {ACME}", "PatientMotherBirthName")
    rows = list(find(filled, SYSTEM, Query(Level.IMAGE, {}, include, dictionary=dictionary)))
    assert rows == [
        ("1\\07", "0.1", "value 1", "ĐÀO^THỊ AN"),
        ("", "", "value 2", "Doe^Anna"),
        ("3", "", "value 3", ""),
    ]


def test_an_index_made_again_has_them_again(filled: Pacs) -> None:
    reindex(filled)
    assert found(filled, "EchoNumbers", "7") == [make_uid(21, 1)]
    assert {one.state for one in further.all_further(filled, SYSTEM)} == {further.FILLING}

    fill(filled)

    assert found(filled, "EchoNumbers", "7") == [make_uid(21, 1)]
    assert {one.state for one in further.all_further(filled, SYSTEM)} == {further.READY}


def test_what_is_removed_leaves_no_value_for_who_gets_its_keys(filled: Pacs) -> None:
    remove_study(filled, SYSTEM, "test", make_uid(21, 3))
    store(filled, 4)

    assert found(filled, "EchoNumbers", "3") == []
    assert found(filled, f"00091001 {ACME}", "value*") == [make_uid(21, number) for number in (1, 2, 4)]


def test_the_first_instance_that_has_a_value_tells_it(pacs: Pacs) -> None:
    for number, name in enumerate(("", "first", "second"), start=1):
        store(pacs, 1, SOPInstanceUID=make_uid(21, 1, 1, number), ContrastBolusAgent=name)
    further.add(pacs, SYSTEM, "ContrastBolusAgent", "study")
    store(pacs, 1, SOPInstanceUID=make_uid(21, 1, 1, 4), ContrastBolusAgent="third")
    assert found(pacs, "ContrastBolusAgent", "third") == [make_uid(21, 1)]

    fill(pacs)

    assert found(pacs, "ContrastBolusAgent", "first") == [make_uid(21, 1)]
    assert found(pacs, "ContrastBolusAgent", "third") == []


def test_the_job_goes_on_where_it_was(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        store(pacs, number, ContrastBolusAgent=f"agent {number}")
    further.add(pacs, SYSTEM, "ContrastBolusAgent", "study")
    monkeypatch.setattr(job, "CHUNK", 2)

    assert job._fill_some(pacs)
    (one,) = further.being_filled(
        pacs, Query(Level.STUDY, {}, ("ContrastBolusAgent",), dictionary=further.dictionary(pacs))
    )
    assert (one.read, one.total) == (2, 5)
    assert found(pacs, "ContrastBolusAgent", "agent*") == [make_uid(21, 4), make_uid(21, 5)]
    further.add(pacs, SYSTEM, "00091001", "series", ACME, "LO")
    fill(pacs)

    assert {one.state for one in further.all_further(pacs, SYSTEM)} == {further.READY}
    assert len(found(pacs, "ContrastBolusAgent", "agent*")) == len(found(pacs, f"00091001 {ACME}", "value*")) == 5


def test_a_value_that_was_read_in_another_character_set_is_read_again(pacs: Pacs) -> None:
    ds = make_ct(
        SpecificCharacterSet="ISO_IR 100",
        ContrastBolusAgent="n",
        PatientName="A",
        StudyDescription="A",
        ReferringPhysicianName="A",
    )
    further.add(pacs, SYSTEM, "ContrastBolusAgent", "series")
    file = part10(ds).getvalue().replace(b"\x10\x00LO\x02\x00n ", b"\x10\x00LO\x02\x00\xe3 ")
    stored = ingest(pacs, SYSTEM, io.BytesIO(file))
    assert found(pacs, "ContrastBolusAgent", "ã") == [stored.study_instance_uid]

    correct(pacs, SYSTEM, stored.study_instance_uid, [("SpecificCharacterSet", "ISO_IR 101")])

    assert found(pacs, "ContrastBolusAgent", "ă") == [stored.study_instance_uid]


def test_a_removed_one_is_searched_no_more_and_its_values_go(filled: Pacs) -> None:
    for one in further.all_further(filled, SYSTEM):
        further.remove(filled, SYSTEM, one.pk)
    assert further.dictionary(filled).further() == []
    fill(filled)

    assert further.all_further(filled, SYSTEM) == []
    with filled.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(further_value)) == 0
    with pytest.raises(NotFound):
        further.remove(filled, SYSTEM, 1)


IMPOSSIBLE = [
    ("NoSuchKeyword", "study", "", "", InvalidQuery),
    ("PatientName", "patient", "", "", AlreadyThere),
    ("ContrastBolusAgent", "frame", "", "", InvalidQuery),
    ("PixelData", "instance", "", "", InvalidQuery),
    ("ReferencedStudySequence", "study", "", "", InvalidQuery),
    ("00091001", "study", "", "LO", InvalidQuery),
    ("00091001", "study", "UNHEARD OF", "", InvalidQuery),
    ("00091001", "study", "A\0B", "LO", InvalidQuery),
    ("0x001001", "study", "ACME", "LO", InvalidQuery),
    ("00091001", "study", "UNHEARD OF", "OB", InvalidQuery),
    ("ContrastBolusAgent", "study", "ACME", "", InvalidQuery),
    ("TransferSyntaxUID", "instance", "", "", InvalidQuery),
]


def test_what_cannot_be_made_searchable_is_refused(pacs: Pacs) -> None:
    for name, level, creator, vr, error in IMPOSSIBLE:
        with pytest.raises(error):
            further.add(pacs, SYSTEM, name, level, creator, vr)


def test_only_administrators_make_attributes_searchable(pacs: Pacs) -> None:
    reader = Actor("person", "reader", permissions=frozenset(("query",)))
    for call in (lambda: further.add(pacs, reader, "EchoNumbers", "study"), lambda: further.remove(pacs, reader, 1)):
        with pytest.raises(NotAllowed):
            call()
    further.add(pacs, SYSTEM, "EchoNumbers", "study")
    with pytest.raises(AlreadyThere):
        further.add(pacs, SYSTEM, "00180086", "series")


def test_a_definition_that_goes_while_an_instance_comes_refuses_nothing(pacs: Pacs) -> None:
    one = further.add(pacs, SYSTEM, "ContrastBolusAgent", "study")
    further.dictionary(pacs)
    with pacs.database.write() as connection:
        connection.execute(delete(further_attribute))

    store(pacs, 1, ContrastBolusAgent="agent")

    with pacs.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(further_value)) == 0
    assert one.pk
    assert further_values.rows_of((), {}, True) == []
