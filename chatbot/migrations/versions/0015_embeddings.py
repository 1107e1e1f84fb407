"""Vectors of chunks, in pgvector's type: models, and each chunk's vector by each of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from chatbot.errors import ConfigError
from chatbot.models.embedding import Vector

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    _make_extension()
    op.create_table(
        "embedding_model",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="filling", nullable=False),
        sa.Column("key_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding_model")),
        sa.UniqueConstraint("base_url", "name", name=op.f("uq_embedding_model_base_url_name")),
    )
    active = sa.text("state = 'active'")
    op.create_index("ix_embedding_model_active", "embedding_model", ["state"], unique=True, postgresql_where=active)
    op.create_table(
        "embedding",
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("chunk_id", sa.BigInteger(), nullable=False),
        sa.Column("vector", Vector(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["embedding_model.id"], name=op.f("fk_embedding_model_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunk.id"], name=op.f("fk_embedding_chunk_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("model_id", "chunk_id", name=op.f("pk_embedding")),
    )
    op.create_index(op.f("ix_embedding_chunk_id"), "embedding", ["chunk_id"], unique=False)


def downgrade() -> None:
    # the extension stays: it may be another's
    op.drop_index(op.f("ix_embedding_chunk_id"), table_name="embedding")
    op.drop_table("embedding")
    op.drop_index("ix_embedding_model_active", table_name="embedding_model")
    op.drop_table("embedding_model")


def _make_extension() -> None:
    """Only a superuser may make it, where it isn't there yet: then the product's own role needs no more than to use it."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as e:
        raise ConfigError("DATABASE_URL", _explain(connection, e)) from None


def _explain(connection: sa.Connection, error: DBAPIError) -> str:
    name, server = connection.engine.url.database, connection.dialect.server_version_info
    if not connection.scalar(sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")):
        install = f"sudo apt-get install postgresql-{server[0] if server else 17}-pgvector"
        return f"this PostgreSQL has no pgvector, which passages' vectors are kept in; type: {install}"
    if getattr(error.orig, "sqlstate", "") == "42501":
        command = f"sudo -u postgres psql -d {name} -c 'CREATE EXTENSION vector'"
        return f"this role may not make the extension `vector`; type: {command}"
    return f"the extension `vector` can't be made: {str(error.orig).splitlines()[0]}"
