"""Who may use the panel: accounts and their sessions, failed logins, and the record of who changed what."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import At, Base, Big, CreatedAt, Id
from chatbot.models.login import AsaList, UserMixin


class CommaList(AsaList):  # type: ignore[misc, unused-ignore]
    """Flask-Security's list in a text column, marked as safe for SQLAlchemy's statement cache."""

    cache_ok = True


class Account(UserMixin, Base):
    """A person who may log in. role: "owner", "editor" or "agent". An invited one has no password yet.

    totp_last_counter: of the newest code that was taken, so that none is taken twice.
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
    totp_last_counter: Mapped[Big | None]

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


class Passkey(Base):
    """A key in a device or a password manager that logs its owner in. public_key: as COSE."""

    __tablename__ = "passkey"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[Big] = mapped_column(server_default=sql("0"))
    name: Mapped[str]
    created_at: Mapped[CreatedAt]
    used_at: Mapped[At | None]


class KeptForm(Base):
    """What was sent when its login had ended. body: its address and fields, encrypted. key_hash: of a key in the cookie."""

    __tablename__ = "kept_form"

    id: Mapped[Id]
    key_hash: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]

    __table_args__ = (Index("ix_kept_form_address", "address", "created_at"),)


class SavedView(Base):
    """Filters of a list that an account keeps under a name. list: an endpoint; query: as its URL has it."""

    __tablename__ = "saved_view"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    list: Mapped[str]
    name: Mapped[str]
    query: Mapped[str]
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("account_id", "list", "name"),)


class LoginFailure(Base):
    """A wrong password or code, counted whether there is a Redis or not. subject: a hash of the e-mail
    address, or of the account's fs_uniquifier between password and code; empty where it counts for the address alone."""

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
