"""Fill an index with invented studies, straight through SQL: what questions are measured on.

    python -m scripts.bench.fill_index sqlite:////tmp/bench/index.sqlite --studies 20000

The same number of studies gives the same rows, whatever the database. No object stands behind them.
"""

import argparse
import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import accumulate, islice
from typing import Any

from sqlalchemy import Connection, Table

from pacs.dicom.person_name import folded
from pacs.index.session import Database
from pacs.index.tables import instance, name_form, name_forms_of, patient, series, study

ROOT_UID = "1.2.826.0.1.3680043.10.1557.9"
FIRST_DAY = date(2016, 1, 1)
DAYS = 3650
NOW = "2026-01-01 00:00:00.000000"
RECEIVED = "2999-01-01 00:00:00.000000"
"""Later than every start of a server: none looks for the objects of these instances, and finds them lost."""
FAMILY_NAMES = {
    "NGUYỄN": 384,
    "TRẦN": 120,
    "LÊ": 95,
    "PHẠM": 70,
    "HUỲNH": 51,
    "PHAN": 45,
    "VŨ": 39,
    "HOÀNG": 36,
    "ĐẶNG": 25,
    "BÙI": 20,
    "ĐỖ": 14,
    "HỒ": 13,
    "NGÔ": 13,
    "DƯƠNG": 10,
    "LÝ": 5,
    "ĐÀO": 5,
    "NGUYÊT": 1,
}
"""Family names and how many of 946 people bear them."""
MIDDLE_NAMES = ("VĂN", "THỊ", "HỮU", "ĐỨC", "NGỌC", "MINH", "THU", "QUANG", "THỊ ÁNH", "THỊ THANH", "XUÂN", "GIA")
GIVEN_NAMES = (
    *("AN", "ÁNH", "BÌNH", "CƯỜNG", "DŨNG", "ĐÀO", "ĐẠT", "ĐỨC", "GIANG", "HÀ", "HẢI", "HẠNH", "HIẾU", "HÒA", "HOÀ"),
    *("HỒNG", "HÙNG", "HƯƠNG", "KHÁNH", "KIÊN", "LAN", "LINH", "LOAN", "LONG", "MAI", "MINH", "NAM", "NGA", "NHUNG"),
    *("OANH", "PHÚC", "PHƯƠNG", "QUÂN", "QUỲNH", "SƠN", "TÂM", "THẢO", "THẮNG", "TOÀN", "TRANG", "TUẤN", "VÂN", "YẾN"),
)
MODALITIES = {
    "CR": ("1.2.840.10008.5.1.4.1.1.1", "X QUANG NGỰC THẲNG", "CHEST"),
    "DX": ("1.2.840.10008.5.1.4.1.1.1.1", "X QUANG CỘT SỐNG", "SPINE"),
    "CT": ("1.2.840.10008.5.1.4.1.1.2", "CT NGỰC CÓ TIÊM", "CHEST"),
    "US": ("1.2.840.10008.5.1.4.1.1.6.1", "SIÊU ÂM BỤNG TỔNG QUÁT", "ABDOMEN"),
    "MR": ("1.2.840.10008.5.1.4.1.1.4", "MRI SỌ NÃO", "HEAD"),
    "XA": ("1.2.840.10008.5.1.4.1.1.12.1", "CHỤP MẠCH VÀNH", "HEART"),
}
MODALITY_SHARES = (30, 30, 18, 15, 6, 1)
CHUNK = 10_000


def fill(database: Database, studies: int, instances: int = 1, first: int = 1) -> None:
    """Add studies up to this number to an empty index: four patients for five studies, a series each, some with two.

    instances: how many each series has. first: the number to begin with, where an index is filled in several goes.
    """
    numbers = iter(range(first, studies + 1))
    while chunk := list(islice(numbers, CHUNK)):
        with database.write() as connection:
            _insert(connection, patient, (_patient(n) for n in chunk if _patient_of(n) == n))
            _insert(connection, name_form, (row for n in chunk if _patient_of(n) == n for row in _name_forms(n)))
            _insert(connection, study, (_study(n, instances) for n in chunk))
            _insert(connection, series, (row for n in chunk for row in _series_of(n, instances)))
            _insert(connection, instance, (row for n in chunk for row in _instances_of(n, instances)))


def settle(database: Database) -> None:
    """What PostgreSQL does or keeps by itself when rows come one by one: statistics, and the next keys."""
    if database.is_sqlite:
        return
    with database.write() as connection:
        for table in (patient, study, series, instance):
            last = f"pg_get_serial_sequence('{table.name}', 'pk'), (SELECT max(pk) FROM {table.name})"
            connection.exec_driver_sql(f"SELECT setval({last})")
        connection.exec_driver_sql("ANALYZE")


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """By the driver's own fastest way; the columns are those of the first row."""
    rows = list(rows)
    columns = ", ".join(rows[0])
    values = (tuple(row.values()) for row in rows)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in rows[0])
        driver.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", values)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for value in values:
            copy.write_row(value)


