"""What was learned from FAQs, by a hash of what they say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "trained_faq",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("faq_hash", sa.Text(), nullable=False),
        sa.Column("embedder", sa.Text(), server_default="", nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.Column("calibrations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("phrasings", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trained_faq")),
        sa.UniqueConstraint("faq_hash", "embedder", name=op.f("uq_trained_faq_faq_hash_embedder")),
    )


def downgrade() -> None:
    op.drop_table("trained_faq")
