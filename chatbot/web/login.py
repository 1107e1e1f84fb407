"""Logging in: Flask-Security on our own tables. Who may open what is access.py's."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask, Response, abort, current_app, g, request, session
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_login import current_user, logout_user, user_logged_in
from flask_security import EmailValidateException, MfRecoveryForm, Security, SQLAlchemySessionUserDatastore
from flask_wtf import CSRFProtect
from sqlalchemy import func, select
from wtforms import StringField
from wtforms.validators import InputRequired

from chatbot import people
from chatbot.config import Config
from chatbot.db import db
from chatbot.models.people import Account
from chatbot.settings import derive_keys
from chatbot.web.access import FRESH_S
from chatbot.web.database import reading, writing
from chatbot.web.kept import KEY
from chatbot.web.totp import TWO_FACTOR_WINDOW_S, Codes, make_secrets

log = structlog.get_logger(__name__)
csrf = CSRFProtect()
PASSWORD_MIN_CHARS = 10
# where passwords, codes and keys are tried
GUESSABLE_ENDPOINTS = {
    "account.password",
    "passkeys.log_in",
    "security.login",
    "security.mf_recovery",
    "security.two_factor_token_validation",
    "security.verify",
}
BETWEEN_ENDPOINTS = {"security.mf_recovery", "security.two_factor_token_validation"}  # password right, code to come
# in the cookie; the new second factor's stands there encrypted
NEW_SECRET, CHALLENGE = "totp_new", "passkey_challenge"

# Flask-Security's messages that people can meet, in our words
MESSAGES: dict[str, Any] = {
    "GENERIC_AUTHN_FAILED": _l("The e-mail address or the password is wrong."),
    "INVALID_PASSWORD": _l("That isn't your password."),
    "PASSWORD_NOT_PROVIDED": _l("Type your password."),
    "EMAIL_NOT_PROVIDED": _l("Write your e-mail address."),
    "INVALID_EMAIL_ADDRESS": _l("Write your e-mail address."),
    "INVALID_REDIRECT": _l("That address leads elsewhere, so it isn't followed."),
    "TWO_FACTOR_INVALID_TOKEN": _l("That isn't the code the app shows now. Wait for the next one, and type it."),
    "INVALID_RECOVERY_CODE": _l("That is none of your recovery codes, or it was used already."),
    "TWO_FACTOR_PERMISSION_DENIED": _l("That took too long. Log in again."),
}


def tidy_code(text: str | None) -> str:
    letters = "".join(c for c in (text or "").lower() if c.isalnum())
    return "-".join(letters[n : n + 4] for n in range(0, len(letters), 4))


class RecoveryForm(MfRecoveryForm):  # type: ignore[misc, unused-ignore]
    """Takes a code as it is read from paper: in capitals, with spaces."""

    code = StringField(_l("Recovery code"), [InputRequired(_l("Type one of your recovery codes."))], filters=[tidy_code])


def init_app(app: Flask, config: Config) -> None:
    _set_cookies(app, config)
    _set_security(app, config)
    _connect(app)


def _set_cookies(app: Flask, config: Config) -> None:
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
    )


def _set_security(app: Flask, config: Config) -> None:
    app.config.update(
        SECURITY_PASSWORD_SALT=config.secret_key.get_secret_value(),
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106  the algorithm
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH={"argon2"},  # else a new SECRET_KEY would make every password wrong
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_PASSWORD_LENGTH_MIN=PASSWORD_MIN_CHARS,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_RECOVERABLE=False,  # pages of ours: web/welcome.py, web/account.py
        SECURITY_CHANGEABLE=False,
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=10,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS=derive_keys(config),
        SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY=TWO_FACTOR_WINDOW_S,
        SECURITY_TOTP_SECRETS=make_secrets(config),
        SECURITY_TOTP_ISSUER="Mostrador",
        SECURITY_FRESHNESS=timedelta(seconds=FRESH_S),
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FLASH_MESSAGES=True,
        SECURITY_CSRF_COOKIE_NAME=None,
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_TWO_FACTOR_ERROR_VIEW="/login",
        SECURITY_POST_VERIFY_VIEW="/account",
        **{f"SECURITY_MSG_{name}": (text, "danger") for name, text in MESSAGES.items()},
    )


def _connect(app: Flask) -> None:
    csrf.init_app(app)
    accounts = SQLAlchemySessionUserDatastore(db.session, Account, None)  # type: ignore[arg-type]
    security = Security(app, accounts, totp_cls=Codes, mf_recovery_form=RecoveryForm)
    # accounts come by the session alone; Flask-Security's loader of tokens reads the bodies of requests, webhooks' too
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    security.want_json(lambda _request: False)  # one kind of answer, so that a wrong try is always told by it
    app.before_request(check_session)  # first: whoever's login was ended is nobody when the guesses are counted
    app.before_request(refuse_guessing)
    app.after_request(count_guess)
    user_logged_in.connect(note_login, app)


def refuse_guessing() -> None:
    """The same answer whether the account exists or not."""
    if request.method != "POST" or request.endpoint not in GUESSABLE_ENDPOINTS:
        return
    if request.is_json:
        abort(415)
    if people.is_locked(reading(), name_guessed(), request.remote_addr or ""):
        tell_failure("locked")
        abort(429)


def count_guess(response: Response) -> Response:
    """Flask-Security's pages show the form again after a wrong password or code, and redirect after a right one. Only
    note_login() forgets: a redirect may lead to the second factor, or come because this browser is logged in."""
    if request.method == "POST" and request.endpoint in GUESSABLE_ENDPOINTS:
        is_theirs = request.endpoint.startswith("security.")
        if g.get("is_wrong_guess") or (is_theirs and response.status_code == 200):
            with writing() as connection:
                people.note_failure(connection, name_guessed(), request.remote_addr or "")
            tell_failure(request.endpoint.rpartition(".")[2])
    return response


def note_wrong_guess() -> None:
    """For our own pages in GUESSABLE_ENDPOINTS."""
    g.is_wrong_guess = True


def tell_failure(why: str) -> None:
    """The line that a box's fail2ban bans by (ansible/roles/hardening/templates/filter.conf.j2). Nothing typed is in it."""
    log.warning("panel_login_failed", address=request.remote_addr or "", why=why)


