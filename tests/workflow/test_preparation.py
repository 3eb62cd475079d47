"""What a reader of a series asks for is there before he comes, once the series is quiet."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from pydicom.dataset import Dataset
from sqlalchemy import select, update

from pacs.archive import metadata, origins, renditions
from pacs.archive.ingest import ingest
from pacs.archive.recovery import reindex
from pacs.context import SYSTEM, Pacs
from pacs.index.tables import bookmark, instance
from pacs.settings import Settings
from pacs.workflow.preparation import JOB, PATIENCE, QUIET
from tests.make import make_ct, make_uid, part10


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """On each kind of database."""
    return settings.model_copy(update={"database": database_url, "renditions": False})


def arrive(pacs: Pacs, *datasets: Dataset) -> None:
    for ds in datasets:
        ingest(pacs, SYSTEM, part10(ds))


def some(series: int = 1, number: int = 1) -> Dataset:
    return make_ct(SeriesInstanceUID=make_uid(1, series), InstanceNumber=number)


def move_clock_on(pacs: Pacs, by: timedelta = QUIET) -> None:
    with pacs.database.write() as connection:
        for pk, at in connection.execute(select(instance.c.pk, instance.c.received_at)).all():
            connection.execute(update(instance).where(instance.c.pk == pk).values(received_at=at - by))


def run_due(pacs: Pacs) -> int:
    """What the worker does at this moment; how much that was."""
    keys = JOB.due(pacs)
    for key in keys:
        JOB.run(pacs, key)
    return len(keys)


def prepared(pacs: Pacs) -> list[bool]:
    found = metadata.versions(pacs, SYSTEM, make_uid(1))
    return [metadata.has_metadata(pacs, one) and metadata.has_document(pacs, one) for one in found]


def position(pacs: Pacs) -> int | None:
    with pacs.database.read() as connection:
        return connection.scalar(select(bookmark.c.instance_pk).where(bookmark.c.name == "preparation"))


def test_a_series_is_prepared_once_it_is_quiet_and_again_after_it_got_more(pacs: Pacs) -> None:
    JOB.due(pacs)
    arrive(pacs, some(1), some(2), some(1))
    assert (run_due(pacs), prepared(pacs)) == (0, [False, False]), "they may get more"
    move_clock_on(pacs)

    assert (run_due(pacs), prepared(pacs)) == (2, [True, True])
    assert (run_due(pacs), position(pacs)) == (0, 3)

    arrive(pacs, some(2))
    assert prepared(pacs) == [True, False]
    move_clock_on(pacs)
    assert (run_due(pacs), prepared(pacs)) == (1, [True, True])


def test_a_series_that_never_rests_holds_up_no_other(pacs: Pacs) -> None:
    JOB.due(pacs)
    arrive(pacs, some(1), some(2))
    move_clock_on(pacs, PATIENCE - timedelta(seconds=30))
    arrive(pacs, some(1))

    assert (run_due(pacs), prepared(pacs), position(pacs)) == (1, [False, True], 0)
    move_clock_on(pacs, timedelta(seconds=40))
    arrive(pacs, some(1))
    assert (run_due(pacs), position(pacs)) == (0, 4)


def test_what_a_reader_had_made_is_not_made_again(pacs: Pacs) -> None:
    JOB.due(pacs)
    arrive(pacs, some())
    move_clock_on(pacs)
    uids = make_uid(1), make_uid(1, 1)
    metadata.metadata_gzip(pacs, metadata.versions(pacs, SYSTEM, *uids), origins.known(pacs)[0])
    metadata.series_document(pacs, SYSTEM, *uids)

    assert (run_due(pacs), position(pacs)) == (0, 1)


def test_a_series_whose_objects_are_lost_is_given_up(pacs: Pacs) -> None:
    JOB.due(pacs)
    arrive(pacs, some(1), some(2))
    for one in pacs.objects.list():
        pacs.objects.delete(one.key)
    move_clock_on(pacs)
    keys: Sequence[str] = JOB.due(pacs)
    for key in keys:
        with pytest.raises(Exception, match="missing"):
            JOB.run(pacs, key)

    assert (len(keys), JOB.due(pacs)) == (2, keys)
    move_clock_on(pacs, PATIENCE)
    assert (JOB.due(pacs), position(pacs)) == ([], 2)


def test_what_was_there_before_is_made_when_it_is_asked_for(pacs: Pacs) -> None:
    arrive(pacs, some(1))
    move_clock_on(pacs)
    assert (run_due(pacs), position(pacs)) == (0, 1)

    reindex(pacs)
    arrive(pacs, some(2))
    move_clock_on(pacs)

    assert run_due(pacs) == 1


def test_the_document_is_made_again_when_all_renditions_are_there(pacs: Pacs) -> None:
    pacs = replace(pacs, settings=pacs.settings.model_copy(update={"renditions": True}))
    JOB.due(pacs)
    arrive(pacs, make_ct(256, 256))
    move_clock_on(pacs)
    assert (run_due(pacs), run_due(pacs), position(pacs)) == (1, 0, 0), "its renditions are still to be made"

    while renditions.is_waiting(pacs):
        renditions.make_some(pacs, lambda: True)
    assert prepared(pacs) == [False]

    assert (run_due(pacs), prepared(pacs)) == (1, [True])
    assert (run_due(pacs), position(pacs)) == (0, 1)
