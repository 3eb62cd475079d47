"""Rows of the index by SQL, for what is only looked for: no object stands behind them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from pacs.dicom.attributes import READ_FROM_INSTANCE, Level
from pacs.dicom.person_name import folded
from pacs.index.tables import instance, name_form, name_forms_of, patient, series, study
from tests.make import make_uid

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
_numbers = count(1)


def add_instance(connection: Connection, current: bool = True, **values: Any) -> str:
    """The SOP Instance UID of a new row; keywords are DICOM's, what is not given is empty or makes a new study.

    The rows above it are made unless they exist; a patient is known by his id and name.
    """
    values.setdefault("StudyInstanceUID", make_uid())
    values.setdefault("SeriesInstanceUID", make_uid())
    values.setdefault("SOPInstanceUID", make_uid())
    values.setdefault("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2")
    if (study_pk := _pk_of(connection, study, study_instance_uid=values["StudyInstanceUID"])) is None:
        study_pk = _insert(
            connection,
            study,
            Level.STUDY,
            values,
            patient_pk=_patient(connection, values),
            created_at=NOW,
            changed_at=NOW,
        )
    series_uid = values["SeriesInstanceUID"]
    if (series_pk := _pk_of(connection, series, study_pk=study_pk, series_instance_uid=series_uid)) is None:
        series_pk = _insert(connection, series, Level.SERIES, values, study_pk=study_pk)
    _insert(
        connection,
        instance,
        Level.IMAGE,
        values,
        series_pk=series_pk,
        current=current,
        transfer_syntax_uid=values.get("AvailableTransferSyntaxUID", "1.2.840.10008.1.2.1"),
        object_key=f"{next(_numbers):064x}",
        size=1000,
        data_set_offset=344,
        received_at=NOW,
    )
    _count(connection, study_pk, series_pk)
    return str(values["SOPInstanceUID"])


def remove_everything(connection: Connection) -> None:
    for table in (instance, series, study, name_form, patient):
        connection.execute(delete(table))


def _patient(connection: Connection, values: dict[str, Any]) -> int:
    identity = f"{values.get('PatientID', '')}\\{values.get('PatientName', '')}"
    if (pk := _pk_of(connection, patient, identity=identity)) is None:
        pk = _insert(connection, patient, Level.PATIENT, values, identity=identity)
        if forms := name_forms_of(pk, values.get("PatientName", "")):
            connection.execute(insert(name_form), forms)
    return pk


def _pk_of(connection: Connection, table: Table, **columns: Any) -> int | None:
    return connection.scalar(select(table.c.pk).filter_by(**columns))


def _insert(connection: Connection, table: Table, level: Level, values: dict[str, Any], **columns: Any) -> int:
    for attribute in READ_FROM_INSTANCE:
        if attribute.level == level:
            columns[attribute.column] = values.get(attribute.keyword, None if attribute.is_integer else "")
            if attribute.vr == "PN":
                columns[f"{attribute.column}_folded"] = folded(columns[attribute.column])
    pk: int = connection.scalars(insert(table).values(**columns).returning(table.c.pk)).one()
    return pk


def _count(connection: Connection, study_pk: int, series_pk: int) -> None:
    """What ingest keeps beside the rows: counts, and the modalities and SOP classes of the study."""
    of_series = select(func.count()).where(instance.c.series_pk == series_pk, instance.c.current)
    connection.execute(
        update(series)
        .where(series.c.pk == series_pk)
        .values(number_of_series_related_instances=of_series.scalar_subquery())
    )
    here = series.c.study_pk == study_pk
    total = connection.scalar(select(func.sum(series.c.number_of_series_related_instances)).where(here))
    modalities = connection.scalars(select(series.c.modality).where(here).distinct())
    classes = connection.scalars(select(instance.c.sop_class_uid).join(series).where(here).distinct())
    connection.execute(
        update(study)
        .where(study.c.pk == study_pk)
        .values(
            number_of_study_related_series=select(func.count()).select_from(series).where(here).scalar_subquery(),
            number_of_study_related_instances=total,
            modalities_in_study="\\".join(sorted(filter(None, modalities))),
            sop_classes_in_study="\\".join(sorted(classes)),
        )
    )
