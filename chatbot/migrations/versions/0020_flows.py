"""A conversation's place in a flow, and the calls that flows make."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("conversation", sa.Column("flow_run", postgresql.JSONB(), nullable=True))
    op.add_column("turn", sa.Column("flow_after", postgresql.JSONB(), nullable=True))
    op.create_table(
        "flow_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("answered_seq", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="sent", nullable=False),
        sa.Column("outcome", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_flow_call_conversation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_call")),
        sa.UniqueConstraint(
            "conversation_id", "answered_seq", "place", name=op.f("uq_flow_call_conversation_id_answered_seq_place")
        ),
    )
    op.create_index("ix_flow_call_created_at", "flow_call", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("flow_call")
    op.drop_column("turn", "flow_after")
    op.drop_column("conversation", "flow_run")
