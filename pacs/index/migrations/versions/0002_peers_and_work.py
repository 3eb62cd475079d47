"""Peers in full, what was said with them, and the work that is left for later: routes, deliveries, commitments.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "association",
        sa.Column("pk", key, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("address", text, server_default="", nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("began_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("why", text, server_default="", nullable=False),
        sa.Column("contexts", text, server_default="", nullable=False),
        sa.Column("requests", text, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_association")),
        comment="writer: peers.history. The last associations of each peer",
    )
    op.create_index("ix_association_ae_title", "association", ["ae_title", "began_at"])

    op.create_table(
        "bookmark",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("instance_pk", key, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bookmark")),
        comment="writer: jobs. How far those have read who act on what has arrived",
    )
    op.create_table(
        "commitment",
        sa.Column("pk", key, nullable=False),
        sa.Column("transaction_uid", text, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("committed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("why", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("next_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("instances", text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_commitment")),
        comment="writer: workflow.commitment",
    )
    op.create_index("ix_commitment_due", "commitment", ["state", "next_at"])
    op.create_index("ix_commitment_transaction_uid", "commitment", ["transaction_uid"])

    op.create_table(
        "knock",
        sa.Column("pk", key, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("address", text, nullable=False),
        sa.Column("called_ae_title", sa.String(length=16), nullable=False),
        sa.Column("why", text, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", instant, nullable=False),
        sa.Column("last_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_knock")),
        sa.UniqueConstraint("ae_title", "address", name=op.f("uq_knock_ae_title_address")),
        comment="writer: peers.directory. Who was turned away because we do not know him, to be admitted or forgotten",
    )
    op.create_index("ix_knock_last_at", "knock", ["last_at"])

    op.create_table(
        "notification",
        sa.Column("pk", key, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("ae_title", sa.String(length=16), nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("why", text, server_default="", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("next_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_notification")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_notification_sop_instance_uid")),
        comment="writer: workflow.notification. Whom to tell that a study is available (PS3.4 Annex R)",
    )
    op.create_index("ix_notification_due", "notification", ["state", "next_at"])

    op.create_table(
        "route",
        sa.Column("pk", key, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("rule", text, nullable=False),
        sa.Column("destination", text, nullable=False),
        sa.Column("token", text, server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_route")),
        sa.UniqueConstraint("name", name=op.f("uq_route_name")),
        comment="writer: workflow.routing",
    )
    op.create_table(
        "delivery",
        sa.Column("pk", key, nullable=False),
        sa.Column("route_pk", key),
        sa.Column("destination", text, nullable=False),
        sa.Column("token", text, server_default="", nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("why", text, server_default="", nullable=False),
        sa.Column("unreachable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("next_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("sop_instance_uids", text, nullable=False),
        sa.ForeignKeyConstraint(["route_pk"], ["route.pk"], name=op.f("fk_delivery_route_pk"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_delivery")),
        comment="writer: workflow.deliveries. One series on its way to one destination",
    )
    op.create_index("ix_delivery_due", "delivery", ["state", "next_at"])
    op.create_index("ix_delivery_study", "delivery", ["study_instance_uid"])

    op.create_table(
        "correction",
        sa.Column("pk", key, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("patient_identity", text, server_default="", nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("kept", text, server_default="", nullable=False),
        sa.Column("value", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("decided_at", instant),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_correction")),
        comment="writer: archive.correct. Laid over what is kept when it is found or given; kept bytes never change",
    )
    op.create_index("ix_correction_study", "correction", ["study_instance_uid", "state"])
    op.create_index("ix_correction_patient", "correction", ["patient_identity", "state"])
    op.add_column("study", sa.Column("corrections", sa.String(length=16), server_default="", nullable=False))

    op.add_column("peer", sa.Column("tls", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("peer", sa.Column("certificate", sa.String(length=64), server_default="", nullable=False))
    op.add_column("peer", sa.Column("max_associations", sa.Integer()))
    op.add_column("peer", sa.Column("max_per_minute", sa.Integer()))
    op.add_column("peer", sa.Column("relational", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("peer", sa.Column("notified", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("peer", sa.Column("identified", sa.Boolean(), server_default=sa.text("false"), nullable=False))
