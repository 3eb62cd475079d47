"""What the web door keeps: quick checksums, renditions, further attributes, removals, work items, resources.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "further_attribute",
        sa.Column("pk", key, nullable=False),
        sa.Column("path", sa.String(length=160), nullable=False),
        sa.Column("vr", sa.String(length=2), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("filled_to", key, server_default="0", nullable=False),
        sa.Column("source", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_further_attribute")),
        sa.UniqueConstraint("path", name=op.f("uq_further_attribute_path")),
        comment="writer: archive.further. What administrators have made searchable besides dicom.attributes",
    )
    op.create_table(
        "removal",
        sa.Column("pk", key, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, server_default="", nullable=False),
        sa.Column("sop_instance_uid", text, server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("erase_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("object_keys", text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_removal")),
        comment="writer: archive.remove. What was here and is not any more: asked for, it is gone and not unknown",
    )
    op.create_index("ix_removal_due", "removal", ["state", "erase_at"])
    op.create_index("ix_removal_study", "removal", ["study_instance_uid", "state"])
    op.create_table(
        "resource",
        sa.Column("pk", key, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sop_class_uid", text, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("object_key", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data_set_offset", sa.Integer(), nullable=False),
        sa.Column("source", text, server_default="", nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_resource")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_resource_sop_instance_uid")),
        comment="writer: archive.resources. Non-patient instances (PS3.18 12)",
    )
    op.create_index("ix_resource_kind", "resource", ["kind"])
    op.create_table(
        "subscription",
        sa.Column("pk", key, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("deletion_lock", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("suspended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("filter", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_subscription")),
        sa.UniqueConstraint("ae_title", "sop_instance_uid", name=op.f("uq_subscription_ae_title_sop_instance_uid")),
        comment="writer: workflow.subscriptions",
    )
    op.create_index("ix_subscription_sop_instance_uid", "subscription", ["sop_instance_uid"])
    op.create_table(
        "workitem",
        sa.Column("pk", key, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("procedure_step_state", sa.String(length=16), nullable=False),
        sa.Column("transaction_uid", text, server_default="", nullable=False),
        sa.Column("scheduled_start", text, server_default="", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("source", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_workitem")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_workitem_sop_instance_uid")),
        comment="writer: workflow.workitems. Unified procedure steps (PS3.4 Annex CC)",
    )
    op.create_index("ix_workitem_state", "workitem", ["procedure_step_state", "scheduled_start"])
    op.create_index(
        "ix_workitem_changed_at",
        "workitem",
        ["changed_at"],
        sqlite_where=sa.text("content <> ''"),
        postgresql_where=sa.text("content <> ''"),
    )
    op.create_table(
        "workitem_event",
        sa.Column("pk", key, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_workitem_event")),
        comment="writer: workflow.subscriptions. What subscribers are still to be told",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_workitem_event_ae_title", "workitem_event", ["ae_title"])
    op.create_table(
        "further_value",
        sa.Column("attribute_pk", key, nullable=False),
        sa.Column("owner_pk", key, nullable=False),
        sa.Column("value", text, nullable=False),
        sa.Column("folded", text, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["attribute_pk"], ["further_attribute.pk"], name=op.f("fk_further_value_attribute_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("attribute_pk", "owner_pk", name=op.f("pk_further_value")),
        comment="writer: archive.further_values",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_further_value_value", "further_value", ["attribute_pk", "value"])
    op.create_index(
        "ix_further_value_folded",
        "further_value",
        ["attribute_pk", "folded"],
        sqlite_where=sa.text("folded <> ''"),
        postgresql_where=sa.text("folded <> ''"),
    )
    op.create_table(
        "rendition",
        sa.Column("instance_pk", key, nullable=False),
        sa.Column("object_key", sa.String(length=96), server_default="", nullable=False),
        sa.Column("why", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("frame_table", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["instance_pk"], ["instance.pk"], name=op.f("fk_rendition_instance_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("instance_pk", name=op.f("pk_rendition")),
        comment="writer: archive.renditions. Frames that are sent in passes; what was stored is always kept",
    )
    op.create_index(op.f("ix_rendition_object_key"), "rendition", ["object_key"])
    op.add_column("instance", sa.Column("checksum", sa.String(length=16), server_default="", nullable=False))
