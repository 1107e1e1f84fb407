"""Vectors of the chunks: one row for each model and chunk, in pgvector's type.

A model answers once all chunks have its vectors; until then the one before it does (knowledge/embedding.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import DDL, ForeignKey, Index, UniqueConstraint, event
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from chatbot.db import Base, CreatedAt, Id


class Vector(UserDefinedType[list[float]]):
    """pgvector's `vector`, of any length: an index says which. pgvector's own package would import numpy everywhere."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector"

    def bind_processor(self, _dialect: Any) -> Callable[[list[float] | None], str | None]:
        return lambda value: None if value is None else write_vector(value)

    def result_processor(self, _dialect: Any, _coltype: Any) -> Callable[[str | None], list[float] | None]:
        return lambda value: None if value is None else [float(v) for v in value[1:-1].split(",")]


def write_vector(values: list[float]) -> str:
    """As PostgreSQL reads it: nine digits are all that four bytes hold."""
    return f"[{','.join(f'{value:.9g}' for value in values)}]"


# so that alembic knows the type when it compares
ischema_names["vector"] = Vector
# as migration 0015 does it
event.listen(Base.metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS vector"))  # type: ignore[no-untyped-call]


class EmbeddingModel(Base):
    """What made vectors: base_url is the setting's ("local" or a URL), name the model's there.

    state: "filling" until all chunks have a vector, "active" (one at most) answers, "retired" waits to be taken away.
    key_digest: of the key that it was asked with, so that no other is ever sent to a former address.
    """

    __tablename__ = "embedding_model"

    id: Mapped[Id]
    base_url: Mapped[str]
    name: Mapped[str]
    dimensions: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="filling")
    key_digest: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        UniqueConstraint("base_url", "name"),
        Index("ix_embedding_model_active", "state", unique=True, postgresql_where=sql("state = 'active'")),
    )


class Embedding(Base):
    """One chunk as one model sees it. Normalised, so that the inner product is the cosine."""

    __tablename__ = "embedding"

    model_id: Mapped[int] = mapped_column(ForeignKey("embedding_model.id", ondelete="CASCADE"), primary_key=True)
    chunk_id: Mapped[int] = mapped_column(ForeignKey("chunk.id", ondelete="CASCADE"), primary_key=True, index=True)
    vector: Mapped[list[float]] = mapped_column(Vector)
