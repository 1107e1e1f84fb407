"""Which conversations of an erased contact are known by their number alone, so that no reading brings them back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "erased_conversation",
        sa.Column("chatwoot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("newest_chatwoot_id", sa.BigInteger(), nullable=False),
        sa.Column("pressed", sa.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("is_peoples", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("chatwoot_id", name=op.f("pk_erased_conversation")),
    )


def downgrade() -> None:
    op.drop_table("erased_conversation")
