"""What the schema promises of its columns, on each kind of database."""

import random
from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import insert, select

from pacs.dicom.attributes import READ_FROM_INSTANCE, Level
from pacs.index.session import Database
from pacs.index.tables import instance, metadata, name_form, name_forms_of, patient, series, study

TABLES = {Level.PATIENT: patient, Level.STUDY: study, Level.SERIES: series, Level.IMAGE: instance}
HANOI = timezone(timedelta(hours=7))


def test_every_attribute_has_its_column_and_every_name_a_folded_one() -> None:
    for attribute in READ_FROM_INSTANCE:
        columns = TABLES[attribute.level].columns
        assert attribute.column in columns
        assert (f"{attribute.column}_folded" in columns) == (attribute.vr == "PN")


def test_every_table_names_its_writer() -> None:
    assert all((table.comment or "").startswith("writer: ") for table in metadata.tables.values())


def test_our_times_come_back_aware_and_in_utc(database: Database) -> None:
    with database.write() as connection:
        patient_pk = connection.scalar(insert(patient).values(identity="a").returning(patient.c.pk))
        at = datetime(2026, 11, 24, 8, 30, 0, 123456, tzinfo=HANOI)
        connection.execute(
            insert(study).values(patient_pk=patient_pk, study_instance_uid="1", created_at=at, changed_at=at)
        )
        kept = connection.scalar(select(study.c.created_at))

    assert kept == at
    assert kept is not None
    assert kept.tzinfo is UTC or kept.utcoffset() == timedelta(0)


def test_a_value_longer_than_an_index_can_hold_is_kept_as_far_as_it_goes(database: Database) -> None:
    chance = random.Random(1)
    long = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(10_000))  # nothing to compress
    with database.write() as connection:
        values = {"identity": "a", "patient_id": long, "patient_name": long, "patient_name_folded": long}
        patient_pk = connection.scalars(insert(patient).values(values).returning(patient.c.pk)).one()
        connection.execute(insert(name_form), name_forms_of(patient_pk, f"{long} {long}"))

        assert connection.scalar(select(patient.c.patient_name)) == long
        assert connection.scalar(select(patient.c.pk).where(patient.c.patient_id == long)) == patient_pk


def test_text_is_sorted_by_code_point_whatever_the_locale(database: Database) -> None:
    with database.write() as connection:
        for value in ("b", "A", "a", "á", "B", "-a"):
            connection.execute(insert(patient).values(identity=value, patient_comments=value))
        kept = list(connection.scalars(select(patient.c.patient_comments).order_by(patient.c.patient_comments)))
    assert kept == ["-a", "A", "B", "a", "b", "á"]


def test_the_forms_of_a_name_are_its_groups_and_their_ends() -> None:
    rows = name_forms_of(7, "Yamada^Tarou=山田^太郎")
    assert {(row["form"], row["whole"]) for row in rows} == {
        ("yamada tarou", True),
        ("tarou", False),
        ("山田 太郎", True),
        ("太郎", False),
    }
    assert {row["patient_pk"] for row in rows} == {7}
