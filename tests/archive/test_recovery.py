"""What a crash, a disk or a person did to the store is found, finished or told; the index comes back from objects."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from sqlalchemy import delete

from pacs import audit
from pacs.archive.ingest import ingest
from pacs.archive.recovery import Report, check, recover, reindex
from pacs.context import SYSTEM, Pacs
from pacs.errors import IdentityConflict, PacsError, PatientConflict
from pacs.index.session import Database
from pacs.index.tables import account, attention, instance, name_form, patient, series, study
from scripts.s3_server import S3Server
from storage import open_store
from tests.archive.kept import actions, assert_sound, flags, kept, object_keys, rows_of, send
from tests.conftest import CORPUS, manifest
from tests.make import make_ct, make_uid


def path_of(pacs: Pacs, key: str) -> Path:
    return pacs.settings.data / "objects" / key[:2] / key


def set_clock_of_objects(pacs: Pacs, keys: list[str]) -> None:
    """As if they had been kept a second apart, in this order: a disk's clock may tick too slowly to tell."""
    for second, key in enumerate(keys):
        os.utime(path_of(pacs, key), (second, second))


def forget_rows(pacs: Pacs) -> None:
    """As if the process had died before it committed."""
    with pacs.database.write() as connection:
        for table in (name_form, instance, series, study, patient):
            connection.execute(delete(table))


def instances_of_a_day() -> list[Dataset]:
    """Two patients, three studies, a second content for one UID, and one whose patient is empty."""
    return [
        make_ct(),
        make_ct(SOPInstanceUID=make_uid(), SeriesInstanceUID=make_uid(2, 2)),
        make_ct(SOPInstanceUID=make_uid(), StudyInstanceUID=make_uid(2, 3), PatientID="7", PatientName="B"),
        twice := make_ct(SOPInstanceUID=make_uid()),
        make_ct(SOPInstanceUID=twice.SOPInstanceUID, SeriesDescription="another content"),
        make_ct(SOPInstanceUID=make_uid(), StudyInstanceUID=make_uid(2, 4), PatientID=""),
    ]


def test_a_store_that_nothing_happened_to_is_clean(pacs: Pacs) -> None:
    for ds in instances_of_a_day():
        send(pacs, ds)
    before = kept(pacs), flags(pacs), actions(pacs)

    reports = recover(pacs), check(pacs, digests=True)

    assert all(report.is_clean and report.objects == 6 for report in reports)
    assert (kept(pacs), flags(pacs), actions(pacs)) == before


def test_objects_without_rows_are_adopted(pacs: Pacs) -> None:
    for ds in instances_of_a_day():
        send(pacs, ds)
    before, flagged = kept(pacs), flags(pacs)
    set_clock_of_objects(pacs, [row.object_key for row in before])
    forget_rows(pacs)

    report = recover(pacs)

    assert sorted(report.adopted) == sorted(report.without_row) == sorted(row.object_key for row in before)
    assert sorted(kept(pacs)) == sorted(before)
    assert flags(pacs) == flagged
    assert actions(pacs) == {"stored": 5, "version": 1, "adopted": 6}
    assert recover(pacs).adopted == []
    assert_sound(pacs)


def test_an_object_that_contradicts_what_is_kept_is_adopted_into_quarantine(pacs: Pacs) -> None:
    send(pacs, make_ct(PatientID="another"))
    [foreign] = [pacs.objects.get(key) for key in object_keys(pacs)]
    [key] = object_keys(pacs)
    forget_rows(pacs)
    pacs.objects.delete(key)
    send(pacs, make_ct(SOPInstanceUID=make_uid()))
    pacs.objects.put(key, foreign)

    assert recover(pacs).adopted == [key]

    assert object_keys(pacs, "quarantine") == {f"quarantine/{key}"}
    assert flags(pacs) == {"patient-conflict": 1}
    assert_sound(pacs)


def test_an_object_that_is_no_instance_is_flagged_once_and_left_where_it_is(pacs: Pacs) -> None:
    key = "0" * 64
    pacs.objects.put(key, b"something else")

    for _ in range(2):
        report = recover(pacs)
        assert report.damaged == [key]
        assert not report.is_clean

    assert flags(pacs) == {"damaged": 1}
    assert object_keys(pacs) == {key}


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_are_not(pacs: Pacs) -> None:
    folder = pacs.settings.data / "objects" / "incoming"
    (folder / "old.part").write_bytes(b"x")
    os.utime(folder / "old.part", (0, 0))
    (folder / "new.part").write_bytes(b"x")

    assert recover(pacs).swept == 1
    assert {path.name for path in folder.iterdir()} == {"new.part"}
    assert recover(pacs, alone=True).swept == 1


def test_what_is_lost_or_damaged_is_named_and_never_hidden(pacs: Pacs) -> None:
    """F-31."""
    for number in range(12):
        send(pacs, make_ct(SOPInstanceUID=make_uid(31, number)))
    keys = [row.object_key for row in kept(pacs)]
    path_of(pacs, keys[0]).unlink()
    path_of(pacs, keys[1]).write_bytes(b"")
    path_of(pacs, keys[2]).write_bytes(path_of(pacs, keys[2]).read_bytes()[:-2])
    one, other = path_of(pacs, keys[3]).read_bytes(), path_of(pacs, keys[4]).read_bytes()
    path_of(pacs, keys[3]).write_bytes(other)
    path_of(pacs, keys[4]).write_bytes(one)

    at_start, scrubbed = recover(pacs), check(pacs, digests=True)

    assert (at_start.lost, sorted(at_start.damaged)) == ([keys[0]], sorted(keys[1:3]))
    assert (scrubbed.lost, sorted(scrubbed.damaged)) == ([keys[0]], sorted(keys[1:5]))
    assert flags(pacs) == {"lost": 1, "damaged": 4}
    uids = {row.object_key: row.sop_instance_uid for row in kept(pacs)}
    assert {row.sop_instance_uid for row in rows_of(pacs, attention)} == {uids[key] for key in keys[:5]}
    assert len(uids) == 12


