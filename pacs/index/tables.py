"""The whole schema on one page. Each table names its one writer.

Columns that carry the name of a DICOM attribute hold its value as it was sent, decoded to Unicode and
normalised to NFC, multiple values joined by a backslash, trailing padding removed; absent and empty are both "".
Dates and times (DA, TM, DT) stay the strings they were. Our own times are aware UTC.
Text is compared and sorted by code point on every database, whatever its locale.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from pacs.dicom.attributes import ATTRIBUTES, Attribute, Level
from pacs.dicom.person_name import forms

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INTEGER_VRS = frozenset(("IS", "US", "UL"))
"""Kept, compared and sorted as the numbers they are."""

LONGEST_KEY = 512
"""Characters kept of a value that has an index: PostgreSQL refuses a row whose index entry passes 2.7 kB."""
LONGEST_FORM = 128
"""Characters kept of a form of a name: it narrows a search, the whole folded name decides."""


class KeyText(TypeDecorator[str]):
    """Text that has an index, cut to what the index can hold. A legal value has at most 64 characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None else value[:LONGEST_KEY]


class Instant(TypeDecorator[datetime]):
    """A time of ours: aware, UTC. SQLite forgets the time zone, this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.replace(tzinfo=value.tzinfo or UTC)


key_type = BigInteger().with_variant(Integer, "sqlite")
text_type = Text().with_variant(Text(collation="C"), "postgresql")
key_text_type = KeyText().with_variant(KeyText(collation="C"), "postgresql")


def _attributes(level: Level, keys: str = "") -> list[Column[Any]]:
    """The columns of a level. keys: the keywords of those that an index is made for."""
    columns: list[Column[Any]] = []
    for attribute in ATTRIBUTES:
        if attribute.level != level or attribute.computed:
            continue
        kind = key_text_type if attribute.keyword in keys.split() else text_type
        if is_integer(attribute):
            columns.append(Column(attribute.column, BigInteger))
        else:
            columns.append(Column(attribute.column, kind, nullable=False, server_default=""))
        if attribute.vr == "PN":
            columns.append(Column(f"{attribute.column}_folded", kind, nullable=False, server_default=""))
    return columns


def is_integer(attribute: Attribute) -> bool:
    """Whether the column holds a number, None where the value is absent or is none."""
    return attribute.vr in INTEGER_VRS


def name_forms_of(patient_pk: int, patient_name: str) -> list[dict[str, Any]]:
    """The rows of `name_form` for one patient's name."""
    return [
        {"whole": whole, "form": form, "patient_pk": patient_pk}
        for whole, form in sorted({(whole, form[:LONGEST_FORM]) for form, whole in forms(patient_name)})
    ]


patient = Table(
    "patient",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("identity", text_type, nullable=False, unique=True),
    # issuer and patient id together, or the one study of a patient who has no id (reliability 5.4)
    *_attributes(Level.PATIENT, keys="PatientID"),
    comment="writer: archive.ingest. A patient as the first instance named him; an image never rewrites him",
)

name_form = Table(
    "name_form",
    metadata,
    Column("whole", Boolean, primary_key=True),
    # the form is a group from its beginning, not from a later word
    Column("form", text_type, primary_key=True),
    # one component group of the patient's name, folded, from the beginning of a word
    Column("patient_pk", key_type, ForeignKey("patient.pk"), primary_key=True),
    sqlite_with_rowid=False,
    comment="writer: archive.ingest, by name_forms_of. What makes a search for any word of a name fast",
)

