"""Who may use the panel: accounts and their sessions, failed logins, and the record of who changed what."""

from __future__ import annotations

from typing import Any

from flask_security import AsaList, UserMixin
from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base, CreatedAt, Id


class CommaList(AsaList):  # type: ignore[misc, unused-ignore]
    """Flask-Security's list in a text column, marked as safe for SQLAlchemy's statement cache."""

    cache_ok = True


class Account(UserMixin, Base):
    """A person who may log in. role: "owner", "editor" or "agent". An invited one has no password yet.

    The names from fs_uniquifier on are Flask-Security's.
    """

    __tablename__ = "account"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    role: Mapped[str]
    language: Mapped[str | None]
    theme: Mapped[str] = mapped_column(server_default="auto")
    created_at: Mapped[CreatedAt]

    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    active: Mapped[bool] = mapped_column(server_default=sql("true"))
    password: Mapped[str | None]
    tf_primary_method: Mapped[str | None]
    tf_totp_secret: Mapped[str | None]
    tf_phone_number: Mapped[str | None]
    mf_recovery_codes: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(CommaList()))

    roles: tuple[()] = ()  # type: ignore[assignment]  # Flask-Security's many-to-many; ours is `role`


class LoginSession(Base):
    """One browser that is logged in. key_hash: of the random key in its cookie."""

    __tablename__ = "login_session"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    key_hash: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str] = mapped_column(server_default="")
    browser: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]


class LoginFailure(Base):
    """A wrong password or code, counted whether there is a Redis or not. subject: a hash of the e-mail address."""

    __tablename__ = "login_failure"

    id: Mapped[Id]
    subject: Mapped[str]
    address: Mapped[str]
    failed_at: Mapped[CreatedAt]

    __table_args__ = (
        Index("ix_login_failure_subject", "subject", "failed_at"),
        Index("ix_login_failure_address", "address", "failed_at"),
    )


class AuditLine(Base):
    """Who changed what, with before and after (never a secret's value). who: the e-mail then, or the command's name."""

    __tablename__ = "audit_line"

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"), index=True)
    who: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str] = mapped_column(server_default="")
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    address: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (Index("ix_audit_line_subject", "subject", "id"),)
