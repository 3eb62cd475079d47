"""Questions and their answers, on SQLite and on PostgreSQL alike."""

import json
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from pacs.archive.find import count, find
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.attributes import ATTRIBUTES, BY_PATH, UNIQUE_KEY, Attribute, Level
from pacs.dicom.matching import is_answer
from pacs.dicom.person_name import folded
from pacs.dicom.query import (
    LITERAL,
    NUMBER_VRS,
    AnyOf,
    Empty,
    Match,
    Query,
    Rules,
    Single,
    Universal,
    Wildcard,
    Words,
    combined,
    parse_match,
    zoned,
)
from pacs.errors import InvalidQuery, NotAllowed
from pacs.index.select import TABLES
from pacs.index.session import Database
from pacs.index.tables import instance, metadata, patient, series, study
from pacs.settings import Settings
from scripts.bench.fill_index import fill, settle
from storage.memory import MemoryStore
from tests.archive.rows import add_instance, remove_everything

ANH_DAO = "NGUYỄN^THỊ ÁNH ĐÀO"


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('index') / 'index.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    with closing(Database(url)) as database:
        database.migrate()
        yield database


@pytest.fixture
def pacs(index: Database, settings: Settings) -> Pacs:
    """An empty index on each kind of database."""
    with index.write() as connection:
        remove_everything(connection)
    return Pacs(settings, index, MemoryStore())


def add(pacs: Pacs, *rows: dict[str, Any]) -> None:
    with pacs.database.write() as connection:
        for row in rows:
            add_instance(connection, **row)


def ask(level: Level = Level.STUDY, include: str = "", **keys: Any) -> Query:
    """Keys as they are typed, or as matches. Without include, the unique key is returned."""
    matches = {
        path: parse_match(BY_PATH[path], value.split("\\")) if isinstance(value, str) else value
        for path, value in keys.items()
    }
    return Query(level, matches, tuple(include.split()) or (UNIQUE_KEY[level],))


def found(pacs: Pacs, query: Query, actor: Actor = SYSTEM) -> list[Any]:
    """The first value of each answer."""
    values = [row[0] for row in find(pacs, actor, query)]
    if query.limit is None and not query.offset:
        assert count(pacs, actor, query) == len(values)
    return values


def who_sees(*studies: str) -> Actor:
    return Actor("link", "1", permissions=frozenset(("query",)), studies=frozenset(studies))


NAMES = {
    "1": ANH_DAO,
    "2": "NGUYÊT^THỊ LAN",
    "3": "ĐÀO^VĂN AN",
    "4": "HÒA",
    "5": "HOÀ",
    "6": "HOA",
    "7": "HỎA",
    "8": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "9": "nguyen_thi_anh  dao",
    "10": "TRẦN",
}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nguyen", "1 9"),
        ("NGUYEN", "1 9"),
        ("Nguyễn", "1 9"),
        (unicodedata.normalize("NFD", "Nguyễn"), "1 9"),
        ("dao", "1 3 9"),
        ("đào", "1 3 9"),
        ("ĐÀO", "1 3 9"),
        ("anh dao", "1 9"),
        ("dao anh", "1 9"),
        ("anh dao nguyen", "1 9"),
        ("nguyen a", "1 9"),
        ("n t a dao", "1 9"),
        ("nguye", "1 2 9"),
        ("hoa", "4 5 6 7"),
        ("tarou 山田", "8"),
        ("guyen", ""),
        ("đặng", ""),
    ],
)
def test_a_name_is_found_by_the_beginnings_of_its_words(pacs: Pacs, typed: str, expected: str) -> None:
    add(pacs, *({"StudyInstanceUID": uid, "PatientName": name} for uid, name in NAMES.items()))
    match = parse_match(BY_PATH["PatientName"], [typed], Rules(fuzzy=True))
    assert sorted(found(pacs, ask(PatientName=match)), key=int) == expected.split()


