"""The second factor's codes: secrets readable after a change of SECRET_KEY, and no code taken twice."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from flask_security import Totp
from passlib.exc import TokenError, UsedTokenError
from passlib.totp import TOTP

from chatbot import people
from chatbot.config import Config
from chatbot.web.database import reading

log = structlog.get_logger(__name__)
TWO_FACTOR_WINDOW_S = 30  # a phone's clock may be wrong by as much


def make_secrets(config: Config) -> dict[str, str]:
    """What encrypts the secrets in the database, the present SECRET_KEY's first. Each is named by its own digest, which
    stands beside what it encrypted: a former key is found again among SECRET_KEY_FALLBACKS."""
    keys = [s.get_secret_value() for s in (config.secret_key, *config.secret_key_fallbacks)]
    return {hashlib.sha256(f"totp name {key}".encode()).hexdigest()[:12]: _derive(key) for key in keys}


def _derive(key: str) -> str:
    return hashlib.sha256(f"totp {key}".encode()).hexdigest()


class Codes(Totp):  # type: ignore[misc, unused-ignore]
    def __init__(self, secrets: Any, issuer: str) -> None:
        self._totp = TOTP.using(issuer=issuer, secrets=secrets, default_tag=next(iter(secrets)))

    def verify_totp(self, token: str, totp_secret: str, user: Any, window: int = 0) -> bool:
        try:
            return bool(super().verify_totp(token, totp_secret, user, window))
        except (KeyError, ValueError):
            log.error("second_factor_unreadable", note="the SECRET_KEY it was stored with isn't in SECRET_KEY_FALLBACKS")
            return False

    def get_last_counter(self, user: Any) -> int | None:
        """The next code must be newer than this one."""
        counter: int | None = user.totp_last_counter
        return counter

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        """Of two who send the same code at once, one is refused."""
        if not people.take_code(reading(), user.id, tmatch.counter):
            raise UsedTokenError(expire_time=tmatch.expire_time)

    def find_counter(self, code: str, secret: str) -> int | None:
        """Of a code for a secret that isn't anybody's yet. None: it's wrong."""
        try:
            return int(self._totp.verify(code, secret, window=TWO_FACTOR_WINDOW_S).counter)
        except TokenError:
            return None

    def renew(self, secret: str) -> str | None:
        """The secret under the present SECRET_KEY, or None where it is so already."""
        try:
            source = self._totp.from_source(secret)
        except (KeyError, ValueError):
            return None
        return str(source.to_json(encrypt=True)) if source.changed else None
