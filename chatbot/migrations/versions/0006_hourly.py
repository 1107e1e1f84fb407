"""Figures by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "hourly",
        sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("inbox_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("responder", sa.Text, primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("turns", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("conversations", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("tokens", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("micros", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("unpriced", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("latency", sa.ARRAY(sa.Integer), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("rolled_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("ix_turn_finished_at", "turn", ["finished_at"])


def downgrade() -> None:
    op.drop_index("ix_turn_finished_at", table_name="turn")
    op.drop_table("hourly")
