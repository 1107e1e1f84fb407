"""What flows did: the calls that they made, each written before it left; which of their ways conversations took."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id


class FlowCall(Base):
    """A wish of a flow for unanswered messages (answered_seq: where the conversation stood), done at most once.

    place: "flow/step/how often in this turn"; state: sent (its outcome isn't known yet, or a crash took it) -> done | failed.
    outcome: what its step takes from the answer; with a code by mail, the code's hash.
    """

    __tablename__ = "flow_call"

    id: Mapped[Id]
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    answered_seq: Mapped[Big]
    place: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="sent")
    outcome: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[At | None]

    __table_args__ = (
        UniqueConstraint("conversation_id", "answered_seq", "place"),
        Index("ix_flow_call_created_at", "created_at"),
    )


class FlowPassage(Base):
    """How many runs took this way of a flow on a day of the business, in live conversations, each once.

    from_step: "" for the beginning; to_step: a step, "end", or how the flow was left (flows.run.LEFT).
    """

    __tablename__ = "flow_passage"

    flow: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    revision_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    from_step: Mapped[str] = mapped_column(primary_key=True)
    to_step: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(server_default=sql("0"))