@pytest.mark.parametrize(("typed", "expected"), [("hoa", "6 4 5 7"), ("hoà", "5 4 6 7"), ("Nguyen Dao", "9 1")])
def test_names_that_are_spelt_as_typed_come_first(pacs: Pacs, typed: str, expected: str) -> None:
    add(pacs, *({"StudyInstanceUID": uid, "PatientName": name} for uid, name in NAMES.items()))
    match = parse_match(BY_PATH["PatientName"], [typed], Rules(fuzzy=True))
    assert found(pacs, ask(PatientName=match)) == expected.split()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("NGUYEN*", "1 9"),
        ("*Ễ*", "1 2 9"),
        ("*UYỄ*", "1 2 9"),
        ("NGUYEN^THI ANH DAO", "1 9"),
        ("nguyễn^thị ánh đào", "1 9"),
        ("NGUYEN", ""),
        ("*^*", "1 2 3 8 9"),
        ("Yamada^Tarou", "8"),
        ("山田*", "8"),
        ("Yamada*=山田^太郎", "8"),
        ("Yamada*=山田^次郎", ""),
        ("*tarou*たろう", ""),
        ("H?A", "4 5 6 7"),
        ("*DAO", "1 9"),
    ],
)
def test_a_name_key_is_folded_group_by_group(pacs: Pacs, key: str, expected: str) -> None:
    add(pacs, *({"StudyInstanceUID": uid, "PatientName": name} for uid, name in NAMES.items()))
    assert found(pacs, ask(PatientName=key)) == expected.split()
    assert found(pacs, replace(ask(PatientName=key), newest_first=True))[::-1] == expected.split()


def test_doctors_are_found_as_patients_are(pacs: Pacs) -> None:
    add(
        pacs,
        {"StudyInstanceUID": "1", "ReferringPhysicianName": "TRẦN^VĂN AN", "OperatorsName": "LÊ^A\\ĐỖ^B"},
        {"StudyInstanceUID": "2", "ReferringPhysicianName": "TRẦN^ĂN", "OperatorsName": "ĐỖ^A\\LÊ^B"},
    )
    assert found(pacs, ask(ReferringPhysicianName="tran^van an")) == ["1"]
    assert found(pacs, ask(ReferringPhysicianName="*^V*")) == ["1"]
    assert found(pacs, ask(ReferringPhysicianName=Words(("an", "tran")))) == ["1", "2"]
    assert found(pacs, ask(OperatorsName="do^b")) == ["1"]
    assert found(pacs, ask(OperatorsName="do*")) == ["1", "2"]


TEXTS = {"1": "100%", "2": "100_", "3": "100[a]", "4": "100\\a", "5": "100", "6": "100A", "7": "", "8": "100a"}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Single("100%"), "1"),
        (Wildcard("100%*"), "1"),
        (Wildcard("100_*"), "2"),
        (Wildcard("100[a]*"), "3"),
        (Wildcard("100[*"), "3"),
        (Wildcard("100\\*"), "4"),
        (Wildcard("100?"), "1 2 6 8"),
        (Wildcard("*a*"), "3 4 8"),
        (Wildcard("100a"), "8"),
        (Single("100a"), "8"),
        (Single("100A "), "6"),
        (AnyOf(("100A", "100_", "x")), "2 6"),
        (Empty(), "7"),
    ],
)
@pytest.mark.parametrize("path", ["StudyDescription", "PatientID", "StudyID", "SeriesDescription"])
def test_text_is_matched_to_the_letter(pacs: Pacs, path: str, match: Match, expected: str) -> None:
    add(pacs, *({"StudyInstanceUID": uid, path: value} for uid, value in TEXTS.items()))
    assert found(pacs, Query(Level.STUDY, {path: match}, ("StudyInstanceUID",))) == expected.split()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"StudyDate": "20240131"}, "1 2 3"),
        ({"StudyDate": "2024.01.31"}, "1 2 3"),
        ({"StudyDate": "20240131-20240201"}, "1 2 3 4"),
        ({"StudyDate": "-20240131"}, "1 2 3"),
        ({"StudyDate": "20240201-"}, "4"),
        ({"StudyDate": Empty()}, "5"),
        ({"StudyTime": "2230"}, "1 2"),
        ({"StudyTime": "223000.0"}, "1 2"),
        ({"StudyTime": "22"}, ""),
        ({"StudyTime": "22-22"}, "1 2 3"),
        ({"StudyTime": "-2230"}, "1 2 3 4"),
        ({"StudyTime": "0815-0816"}, "4"),
        ({"StudyTime": "08:15:30-"}, "1 2 3"),
        ({"StudyDate": "20240131-20240201", "StudyTime": "08-12"}, "4"),
        ({"AcquisitionDateTime": "20240131223000.5"}, "1"),
        ({"AcquisitionDateTime": "20240101-20240131"}, "1"),
    ],
)
def test_dates_and_times_are_matched_by_what_they_mean(pacs: Pacs, keys: dict[str, Any], expected: str) -> None:
    add(
        pacs,
        {
            "StudyInstanceUID": "1",
            "StudyDate": "20240131",
            "StudyTime": "2230",
            "AcquisitionDateTime": "20240131223000.5+0700",
        },
        {"StudyInstanceUID": "2", "StudyDate": "20240131", "StudyTime": "223000.000"},
        {"StudyInstanceUID": "3", "StudyDate": "20240131", "StudyTime": "223000.000001"},
        {"StudyInstanceUID": "4", "StudyDate": "20240201", "StudyTime": "081500"},
        {"StudyInstanceUID": "5"},
    )
    assert found(pacs, ask(**keys)) == expected.split()
    assert sorted(found(pacs, replace(ask(**keys), newest_first=True))) == expected.split()


