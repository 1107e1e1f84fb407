"""Cases that the test bot runs again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, CreatedAt, Id


class KeptTest(Base):
    """A conversation with what must come of its last message. lines: [who, text] pairs, the customer's question last.

    conversation_id: of which it was made; with what is erased there it goes.
    situation: inbox, contact, language and hour; expectation: {"kind", "value"}; result: of the last run, by content.
    """

    __tablename__ = "kept_test"

    id: Mapped[Id]
    name: Mapped[str]
    lines: Mapped[list[Any]]
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    situation: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    expectation: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[At | None]
    ran_at: Mapped[At | None]
    result: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))

    __table_args__ = (Index("ix_kept_test_ran_at", "ran_at", "id", postgresql_where=sql("deleted_at IS NULL")),)
