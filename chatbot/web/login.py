"""Logging in: Flask-Security on our own tables. Who may open what is access.py's."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_mailman import Mail
from flask_security import Security, SQLAlchemySessionUserDatastore
from flask_wtf import CSRFProtect

from chatbot.config import Config
from chatbot.db import db
from chatbot.models.people import Account, Passkey

csrf = CSRFProtect()
PASSWORD_MIN_CHARS = 10


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
        SECURITY_WEBAUTHN=True,
        SECURITY_WAN_RP_NAME="Mostrador",
        SECURITY_TOTP_SECRETS={"1": config.secret_key.get_secret_value()},
        SECURITY_TOTP_ISSUER="Mostrador",
        SECURITY_FRESHNESS=timedelta(minutes=30),
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FLASH_MESSAGES=True,
        SECURITY_CSRF_COOKIE_NAME=None,
        MAIL_SERVER=config.mail_server,
        MAIL_PORT=config.mail_port,
        MAIL_USERNAME=config.mail_username,
        MAIL_PASSWORD=config.mail_password.get_secret_value(),
        MAIL_USE_TLS=config.mail_use_tls,
        MAIL_DEFAULT_SENDER=config.mail_sender or config.mail_username,
        MAIL_TIMEOUT=10,
    )
    csrf.init_app(app)
    Mail(app)
    Security(app, SQLAlchemySessionUserDatastore(db.session, Account, None, Passkey))
