"""What documents were read into: files, the pages of each document, and the copies that their passages hang on.

A document is an entry like any other (content.Document); a page is one address of it (a file has one, a site many) and the
queue of its reading; a copy is one state of what stood there, and never changes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, CreatedAt, Id


class StoredFile(Base):
    """An uploaded file, once however often it comes. sha256: hexadecimal, what a Document names it by."""

    __tablename__ = "stored_file"

    id: Mapped[Id]
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    author: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]


class Page(Base):
    """address: a URL, or "sha256:..." of a file. Its row is the queue: it is read when due_at has come.

    state: waiting, reading, ready, failed, gone; with failed the copy before it still answers. problem: a code of why;
    problem_facts: what its text needs. depth: links from the document's own address. lease_until: somebody reads it till then.
    etag, last_modified: as the server sent them; body_hash: of what it sent.
    """

    __tablename__ = "page"

    id: Mapped[Id]
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id", ondelete="CASCADE"))
    address: Mapped[str]
    depth: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="waiting")
    problem: Mapped[str] = mapped_column(server_default="")
    problem_facts: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("page_copy.id", ondelete="SET NULL", use_alter=True))
    etag: Mapped[str] = mapped_column(server_default="")
    last_modified: Mapped[str] = mapped_column(server_default="")
    body_hash: Mapped[str] = mapped_column(server_default="")
    tries: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[At | None]
    lease_until: Mapped[At | None]
    checked_at: Mapped[At | None]
    changed_at: Mapped[At | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        UniqueConstraint("entry_id", "address"),
        Index("ix_page_due_at", "due_at", postgresql_where=sql("due_at IS NOT NULL")),
        Index("ix_page_copy_id", "copy_id"),
    )


class PageCopy(Base):
    """One state of a page as it was read. text_hash: of its text; language: "es" or "en"; ready_at: its passages are there.

    notes: codes of what a person should know of the reading (invisible characters, pages without text ...), with their facts.
    """

    __tablename__ = "page_copy"

    id: Mapped[Id]
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    text_hash: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str]
    chars: Mapped[int] = mapped_column(server_default="0")
    notes: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    read_at: Mapped[CreatedAt]
    ready_at: Mapped[At | None]

    __table_args__ = (Index("ix_page_copy_page_id", "page_id", "id"), Index("ix_page_copy_text_hash", "text_hash"))
