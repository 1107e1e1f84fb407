"""What every web view stands on: security headers, limits per address."""

from __future__ import annotations

import re

from flask import Flask, Response, abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_talisman import Talisman
from werkzeug.middleware.proxy_fix import ProxyFix

from chatbot.config import Config

# far above what is taken: the webhook answers 200 to a body over 1 MB too, and a 413 would count as failure
MAX_BODY_BYTES = 64 * 1024 * 1024
REDIS_TIMEOUT_S = 1
# scripts and styles only from our own files: nothing inline, nothing from elsewhere
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}

UNUSED_POWERS = ("browsing-topics", "camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")

limiter = Limiter(key_func=get_remote_address)


def init_app(app: Flask, config: Config) -> None:
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    _trust_proxies(app, config.trusted_proxies)
    # no redirect to https: nginx does that for people, and to Chatwoot a redirect is a failure
    Talisman(
        app,
        force_https=False,
        content_security_policy=make_policy(config.asset_url),
        content_security_policy_nonce_in=["script-src", "style-src"],
        session_cookie_secure=config.environment == "production",
        session_cookie_samesite="Lax",
        frame_options="DENY",
        referrer_policy="same-origin",
        permissions_policy=dict.fromkeys(UNUSED_POWERS, "()"),
    )
    app.before_request(_refuse_nul)
    app.after_request(_keep_to_ourselves)
    _limit_addresses(app, config.redis_url)


def _refuse_nul() -> None:
    """Nobody types one, and PostgreSQL takes none. A webhook's body is read by its view alone."""
    is_form = (
        request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"} and request.blueprint != "webhook"
    )
    typed = [value for values in request.form.listvalues() for value in values] if is_form else []
    if "\x00" in request.path or b"%00" in request.query_string or any("\x00" in value for value in typed):
        abort(400)


def _keep_to_ourselves(response: Response) -> Response:
    """Pages hold customers' words: no other site loads them or holds their window, no proxy keeps them.

    Our front-end files say themselves how long they are good, and another host may serve them (ASSET_URL).
    """
    if request.endpoint != "assets.file":
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _trust_proxies(app: Flask, count: int) -> None:
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


def make_policy(asset_url: str) -> dict[str, str]:
    host = "/".join(asset_url.split("/")[:3])
    places = ("script-src", "style-src", "font-src") if host else ()
    return {name: f"{value} {host}" if name in places else value for name, value in CONTENT_SECURITY_POLICY.items()}


def _limit_addresses(app: Flask, redis_url: str) -> None:
    """Counts in Redis where there is one, in the process where there is none or it doesn't answer. Never fails a request."""
    # redis-py's name for a socket's URL is unix://, the limiter's redis+unix://
    app.config["RATELIMIT_STORAGE_URI"] = re.sub("^unix:", "redis+unix:", redis_url) or "memory://"
    app.config["RATELIMIT_SWALLOW_ERRORS"] = True
    if redis_url:
        app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_connect_timeout": REDIS_TIMEOUT_S,
            "socket_timeout": REDIS_TIMEOUT_S,
        }
    limiter.init_app(app)


def is_redis_answering(redis_url: str) -> bool:
    """Asked once at the start, for one clear line in the log."""
    import redis  # noqa: PLC0415  20 MB that a process without Redis does without

    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False
