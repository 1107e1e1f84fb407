"""Webhooks on their way out: signed, delivered by a small pool in no order, retried and failing as Chatwoot does."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from chatbot.pretend.faults import FaultPlan
from chatbot.pretend.history import History

TRIES = 3
RETRIED = (429, 500)


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook to one receiver. receiver: "bot" or "account"; secret None sends it unsigned; tries: at most."""

    receiver: str
    url: str
    body: bytes
    event: str
    secret: str | None
    conversation: int | None = None
    message: int | None = None
    is_echo: bool = False
    tries: int = 1
    attempt: int = 1
    delivery: str = field(default_factory=lambda: str(uuid.uuid4()))

    def facts(self) -> dict[str, Any]:
        return {
            "delivery": self.delivery,
            "to": self.receiver,
            "event": self.event,
            "conversation": self.conversation,
            "message": self.message,
            "attempt": self.attempt,
        }


def sign(secret: str, stamp: str, body: bytes) -> str:
    """The X-Chatwoot-Signature of a body."""
    return "sha256=" + hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> int:
    """POSTs once over a new connection; the answer's status. Raises OSError where none comes."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    host, port = parts.hostname or "127.0.0.1", parts.port or (443 if is_secure else 80)
    lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}", "Connection: close"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
    with socket.create_connection((host, port), timeout=timeout_s) as plain, ExitStack() as stack:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = plain
        if is_secure:
            connection = stack.enter_context(ssl.create_default_context().wrap_socket(plain, server_hostname=host))
        connection.sendall(head + body)
        received = b""
        while b"\r\n" not in received:
            piece = connection.recv(4096)
            if not piece:
                raise ConnectionError("closed without an answer")
            received += piece
    return int(received.split(b" ", 2)[1])


def post_signed(hook: Hook, timeout_s: float) -> int:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if hook.secret is not None:
        stamp = str(int(time.time()))
        headers["X-Chatwoot-Signature"] = sign(hook.secret, stamp, hook.body)
        headers["X-Chatwoot-Timestamp"] = stamp
        headers["X-Chatwoot-Delivery"] = hook.delivery
    return post(hook.url, hook.body, headers, timeout_s)


class HookPool:
    """Delivers hooks from threads of its own. on_failed is called once a hook has finally failed."""

    def __init__(
        self, history: History, faults: FaultPlan, on_failed: Callable[[Hook], None], *, timeout_s: float, retry_s: float
    ) -> None:
        self._history = history
        self._faults = faults
        self._on_failed = on_failed
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self._ready = threading.Condition()
        self._heap: list[tuple[float, int, Hook]] = []
        self._order = itertools.count()
        self._busy = 0
        self._is_stopped = False

    def start(self, threads: int) -> None:
        self._is_stopped = False
        for n in range(threads):
            threading.Thread(target=self._run, daemon=True, name=f"hooks-{n}").start()

    def stop(self) -> None:
        with self._ready:
            self._is_stopped = True
            self._heap.clear()
            self._ready.notify_all()

    @property
    def waiting(self) -> int:
        """How many aren't done yet, those under way included."""
        with self._ready:
            return len(self._heap) + self._busy

    def send(self, hook: Hook) -> None:
        """Queues a hook, after what the fault plan does to it."""
        delays = [0.0]
        places = ("webhook", "echo") if hook.is_echo else ("webhook",)
        for fault in self._faults.draw(*places, conversation=hook.conversation, event=hook.event):
            self._history.record("fault", where=fault.where, kind=fault.kind, conversation=hook.conversation, event=hook.event)
            if fault.kind == "drop":
                self._history.record("dropped_webhook", **hook.facts())
                return
            if fault.kind == "duplicate":
                delays += [delays[0] + fault.delay_s] * fault.copies
            else:
                delays = [d + (self._faults.part_of(fault.delay_s) if fault.jitter else fault.delay_s) for d in delays]
        for delay in delays:
            self._queue(hook, delay)

    def _queue(self, hook: Hook, delay_s: float) -> None:
        with self._ready:
            heapq.heappush(self._heap, (time.monotonic() + delay_s, next(self._order), hook))
            self._ready.notify()

    def _take(self) -> Hook | None:
        with self._ready:
            while not self._is_stopped:
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    self._busy += 1
                    return heapq.heappop(self._heap)[2]
                self._ready.wait(wait_s)
        return None

    def _run(self) -> None:
        while (hook := self._take()) is not None:
            try:
                self._deliver(hook)
            finally:
                with self._ready:
                    self._busy -= 1

    def _deliver(self, hook: Hook) -> None:
        self._history.record("webhook_sent", **hook.facts())
        try:
            status = post_signed(hook, self._timeout_s)
        except (OSError, ValueError) as e:
            self._history.record("webhook_failed", **hook.facts(), error=e.__class__.__name__)
            status = 0
        else:
            self._history.record("webhook_acked", **hook.facts(), status=status)
        if 200 <= status < 300:
            return
        if status in RETRIED and hook.attempt < hook.tries:
            self._queue(replace(hook, attempt=hook.attempt + 1), self._retry_s)
            return
        self._on_failed(hook)


def encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
