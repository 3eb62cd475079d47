"""The whole schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("pk", key, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        comment="writer: accounts. People; argon2id hashes",
    )
    op.create_table(
        "attention",
        sa.Column("pk", key, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", text, server_default="", nullable=False),
        sa.Column("study_instance_uid", text, server_default="", nullable=False),
        sa.Column("object_key", sa.String(length=64), server_default="", nullable=False),
        sa.Column("quarantined", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("detail", text, server_default="", nullable=False),
        sa.Column("source", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("resolved_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_attention")),
        comment="writer: archive.ingest and archive.recovery. What a person must look at; never deleted",
    )
    op.create_index("ix_attention_open", "attention", ["resolved_at", "created_at"], unique=False)
    op.create_index("ix_attention_object", "attention", ["object_key", "kind"], unique=False)
    op.create_index("ix_attention_study", "attention", ["study_instance_uid", "kind"], unique=False)
    op.create_table(
        "audit",
        sa.Column("pk", key, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("address", text, server_default="", nullable=False),
        sa.Column("study_instance_uid", text, server_default="", nullable=False),
        sa.Column("detail", text, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_audit")),
        comment="writer: audit.record",
    )
    op.create_index("ix_audit_study", "audit", ["study_instance_uid", "at"], unique=False)
    op.create_table(
        "patient",
        sa.Column("pk", key, nullable=False),
        sa.Column("identity", text, nullable=False),
        sa.Column("patient_name", text, server_default="", nullable=False),
        sa.Column("patient_name_folded", text, server_default="", nullable=False),
        sa.Column("patient_id", text, server_default="", nullable=False),
        sa.Column("issuer_of_patient_id", text, server_default="", nullable=False),
        sa.Column("patient_birth_date", text, server_default="", nullable=False),
        sa.Column("patient_sex", text, server_default="", nullable=False),
        sa.Column("patient_comments", text, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_patient")),
        sa.UniqueConstraint("identity", name=op.f("uq_patient_identity")),
        comment="writer: archive.ingest. A patient as the first instance named him; an image never rewrites him",
    )
    op.create_index("ix_patient_patient_id", "patient", ["patient_id"], unique=False)
    op.create_table(
        "peer",
        sa.Column("pk", key, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("host", text, nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("may", text, nullable=False),
        sa.Column("charset", sa.String(length=32), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_peer")),
        sa.UniqueConstraint("ae_title", name=op.f("uq_peer_ae_title")),
        comment="writer: peers.directory",
    )
    op.create_table(
        "credential",
        sa.Column("pk", key, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("account_pk", key, nullable=True),
        sa.Column("name", text, server_default="", nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=True),
        sa.Column("used_at", instant, nullable=True),
        sa.ForeignKeyConstraint(["account_pk"], ["account.pk"], name=op.f("fk_credential_account_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_credential")),
        sa.UniqueConstraint("digest", name=op.f("uq_credential_digest")),
        comment="writer: accounts",
    )
    op.create_table(
        "name_form",
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("form", text, nullable=False),
        sa.Column("patient_pk", key, nullable=False),
        sa.ForeignKeyConstraint(["patient_pk"], ["patient.pk"], name=op.f("fk_name_form_patient_pk")),
        sa.PrimaryKeyConstraint("whole", "form", "patient_pk", name=op.f("pk_name_form")),
        comment="writer: archive.ingest, by name_forms_of. What makes a search for any word of a name fast",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_form_patient_pk", "name_form", ["patient_pk"], unique=False)
    op.create_table(
        "study",
        sa.Column("pk", key, nullable=False),
        sa.Column("patient_pk", key, nullable=False),
        sa.Column("study_instance_uid", text, server_default="", nullable=False),
        sa.Column("study_date", text, server_default="", nullable=False),
        sa.Column("study_time", text, server_default="", nullable=False),
        sa.Column("accession_number", text, server_default="", nullable=False),
        sa.Column("referring_physician_name", text, server_default="", nullable=False),
        sa.Column("referring_physician_name_folded", text, server_default="", nullable=False),
        sa.Column("study_description", text, server_default="", nullable=False),
        sa.Column("study_id", text, server_default="", nullable=False),
        sa.Column("patient_age", text, server_default="", nullable=False),
        sa.Column("patient_size", text, server_default="", nullable=False),
        sa.Column("patient_weight", text, server_default="", nullable=False),
        sa.Column("name_of_physicians_reading_study", text, server_default="", nullable=False),
        sa.Column("name_of_physicians_reading_study_folded", text, server_default="", nullable=False),
        sa.Column("modalities_in_study", text, server_default="", nullable=False),
        sa.Column("sop_classes_in_study", text, server_default="", nullable=False),
        sa.Column("number_of_study_related_series", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_of_study_related_instances", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.ForeignKeyConstraint(["patient_pk"], ["patient.pk"], name=op.f("fk_study_patient_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_study")),
        comment="writer: archive.ingest",
    )
    op.create_index("ix_study_accession_number", "study", ["accession_number"], unique=False)
    op.create_index(op.f("ix_study_patient_pk"), "study", ["patient_pk"], unique=False)
    op.create_index("ix_study_study_date", "study", ["study_date", "study_time", "pk"], unique=False)
    op.create_index("ix_study_study_id", "study", ["study_id"], unique=False)
    op.create_index("uq_study_study_instance_uid", "study", ["study_instance_uid"], unique=True)
    op.create_table(
        "series",
        sa.Column("pk", key, nullable=False),
        sa.Column("study_pk", key, nullable=False),
        sa.Column("series_instance_uid", text, server_default="", nullable=False),
        sa.Column("modality", text, server_default="", nullable=False),
        sa.Column("series_number", sa.BigInteger(), nullable=True),
        sa.Column("series_description", text, server_default="", nullable=False),
        sa.Column("series_date", text, server_default="", nullable=False),
        sa.Column("series_time", text, server_default="", nullable=False),
        sa.Column("body_part_examined", text, server_default="", nullable=False),
        sa.Column("laterality", text, server_default="", nullable=False),
        sa.Column("protocol_name", text, server_default="", nullable=False),
        sa.Column("performing_physician_name", text, server_default="", nullable=False),
        sa.Column("performing_physician_name_folded", text, server_default="", nullable=False),
        sa.Column("operators_name", text, server_default="", nullable=False),
        sa.Column("operators_name_folded", text, server_default="", nullable=False),
        sa.Column("institution_name", text, server_default="", nullable=False),
        sa.Column("institutional_department_name", text, server_default="", nullable=False),
        sa.Column("station_name", text, server_default="", nullable=False),
        sa.Column("manufacturer", text, server_default="", nullable=False),
        sa.Column("manufacturer_model_name", text, server_default="", nullable=False),
        sa.Column("performed_procedure_step_start_date", text, server_default="", nullable=False),
        sa.Column("performed_procedure_step_start_time", text, server_default="", nullable=False),
        sa.Column("scheduled_procedure_step_id", text, server_default="", nullable=False),
        sa.Column("requested_procedure_id", text, server_default="", nullable=False),
        sa.Column("number_of_series_related_instances", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["study_pk"], ["study.pk"], name=op.f("fk_series_study_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_series")),
        sa.UniqueConstraint("study_pk", "series_instance_uid", name=op.f("uq_series_study_pk_series_instance_uid")),
        comment="writer: archive.ingest",
    )
    op.create_index("ix_series_modality", "series", ["modality"], unique=False)
    op.create_index("ix_series_series_instance_uid", "series", ["series_instance_uid"], unique=False)
    op.create_table(
        "instance",
        sa.Column("pk", key, nullable=False),
        sa.Column("series_pk", key, nullable=False),
        sa.Column("sop_instance_uid", text, server_default="", nullable=False),
        sa.Column("sop_class_uid", text, server_default="", nullable=False),
        sa.Column("instance_number", sa.BigInteger(), nullable=True),
        sa.Column("content_date", text, server_default="", nullable=False),
        sa.Column("content_time", text, server_default="", nullable=False),
        sa.Column("acquisition_date_time", text, server_default="", nullable=False),
        sa.Column("image_type", text, server_default="", nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("columns", sa.BigInteger(), nullable=True),
        sa.Column("bits_allocated", sa.BigInteger(), nullable=True),
        sa.Column("number_of_frames", sa.BigInteger(), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("object_key", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data_set_offset", sa.Integer(), nullable=False),
        sa.Column("frame_table", sa.LargeBinary(), nullable=True),
        sa.Column("source", text, server_default="", nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.ForeignKeyConstraint(["series_pk"], ["series.pk"], name=op.f("fk_instance_series_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_instance")),
        comment="writer: archive.ingest",
    )
    op.create_index(op.f("ix_instance_object_key"), "instance", ["object_key"], unique=False)
    op.create_index("ix_instance_series_pk", "instance", ["series_pk", "instance_number"], unique=False)
    op.create_index(
        "uq_instance_current",
        "instance",
        ["sop_instance_uid"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )
    op.create_index("uq_instance_version", "instance", ["sop_instance_uid", "object_key"], unique=True)
    # ### end Alembic commands ###
