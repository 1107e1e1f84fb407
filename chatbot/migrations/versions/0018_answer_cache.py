"""What was answered from the cache, and the money that it saved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

TABLES = ("hourly", "daily")


def upgrade() -> None:
    op.create_table(
        "cache_hit",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("saved_micros", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turn.id"], name=op.f("fk_cache_hit_turn_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("turn_id", name=op.f("pk_cache_hit")),
    )
    for table in TABLES:
        # with defaults: the release before writes rows without them
        op.add_column(table, sa.Column("cached", sa.Integer(), server_default=sa.text("0"), nullable=False))
        op.add_column(table, sa.Column("saved_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "saved_micros")
        op.drop_column(table, "cached")
    op.drop_table("cache_hit")
