"""Tells the owner: alerts through apprise URLs, and the sign of life that an outside monitor waits for.

The only module that imports apprise, and only where something is to be said: it is a heavy import.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2

from chatbot.deadline import deadline, limit

SEND_S = 20.0
PING_S = 10.0


def send_alert(urls: Sequence[str], title: str, body: str) -> list[str]:
    """Sends to all of them at once. Returns the kinds ("mailto", "tgram") of those that didn't take it.

    A URL holds passwords, so nothing but its kind is ever told.
    """
    taken: set[str] = set()

    def send(url: str, sender: Any) -> None:
        if sender.notify(title=title, body=body):
            taken.add(url)

    # apprise's own time-outs are for one read each, and its mail has others: threads that hang are left behind
    threads = [threading.Thread(target=send, args=(u, s), daemon=True, name="alert") for u in urls if (s := _make(u))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + SEND_S
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
    return [read_kind(url) for url in urls if url not in taken]


def find_unusable(urls: Sequence[str]) -> list[str]:
    """The kinds of those that apprise can't read."""
    return [read_kind(url) for url in urls if not _make(url)]


def send_ping(url: str) -> bool:
    """One GET; whether it was taken."""
    try:
        with deadline(PING_S), limit(httpx2.Client(timeout=PING_S, follow_redirects=False)) as client:
            return bool(client.get(url).status_code < 300)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


def read_kind(url: str) -> str:
    return urlsplit(url).scheme or "?"


def _make(url: str) -> Any:
    """A sender, or None where apprise can't read the URL."""
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its warnings quote addresses and answers
    sender = apprise.Apprise()
    return sender if sender.add(url) else None
