"""Stands where our bot is, for the pretend Chatwoot's own tests: takes webhooks, and calls the API as the bot would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chatbot.pretend import PretendChatwoot
from chatbot.pretend.wire import Answer, HttpServer, Request


class Bot:
    """Keeps the webhooks that came and answers with `statuses`, then 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self.server = HttpServer(self._take)
        self.server.listen()
        self.url = self.server.url + "/webhooks/chatwoot"

    def _take(self, request: Request) -> Answer:
        self.requests.append(request)
        return Answer(self.statuses.pop(0) if self.statuses else 200, {})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [r.json() for r in self.requests]

    def events(self) -> list[str]:
        return [b["event"] for b in self.bodies]

    def newest(self, event: str) -> dict[str, Any]:
        return [b for b in self.bodies if b["event"] == event][-1]


@contextmanager
def standing_bot() -> Iterator[Bot]:
    bot = Bot()
    try:
        yield bot
    finally:
        bot.server.close_listener()


def call(pretend: PretendChatwoot, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    base = "" if path.startswith("/api") else "/api/v1/accounts/1"
    headers = {"Api-Access-Token": pretend.bot.token if token is None else token, "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(pretend.url + base + path, sent, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read() or b"null")


def say(pretend: PretendChatwoot, conversation: int, mark: str = "1-1001-1", **more: Any) -> tuple[int, Any]:
    body = {"content": "Sí, enviamos.", "content_attributes": {"mostrador": mark}, **more}
    return call(pretend, "POST", f"/conversations/{conversation}/messages", body)


def settle(pretend: PretendChatwoot) -> None:
    assert pretend.wait_until(lambda: pretend.hooks.waiting == 0, 5)
