"""The same UID again, another patient, no patient: every rule, on both databases, through the way in."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian, RLELossless

from pacs.context import Pacs
from pacs.errors import IdentityConflict, PatientConflict, SeriesConflict
from pacs.index.session import Database
from pacs.index.tables import attention, audit, patient, study
from pacs.settings import Settings
from storage import open_store
from tests.archive.kept import actions, assert_sound, flags, kept, object_keys, rows_of, send, upload, wait_until
from tests.make import data_set_bytes, make_ct, make_uid


@pytest.fixture
def pacs(tmp_path: Path, database_url: str) -> Iterator[Pacs]:
    """Files, and each kind of database."""
    settings = Settings(data=tmp_path / "data", database=database_url)
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    yield Pacs(settings, database, open_store(settings.objects, spool=settings.data / "spool"))
    database.close()


def altered(ds: Dataset, transfer_syntax_uid: str = "", **attributes: Any) -> Dataset:
    """A copy; keywords override."""
    other = deepcopy(ds)
    for keyword, value in attributes.items():
        setattr(other, keyword, value)
    other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
    if transfer_syntax_uid == RLELossless:
        other.compress(RLELossless, generate_instance_uid=False)
    elif transfer_syntax_uid:
        other.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
        other._read_implicit = None
    return other


def brightened(ds: Dataset) -> Dataset:
    return altered(ds, PixelData=bytes(len(ds.PixelData)))


def test_the_same_bytes_again_are_nothing_new(pacs: Pacs) -> None:
    ds = make_ct()

    assert send(pacs, ds).outcome == "new"
    assert send(pacs, ds).outcome == "again"
    assert upload(pacs, ds).outcome == "again"

    assert len(kept(pacs)) == 1
    assert actions(pacs) == {"stored": 1, "received-again": 2}
    assert not flags(pacs)
    assert_sound(pacs)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_the_same_content_in_another_transfer_syntax_is_nothing_new(pacs: Pacs, syntax: str) -> None:
    ds = make_ct()
    block = ds.private_block(0x0009, "FILMLESS TEST", create=True)
    block.add_new(0x01, "LO", "private")

    send(pacs, ds)
    first = kept(pacs)

    assert send(pacs, altered(ds, syntax)).outcome == "again"
    assert kept(pacs) == first
    assert actions(pacs)["received-again"] == 1
    assert_sound(pacs)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_other_pixels_in_another_transfer_syntax_are_a_version(pacs: Pacs, syntax: str) -> None:
    ds = make_ct()

    send(pacs, ds)

    assert send(pacs, altered(brightened(ds), syntax)).outcome == "version"
    assert send(pacs, altered(ds, syntax, StudyDescription="other")).outcome == "version"
    assert flags(pacs) == {"version": 2}
    assert_sound(pacs)


def test_other_content_is_kept_as_a_version_and_the_first_stays_current(pacs: Pacs) -> None:
    ds = make_ct()

    send(pacs, ds)
    assert send(pacs, brightened(ds)).outcome == "version"
    assert send(pacs, altered(ds, SeriesDescription="Coronal")).outcome == "version"
    assert send(pacs, brightened(ds)).outcome == "again"

    first, *versions = kept(pacs)
    assert first.current
    assert [version.current for version in versions] == [False, False]
    assert {row.object_key for row in rows_of(pacs, attention)} == {version.object_key for version in versions}
    assert flags(pacs) == {"version": 2}
    assert actions(pacs) == {"stored": 1, "version": 2, "received-again": 1}
    assert_sound(pacs)


CONFLICTS = [
    ("another series", {"SeriesInstanceUID": make_uid(8, 1)}, SeriesConflict),
    ("another study", {"StudyInstanceUID": make_uid(8, 2)}, SeriesConflict),
    ("another patient", {"PatientID": "1"}, PatientConflict),
    ("another issuer", {"IssuerOfPatientID": "OTHER"}, PatientConflict),
    ("no issuer", {"IssuerOfPatientID": ""}, PatientConflict),
    ("no patient", {"PatientID": ""}, PatientConflict),
    ("another letter case", {"PatientID": "0004123456a"}, PatientConflict),
    ("another patient in another study", {"PatientID": "1", "StudyInstanceUID": make_uid(8, 3)}, PatientConflict),
    ("another patient, known study", {"PatientID": "1", "SOPInstanceUID": make_uid(8, 4)}, PatientConflict),
    ("no patient, known study", {"PatientID": "", "SOPInstanceUID": make_uid(8, 5)}, PatientConflict),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in CONFLICTS], ids=[row[0] for row in CONFLICTS])
def test_what_contradicts_its_uids_goes_to_quarantine(
    pacs: Pacs, change: dict[str, str], expected: type[IdentityConflict]
) -> None:
    ds = make_ct(PatientID="0004123456A", IssuerOfPatientID="HIS")
    send(pacs, ds)
    before = kept(pacs), rows_of(pacs, patient), rows_of(pacs, study)
    other = altered(ds, **change)

    for _ in range(2):
        with pytest.raises(IdentityConflict) as refused:
            send(pacs, other)
        assert type(refused.value) is expected

    assert (kept(pacs), rows_of(pacs, patient), rows_of(pacs, study)) == before
    [flag] = rows_of(pacs, attention)
    assert flag.kind == ("series-conflict" if expected is SeriesConflict else "patient-conflict")
    assert flag.quarantined
    [key] = object_keys(pacs, "quarantine")
    assert key == f"quarantine/{flag.object_key}"
    assert hashlib.sha256(pacs.objects.get(key)).hexdigest() == flag.object_key
    assert actions(pacs) == {"stored": 1, "refused": 2}
    assert_sound(pacs)


def test_an_id_in_a_study_that_is_known_without_one_is_another_patient(pacs: Pacs) -> None:
    ds = make_ct(PatientID="")
    send(pacs, ds)

    with pytest.raises(PatientConflict):
        send(pacs, altered(ds, PatientID="1", SOPInstanceUID=make_uid()))


def test_one_sop_instance_uid_in_two_studies_without_a_patient_is_a_matter_of_the_study(pacs: Pacs) -> None:
    ds = make_ct(PatientID="")
    send(pacs, ds)

    with pytest.raises(SeriesConflict):
        send(pacs, altered(ds, StudyInstanceUID=make_uid()))


def test_an_empty_patient_id_is_a_patient_of_one_study(pacs: Pacs) -> None:
    one, other = make_ct(PatientID=""), make_ct(PatientID="  ", StudyInstanceUID=make_uid())

    for ds in (one, altered(one, SOPInstanceUID=make_uid()), other):
        assert send(pacs, ds).outcome == "new"

    assert len(rows_of(pacs, patient)) == 2
    assert flags(pacs) == {"no-patient-id": 2}
    assert {row.study_instance_uid for row in rows_of(pacs, attention)} == {
        one.StudyInstanceUID,
        other.StudyInstanceUID,
    }
    assert_sound(pacs)


SAME = [
    ("the same", {}, 1),
    ("spaces around the id", {"PatientID": " 0004123456 "}, 1),
    ("another issuer", {"IssuerOfPatientID": "OTHER"}, 2),
    ("another id", {"PatientID": "1"}, 2),
]


@pytest.mark.parametrize(("change", "patients"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_a_patient_is_an_id_and_its_issuer(pacs: Pacs, change: dict[str, str], patients: int) -> None:
    ds = make_ct()
    send(pacs, ds)

    send(pacs, altered(ds, SOPInstanceUID=make_uid(), StudyInstanceUID=make_uid(), **change))

    assert len(rows_of(pacs, patient)) == patients
    assert not flags(pacs)


DIFFERING = [
    ({"PatientName": "NGUYỄN^THỊ ÁNH ĐAO"}, "PatientName"),
    ({"PatientName": "Nguyễn^Thị Ánh Đào^^"}, ""),
    ({"PatientName": ""}, ""),
    ({"PatientBirthDate": "19850413"}, "PatientBirthDate"),
    ({"PatientSex": "M", "PatientBirthDate": "19850413"}, "PatientBirthDate, PatientSex"),
]


@pytest.mark.parametrize(("change", "expected"), DIFFERING)
def test_demographics_that_differ_are_flagged_once_and_change_no_patient(
    pacs: Pacs, change: dict[str, str], expected: str
) -> None:
    ds = make_ct()
    send(pacs, ds)
    before = rows_of(pacs, patient)

    for _ in range(2):
        assert send(pacs, altered(ds, SOPInstanceUID=make_uid(), **change)).outcome == "new"

    assert rows_of(pacs, patient) == before
    assert [(row.kind, row.detail) for row in rows_of(pacs, attention)] == (
        [("demographics", expected)] if expected else []
    )
    assert_sound(pacs)


def test_no_patients_data_stands_in_audit_or_attention(pacs: Pacs) -> None:
    ds = make_ct()
    send(pacs, ds)
    send(pacs, brightened(ds))
    send(pacs, altered(ds, SOPInstanceUID=make_uid(), PatientName="OTHER^NAME", PatientBirthDate="20001231"))
    with pytest.raises(PatientConflict):
        send(pacs, altered(ds, PatientID="987654"))

    told = "\n".join(map(str, rows_of(pacs, audit) + rows_of(pacs, attention)))

    for secret in ("NGUY", "OTHER^NAME", "0004123456", "987654", "19850314", "20001231"):
        assert secret not in told


def all_at_once(pacs: Pacs, instances: list[Dataset]) -> list[str]:
    """The outcome of each; all of them wait for their rows before the first has some, so that they share a batch."""

    def outcome_of(ds: Dataset) -> str:
        try:
            return send(pacs, ds).outcome
        except IdentityConflict:
            return "refused"

    distinct = len({data_set_bytes(ds) for ds in instances})
    with ThreadPoolExecutor(len(instances)) as senders:
        with pacs.database.write():
            answers = [senders.submit(outcome_of, ds) for ds in instances]
            wait_until(lambda: len(object_keys(pacs)) == distinct)
        return [answer.result() for answer in answers]


def test_of_many_contents_sent_at_once_one_is_current_and_all_are_kept(pacs: Pacs) -> None:
    ds = make_ct()
    contents = [altered(ds, SeriesDescription=f"content {number}") for number in range(8)]

    outcomes = all_at_once(pacs, contents * 2)

    assert Counter(outcomes) == {"new": 1, "version": 7, "again": 8}
    assert len(kept(pacs)) == 8
    assert flags(pacs) == {"version": 7}
    assert_sound(pacs)


def test_of_patients_who_claim_one_study_at_once_one_has_it(pacs: Pacs) -> None:
    claims = [make_ct(PatientID=str(number % 4)) for number in range(16)]

    outcomes = all_at_once(pacs, claims)

    assert Counter(outcomes) == {"new": 4, "refused": 12}
    assert len({row.patient_id for row in kept(pacs)}) == 1
    assert len(object_keys(pacs, "quarantine")) == 12
    assert flags(pacs) == {"patient-conflict": 12}
    assert_sound(pacs)