def test_numbers_are_matched_as_numbers(pacs: Pacs) -> None:
    add(
        pacs, {"SOPInstanceUID": "1", "InstanceNumber": 7}, {"SOPInstanceUID": "2", "InstanceNumber": None, "Rows": 512}
    )
    assert found(pacs, ask(Level.IMAGE, InstanceNumber="007")) == ["1"]
    assert found(pacs, ask(Level.IMAGE, InstanceNumber=AnyOf(("8", "7")))) == ["1"]
    assert found(pacs, ask(Level.IMAGE, InstanceNumber=Empty())) == ["2"]
    assert found(pacs, ask(Level.IMAGE, Rows="512")) == ["2"]


@pytest.fixture
def three_patients(pacs: Pacs) -> Pacs:
    """A: study 1 with CT series 1.1 (two images) and SR series 1.2, study 2 with MR series 2.1.  B: study 3.  C: 4."""
    a = {"PatientName": "A", "PatientID": "A1", "StudyInstanceUID": "1", "StudyDate": "20240101"}
    ct = {"SeriesInstanceUID": "1.1", "Modality": "CT", "SeriesDescription": "axial"}
    sr = {"SeriesInstanceUID": "1.2", "Modality": "SR", "SeriesDescription": "report", "SOPClassUID": "1.9"}
    mr = {"SeriesInstanceUID": "2.1", "Modality": "MR", "StudyInstanceUID": "2", "SOPInstanceUID": "2.1.1"}
    add(
        pacs,
        {**a, **ct, "SOPInstanceUID": "1.1.1", "InstanceNumber": 1},
        {**a, **ct, "SOPInstanceUID": "1.1.2", "InstanceNumber": 2},
        {**a, **sr, "SOPInstanceUID": "1.2.1"},
        {**a, **mr, "StudyDate": "20240201"},
        {"PatientID": "B1", "StudyInstanceUID": "3", "SeriesInstanceUID": "3.1", "SOPInstanceUID": "3.1.1"},
        {"PatientID": "C1", "StudyInstanceUID": "4", "SeriesInstanceUID": "4.1", "SOPInstanceUID": "4.1.1"},
    )
    return pacs


