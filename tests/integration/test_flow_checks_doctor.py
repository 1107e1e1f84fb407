"""The doctor's lines about flows and documents: absent without any, green, and red for each planted fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import make_config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.bodies import Document
from chatbot.checks import Surroundings
from chatbot.checks.documents import check_documents
from chatbot.checks.flows import check_flows
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow
from chatbot.settings import Settings

SAY = {"id": "hola", "do": "say", "text": {"es": "Hola", "en": "Hello"}}
CALL = {"id": "mira", "do": "call", "url": "https://api.example.com/a", "headers": {"X-Key": "{{secret.shop}}"}}
MAIL = {"id": "quien", "do": "verify", "slot": "correo", "by": "mail"}


@pytest.fixture
def look(make_database: Callable[[], str]) -> Iterator[Callable[..., Surroundings]]:
    """look(settings by name) -> surroundings with a database of their own."""
    url = make_database()
    engine = create_engine(url, poolclass=NullPool)
    yield lambda **values: Surroundings(make_config(url), Settings(**values), engine)
    engine.dispose()


def put(at: Surroundings, *steps: dict[str, Any]) -> None:
    slots = {"correo": {"type": "email"}}
    flow = Flow.model_validate({"key": "a", "title": {"es": "A", "en": "A"}, "slots": slots, "steps": [SAY, *steps]})
    with at.engine.begin() as connection:
        save_drafts(connection, [flow], "test")
        publish(connection, "test")


def judge(at: Surroundings) -> tuple[str, str]:
    found = check_flows(at)
    assert found is not None
    return found.level, found.key


def test_without_a_flow_there_is_no_line(look: Callable[..., Surroundings]) -> None:
    assert check_flows(look()) is None


def test_what_a_flow_needs_is_named(look: Callable[..., Surroundings]) -> None:
    put(look(), CALL)
    assert judge(look()) == ("warn", "host")
    assert judge(look(flow_hosts="api.example.com")) == ("warn", "secret")
    well = look(flow_hosts="api.example.com", flow_secrets="shop=abc")
    assert judge(well)[0] == "ok"
    put(well, CALL, MAIL)
    assert judge(well) == ("warn", "mail")


def test_calls_that_fail_are_told(look: Callable[..., Surroundings]) -> None:
    at = look()
    put(at)
    with at.engine.begin() as connection:
        connection.execute(text("INSERT INTO inbox (chatwoot_id) VALUES (1)"))
        connection.execute(text("INSERT INTO conversation (chatwoot_id, inbox_id) SELECT 1, id FROM inbox"))
        connection.execute(
            text("INSERT INTO flow_call (conversation_id, answered_seq, place, state, outcome)"
                 """ SELECT id, 0, 'a/mira/1', 'failed', '{"error": "timeout"}' FROM conversation""")
        )  # fmt: skip
    found = check_flows(at)
    assert found is not None
    assert (found.level, found.key, found.values) == ("fail", "failed", {"place": "a/mira", "problem": "timeout", "count": 1})


def test_documents_that_nobody_reads_are_told(look: Callable[..., Surroundings]) -> None:
    at = look()
    assert check_documents(at) is None
    with at.engine.begin() as connection:
        save_drafts(connection, [Document(key="d", title="D", source="page", url="https://www.example.com/")], "test")
    assert check_documents(at).level == "ok", "due since just now"  # type: ignore[union-attr]
    with at.engine.begin() as connection:
        connection.execute(text("UPDATE page SET due_at = now() - interval '2 hours'"))
    late = check_documents(at)
    assert late is not None
    assert (late.level, late.key, late.values) == ("fail", "late", {"count": 1, "minutes": 120})
    with at.engine.begin() as connection:
        connection.execute(text("UPDATE page SET due_at = NULL, state = 'failed', checked_at = now()"))
    failed = check_documents(at)
    assert failed is not None
    assert (failed.level, failed.key) == ("warn", "failed")