study = Table(
    "study",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("patient_pk", key_type, ForeignKey("patient.pk"), nullable=False, index=True),
    *_attributes(Level.STUDY, keys="StudyDate StudyTime AccessionNumber StudyID"),
    Column("modalities_in_study", text_type, nullable=False, server_default=""),
    Column("sop_classes_in_study", text_type, nullable=False, server_default=""),
    Column("number_of_study_related_series", Integer, nullable=False, server_default="0"),
    Column("number_of_study_related_instances", Integer, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    comment="writer: archive.ingest",
)

series = Table(
    "series",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("study_pk", key_type, ForeignKey("study.pk"), nullable=False),
    *_attributes(Level.SERIES, keys="Modality"),
    Column("number_of_series_related_instances", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),
    # counts every change of the series' current instances: what is derived from them is kept under it
    UniqueConstraint("study_pk", "series_instance_uid"),
    comment="writer: archive.ingest",
)

instance = Table(
    "instance",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("series_pk", key_type, ForeignKey("series.pk"), nullable=False),
    *_attributes(Level.IMAGE),
    Column("current", Boolean, nullable=False),
    # one row for each version of a SOP Instance UID; the current one is what is found and given
    Column("transfer_syntax_uid", text_type, nullable=False),
    Column("object_key", String(64), nullable=False, index=True),
    # the SHA-256 of the Part 10 file in hexadecimal, and so the version's id
    Column("size", BigInteger, nullable=False),
    # bytes of the Part 10 file
    Column("data_set_offset", Integer, nullable=False),
    # where its data set begins, in bytes
    Column("frame_table", LargeBinary),
    # dicom.frames.FrameTable as bytes; None where there is no pixel data
    Column("source", text_type, nullable=False, server_default=""),
    # who sent it: AE title, login, or the command
    Column("received_at", Instant, nullable=False),
    comment="writer: archive.ingest",
)

attention = Table(
    "attention",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("kind", String(32), nullable=False),
    # version, series-conflict, patient-conflict, demographics, no-patient-id, lost, damaged
    Column("sop_instance_uid", text_type, nullable=False, server_default=""),
    Column("study_instance_uid", text_type, nullable=False, server_default=""),
    Column("object_key", String(64), nullable=False, server_default=""),
    Column("quarantined", Boolean, nullable=False, server_default=text("false")),
    Column("detail", text_type, nullable=False, server_default=""),
    Column("source", text_type, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    comment="writer: archive.ingest and archive.recovery. What a person must look at; never deleted",
)

audit = Table(
    "audit",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("action", String(32), nullable=False),
    # stored, received-again, refused, queried, retrieved, signed-in, sign-in-failed, ...
    Column("actor", text_type, nullable=False),
    Column("address", text_type, nullable=False, server_default=""),
    Column("study_instance_uid", text_type, nullable=False, server_default=""),
    Column("detail", text_type, nullable=False, server_default=""),
    comment="writer: audit.record",
)

account = Table(
    "account",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", text_type, nullable=False),
    Column("created_at", Instant, nullable=False),
    comment="writer: accounts. People; argon2id hashes",
)

credential = Table(
    "credential",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    # SHA-256 of the secret in hexadecimal: the secret itself is kept nowhere
    Column("kind", String(16), nullable=False),
    # session, token, link (the one-time sign-in link)
    Column("account_pk", key_type, ForeignKey("account.pk")),
    Column("name", text_type, nullable=False, server_default=""),
    Column("role", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("used_at", Instant),
    comment="writer: accounts",
)

peer = Table(
    "peer",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False, unique=True),
    Column("host", text_type, nullable=False),
    Column("port", Integer, nullable=False),
    Column("may", text_type, nullable=False),
    # permissions, joined by a comma: store,query,retrieve
    Column("charset", String(32), nullable=False, server_default=""),
    comment="writer: peers.directory",
)

Index("uq_study_study_instance_uid", study.c.study_instance_uid, unique=True)
Index("ix_study_study_date", study.c.study_date, study.c.study_time, study.c.pk)
Index("ix_study_accession_number", study.c.accession_number)
Index("ix_study_study_id", study.c.study_id)
Index("ix_patient_patient_id", patient.c.patient_id)
Index("ix_name_form_patient_pk", name_form.c.patient_pk)
Index("ix_series_series_instance_uid", series.c.series_instance_uid)
Index("ix_series_modality", series.c.modality)
Index(
    "uq_instance_current",
    instance.c.sop_instance_uid,
    unique=True,
    sqlite_where=instance.c.current,
    postgresql_where=instance.c.current,
)
Index("uq_instance_version", instance.c.sop_instance_uid, instance.c.object_key, unique=True)
Index("ix_instance_series_pk", instance.c.series_pk, instance.c.instance_number)
Index("ix_attention_open", attention.c.resolved_at, attention.c.created_at)
Index("ix_attention_object", attention.c.object_key, attention.c.kind)
Index("ix_attention_study", attention.c.study_instance_uid, attention.c.kind)
Index("ix_audit_study", audit.c.study_instance_uid, audit.c.at)