@pytest.mark.parametrize(
    ("level", "keys", "expected"),
    [
        (Level.PATIENT, {}, "A1 B1 C1"),
        (Level.PATIENT, {"StudyDate": "20240101-"}, "A1"),
        (Level.PATIENT, {"Modality": "MR", "StudyDate": "20240101"}, ""),
        (Level.PATIENT, {"Modality": "MR", "StudyDate": "20240201"}, "A1"),
        (Level.PATIENT, {"SOPInstanceUID": "3.1.1"}, "B1"),
        (Level.PATIENT, {"NumberOfPatientRelatedStudies": "2"}, "A1"),
        (Level.STUDY, {"PatientID": "A1"}, "1 2"),
        (Level.STUDY, {"ModalitiesInStudy": "SR"}, "1"),
        (Level.STUDY, {"ModalitiesInStudy": "SR\\MR"}, "1 2"),
        (Level.STUDY, {"ModalitiesInStudy": "?R"}, "1 2"),
        (Level.STUDY, {"ModalitiesInStudy": Single("CT\\SR")}, ""),
        (Level.STUDY, {"SOPClassesInStudy": "1.9"}, "1"),
        (Level.STUDY, {"Modality": "CT"}, "1"),
        (Level.STUDY, {"Modality": "CT", "SeriesDescription": "report"}, ""),
        (Level.STUDY, {"Modality": "CT", "SOPInstanceUID": "1.2.1"}, ""),
        (Level.STUDY, {"SeriesInstanceUID": "1.2\\2.1"}, "1 2"),
        (Level.STUDY, {"NumberOfStudyRelatedInstances": "3"}, "1"),
        (Level.SERIES, {"PatientID": "A1"}, "1.1 1.2 2.1"),
        (Level.SERIES, {"StudyInstanceUID": "1", "Modality": "C*"}, "1.1"),
        (Level.SERIES, {"InstanceNumber": "2"}, "1.1"),
        (Level.SERIES, {"PatientName": "a*"}, "1.1 1.2 2.1"),
        (Level.IMAGE, {"PatientName": "a", "ModalitiesInStudy": "CT"}, "1.1.1 1.1.2 1.2.1"),
        (Level.IMAGE, {"SeriesInstanceUID": "1.1", "InstanceNumber": "2"}, "1.1.2"),
        (Level.IMAGE, {"StudyInstanceUID": "1\\4"}, "1.1.1 1.1.2 1.2.1 4.1.1"),
        (Level.IMAGE, {"AvailableTransferSyntaxUID": "1.2.840.10008.1.2"}, ""),
    ],
)
def test_keys_of_every_level_can_be_asked_at_every_level(
    three_patients: Pacs, level: Level, keys: dict[str, Any], expected: str
) -> None:
    assert found(three_patients, ask(level, **keys)) == expected.split()


def test_answers_hold_what_was_included_in_that_order(three_patients: Pacs) -> None:
    include = "NumberOfStudyRelatedSeries PatientID Modality SopX StudyInstanceUID NumberOfPatientRelatedInstances"
    answers = find(three_patients, SYSTEM, ask(include=include, PatientID="A1"))

    assert [attribute.keyword for attribute in answers.attributes] == [
        "NumberOfStudyRelatedSeries",
        "PatientID",
        "StudyInstanceUID",
        "NumberOfPatientRelatedInstances",
    ]
    assert list(answers) == [(2, "A1", "1", 4), (1, "A1", "2", 4)]


@pytest.mark.parametrize("level", Level)
def test_every_attribute_can_be_returned_at_or_below_its_level(three_patients: Pacs, level: Level) -> None:
    include = " ".join(attribute.path for attribute in ATTRIBUTES)
    answers = find(three_patients, SYSTEM, ask(level, include=include))

    assert answers.attributes == tuple(attribute for attribute in ATTRIBUTES if attribute.level <= level)
    assert {len(row) for row in answers} == {len(answers.attributes)}
    assert {type(value) for row in answers for value in row} <= {str, int, type(None)}


def test_counts_are_of_what_the_patient_has(three_patients: Pacs) -> None:
    numbers = "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances"
    everything = ask(Level.PATIENT, include=f"PatientID {numbers}")
    assert list(find(three_patients, SYSTEM, everything)) == [("A1", 2, 3, 4), ("B1", 1, 1, 1), ("C1", 1, 1, 1)]
    assert list(find(three_patients, who_sees("2", "3"), everything)) == [("A1", 1, 1, 1), ("B1", 1, 1, 1)]


