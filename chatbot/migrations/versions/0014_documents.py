"""Documents: files, their pages and the copies of those; a chunk hangs on an article's revision or on a copy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("sha256", name=op.f("uq_stored_file_sha256")),
    )
    op.create_table(
        "page",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("problem_facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("copy_id", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.Text(), server_default="", nullable=False),
        sa.Column("body_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_page_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
        sa.UniqueConstraint("entry_id", "address", name=op.f("uq_page_entry_id_address")),
    )
    op.create_index("ix_page_copy_id", "page", ["copy_id"], unique=False)
    op.create_index("ix_page_due_at", "page", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "page_copy",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("page_id", sa.BigInteger(), nullable=False),
        sa.Column("text_hash", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("chars", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_page_copy_page_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_copy")),
    )
    op.create_index("ix_page_copy_page_id", "page_copy", ["page_id", "id"], unique=False)
    op.create_index("ix_page_copy_text_hash", "page_copy", ["text_hash"], unique=False)
    op.create_foreign_key(op.f("fk_page_copy_id"), "page", "page_copy", ["copy_id"], ["id"], ondelete="SET NULL")
    op.add_column("chunk", sa.Column("copy_id", sa.BigInteger(), nullable=True))
    op.add_column("chunk", sa.Column("page_number", sa.Integer(), nullable=True))
    op.alter_column("chunk", "revision_id", existing_type=sa.BIGINT(), nullable=True)
    op.create_unique_constraint(op.f("uq_chunk_copy_id_ordinal"), "chunk", ["copy_id", "ordinal"])
    op.create_foreign_key(op.f("fk_chunk_copy_id"), "chunk", "page_copy", ["copy_id"], ["id"], ondelete="CASCADE")
    op.create_check_constraint("one_owner", "chunk", "num_nonnulls(revision_id, copy_id) = 1")


def downgrade() -> None:
    op.execute("DELETE FROM chunk WHERE revision_id IS NULL")
    op.drop_constraint(op.f("ck_chunk_one_owner"), "chunk", type_="check")
    op.drop_constraint(op.f("fk_chunk_copy_id"), "chunk", type_="foreignkey")
    op.drop_constraint(op.f("uq_chunk_copy_id_ordinal"), "chunk", type_="unique")
    op.alter_column("chunk", "revision_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("chunk", "page_number")
    op.drop_column("chunk", "copy_id")
    op.drop_constraint(op.f("fk_page_copy_id"), "page", type_="foreignkey")
    op.drop_index("ix_page_copy_text_hash", table_name="page_copy")
    op.drop_index("ix_page_copy_page_id", table_name="page_copy")
    op.drop_table("page_copy")
    op.drop_index("ix_page_due_at", table_name="page", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("ix_page_copy_id", table_name="page")
    op.drop_table("page")
    op.drop_table("stored_file")
