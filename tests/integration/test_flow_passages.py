"""Which ways of a flow real conversations took, and where they left: counted with each turn that is recorded, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from chatbot import prune
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk
from integration.test_flow_turns import Chat, wake

COFFEE: dict[str, Any] = {
    "key": "pedir-cafe",
    "title": {"es": "Pedir café", "en": "Order coffee"},
    "start": {"phrases": {"es": ["quiero un cafe"], "en": ["want a coffee"]}},
    "slots": {"cuantos": {"type": "number", "label": {"es": "cuántos", "en": "how many"}},
              "nombre": {"type": "text", "label": {"es": "el nombre", "en": "the name"}},
              "como": {"type": "choice", "label": {"es": "cómo", "en": "how"}}},
    "steps": [
        {"id": "n", "do": "ask", "slot": "cuantos", "text": {"es": "¿Cuántos cafés?", "en": "How many coffees?"}},
        {"id": "que", "do": "choose", "slot": "como", "text": {"es": "¿Cómo?", "en": "How?"},
         "options": [{"value": "solo", "title": {"es": "Solo", "en": "Black"}, "next": "fin"},
                     {"value": "leche", "title": {"es": "Con leche", "en": "With milk"}}]},
        {"id": "quien", "do": "ask", "slot": "nombre", "text": {"es": "¿A nombre de quién?", "en": "Whose name?"}},
        {"id": "fin", "do": "end", "text": {"es": "Marchando {{slot.cuantos}}.", "en": "Coming: {{slot.cuantos}}."}},
    ],
}  # fmt: skip
BEGUN, ASKED = ("", "n"), ("n", "que")


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        desk = Desk(make_module_app(), pretend, 9, (21,))
        with desk.engine.begin() as connection:
            save_drafts(connection, [Flow.model_validate(COFFEE)], "test")
            publish(connection, "test")
        yield desk


@pytest.fixture
def chat(desk: Desk) -> Chat:
    with desk.engine.begin() as connection:
        connection.execute(text("DELETE FROM flow_passage"))
    return Chat(desk)


def counted(desk: Desk) -> dict[tuple[str, str], int]:
    rows = desk.rows("SELECT from_step, to_step, flow, revision_id, sum(n) AS n FROM flow_passage GROUP BY 1, 2, 3, 4")
    assert all(row["flow"] == "pedir-cafe" and row["revision_id"] > 0 for row in rows)
    return {(row["from_step"], row["to_step"]): row["n"] for row in rows}


def test_each_way_is_counted_and_how_it_ended(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    assert counted(desk) == {BEGUN: 1}
    chat.says("2")
    chat.says("con leche")
    chat.says("Ana")
    way = {("que", "quien"): 1, ("quien", "fin"): 1, ("fin", "end"): 1}
    assert counted(desk) == {BEGUN: 1, ASKED: 1, **way}
    other = Chat(desk)
    for said in ("quiero un café", "3", "solo"):
        other.says(said)
    assert counted(desk) == {BEGUN: 2, ASKED: 2, **way, ("que", "fin"): 1, ("fin", "end"): 2}
    walked = desk.rows("SELECT flow_walked FROM turn WHERE flow_walked IS NOT NULL ORDER BY id")
    assert [[way[2:] for way in row["flow_walked"]] for row in walked][:2] == [[["", "n"]], [["n", "que"]]]


def test_who_corrects_an_answer_is_counted_once_on_each_way(chat: Chat, desk: Desk) -> None:
    for said in ("quiero un café", "2", "con leche", "no, quise decir 3 cafés", "Ana"):
        chat.says(said)
    assert chat.run is None
    found = counted(desk)
    assert set(found.values()) == {1}, found
    assert ("fin", "end") in found


def test_who_begins_again_is_counted_once(chat: Chat, desk: Desk) -> None:
    for said in ("quiero un café", "2", "empezar de nuevo", "sí", "4", "solo"):
        chat.says(said)
    found = counted(desk)
    assert found[BEGUN] == found[ASKED] == found["fin", "end"] == 1, found
    assert not any(goal.startswith("!") for _, goal in found)


def test_cancelling_leaves_where_it_stood(chat: Chat, desk: Desk) -> None:
    for said in ("quiero un café", "2", "quiero cancelar", "sí"):
        if said == "sí" and chat.run is None:
            break
        chat.says(said)
    assert chat.run is None
    assert counted(desk) == {BEGUN: 1, ASKED: 1, ("que", "!stopped"): 1}


def test_asking_for_a_person_leaves_by_a_handoff(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    chat.says("quiero hablar con una persona")
    assert counted(desk) == {BEGUN: 1, ("n", "!handoff"): 1}


def test_silence_leaves_once_it_is_closed(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    wake(desk, chat)
    assert counted(desk) == {BEGUN: 1}
    wake(desk, chat)
    assert counted(desk) == {BEGUN: 1, ("n", "!closed"): 1}


def person_writes(desk: Desk, chat: Chat) -> None:
    """A person of the team answers in Chatwoot."""
    world = desk.pretend.world
    message = world.message_by_id[desk.pretend.agent_reply(chat.id, "Yo te ayudo")]
    assert desk.post(payloads.message_event(world, world.conversations[chat.id], message, "message_created")) == 200
    desk.work()


@pytest.mark.parametrize("is_swept", [True, False])
def test_people_who_take_over_are_counted_once_with_the_next_turn_or_the_daily_sweep(
    chat: Chat, desk: Desk, is_swept: bool
) -> None:
    chat.says("quiero un café")
    person_writes(desk, chat)
    assert counted(desk) == {BEGUN: 1}
    if is_swept:
        prune.prune(desk.engine, desk.settings)
        assert counted(desk) == {BEGUN: 1, ("n", "!people"): 1}
    chat.says("gracias")
    prune.prune(desk.engine, desk.settings)
    chat.says("muy amable")
    assert counted(desk) == {BEGUN: 1, ("n", "!people"): 1}


@pytest.mark.parametrize("mode", ["suggest", "watch"])
def test_only_live_conversations_count(chat: Chat, desk: Desk, mode: str) -> None:
    Chat(desk).says("buenos días")  # the inbox is known by its first message
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE inbox SET mode = :mode"), {"mode": mode})
    try:
        chat.says("quiero un café")
    finally:
        with desk.engine.begin() as connection:
            connection.execute(text("UPDATE inbox SET mode = NULL"))
    assert counted(desk) == {}


def test_counts_are_kept_for_400_days(chat: Chat, desk: Desk) -> None:
    with desk.engine.begin() as connection:
        statement = text("INSERT INTO flow_passage VALUES ('pedir-cafe', current_date - CAST(:days AS int), 1, '', 'n', 1)")
        connection.execute(statement, [{"days": 402}, {"days": 390}])
    found = prune.prune(desk.engine, desk.settings)
    assert found["flow_passage"] == (1, 400)
    assert len(desk.rows("SELECT FROM flow_passage")) == 1
