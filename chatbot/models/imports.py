"""Imports of content: what was uploaded, between its steps and for as long as it can be undone."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, CreatedAt, Id


class ImportJob(Base):
    """One upload. kind: of all its rows, or "" where each body says its own (the product's YAML).

    tables: [{"name", "rows"}] as read; bodies: [{"kind", "body"}] of a YAML; options: which table, which column is what;
    counts: of the import; undo: [{"kind", "key", "before", "revision_id"}], where before is None for a new entry and
    revision_id the revision that the import made.
    """

    __tablename__ = "import_job"

    id: Mapped[Id]
    kind: Mapped[str]
    source: Mapped[str]
    author: Mapped[str]
    tables: Mapped[list[Any]]
    bodies: Mapped[list[Any]]
    options: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any] | None]
    undo: Mapped[list[Any] | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
    imported_at: Mapped[At | None]
    undone_at: Mapped[At | None]
