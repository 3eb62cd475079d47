"""The only way in: what is kept is what was sent, it is durable before it is acknowledged, and nothing else is kept."""

import hashlib
import io
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.archive.ingest import ingest, receive
from pacs.context import Actor, Pacs
from pacs.dicom.part10 import file_meta, read_file_meta
from pacs.errors import InstanceMismatch, InvalidInstance, NotAllowed, OutOfResources, PacsError
from pacs.index.session import Database
from pacs.index.tables import audit, instance, name_form, patient, series, study
from storage import Draft, StorageFault, StorageFull
from storage.memory import MemoryDraft, MemoryStore
from tests.archive.kept import actions, assert_sound, flags, kept, object_keys, rows_of, send, wait_until
from tests.conftest import CORPUS, ROOT, manifest
from tests.make import data_set_bytes, make_ct, make_uid, part10

SENDER = Actor("peer", "CT1", "192.0.2.7", frozenset(("store",)))


class Stream(io.RawIOBase):
    """Bytes as a socket gives them: forward, in odd pieces, once."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 1000) if size > 0 else size)


def stream(data: bytes) -> BinaryIO:
    return Stream(data)  # type: ignore[return-value]  # a RawIOBase lacks writelines' types


def nothing_is_kept(pacs: Pacs) -> bool:
    drafts = list((pacs.settings.data / "objects" / "incoming").iterdir())
    return not (kept(pacs) or object_keys(pacs) or object_keys(pacs, "quarantine") or drafts)


def test_the_bytes_kept_are_the_bytes_sent_behind_a_file_meta_of_ours(pacs: Pacs) -> None:
    ds = make_ct()

    stored = send(pacs, ds, SENDER)

    [row] = rows_of(pacs, instance)
    data = pacs.objects.get(row.object_key)
    assert data[: row.data_set_offset] == file_meta(ds.SOPClassUID, ds.SOPInstanceUID, ExplicitVRLittleEndian)
    assert data[row.data_set_offset :] == data_set_bytes(ds)
    assert hashlib.sha256(data).hexdigest() == row.object_key
    assert (row.size, row.source, row.transfer_syntax_uid) == (len(data), "CT1", ExplicitVRLittleEndian)
    assert (stored.sop_instance_uid, stored.series_instance_uid) == (ds.SOPInstanceUID, ds.SeriesInstanceUID)
    assert_sound(pacs)


def test_every_level_is_indexed_and_names_are_folded(pacs: Pacs) -> None:
    ds = make_ct()

    send(pacs, ds)

    [who], [what], [where], [which] = (rows_of(pacs, table) for table in (patient, study, series, instance))
    assert (who.patient_name, who.patient_name_folded) == ("NGUYỄN^THỊ ÁNH ĐÀO", "nguyen thi anh dao")
    assert "dao" in {row.form for row in rows_of(pacs, name_form)}
    assert (what.study_description, what.referring_physician_name_folded) == ("CT NGỰC", "tran van an")
    assert (what.modalities_in_study, what.sop_classes_in_study) == ("CT", CTImageStorage)
    assert (where.series_description, where.series_number) == ("Axial", 1)
    assert (which.rows, which.columns, which.instance_number) == (8, 8, 1)


def test_a_study_names_each_modality_and_class_once_and_in_order(pacs: Pacs) -> None:
    for number, modality in enumerate(("MR", "CT", "MR", "SR")):
        send(pacs, make_ct(SOPInstanceUID=make_uid(), SeriesInstanceUID=make_uid(1, number), Modality=modality))

    [row] = rows_of(pacs, study)
    assert row.modalities_in_study == "CT\\MR\\SR"
    assert row.number_of_study_related_series == 4
    assert_sound(pacs)


FILES = [
    row
    for row in manifest()
    if row["path"].startswith(("syntax/", "charset/", "broken/")) and not row["path"].startswith("broken/fuzz/")
]


@pytest.mark.parametrize("row", FILES, ids=[row["path"] for row in FILES])
def test_real_files_are_kept_unchanged_or_refused(pacs: Pacs, row: dict[str, str]) -> None:
    data = (CORPUS / row["path"]).read_bytes()

    try:
        ingest(pacs, SENDER, stream(data))
    except InvalidInstance:
        assert "refuse" in row["expected"] or row["expected"] == "no crash", row["remark"]
        assert nothing_is_kept(pacs)
        assert actions(pacs) == {"refused": 1}
        return

    assert row["expected"] != "refuses", row["remark"]
    meta = read_file_meta(data)
    assert meta is not None
    [kept_row] = rows_of(pacs, instance)
    assert pacs.objects.get(kept_row.object_key)[kept_row.data_set_offset :] == data[meta.data_set_offset :]
    assert_sound(pacs)


PREAMBLES = [
    b"MZ",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"II*\0",
    b"PK\x03\x04",
    b"%PDF-1.7",
    b"<html>",
    b'{"Plugins": []}',
]


@pytest.mark.parametrize("preamble", PREAMBLES)
def test_a_preamble_that_is_another_kind_of_file_is_not_kept(pacs: Pacs, preamble: bytes) -> None:
    ds = make_ct()
    data = preamble.ljust(128, b"\0") + part10(ds).read()[128:]

    ingest(pacs, SENDER, io.BytesIO(data))

    [key] = object_keys(pacs)
    assert pacs.objects.get(key, 0, 132) == bytes(128) + b"DICM"


META_WITHOUT_INSTANCE = b"\2\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
NAMELESS: list[tuple[str, Callable[[Dataset], bytes]]] = [
    ("a bare data set", data_set_bytes),
    ("no preamble", lambda ds: part10(ds).read()[128:]),
    ("meta without the instance", lambda ds: bytes(128) + b"DICM" + META_WITHOUT_INSTANCE + data_set_bytes(ds)),
    ("meta of no instance", lambda ds: file_meta("1.2", "../1", ExplicitVRLittleEndian) + data_set_bytes(ds)),
    ("meta of another instance", lambda ds: file_meta("1.2", "1.2.3", ExplicitVRLittleEndian) + data_set_bytes(ds)),
]


@pytest.mark.parametrize("file_of", [row[1] for row in NAMELESS], ids=[row[0] for row in NAMELESS])
def test_what_a_file_holds_is_said_by_its_data_set(pacs: Pacs, file_of: Callable[[Dataset], bytes]) -> None:
    ds = make_ct()

    assert ingest(pacs, SENDER, stream(file_of(ds))).outcome == "new"
    assert send(pacs, ds).outcome == "again"
    assert not list((pacs.settings.data / "objects" / "incoming").iterdir())
    assert_sound(pacs)


@pytest.mark.parametrize(
    "announced",
    [(CTImageStorage, make_uid(3)), (make_uid(3), make_uid(2))],
    ids=["SOP Instance UID", "SOP Class UID"],
)
def test_a_data_set_that_is_not_what_was_announced_is_refused(pacs: Pacs, announced: tuple[str, str]) -> None:
    ds = make_ct(SOPInstanceUID=make_uid(2))

    with pytest.raises(InstanceMismatch), receive(pacs, SENDER, *announced, ExplicitVRLittleEndian) as incoming:
        incoming.write(data_set_bytes(ds))
        incoming.finish()

    assert nothing_is_kept(pacs)
    [row] = rows_of(pacs, audit)
    assert (row.action, row.actor, row.address) == ("refused", "CT1", "192.0.2.7")


def test_an_instance_of_another_study_than_was_asked_for_is_refused(pacs: Pacs) -> None:
    ds = make_ct()

    with pytest.raises(InstanceMismatch):
        ingest(pacs, SENDER, part10(ds), study_instance_uid=make_uid())
    assert nothing_is_kept(pacs)

    assert ingest(pacs, SENDER, part10(ds), study_instance_uid=ds.StudyInstanceUID).outcome == "new"


@pytest.mark.parametrize("uid", ["", "1.2.a", "../../etc/passwd", "1..2", "1." * 64 + "1", "1.2\0", "٣.٤"])
def test_what_is_no_uid_is_refused_at_once(pacs: Pacs, uid: str) -> None:
    with pytest.raises(InvalidInstance):
        receive(pacs, SENDER, CTImageStorage, uid, ExplicitVRLittleEndian)


BROKEN: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("cut short", lambda data: data[:-1]),
    ("too long", lambda data: data + b"\0"),
    ("nothing", lambda data: b""),
    ("not DICOM", lambda data: b"GIF89a" + bytes(300)),
    ("another syntax", lambda data: data_set_bytes(make_ct(transfer_syntax_uid=ImplicitVRLittleEndian))),
]


@pytest.mark.parametrize("damage", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_data_set_that_is_not_whole_leaves_nothing_behind(pacs: Pacs, damage: Callable[[bytes], bytes]) -> None:
    ds = make_ct()

    with (
        pytest.raises(InvalidInstance),
        receive(pacs, SENDER, ds.SOPClassUID, ds.SOPInstanceUID, ExplicitVRLittleEndian) as incoming,
    ):
        incoming.write(damage(data_set_bytes(ds)))
        incoming.finish()

    assert nothing_is_kept(pacs)
    assert actions(pacs) == {"refused": 1}


def test_a_sender_who_goes_away_leaves_nothing_behind(pacs: Pacs) -> None:
    ds = make_ct()

    with receive(pacs, SENDER, ds.SOPClassUID, ds.SOPInstanceUID, ExplicitVRLittleEndian) as incoming:
        incoming.write(bytes(3 << 20))

    assert nothing_is_kept(pacs)


def test_who_may_not_store_is_refused_before_anything_is_read(pacs: Pacs) -> None:
    reader = replace(SENDER, permissions=frozenset(("query", "retrieve")))

    with pytest.raises(NotAllowed):
        ingest(pacs, reader, stream(b""))
    with pytest.raises(NotAllowed):
        receive(pacs, reader, CTImageStorage, make_uid(), ExplicitVRLittleEndian)


class AlmostFull(MemoryStore):
    """Less room than must stay free."""

    def free(self) -> int:
        return (2 << 30) - 1


class Failing(MemoryStore):
    """A store that gives up where it is told."""

    def __init__(self, at: str, error: Exception) -> None:
        super().__init__()
        self.at, self.error = at, error

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        yield FailingDraft(self)


class FailingDraft(MemoryDraft):
    def __init__(self, store: Failing) -> None:
        super().__init__(store._objects)
        self._store = store

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._store.at == "write":
            raise self._store.error
        super().write(data)

    def keep(self, key: str) -> None:
        if self._store.at == "keep":
            raise self._store.error
        super().keep(key)


@pytest.mark.parametrize(
    "store",
    [AlmostFull(), Failing("write", StorageFull("no space")), Failing("keep", StorageFault("I/O error"))],
    ids=["high-water mark", "full", "fault"],
)
def test_a_store_that_takes_nothing_is_out_of_resources(pacs: Pacs, store: MemoryStore) -> None:
    with pytest.raises(OutOfResources):
        send(replace(pacs, objects=store), make_ct())

    assert not kept(pacs)
    assert not list(store.list())


def test_an_answer_that_was_lost_costs_one_row_in_the_audit_trail(pacs: Pacs) -> None:
    ds = make_ct()

    outcomes = Counter(send(pacs, ds, SENDER).outcome for _ in range(20))

    assert outcomes == {"new": 1, "again": 19}
    assert len(kept(pacs)) == len(object_keys(pacs)) == 1
    assert actions(pacs) == {"stored": 1, "received-again": 19}
    assert_sound(pacs)


DAMAGE: list[tuple[str, Callable[[Path], object]]] = [
    ("cut short", lambda path: path.write_bytes(path.read_bytes()[:-2])),
    ("changed", lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\1")),
    ("empty", lambda path: path.write_bytes(b"")),
    ("gone", lambda path: path.unlink()),
]


@pytest.mark.parametrize("damage", [row[1] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_damaged_copy_is_repaired_by_who_sends_it_again(pacs: Pacs, damage: Callable[[Path], object]) -> None:
    ds = make_ct()
    send(pacs, ds)
    [key] = object_keys(pacs)
    damage(pacs.settings.data / "objects" / key[:2] / key)

    assert send(pacs, ds).outcome == "again"

    assert_sound(pacs)


def test_studies_that_come_mixed_over_many_associations_are_kept_apart(pacs: Pacs) -> None:
    """F-26: 20 studies, shuffled over 8 senders."""
    instances = [
        make_ct(
            PatientID=f"P{number % 7}",
            StudyInstanceUID=make_uid(26, number),
            SeriesInstanceUID=make_uid(26, number, place % 3),
            SOPInstanceUID=make_uid(26, number, 9, place),
            InstanceNumber=place + 1,
        )
        for number in range(20)
        for place in range(12)
    ]
    random.Random(26).shuffle(instances)

    with ThreadPoolExecutor(8) as senders:
        outcomes = list(senders.map(lambda ds: send(pacs, ds, SENDER).outcome, instances))

    assert Counter(outcomes) == {"new": 240}
    rows = kept(pacs)
    assert {(row.study_instance_uid, row.series_instance_uid, row.sop_instance_uid) for row in rows} == {
        (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID) for ds in instances
    }
    assert len(rows_of(pacs, patient)) == 7
    assert {row.number_of_study_related_instances for row in rows_of(pacs, study)} == {12}
    assert {row.number_of_series_related_instances for row in rows_of(pacs, series)} == {4}
    assert not flags(pacs)
    assert_sound(pacs)


HOLD_THE_INDEX = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def index_held(pacs: Pacs) -> Iterator["subprocess.Popen[str]"]:
    """Another process has the index to itself, until its input is closed."""
    path = pacs.settings.data / "index.sqlite"
    command = [sys.executable, "-c", HOLD_THE_INDEX, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        yield holder
        if holder.stdin and not holder.stdin.closed:
            holder.stdin.close()


def test_senders_wait_while_the_index_is_held_and_nothing_is_acknowledged_meanwhile(pacs: Pacs) -> None:
    """F-10: held for a while."""
    instances = [make_ct(SOPInstanceUID=make_uid()) for _ in range(4)]

    with ThreadPoolExecutor(4) as senders, index_held(pacs) as holder:
        answers = [senders.submit(send, pacs, ds) for ds in instances]
        wait_until(lambda: len(object_keys(pacs)) == 4)
        assert not any(answer.done() for answer in answers)
        assert holder.stdin
        holder.stdin.close()
        assert [answer.result(timeout=10).outcome for answer in answers] == ["new"] * 4

    assert_sound(pacs)


def test_senders_are_refused_in_time_while_the_index_is_held_and_taken_afterwards(pacs: Pacs) -> None:
    """F-10: held for longer than a sender waits."""
    impatient = replace(pacs, database=Database(pacs.settings.database, turn_timeout_s=0.3))
    instances = [make_ct(SOPInstanceUID=make_uid()) for _ in range(4)]

    def outcome_of(ds: Dataset) -> str:
        try:
            return send(impatient, ds).outcome
        except OutOfResources:
            return "refused"

    with ThreadPoolExecutor(4) as senders:
        with index_held(pacs):
            assert list(senders.map(outcome_of, instances)) == ["refused"] * 4
        assert list(senders.map(outcome_of, instances)) == ["new"] * 4

    impatient.database.close()
    assert_sound(pacs)


def test_a_large_instance_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """320 MiB of frames against 2 MiB, each by both ways in, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.archive.large", str(tmp_path / "data")], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    small, large = map(int, done.stdout.split())
    assert large - small < 8 << 20


def test_errors_of_the_way_in_are_those_the_doors_know() -> None:
    assert issubclass(InstanceMismatch, InvalidInstance)
    assert issubclass(InvalidInstance, PacsError)