def name_guessed() -> str:
    """Whose password or code is tried: an e-mail address, or the account between password and code. A passkey's login
    names nobody. What a form says counts only where the password is tried by it."""
    if current_user.is_authenticated:
        return str(current_user.email)
    if request.endpoint in BETWEEN_ENDPOINTS:
        return str(session.get("tf_user_id") or "")
    return name_typed() if request.endpoint == "security.login" else ""


def name_typed() -> str:
    """As Flask-Security looks it up, so that no other spelling of an address has tries of its own: tidied by its rules,
    in the database's small letters. What can't be an address stays as it is."""
    typed = request.form.get("email", "").strip()
    try:
        address = current_app.extensions["security"].mail_util.normalize(typed)
    except EmailValidateException:
        return typed
    return str(reading().scalar(select(func.lower(address))))


def note_login(_app: Flask, user: Any) -> None:
    """A key of its own for each login: it is listed under My account and can be ended there.

    Nothing of the cookie from before is believed afterwards: somebody else may have put it there.
    """
    for name in ("csrf_token", "login_key", NEW_SECRET, CHALLENGE):
        session.pop(name, None)
    g.pop("csrf_token", None)
    session["login_key"] = secrets.token_urlsafe(24)
    renewed = current_app.extensions["security"].totp_factory.renew(user.tf_totp_secret) if user.tf_totp_secret else None
    if renewed:
        user.tf_totp_secret = renewed
    browser = request.headers.get("User-Agent", "")
    people.start_session(reading(), user.id, session["login_key"], request.remote_addr or "", browser)
    people.forget_failures(reading(), user.email, user.fs_uniquifier)
    db.session.commit()


def check_session() -> ResponseReturnValue | None:
    """A login that was ended from another browser is over with the next request. A living one is marked as seen."""
    if "_user_id" not in session or not current_user.is_authenticated:
        return None
    found = people.find_session(reading(), current_user.id, session.get("login_key", ""))
    if found is None:
        g.ended_account_id = current_user.id
        kept = session.get(KEY)
        logout_user()
        session.clear()
        if kept:
            session[KEY] = kept
    elif found.is_stale:
        with writing() as connection:
            people.mark_seen(connection, found.id, request.remote_addr or "")
    return None
