"""A batch of arrivals gets its rows in one transaction, on each kind of database."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from pacs.archive.committer import Arrival, file_arrivals
from pacs.context import SYSTEM
from pacs.dicom.header import read_header
from pacs.index.session import Database
from pacs.index.tables import attention, audit, instance, series, study
from tests.make import data_set_bytes, make_ct, make_uid

EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate()
    yield database
    database.close()


def arrival_of(study_number: int, number: int, text: str = "") -> Arrival:
    """Of one of two series in its study. text: what makes another version of it."""
    ds = make_ct(
        StudyInstanceUID=make_uid(1, study_number),
        SeriesInstanceUID=make_uid(1, study_number, number % 2),
        SOPInstanceUID=make_uid(1, study_number, 9, number),
        ImageComments=text,
    )
    data = data_set_bytes(ds)
    header = read_header(io.BytesIO(data), 0, len(data), EXPLICIT)
    return Arrival(header, EXPLICIT, hashlib.sha256(data).hexdigest(), "", len(data), 0, SYSTEM, datetime.now(UTC))


@pytest.mark.parametrize("count", [1, 3, 40])
def test_all_of_a_batch_are_filed_once(database: Database, count: int) -> None:
    arrivals = [arrival_of(number % 5, number) for number in range(count)]

    for expected in ("new", "again"):
        with database.write() as connection:
            assert [filed.verdict for filed in file_arrivals(connection, arrivals)] == [expected] * count

    studies = min(count, 5)
    with database.read() as connection:
        counted = (
            select(func.count()).select_from(instance),
            select(func.sum(series.c.number_of_series_related_instances)),
            select(func.sum(study.c.number_of_study_related_instances)),
        )
        assert [connection.scalar(each) for each in counted] == [count] * 3
        changed = set(connection.execute(select(study.c.modalities_in_study, study.c.sop_classes_in_study)))
        assert changed == {("CT", "1.2.840.10008.5.1.4.1.1.2")}
        stored = connection.scalars(select(audit.c.detail).where(audit.c.action == "stored")).all()
        assert (len(stored), sum(int(detail.removeprefix("instances: ")) for detail in stored)) == (studies, count)


def test_two_versions_in_one_batch_are_kept_and_the_first_is_current(database: Database) -> None:
    first, second = arrival_of(1, 1, "first"), arrival_of(1, 1, "second")

    with database.write() as connection:
        filed = file_arrivals(connection, [first, second, first])

    assert [one.verdict for one in filed] == ["new", "version", "again"]
    with database.read() as connection:
        kept = connection.execute(select(instance.c.object_key, instance.c.current))
        assert {tuple(row) for row in kept} == {(first.object_key, True), (second.object_key, False)}
        assert connection.scalars(select(attention.c.kind)).all() == ["version"]


def test_a_batch_of_nothing_is_filed(database: Database) -> None:
    with database.write() as connection:
        assert file_arrivals(connection, []) == []
