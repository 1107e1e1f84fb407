"""A server of the OpenAI protocol on loopback, with a memory and faults on order.

    with LlmStandIn() as llm:
        llm.plan(mode="status", status=429, times=1)   # the next request only; then as before
        llm.plan(model="gpt-b", delay_s=2)             # requests for one model only
        llm.plan(answer={"text": "Hola", "handoff": True})
        ... llm.url, llm.requests

From another process: POST /_plan with the same fields as JSON, POST /_reset, GET /_requests.
Alone: python -m tests.standins.llm --port 9100 --delay 0.3 (--host for another address than loopback)
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

PASSAGE = re.compile(r"\[P1\][^\n]*\n(.*?)(?=\n\[P2\]|\n</)", re.DOTALL)
SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Error"}


@dataclass
class Plan:
    """How requests are answered.

    mode: ok | status (with `status`, `code`) | no_schema (400 for json_schema) | no_format (400 for any response_format)
    | refuse | filtered | cut | half_json | not_json | wrong_schema | empty | huge | no_choices | html
    | close (before answering) | close_in_body | drip_headers | drip | silent (never answers).
    answer: fields of the structured answer that replace the made-up ones; raw: the message's whole content;
    model: only requests for this model; times: how many requests, None for all.
    writer: makes the structured answer from the request's body, in place of make_answer.
    transcript: what voice notes say; seconds: their length as the server counts it, None where it doesn't.
    """

    mode: str = "ok"
    delay_s: float = 0.0
    status: int = 500
    code: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None
    model: str = ""
    times: int | None = None
    usage: bool = True
    writer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    transcript: str = "¿Hacéis envíos a Canarias?"
    seconds: float | None = None


class LlmStandIn:
    """Serves from creation until close(). Give `port` to listen on a fixed one."""

    def __init__(self, port: int = 0, delay_s: float = 0.0, keep_requests: bool = True, host: str = "127.0.0.1") -> None:
        self._lock = threading.Lock()
        self._plans: list[Plan] = [Plan(delay_s=delay_s)]
        self._default = Plan(delay_s=delay_s)
        self._requests: list[dict[str, Any]] = []
        self._keep = keep_requests
        self.closing = threading.Event()
        self._server = _Server((host, port), _Connection)
        self._server.stand_in = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> LlmStandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Bodies of the chat requests so far, oldest first, each with "_key", the key it came with, and "_at". Of a voice note:
        "_audio", all that was sent."""
        with self._lock:
            return list(self._requests)

    def plan(self, **wanted: Any) -> None:
        """Newer plans come before older ones; one without `times` and `model` replaces all the others."""
        plan = Plan(**wanted)
        with self._lock:
            if plan.times is None and not plan.model:
                self._plans = [plan]
            else:
                self._plans.insert(0, plan)

    def reset(self) -> None:
        """Back to how it started, without memory."""
        with self._lock:
            self._plans = [self._default]
            self._requests = []

    def take(self, body: dict[str, Any]) -> Plan:
        """Remembers a request and picks its plan."""
        with self._lock:
            if self._keep:
                self._requests.append(body)
            for plan in self._plans:
                if plan.model in ("", body.get("model")) and plan.times != 0:
                    if plan.times is not None:
                        plan.times -= 1
                    return plan
            return self._default


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    stand_in: LlmStandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what half of the tests are about."""


class _Connection(socketserver.StreamRequestHandler):
    """Reads HTTP/1.1 itself: http.server needs half a millisecond a request for it."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        while self._handle_one():
            pass

    def _handle_one(self) -> bool:
        line = self.rfile.readline(65_537)
        if not line.strip():
            return False
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(65_537)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        content = self.rfile.read(int(headers.get("content-length", 0)))
        return self._route(method, path, headers, content)

    def _route(self, method: str, path: str, headers: dict[str, str], content: bytes) -> bool:
        stand_in = self.server.stand_in
        if path.endswith("/chat/completions"):
            body = json.loads(content)
            key = headers.get("authorization", "").removeprefix("Bearer ")
            return self._answer(body, stand_in.take({**body, "_key": key, "_at": time.time()}))
        if path.endswith("/audio/transcriptions"):
            return self._transcribe(content)
        if "/models/" in path:
            return self._show_model(path.rsplit("/", 1)[1])
        if path == "/_plan":
            stand_in.plan(**{k: v for k, v in json.loads(content).items() if k in {f.name for f in fields(Plan)}})
        elif path == "/_reset":
            stand_in.reset()
        elif path != "/_requests":
            return self._send(404, {"error": {"message": "no such path"}})
        return self._send(200, stand_in.requests if method == "GET" else {"ok": True})

    def _transcribe(self, content: bytes) -> bool:
        found = re.search(rb'name="model"\r\n\r\n([^\r]*)', content)
        model = found[1].decode() if found else ""
        audio = content.decode("latin-1")
        plan = self.server.stand_in.take({"model": model, "messages": [], "_audio": audio, "_at": time.time()})
        if plan.delay_s and self.server.stand_in.closing.wait(plan.delay_s):
            return False
        if plan.mode == "status":
            return self._send(plan.status, {"error": {"message": "planned fault", "code": plan.code or None}})
        usage = {"type": "duration", "seconds": plan.seconds} if plan.seconds is not None else None
        return self._send(200, {"text": plan.transcript, "usage": usage})

    def _show_model(self, model: str) -> bool:
        """Plans of mode "status" count here too: 401 for a bad key, 404 for no such model."""
        plan = self.server.stand_in.take({"model": model, "messages": [], "_at": time.time()})
        if plan.mode == "status":
            return self._send(plan.status, {"error": {"message": "planned fault", "code": plan.code or None}})
        return self._send(200, {"id": model, "object": "model", "created": 1, "owned_by": "standin"})

    def _answer(self, body: dict[str, Any], plan: Plan) -> bool:
        if plan.delay_s and self.server.stand_in.closing.wait(plan.delay_s):
            return False
        if (connection_fault := getattr(self, f"_mode_{plan.mode}", None)) is not None:
            connection_fault(body, plan)
            return False
        if plan.mode == "status":
            return self._send(plan.status, _error(plan.code, body))
        wanted = body.get("response_format", {}).get("type")
        if (plan.mode == "no_schema" and wanted == "json_schema") or (plan.mode == "no_format" and wanted):
            return self._send(400, _error("unsupported", body, "'response_format' of this type is not supported"))
        if plan.mode == "html":
            return self._send(200, b"<html>login</html>", "text/html")
        return self._send(200, make_completion(body, plan))

    def _send(self, status: int, body: Any, content_type: str = "application/json") -> bool:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.wfile.write(self._head(status, len(content), content_type) + content)
        return True

    @staticmethod
    def _head(status: int, length: int, content_type: str = "application/json") -> bytes:
        line = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n"
        return f"{line}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n".encode()

    def _mode_close(self, body: dict[str, Any], plan: Plan) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def _mode_close_in_body(self, body: dict[str, Any], plan: Plan) -> None:
        content = json.dumps(make_completion(body, plan)).encode()
        self.wfile.write(self._head(200, len(content)) + content[: len(content) // 2])
        self.connection.shutdown(socket.SHUT_RDWR)

    def _mode_silent(self, body: dict[str, Any], plan: Plan) -> None:
        self.server.stand_in.closing.wait(600)

    def _mode_drip(self, body: dict[str, Any], plan: Plan) -> None:
        content = json.dumps(make_completion(body, plan)).encode()
        self.wfile.write(self._head(200, len(content)))
        self._drip(content)

    def _mode_drip_headers(self, body: dict[str, Any], plan: Plan) -> None:
        self._drip(self._head(200, 2) + b"{}")

    def _drip(self, content: bytes) -> None:
        for at in range(len(content)):
            self.wfile.write(content[at : at + 1])
            if self.server.stand_in.closing.wait(0.1):
                return


def read_text(message: dict[str, Any]) -> str:
    """What a message says beside its pictures."""
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(piece.get("text", "") for piece in content)


def _error(code: str, body: dict[str, Any], message: str = "") -> dict[str, Any]:
    # real servers quote what they were sent, and so does this one
    sent = json.dumps(body["messages"])
    quoted = message or f"planned fault; you sent {sent[:2_000]}"
    return {"error": {"message": quoted, "type": "error", "code": code or None, "param": None}}


def make_completion(body: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The answer's whole body for a request."""
    answer = {**plan.writer(body), **plan.answer} if plan.writer else make_answer(body, plan.answer)
    text = plan.raw if plan.raw is not None else json.dumps(answer, ensure_ascii=False)
    text, finish, refusal = _spoil(plan.mode, text)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choices = [] if plan.mode == "no_choices" else [{"index": 0, "message": message, "finish_reason": finish}]
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": choices,
    }
    if plan.usage:
        size = sum(len(read_text(m)) for m in body["messages"]) // 4
        completion["usage"] = {"prompt_tokens": size, "completion_tokens": 40, "total_tokens": size + 40}
    return completion


def _spoil(mode: str, text: str) -> tuple[str | None, str, str | None]:
    """The message's content, finish reason and refusal in a faulty mode."""
    half = text[: len(text) // 2]
    spoiled: dict[str, tuple[str | None, str, str | None]] = {
        "refuse": (None, "stop", "I can't help with that."),
        "filtered": ("", "content_filter", None),
        "cut": (half, "length", None),
        "half_json": (half, "stop", None),
        "not_json": ("Claro, te ayudo encantado.", "stop", None),
        "wrong_schema": ('{"reply": "Hola"}', "stop", None),
        "empty": ("", "stop", None),
    }
    if mode == "huge":
        return json.dumps({"text": "a" * 8_000_000}), "stop", None
    return spoiled.get(mode, (text, "stop", None))


def make_answer(body: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any]:
    """A valid answer to the request's schema: the first passage's beginning, or else an echo of the last message."""
    prompt = "\n".join(read_text(m) for m in body["messages"] if m["role"] == "user")
    passage = PASSAGE.search(prompt)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema") or _find_schema(body["messages"])
    answer: dict[str, Any] = {}
    for name, kind in schema.get("properties", {}).items():
        answer[name] = _make_value(name, kind, passage.group(1) if passage else "", prompt)
    return {**answer, **fixed}


def _make_value(name: str, kind: dict[str, Any], passage: str, prompt: str) -> Any:
    if name == "text":
        sentence = SENTENCE.match(passage)
        return (sentence.group() if sentence else passage[:300]) if passage else f"Eco: {_last_line(prompt)}"
    if name == "sources":
        return ["P1"] if passage else []
    if "enum" in kind:
        return kind["enum"][0 if passage else min(1, len(kind["enum"]) - 1)]
    values = {"boolean": name == "knows", "number": 0.9, "integer": 1, "array": [], "object": {}}
    return values.get(kind.get("type", "string"), "")


def _find_schema(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema that stands in the prompt where the server doesn't take one."""
    for message in reversed(messages):
        if '"properties"' in message["content"]:
            with contextlib.suppress(ValueError):
                found: dict[str, Any] = json.loads(message["content"][message["content"].index("{") :])
                return found
    return {}


def _last_line(prompt: str) -> str:
    lines = [line for line in prompt.split("\n") if line.strip() and not line.startswith(("<", "["))]
    return lines[-1].strip() if lines else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS")
    arguments = parser.parse_args()
    with LlmStandIn(arguments.port, arguments.delay, keep_requests=False, host=arguments.host) as llm:
        print(llm.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
