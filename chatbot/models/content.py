"""Content with versions: entries, their immutable revisions, releases (sets of revisions), and chunks for search."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Computed, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base, CreatedAt, Id
from chatbot.models.folding import vector_sql

# what an entry is called by, without accents and case; written as PostgreSQL writes it
NAMES = vector_sql(
    "left((((((((COALESCE(body ->> 'key', '') || ' ') || COALESCE(body ->> 'title', ''))"
    " || ' ') || COALESCE(body ->> 'name', '')) || ' ') || COALESCE(body ->> 'questions', '')) || ' ')"
    " || COALESCE(body ->> 'texts', ''), 20000)"
)


class Entry(Base):
    """A thing with a name: kind is a key of bodies.KINDS. Its newest revision is the draft."""

    __tablename__ = "entry"

    id: Mapped[Id]
    kind: Mapped[str]
    key: Mapped[str]
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("kind", "key"),)


class Revision(Base):
    """One immutable state of an entry. body None: the entry is taken away."""

    __tablename__ = "revision"

    id: Mapped[Id]
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id", ondelete="CASCADE"))
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    author: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        Index("ix_revision_entry_id", "entry_id", "id"),
        Index("ix_revision_names", sql(NAMES), postgresql_using="gin"),
    )


release_revision = Table(
    "release_revision",
    Base.metadata,
    Column("release_id", BigInteger, ForeignKey("release.id", ondelete="CASCADE"), primary_key=True),
    Column("revision_id", BigInteger, ForeignKey("revision.id"), primary_key=True, index=True),
)


class Release(Base):
    """A published set of revisions. The live one is `instance.live_release_id`; rolling back moves that pointer."""

    __tablename__ = "release"

    id: Mapped[Id]
    note: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]


class Chunk(Base):
    """A piece of an article's revision or of a document's copy, as search finds it. page_number: 1-based, of a PDF.

    stems: folded and stemmed by text.stem_words, the only stemmer there is; lexemes: the same for PostgreSQL.
    """

    __tablename__ = "chunk"

    id: Mapped[Id]
    revision_id: Mapped[int | None] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"))
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("page_copy.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    page_number: Mapped[int | None]
    heading: Mapped[str] = mapped_column(server_default="")
    text: Mapped[str]
    language: Mapped[str]
    stems: Mapped[str]
    lexemes: Mapped[str] = mapped_column(TSVECTOR, Computed("to_tsvector('simple', stems)", persisted=True))

    __table_args__ = (
        UniqueConstraint("revision_id", "ordinal"),
        UniqueConstraint("copy_id", "ordinal"),
        CheckConstraint("num_nonnulls(revision_id, copy_id) = 1", name="one_owner"),
        Index("ix_chunk_lexemes", "lexemes", postgresql_using="gin"),
    )
