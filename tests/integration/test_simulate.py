"""What `flask simulate` lends it takes back, whatever happens, and it judges by what Chatwoot received."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select

from chatbot.cli.lending import MARKER, lend, lend_settings
from chatbot.cli.simulate import Step, Talk, explain, judge, make_talks, read_received
from chatbot.config import Config
from chatbot.errors import ConfigError
from chatbot.models import Setting
from chatbot.pretend import PretendChatwoot
from chatbot.settings import load_settings, save_setting

VALUES = {"chatwoot_url": "http://127.0.0.1:1", "chatwoot_account_id": 1, "chatwoot_webhook_secret": "lent"}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def engine(make_database: Callable[[], str]) -> Iterator[Engine]:
    made = create_engine(make_database())
    yield made
    made.dispose()


def read(engine: Engine, config: Config) -> dict[str, Any]:
    with engine.connect() as connection:
        settings = load_settings(connection, config)
        keys = set(connection.scalars(select(Setting.key)))
    secrets = [s.get_secret_value() for s in settings.chatwoot_webhook_secret]
    return {"url": settings.chatwoot_url, "account": settings.chatwoot_account_id, "secrets": secrets, "keys": keys}


def crash_while_lending(engine: Engine, config: Config, control_url: str = NOWHERE) -> None:
    """As a kill leaves it: lent, never taken back."""
    with engine.begin() as connection:
        lend(connection, config, VALUES, control_url)


def test_settings_are_lent_and_taken_back(engine: Engine, config: Config) -> None:
    before = read(engine, config)
    with lend_settings(engine, config, VALUES, NOWHERE):
        lent = read(engine, config)
        assert (lent["url"], lent["account"], lent["secrets"]) == ("http://127.0.0.1:1", 1, ["lent"])
    assert read(engine, config) == before


def test_they_are_taken_back_after_an_error(engine: Engine, config: Config) -> None:
    with pytest.raises(KeyboardInterrupt), lend_settings(engine, config, VALUES, NOWHERE):
        raise KeyboardInterrupt
    assert read(engine, config)["keys"].isdisjoint({*VALUES, MARKER})


def test_a_real_chatwoot_is_never_touched(engine: Engine, config: Config) -> None:
    with engine.begin() as connection:
        save_setting(connection, config, "chatwoot_url", "https://chat.example.com")
    with pytest.raises(ConfigError, match="CHATWOOT_URL"), lend_settings(engine, config, VALUES, NOWHERE):
        pass
    assert read(engine, config)["url"] == "https://chat.example.com"


def test_one_in_the_environment_is_respected_too(engine: Engine, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWOOT_ACCOUNT_ID", "3")
    with pytest.raises(ConfigError, match="CHATWOOT_ACCOUNT_ID"), lend_settings(engine, config, VALUES, NOWHERE):
        pass


def test_what_a_killed_run_left_is_recognised_and_cleaned(engine: Engine, config: Config) -> None:
    crash_while_lending(engine, config)
    assert read(engine, config)["url"] == "http://127.0.0.1:1"
    with lend_settings(engine, config, {**VALUES, "chatwoot_url": "http://127.0.0.1:2"}, NOWHERE):
        assert read(engine, config)["url"] == "http://127.0.0.1:2"
    assert read(engine, config)["keys"].isdisjoint({*VALUES, MARKER})


def test_what_the_owner_set_after_a_killed_run_stays(engine: Engine, config: Config) -> None:
    crash_while_lending(engine, config)
    with engine.begin() as connection:
        save_setting(connection, config, "chatwoot_webhook_secret", "real")
    with pytest.raises(ConfigError, match="CHATWOOT_WEBHOOK_SECRET"), lend_settings(engine, config, VALUES, NOWHERE):
        pass
    assert read(engine, config)["secrets"] == ["real"]


def test_two_at_once_are_refused(engine: Engine, config: Config) -> None:
    with PretendChatwoot() as other:
        crash_while_lending(engine, config, other.control_url)
        with pytest.raises(ConfigError, match="another"), lend_settings(engine, config, VALUES, NOWHERE):
            pass


@pytest.fixture
def pretend() -> PretendChatwoot:
    return PretendChatwoot()


def wrote(pretend: PretendChatwoot) -> tuple[Talk, Step]:
    step = Step(("hola",), sent_t=pretend.history.now())
    made = pretend.customer("hola")
    step.ids.append(made["message"])
    return Talk("Lucía", "es", [step], conversation=made["conversation"]), step


def stored(pretend: PretendChatwoot, talk: Talk, mark: str, *, private: bool = False) -> None:
    place = pretend.world.conversations[talk.conversation or 0]
    facts: dict[str, Any] = {"content": "Sí", "message_type": 1, "private": private, "content_attributes": {"mostrador": mark}}
    pretend.store_post(place, ("AgentBot", 3), 1, **facts)


def test_a_reply_is_an_answer_only_to_what_it_answers(pretend: PretendChatwoot) -> None:
    talk, step = wrote(pretend)
    stored(pretend, talk, "1-1000-1")
    step.turn = {"state": "answered"}
    assert judge(step, talk, pretend) == "ignored:answered"
    stored(pretend, talk, f"1-{step.ids[0]}-1")
    assert judge(step, talk, pretend) == "answered"


def test_a_note_in_an_open_conversation_is_a_handoff(pretend: PretendChatwoot) -> None:
    talk, step = wrote(pretend)
    stored(pretend, talk, f"1-{step.ids[0]}-n1", private=True)
    assert judge(step, talk, pretend).startswith("ignored")
    pretend.set_status(talk.conversation or 0, "open")
    assert judge(step, talk, pretend) == "handed_off"
    step.turn = {"state": "suggested"}
    assert judge(step, talk, pretend) == "suggested"


def test_what_was_received_is_shown_in_its_order(pretend: PretendChatwoot) -> None:
    talk, step = wrote(pretend)
    pretend.change_status(pretend.world.conversations[1], "open", "bot")
    stored(pretend, talk, f"1-{step.ids[0]}-1")
    assert [(g["kind"], g["text"]) for g in read_received(talk, step, pretend)] == [
        ("status", "pending -> open"),
        ("reply", "Sí"),
    ]


def test_the_trace_is_told_in_short_lines() -> None:
    looks = [
        {"responder": "canned", "outcome": "passed", "why": "no_match", "ms": 0.4, "saw": {}},
        {"responder": "faq", "outcome": "replied", "why": "clear", "ms": 3, "saw": {"candidates": [["envios", 0.9, ""]]}},
    ]
    lines = explain({"trace": {"looks": looks, "language": "es", "language_by": "greeting"}, "sources": ["faq:envios"]})
    assert lines == [
        "canned passed: no_match, 0 ms",
        "faq replied: clear (candidates envios 0.9), 3 ms",
        "language es by greeting",
        "sources faq:envios",
    ]


def test_given_texts_are_one_conversation_in_steps() -> None:
    (talk,) = make_talks(("uno", "dos"))
    assert [s.texts for s in talk.steps] == [("uno",), ("dos",)]
    assert len(make_talks(())) == 3
