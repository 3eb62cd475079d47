"""Rows for all who wait, in one transaction: the identity decision is taken here, and nowhere else."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, assert_never

from sqlalchemy import Connection, Table, and_, bindparam, insert, select, update

from pacs import audit
from pacs.archive.attention import flag
from pacs.archive.further_values import Arrived, keep
from pacs.archive.identity import (
    CONFLICTS,
    Claim,
    Verdict,
    demographics_that_differ,
    identity_of,
    judge,
    next_to_compare,
)
from pacs.archive.overlay import applied_to, character_set_of, columns_of, digest_of, reread_header, suggest
from pacs.archive.removals import refuse_what_is_being_erased
from pacs.context import Actor
from pacs.dicom.attributes import Level
from pacs.dicom.header import Header
from pacs.index.prepared import Prepared
from pacs.index.tables import instance, name_form, name_forms_of, patient, series, study


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance whose object is on stable storage and that has no row yet."""

    header: Header
    transfer_syntax_uid: str
    object_key: str
    """SHA-256 of the Part 10 file in hexadecimal."""
    checksum: str
    """XXH3 (64 bits) of the same bytes in hexadecimal; "": nobody has read them all."""
    size: int
    """Bytes of the Part 10 file."""
    data_set_offset: int
    actor: Actor
    received_at: datetime
    equal: Mapping[str, bool] = field(default_factory=dict)
    """Kept versions it was compared with, by object key: whether the content is the same."""
    is_adopted: bool = False
    """Found among the objects and not sent by anyone: who found it keeps the record."""
    is_quarantined: bool = False
    """Its object lies in quarantine: whatever the verdict, it does not leave it."""


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one arrival."""

    verdict: Verdict
    compare_with: str = ""
    """Object key of the version that an undecided arrival must be compared with; then file it again."""
    is_spare: bool = False
    """No row names the object: its content is kept already, in another transfer syntax."""


def file_arrivals(connection: Connection, arrivals: Sequence[Arrival]) -> list[Filed]:
    """Judge each arrival beside what is kept and what came before it in this batch, and write the rows of all.

    Joins the transaction of the caller, who holds the writer's turn. Filing an arrival twice gives `again`.
    A conflict is a verdict and no exception: its attention row is committed with the rest.
    """
    if not arrivals:
        return []
    batch = _Batch(connection, arrivals)
    filed = [batch.file(arrival) for arrival in arrivals]
    batch.write()
    return filed


@dataclass(slots=True)
class _Study:
    """A study that the batch touches, and what the batch adds to it."""

    pk: int
    patient_pk: int
    identity: str
    patient: Mapping[str, Any]
    """The demographics of its patient, by column."""
    modalities: set[str]
    sop_classes: set[str]
    corrections: str = ""
    """Their digest; "" without any."""
    character_set: str = ""
    """What its text is to be read as, by a correction."""
    new_series: int = 0
    new_instances: int = 0


@dataclass(slots=True)
class _Series:
    pk: int
    new_instances: int = 0


class _Batch:
    """What the index knows of the UIDs of some arrivals, and the rows that will be written for them."""

    def __init__(self, connection: Connection, arrivals: Sequence[Arrival]) -> None:
        self._connection = connection
        self._now = datetime.now(UTC)
        self._versions: dict[str, list[Claim]] = {}
        self._studies: dict[str, _Study] = {}
        self._series: dict[tuple[str, str], _Series] = {}
        self._rows: list[dict[str, Any]] = []
        self._further: list[Arrived] = []
        self._stored: dict[tuple[str, str, str], list[Arrival]] = {}
        """By who sent them and their study. An Actor as a key would be hashed whole for each."""
        sent = [arrival for arrival in arrivals if not arrival.is_adopted]
        refuse_what_is_being_erased(connection, [(one.header.study_instance_uid, one.received_at) for one in sent])
        self._load_versions({arrival.header.sop_instance_uid for arrival in arrivals})
        self._load_places(
            {arrival.header.study_instance_uid for arrival in arrivals},
            {arrival.header.series_instance_uid for arrival in arrivals},
        )

    def file(self, arrival: Arrival) -> Filed:
        header = arrival.header
        known = self._studies.get(header.study_instance_uid)
        versions = self._versions.get(header.sop_instance_uid, [])
        claim = _claim(arrival)
        verdict = judge(claim, versions, known.identity if known else None, arrival.equal)
        if arrival.is_quarantined:
            kind = verdict if verdict in CONFLICTS else "patient-conflict"
            self._flag(arrival, kind, object_key=arrival.object_key, quarantined=True)
            return Filed(verdict)
        match verdict:
            case "new" | "version":
                self._add(arrival, claim)
            case "again":
                self._audit(arrival, "received-again", header.sop_instance_uid)
                return Filed(verdict, is_spare=all(version.object_key != claim.object_key for version in versions))
            case "series-conflict" | "patient-conflict":
                self._flag(arrival, verdict, object_key=arrival.object_key, quarantined=True)
                self._audit(arrival, "refused", f"{verdict}: {header.sop_instance_uid}")
            case "undecided":
                return Filed(verdict, next_to_compare(claim, versions, arrival.equal))
            case _:
                assert_never(verdict)
        return Filed(verdict)

    def write(self) -> None:
        """The rows of all new instances and what they change above them, by one statement each."""
        if not self._rows:
            return
        _INSERT_INSTANCE.run(self._connection, self._rows)
        if self._further:
            keep(self._connection, self._further)
        if changed := [_series_change(one) for one in self._series.values() if one.new_instances]:
            _UPDATE_SERIES.run(self._connection, changed)
            touched = [one for one in self._studies.values() if one.new_instances]
            _UPDATE_STUDY.run(self._connection, [_study_change(one, self._now) for one in touched])
        for sent in self._stored.values():
            self._audit(sent[0], "stored", f"instances: {len(sent)}")

    def _load_versions(self, sop_instance_uids: set[str]) -> None:
        for row in _SELECT_VERSIONS.rows(self._connection, {"uids": list(sop_instance_uids)}):
            self._versions.setdefault(row[0], []).append(Claim(*row[1:]))

    def _load_places(self, study_uids: set[str], series_uids: set[str]) -> None:
        uids = {"study_uids": list(study_uids), "series_uids": list(series_uids)}
        for row in _SELECT_PLACES.rows(self._connection, uids):
            uid, series_pk, series_uid, pk, patient_pk, identity, modalities, sop_classes, corrections, *person = row
            if uid not in self._studies:
                of_patient = _demographics(*person)
                known = _Study(pk, patient_pk, identity, of_patient, _set_of(modalities), _set_of(sop_classes))
                self._studies[uid] = known
                if corrections:
                    known.corrections = corrections
                    known.character_set = character_set_of(self._connection, uid)
            if series_pk is not None:
                self._series[uid, series_uid] = _Series(series_pk)

    def _add(self, arrival: Arrival, claim: Claim) -> None:
        header = arrival.header
        is_current = header.sop_instance_uid not in self._versions
        of_study = self._study(arrival, claim.identity)
        if of_study.character_set:
            arrival = replace(arrival, header=reread_header(header, of_study.character_set))
        of_series = self._series_of(arrival, of_study)
        self._rows.append(_instance_row(arrival, of_series.pk, is_current))
        if arrival.header.further:
            owners = {Level.PATIENT: of_study.patient_pk, Level.STUDY: of_study.pk, Level.SERIES: of_series.pk}
            its = arrival.header.further, owners, header.sop_instance_uid, arrival.object_key, is_current
            self._further.append(Arrived(*its))
        self._versions.setdefault(header.sop_instance_uid, []).append(claim)
        if is_current:
            if not arrival.is_adopted:
                key = arrival.actor.name, arrival.actor.address, header.study_instance_uid
                self._stored.setdefault(key, []).append(arrival)
            of_series.new_instances += 1
            of_study.new_instances += 1
            of_study.modalities.add(str(header.values["modality"]))
            of_study.sop_classes.add(header.sop_class_uid)
        else:
            self._flag(arrival, "version", object_key=arrival.object_key)
            self._audit(arrival, "version", f"{header.sop_instance_uid} {arrival.object_key}")
        # Of one whose demographics were corrected, what contradicts them is known.
        if not of_study.corrections and (differing := demographics_that_differ(of_study.patient, header.values)):
            self._flag(arrival, "demographics", detail=", ".join(differing))

    def _study(self, arrival: Arrival, identity: str) -> _Study:
        uid = arrival.header.study_instance_uid
        if (known := self._studies.get(uid)) is not None:
            return known
        patient_pk, demographics, corrections = self._patient(arrival, identity)
        row = columns_of(arrival.header.values, Level.STUDY) | {
            "patient_pk": patient_pk,
            "corrections": corrections,
            "created_at": arrival.received_at,
            "changed_at": self._now,
        }
        added = _Study(self._insert(study, row), patient_pk, identity, demographics, set(), set(), corrections)
        self._studies[uid] = added
        if not arrival.header.values["patient_id"]:
            self._flag(arrival, "no-patient-id")
        suggest(self._connection, arrival.header)
        return added

    def _patient(self, arrival: Arrival, identity: str) -> tuple[int, Mapping[str, Any], str]:
        """His key, his demographics, and the digest of what is corrected in all of his studies."""
        if known := _SELECT_PATIENT.rows(self._connection, {"identity": identity}):
            [(patient_pk, name, birth_date, sex)] = known
            corrections = digest_of(applied_to(self._connection, "", identity))
            return patient_pk, _demographics(name, birth_date, sex), corrections
        row = columns_of(arrival.header.values, Level.PATIENT)
        patient_pk = self._insert(patient, row | {"identity": identity})
        if forms := name_forms_of(patient_pk, str(arrival.header.values["patient_name"])):
            self._connection.execute(insert(name_form), forms)
        return patient_pk, row, ""

    def _series_of(self, arrival: Arrival, of_study: _Study) -> _Series:
        place = arrival.header.study_instance_uid, arrival.header.series_instance_uid
        if (known := self._series.get(place)) is not None:
            return known
        row = columns_of(arrival.header.values, Level.SERIES) | {"study_pk": of_study.pk, "revision": _any_revision()}
        of_study.new_series += 1
        added = self._series[place] = _Series(self._insert(series, row))
        return added

    def _insert(self, table: Table, row: dict[str, Any]) -> int:
        key = self._connection.execute(insert(table), row).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _flag(
        self, arrival: Arrival, kind: str, *, object_key: str = "", quarantined: bool = False, detail: str = ""
    ) -> None:
        flag(
            self._connection,
            kind,
            study_instance_uid=arrival.header.study_instance_uid,
            sop_instance_uid=arrival.header.sop_instance_uid,
            object_key=object_key,
            quarantined=quarantined,
            detail=detail,
            source=arrival.actor.name,
        )

    def _audit(self, arrival: Arrival, action: str, detail: str) -> None:
        if arrival.is_adopted:
            return
        uid = arrival.header.study_instance_uid
        audit.record(self._connection, arrival.actor, action, study_instance_uid=uid, detail=detail)


def _claim(arrival: Arrival) -> Claim:
    header = arrival.header
    patient_id, issuer = str(header.values["patient_id"]), str(header.values["issuer_of_patient_id"])
    return Claim(
        identity_of(patient_id, issuer, header.study_instance_uid),
        header.study_instance_uid,
        header.series_instance_uid,
        arrival.object_key,
        arrival.transfer_syntax_uid,
    )


def _instance_row(arrival: Arrival, series_pk: int, is_current: bool) -> dict[str, Any]:
    frame_table = arrival.header.frame_table
    row = columns_of(arrival.header.values, Level.IMAGE)
    row["series_pk"] = series_pk
    row["current"] = is_current
    row["transfer_syntax_uid"] = arrival.transfer_syntax_uid
    row["object_key"] = arrival.object_key
    row["size"] = arrival.size
    row["data_set_offset"] = arrival.data_set_offset
    row["checksum"] = arrival.checksum
    row["frame_table"] = frame_table.to_bytes() if frame_table else None
    row["source"] = arrival.actor.name
    row["received_at"] = arrival.received_at
    return row


def _any_revision() -> int:
    """Where a series begins to count its changes: elsewhere than one of that UID that was removed before.

    What was derived from that one is kept under its revisions, perhaps on other machines.
    """
    return secrets.randbelow(1 << 30)


def _demographics(name: str, birth_date: str, sex: str) -> dict[str, str]:
    return {"patient_name": name, "patient_birth_date": birth_date, "patient_sex": sex}


def _series_change(one: _Series) -> dict[str, Any]:
    return {"its_pk": one.pk, "new_instances": one.new_instances}


def _study_change(one: _Study, now: datetime) -> dict[str, Any]:
    return {
        "its_pk": one.pk,
        "new_series": one.new_series,
        "new_instances": one.new_instances,
        "modalities": _joined(one.modalities),
        "sop_classes": _joined(one.sop_classes),
        "now": now,
    }


def _set_of(joined: str) -> set[str]:
    return set(joined.split("\\")) if joined else set()


def _joined(values: Iterable[str]) -> str:
    return "\\".join(sorted(filter(None, values)))


_INSERT_INSTANCE = Prepared(insert(instance))

_SELECT_VERSIONS = Prepared(
    select(
        instance.c.sop_instance_uid,
        patient.c.identity,
        study.c.study_instance_uid,
        series.c.series_instance_uid,
        instance.c.object_key,
        instance.c.transfer_syntax_uid,
    )
    .select_from(instance.join(series).join(study).join(patient))
    .where(instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True)))
    .order_by(instance.c.current.desc(), instance.c.pk)
)

_SELECT_PLACES = Prepared(
    select(
        study.c.study_instance_uid,
        series.c.pk,
        series.c.series_instance_uid,
        study.c.pk,
        study.c.patient_pk,
        patient.c.identity,
        study.c.modalities_in_study,
        study.c.sop_classes_in_study,
        study.c.corrections,
        patient.c.patient_name,
        patient.c.patient_birth_date,
        patient.c.patient_sex,
    )
    .select_from(
        study.join(patient).outerjoin(
            series,
            and_(
                series.c.study_pk == study.c.pk,
                series.c.series_instance_uid.in_(bindparam("series_uids", expanding=True)),
            ),
        )
    )
    .where(study.c.study_instance_uid.in_(bindparam("study_uids", expanding=True)))
)

_SELECT_PATIENT = Prepared(
    select(patient.c.pk, patient.c.patient_name, patient.c.patient_birth_date, patient.c.patient_sex).where(
        patient.c.identity == bindparam("identity")
    )
)

_UPDATE_SERIES = Prepared(
    update(series)
    .where(series.c.pk == bindparam("its_pk"))
    .values(
        number_of_series_related_instances=series.c.number_of_series_related_instances + bindparam("new_instances"),
        revision=series.c.revision + 1,
    )
)

_UPDATE_STUDY = Prepared(
    update(study)
    .where(study.c.pk == bindparam("its_pk"))
    .values(
        number_of_study_related_series=study.c.number_of_study_related_series + bindparam("new_series"),
        number_of_study_related_instances=study.c.number_of_study_related_instances + bindparam("new_instances"),
        modalities_in_study=bindparam("modalities"),
        sop_classes_in_study=bindparam("sop_classes"),
        changed_at=bindparam("now"),
    )
)
