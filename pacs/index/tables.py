"""The whole schema on one page. Each table names its one writer.

Columns that carry the name of a DICOM attribute hold its value as it was sent, decoded to Unicode and
normalised to NFC, multiple values joined by a backslash, trailing padding removed; absent and empty are both "".
Dates and times (DA, TM, DT) stay the strings they were. Our own times are UTC.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from pacs.dicom.attributes import ATTRIBUTES, Level

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INTEGER_VRS = frozenset(("US", "UL"))
INTEGER_KEYWORDS = frozenset(("InstanceNumber", "SeriesNumber", "NumberOfFrames"))
"""IS attributes that are compared and sorted as the numbers they are; None where absent or not a number."""

key_type = BigInteger().with_variant(Integer, "sqlite")


def _attributes(level: Level) -> list[Column[object]]:
    columns: list[Column[object]] = []
    for attribute in ATTRIBUTES:
        if attribute.level != level or attribute.computed:
            continue
        if attribute.vr in INTEGER_VRS or attribute.keyword in INTEGER_KEYWORDS:
            columns.append(Column(attribute.column, BigInteger))
        else:
            columns.append(Column(attribute.column, Text, nullable=False, server_default=""))
        if attribute.vr == "PN":
            columns.append(Column(f"{attribute.column}_folded", Text, nullable=False, server_default=""))
    return columns


patient = Table(
    "patient",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("identity", Text, nullable=False, unique=True),
    # issuer and patient id together, or the one study of a patient who has no id (reliability 5.4)
    *_attributes(Level.PATIENT),
    comment="writer: archive.ingest. A patient as the first instance named him; an image never rewrites him",
)

study = Table(
    "study",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("patient_pk", key_type, ForeignKey("patient.pk"), nullable=False, index=True),
    *_attributes(Level.STUDY),
    Column("modalities_in_study", Text, nullable=False, server_default=""),
    Column("sop_classes_in_study", Text, nullable=False, server_default=""),
    Column("number_of_study_related_series", Integer, nullable=False, server_default="0"),
    Column("number_of_study_related_instances", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    comment="writer: archive.ingest",
)

series = Table(
    "series",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("study_pk", key_type, ForeignKey("study.pk"), nullable=False),
    *_attributes(Level.SERIES),
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
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("object_key", String(64), nullable=False, index=True),
    # the SHA-256 of the Part 10 file in hexadecimal, and so the version's id
    Column("size", BigInteger, nullable=False),
    # bytes of the Part 10 file
    Column("data_set_offset", Integer, nullable=False),
    # where its data set begins, in bytes
    Column("frame_table", LargeBinary),
    # dicom.frames.FrameTable as bytes; None where there is no pixel data
    Column("source", Text, nullable=False, server_default=""),
    # who sent it: AE title, login, or the command
    Column("received_at", DateTime(timezone=True), nullable=False),
    comment="writer: archive.ingest",
)

attention = Table(
    "attention",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("kind", String(32), nullable=False),
    # version, series-conflict, patient-conflict, demographics, no-patient-id, lost, damaged
    Column("sop_instance_uid", Text, nullable=False, server_default=""),
    Column("study_instance_uid", Text, nullable=False, server_default=""),
    Column("object_key", String(64), nullable=False, server_default=""),
    Column("quarantined", Boolean, nullable=False, server_default=text("false")),
    Column("detail", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    comment="writer: archive.ingest and archive.recovery. What a person must look at; never deleted",
)

audit = Table(
    "audit",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", String(32), nullable=False),
    # stored, received-again, refused, queried, retrieved, signed-in, sign-in-failed, ...
    Column("actor", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("study_instance_uid", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    comment="writer: audit.record",
)

account = Table(
    "account",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
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
    Column("name", Text, nullable=False, server_default=""),
    Column("role", String(16), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("used_at", DateTime(timezone=True)),
    comment="writer: accounts",
)

peer = Table(
    "peer",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False, unique=True),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("may", Text, nullable=False),
    # permissions, joined by a comma: store,query,retrieve
    Column("charset", String(32), nullable=False, server_default=""),
    comment="writer: peers.directory",
)

Index("uq_study_study_instance_uid", study.c.study_instance_uid, unique=True)
Index("ix_study_study_date", study.c.study_date, study.c.study_time)
Index("ix_study_accession_number", study.c.accession_number)
Index("ix_study_study_id", study.c.study_id)
Index("ix_patient_patient_id", patient.c.patient_id)
Index("ix_patient_patient_name_folded", patient.c.patient_name_folded)
Index("ix_study_referring_physician_name_folded", study.c.referring_physician_name_folded)
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
Index("ix_audit_study", audit.c.study_instance_uid, audit.c.at)
