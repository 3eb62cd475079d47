"""What patients are called where their ids must not be.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pseudonym",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("identity", text, nullable=False),
        sa.Column("patient_id", text, nullable=False),
        sa.Column("issuer_of_patient_id", text, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pseudonym")),
        sa.UniqueConstraint("identity", name=op.f("uq_pseudonym_identity")),
        comment="writer: archive.pseudonyms. What patients are called in addresses; kept when the index is made anew",
    )
