"""Asking peers for commitment: whenever and over whatever association they report, what they say is kept."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from sqlalchemy import select, update

from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.references import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReport,
    CommitmentRequest,
    Reference,
    encode_report,
    encode_request,
    parse_report,
    parse_request,
)
from pacs.errors import InvalidInstance, NotFound
from pacs.index.tables import commitment
from pacs.peers import directory
from pacs.workflow.commitment import JOB, Transaction, receive_report, request, transactions
from tests.dimse.conftest import CT, EXPLICIT, IMPLICIT, Door, opened
from tests.make import make_ct, make_uid, part10
from tests.server import environment_of, run_pacs


@dataclass(slots=True)
class Archive:
    """pynetdicom as an archive that commits to what it is asked for, but what it does not have."""

    lacks: set[str] = field(default_factory=set)
    status: int = 0
    """Of its answer to the request."""
    report_at: int = 0
    """The port where it reports, on an association of its own; 0: on the one that asked."""
    is_silent: bool = False
    """It never reports."""
    as_scp: bool = True
    """It says that it is the SCP there, as it should."""
    asked: list[Dataset] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """What it was answered when it reported."""
    reporters: list[threading.Thread] = field(default_factory=list)

    def take(self, event: Any) -> tuple[int, None]:
        self.asked.append(event.action_information)
        if not self.status and not self.is_silent:
            tell = self._call if self.report_at else self._stay
            self.reporters.append(threading.Thread(target=tell, args=(event.assoc, event.action_information)))
            self.reporters[-1].start()
        return self.status, None

    def _stay(self, association: Any, asked: Dataset) -> None:
        report, event_type = self._report(asked)
        answer, _ = association.send_n_event_report(report, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE)
        self.answers.append(answer.Status)

    def _call(self, _: Any, asked: Dataset) -> None:
        ae = AE(ae_title="ARCHIVE")
        ae.add_requested_context(STORAGE_COMMITMENT)
        roles: list[Any] = [build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)] if self.as_scp else []
        association = ae.associate("127.0.0.1", self.report_at, ae_title="PACS", ext_neg=roles)
        if not self.as_scp:  # as some do: pynetdicom itself refuses to
            for context in association.accepted_contexts:
                context._as_scp = True
        report, event_type = self._report(asked)
        answer, _ = association.send_n_event_report(report, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE)
        self.answers.append(answer.Status)
        association.release()

    def _report(self, asked: Dataset) -> tuple[Dataset, int]:
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        items = asked.ReferencedSOPSequence
        report.ReferencedSOPSequence = [one for one in items if one.ReferencedSOPInstanceUID not in self.lacks]
        failed = [one for one in items if one.ReferencedSOPInstanceUID in self.lacks]
        if failed:
            for item in failed:
                item.FailureReason = 0x0112
            report.FailedSOPSequence = failed
        return report, 2 if failed else 1

    @contextmanager
    def listening(self, pacs: Pacs, port: int = 0) -> Iterator[int]:
        """Its port, which the PACS knows."""
        ae = AE(ae_title="ARCHIVE")
        ae.add_supported_context(STORAGE_COMMITMENT)
        handlers: list[Any] = [(evt.EVT_N_ACTION, self.take)]
        server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        assert server is not None
        directory.add(pacs, SYSTEM, "ARCHIVE", "127.0.0.1", server.server_address[1], may=["store"])
        try:
            yield server.server_address[1]
        finally:
            for reporter in self.reporters:
                reporter.join()
            server.shutdown()


@pytest.fixture
def door(tmp_path: Path, database_url: str) -> Iterator[Door]:
    """On each kind of database."""
    with opened(tmp_path / "data", database=database_url) as one:
        yield one


def kept(pacs: Pacs, count: int) -> list[Dataset]:
    study = make_uid()
    of_series: dict[str, Any] = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    datasets = [make_ct(InstanceNumber=number, **of_series) for number in range(1, count + 1)]
    for ds in datasets:
        ingest(pacs, SYSTEM, part10(ds))
    return datasets


def newest(pacs: Pacs) -> Transaction:
    return transactions(pacs, SYSTEM, "ARCHIVE")[0]


def outcomes(pacs: Pacs) -> str:
    with pacs.database.read() as connection:
        return str(connection.execute(select(commitment.c.instances)).scalar_one())


def move_clock_on(pacs: Pacs) -> None:
    with pacs.database.write() as connection:
        connection.execute(update(commitment).values(next_at=commitment.c.created_at))


def run_due(pacs: Pacs) -> int:
    keys = JOB.due(pacs)
    for key in keys:
        JOB.run(pacs, key)
    return len(keys)


@pytest.mark.parametrize(
    "report_at",
    [lambda door: 0, lambda door: door.port],
    ids=["on the same association", "on one of its own"],
)
@pytest.mark.parametrize("as_scp", [True, False], ids=["as SCP", "without a role"])
def test_a_peer_that_has_everything_commits(door: Door, report_at: Callable[[Door], int], as_scp: bool) -> None:
    datasets, archive = kept(door.pacs, 3), Archive(report_at=report_at(door), as_scp=as_scp)

    with archive.listening(door.pacs):
        [asked] = request(door.pacs, SYSTEM, "ARCHIVE", datasets[0].StudyInstanceUID)

    [ds] = archive.asked
    assert [item.ReferencedSOPInstanceUID for item in ds.ReferencedSOPSequence] == [
        one.SOPInstanceUID for one in datasets
    ]
    assert ds.TransactionUID == asked.transaction_uid
    assert archive.answers == [0]
    found = newest(door.pacs)
    assert (found.state, found.number, found.committed, found.why) == ("reported", 3, 3, "")


def test_what_a_peer_does_not_have_is_named(door: Door) -> None:
    datasets = kept(door.pacs, 3)
    archive = Archive(lacks={datasets[1].SOPInstanceUID})

    with archive.listening(door.pacs):
        request(door.pacs, SYSTEM, "ARCHIVE", datasets[0].StudyInstanceUID)

    found = newest(door.pacs)
    assert (found.state, found.committed) == ("failed", 2)
    assert found.why == "not committed: 1 with reason 0112"
    assert f'"{datasets[1].SOPInstanceUID}",274]' in outcomes(door.pacs)


def test_a_peer_that_refuses_is_not_asked_again(door: Door) -> None:
    [ds], archive = kept(door.pacs, 1), Archive(status=0x0124)

    with archive.listening(door.pacs):
        [asked] = request(door.pacs, SYSTEM, "ARCHIVE", ds.StudyInstanceUID)
        move_clock_on(door.pacs)
        assert run_due(door.pacs) == 0

    assert (asked.state, asked.why) == ("failed", "ARCHIVE refuses with status 0124")


def test_a_peer_that_is_away_is_asked_when_it_is_back(door: Door) -> None:
    [ds], archive = kept(door.pacs, 1), Archive()
    with archive.listening(door.pacs) as port:
        pass

    [asked] = request(door.pacs, SYSTEM, "ARCHIVE", ds.StudyInstanceUID)
    assert (asked.state, asked.attempts) == ("asked", 1)
    assert "nothing listens on this port" in asked.why
    assert run_due(door.pacs) == 0

    move_clock_on(door.pacs)
    with archive.listening(door.pacs, port):
        assert run_due(door.pacs) == 1
    assert newest(door.pacs).state == "reported"


def test_a_peer_that_never_reports_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.peers.commitment.PATIENCE_S", 0.05)
    [ds], archive = kept(door.pacs, 1), Archive(is_silent=True)

    with archive.listening(door.pacs):
        [asked] = request(door.pacs, SYSTEM, "ARCHIVE", ds.StudyInstanceUID)
    assert asked.state == "waiting"
    assert run_due(door.pacs) == 0
    move_clock_on(door.pacs)
    run_due(door.pacs)

    assert (newest(door.pacs).state, newest(door.pacs).why) == ("failed", "ARCHIVE has not reported within 7 days")


def test_only_who_was_asked_can_report(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.peers.commitment.PATIENCE_S", 0.05)
    [ds], archive = kept(door.pacs, 1), Archive(is_silent=True)
    with archive.listening(door.pacs):
        [asked] = request(door.pacs, SYSTEM, "ARCHIVE", ds.StudyInstanceUID)
    report = CommitmentReport(asked.transaction_uid, (Reference(CT, ds.SOPInstanceUID),), {})

    with pytest.raises(NotFound):
        receive_report(door.pacs, Actor("peer", "OTHER"), report)
    receive_report(door.pacs, Actor("peer", "ARCHIVE"), report)

    assert newest(door.pacs).state == "reported"


def test_one_filmless_commits_to_another(tmp_path: Path) -> None:
    with opened(tmp_path / "ours") as ours, opened(tmp_path / "theirs", ae_title="ARCHIVE") as theirs:
        datasets = kept(ours.pacs, 2)
        ingest(theirs.pacs, SYSTEM, part10(datasets[0]))
        directory.add(ours.pacs, SYSTEM, "ARCHIVE", "127.0.0.1", theirs.port)

        [asked] = request(ours.pacs, SYSTEM, "ARCHIVE", datasets[0].StudyInstanceUID)

        assert (asked.state, asked.committed, asked.why) == ("failed", 1, "not committed: 1 with reason 0112")
        [there] = transactions(theirs.pacs, SYSTEM)
        assert (there.ae_title, there.outgoing, there.transaction_uid) == ("PACS", False, asked.transaction_uid)


def test_the_command_asks_waits_and_lists(door: Door) -> None:
    datasets, archive = kept(door.pacs, 2), Archive(report_at=door.port)
    environment = environment_of(door.pacs.settings.data, database=door.pacs.settings.database)

    with archive.listening(door.pacs):
        done = run_pacs(environment, "peer", "commit", "ARCHIVE", "--study", datasets[0].StudyInstanceUID)
        listed = run_pacs(environment, "peer", "commit")

    assert done.returncode == 0, done.stderr
    assert "2 of 2 committed" in done.stdout
    assert listed.stdout == done.stdout


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_requests_and_reports_are_read_as_they_were_written(syntax: str) -> None:
    references = tuple(Reference(CT, f"1.2.{number}") for number in range(5))
    asked = CommitmentRequest("1.2.3", references)
    report = CommitmentReport("1.2.3", references[:3], {references[3]: 0x0112, references[4]: 0x0110})

    assert parse_request(encode_request(asked, syntax), syntax) == asked
    assert parse_report(encode_report(report, "PACS", syntax), syntax) == report


@pytest.mark.parametrize("end", range(1, 90, 7))
def test_a_request_that_is_cut_short_is_none(end: int) -> None:
    data = encode_request(CommitmentRequest("1.2.3", (Reference(CT, "1.2.4"),)), EXPLICIT)

    with pytest.raises(InvalidInstance):
        parse_request(data[:-end], EXPLICIT)
