"""OpenAI's protocol for embeddings, over a socket of the file system or of this machine alone.

  POST /v1/embeddings {"model": "multilingual-e5-small-query" | "...-passage", "input": text or texts}
  GET  /v1/models, GET /health

Questions are answered here, one after the other, in milliseconds; passages by another process (passages.py).
https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import threading
from array import array
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from chatbot.embedder.model import Model, ModelError
from chatbot.embedder.passages import Broken, Busy, PassageProcess
from chatbot.local_embedder import MAX_BYTES, MAX_TEXTS, MODEL, Kind

KINDS: dict[str, Kind] = {MODEL.format(kind=kind): kind for kind in MAX_BYTES}
PATH = "/v1/embeddings"
MAX_BODY = 2 << 20
MAX_CONNECTIONS = 64
# of silence: in the middle of a request, or between two
SILENCE_S = 30.0


class Refused(Exception):
    """An answer other than 200, in OpenAI's form."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Embedder:
    """What requests are answered with."""

    def __init__(self) -> None:
        self.model = Model()
        self.passages = PassageProcess()

    def embed(self, kind: Kind, texts: list[str]) -> list[bytes]:
        """Raises Refused."""
        try:
            if kind == "query":
                return [self.model.embed(text, kind) for text in texts]
            return self.passages.embed(texts)
        except Busy:
            raise Refused(503, "other passages are being embedded; try again later", "busy") from None
        except Broken as e:
            raise Refused(422 if e.is_text else 503, str(e), "text" if e.is_text else "broken") from None
        except ModelError as e:
            raise Refused(500, str(e), "model") from None


def read_request(content: bytes) -> tuple[str, list[str], bool]:
    """The model's name, the texts, and whether vectors are wanted in base64. Raises Refused."""
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "the body isn't JSON") from None
    if not isinstance(asked, dict):
        raise Refused(400, "the body isn't a JSON object")
    model, given = asked.get("model"), asked.get("input")
    if not isinstance(model, str) or model not in KINDS:
        raise Refused(400, f"model must be one of: {', '.join(KINDS)}", "model_not_found")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise Refused(400, "input must be a text, or a list of texts, none of them empty")
    limit = MAX_BYTES[KINDS[model]]
    if not 0 < len(texts) <= MAX_TEXTS:
        raise Refused(413, f"input must have 1 to {MAX_TEXTS} texts")
    if any(len(text.encode("utf-8", errors="replace")) > limit for text in texts):
        raise Refused(413, f"a text of {model} may have {limit} bytes at most")
    if asked.get("encoding_format", "float") not in {"float", "base64"}:
        raise Refused(400, "encoding_format must be float or base64")
    return model, texts, asked.get("encoding_format") == "base64"


def write_answer(model: str, vectors: list[bytes], texts: list[str], *, is_base64: bool) -> dict[str, Any]:
    lines = [
        {"object": "embedding", "index": index, "embedding": _write(vector, is_base64=is_base64)}
        for index, vector in enumerate(vectors)
    ]
    # tokens aren't counted: nobody pays for them
    used = sum(len(text) // 4 + 1 for text in texts)
    return {"object": "list", "data": lines, "model": model, "usage": {"prompt_tokens": used, "total_tokens": used}}


def _write(vector: bytes, *, is_base64: bool) -> Any:
    return base64.b64encode(vector).decode() if is_base64 else list(array("f", vector))


class Handler(BaseHTTPRequestHandler):
    """One connection, which may bring many requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = SILENCE_S
    # an answer leaves in one piece, and at once: else it waits 40 ms for the other side's acknowledgement
    wbufsize = -1

    def setup(self) -> None:
        if self.request.family != socket.AF_UNIX:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "local"} for name in KINDS]
            self._answer(200, {"object": "list", "data": models})
        elif self.path == "/health":
            self.server.embedder.model.embed("ok", "query")
            self._answer(200, {"status": "ok"})
        else:
            self._refuse(Refused(404, "there is no such page"))

    def do_POST(self) -> None:
        try:
            if self.path != PATH:
                raise Refused(404, "there is no such page")
            model, texts, is_base64 = read_request(self._read_body())
            vectors = self.server.embedder.embed(KINDS[model], texts)
            self._answer(200, write_answer(model, vectors, texts, is_base64=is_base64))
        except Refused as e:
            self._refuse(e)

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or len(length) > 12:
            self.close_connection = True
            raise Refused(411, "Content-Length is missing")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise Refused(413, f"a request may have {MAX_BODY} bytes at most")
        content = self.rfile.read(int(length))
        if len(content) < int(length):
            self.close_connection = True
            raise Refused(400, "the request was cut")
        return content

    def _refuse(self, refused: Refused) -> None:
        error = {"message": str(refused), "type": "invalid_request_error", "code": refused.code or None}
        self._answer(refused.status, {"error": error})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "mostrador"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked are customers' words."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection, and a limit of them; on a path, or on an address of this machine."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: str | tuple[str, int], embedder: Embedder) -> None:
        self.embedder = embedder
        self.address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if isinstance(address, str):
            Path(address).unlink(missing_ok=True)  # a killed one left it
        super().__init__(address, Handler)  # type: ignore[arg-type]  # typeshed knows no paths here
        if isinstance(address, str):
            Path(address).chmod(0o600)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Who is one too many is hung up on, and isn't kept waiting."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: whoever asked has gone."""

    def service_actions(self) -> None:
        self.embedder.passages.end_when_idle()

    def server_close(self) -> None:
        super().server_close()
        self.embedder.passages.close()
        if isinstance(self.server_address, str):
            with suppress(OSError):
                Path(self.server_address).unlink()
