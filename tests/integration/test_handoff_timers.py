"""Timers on a real database: one of a reason, fired once, never while somebody holds the conversation, dropped by who acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from chatbot import queue, takeover
from chatbot.chatwoot_events import ContactFacts, ConversationFacts, Event, MessageFacts
from chatbot.chatwoot_rules import Scope, read_meaning
from chatbot.db import statements
from chatbot.intake import accept_event, store
from chatbot.settings import Settings
from chatbot.timers import drop_timers, fire_due, plan_timer

NUMBER = 71
SOON = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=3_000)


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


@pytest.fixture
def conversation(own_engine: Engine) -> int:
    with own_engine.begin() as connection:
        connection.execute(text("TRUNCATE conversation, contact, inbox CASCADE"))
    say(own_engine, 1, "hola")
    with own_engine.begin() as connection:
        connection.execute(text("UPDATE conversation SET answered_seq = in_seq, answer_due_at = NULL"))
        return int(connection.execute(text("SELECT id FROM conversation")).scalar_one())


def tell(engine: Engine, message: MessageFacts | None, status: str = "pending", *, at_s: float = 0) -> None:
    at = datetime.now(UTC) + timedelta(seconds=at_s)
    place = ConversationFacts(NUMBER, 3, status, at=at, contact=ContactFacts(5, "Ana"))
    accept_event(engine, Settings(), Event("message_created" if message else "conversation_updated", conversation=place,
                                           inbox_id=3, message=message))  # fmt: skip


def say(engine: Engine, number: int, words: str, author: Any = "customer", status: str = "pending", **facts: Any) -> None:
    tell(engine, MessageFacts(number, author, words, sent_at=datetime.now(UTC), **facts), status)


def read(engine: Engine, statement: str = "SELECT reason FROM timer ORDER BY reason") -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def plan(engine: Engine, conversation: int, **reasons: datetime) -> None:
    with engine.begin() as connection:
        for reason, due_at in reasons.items():
            plan_timer(connection, conversation, reason, due_at)


def wakes(engine: Engine) -> list[Any]:
    return read(engine, "SELECT wake_reason FROM conversation WHERE wake_at <= now()")


def test_what_is_due_wakes_its_conversation_once(own_engine: Engine, conversation: int) -> None:
    plan(own_engine, conversation, opening=SOON, agent_silence=LATER)
    with statements(own_engine) as connection:
        assert [fire_due(connection), fire_due(connection)] == [1, 0]
    assert wakes(own_engine) == ["opening"]
    assert read(own_engine) == ["agent_silence"]


def test_several_wait_behind_each_other_and_behind_what_was_there(own_engine: Engine, conversation: int) -> None:
    with own_engine.begin() as connection:
        connection.execute(text("UPDATE conversation SET wake_at = now() + interval '1 hour', wake_reason = 'bot_on'"))
    plan(own_engine, conversation, opening=SOON, agent_silence=SOON)
    with statements(own_engine) as connection:
        queue.sweep(connection)
        (lease,) = queue.claim(connection, 7, Settings(), 5)
        assert lease.wake_reason == "bot_on"
        queue.settle(connection, lease, 1, Settings(), is_wake=True)
        (lease,) = queue.claim(connection, 7, Settings(), 5)
        assert lease.wake_reason == "opening"
        queue.settle(connection, lease, 1, Settings(), is_wake=True)
        (lease,) = queue.claim(connection, 7, Settings(), 5)
        assert lease.wake_reason == "agent_silence"
        queue.settle(connection, lease, 1, Settings(), is_wake=True)
        assert queue.claim(connection, 7, Settings(), 5) == []


def test_a_second_one_of_a_reason_takes_the_firsts_place(own_engine: Engine, conversation: int) -> None:
    plan(own_engine, conversation, opening=SOON)
    plan(own_engine, conversation, opening=LATER)
    with statements(own_engine) as connection:
        assert fire_due(connection) == 0
    assert read(own_engine, "SELECT due_at FROM timer") == [LATER]


def test_while_somebody_holds_the_conversation_it_waits_and_what_was_dropped_meanwhile_never_fires(
    own_engine: Engine, conversation: int
) -> None:
    plan(own_engine, conversation, opening=SOON)
    with own_engine.begin() as holder:
        holder.execute(text("SELECT FROM conversation FOR UPDATE"))
        with statements(own_engine) as connection:
            assert fire_due(connection) == 0
        drop_timers(holder, conversation, ["opening"])
    with statements(own_engine) as connection:
        assert fire_due(connection) == 0
    assert wakes(own_engine) == []


def test_the_customers_word_drops_what_waited_for_silence_and_nothing_else(own_engine: Engine, conversation: int) -> None:
    plan(own_engine, conversation, opening=LATER, agent_silence=LATER, auto_resolve=LATER, flow_silence=LATER)
    say(own_engine, 2, "", is_reaction=True)
    assert len(read(own_engine)) == 4  # what is never answered is no word
    say(own_engine, 3, "¿sigues ahí?")
    assert read(own_engine) == ["agent_silence", "opening"]


def test_a_persons_word_drops_all_and_one_seen_before_drops_none(own_engine: Engine, conversation: int) -> None:
    say(own_engine, 4, "voy", "person", "open")
    plan(own_engine, conversation, opening=LATER, agent_silence=LATER)
    say(own_engine, 4, "voy", "person", "open")
    assert len(read(own_engine)) == 2
    say(own_engine, 5, "ya voy", "person", "open")
    assert read(own_engine) == []


@pytest.mark.parametrize("command", ["/bot off", "/bot on"])
def test_a_command_drops_all(own_engine: Engine, conversation: int, command: str) -> None:
    plan(own_engine, conversation, opening=LATER, agent_silence=LATER)
    place = ConversationFacts(NUMBER, 3, "open", at=datetime.now(UTC))
    note = MessageFacts(9, "person", command, is_private=True, sent_at=datetime.now(UTC))
    event = Event("message_created", conversation=place, inbox_id=3, message=note)
    with own_engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        store(raw, event, read_meaning(event, Scope()), Settings())
        raw.commit()
    assert read(own_engine) == []


@pytest.mark.parametrize("act", [takeover.take_over, takeover.hand_back])
def test_the_buttons_of_the_tab_drop_all(own_engine: Engine, conversation: int, act: Callable[..., bool]) -> None:
    if act is takeover.hand_back:
        say(own_engine, 6, "voy", "person", "open")
    plan(own_engine, conversation, opening=LATER)
    with own_engine.begin() as connection:
        assert act(connection, NUMBER)
    assert read(own_engine) == []


def test_resolving_drops_all_and_the_context_begins_where_the_customer_writes_again(
    own_engine: Engine, conversation: int
) -> None:
    plan(own_engine, conversation, opening=LATER, agent_silence=LATER)
    tell(own_engine, None, "resolved", at_s=1)
    assert read(own_engine) == []
    tell(own_engine, MessageFacts(20, "customer", "otra cosa", sent_at=datetime.now(UTC) + timedelta(seconds=9)), at_s=9)
    assert read(own_engine, "SELECT context_from FROM conversation") == [19]
    assert read(own_engine, "SELECT owner FROM conversation") == ["bot"]


def test_pending_again_told_before_the_message_begins_the_context_too(own_engine: Engine, conversation: int) -> None:
    tell(own_engine, None, "resolved", at_s=1)
    tell(own_engine, None, "pending", at_s=2)
    assert read(own_engine, "SELECT context_from FROM conversation") == [1]


def test_a_conversation_that_was_only_taken_over_keeps_its_context(own_engine: Engine, conversation: int) -> None:
    tell(own_engine, None, "open", at_s=1)
    tell(own_engine, None, "pending", at_s=2)
    assert read(own_engine, "SELECT context_from FROM conversation") == [0]
