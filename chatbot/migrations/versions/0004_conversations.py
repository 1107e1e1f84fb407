"""Search and lists of conversations."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

FOLDED = "to_tsvector('simple', translate(lower(text), 'áàéèíìóòúùüñ', 'aaeeiioouuun'))"


def upgrade() -> None:
    op.execute(f"CREATE INDEX ix_message_search ON message USING gin ({FOLDED})")
    op.execute(f"CREATE INDEX ix_part_search ON part USING gin ({FOLDED})")
    op.create_index("ix_conversation_updated_at", "conversation", ["updated_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_conversation_updated_at", table_name="conversation")
    op.drop_index("ix_part_search", table_name="part")
    op.drop_index("ix_message_search", table_name="message")