@pytest.mark.parametrize(
    ("level", "keys", "expected"),
    [
        (Level.PATIENT, {}, "A1 B1"),
        (Level.PATIENT, {"StudyDate": "20240101"}, ""),
        (Level.PATIENT, {"Modality": "MR"}, "A1"),
        (Level.STUDY, {}, "2 3"),
        (Level.STUDY, {"StudyInstanceUID": "1\\2"}, "2"),
        (Level.STUDY, {"SOPInstanceUID": "1.1.1"}, ""),
        (Level.SERIES, {}, "2.1 3.1"),
        (Level.IMAGE, {"PatientName": "a"}, "2.1.1"),
    ],
)
def test_an_actor_finds_only_the_studies_he_may_know_of(
    three_patients: Pacs, level: Level, keys: dict[str, Any], expected: str
) -> None:
    assert found(three_patients, ask(level, **keys), who_sees("2", "3", "9")) == expected.split()
    assert found(three_patients, ask(level, **keys), who_sees()) == []


def test_who_may_not_query_is_told_so(pacs: Pacs) -> None:
    nobody = Actor("peer", "MODALITY", permissions=frozenset(("store",)))
    with pytest.raises(NotAllowed):
        find(pacs, nobody, ask())
    with pytest.raises(NotAllowed):
        count(pacs, nobody, ask())


def test_only_the_current_version_of_an_instance_is_found(pacs: Pacs) -> None:
    one = {"StudyInstanceUID": "1", "SeriesInstanceUID": "1.1", "SOPInstanceUID": "1.1.1", "PatientID": "A"}
    add(pacs, {**one, "InstanceNumber": 2}, {**one, "InstanceNumber": 1, "current": False})

    assert found(pacs, ask(Level.IMAGE, include="InstanceNumber")) == [2]
    assert found(pacs, ask(Level.STUDY, InstanceNumber="1")) == []
    assert found(pacs, ask(Level.SERIES, SOPInstanceUID="1.1.1", InstanceNumber="1")) == []
    assert found(pacs, ask(Level.PATIENT, include="NumberOfPatientRelatedInstances")) == [1]


def test_ten_thousand_uids_can_be_asked_for_at_once(pacs: Pacs) -> None:
    add(pacs, *({"StudyInstanceUID": f"1.2.{number}"} for number in (5, 7, 20_000)))
    uids = tuple(f"1.2.{number}" for number in range(10_000))
    assert found(pacs, ask(StudyInstanceUID=AnyOf(uids))) == ["1.2.5", "1.2.7"]
    assert found(pacs, ask(Level.IMAGE, include="StudyInstanceUID", StudyInstanceUID=AnyOf(uids))) == ["1.2.5", "1.2.7"]


def test_what_no_database_could_hold_is_no_question(pacs: Pacs) -> None:
    with pytest.raises(InvalidQuery):
        found(pacs, ask(StudyDescription=Single("a\0b")))


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES])
def test_pages_follow_each_other_without_gap_or_repetition(pacs: Pacs, level: Level, newest_first: bool) -> None:
    fill(pacs.database, studies=1203)
    settle(pacs.database)
    query = replace(
        ask(level, include=f"StudyDate StudyTime {UNIQUE_KEY[level]} PatientName"), newest_first=newest_first
    )

    everything = list(find(pacs, SYSTEM, query))

    assert len({row[2] for row in everything}) == len(everything) == count(pacs, SYSTEM, query) >= 1203
    if newest_first:
        assert [row[:2] for row in everything] == sorted((row[:2] for row in everything), reverse=True)
    assert list(find(pacs, SYSTEM, replace(query, offset=3, limit=1000))) == everything[3:1003]
    assert list(find(pacs, SYSTEM, replace(query, limit=0))) == []
    dang = replace(query, matches={"PatientName": Wildcard("N*")})
    assert list(find(pacs, SYSTEM, dang)) == [row for row in everything if str(row[3]).startswith("N")]


