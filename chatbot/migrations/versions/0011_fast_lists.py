"""Lists and figures that stay fast with a million messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

UNANSWERED = "handoff_reason IN ('unsure', 'llm_down', 'crashed', 'stale', 'loop')"


def upgrade() -> None:
    op.add_column("conversation", sa.Column("last_state", sa.Text(), nullable=True))
    op.add_column("conversation", sa.Column("last_responder", sa.Text(), nullable=True))
    op.execute("""
        UPDATE conversation c SET last_state = t.state, last_responder = t.responder
        FROM (SELECT DISTINCT ON (conversation_id) conversation_id, state, responder FROM turn
              WHERE finished_at IS NOT NULL ORDER BY conversation_id, id DESC) t
        WHERE t.conversation_id = c.id
    """)
    op.create_table(
        "daily",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("outcome", sa.Text(), primary_key=True),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("conversations", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.Integer(), nullable=False),
        sa.Column("latency", sa.ARRAY(sa.Integer()), nullable=True),
    )
    # for the questions without an answer: seldom written to
    op.create_index("ix_turn_unanswered", "turn", ["finished_at"], postgresql_where=sa.text(UNANSWERED))


def downgrade() -> None:
    op.drop_index("ix_turn_unanswered", table_name="turn")
    op.drop_table("daily")
    op.drop_column("conversation", "last_responder")
    op.drop_column("conversation", "last_state")