def _patient_of(number: int) -> int:
    """The patient of a study: every fifth study is a second one of the patient before."""
    return number - 1 if number % 5 == 0 else number


def _chance(number: int, of: str) -> random.Random:
    return random.Random(f"{of} {number}")


def _name(chance: random.Random) -> str:
    families = chance.choices(tuple(FAMILY_NAMES), cum_weights=tuple(accumulate(FAMILY_NAMES.values())))
    return f"{families[0]}^{chance.choice(MIDDLE_NAMES)} {chance.choice(GIVEN_NAMES)}"


def _patient(number: int) -> dict[str, Any]:
    chance = _chance(number, "patient")
    name = _name(chance)
    patient_id = f"{number:012d}"
    return {
        "pk": number,
        "identity": f"id {patient_id}",
        "patient_name": name,
        "patient_name_folded": folded(name),
        "patient_id": patient_id,
        "patient_birth_date": (date(1930, 1, 1) + timedelta(days=chance.randrange(33_000))).strftime("%Y%m%d"),
        "patient_sex": chance.choice("FM"),
    }


def _name_forms(number: int) -> list[dict[str, Any]]:
    return name_forms_of(number, _name(_chance(number, "patient")))


def _study(number: int, instances: int) -> dict[str, Any]:
    chance = _chance(number, "study")
    modalities = _modalities(number)
    doctor = f"{chance.choice(tuple(FAMILY_NAMES))}^{chance.choice(GIVEN_NAMES)}"
    return {
        "pk": number,
        "patient_pk": _patient_of(number),
        "study_instance_uid": f"{ROOT_UID}.1.{number}",
        "study_date": (FIRST_DAY + timedelta(days=chance.randrange(DAYS))).strftime("%Y%m%d"),
        "study_time": f"{chance.randrange(6, 20):02d}{chance.randrange(60):02d}{chance.randrange(60):02d}",
        "accession_number": f"ACC{number:010d}",
        "referring_physician_name": doctor,
        "referring_physician_name_folded": folded(doctor),
        "study_description": MODALITIES[modalities[0]][1],
        "study_id": f"S{number}",
        "modalities_in_study": "\\".join(sorted(set(modalities))),
        "sop_classes_in_study": "\\".join(sorted({MODALITIES[modality][0] for modality in modalities})),
        "number_of_study_related_series": len(modalities),
        "number_of_study_related_instances": len(modalities) * instances,
        "created_at": NOW,
        "changed_at": NOW,
    }


def _modalities(number: int) -> list[str]:
    """One for each series of the study."""
    chance = _chance(number, "modalities")
    return chance.choices(tuple(MODALITIES), weights=MODALITY_SHARES, k=chance.choice((1, 1, 1, 2)))


def _series_of(number: int, instances: int) -> Iterator[dict[str, Any]]:
    for index, modality in enumerate(_modalities(number)):
        yield {
            "pk": 2 * number + index,
            "study_pk": number,
            "series_instance_uid": f"{ROOT_UID}.2.{number}.{index + 1}",
            "modality": modality,
            "series_number": index + 1,
            "series_description": MODALITIES[modality][1],
            "body_part_examined": MODALITIES[modality][2],
            "number_of_series_related_instances": instances,
        }


def _instances_of(number: int, instances: int) -> Iterator[dict[str, Any]]:
    for index, modality in enumerate(_modalities(number)):
        for instance_number in range(1, instances + 1):
            pk = (2 * number + index) * instances + instance_number
            yield {
                "pk": pk,
                "series_pk": 2 * number + index,
                "sop_instance_uid": f"{ROOT_UID}.3.{number}.{index + 1}.{instance_number}",
                "sop_class_uid": MODALITIES[modality][0],
                "instance_number": instance_number,
                "rows": 512,
                "columns": 512,
                "bits_allocated": 16,
                "current": True,
                "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                "object_key": f"{pk:064x}",
                "size": 526_000,
                "data_set_offset": 344,
                "received_at": RECEIVED,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill an empty index with invented studies.")
    parser.add_argument("database", help="sqlite:///path or postgresql+psycopg://…")
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--instances", type=int, default=1, help="of each series")
    options = parser.parse_args()
    database = Database(options.database)
    database.migrate()
    fill(database, options.studies, options.instances)
    settle(database)
    database.close()


if __name__ == "__main__":
    main()