def test_no_transaction_is_open_while_the_one_who_asked_is_slow(pacs: Pacs) -> None:
    fill(pacs.database, studies=600)
    answers = iter(find(pacs, SYSTEM, ask()))
    next(answers)

    if pacs.database.is_sqlite:
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"  # refused while anyone reads
        with pacs.database.read() as connection:
            connection.exec_driver_sql("COMMIT")
            assert connection.exec_driver_sql(checkpoint).one() == (0, 0, 0)
    else:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
        with pacs.database.read() as connection:
            assert connection.scalar(text(idle)) == 0
    assert len(list(answers)) == 599


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyInstanceUID": "1.2"},
        {"StudyInstanceUID": "1.2\\1.3"},
        {"SeriesInstanceUID": "1.2"},
        {"SOPInstanceUID": "1.2"},
        {"PatientID": "1"},
        {"PatientID": "1*"},
        {"AccessionNumber": "1"},
        {"StudyID": "1"},
        {"StudyDate": "20240101-20240131"},
        {"PatientName": "NGUYEN*"},
        {"PatientName": "NGUYEN^AN"},
        {"PatientName": Words(("an", "dao"))},
        {"PatientName": Words(("an",)), "StudyDescription": "*a*", "ReferringPhysicianName": "*a*"},
    ],
)
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("index", ["sqlite"], indirect=True)  # PostgreSQL walks a small table, and rightly
def test_what_has_an_index_is_never_looked_for_row_by_row(pacs: Pacs, level: Level, keys: dict[str, Any]) -> None:
    plans = plans_of(pacs, ask(level, **keys))
    assert plans
    assert not [step for step in plans if step.startswith("SCAN") and step.split()[1] in metadata.tables]


