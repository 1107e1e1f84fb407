"""Logins, logouts and lock-outs in the audit log. What people change of their accounts is recorded where they change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, Response, request
from flask_login import user_logged_out
from flask_security.signals import user_authenticated
from sqlalchemy import func, select

from chatbot import people
from chatbot.audit import Actor, record
from chatbot.db import db
from chatbot.models.people import Account, AuditLine
from chatbot.web.database import writing
from chatbot.web.login import GUESSABLE_ENDPOINTS, name_guessed

ONCE_IN = timedelta(minutes=15)  # as long as a lock lasts: a robot that goes on writes one line


def init_app(app: Flask) -> None:
    user_authenticated.connect(note_login, app)
    user_logged_out.connect(note_logout, app)
    app.after_request(note_lock)


def note_login(_app: Flask, user: Any, authn_via: list[str] | None = None, **_more: Any) -> None:
    """Setting a new password logs in anew too, which has a line of its own."""
    if authn_via == ["change"]:
        return
    record(db.session.connection(), _name(user), "login", user.email, None, {"by": list(authn_via or ())})
    db.session.commit()


def note_logout(_app: Flask, user: Any, **_more: Any) -> None:
    """Only a person's own: a session that was ended from elsewhere is recorded there."""
    if request.endpoint == "security.logout" and getattr(user, "is_authenticated", False):
        with writing() as connection:
            record(connection, _name(user), "logout", user.email)


def note_lock(response: Response) -> Response:
    """Once for each lock. Who isn't a user is not named: people type passwords where the address belongs."""
    if response.status_code == 429 and request.method == "POST" and request.endpoint in GUESSABLE_ENDPOINTS:
        email, address = name_guessed().strip().lower(), request.remote_addr or ""
        with writing() as connection:
            if people.is_locked(connection, email, address):
                known = connection.scalar(select(Account.email).where(Account.email == email)) or ""
                subject = known or address
                recent = (AuditLine.subject == subject, AuditLine.act == "login.locked", AuditLine.at > func.now() - ONCE_IN)
                if connection.execute(select(AuditLine.id).where(*recent)).first() is None:
                    record(connection, Actor("–", None, address), "login.locked", subject)
    return response


def _name(user: Any) -> Actor:
    return Actor(user.email, user.id, request.remote_addr or "")
