"""Which specialised agent a conversation is with, answered a turn and asked a model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

TABLES = ("conversation", "turn", "llm_call")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("assistant", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "assistant")