def plans_of(pacs: Pacs, query: Query) -> list[str]:
    """What SQLite says of each statement that answering takes."""
    statements: list[tuple[str, Any]] = []
    with pacs.database.read() as connection:
        engine = connection.engine

    def remember(connection: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    list(find(pacs, SYSTEM, query))
    event.remove(engine, "before_cursor_execute", remember)
    with pacs.database.read() as connection:
        return [
            step[3]
            for statement, parameters in statements
            if statement.startswith("SELECT")
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


WORDS = ("an", "ĐÀO", "dao", "Nguyễn", "a%", "_b", "[c]", "", "=", "^", "é")
names = st.lists(st.sampled_from(WORDS), max_size=4).map(lambda words: "^".join(words).strip())
texts = st.text("abA%_[]^-é ", max_size=4).map(str.strip)
dates = st.sampled_from(("", "20240131", "20240201", "20231231", "2024", "2024.01.31"))
times = st.sampled_from(("", "08", "0830", "083000", "083000.5", "235959.999999"))
uids = st.sampled_from(("1.2", "1.2.3", "1.3"))
numbers = st.sampled_from((None, 0, 1, 2, 10))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "PatientName": names,
    "PatientID": texts,
    "PatientBirthDate": dates,
    "StudyDate": dates,
    "StudyTime": times,
    "AccessionNumber": texts,
    "ReferringPhysicianName": names,
    "StudyDescription": texts,
    "Modality": st.sampled_from(("CT", "MR", "SR", "")),
    "SeriesNumber": numbers,
    "SeriesDescription": texts,
    "OperatorsName": st.lists(names, max_size=2).map("\\".join),
    "SOPClassUID": uids,
    "InstanceNumber": numbers,
    "ContentTime": times,
    "Rows": numbers,
    "PatientWeight": st.sampled_from(("", "70", "070.0", "7E1", "-1", "x", ".5")),
    "ImageType": st.lists(texts, max_size=3).map("\\".join),
    "OtherPatientNames": st.lists(names, max_size=2).map("\\".join),
    "TimezoneOffsetFromUTC": st.sampled_from(("", "+0700", "-0330", "?")),
}
CODES = {
    "CodeValue": st.sampled_from(("T1", "T2", "T%", "")),
    "CodingSchemeDesignator": st.sampled_from(("DCM", "99%", "")),
    "CodeMeaning": texts,
}
rows = st.fixed_dictionaries(
    {
        **VALUES,
        "StudyInstanceUID": st.sampled_from(("1.1", "1.2", "1.3")),
        "SeriesInstanceUID": st.sampled_from(("1.1.1", "1.2.1", "1.3.1", "1.4.1")),
        "ProcedureCodeSequence": st.lists(st.fixed_dictionaries(CODES), max_size=3).map(
            lambda items: json.dumps(items, ensure_ascii=False) if items else ""
        ),
    }
)


@st.composite
def keys(draw: st.DrawFn) -> tuple[str, Match]:
    """A key of any kind whose values are likely to meet something."""
    values = {"ModalitiesInStudy": VALUES["Modality"], "SOPClassesInStudy": uids, "StudyInstanceUID": uids}
    values |= {f"ProcedureCodeSequence.{keyword}": value for keyword, value in CODES.items()}
    path = draw(st.sampled_from([*VALUES, *values]))
    attribute = BY_PATH[path]
    value = draw({**VALUES, **values}[path].map(lambda value: "" if value is None else str(value)))
    kinds = ["single", "list", "empty"]
    if attribute.vr == "PN":
        kinds += ["words", "wildcard"]
    elif attribute.vr in ("DA", "TM"):
        kinds += ["range"]
    elif attribute.vr not in (*NUMBER_VRS, "DS"):
        kinds += ["wildcard"]
    if attribute.is_multi_valued:
        kinds += ["all"]
    match draw(st.sampled_from(kinds)):
        case "wildcard":
            cut, joker = draw(st.integers(0, len(value))), draw(st.sampled_from("*?"))
            return path, Wildcard(value[:cut] + joker + value[cut + draw(st.integers(0, 1)) :])
        case "list":
            return path, parsed(attribute, [value, *draw(st.lists(st.just(value) | uids, max_size=2))])
        case "all":
            return path, parsed(attribute, value.split("\\")[::-1], Rules(multiple=True))
        case "words":
            return path, Words(tuple(word[: draw(st.integers(0, 3))] for word in folded(value).split()))
        case "range":
            ends = [f"{value}-", f"-{value}", f"{value}-{value}"]
            return path, parsed(attribute, [draw(st.sampled_from(ends))])
        case "empty":
            return path, Empty()
        case _:
            return path, parsed(attribute, [value])


def parsed(attribute: Attribute, values: list[str], rules: Rules = LITERAL) -> Match:
    try:
        return parse_match(attribute, values, rules)
    except InvalidQuery:
        return Universal()


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(rows, min_size=1, max_size=6),
    st.lists(st.lists(keys(), max_size=3), min_size=1, max_size=12),
    st.sampled_from(("", "", "+0000", "+0700", "-1200")),
)
def test_sql_agrees_with_the_plain_matcher(
    pacs: Pacs, kept: list[dict[str, Any]], questions: list[list[tuple[str, Match]]], offset: str
) -> None:
    with pacs.database.write() as connection:
        remove_everything(connection)
        for row in kept:
            add_instance(connection, **row)
    everything = stored_rows(pacs)
    for number, question in enumerate(questions):
        level = Level(number % 4)
        asked = combined(dict(question)) if number % 2 else dict(question)
        asked = zoned(asked, offset) if offset else asked
        query = Query(level, asked, (UNIQUE_KEY[level],), newest_first=number % 3 == 0)
        expected = {row[f"{TABLES[level].name} pk"] for row in everything if is_answer(query, row)}
        assert count(pacs, SYSTEM, query) == len(expected), query
        assert len(list(find(pacs, SYSTEM, query))) == len(expected), query


def stored_rows(pacs: Pacs) -> list[dict[str, Any]]:
    """What is stored, by path, a row for each instance, with the keys of the rows above."""
    attributes = [attribute for attribute in ATTRIBUTES if "NumberOfPatient" not in attribute.keyword]
    attributes = [attribute for attribute in attributes if attribute.keyword != "AvailableTransferSyntaxUID"]
    columns = [TABLES[attribute.level].c[attribute.column].label(attribute.path) for attribute in attributes]
    pks = [table.c.pk.label(f"{table.name} pk") for table in TABLES.values()]
    with pacs.database.read() as connection:
        statement = select(*columns, *pks).select_from(instance.join(series).join(study).join(patient))
        return [dict(row) for row in connection.execute(statement).mappings()]
