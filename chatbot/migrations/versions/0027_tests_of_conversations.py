"""Which conversation a kept test was made of: what is erased there goes with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("kept_test", sa.Column("conversation_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_kept_test_conversation_id"),
        "kept_test",
        "conversation",
        ["conversation_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_kept_test_conversation_id", "kept_test", ["conversation_id"])


def downgrade() -> None:
    op.drop_column("kept_test", "conversation_id")
