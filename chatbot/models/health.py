"""How the installation is: what the doctor's checks found last, and the newest errors of ours that nobody expected."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id


class CheckResult(Base):
    """What a check found when it looked last (checks.Finding). since: for how long it has been at this level."""

    __tablename__ = "check_result"

    id: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    key: Mapped[str]
    told: Mapped[dict[str, Any]]
    since: Mapped[At]
    looked_at: Mapped[At]


class Fault(Base):
    """An error, without its text, which may quote customers. number: the request's id, or one that is in the worker's log.

    place: an endpoint, "turn" or a loop of the worker; code: the innermost line of ours.
    """

    __tablename__ = "fault"

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    number: Mapped[str]
    place: Mapped[str]
    error: Mapped[str]
    code: Mapped[str]
    conversation_id: Mapped[Big | None]

    __table_args__ = (Index("ix_fault_place", "place", "id"),)
