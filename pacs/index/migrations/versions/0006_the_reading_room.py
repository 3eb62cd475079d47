"""What the reading room keeps: annotations, key images, what was published, hanging rules, preferences, display checks.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "annotation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.Column("author", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("removed_at", instant),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
        comment="writer: workflow.annotations. What was drawn on images; kept when the index is made anew",
    )
    op.create_index("ix_annotation_study", "annotation", ["study_instance_uid"])
    op.create_table(
        "display_check",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("workstation", text, nullable=False),
        sa.Column("pattern", text, nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("content", text, nullable=False),
        sa.Column("author", text, nullable=False),
        sa.Column("checked_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_display_check")),
        comment="writer: workflow.displays. Test patterns looked at, by workstation (FL-72)",
    )
    op.create_index("ix_display_check_workstation", "display_check", ["workstation", "checked_at"])
    op.create_table(
        "hanging_rule",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("owner", text, server_default="", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", text, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_hanging_rule")),
        comment="writer: workflow.hanging. How studies are laid out when they are opened",
    )
    op.create_table(
        "key_image",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("sop_class_uid", text, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("frame_number", sa.Integer(), nullable=False),
        sa.Column("author", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_image")),
        sa.UniqueConstraint(
            "sop_instance_uid", "frame_number", "author", name=op.f("uq_key_image_sop_instance_uid_frame_number_author")
        ),
        comment="writer: workflow.annotations. Images with a star; kept when the index is made anew",
    )
    op.create_index("ix_key_image_study", "key_image", ["study_instance_uid"])
    op.create_table(
        "preference",
        sa.Column("account", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("pk_preference")),
        comment="writer: workflow.preferences. What a reader likes, at whichever screen he sits",
    )
    op.create_table(
        "publication",
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("author", text, nullable=False),
        sa.Column("published_at", instant, nullable=False),
        sa.Column("content", text, nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_publication")),
        comment="writer: workflow.publishing. What was made DICOM objects of ours",
    )
    op.create_index("ix_publication_study", "publication", ["study_instance_uid"])
