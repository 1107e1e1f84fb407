"""Figures by the hour, so that a page over 90 days counts thousands of rows instead of millions."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ARRAY, BigInteger, Date, DateTime, ForeignKey, Integer
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base, Big, CreatedAt


class Hourly(Base):
    """What the turns that finished in this hour came to. inbox_id 0, and the empty text: none.

    conversations: those whose first turn this was; cached: answers of the AI from the cache, saved_micros: what they had cost
    before; latency: how many first messages went out within each of
    numbers.BOUNDS_S of the customer's message, the last one beyond them; unpriced: calls whose price nobody knows.
    """

    __tablename__ = "hourly"

    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    inbox_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    responder: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    turns: Mapped[int] = mapped_column(server_default=sql("0"))
    conversations: Mapped[int] = mapped_column(server_default=sql("0"))
    tokens: Mapped[Big] = mapped_column(server_default=sql("0"))
    micros: Mapped[Big] = mapped_column(server_default=sql("0"))
    unpriced: Mapped[int] = mapped_column(server_default=sql("0"))
    cached: Mapped[int] = mapped_column(server_default=sql("0"))
    saved_micros: Mapped[Big] = mapped_column(server_default=sql("0"))
    latency: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=sql("'{}'"))
    rolled_at: Mapped[CreatedAt]


class Daily(Base):
    """The sums of Hourly over a day that is over, in the business's time zone then, for one name of a kind.

    kind: "total" (its name is empty), "hour" (00 to 23), "inbox", "responder" or "language"; latency: of "total" alone.
    """

    __tablename__ = "daily"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str]
    turns: Mapped[int]
    conversations: Mapped[int]
    tokens: Mapped[Big]
    micros: Mapped[Big]
    unpriced: Mapped[int]
    cached: Mapped[int] = mapped_column(server_default=sql("0"))
    saved_micros: Mapped[Big] = mapped_column(server_default=sql("0"))
    latency: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))


class CacheHit(Base):
    """A turn that the cache answered. saved_micros: what the call cost that made the answer; None where nobody knows."""

    __tablename__ = "cache_hit"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"), primary_key=True)
    saved_micros: Mapped[Big | None]
