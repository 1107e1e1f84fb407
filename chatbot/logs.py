"""Logs: one line per event, JSON in production and readable in development, with the request's id. Secrets never get in.

Masking has three nets: names of fields, the known values (hide() adds them), and shapes such as a token in a URL.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import uuid
from collections.abc import Iterable, MutableMapping
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, request
from structlog.typing import Processor, WrappedLogger

from chatbot.config import Config

MASK = "***"
MIN_HIDDEN_CHARS = 6
SECRET_FIELD = re.compile(r"token|secret|password|passwd|api_?key|authorization|cookie", re.IGNORECASE)
# counts of a model's tokens are no secrets
PLAIN_FIELD = re.compile(r"tokens$", re.IGNORECASE)
SHAPES = (
    (re.compile(r"(/webhooks/chatwoot/|/welcome/)[^\s/?\"'\\]+"), rf"\1{MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+]*://[^\s/@:\"']*:)[^\s/@\"']+(@)"), rf"\1{MASK}\2"),
    (re.compile(r"(api[-_]access[-_]token\\?[\"']?\s*[:=,]\s*b?\\?[\"']?)[^\s\"'\\,}]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\bbearer\s+)[^\s\"'\\,}]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"), MASK),
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,80}")

_hidden: set[str] = set()


def init_app(app: Flask, config: Config, stream: TextIO | None = None) -> None:
    configure(config, stream)
    app.before_request(_start_request)
    app.after_request(_name_request)


def configure(config: Config, stream: TextIO | None = None) -> None:
    """Sends our logs and the libraries' to `stream` (stdout; commands that print results choose stderr)."""
    hide(s.get_secret_value() for s in (config.secret_key, *config.secret_key_fallbacks, config.mail_password))
    is_json = config.environment == "production"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_fields,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render(is_json)],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "is_ours", False)]:
        root.removeHandler(old)
    handler.is_ours = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(config.log_level)
    for name in ("httpx2", "httpcore2", "openai", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def adopt(name: str) -> None:
    """A library's logger that writes by itself writes with us from now on."""
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.propagate = True


def hide(values: Iterable[str]) -> None:
    """Values that no line may hold from now on."""
    for value in values:
        if len(value) >= MIN_HIDDEN_CHARS:
            _hidden.update((value, json.dumps(value)[1:-1]))


def mask(text: str) -> str:
    """The text without known secrets and what looks like one."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, MASK)
    for shape, replacement in SHAPES:
        text = shape.sub(replacement, text)
    return text


def _render(is_json: bool) -> list[Processor]:
    def mask_line(_logger: WrappedLogger, _name: str, line: Any) -> str:
        return mask(str(line))

    # tracebacks without local variables, which hold typed passwords and customers' words
    if is_json:
        tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
        return [tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False), mask_line]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return [renderer, mask_line]


def _mask_fields(_logger: WrappedLogger, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _mask_field(key, value) for key, value in event.items()}


def _mask_field(key: object, value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _mask_field(k, v) for k, v in value.items()}
    is_secret = isinstance(key, str) and SECRET_FIELD.search(key) and not PLAIN_FIELD.search(key)
    return MASK if is_secret and value else value


def _start_request() -> None:
    """Takes the proxy's X-Request-ID where it is a plain one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _name_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    return response
