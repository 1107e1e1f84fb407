"""The tab's buttons where our clock and Chatwoot's differ: who spoke last is told by Chatwoot's alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from chatbot import takeover
from chatbot.chatwoot_events import ContactFacts, ConversationFacts, Event, MessageFacts
from chatbot.intake import accept_event
from chatbot.settings import Settings

NUMBER = 72
# what Chatwoot's clock shows: behind ours by an hour, or before it
BEHIND, BEFORE = timedelta(hours=-1), timedelta(hours=1)


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


class Talk:
    """One conversation. Seconds are counted by Chatwoot's clock, from the customer's first word."""

    def __init__(self, engine: Engine, skew: timedelta) -> None:
        self.engine = engine
        self.start = datetime.now(UTC).replace(microsecond=0) + skew
        self.number = 0

    def say(self, after_s: int, author: Any, words: str, status: str) -> None:
        self.number += 1
        at = self.start + timedelta(seconds=after_s)
        place = ConversationFacts(NUMBER, 3, status, at=at, contact=ContactFacts(5, "Ana"))
        message = MessageFacts(self.number, author, words, sent_at=at)
        accept_event(self.engine, Settings(), Event("message_created", conversation=place, inbox_id=3, message=message))

    def press(self, act: Callable[..., bool]) -> None:
        with self.engine.begin() as connection:
            assert act(connection, NUMBER)

    def read(self, column: str) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(f"SELECT {column} FROM conversation"))


@pytest.fixture(params=[BEHIND, BEFORE], ids=["behind", "before"])
def talk(own_engine: Engine, request: pytest.FixtureRequest) -> Talk:
    with own_engine.begin() as connection:
        connection.execute(text("TRUNCATE conversation, contact, inbox CASCADE"))
    talk = Talk(own_engine, request.param)
    talk.say(0, "customer", "hola", "pending")
    return talk


def test_an_agents_word_after_handing_back_takes_over(talk: Talk) -> None:
    talk.say(10, "person", "voy", "open")
    talk.press(takeover.hand_back)
    assert talk.read("owner") == "bot"
    talk.say(30, "person", "espera, lo miro yo", "pending")
    assert talk.read("owner") == "people"


def test_an_agents_word_after_taking_over_and_handing_back_takes_over(talk: Talk) -> None:
    talk.press(takeover.take_over)
    talk.press(takeover.hand_back)
    talk.say(30, "person", "lo miro yo", "pending")
    assert talk.read("owner") == "people"


def test_a_word_from_before_that_comes_late_takes_nothing_over(talk: Talk) -> None:
    talk.say(10, "person", "voy", "open")
    talk.say(20, "customer", "gracias", "open")
    talk.press(takeover.hand_back)
    talk.say(15, "person", "un momento", "open")
    assert talk.read("owner") == "bot"


def test_the_customers_next_word_reaches_the_bot_once_a_person_is_done(talk: Talk) -> None:
    """A person took it by the tab, spoke, and the conversation is pending again with the customer's word."""
    talk.press(takeover.take_over)
    talk.say(10, "person", "listo", "open")
    talk.press(takeover.hand_back)
    assert talk.read("last_human_at") == talk.start + timedelta(seconds=10)
    talk.say(20, "customer", "otra cosa", "pending")
    assert talk.read("owner") == "bot"


def test_where_chatwoots_clock_is_not_known_ours_is_taken(talk: Talk) -> None:
    talk.say(10, "person", "voy", "open")
    with talk.engine.begin() as connection:
        connection.execute(text("UPDATE conversation SET status_at = NULL, last_human_at = NULL"))
        connection.execute(text("UPDATE message SET sent_at = NULL"))
        assert takeover.hand_back(connection, NUMBER)
        assert connection.scalar(text("SELECT handed_back_at = now() FROM conversation")) is True
