"""A web site on loopback with a memory: what was asked can be read back, and each page can misbehave on order."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from standins.quiet import QuietHandler


@dataclass(slots=True)
class Answer:
    """body: what is sent, or its pieces with drip_s between them; wait_s: before the first byte."""

    body: bytes | list[bytes] = b""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    wait_s: float = 0.0

    @property
    def pieces(self) -> list[bytes]:
        return [self.body] if isinstance(self.body, bytes) else self.body


@dataclass(frozen=True, slots=True)
class Asked:
    """headers: lower-case names."""

    path: str
    headers: dict[str, str]


def make_page(title: str, text: str = "", *links: str, head: str = "") -> bytes:
    """A page with a main text that is worth reading, and links beside it."""
    listed = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f"<!doctype html><html lang='es'><head><title>{title}</title>{head}</head><body><nav><ul>{listed}</ul></nav>"
        f"<main><h1>{title}</h1><p>{text or title}</p></main></body></html>"
    ).encode()


SHORTEST_S = 0.005  # so that two requests at once are seen


class Site:
    """pages: path with its query -> Answer, what isn't there is a 404. asked: every request so far. etags: it sends them."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.etags = False
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.now = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.site = self  # type: ignore[attr-defined]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def put(self, path: str, title: str, text: str = "", *links: str, head: str = "", **more: Any) -> None:
        self.pages[path] = Answer(make_page(title, text, *links, head=head), **more)

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.pages[path] = Answer(b"", status, headers={"Location": target})

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def forget(self) -> None:
        self.asked.clear()

    def find(self, path: str) -> Answer:
        return self.pages.get(path) or Answer(b"<h1>Not found</h1>", 404)


class _Handler(QuietHandler):
    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = site.find(self.path)
        with site.lock:
            site.now += 1
            site.most_at_once = max(site.most_at_once, site.now)
        time.sleep(answer.wait_s or SHORTEST_S)
        with site.lock:  # before the first byte: whoever has read the last one may ask again at once
            site.now -= 1
        self._answer(site, answer)

    def _answer(self, site: Site, answer: Answer) -> None:
        headers = {"Content-Type": answer.media_type, **answer.headers} if answer.media_type else answer.headers
        if site.etags and answer.status == 200:
            mark = f'"{hash(b"".join(answer.pieces))}"'
            headers = {**headers, "ETag": mark}
            if self.headers.get("If-None-Match") == mark:
                self.send_response(304)
                self.end_headers()
                return
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        if "Content-Length" not in headers and not answer.drip_s:
            self.send_header("Content-Length", str(sum(map(len, answer.pieces))))
        self.end_headers()
        self.close_connection = True
        for piece in _drip(answer):
            self.wfile.write(piece)
            self.wfile.flush()


def _drip(answer: Answer) -> Iterator[bytes]:
    for piece in answer.pieces:
        yield piece
        time.sleep(answer.drip_s)


def split_path(url: str) -> str:
    """Of an address, what Site.paths has."""
    parts = urlsplit(url)
    return f"{parts.path}{'?' if parts.query else ''}{parts.query}"
