"""What is removed is gone from every answer, can be restored exactly, and is erased without robbing who sends again."""

from datetime import UTC, datetime, timedelta

import pytest
from pydicom.dataset import Dataset
from sqlalchemy import update

from pacs.archive.find import find
from pacs.archive.ingest import receive
from pacs.archive.metadata import series_metadata
from pacs.archive.recovery import recover, reindex
from pacs.archive.remove import due, erase, removals, remove, restore
from pacs.archive.retrieve import frames, instances, rendered, whole_file
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.query import Query
from pacs.errors import InvalidQuery, NotAllowed, NotFound, NotInThisState, OutOfResources, Removed
from pacs.index.tables import instance, name_form, patient, removal, series
from pacs.jobs import bookmark_of, move_bookmark
from tests.archive.kept import actions, assert_sound, kept, object_keys, rows_of, send
from tests.make import data_set_bytes, make_ct, make_uid

OTHER = make_uid(3, 3)


def two_series() -> list[Dataset]:
    """Three instances of one study in two series, and one of another patient."""
    return [
        make_ct(InstanceNumber=1),
        make_ct(InstanceNumber=2),
        make_ct(SeriesInstanceUID=OTHER, Modality="SEG", InstanceNumber=1),
        make_ct(StudyInstanceUID=make_uid(4), SeriesInstanceUID=make_uid(4, 1), PatientID="7", PatientName="B"),
    ]


def sent(pacs: Pacs) -> list[Dataset]:
    data_sets = two_series()
    for ds in data_sets:
        send(pacs, ds)
    return data_sets


