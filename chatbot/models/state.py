"""What this installation knows of itself: one row of state, and the business settings."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, CreatedAt

# SQL: whether everything is paused, of the row `instance n`
PAUSED = "(n.paused_at IS NOT NULL AND coalesce(n.paused_until > now(), true))"

# the same, or another installation is the bot's
STOPPED = f"({PAUSED} OR n.muted_reason IS NOT NULL)"


class Instance(Base):
    """The only row has id 1.

    installation_id: new at each restore; fingerprint: which database this was when it last started, so that a restore is
    noticed; held_at: restored, and what happened since isn't read yet, so nothing is claimed;
    paused_at: everything is paused, until paused_until or, where that is empty, until resumed;
    muted_reason: another installation is the bot's; reconciled_at: up to when Chatwoot was read for missed messages,
    reconcile_floor: never from before; secrets_check: encrypted known text, so that a start with another SECRET_KEY is
    refused; tab_key_hash: of the key in the address of the tab inside Chatwoot.
    """

    __tablename__ = "instance"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    installation_id: Mapped[uuid.UUID] = mapped_column(server_default=sql("gen_random_uuid()"))
    fingerprint: Mapped[str | None]
    secrets_check: Mapped[bytes | None] = mapped_column(LargeBinary)
    live_release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))
    paused_at: Mapped[At | None]
    paused_until: Mapped[At | None]
    pause_reason: Mapped[str | None]
    muted_reason: Mapped[str | None]
    restored_at: Mapped[At | None]
    held_at: Mapped[At | None]
    reconciled_at: Mapped[At | None]
    reconcile_floor: Mapped[At | None]
    reconcile_error: Mapped[str | None]
    tab_key_hash: Mapped[str | None]

    __table_args__ = (CheckConstraint("id = 1", name="only_row"),)


class Setting(Base):
    """A business setting that differs from its default. A secret's value is only in `secret`, encrypted."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    updated_at: Mapped[CreatedAt]
    updated_by: Mapped[str] = mapped_column(server_default="")
