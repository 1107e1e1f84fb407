"""Logging in: Flask-Security on our own tables. Who may open what is access.py's."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from flask import Flask, Response, abort, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user, user_logged_in
from flask_mailman import Mail
from flask_security import Security, SQLAlchemySessionUserDatastore
from flask_wtf import CSRFProtect

from chatbot import people
from chatbot.config import Config
from chatbot.db import db
from chatbot.models.people import Account
from chatbot.web.database import reading, writing

csrf = CSRFProtect()
PASSWORD_MIN_CHARS = 10
GUESSABLE_ENDPOINTS = {"security.login", "security.two_factor_token_validation", "security.mf_recovery", "security.verify"}


def init_app(app: Flask, config: Config) -> None:
    is_secure = config.environment == "production"
    app.config.update(
        SESSION_COOKIE_NAME="__Host-mostrador" if is_secure else "mostrador",
        SESSION_COOKIE_SECURE=is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        REMEMBER_COOKIE_SECURE=is_secure,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        SECURITY_PASSWORD_SALT=config.secret_key.get_secret_value(),
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106  the algorithm
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH={"argon2"},  # else a new SECRET_KEY would make every password wrong
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_PASSWORD_LENGTH_MIN=PASSWORD_MIN_CHARS,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_RECOVERABLE=bool(config.mail_server),
        SECURITY_CHANGEABLE=True,
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=10,
        SECURITY_TOTP_SECRETS={"1": hashlib.sha256(f"totp {config.secret_key.get_secret_value()}".encode()).hexdigest()},
        SECURITY_TOTP_ISSUER="Mostrador",
        SECURITY_FRESHNESS=timedelta(minutes=30),
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FLASH_MESSAGES=True,
        SECURITY_CSRF_COOKIE_NAME=None,
    )
    _set_mail(app, config)
    _connect(app)


def _set_mail(app: Flask, config: Config) -> None:
    app.config.update(
        MAIL_SERVER=config.mail_server,
        MAIL_PORT=config.mail_port,
        MAIL_USERNAME=config.mail_username,
        MAIL_PASSWORD=config.mail_password.get_secret_value(),
        MAIL_USE_TLS=config.mail_use_tls,
        MAIL_DEFAULT_SENDER=config.mail_sender or config.mail_username,
        MAIL_TIMEOUT=10,
    )


def _connect(app: Flask) -> None:
    csrf.init_app(app)
    Mail(app)
    security = Security(app, SQLAlchemySessionUserDatastore(db.session, Account, None))  # type: ignore[arg-type]
    # accounts come by the session alone; Flask-Security's loader of tokens reads the bodies of requests, webhooks' too
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    security.want_json(lambda _request: False)  # one kind of answer, so that a wrong try is always told by it
    app.before_request(refuse_guessing)
    app.before_request(check_session)
    app.after_request(count_guess)
    user_logged_in.connect(note_login, app)


def refuse_guessing() -> None:
    """The same answer whether the account exists or not."""
    if request.method != "POST" or request.endpoint not in GUESSABLE_ENDPOINTS:
        return
    if request.is_json:
        abort(415)
    if people.is_locked(reading(), name_guessed(), request.remote_addr or ""):
        abort(429)


def count_guess(response: Response) -> Response:
    """A right password or code redirects; the form shown again was a wrong one."""
    if request.method == "POST" and request.endpoint in GUESSABLE_ENDPOINTS and response.status_code in {200, 302}:
        with writing() as connection:
            if response.status_code == 200:
                people.note_failure(connection, name_guessed(), request.remote_addr or "")
            elif request.endpoint == "security.login":
                people.forget_failures(connection, name_guessed())
    return response


def name_guessed() -> str:
    """Whose password or code is tried: an e-mail address, or the account between password and code."""
    if current_user.is_authenticated:
        return str(current_user.email)
    return str(request.form.get("email") or session.get("tf_user_id") or "")


def note_login(_app: Flask, user: Any) -> None:
    """A key of its own for each login: it is listed under My account and can be ended there."""
    session["login_key"] = secrets.token_urlsafe(24)
    browser = request.headers.get("User-Agent", "")
    people.start_session(reading(), user.id, session["login_key"], request.remote_addr or "", browser)
    db.session.commit()


def check_session() -> ResponseReturnValue | None:
    """A login that was ended from another browser is over with the next request."""
    if (
        "_user_id" in session
        and current_user.is_authenticated
        and not people.has_session(reading(), current_user.id, session.get("login_key", ""))
    ):
        logout_user()
        session.clear()
    return None
