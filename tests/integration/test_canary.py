"""Our own test message goes the whole path of a customer's, reaches nobody, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from chatbot.canary import check_canary, make_message, remove_canaries
from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.checks import Surroundings
from chatbot.clients.probes import Answer
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk

TABLES = ("conversation", "contact", "inbox", "message", "turn", "part", "action", "turn_trace", "llm_call", "webhook")


@pytest.fixture
def desk(app: Flask) -> Iterator[Desk]:
    with PretendChatwoot() as pretend:
        yield Desk(app, pretend, pretend.world.account_id, ())


def make_post(desk: Desk, *, works: bool = True) -> Callable[[str, bytes, Mapping[str, str]], Answer]:
    """In by the web's own door, and the worker's work at once."""

    def post(path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = desk.app.test_client().post(path, data=body, headers=dict(headers))
        if works:
            desk.work()
        return Answer(answer.status_code, {}, answer.data)

    return post


def see(desk: Desk, *, works: bool = True) -> str:
    at = Surroundings(desk.app.config["CONFIG"], desk.settings, desk.engine)
    found = check_canary(at, make_post(desk, works=works))
    return f"{found.level} {found.key}" if found else "absent"


def count_rows(desk: Desk) -> dict[str, int]:
    with desk.engine.connect() as connection:
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in TABLES}


@pytest.mark.parametrize("mode", ["live", "suggest", "watch", "off"])
def test_it_is_answered_in_every_mode_calls_nobody_and_leaves_nothing(desk: Desk, mode: str) -> None:
    desk.settings = desk.settings.model_copy(update={"mode": mode})
    before = count_rows(desk)
    assert see(desk) == "ok ok"
    assert desk.pretend.history.lines() == []
    assert count_rows(desk) == before


@pytest.mark.parametrize("state", ["paused_at = now()", "muted_reason = 'another'"])
def test_a_paused_or_mute_box_still_shows_that_its_path_works(desk: Desk, state: str) -> None:
    with desk.engine.begin() as connection:
        connection.execute(text(f"UPDATE instance SET {state}"))
    assert see(desk) == "ok ok"
    assert desk.pretend.history.lines() == []


def test_it_passes_where_only_some_inboxes_are_ours(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"chatwoot_inbox_id": (456,)})
    assert see(desk) == "ok ok"


def test_it_goes_by_the_token_where_nothing_is_signed(desk: Desk) -> None:
    token = type(desk.settings.webhook_token)("t" * 24)
    desk.settings = desk.settings.model_copy(update={"chatwoot_webhook_secret": (), "webhook_token": token})
    assert see(desk) == "ok ok"


def test_a_model_is_never_asked(desk: Desk) -> None:
    key = type(desk.settings.openai_api_key)("sk-1234567890")
    desk.settings = desk.settings.model_copy(update={"openai_api_key": key, "openai_base_url": "http://127.0.0.1:9/v1"})
    with desk.engine.connect() as connection:
        assert see(desk) == "ok ok"
        assert connection.execute(text("SELECT last_value FROM llm_call_id_seq WHERE is_called")).first() is None


def test_a_wrong_secret_on_our_side_is_seen(desk: Desk) -> None:
    at = Surroundings(desk.app.config["CONFIG"], desk.settings, desk.engine)
    secret = type(desk.settings.webhook_token)("another")
    desk.settings = desk.settings.model_copy(update={"chatwoot_webhook_secret": (secret,)})
    found = check_canary(at, make_post(desk))
    assert found is not None
    assert (found.level, found.values["status"]) == ("fail", 401)


def test_a_worker_that_does_nothing_is_seen_and_nothing_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.canary.PATIENCE_S", 0.5)
    before = count_rows(desk)
    assert see(desk, works=False) == "fail unanswered"
    assert count_rows(desk) == before


def test_a_restored_database_is_not_asked(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET held_at = now(), restored_at = now()"))
    assert see(desk) == "absent"


def test_a_customers_rows_stay_when_canaries_go(desk: Desk) -> None:
    customer = {**make_message(77, desk.pretend.world.account_id), "id": 770}
    left_behind = make_message(CANARY_IDS + 5, desk.pretend.world.account_id)
    under_way = make_message(number := CANARY_IDS + time.time_ns() // 1_000_000, desk.pretend.world.account_id)
    assert [desk.post(m) for m in (customer, left_behind, under_way)] == [200, 200, 200]
    remove_canaries(desk.engine, number + 1)
    with desk.engine.connect() as connection:
        found = connection.execute(text("SELECT chatwoot_id FROM conversation ORDER BY 1")).scalars().all()
    assert found == [77, number], "another one may be under way"
    remove_canaries(desk.engine, number)
    with desk.engine.connect() as connection:
        assert connection.execute(text("SELECT chatwoot_id FROM conversation")).scalars().all() == [77]
        assert connection.execute(text("SELECT conversation_chatwoot_id FROM webhook")).scalars().all() == [77]


@pytest.mark.parametrize(
    "forged",
    [
        {"id": 10},
        {"conversation": {"id": CANARY_IDS + 3, "status": "pending", "meta": {"sender": {"id": 5, "name": "x"}}}},
        {"conversation": {"id": CANARY_IDS + 3, "status": "pending", "inbox_id": 1}},
    ],
)
def test_what_only_looks_like_one_touches_nothing(desk: Desk, forged: dict[str, Any]) -> None:
    """Whoever has the secret could else have rows of customers taken away with it."""
    before = count_rows(desk)
    assert desk.post({**make_message(CANARY_IDS + 3, desk.pretend.world.account_id), **forged}) == 200
    after = count_rows(desk)
    assert {**after, "webhook": 0} == {**before, "webhook": 0}


def test_one_that_a_crash_left_frozen_is_still_never_sent(desk: Desk) -> None:
    """Frozen, and then claimed again by the next worker: thrown away as well."""
    from chatbot import queue  # noqa: PLC0415
    from chatbot.turn import assemble, open_turn  # noqa: PLC0415

    assert desk.post(make_message(CANARY_IDS + 9, desk.pretend.world.account_id)) == 200
    with desk.engine.begin() as connection:
        (lease,) = queue.claim(connection, 7, desk.settings, 1)
        turn = open_turn(connection, lease, desk.settings)
        assemble(connection, turn)
        assert turn.mode == "canary"
        connection.execute(text("UPDATE turn SET state = 'frozen', frozen_at = now()"))
        connection.execute(
            text("""INSERT INTO part (turn_id, conversation_id, ordinal, mark, text, choices)
                    SELECT id, conversation_id, 1, 'm', 'Hola', '[]' FROM turn""")
        )
        connection.execute(text("UPDATE conversation SET lease_until = now() - interval '1 s'"))
    assert desk.work() == ["ignored"]
    assert desk.pretend.history.lines() == []
