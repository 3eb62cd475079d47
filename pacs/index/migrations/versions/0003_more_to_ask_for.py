"""More attributes to ask for, and sequences whole. `pacs reindex` reads them from what was stored before.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

TEXTS = {
    "patient": (
        *("patient_birth_time", "ethnic_group", "other_patient_ids", "other_patient_names"),
        *("other_patient_names_folded", "other_patient_ids_sequence"),
    ),
    "study": (
        *("admitting_diagnoses_description", "occupation", "additional_patient_history", "admission_id"),
        *("timezone_offset_from_utc", "procedure_code_sequence"),
    ),
    "series": (
        *("performed_procedure_step_id", "performed_procedure_step_description", "device_serial_number"),
        *("presentation_intent_type", "request_attributes_sequence"),
    ),
    "instance": (
        *("acquisition_date", "acquisition_time", "image_laterality", "view_position", "document_title"),
        *("content_label", "content_description", "content_creator_name", "content_creator_name_folded"),
        *("completion_flag", "verification_flag", "presentation_creation_date", "presentation_creation_time"),
        *("concept_name_code_sequence", "referenced_request_sequence"),
    ),
}
NUMBERS = {"instance": ("bits_stored", "acquisition_number")}

REQUESTS = {
    "sqlite": """UPDATE series SET request_attributes_sequence = json_array(json_object(
        'ScheduledProcedureStepID', scheduled_procedure_step_id, 'RequestedProcedureID', requested_procedure_id))""",
    "postgresql": """UPDATE series SET request_attributes_sequence = json_build_array(json_build_object(
        'ScheduledProcedureStepID', scheduled_procedure_step_id, 'RequestedProcedureID', requested_procedure_id))""",
}
"""The first item, of which there were two columns before."""


def upgrade() -> None:
    for table, names in TEXTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, text, server_default="", nullable=False))
    for table, names in NUMBERS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.BigInteger()))
    update = REQUESTS[op.get_bind().dialect.name]
    op.execute(f"{update} WHERE scheduled_procedure_step_id <> '' OR requested_procedure_id <> ''")
    op.drop_column("series", "scheduled_procedure_step_id")
    op.drop_column("series", "requested_procedure_id")
    is_said = sa.text("timezone_offset_from_utc <> ''")
    op.create_index(
        "ix_study_timezone_offset_from_utc",
        "study",
        ["timezone_offset_from_utc"],
        sqlite_where=is_said,
        postgresql_where=is_said,
    )
