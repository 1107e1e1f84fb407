"""What every web view stands on: security headers, limits per address, and the gate that denies by default."""

from __future__ import annotations

import re

from flask import Flask, abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_talisman import Talisman
from werkzeug.middleware.proxy_fix import ProxyFix

from chatbot.config import Config

OPEN_ENDPOINTS = frozenset(
    {
        "health.healthz",
        "health.installation",
        "health.readyz",
        "webhook.chatwoot",
        "webhook.chatwoot_token",
    }
)
# far above what is taken: the webhook answers 200 to a body over 1 MB too, and a 413 would count as failure
MAX_BODY_BYTES = 64 * 1024 * 1024
REDIS_TIMEOUT_S = 1
# nothing here is a page yet
CONTENT_SECURITY_POLICY = {"default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'none'"}

limiter = Limiter(key_func=get_remote_address)


def init_app(app: Flask, config: Config) -> None:
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    _trust_proxies(app, config.trusted_proxies)
    app.before_request(deny_by_default)
    # no redirect to https: every open endpoint is called by machines, and to Chatwoot a redirect is a failure
    Talisman(
        app,
        force_https=False,
        content_security_policy=CONTENT_SECURITY_POLICY,
        session_cookie_secure=config.environment == "production",
    )
    _limit_addresses(app, config.redis_url)


def deny_by_default() -> None:
    """What isn't on the list above doesn't exist, whatever blueprint registers it."""
    if request.endpoint not in OPEN_ENDPOINTS:
        abort(404)


def _trust_proxies(app: Flask, count: int) -> None:
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


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
