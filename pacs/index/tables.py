"""The whole schema on one page. Each table names its one writer.

Columns that carry the name of a DICOM attribute hold its value as it was sent, decoded to Unicode and
normalised to NFC, multiple values joined by a backslash, trailing padding removed; absent and empty are both "".
A sequence is a JSON array of its items, each an object of the members that are indexed, by keyword; "" without any.
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

from pacs.dicom.attributes import ATTRIBUTES, Level
from pacs.dicom.person_name import forms

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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
        if attribute.is_integer:
            columns.append(Column(attribute.column, BigInteger))
        else:
            columns.append(Column(attribute.column, kind, nullable=False, server_default=""))
        if attribute.vr == "PN":
            columns.append(Column(f"{attribute.column}_folded", kind, nullable=False, server_default=""))
    return columns


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
    Column("corrections", String(16), nullable=False, server_default=""),
    # the digest of the corrections that are laid over what is kept; "": none, so its bytes go out as they are
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
    Column("checksum", String(16), nullable=False, server_default=""),
    # XXH3 (64 bits) of the file in hexadecimal, by which each read is checked; "": by its SHA-256, which takes tenfold
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
    # permissions, joined by a comma: store,query,retrieve,commit
    Column("charset", String(32), nullable=False, server_default=""),
    # the Specific Character Set of what we tell it; "": ISO_IR 192; ISO_IR 6: letters without their marks
    Column("tls", Boolean, nullable=False, server_default=text("false")),
    # we call it over TLS, and take it over TLS alone
    Column("certificate", String(64), nullable=False, server_default=""),
    # SHA-256 of the one certificate (DER) that it may show, in hexadecimal; "": any that our authority signed
    Column("max_associations", Integer),
    # at once; None: as many as all may have
    Column("max_per_minute", Integer),
    # associations that it may open in a minute; None: any number
    Column("relational", Boolean, nullable=False, server_default=text("false")),
    # it may ask without the unique keys above, though it did not negotiate that
    Column("notified", Boolean, nullable=False, server_default=text("false")),
    # it is told what has become available (PS3.4 Annex R)
    Column("identified", Boolean, nullable=False, server_default=text("false")),
    # whoever uses it must say who he is, by a name and a passcode of our accounts (PS3.7 D.3.3.7)
    comment="writer: peers.directory",
)

knock = Table(
    "knock",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False),
    Column("address", text_type, nullable=False),
    Column("called_ae_title", String(16), nullable=False),
    Column("why", text_type, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    UniqueConstraint("ae_title", "address"),
    comment="writer: peers.directory. Who was turned away because we do not know him, to be admitted or forgotten",
)

association = Table(
    "association",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False),
    # the peer's
    Column("address", text_type, nullable=False, server_default=""),
    Column("outgoing", Boolean, nullable=False),
    # we called it
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", String(16), nullable=False),
    # released, aborted, rejected, lost, unreachable
    Column("why", text_type, nullable=False, server_default=""),
    # in plain words, what to look at; "" when all went well
    Column("contexts", text_type, nullable=False, server_default=""),
    # what was proposed, accepted, refused and why: JSON, as peers.history has it
    Column("requests", text_type, nullable=False, server_default=""),
    # how often each service was asked for, with each status: JSON
    comment="writer: peers.history. The last associations of each peer",
)

route = Table(
    "route",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("rule", text_type, nullable=False),
    # what it takes: JSON, as workflow.routing has it
    Column("destination", text_type, nullable=False),
    # the AE title of a peer, or the address of a DICOMweb service
    Column("token", text_type, nullable=False, server_default=""),
    # bearer token of a DICOMweb destination
    Column("priority", Integer, nullable=False, server_default="0"),
    # greater goes first
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False),
    comment="writer: workflow.routing",
)

delivery = Table(
    "delivery",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("route_pk", key_type, ForeignKey("route.pk", ondelete="SET NULL")),
    # None: a person sent it, or the route is gone
    Column("destination", text_type, nullable=False),
    Column("token", text_type, nullable=False, server_default=""),
    Column("study_instance_uid", text_type, nullable=False),
    Column("series_instance_uid", text_type, nullable=False),
    Column("state", String(16), nullable=False),
    # waiting, sending, paused, delivered, failed, cancelled
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("number", Integer, nullable=False),
    # instances in all
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("why", text_type, nullable=False, server_default=""),
    # of the last failure, in plain words
    Column("unreachable", Boolean, nullable=False, server_default=text("false")),
    # it waits for its destination to be there again
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    # when it is to be tried (again)
    Column("ended_at", Instant),
    Column("sop_instance_uids", text_type, nullable=False),
    # those still to be sent, joined by a backslash. The last column: SQLite reads through it to those behind it
    comment="writer: workflow.deliveries. One series on its way to one destination",
)

bookmark = Table(
    "bookmark",
    metadata,
    Column("name", String(32), primary_key=True),
    # of the reader: routing, notification
    Column("instance_pk", key_type, nullable=False),
    # up to which instance it has read; they are numbered in the order of their commits
    comment="writer: jobs. How far those have read who act on what has arrived",
)

commitment = Table(
    "commitment",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("transaction_uid", text_type, nullable=False),
    Column("ae_title", String(16), nullable=False),
    # who asked us, or whom we asked
    Column("outgoing", Boolean, nullable=False),
    # we asked
    Column("state", String(16), nullable=False),
    # asked, checked, waiting, reported, failed
    Column("number", Integer, nullable=False),
    # instances in all
    Column("committed", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("why", text_type, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("instances", text_type, nullable=False),
    # SOP class and instance of each, and what became of it: JSON, as workflow.commitment has it. The last column,
    # since SQLite would read through these megabytes to those behind it
    comment="writer: workflow.commitment",
)

notification = Table(
    "notification",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("sop_instance_uid", text_type, nullable=False, unique=True),
    # of the notification itself
    Column("ae_title", String(16), nullable=False),
    Column("study_instance_uid", text_type, nullable=False),
    Column("state", String(16), nullable=False),
    # waiting, told, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("why", text_type, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("ended_at", Instant),
    comment="writer: workflow.notification. Whom to tell that a study is available (PS3.4 Annex R)",
)

correction = Table(
    "correction",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("study_instance_uid", text_type, nullable=False),
    # not the study's pk: the index is made again, and what was corrected is in no object
    Column("patient_identity", text_type, nullable=False, server_default=""),
    # of what is corrected in all studies of a patient; "": in this study alone
    Column("attribute", String(64), nullable=False),
    # its keyword; SpecificCharacterSet: how the text of the study is to be read
    Column("kept", text_type, nullable=False, server_default=""),
    # what was told before
    Column("value", text_type, nullable=False),
    Column("reason", text_type, nullable=False),
    # COERCE or CORRECT (PS3.3 C.12.1.1.9, Reason for the Attribute Modification)
    Column("state", String(16), nullable=False),
    # suggested, applied, revoked, dismissed
    Column("source", text_type, nullable=False),
    # who: login, or what detected it
    Column("created_at", Instant, nullable=False),
    Column("decided_at", Instant),
    comment="writer: archive.correct. Laid over what is kept when it is found or given; kept bytes never change",
)

rendition = Table(
    "rendition",
    metadata,
    Column("instance_pk", key_type, ForeignKey("instance.pk", ondelete="CASCADE"), primary_key=True),
    Column("object_key", String(96), nullable=False, server_default="", index=True),
    # where its frames lie in HTJ2K; "": it has none, and need not be tried again
    Column("why", text_type, nullable=False, server_default=""),
    # it has none
    Column("created_at", Instant, nullable=False),
    Column("frame_table", LargeBinary),
    # where each frame and each of its resolutions ends, as archive.renditions has it
    comment="writer: archive.renditions. Frames that are sent in passes; what was stored is always kept",
)

further_attribute = Table(
    "further_attribute",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("path", String(160), nullable=False, unique=True),
    # a keyword, or the tag and creator of a private attribute, as archive.further has it
    Column("vr", String(2), nullable=False),
    Column("level", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    # filling, ready, removing
    Column("filled_to", key_type, nullable=False, server_default="0"),
    # the instance down to which what was stored before has been read; 0: it has not begun
    Column("source", text_type, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    comment="writer: archive.further. What administrators have made searchable besides dicom.attributes",
)

further_value = Table(
    "further_value",
    metadata,
    Column("attribute_pk", key_type, ForeignKey("further_attribute.pk", ondelete="CASCADE"), primary_key=True),
    Column("owner_pk", key_type, primary_key=True),
    # the row of its level: a patient, a study, a series, an instance
    Column("value", key_text_type, nullable=False),
    Column("folded", key_text_type, nullable=False, server_default=""),
    # a name or a number in the form in which it is searched
    sqlite_with_rowid=False,
    comment="writer: archive.further_values",
)

removal = Table(
    "removal",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("study_instance_uid", text_type, nullable=False),
    Column("series_instance_uid", text_type, nullable=False, server_default=""),
    Column("sop_instance_uid", text_type, nullable=False, server_default=""),
    # the deepest that is not "" is what was removed
    Column("state", String(16), nullable=False),
    # removed, restored, erased
    Column("reason", text_type, nullable=False),
    Column("source", text_type, nullable=False),
    # who: login, or the command
    Column("created_at", Instant, nullable=False),
    Column("erase_at", Instant, nullable=False),
    # when its objects may go; until then it can be restored
    Column("ended_at", Instant),
    Column("object_keys", text_type, nullable=False),
    # joined by a backslash
    comment="writer: archive.remove. What was here and is not any more: asked for, it is gone and not unknown",
)

workitem = Table(
    "workitem",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("sop_instance_uid", text_type, nullable=False, unique=True),
    Column("procedure_step_state", String(16), nullable=False),
    # SCHEDULED, IN PROGRESS, COMPLETED, CANCELED
    Column("transaction_uid", text_type, nullable=False, server_default=""),
    # the lock of who performs it; told to nobody
    Column("scheduled_start", text_type, nullable=False, server_default=""),
    Column("revision", Integer, nullable=False, server_default="0"),
    # counts its changes
    Column("source", text_type, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("content", text_type, nullable=False),
    # its attributes: DICOM JSON; "": it is over for long, and only its UID is known still
    comment="writer: workflow.workitems. Unified procedure steps (PS3.4 Annex CC)",
)

subscription = Table(
    "subscription",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False),
    Column("sop_instance_uid", text_type, nullable=False),
    # of a workitem, or one of the two well-known UIDs that mean all, or all that fit the filter
    Column("deletion_lock", Boolean, nullable=False, server_default=text("false")),
    Column("suspended", Boolean, nullable=False, server_default=text("false")),
    Column("filter", text_type, nullable=False, server_default=""),
    # as a query of the address
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("ae_title", "sop_instance_uid"),
    comment="writer: workflow.subscriptions",
)

workitem_event = Table(
    "workitem_event",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("ae_title", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("content", text_type, nullable=False),
    # the event report: DICOM JSON
    sqlite_autoincrement=True,  # the key of one that is gone is not given again: readers go on from the last they had
    comment="writer: workflow.subscriptions. What subscribers are still to be told",
)

resource = Table(
    "resource",
    metadata,
    Column("pk", key_type, primary_key=True),
    Column("kind", String(32), nullable=False),
    # hanging-protocols, color-palettes, ... as archive.resources has them
    Column("sop_class_uid", text_type, nullable=False),
    Column("sop_instance_uid", text_type, nullable=False, unique=True),
    Column("transfer_syntax_uid", text_type, nullable=False),
    Column("object_key", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data_set_offset", Integer, nullable=False),
    Column("source", text_type, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    Column("content", text_type, nullable=False),
    # its metadata: DICOM JSON, by which it is searched
    comment="writer: archive.resources. Non-patient instances (PS3.18 12)",
)

pseudonym = Table(
    "pseudonym",
    metadata,
    Column("id", String(36), primary_key=True),
    # a random UUID: it tells nothing of the patient
    Column("identity", text_type, nullable=False, unique=True),
    # as archive.identity has it, of a patient who has an id
    Column("patient_id", text_type, nullable=False),
    Column("issuer_of_patient_id", text_type, nullable=False, server_default=""),
    comment="writer: archive.pseudonyms. What patients are called in addresses; kept when the index is made anew",
)

annotation = Table(
    "annotation",
    metadata,
    Column("id", String(36), primary_key=True),
    # a random UUID, made by the viewer: 2.25.<its integer> is its Tracking Unique Identifier (PS3.3 C.17.3)
    Column("study_instance_uid", text_type, nullable=False),
    Column("series_instance_uid", text_type, nullable=False),
    Column("content", text_type, nullable=False),
    # JSON, as viewer/src/net/annotation.ts tells it: it comes back as it was sent
    Column("author", text_type, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    # counted up by each change: who changes an older one is told
    Column("removed_at", Instant),
    comment="writer: workflow.annotations. What was drawn on images; kept when the index is made anew",
)

key_image = Table(
    "key_image",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("study_instance_uid", text_type, nullable=False),
    Column("series_instance_uid", text_type, nullable=False),
    Column("sop_class_uid", text_type, nullable=False),
    Column("sop_instance_uid", text_type, nullable=False),
    Column("frame_number", Integer, nullable=False),
    # from 1
    Column("author", text_type, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("sop_instance_uid", "frame_number", "author"),
    comment="writer: workflow.annotations. Images with a star; kept when the index is made anew",
)

publication = Table(
    "publication",
    metadata,
    Column("sop_instance_uid", text_type, primary_key=True),
    Column("study_instance_uid", text_type, nullable=False),
    Column("kind", text_type, nullable=False),
    # sr, gsps, kos
    Column("author", text_type, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("content", text_type, nullable=False),
    # JSON: the ids and versions of the annotations in it
    comment="writer: workflow.publishing. What was made DICOM objects of ours",
)

hanging_rule = Table(
    "hanging_rule",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("name", text_type, nullable=False),
    Column("owner", text_type, nullable=False, server_default=""),
    # whose it is; "": everybody's
    Column("position", Integer, nullable=False),
    # the first that matches is taken, one's own before everybody's
    Column("content", text_type, nullable=False),
    # JSON: what it matches, and the layout
    Column("changed_at", Instant, nullable=False),
    comment="writer: workflow.hanging. How studies are laid out when they are opened",
)

preference = Table(
    "preference",
    metadata,
    Column("account", text_type, primary_key=True),
    Column("name", text_type, primary_key=True),
    Column("content", text_type, nullable=False),
    # JSON
    Column("changed_at", Instant, nullable=False),
    comment="writer: workflow.preferences. What a reader likes, at whichever screen he sits",
)

display_check = Table(
    "display_check",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("workstation", text_type, nullable=False),
    # a name given to it once, kept in its browser
    Column("pattern", text_type, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("content", text_type, nullable=False),
    # JSON: what was answered, and the screen's size, pixel ratio and depth
    Column("author", text_type, nullable=False),
    Column("checked_at", Instant, nullable=False),
    comment="writer: workflow.displays. Test patterns looked at, by workstation (FL-72)",
)

Index("uq_study_study_instance_uid", study.c.study_instance_uid, unique=True)
Index("ix_study_study_date", study.c.study_date, study.c.study_time, study.c.pk)
Index("ix_study_accession_number", study.c.accession_number)
Index("ix_study_study_id", study.c.study_id)
Index(
    "ix_study_timezone_offset_from_utc",
    study.c.timezone_offset_from_utc,
    sqlite_where=text("timezone_offset_from_utc <> ''"),
    postgresql_where=text("timezone_offset_from_utc <> ''"),
)
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
Index("ix_knock_last_at", knock.c.last_at)
Index("ix_association_ae_title", association.c.ae_title, association.c.began_at)
Index("ix_delivery_due", delivery.c.state, delivery.c.next_at)
Index("ix_delivery_study", delivery.c.study_instance_uid)
Index("ix_commitment_due", commitment.c.state, commitment.c.next_at)
Index("ix_commitment_transaction_uid", commitment.c.transaction_uid)
Index("ix_notification_due", notification.c.state, notification.c.next_at)
Index("ix_correction_study", correction.c.study_instance_uid, correction.c.state)
Index("ix_correction_patient", correction.c.patient_identity, correction.c.state)
Index("ix_further_value_value", further_value.c.attribute_pk, further_value.c.value)
Index(
    "ix_further_value_folded",
    further_value.c.attribute_pk,
    further_value.c.folded,
    sqlite_where=text("folded <> ''"),
    postgresql_where=text("folded <> ''"),
)
Index("ix_removal_study", removal.c.study_instance_uid, removal.c.state)
Index("ix_removal_due", removal.c.state, removal.c.erase_at)
Index("ix_workitem_state", workitem.c.procedure_step_state, workitem.c.scheduled_start)
Index(
    "ix_workitem_changed_at",
    workitem.c.changed_at,
    sqlite_where=text("content <> ''"),
    postgresql_where=text("content <> ''"),
)
Index("ix_subscription_sop_instance_uid", subscription.c.sop_instance_uid)
Index("ix_workitem_event_ae_title", workitem_event.c.ae_title)
Index("ix_resource_kind", resource.c.kind)
Index("ix_annotation_study", annotation.c.study_instance_uid)
Index("ix_key_image_study", key_image.c.study_instance_uid)
Index("ix_publication_study", publication.c.study_instance_uid)
Index("ix_display_check_workstation", display_check.c.workstation, display_check.c.checked_at)
