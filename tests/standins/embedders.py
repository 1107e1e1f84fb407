"""Embedders for tests: the real one as a process, and a made-up server with a memory and faults on order."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Embedder:
    """embedder.py on a socket of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="embedder-", dir="/tmp")
        self.socket = str(Path(self._folder.name) / "socket")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, ROOT / "embedder.py", "--listen", self.socket], cwd="/")
        end = time.monotonic() + 60
        while not self.is_answering():
            assert self._process.poll() is None, "the embedder has ended"
            assert time.monotonic() < end, "the embedder doesn't answer"
            time.sleep(0.02)

    def is_answering(self) -> bool:
        try:
            return self.ask("GET", "/health")[0] == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """body: bytes as they are, else JSON. Status and JSON."""
        connection = http.client.HTTPConnection("embedder")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        try:
            connection.sock.connect(self.socket)
            connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body).encode())
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def children(self) -> list[int]:
        """Processes that it has started, whichever thread did."""
        found = []
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                found += [int(word) for word in path.read_text().split()]
            except OSError:
                continue
        return found

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class EmbeddingStandIn:
    """A server somewhere else. Vectors are made up, the same for the same text and model.

    requests: bodies so far, each with "_key". dimensions: of its vectors. fails_after: requests until `status` is all that
    comes; refuses: a word whose texts get 400; is_silent: it never answers.
    """

    def __init__(self, dimensions: int = 8) -> None:
        self.dimensions = dimensions
        self.requests: list[dict[str, Any]] = []
        self.fails_after: int | None = None
        self.status = 500
        self.refuses = ""
        self.is_silent = False
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.stand_in = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> EmbeddingStandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def texts(self) -> list[str]:
        return [text for request in self.requests for text in request["input"]]

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append(body)
        if self.fails_after is not None and len(self.requests) > self.fails_after:
            return self.status, {"error": {"message": "as ordered"}}
        if self.refuses and any(self.refuses in text for text in body["input"]):
            return 400, {"error": {"message": "a text that it can't bear"}}
        lines = [{"index": i, "embedding": self._make(body["model"], text)} for i, text in enumerate(body["input"])]
        return 200, {"object": "list", "data": lines, "model": body["model"]}

    def _make(self, model: str, text: str) -> list[float]:
        made = random.Random(hashlib.sha256(f"{model} {text}".encode()).digest())
        return [made.uniform(-1, 1) for _ in range(self.dimensions)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        stand_in: EmbeddingStandIn = self.server.stand_in  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body["_key"] = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if stand_in.is_silent:
            stand_in.requests.append(body)
            stand_in.closing.wait(30)
            return
        status, answer = stand_in.answer(body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""
