"""A shop's API on loopback with a memory: what came can be read back; it waits, fails, redirects, answers in turns."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from standins.quiet import QuietHandler


@dataclass(frozen=True, slots=True)
class ShopAnswer:
    """body: JSON, or text as it is; redirect: an address; wait_s: before the first byte."""

    body: Any = None
    status: int = 200
    redirect: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """headers: lower-case names; body: JSON, None for none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class ShopApi:
    """answers: path -> its answers in turn, the last one from then on. What isn't there is a 404."""

    answers: dict[str, list[ShopAnswer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.shop = self  # type: ignore[attr-defined]
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> ShopApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, asked: Asked) -> ShopAnswer:
        self.asked.append(asked)
        planned = self.answers.get(asked.path) or [ShopAnswer({"error": "not found"}, 404)]
        return planned.pop(0) if len(planned) > 1 else planned[0]


class _Handler(QuietHandler):
    def _answer(self) -> None:
        shop: ShopApi = self.server.shop  # type: ignore[attr-defined]
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = shop.take(Asked(self.command, self.path, headers, json.loads(sent) if sent else None))
        time.sleep(answer.wait_s)
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        self.send_response(302 if answer.redirect else answer.status)
        if answer.redirect:
            self.send_header("Location", answer.redirect)
        self.send_header("Content-Type", "text/html" if isinstance(answer.body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer
