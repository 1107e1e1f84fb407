"""Where Chatwoot's webhooks come in: who may, how much, and 200 for everything that is signed."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import psycopg
import structlog
from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from flask_limiter.errors import RateLimitExceeded
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from chatbot import intake
from chatbot.chatwoot_events import MAX_BODY
from chatbot.db import db
from chatbot.errors import WebhookRejected
from chatbot.live_settings import LiveSettings
from chatbot.settings import Settings
from chatbot.web import limiter

log = structlog.get_logger()
bp = Blueprint("webhook", __name__)
OLD_S = 300
CHUNK = 65_536
MAX_DELIVERY = 100


@bp.post("/webhooks/chatwoot")
def chatwoot() -> ResponseReturnValue:
    """Signed webhooks: HMAC-SHA256 over "<timestamp>.<raw body>", as Chatwoot has it since 4.12 and 4.13."""
    settings = read_settings()
    stamp = request.headers.get("X-Chatwoot-Timestamp", "")
    if not request.headers.get("X-Chatwoot-Signature") or not settings.chatwoot_webhook_secret:
        raise WebhookRejected("no signature" if settings.chatwoot_webhook_secret else "no webhook secret is set")
    secrets = [s.get_secret_value().encode() for s in settings.chatwoot_webhook_secret]
    body, digests = read_body(secrets, f"{stamp}.".encode()[:40])
    check_signature(request.headers.get("X-Chatwoot-Signature", ""), digests)
    delivery = request.headers.get("X-Chatwoot-Delivery", "")[:MAX_DELIVERY] or None
    check_age(db.engine, stamp, delivery)
    return accept(settings, body, delivery)


@bp.post("/webhooks/chatwoot/<token>")
def chatwoot_token(token: str) -> ResponseReturnValue:
    """For releases that don't sign: a token in the path, which no log may show."""
    settings = read_settings()
    wanted = settings.webhook_token.get_secret_value()
    if not wanted or not hmac.compare_digest(token.encode(), wanted.encode()):
        raise WebhookRejected("wrong or no token")
    body, _ = read_body([], b"")
    return accept(settings, body, request.headers.get("X-Chatwoot-Delivery", "")[:MAX_DELIVERY] or None)


@limiter.limit("60 per minute")
def count_rejected() -> None:
    """All real traffic comes from one address, so only what is unsigned or badly signed is counted against it."""


@bp.errorhandler(WebhookRejected)
def reject(error: WebhookRejected) -> ResponseReturnValue:
    try:
        count_rejected()
    except RateLimitExceeded:
        return {"error": "too many unsigned requests"}, 429
    log.warning("webhook_rejected", problem=str(error), address=request.remote_addr)
    return {"error": "not authorized"}, 401


@bp.errorhandler(psycopg.Error)
@bp.errorhandler(SQLAlchemyError)
def ask_again(error: Exception) -> ResponseReturnValue:
    """500 is one of the two codes after which Chatwoot tries again."""
    log.error("webhook_not_stored", error=type(error).__name__)
    return {"error": "try again"}, 500


def accept(settings: Settings, body: bytes, delivery: str | None) -> ResponseReturnValue:
    meaning = intake.accept(db.engine, settings, body, delivery)
    return {"meaning": meaning}, 200


def read_settings() -> Settings:
    live: LiveSettings | None = current_app.extensions.get("mostrador_settings")
    if live is None:
        live = current_app.extensions["mostrador_settings"] = LiveSettings(db.engine, current_app.config["CONFIG"])
    return live()


def read_body(secrets: list[bytes], prefix: bytes) -> tuple[bytes, list[str]]:
    """The body, kept up to a little over MAX_BODY, and the signature that each secret would give to all of it."""
    makers = [hmac.new(secret, prefix, hashlib.sha256) for secret in secrets]
    kept = bytearray()
    while chunk := request.stream.read(CHUNK):
        for maker in makers:
            maker.update(chunk)
        if len(kept) <= MAX_BODY:
            kept += chunk
    return bytes(kept), [maker.hexdigest() for maker in makers]


def check_signature(given: str, digests: list[str]) -> None:
    """Raises WebhookRejected. Every secret is compared, in constant time."""
    hexdigest = given.removeprefix("sha256=").strip().lower().encode("utf-8", "replace")
    matches = [hmac.compare_digest(hexdigest, digest.encode()) for digest in digests]
    if not any(matches):
        raise WebhookRejected("wrong or no signature" if digests else "no webhook secret is set")


def check_age(engine: Engine, stamp: str, delivery: str | None) -> None:
    """An old stamp with a new id is a clock or a backlog: taken, with a warning. Old and seen is a replay: refused."""
    age_s = abs(time.time() - int(stamp)) if stamp.isascii() and stamp.isdigit() and len(stamp) < 15 else float("inf")
    if age_s <= OLD_S:
        return
    values: dict[str, Any] = {"delivery": delivery}
    with engine.connect() as connection:
        seen = delivery and connection.execute(text("SELECT 1 FROM webhook WHERE delivery = :delivery LIMIT 1"), values).first()
    if seen:
        raise WebhookRejected("an old webhook that was seen before")
    log.warning("webhook_old", age_s=round(age_s) if age_s != float("inf") else None)
