"""Which ways of flows conversations take: with each turn, and counted by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("turn", sa.Column("flow_walked", postgresql.JSONB(), nullable=True))
    op.create_index(
        "ix_turn_flow_walked", "turn", ["finished_at"], unique=False, postgresql_where=sa.text("flow_walked IS NOT NULL")
    )
    op.create_table(
        "flow_passage",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_step", sa.Text(), nullable=False),
        sa.Column("to_step", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("flow", "day", "revision_id", "from_step", "to_step", name=op.f("pk_flow_passage")),
    )


def downgrade() -> None:
    op.drop_table("flow_passage")
    op.drop_index("ix_turn_flow_walked", table_name="turn")
    op.drop_column("turn", "flow_walked")
