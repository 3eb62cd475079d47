"""What a person corrects is found, and what he revokes is as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pacs.archive import correct, recovery
from pacs.archive.find import find
from pacs.archive.listing import search_studies
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.query import Query, Single
from pacs.dicom.vietnamese import LEGACY_SETS, encode
from pacs.errors import InvalidQuery, NotAllowed, NotFound
from pacs.index import tables
from tests.archive.kept import send
from tests.make import make_ct, make_uid
from tests.reliability.sender import open_pacs

RIGHT = "NGUYỄN^THỊ ÁNH ĐÀO"
GLUED = "NGUYEN^THI ANH DAO45T"
KEYS = (
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyDescription",
    "ReferringPhysicianName",
)
ROWS = (tables.patient, tables.name_form, tables.study, tables.series, tables.instance)
OURS = {"corrections", "changed_at", "revision"}


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Iterator[Pacs]:
    """A PACS on each kind of database."""
    pacs = open_pacs(tmp_path / "data", database_url)
    pacs.database.migrate()
    yield pacs
    pacs.objects.close()
    pacs.database.close()


def make_legacy(character_set: str, **attributes: Any) -> Any:
    """A CT whose text is in a legacy set, and is declared as Latin-1."""
    texts = {"PatientName": RIGHT, "ReferringPhysicianName": "TRẦN^VĂN AN", "StudyDescription": "CHỤP NGỰC"}
    texts |= {"SeriesDescription": "PHỔI", "InstitutionName": "BỆNH VIỆN HUYỆN"}
    told = {keyword: encode(text, character_set).decode("latin_1") for keyword, text in texts.items()}
    return make_ct(SpecificCharacterSet="ISO_IR 100", **told | attributes)


def told(pacs: Pacs, uid: str) -> dict[str, Any]:
    """What is found of a study."""
    (row,) = find(pacs, SYSTEM, Query(Level.STUDY, {"StudyInstanceUID": Single(uid)}, KEYS))
    return dict(zip(KEYS, row, strict=True))


def rows(pacs: Pacs) -> dict[str, list[dict[str, Any]]]:
    """The index, without what says that it changed."""
    with pacs.database.read() as connection:
        return {
            table.name: [
                {key: value for key, value in row.items() if key not in OURS}
                for row in connection.execute(select(table)).mappings()
            ]
            for table in ROWS
        }


def revisions(pacs: Pacs) -> list[int]:
    with pacs.database.read() as connection:
        return list(connection.execute(select(tables.series.c.revision).order_by(tables.series.c.pk)).scalars())


def names_found(pacs: Pacs, words: str) -> int:
    return search_studies(pacs, SYSTEM, words, {}, 0, 10).total


def test_a_corrected_study_is_found_by_what_is_right(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED, StudyDescription="CT", SpecificCharacterSet=None, ReferringPhysicianName="X")
    send(pacs, ds)
    before, [revision] = rows(pacs), revisions(pacs)
    values = {"PatientName": RIGHT, "PatientBirthDate": "19790101", "PatientSex": "O", "AccessionNumber": "A-1"}
    values |= {"StudyDescription": "CT NGỰC", "ReferringPhysicianName": "TRẦN^VĂN AN"}

    pks = correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, list(values.items()))

    assert told(pacs, ds.StudyInstanceUID) == values
    assert names_found(pacs, "dao") == 1
    assert names_found(pacs, "dao45t") == 0
    assert revisions(pacs) == [revision + 1]
    for pk in reversed(pks):
        correct.revoke(pacs, SYSTEM, pk)
    assert rows(pacs) == before
    assert names_found(pacs, "dao45t") == 1


def test_a_name_is_corrected_in_all_studies_of_a_patient_and_in_those_to_come(pacs: Pacs) -> None:
    studies = [make_ct(PatientName=GLUED, StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid()) for _ in range(3)]
    other = make_ct(PatientName=GLUED, PatientID="other", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    for ds in (*studies[:2], other):
        send(pacs, ds)

    correct.correct(pacs, SYSTEM, studies[0].StudyInstanceUID, [("PatientName", RIGHT)])
    send(pacs, studies[2])

    assert [told(pacs, ds.StudyInstanceUID)["PatientName"] for ds in studies] == [RIGHT] * 3
    assert told(pacs, other.StudyInstanceUID)["PatientName"] == GLUED
    with pacs.database.read() as connection:
        digests = set(connection.execute(select(tables.study.c.corrections)).scalars())
        assert connection.execute(select(tables.attention.c.kind)).scalars().all() == []
    assert len(digests) == 2
    assert "" in digests


@pytest.mark.parametrize("character_set", LEGACY_SETS)
def test_legacy_text_is_suggested_and_read_right_once_a_person_agrees(pacs: Pacs, character_set: str) -> None:
    ds = make_legacy(character_set)
    send(pacs, ds)
    before = rows(pacs)

    (suggested,) = correct.corrections(pacs, SYSTEM, "suggested")
    assert (suggested.attribute, suggested.kept, suggested.value) == (
        "SpecificCharacterSet",
        "ISO_IR 100",
        character_set,
    )
    assert suggested.preview == RIGHT
    assert told(pacs, ds.StudyInstanceUID)["PatientName"] != RIGHT

    correct.apply(pacs, SYSTEM, suggested.pk)
    more = make_legacy(character_set, StudyInstanceUID=ds.StudyInstanceUID, SeriesInstanceUID=make_uid())
    send(pacs, more)

    now = told(pacs, ds.StudyInstanceUID)
    assert (now["PatientName"], now["ReferringPhysicianName"]) == (RIGHT, "TRẦN^VĂN AN")
    assert now["StudyDescription"] == "CHỤP NGỰC"
    assert [row["series_description"] for row in rows(pacs)["series"]] == ["PHỔI"] * 2
    assert names_found(pacs, "nguyen dao") == 1
    correct.revoke(pacs, SYSTEM, suggested.pk)
    after = rows(pacs)
    assert (after["patient"], after["series"][:1]) == (before["patient"], before["series"])
    assert after["series"][1]["series_description"] == after["series"][0]["series_description"] != "PHỔI"


def test_utf8_that_is_declared_as_latin_1_is_suggested(pacs: Pacs) -> None:
    ascii_only: dict[str, Any] = {"ReferringPhysicianName": "TRAN^VAN AN", "StudyDescription": "CT"}
    ds = make_ct(SpecificCharacterSet="ISO_IR 100", PatientName=RIGHT.encode().decode("latin_1"), **ascii_only)
    send(pacs, ds)

    (suggested,) = correct.corrections(pacs, SYSTEM, study_instance_uid=ds.StudyInstanceUID)

    assert (suggested.state, suggested.value) == ("suggested", "ISO_IR 192")
    assert told(pacs, ds.StudyInstanceUID)["PatientName"] == RIGHT


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"SpecificCharacterSet": None, "PatientName": GLUED, "ReferringPhysicianName": "X", "StudyDescription": "CT"},
        {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Buc^Jérôme", "StudyDescription": "Hôpital, tête"},
    ],
)
def test_nothing_is_suggested_for_what_is_right(pacs: Pacs, attributes: dict[str, Any]) -> None:
    if attributes.get("SpecificCharacterSet"):
        attributes = attributes | {"ReferringPhysicianName": "Müller^Jürgen"}
    send(pacs, make_ct(**attributes))

    assert correct.corrections(pacs, SYSTEM) == []


def test_corrections_outlive_the_index(anywhere: Pacs) -> None:
    pacs = anywhere
    legacy = make_legacy("TCVN3", PatientID="1", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    glued = make_ct(PatientName=GLUED, PatientID="2", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    dismissed = make_legacy("VNI", PatientID="3", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    for ds in (legacy, glued, dismissed):
        send(pacs, ds)
    second, first = correct.corrections(pacs, SYSTEM, "suggested")
    correct.apply(pacs, SYSTEM, first.pk)
    correct.dismiss(pacs, SYSTEM, second.pk)
    correct.correct(pacs, SYSTEM, glued.StudyInstanceUID, [("PatientName", RIGHT), ("AccessionNumber", "A-1")])
    before = [told(pacs, ds.StudyInstanceUID) for ds in (legacy, glued, dismissed)]

    recovery.reindex(pacs)

    assert [told(pacs, ds.StudyInstanceUID) for ds in (legacy, glued, dismissed)] == before
    assert [one["PatientName"] for one in before[:2]] == [RIGHT, RIGHT]
    assert correct.corrections(pacs, SYSTEM, "suggested") == []


def test_another_correction_takes_the_place_of_the_first(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED)
    send(pacs, ds)
    uid = ds.StudyInstanceUID

    (first,) = correct.correct(pacs, SYSTEM, uid, [("PatientName", "A^B")])
    (second,) = correct.correct(pacs, SYSTEM, uid, [("PatientName", RIGHT)])

    states = {one.pk: (one.state, one.kept) for one in correct.corrections(pacs, SYSTEM)}
    assert states == {first: ("revoked", GLUED), second: ("applied", GLUED)}
    correct.apply(pacs, SYSTEM, first)
    assert told(pacs, uid)["PatientName"] == "A^B"
    correct.revoke(pacs, SYSTEM, first)
    assert told(pacs, uid)["PatientName"] == GLUED


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("PatientID", "1", "to give it to another patient is no correction"),
        ("IssuerOfPatientID", "1", "to give it to another patient is no correction"),
        ("Modality", "CT", "cannot be corrected"),
        ("PatientName", "", "not empty"),
        ("PatientName", "A\\B", "no backslash"),
        ("PatientName", "a" * 65, "64 characters"),
        ("PatientBirthDate", "19850231", "YYYYMMDD"),
        ("PatientBirthDate", "1985-02-03", "YYYYMMDD"),
        ("PatientSex", "X", "M, F, O"),
        ("AccessionNumber", "1" * 17, "16"),
        ("StudyDescription", "x" * 65, "64"),
        ("SpecificCharacterSet", "VISCII", "TCVN3"),
    ],
)
def test_what_cannot_be_corrected_is_refused_in_words(pacs: Pacs, attribute: str, value: str, words: str) -> None:
    ds = make_ct()
    send(pacs, ds)
    before = rows(pacs)

    with pytest.raises(InvalidQuery, match=words):
        correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("StudyDescription", "CT"), (attribute, value)])

    assert rows(pacs) == before
    assert correct.corrections(pacs, SYSTEM) == []


def test_decisions_need_a_right_a_study_and_a_state(pacs: Pacs) -> None:
    ds = make_ct()
    send(pacs, ds)
    (pk,) = correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientSex", "M")])

    with pytest.raises(InvalidQuery, match="applied"):
        correct.dismiss(pacs, SYSTEM, pk)
    with pytest.raises(NotFound):
        correct.revoke(pacs, SYSTEM, pk + 1)
    with pytest.raises(NotFound):
        correct.correct(pacs, SYSTEM, make_uid(), [("PatientSex", "M")])
    reader = Actor("person", "reader", permissions=frozenset(("query", "retrieve")))
    with pytest.raises(NotAllowed):
        correct.revoke(pacs, reader, pk)
    with pytest.raises(NotAllowed):
        correct.corrections(pacs, reader)
