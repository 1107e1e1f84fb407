"""An answer of the AI is given again to the very same question, and to no other; on a real Redis."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from sqlalchemy import Engine, create_engine, text
from standins.llm import LlmStandIn

from chatbot.bodies import Article, Assistant, Content
from chatbot.clients import cache
from chatbot.content import load_content, publish, remove_drafts, save_drafts
from chatbot.llm import Means
from chatbot.reply import ContactView, CustomerMessage, InboxView, TurnInput
from chatbot.responders import assistant
from chatbot.settings import Settings
from chatbot.trace import Look

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
QUESTION = "¿Cuántos días laborables tardan los pedidos a Canarias?"
CONTENT = (
    Assistant(key="lola", name="Lola", instructions="Somos una tienda de cerámica."),
    Article(key="envios", title="Envíos", text="Los pedidos a Canarias tardan entre 5 y 7 días laborables."),
)
_numbers = itertools.count(1)


@pytest.fixture
def own_engine(make_database: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database())
    yield engine
    engine.dispose()


@pytest.fixture
def content(own_engine: Engine) -> Content:
    with own_engine.begin() as connection:
        save_drafts(connection, CONTENT)
        return load_content(connection, publish(connection))


@pytest.fixture
def server() -> Iterator[LlmStandIn]:
    with LlmStandIn() as server:
        yield server


@pytest.fixture
def means(own_engine: Engine, server: LlmStandIn, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Means]:
    """With a Redis that may take its time, and of which nothing is remembered."""
    clients: dict[str, redis.Redis] = {}
    monkeypatch.setattr(cache, "TIMEOUT_S", 5.0)
    monkeypatch.setattr(cache, "_clients", clients)
    monkeypatch.setattr(cache, "_resting_until", {})
    given = {"openai_api_key": "sk-x", "openai_base_url": server.url, "llm_timeout_s": 2}
    yield Means(own_engine, Settings.model_validate(given), redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    for made in clients.values():
        made.close()


def ask(means: Means, content: Content, question: str = QUESTION, **more: object) -> tuple[str, Look]:
    number = next(_numbers)
    given: dict[str, object] = {"inbox": InboxView(1), "now": NOW, **more}
    turn = TurnInput((CustomerMessage(number, number, question),), content, "es", **given)  # type: ignore[arg-type]
    look = Look("assistant")
    reply = assistant.respond(turn, look, means)
    return reply.parts[0].text if reply else "", look


def test_the_same_question_is_answered_without_the_model(means: Means, content: Content, server: LlmStandIn) -> None:
    first, look = ask(means, content)
    assert look.saw["cache"] == "kept", look
    second, again = ask(
        means, content, "  cuántos días laborables tardan los pedidos a CANARIAS ", contact=ContactView("Berta")
    )
    assert second == first == "Los pedidos a Canarias tardan entre 5 y 7 días laborables."
    assert len(server.requests) == 1
    assert (again.saw["cache"], again.saw["cost_micros"], again.saw["sources"]) == ("hit", 0, ["article:envios"])
    assert again.saw["cached"]["saved_micros"] == look.saw["cost_micros"] > 0
    assert datetime.fromisoformat(again.saw["cached"]["at"]) == NOW


@pytest.mark.parametrize(
    "other",
    [
        {"question": "¿Cuántos días laborables tardan los pedidos a Canarias y Baleares?"},
        {"question": "¿Cuántos días no laborables tardan los pedidos a Canarias?"},
        {"inbox": InboxView(2)},
        {"inbox": InboxView(1, tone="de usted")},
        {"now": NOW + timedelta(days=1)},
    ],
    ids=["more places", "the opposite", "inbox", "tone", "day"],
)
def test_another_question_inbox_or_day_is_asked_anew(
    means: Means, content: Content, server: LlmStandIn, other: dict[str, object]
) -> None:
    ask(means, content)
    _, look = ask(means, content, **other)  # type: ignore[arg-type]
    assert look.saw["cache"] != "hit"
    assert len(server.requests) == 2


def test_publishing_forgets_all_answers(means: Means, content: Content, server: LlmStandIn, own_engine: Engine) -> None:
    ask(means, content)
    with own_engine.begin() as connection:
        save_drafts(connection, [CONTENT[1].model_copy(update={"text": "Los pedidos a Canarias tardan 9 días laborables."})])
        changed = load_content(connection, publish(connection))
    said, _ = ask(means, changed)
    assert said == "Los pedidos a Canarias tardan 9 días laborables."
    assert len(server.requests) == 2


def test_an_answer_whose_source_was_taken_away_is_not_given(means: Means, content: Content, own_engine: Engine) -> None:
    ask(means, content)
    with own_engine.begin() as connection:
        remove_drafts(connection, [("article", "envios")])
        publish(connection)
    said, look = ask(means, content)  # a turn that was begun just before is pinned to the former release
    assert "5 y 7" not in said
    assert look.saw["passages"] == [], look


def test_a_page_that_was_read_anew_forgets_them_too(
    means: Means, content: Content, server: LlmStandIn, own_engine: Engine
) -> None:
    ask(means, content)
    with own_engine.begin() as connection:
        connection.execute(text("INSERT INTO entry (kind, key) VALUES ('document', 'web')"))
        page = "INSERT INTO page (entry_id, address) SELECT id, 'https://x.example' FROM entry WHERE key = 'web' RETURNING id"
        page_id = connection.execute(text(page)).scalar_one()
        copy = "INSERT INTO page_copy (page_id, text_hash, language) VALUES (:page, 'h', 'es') RETURNING id"
        copy_id = connection.execute(text(copy), {"page": page_id}).scalar_one()
        connection.execute(text("UPDATE page SET copy_id = :copy WHERE id = :page"), {"copy": copy_id, "page": page_id})
    ask(means, content)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"confidence": 0.6}, "unsure"),
        ({"kind": "question", "text": "¿A qué isla?"}, "unsure"),
        ({"handoff": True, "handoff_reason": "x"}, "unsure"),
        ({"text": "Eva, los pedidos a Canarias tardan entre 5 y 7 días laborables."}, "personal"),
    ],
    ids=str,
)
def test_only_a_sure_answer_about_nobody_is_kept(
    means: Means, content: Content, server: LlmStandIn, plan: dict[str, object], why: str
) -> None:
    server.plan(answer=plan)
    _, look = ask(means, content, contact=ContactView("Eva Ruiz"))
    assert look.saw["cache"] == why, look
    ask(means, content)
    assert len(server.requests) == 2


def test_a_personal_question_is_never_looked_up(means: Means, content: Content, server: LlmStandIn) -> None:
    for _ in range(2):
        _, look = ask(means, content, "¿Cuántos días laborables tarda mi pedido a Canarias?")
        assert look.saw["cache"] == "personal"
    assert len(server.requests) == 2


def test_it_can_be_switched_off_and_is_off_without_redis(means: Means, content: Content, server: LlmStandIn) -> None:
    off = replace(means, settings=means.settings.model_copy(update={"answer_cache_s": 0}))
    for without in (off, replace(means, redis_url="")):
        for _ in range(2):
            _, look = ask(without, content)
            assert "cache" not in look.saw
    assert len(server.requests) == 4


def test_a_redis_that_is_away_costs_nobody_an_answer(means: Means, content: Content, server: LlmStandIn) -> None:
    away = replace(means, redis_url="redis://127.0.0.1:1/0")
    for _ in range(2):
        said, look = ask(away, content)
        assert said
        assert look.saw["cache"] == "away"
    assert len(server.requests) == 2


def test_what_stands_there_and_is_no_answer_is_passed_over(means: Means, content: Content, server: LlmStandIn) -> None:
    ask(means, content)
    with redis.Redis.from_url(means.redis_url) as client:
        (name,) = client.keys("mostrador:answer:*")
        assert 0 < client.ttl(name) <= means.settings.answer_cache_s
        client.set(name, b'{"text": 1}')
    said, _ = ask(means, content)
    assert said
    assert len(server.requests) == 2
