"""Redis as a cache: what isn't there or doesn't answer is simply not kept. Nothing that must not be lost belongs here."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog

log = structlog.get_logger()
TIMEOUT_S = 0.25
# a Redis that failed isn't asked again for so long: each try would cost a customer the time-out
REST_S = 30.0

_clients: dict[str, Any] = {}
_resting_until: dict[str, float] = {}
_lock = threading.Lock()


def read(url: str, name: str) -> bytes | None:
    """What is kept under a name, None where there is nothing or no Redis."""
    found: bytes | None = _call(url, "get", name)
    return found


def write(url: str, name: str, value: bytes, ttl_s: float) -> bool:
    """Keeps a value for so long. False where there is no Redis."""
    return bool(_call(url, "set", name, value, px=max(1, round(ttl_s * 1_000))))


def _call(url: str, method: str, *values: object, **more: object) -> Any:
    if not url or time.monotonic() < _resting_until.get(url, 0.0):
        return None
    import redis  # noqa: PLC0415  20 MB that a process without Redis does without

    try:
        return getattr(_get_client(url), method)(*values, **more)
    except (redis.RedisError, ValueError, OSError) as e:
        _resting_until[url] = time.monotonic() + REST_S
        log.warning("cache_away", error=type(e).__name__, seconds=REST_S)
        return None


def _get_client(url: str) -> Any:
    """One client, and so one pool of connections, per URL, for as long as the process lives."""
    import redis  # noqa: PLC0415

    with _lock:
        if url not in _clients:
            _clients[url] = redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S)
        return _clients[url]
