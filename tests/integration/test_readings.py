"""A reading of what was missed began before something that we know already: it takes nothing away from that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from chatbot import reconcile
from chatbot.chatwoot_events import ContactFacts, ConversationFacts, Event, MessageFacts
from chatbot.chatwoot_rules import Scope, read_meaning
from chatbot.errors import ChatwootError
from chatbot.intake import accept_event, store
from chatbot.llm import Means
from chatbot.settings import Settings

NUMBER = 73


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


@pytest.fixture
def engine(own_engine: Engine) -> Engine:
    with own_engine.begin() as connection:
        connection.execute(text("TRUNCATE conversation, contact, inbox CASCADE"))
    accept_event(own_engine, Settings(), make_event(MessageFacts(1, "customer", "hola", sent_at=now())))
    return own_engine


def now() -> datetime:
    return datetime.now(UTC)


def make_event(message: MessageFacts | None, status: str = "pending") -> Event:
    place = ConversationFacts(NUMBER, 3, status, at=now(), contact=ContactFacts(5, "Ana"))
    return Event("message_created" if message else "conversation_updated", conversation=place, inbox_id=3, message=message)


def tell_by_webhook(engine: Engine, event: Event) -> None:
    meaning = read_meaning(event, Scope(None, frozenset()))
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        with raw.transaction():
            store(raw, event, meaning, Settings())


def read(engine: Engine) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.execute(text("SELECT owner, status, wake_reason FROM conversation")).one())


def test_bot_on_that_a_reading_saw_first_is_obeyed_when_its_webhook_comes(engine: Engine) -> None:
    tell_by_webhook(engine, make_event(MessageFacts(2, "person", "Hola, soy Marta.", sent_at=now()), "open"))
    command = make_event(MessageFacts(3, "person", "/bot on", is_private=True, sent_at=now()), "open")
    accept_event(engine, Settings(), command)
    assert read(engine) == ("people", "open", None)
    tell_by_webhook(engine, command)
    assert read(engine) == ("bot", "open", "bot_on")


def test_bot_on_that_only_a_reading_found_much_later_is_kept_as_a_line(engine: Engine) -> None:
    late = now() - timedelta(minutes=5)
    accept_event(engine, Settings(), make_event(MessageFacts(3, "person", "/bot on", is_private=True, sent_at=late), "open"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT author FROM message WHERE chatwoot_id = 3")) == "command"
    assert read(engine)[2] is None


@pytest.mark.parametrize(("age_s", "owner"), [(1, "people"), (3600, "bot")])
def test_a_reading_from_before_our_handoff_hands_nothing_back(engine: Engine, age_s: int, owner: str) -> None:
    """Much later, "pending" is a person's word."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            WITH c AS (UPDATE conversation SET status = 'open', owner = 'people', owner_reason = 'handed_off' RETURNING id)
            INSERT INTO action (conversation_id, kind, state, started_at)
            SELECT id, 'open', 'done', now() - make_interval(secs => :age) FROM c
            """),
            {"age": age_s},
        )
    accept_event(engine, Settings(), make_event(None, "pending"))
    assert read(engine)[0] == owner


class Unreadable:
    """A Chatwoot that lists a conversation whose messages it never gives; as_a_whole: nor the list."""

    as_a_whole = False

    def get_updated_conversations(self, _within_s: int) -> list[dict[str, Any]]:
        if self.as_a_whole:
            raise ChatwootError("answered 502", status=502)
        return [{"id": NUMBER, "inbox_id": 3, "status": "pending"}]

    def get_messages_before(self, *_: object) -> list[dict[str, Any]]:
        raise ChatwootError("answered 500", status=500)


@pytest.mark.parametrize(("was_away", "is_given_up"), [(False, True), (True, False)])
def test_the_mark_passes_a_conversation_that_could_not_be_read_for_an_hour_of_readings(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, was_away: bool, is_given_up: bool
) -> None:
    """Not for the length of the gap that they cover, nor of an outage between two of them."""
    tell_by_webhook(engine, make_event(None))
    with engine.begin() as connection:
        connection.execute(text("UPDATE instance SET reconciled_at = now() - interval '1 day', reconcile_floor = NULL"))
    chatwoot, clock = Unreadable(), [0.0]
    monkeypatch.setattr(reconcile, "make_client", lambda _settings: chatwoot)
    monkeypatch.setattr(reconcile, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    ages = "SELECT now() - reconciled_at < interval '1 hour' FROM instance"

    def has_moved(at_s: float) -> bool:
        clock[0] = at_s
        reconcile.reconcile(Means(engine, Settings()))
        with engine.connect() as connection:
            return bool(connection.scalar(text(ages)))

    assert not has_moved(0)
    chatwoot.as_a_whole = was_away
    assert not has_moved(1800)
    chatwoot.as_a_whole = False
    assert has_moved(3601) == is_given_up


def tell_labels(engine: Engine, settings: Settings, *labels: str, at: datetime | None = None) -> tuple[Any, ...]:
    place = ConversationFacts(NUMBER, 3, "open", at=at or now(), contact=ContactFacts(5, "Ana"))
    event = Event("conversation_updated", conversation=place, inbox_id=3, new_labels=labels)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        with raw.transaction():
            store(raw, event, read_meaning(event, Scope(None, frozenset())), settings)
    return read(engine)


def test_a_label_gives_it_back_unless_a_person_spoke_since(engine: Engine) -> None:
    settings = Settings(bot_labels=("bot",))
    tell_by_webhook(engine, make_event(MessageFacts(2, "person", "Hola, soy Marta.", sent_at=now()), "open"))
    before = now() - timedelta(seconds=20)
    assert tell_labels(engine, settings, "bot", at=before)[0] == "people", "its webhook came late"
    assert tell_labels(engine, settings, "other") == ("people", "open", None)
    at = now()
    assert tell_labels(engine, settings, "BOT", at=at) == ("bot", "open", "bot_on")
    tell_by_webhook(engine, make_event(MessageFacts(4, "person", "Sigo yo.", sent_at=now()), "open"))
    assert tell_labels(engine, settings, "bot", at=at)[0] == "people", "told twice"


def test_a_label_with_which_the_bot_hands_over_gives_nothing_back(engine: Engine) -> None:
    tell_by_webhook(engine, make_event(MessageFacts(2, "person", "Hola, soy Marta.", sent_at=now()), "open"))
    settings = Settings(bot_labels=("bot", "vip"), handoff_labels=("bot",), people_labels=("VIP",))
    assert tell_labels(engine, settings, "bot", "vip") == ("people", "open", None)


def test_a_label_is_obeyed_though_something_later_was_heard_before(engine: Engine) -> None:
    tell_by_webhook(engine, make_event(MessageFacts(2, "person", "Hola, soy Marta.", sent_at=now()), "open"))
    at = now()
    tell_by_webhook(engine, make_event(MessageFacts(5, "customer", "¿y bien?", sent_at=now()), "open"))
    assert tell_labels(engine, Settings(bot_labels=("bot",)), "bot", at=at)[0] == "bot"


def test_a_label_that_a_flow_puts_on_gives_nothing_back(engine: Engine) -> None:
    tell_by_webhook(engine, make_event(MessageFacts(2, "person", "Hola, soy Marta.", sent_at=now()), "open"))
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO action (conversation_id, kind, value, started_at)
            SELECT id, 'labels', '["Bot"]', now() FROM conversation""")
        )
    assert tell_labels(engine, Settings(bot_labels=("bot",)), "bot")[0] == "people"