def studies_found(pacs: Pacs) -> list[tuple[object, ...]]:
    include = ("StudyInstanceUID", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
    return sorted(find(pacs, SYSTEM, Query(Level.STUDY, {}, include)))


def test_a_removed_study_is_gone_and_said_to_be(pacs: Pacs) -> None:
    first, *_, other = sent(pacs)

    remove(pacs, SYSTEM, "sent under the wrong name", first.StudyInstanceUID)

    assert studies_found(pacs) == [(other.StudyInstanceUID, "CT", 1, 1)]
    assert [row.patient_id for row in rows_of(pacs, patient)] == ["7"]
    assert {row.patient_pk for row in rows_of(pacs, name_form)} == {rows_of(pacs, patient)[0].pk}
    names = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    for ask in (
        lambda: instances(pacs, SYSTEM, names[0]),
        lambda: instances(pacs, SYSTEM, *names),
        lambda: frames(pacs, SYSTEM, *names, [1]),
        lambda: remove(pacs, SYSTEM, "again", names[0]),
    ):
        with pytest.raises(Removed):
            ask()
    with pytest.raises(NotFound) as unknown:
        instances(pacs, SYSTEM, make_uid())
    assert not isinstance(unknown.value, Removed)
    with pytest.raises(NotFound) as stranger:
        instances(pacs, Actor("link", "l", permissions=SYSTEM.permissions, studies=frozenset()), names[0])
    assert not isinstance(stranger.value, Removed), "who may not know of it does not hear that it was here"
    assert actions(pacs)["removed"] == 1


def test_what_is_above_a_removed_series_or_instance_counts_it_no_more(pacs: Pacs) -> None:
    first, second, of_other_series, _ = sent(pacs)

    remove(pacs, SYSTEM, "test", first.StudyInstanceUID, OTHER)
    assert studies_found(pacs)[0] == (first.StudyInstanceUID, "CT", 1, 2)

    before = rows_of(pacs, series)[0].revision
    remove(pacs, SYSTEM, "test", first.StudyInstanceUID, first.SeriesInstanceUID, second.SOPInstanceUID)
    assert studies_found(pacs)[0] == (first.StudyInstanceUID, "CT", 1, 1)
    assert rows_of(pacs, series)[0].revision > before, "what was derived from it is out of date"
    assert [ref.sop_instance_uid for ref in instances(pacs, SYSTEM, first.StudyInstanceUID)] == [first.SOPInstanceUID]
    for gone in (of_other_series, second):
        with pytest.raises(Removed):
            instances(pacs, SYSTEM, gone.StudyInstanceUID, gone.SeriesInstanceUID, gone.SOPInstanceUID)


def test_a_removal_is_undone_exactly(pacs: Pacs) -> None:
    first, *_ = sent(pacs)
    send(pacs, make_ct(SOPInstanceUID=first.SOPInstanceUID, SeriesDescription="another content"))
    before, found = kept(pacs), studies_found(pacs)
    file = whole_file(pacs, instances(pacs, SYSTEM, sop=first.SOPInstanceUID)[0])

    pk = remove(pacs, SYSTEM, "test", first.StudyInstanceUID)
    restore(pacs, SYSTEM, pk)

    assert sorted(kept(pacs)) == sorted(before)
    assert studies_found(pacs) == found
    assert whole_file(pacs, instances(pacs, SYSTEM, sop=first.SOPInstanceUID)[0]) == file
    assert_sound(pacs)
    with pytest.raises(NotInThisState):
        restore(pacs, SYSTEM, pk)


def test_neither_a_start_nor_a_new_index_brings_it_back(pacs: Pacs) -> None:
    first, *_ = sent(pacs)
    pk = remove(pacs, SYSTEM, "test", first.StudyInstanceUID)
    left = kept(pacs)

    assert recover(pacs).is_clean
    assert kept(pacs) == left
    reindex(pacs)
    assert kept(pacs) == left

    restore(pacs, SYSTEM, pk)
    assert len(kept(pacs)) == 4


def test_it_is_erased_when_its_time_has_come_with_all_that_was_made_of_it(pacs: Pacs) -> None:
    first, *_ = sent(pacs)
    for ref in instances(pacs, SYSTEM, first.StudyInstanceUID):
        rendered(pacs, ref)
        series_metadata(pacs, SYSTEM, ref.study_instance_uid, ref.series_instance_uid)
    assert len(list(pacs.settings.data.glob("cache/*/*/*"))) >= 5
    pk = remove(pacs, SYSTEM, "test", first.StudyInstanceUID)
    assert due(pacs) == []
    let_the_time_come(pacs)
    assert due(pacs) == [str(pk)]

    erase(pacs, pk)

    assert due(pacs) == []
    assert object_keys(pacs) == {row.object_key for row in kept(pacs)} and len(kept(pacs)) == 1
    assert list(pacs.settings.data.glob("cache/*/??/*")) == []
    assert [one.state for one in removals(pacs, SYSTEM)] == ["erased"]
    with pytest.raises(Removed):
        instances(pacs, SYSTEM, first.StudyInstanceUID)
    with pytest.raises(NotInThisState):
        restore(pacs, SYSTEM, pk)
    assert_sound(pacs)


def test_what_was_sent_again_meanwhile_is_not_erased(pacs: Pacs) -> None:
    first, second, *_ = sent(pacs)
    pk = remove(pacs, SYSTEM, "test", first.StudyInstanceUID)
    assert send(pacs, first).outcome == "new"
    let_the_time_come(pacs)

    erase(pacs, pk)

    assert_sound(pacs)
    assert len(instances(pacs, SYSTEM, first.StudyInstanceUID)) == 1
    with pytest.raises(Removed):
        instances(pacs, SYSTEM, second.StudyInstanceUID, second.SeriesInstanceUID, second.SOPInstanceUID)


def test_who_sends_it_while_it_is_erased_is_told_to_try_again(pacs: Pacs) -> None:
    """It may have found the old object in its place, which then is erased under it."""
    first, *_ = sent(pacs)
    pk = remove(pacs, SYSTEM, "test", first.StudyInstanceUID)
    let_the_time_come(pacs)
    names = first.SOPClassUID, first.SOPInstanceUID, first.file_meta.TransferSyntaxUID
    with receive(pacs, SYSTEM, *names) as incoming:
        incoming.write(data_set_bytes(first))
        erase(pacs, pk)
        with pytest.raises(OutOfResources, match="try again"):
            incoming.finish()

    with pacs.database.write() as connection:  # a minute later
        connection.execute(update(removal).values(ended_at=datetime.now(UTC) - timedelta(minutes=2)))
    assert send(pacs, first).outcome == "new"
    assert_sound(pacs)


def test_who_reads_arrivals_by_number_passes_none_over(pacs: Pacs) -> None:
    """SQLite gives the number of a last row that was deleted to the next one."""
    *_, other = sent(pacs)
    newest = rows_of(pacs, instance)[-1].pk
    with pacs.database.write() as connection:
        move_bookmark(connection, "routing", newest)

    remove(pacs, SYSTEM, "test", other.StudyInstanceUID)
    send(pacs, other)

    with pacs.database.read() as connection:
        assert bookmark_of(connection, "routing") < rows_of(pacs, instance)[-1].pk


def test_only_an_administrator_removes_and_says_why(pacs: Pacs) -> None:
    first, *_ = sent(pacs)
    reader = Actor("person", "anna", permissions=frozenset(("query", "retrieve", "store")))
    with pytest.raises(NotAllowed):
        remove(pacs, reader, "test", first.StudyInstanceUID)
    for reason in ("", "  ", "x" * 257):
        with pytest.raises(InvalidQuery):
            remove(pacs, SYSTEM, reason, first.StudyInstanceUID)
    with pytest.raises(InvalidQuery):
        remove(pacs, SYSTEM, "test", first.StudyInstanceUID, sop=first.SOPInstanceUID)
    assert len(kept(pacs)) == 4


def let_the_time_come(pacs: Pacs) -> None:
    with pacs.database.write() as connection:
        connection.execute(update(removal).values(erase_at=datetime.now(UTC) - timedelta(seconds=1)))
