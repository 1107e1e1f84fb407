"""A lean threaded HTTP/1.1 server on a raw socket: keep-alive, no delay, and able to misbehave on purpose."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

MAX_HEAD = 64 * 1024
REASONS = {
    200: "OK",
    302: "Found",
    401: "Unauthorized",
    404: "Not Found",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Error",
}


@dataclass(slots=True)
class Request:
    """headers: lower-case names."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; {} where it isn't one."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class Answer:
    """body: anything JSON, bytes as they are, or None for an empty one. ending "close" says nothing, "reset" does so by RST."""

    status: int = 200
    body: Any = None
    ending: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        content = self.body if isinstance(self.body, bytes) else _write(self.body)
        kind = {} if "Content-Type" in self.headers else {"Content-Type": "application/json; charset=utf-8"}
        extra = "".join(f"{name}: {value}\r\n" for name, value in {**kind, **self.headers}.items())
        head = f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}\r\nContent-Length: {len(content)}\r\n{extra}\r\n"
        return head.encode() + content


def _write(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


Handler = Callable[[Request], Answer]


class HttpServer:
    """One listening port, one thread per connection. close_listener() makes connections be refused until listen()."""

    def __init__(self, handler: Handler, port: int = 0, host: str = "127.0.0.1") -> None:
        self._handler = handler
        self.host = host
        self.port = port
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def listen(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(512)
            self.port = listener.getsockname()[1]
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name=f"pretend-{self.port}").start()

    def close_listener(self) -> None:
        """Refuses new connections and drops the present ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            connections = list(self._connections)
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = bytearray()
        try:
            while (request := _read_request(connection, buffer)) is not None:
                answer = self._handler(request)
                if answer.ending:
                    if answer.ending == "reset":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                connection.sendall(answer.encode())
                if request.headers.get("connection", "").lower() == "close":
                    return
        except (OSError, ValueError):
            return
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


def _read_request(connection: socket.socket, buffer: bytearray) -> Request | None:
    """The next request, None at the connection's end. Raises ValueError for what isn't HTTP with a Content-Length."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        if len(buffer) > MAX_HEAD:
            raise ValueError("head too long")
        received = connection.recv(65_536)
        if not received:
            return None
        buffer += received
    lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "chunked" in headers.get("transfer-encoding", ""):
        raise ValueError("no chunked bodies here")
    stop = end + 4 + int(headers.get("content-length", 0))
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(buffer) < stop:
        received = connection.recv(65_536)
        if not received:
            return None
        buffer += received
    body = bytes(buffer[end + 4 : stop])
    del buffer[:stop]
    path, _, query = target.partition("?")
    pairs = {k: v[-1] for k, v in parse_qs(query, keep_blank_values=True).items()} if query else {}
    return Request(method, unquote(path), pairs, headers, body)
