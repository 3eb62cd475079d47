"""What a PACS keeps, as tests look at it: rows, objects, and whether the two agree."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import xxhash
from pydicom.dataset import Dataset
from sqlalchemy import Table, select

from pacs.archive.ingest import Stored, ingest, receive
from pacs.context import SYSTEM, Actor, Pacs
from pacs.index.tables import attention, audit, instance, patient, series, study
from tests.make import data_set_bytes, part10


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One version of one instance."""

    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    object_key: str
    current: bool


def send(pacs: Pacs, ds: Dataset, actor: Actor = SYSTEM) -> Stored:
    """As a modality does: the command first, then the data set in pieces."""
    data = data_set_bytes(ds)
    with receive(pacs, actor, ds.SOPClassUID, ds.SOPInstanceUID, ds.file_meta.TransferSyntaxUID) as incoming:
        for start in range(0, len(data), 100):
            incoming.write(memoryview(data)[start : start + 100])
        return incoming.finish()


def upload(pacs: Pacs, ds: Dataset, actor: Actor = SYSTEM) -> Stored:
    return ingest(pacs, actor, part10(ds))


def kept(pacs: Pacs) -> list[Row]:
    statement = (
        select(
            patient.c.patient_id,
            study.c.study_instance_uid,
            series.c.series_instance_uid,
            instance.c.sop_instance_uid,
            instance.c.object_key,
            instance.c.current,
        )
        .select_from(instance.join(series).join(study).join(patient))
        .order_by(instance.c.pk)
    )
    with pacs.database.read() as connection:
        return [Row(*row) for row in connection.execute(statement)]


def rows_of(pacs: Pacs, table: Table) -> list[Any]:
    with pacs.database.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key or table.c)))


def flags(pacs: Pacs) -> Counter[str]:
    """How many matters of each kind wait for a person."""
    return Counter(row.kind for row in rows_of(pacs, attention) if row.resolved_at is None)


def actions(pacs: Pacs) -> Counter[str]:
    return Counter(row.action for row in rows_of(pacs, audit))


def object_keys(pacs: Pacs, folder: str = "") -> set[str]:
    return {one.key for one in pacs.objects.list(folder)}


def assert_sound(pacs: Pacs) -> None:
    """Every row has its object, whole; every object has its row; each UID is current once; counters are right."""
    rows = rows_of(pacs, instance)
    assert {row.object_key for row in rows} == object_keys(pacs)
    for row in rows:
        data = pacs.objects.get(row.object_key)
        assert len(data) == row.size
        assert hashlib.sha256(data).hexdigest() == row.object_key
        assert row.checksum in ("", xxhash.xxh3_64_hexdigest(data))
    assert Counter(row.sop_instance_uid for row in rows if row.current) == Counter({r.sop_instance_uid for r in rows})
    assert_counted(pacs)


def assert_counted(pacs: Pacs) -> None:
    """The counters are what counting gives."""
    of_series = Counter(row.series_pk for row in rows_of(pacs, instance) if row.current)
    all_series = rows_of(pacs, series)
    assert {row.pk: row.number_of_series_related_instances for row in all_series} == dict(of_series)
    of_study: Counter[int] = Counter()
    for row in all_series:
        of_study[row.study_pk] += of_series[row.pk]
    studies = rows_of(pacs, study)
    assert {row.pk: row.number_of_study_related_instances for row in studies} == dict(of_study)
    assert {row.pk: row.number_of_study_related_series for row in studies} == Counter(r.study_pk for r in all_series)


def wait_until(is_so: Callable[[], bool], timeout_s: float = 10) -> None:
    """Come back once it is so, and fail when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
