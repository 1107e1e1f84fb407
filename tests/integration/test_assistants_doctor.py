"""The doctor's line about specialised agents: absent with one, green with several, a warning for each planted fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from conftest import make_config
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from chatbot.bodies import Article, Assistant, When
from chatbot.body_types import Body
from chatbot.checks import Surroundings
from chatbot.checks.assistants import check_assistants
from chatbot.content import publish, save_drafts
from chatbot.doctor import CHECKS
from chatbot.settings import Settings

FIRST = Assistant(key="a", name="Ana", instructions="a", priority=9)
SECOND = Assistant(key="b", name="Blas", instructions="b", when=When(labels=("vip",)))


@pytest.fixture
def at(make_database: Callable[[], str]) -> Iterator[Surroundings]:
    url = make_database()
    engine = create_engine(url, poolclass=NullPool)
    yield Surroundings(make_config(url), Settings(), engine)
    engine.dispose()


def judge(at: Surroundings, *bodies: Body) -> tuple[str, str] | None:
    with at.engine.begin() as connection:
        save_drafts(connection, bodies, "test")
        publish(connection, "test")
    found = check_assistants(at)
    return (found.level, found.key) if found else None


def test_it_is_told_who_never_speaks_and_what_nobody_finds(at: Surroundings) -> None:
    assert check_assistants(at) is None
    assert judge(at, FIRST) is None
    assert judge(at, SECOND) == ("ok", "ok")
    assert judge(at, SECOND.model_copy(update={"when": When()})) == ("warn", "silent")
    assert judge(at, SECOND.model_copy(update={"when": When(), "about": {"es": "Pedidos"}})) == ("ok", "ok")
    assert judge(at, SECOND.model_copy(update={"when": When(), "inboxes": (7,)})) == ("warn", "silent")
    assert judge(at, SECOND.model_copy(update={"when": When(), "enabled": False})) is None
    scoped = Article(key="c", title="C", text="c", assistants=("b",))
    assert judge(at, scoped) == ("warn", "unused")
    assert judge(at, SECOND) == ("ok", "ok")


def test_the_doctor_looks_at_it() -> None:
    assert "assistants" in {check.id for check in CHECKS}


@pytest.mark.parametrize(("model", "found"), [("un-modelo-nuevo", ("warn", "unpriced")), ("gpt-4o-mini", None)])
def test_a_budget_that_cant_be_kept_is_told(at: Surroundings, model: str, found: tuple[str, str] | None) -> None:
    settings = Settings(openai_api_key=SecretStr("sk-x"), openai_model=model)
    surroundings = replace(at, settings=settings)
    assert judge(surroundings, FIRST.model_copy(update={"daily_budget_micros": 500_000})) == found
