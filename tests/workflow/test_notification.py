"""Peers that want to know are told of a study once it is quiet, all of it, once, and again when it gets more."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from sqlalchemy import select, update

from pacs.archive.ingest import ingest
from pacs.archive.recovery import reindex
from pacs.context import SYSTEM, Pacs
from pacs.dicom.references import INSTANCE_AVAILABILITY_NOTIFICATION
from pacs.index.tables import notification, peer
from pacs.peers import directory
from pacs.settings import Settings
from pacs.workflow.notification import JOB
from tests.make import make_ct, make_uid, part10


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """On each kind of database."""
    return settings.model_copy(update={"quiet": 60, "database": database_url})


@dataclass(slots=True)
class Ris:
    """pynetdicom as a RIS that takes notifications."""

    told: list[tuple[str, Dataset]] = field(default_factory=list)
    """SOP Instance UID and attributes of each."""
    statuses: list[int] = field(default_factory=list)
    """To answer with, one by one; then Success."""
    before_answer: Any = None

    def take(self, event: Any) -> tuple[int, Dataset]:
        self.told.append((str(event.request.AffectedSOPInstanceUID), event.attribute_list))
        if self.before_answer:
            self.before_answer()
        return (self.statuses.pop(0) if self.statuses else 0), Dataset()

    @contextmanager
    def listening(self, pacs: Pacs, port: int = 0) -> Iterator[int]:
        """Its port, which the PACS knows, and tells it what is available."""
        ae = AE(ae_title="RIS")
        ae.add_supported_context(INSTANCE_AVAILABILITY_NOTIFICATION)
        handlers: list[Any] = [(evt.EVT_N_CREATE, self.take)]
        server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        assert server is not None
        register(pacs, server.server_address[1])
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def register(pacs: Pacs, port: int, *, notified: bool = True) -> None:
    directory.add(pacs, SYSTEM, "RIS", "127.0.0.1", port, may=["query"])
    with pacs.database.write() as connection:
        connection.execute(update(peer).values(notified=notified))


def arrive(pacs: Pacs, *datasets: Dataset) -> None:
    for ds in datasets:
        ingest(pacs, SYSTEM, part10(ds))


def of_one_study(series: int = 1, instances: int = 1) -> list[Dataset]:
    study = make_uid()
    return [
        make_ct(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.{number}", InstanceNumber=instance)
        for number in range(1, series + 1)
        for instance in range(1, instances + 1)
    ]


def another_of(ds: Dataset) -> Dataset:
    return make_ct(StudyInstanceUID=ds.StudyInstanceUID, SeriesInstanceUID=ds.SeriesInstanceUID, InstanceNumber=2)


def rows(pacs: Pacs) -> Sequence[Any]:
    with pacs.database.read() as connection:
        return connection.execute(select(notification).order_by(notification.c.pk)).all()


def move_clock_on(pacs: Pacs) -> None:
    """Until all that waits has become due."""
    with pacs.database.write() as connection:
        connection.execute(update(notification).values(next_at=datetime.now(UTC) - timedelta(seconds=1)))


def run_due(pacs: Pacs) -> int:
    """What the worker does at this moment; how much that was."""
    keys = JOB.due(pacs)
    for key in keys:
        JOB.run(pacs, key)
    return len(keys)


def told_of(attributes: Dataset) -> dict[str, list[str]]:
    """The instances that are available, by series."""
    return {
        series.SeriesInstanceUID: [item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence]
        for series in attributes.ReferencedSeriesSequence
    }


def test_a_study_is_told_once_it_is_quiet_as_annex_r_has_it(pacs: Pacs) -> None:
    datasets, ris = of_one_study(series=2, instances=2), Ris()
    with ris.listening(pacs):
        JOB.due(pacs)
        arrive(pacs, *datasets)
        assert run_due(pacs) == 0, "it is not quiet yet"
        move_clock_on(pacs)

        assert run_due(pacs) == 1
        assert run_due(pacs) == 0

    [(uid, attributes)] = ris.told
    study = datasets[0].StudyInstanceUID
    assert UID(uid).is_valid
    assert attributes.StudyInstanceUID == study
    assert list(attributes.ReferencedPerformedProcedureStepSequence) == []
    assert told_of(attributes) == {
        f"{study}.1": [ds.SOPInstanceUID for ds in datasets[:2]],
        f"{study}.2": [ds.SOPInstanceUID for ds in datasets[2:]],
    }
    item = attributes.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert item.InstanceAvailability == "ONLINE"
    assert item.RetrieveAETitle == "PACS"
    assert item.ReferencedSOPClassUID == datasets[0].SOPClassUID
    keywords = {"ReferencedPerformedProcedureStepSequence", "ReferencedSeriesSequence", "StudyInstanceUID"}
    assert set(attributes.dir()) == keywords, "attributes of no table are forbidden there (PS3.4 R.3.2.1.2)"


def test_each_arrival_pushes_the_news_back(pacs: Pacs) -> None:
    [ds], ris = of_one_study(), Ris()
    with ris.listening(pacs):
        JOB.due(pacs)
        arrive(pacs, ds)
        JOB.due(pacs)
        move_clock_on(pacs)
        arrive(pacs, another_of(ds))

        assert run_due(pacs) == 0

    [row] = rows(pacs)
    assert row.next_at > datetime.now(UTC) + timedelta(seconds=50)


def test_a_study_that_gets_more_is_told_again_as_another_notification(pacs: Pacs) -> None:
    [ds], ris = of_one_study(), Ris()
    more = another_of(ds)
    with ris.listening(pacs):
        JOB.due(pacs)
        for one in (ds, more):
            arrive(pacs, one)
            JOB.due(pacs)
            move_clock_on(pacs)
            run_due(pacs)
        arrive(pacs, ds)  # again, which is no news

        assert run_due(pacs) == 0

    (first, _), (second, attributes) = ris.told
    assert first != second
    assert told_of(attributes) == {ds.SeriesInstanceUID: [ds.SOPInstanceUID, more.SOPInstanceUID]}


def test_what_arrives_while_a_peer_is_told_is_told_too(pacs: Pacs) -> None:
    [ds], ris = of_one_study(), Ris()
    more = another_of(ds)

    def arrive_meanwhile() -> None:
        ris.before_answer = None
        arrive(pacs, more)
        JOB.due(pacs)

    ris.before_answer = arrive_meanwhile
    with ris.listening(pacs):
        JOB.due(pacs)
        arrive(pacs, ds)
        JOB.due(pacs)
        move_clock_on(pacs)
        run_due(pacs)
        move_clock_on(pacs)
        run_due(pacs)

    assert [len(told_of(attributes)[ds.SeriesInstanceUID]) for _, attributes in ris.told] == [1, 2]


def test_a_peer_that_is_away_or_refuses_is_told_later(pacs: Pacs) -> None:
    [ds], ris = of_one_study(), Ris()
    with ris.listening(pacs) as port:
        JOB.due(pacs)
    arrive(pacs, ds)
    JOB.due(pacs)
    move_clock_on(pacs)
    assert run_due(pacs) == 1
    [row] = rows(pacs)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "nothing listens on this port" in row.why
    assert run_due(pacs) == 0

    ris.statuses = [0x0110, 0x0111]  # it fails after it has kept the news, and knows them at the second attempt
    with ris.listening(pacs, port):
        for _ in range(2):
            move_clock_on(pacs)
            run_due(pacs)

    [row] = rows(pacs)
    assert (row.state, row.attempts, row.why) == ("told", 2, "")
    assert [uid for uid, _ in ris.told] == [row.sop_instance_uid] * 2


def test_a_peer_hears_of_nothing_from_before_it_wanted_to(pacs: Pacs) -> None:
    before, meanwhile, after = (of_one_study()[0] for _ in range(3))
    ris = Ris()
    arrive(pacs, before)
    with ris.listening(pacs) as port:
        JOB.due(pacs)
        register(pacs, port, notified=False)
        JOB.due(pacs)
        arrive(pacs, meanwhile)
        JOB.due(pacs)
        register(pacs, port)
        JOB.due(pacs)
        arrive(pacs, after)
        JOB.due(pacs)
        move_clock_on(pacs)
        run_due(pacs)

    assert [attributes.StudyInstanceUID for _, attributes in ris.told] == [after.StudyInstanceUID]


def test_an_index_that_is_made_again_is_no_news_and_what_comes_after_it_is(pacs: Pacs) -> None:
    before, after, ris = of_one_study(instances=3), of_one_study(), Ris()
    with ris.listening(pacs):
        JOB.due(pacs)
        arrive(pacs, *before)
        JOB.due(pacs)
        move_clock_on(pacs)
        run_due(pacs)
        lost = pacs.objects.list()
        pacs.objects.delete(next(lost).key)

        reindex(pacs)
        JOB.due(pacs)
        arrive(pacs, *after)
        JOB.due(pacs)
        move_clock_on(pacs)
        run_due(pacs)

    studies = [attributes.StudyInstanceUID for _, attributes in ris.told]
    assert studies == [before[0].StudyInstanceUID, after[0].StudyInstanceUID]


def test_a_peer_that_does_not_want_to_know_any_more_is_not_told_what_waits(pacs: Pacs) -> None:
    [ds], ris = of_one_study(), Ris()
    with ris.listening(pacs) as port:
        JOB.due(pacs)
        arrive(pacs, ds)
        JOB.due(pacs)
        register(pacs, port, notified=False)
        move_clock_on(pacs)
        run_due(pacs)

    assert ris.told == []
    assert [row.state for row in rows(pacs)] == ["failed"]


def test_nobody_is_told_where_nobody_wants_to_know(pacs: Pacs) -> None:
    arrive(pacs, *of_one_study())

    assert run_due(pacs) == 0
    assert rows(pacs) == []
