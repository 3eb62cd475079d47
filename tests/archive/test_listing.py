"""The study list: what people type finds what they mean, on every database."""

from collections.abc import Iterator

import pytest

from pacs.archive.listing import meanings_of, search_studies, study_summary
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.query import AnyOf, Match, Range, Wildcard, Words
from pacs.errors import NotAllowed, NotFound
from pacs.index.session import Database
from pacs.settings import Settings
from storage.memory import MemoryStore
from tests.archive.rows import add_instance

STUDIES = (
    ("1.1", "NGUYỄN^THỊ ÁNH ĐÀO", "0004001", "A100", "20261101", "CT"),
    ("1.2", "TRẦN^VĂN AN", "0004002", "A200", "20261102", "MR"),
    ("1.3", "Nguyen^Van 2^AN", "0005003", "0004X", "20261103", "CT"),
)


@pytest.fixture
def listed(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    database = Database(database_url)
    database.migrate()
    with database.write() as connection:
        for study, name, number, accession, day, modality in STUDIES:
            add_instance(
                connection,
                StudyInstanceUID=study,
                PatientName=name,
                PatientID=number,
                AccessionNumber=accession,
                StudyDate=day,
                Modality=modality,
                Rows=8,
                NumberOfFrames=3,
            )
    yield Pacs(Settings(data=tmp_path_factory.mktemp("data")), database, MemoryStore())
    database.close()


def found(pacs: Pacs, text: str, actor: Actor = SYSTEM, **filters: Match) -> list[str]:
    page = search_studies(pacs, actor, text, filters, 0, 10)
    assert page.total == len(page.studies)
    return [study["study_instance_uid"] for study in page.studies]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1.3", "1.2", "1.1"]),
        ("nguyễn", ["1.3", "1.1"]),
        ("an", ["1.3", "1.2", "1.1"]),
        ("đào thị", ["1.1"]),
        ("0004", ["1.3", "1.2", "1.1"]),
        ("0004x", ["1.3"]),
        ("a1", ["1.1"]),
        ("nguyen 0005", ["1.3"]),
        ("van 2", ["1.3"]),
        ("%", []),
    ],
)
def test_what_is_typed_is_the_beginning_of_a_name_or_a_number(listed: Pacs, text: str, expected: list[str]) -> None:
    assert found(listed, text) == expected


def test_filters_hold_for_every_meaning(listed: Pacs) -> None:
    assert found(listed, "0004", StudyDate=Range("20261102", None)) == ["1.3", "1.2"]
    assert found(listed, "0004", Modality=AnyOf(("MR",))) == ["1.2"]


@pytest.mark.parametrize("text", ["", "0004"])
def test_a_page_tells_how_many_there_are_before_and_behind_it(listed: Pacs, text: str) -> None:
    def page(offset: int, limit: int) -> tuple[list[str], int]:
        answer = search_studies(listed, SYSTEM, text, {}, offset, limit)
        return [study["study_instance_uid"] for study in answer.studies], answer.total

    assert page(0, 1) == (["1.3"], 3)
    assert page(1, 5) == (["1.2", "1.1"], 3)
    assert page(9, 1) == ([], 3)


def test_nobody_learns_of_a_study_he_may_not_know_of(listed: Pacs) -> None:
    guest = Actor("link", "guest", permissions=frozenset(("query",)), studies=frozenset(("1.2",)))

    assert found(listed, "", guest) == ["1.2"]
    assert found(listed, "0004", guest) == ["1.2"]
    assert study_summary(listed, guest, "1.2")["patient_id"] == "0004002"
    with pytest.raises(NotFound):
        study_summary(listed, guest, "1.1")
    with pytest.raises(NotAllowed):
        search_studies(listed, Actor("person", "nobody"), "0004", {}, 0, 10)


def test_a_study_counts_the_frames_of_each_series(listed: Pacs) -> None:
    with listed.database.write() as connection:
        same = {"StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.9", "SeriesNumber": 9}
        add_instance(connection, **same, Rows=8)
        add_instance(connection, **same, Rows=8, NumberOfFrames=4)
        add_instance(connection, **same)
        add_instance(connection, **same, Rows=8, current=False)

    series = {one["series_instance_uid"]: one for one in study_summary(listed, SYSTEM, "1.1")["series"]}

    assert series["1.1.9"]["number_of_frames"] == 5


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("  ", [{}]),
        ("Ánh Nguyễn", [{"PatientName": Words(("nguyen", "anh"))}]),
        ("12", [{"PatientName": Words(("12",))}, {"PatientID": Wildcard("12*")}, {"AccessionNumber": Wildcard("12*")}]),
    ],
)
def test_a_text_may_mean_several_things(text: str, meanings: list[dict[str, Match]]) -> None:
    assert meanings_of(text) == meanings
