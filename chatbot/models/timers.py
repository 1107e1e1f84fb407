"""What is to happen in a conversation later on (timers.py)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base


class Timer(Base):
    """One of a reason in a conversation. When it is due it becomes a reason to wake the conversation, and goes."""

    __tablename__ = "timer"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[At]

    __table_args__ = (Index("ix_timer_due_at", "due_at"),)