def test_the_index_comes_back_from_the_objects_alone(pacs: Pacs) -> None:
    """F-32."""
    for ds in instances_of_a_day():
        send(pacs, ds)
    for row in manifest(path="series/")[::9]:
        upload_or_refuse(pacs, row)
    with suppress(IdentityConflict):
        send(pacs, make_ct(SOPInstanceUID=make_uid(), PatientID="stranger"))
    before, flagged = kept(pacs), flags(pacs)
    set_clock_of_objects(pacs, [row.object_key for row in before])
    studies = {(row.study_instance_uid, row.number_of_study_related_instances) for row in rows_of(pacs, study)}
    pacs.database.close()
    for path in pacs.settings.data.glob("index.sqlite*"):
        path.unlink()
    fresh = Pacs(pacs.settings, Database(pacs.settings.database), pacs.objects)
    fresh.database.migrate()

    report = reindex(fresh)

    assert report.is_clean
    assert sorted(kept(fresh)) == sorted(before)
    assert flags(fresh) == flagged
    assert {(r.study_instance_uid, r.number_of_study_related_instances) for r in rows_of(fresh, study)} == studies
    assert_sound(fresh)
    fresh.database.close()


def test_every_way_into_the_index_brings_the_quick_checksum_along(pacs: Pacs) -> None:
    def checksums() -> dict[str, str]:
        assert_sound(pacs)
        return {row.object_key: row.checksum for row in rows_of(pacs, instance)}

    for ds in instances_of_a_day():
        send(pacs, ds)
    made = checksums()
    assert all(made.values())

    forget_rows(pacs)
    recover(pacs)
    assert checksums() == made
    reindex(pacs)
    assert checksums() == made

    forget_rows(pacs)
    reindex(pacs)
    assert set(checksums().values()) == {""}  # only headers were read
    check(pacs, digests=True)
    assert checksums() == made


def upload_or_refuse(pacs: Pacs, row: dict[str, str]) -> None:
    with suppress(PacsError), (CORPUS / row["path"]).open("rb") as file:
        ingest(pacs, SYSTEM, file)


def test_making_the_index_again_keeps_what_objects_do_not_tell(pacs: Pacs) -> None:
    for ds in instances_of_a_day():
        send(pacs, ds)
    with pacs.database.write() as connection:
        values = {"name": "an", "role": "reader", "password_hash": "", "created_at": rows_of(pacs, study)[0].created_at}
        connection.execute(account.insert(), values)
        audit.record(connection, SYSTEM, "signed-in")
    cached = pacs.settings.data / "cache" / "series" / "1"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"made under a revision that comes again")
    gone = kept(pacs)[1]
    # A first version that was repaired is younger than the second: it is current all the same.
    set_clock_of_objects(pacs, [row.object_key for row in reversed(kept(pacs))])
    path_of(pacs, gone.object_key).unlink()
    before, flagged = kept(pacs), flags(pacs)

    report = reindex(pacs)

    assert sorted(kept(pacs)) == sorted(row for row in before if row != gone)
    assert report.lost == [gone.object_key]
    assert flags(pacs) == flagged + Counter(lost=1)
    assert actions(pacs) == {"stored": 5, "version": 1, "signed-in": 1, "reindexed": 1}
    assert [row.name for row in rows_of(pacs, account)] == ["an"]
    assert not cached.exists()
    assert_sound(pacs)


@pytest.mark.parametrize("task", [recover, reindex])
def test_instances_may_arrive_meanwhile(pacs: Pacs, task: Callable[[Pacs], Report]) -> None:
    instances = [make_ct(SOPInstanceUID=make_uid(), StudyInstanceUID=make_uid(6, n % 3)) for n in range(120)]

    with ThreadPoolExecutor(4) as senders:
        sending = [senders.submit(send, pacs, ds) for ds in instances]
        while not all(one.done() for one in sending):
            task(pacs)
        outcomes = Counter(one.result().outcome for one in sending)

    assert set(outcomes) <= {"new", "again"}
    assert len(kept(pacs)) == 120
    assert not flags(pacs)
    assert_sound(pacs)


def test_a_bucket_is_kept_recovered_and_indexed_again_as_a_folder_is(
    pacs: Pacs, s3_url: str, running_s3: S3Server
) -> None:
    bucket = open_store(
        s3_url,
        spool=pacs.settings.data / "spool",
        access_key=running_s3.access_key,
        secret_key=running_s3.secret_key,
    )
    pacs = replace(pacs, objects=bucket)
    for ds in (day := instances_of_a_day()):
        send(pacs, ds)
    assert send(pacs, day[0]).outcome == "again"
    with pytest.raises(PatientConflict):
        send(pacs, make_ct(SOPInstanceUID=make_uid(), PatientID="stranger"))
    before, flagged = kept(pacs), flags(pacs)
    forget_rows(pacs)

    assert len(recover(pacs).adopted) == 6
    assert_sound(pacs)
    assert reindex(pacs).is_clean

    assert {row.object_key for row in kept(pacs)} == {row.object_key for row in before}
    assert flags(pacs) == flagged
    assert len(object_keys(pacs, "quarantine")) == 1
    bucket.close()
