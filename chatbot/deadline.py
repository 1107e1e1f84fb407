"""One time limit for a whole HTTP call: httpx2's own are for one read each, so that an answer may drip for ever."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

MAX_ANSWER_BYTES = 4_000_000


@dataclass(slots=True)
class _Left:
    """What the call under way on this thread may still use."""

    until: float
    bytes: int


_left: ContextVar[_Left | None] = ContextVar("http_call_left", default=None)


@contextmanager
def deadline(timeout_s: float, max_bytes: int = MAX_ANSWER_BYTES) -> Iterator[None]:
    """Every call inside, on a client that is limited, ends by then. The outermost one counts."""
    if _left.get() is not None:
        yield
        return
    token = _left.set(_Left(time.monotonic() + timeout_s, max_bytes))
    try:
        yield
    finally:
        _left.reset(token)


def limit(http: Any) -> Any:
    """Makes an httpx2.Client heed deadline()."""
    import httpx2  # noqa: PLC0415

    for transport in (http._transport, *http._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            # httpx2 gives no other way in that keeps proxies working; test_llm.py holds a dripping server against it
            limited: Any = _LimitedBackend(transport._pool._network_backend)
            transport._pool._network_backend = limited
    return http


def _shorten(timeout: float | None, error: type[Exception]) -> float | None:
    left = _left.get()
    if left is None:
        return timeout
    rest = left.until - time.monotonic()
    if rest <= 0:
        raise error("the call's time is over")
    return rest if timeout is None else min(timeout, rest)


class _LimitedStream:
    """A connection that ends when its call's time or size is used up, however slowly bytes drip in."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        import httpcore2  # noqa: PLC0415

        content: bytes = self._stream.read(max_bytes, _shorten(timeout, httpcore2.ReadTimeout))
        if (left := _left.get()) is not None:
            left.bytes -= len(content)
            if left.bytes < 0:
                raise httpcore2.ReadError("the answer is too long")
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        import httpcore2  # noqa: PLC0415

        self._stream.write(buffer, _shorten(timeout, httpcore2.WriteTimeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        import httpcore2  # noqa: PLC0415

        timeout = _shorten(timeout, httpcore2.ConnectTimeout)
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _LimitedBackend:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> _LimitedStream:
        import httpcore2  # noqa: PLC0415

        timeout = _shorten(timeout, httpcore2.ConnectTimeout)
        return _LimitedStream(self._backend.connect_tcp(host, port, timeout, **options))

    def connect_unix_socket(self, path: str, timeout: float | None = None, **_options: Any) -> _LimitedStream:
        """Ours, because httpcore2's leaves its socket open where nobody listens."""
        import httpcore2  # noqa: PLC0415
        from httpcore2._backends.sync import SyncStream  # noqa: PLC0415

        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(_shorten(timeout, httpcore2.ConnectTimeout))
            line.connect(path)
        except OSError as e:
            line.close()
            error = httpcore2.ConnectTimeout if isinstance(e, TimeoutError) else httpcore2.ConnectError
            raise error(str(e)) from e
        return _LimitedStream(SyncStream(line))
