"""No secret gets into a log line, whichever way it comes."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from conftest import SECRET_KEY, make_config

from chatbot import logs
from chatbot.config import Config

URL = "postgresql://shop:hunter2222@db.example/shop"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    yield stream
    root = logging.getLogger()
    for handler in [h for h in root.handlers if getattr(h, "is_ours", False)]:
        root.removeHandler(handler)
    structlog.reset_defaults()


def configure(stream: io.StringIO, environment: str) -> None:
    config: Config = make_config(URL).model_copy(update={"environment": environment})
    logs.configure(config, stream)


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize(
    "event",
    [
        f"the key is {SECRET_KEY}",
        "POST /webhooks/chatwoot/tok-123456 200",
        "Exception on /welcome/tok-123456 [POST]",
        "connecting to postgresql+psycopg://shop:hunter2222@db.example/shop",
        "redis://:hunter2222@cache:6379/0 refused",
        "headers: {'Api-Access-Token': 'tok-123456', 'x': 1}",
        'headers: {"api_access_token": "tok-123456"}',
        "Authorization: Bearer tok-123456",
        "used sk-proj-abcdefgh12345678",
    ],
)
def test_a_secret_in_a_text_is_masked(stream: io.StringIO, environment: str, event: str) -> None:
    configure(stream, environment)
    structlog.get_logger("chatbot.x").warning(event)
    logging.getLogger("library").warning("%s", event)
    lines = stream.getvalue()
    assert lines.count(logs.MASK) >= 2
    for secret in (SECRET_KEY, "hunter2222", "tok-123456", "abcdefgh12345678"):
        assert secret not in lines


@pytest.mark.parametrize("environment", ["production", "development"])
def test_fields_named_like_secrets_are_masked_and_counts_of_tokens_are_not(stream: io.StringIO, environment: str) -> None:
    configure(stream, environment)
    structlog.get_logger("x").info("call", api_key="abc123xyz", headers={"X-Token": "abc123xyz"}, output_tokens=42)
    assert "abc123xyz" not in stream.getvalue()
    assert "42" in stream.getvalue()


def test_a_value_hidden_later_is_masked_in_tracebacks_too(stream: io.StringIO) -> None:
    configure(stream, "production")
    logs.hide(['a "quoted" secret'])
    try:
        raise ValueError('a "quoted" secret')
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert "quoted" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_tracebacks_are_without_local_variables(stream: io.StringIO) -> None:
    configure(stream, "production")
    typed = "what a customer wrote"
    try:
        int("x" if typed else "")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert typed not in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()


def test_production_logs_one_json_object_a_line(stream: io.StringIO) -> None:
    configure(stream, "production")
    structlog.get_logger("chatbot.x").info("stored", conversation=7)
    logging.getLogger("gunicorn.error").warning("two\nlines")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["conversation"], first["level"], first["logger"]) == ("stored", 7, "info", "chatbot.x")
    assert second["event"] == "two\nlines"
    assert first["timestamp"].endswith("Z")
