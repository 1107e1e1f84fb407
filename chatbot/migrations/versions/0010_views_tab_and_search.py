"""Saved views of lists, the key of the tab inside Chatwoot, and what the command palette searches in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# as PostgreSQL itself writes them, so that the models compare alike
NAMES = (
    "to_tsvector('simple', translate(lower(left((((((((COALESCE(body ->> 'key', '') || ' ') || COALESCE(body ->> 'title', ''))"
    " || ' ') || COALESCE(body ->> 'name', '')) || ' ') || COALESCE(body ->> 'questions', '')) || ' ')"
    " || COALESCE(body ->> 'texts', ''), 20000)), 'áàéèíìóòúùüñÁÀÉÈÍÌÓÒÚÙÜÑ', 'aaeeiioouuunaaeeiioouuun'))"
)
PEOPLE = (
    "to_tsvector('simple', translate(lower((((name || ' ') || email) || ' ') || phone),"
    " 'áàéèíìóòúùüñÁÀÉÈÍÌÓÒÚÙÜÑ', 'aaeeiioouuunaaeeiioouuun'))"
)


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_saved_view_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("account_id", "list", "name", name=op.f("uq_saved_view_account_id_list_name")),
    )
    op.add_column("instance", sa.Column("tab_key_hash", sa.Text(), nullable=True))
    op.create_index("ix_revision_names", "revision", [sa.text(NAMES)], unique=False, postgresql_using="gin")
    op.create_index("ix_contact_search", "contact", [sa.text(PEOPLE)], unique=False, postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_contact_search", table_name="contact", postgresql_using="gin")
    op.drop_index("ix_revision_names", table_name="revision", postgresql_using="gin")
    op.drop_column("instance", "tab_key_hash")
    op.drop_table("saved_view")
