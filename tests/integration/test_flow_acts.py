"""What a flow did for a customer is done once and told, whatever else the same messages hold; and only live replies do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from standins.shop_api import ShopAnswer, ShopApi

from chatbot import queue
from chatbot.answer import answer
from chatbot.bodies import CannedResponse, FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.errors import Interrupted, LostLease
from chatbot.flows.definition import Flow
from chatbot.llm import Means
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import WORKER, Desk
from integration.test_flow_turns import Chat

FAILED = "No he podido reservar. Lo paso a una persona del equipo."
SURE = "¿Reservo?"
WHO = "Hecho: R-77. ¿A qué nombre?"


def make_flow(key: str, url: str, *after: dict[str, Any], asks: bool = True) -> Flow:
    return Flow.model_validate({
        "key": key,
        "title": {"es": key.capitalize()},
        "start": {"phrases": {"es": [key]}},
        "slots": {"reserva": {"type": "text"}, "nombre": {"type": "number", "label": {"es": "el número"}}},
        "steps": [
            *([{"id": "seguro", "do": "confirm", "text": {"es": SURE}}] if asks else []),
            {"id": "pide", "do": "call", "method": "POST", "url": f"{url}/api/reservas", "takes": {"reserva": "id"},
             "on_error": "falla"},
            {"id": "apunta", "do": "change", "note": {"es": "Reserva {{slot.reserva}}"}},
            *after,
            {"id": "falla", "do": "handoff", "text": {"es": FAILED}},
        ],
    })  # fmt: skip


def make_reading_flow(url: str) -> Flow:
    """Reads first, then changes something."""
    body = make_flow("lenta", url, {"id": "fin", "do": "end", "text": {"es": "Hecho."}}, asks=False).model_dump(mode="json")
    reads = {"id": "mira", "do": "call", "method": "GET", "url": f"{url}/api/huecos", "on_error": "falla"}
    return Flow.model_validate({**body, "steps": [reads, *body["steps"]]})


@pytest.fixture(scope="module")
def shop() -> Iterator[ShopApi]:
    with ShopApi() as shop:
        yield shop


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask], shop: ShopApi) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        desk = Desk(make_module_app(), pretend, 9, (21,), content=())
        desk.settings = desk.settings.model_copy(update={"flow_hosts": (shop.host,)})
        done = {"id": "fin", "do": "end", "text": {"es": "Hecho: {{slot.reserva}}."}}
        asked = {"id": "quien", "do": "ask", "slot": "nombre", "text": {"es": WHO.replace("R-77", "{{slot.reserva}}")}}
        content = [
            make_flow("seguida", shop.url, asked, {"id": "fin", "do": "end", "text": {"es": "Gracias."}}),
            make_flow("corta", shop.url, done),
            make_flow("directa", shop.url, done, asks=False),
            make_flow("derivada", shop.url, {"id": "pasa", "do": "handoff", "text": {"es": "Se lo paso."}}, asks=False),
            make_reading_flow(shop.url),
            FaqEntry(key="parking", questions={"es": ("¿Dónde puedo aparcar?",)}, answers={"es": "Detrás."}),
            CannedResponse(key="queja", keywords=("indemnización",), texts={"es": "Lo ve una persona."}, handoff=True),
        ]
        with desk.engine.begin() as connection:
            save_drafts(connection, content, "test")
            publish(connection, "test")
        yield desk


@pytest.fixture
def chat(desk: Desk, shop: ShopApi) -> Chat:
    shop.asked.clear()
    shop.answers = {"/api/reservas": [ShopAnswer({"id": "R-77"})]}
    return Chat(desk)


def press_and_write(chat: Chat, value: str, words: str) -> list[str]:
    """Both before the bot looks."""
    world, pretend = chat.desk.pretend.world, chat.desk.pretend
    asked = next(m for m in reversed(pretend.replies(chat.id)) if m.content_attributes.get("items"))
    pretend.press(asked.id, value)
    written = world.message_by_id[pretend.customer(words, conversation=chat.id)["message"]]
    for message, event in ((asked, "message_updated"), (written, "message_created")):
        assert chat.desk.post(payloads.message_event(world, world.conversations[chat.id], message, event)) == 200
    return chat._deliver(written, "message_created")


def notes(chat: Chat) -> list[str]:
    return [m.content or "" for m in chat.desk.pretend.replies(chat.id, private=True)]


def test_a_question_that_nobody_knows_beside_the_yes_asks_for_no_second_yes(chat: Chat, shop: ShopApi) -> None:
    assert chat.says("seguida") == [SURE]
    told = press_and_write(chat, "yes", "¿Vendéis trajes de astronauta?")
    assert WHO in told[-1]
    assert SURE not in "".join(told)
    assert notes(chat) == ["Reserva R-77"]
    assert chat.says("7") == ["Gracias."]
    assert len(shop.asked) == 1


def test_a_question_that_is_known_is_answered_and_what_was_done_is_told(chat: Chat, shop: ShopApi) -> None:
    chat.says("seguida")
    told = press_and_write(chat, "yes", "¿Dónde puedo aparcar?")
    assert told[0] == "Detrás."
    assert WHO in told[-1]
    assert notes(chat) == ["Reserva R-77"]
    assert len(shop.asked) == 1


def test_what_was_done_is_told_where_a_person_takes_the_rest(chat: Chat, shop: ShopApi) -> None:
    chat.says("seguida")
    told = press_and_write(chat, "yes", "Quiero una indemnización por lo de ayer, ¿vale?")
    assert told[-1] == "Lo ve una persona."
    assert "Reserva R-77" in notes(chat)
    assert chat.place.status == "open"
    assert len(shop.asked) == 1


def test_a_question_behind_the_button_that_ends_a_flow_is_answered(chat: Chat, shop: ShopApi) -> None:
    chat.says("corta")
    assert press_and_write(chat, "yes", "¿Dónde puedo aparcar?") == ["Hecho: R-77.", "Detrás."]
    assert chat.run is None
    assert notes(chat) == ["Reserva R-77"]


def test_what_was_done_stands_beside_a_handoff_whose_words_a_person_may_stop(chat: Chat, shop: ShopApi) -> None:
    assert chat.says("derivada") == ["Se lo paso."]
    assert any("derivada/pide" in note for note in notes(chat))
    assert len(shop.asked) == 1


@pytest.mark.parametrize("mode", ["suggest", "watch"])
def test_what_is_only_suggested_or_recorded_changes_nothing(chat: Chat, desk: Desk, shop: ShopApi, mode: str) -> None:
    Chat(desk).says("corta")  # the inbox is known by its first message
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE inbox SET mode = :mode"), {"mode": mode})
    try:
        chat.says("directa")
        assert shop.asked == []
        assert "R-77" not in "".join(notes(chat))
        if mode == "suggest":
            assert FAILED in notes(chat)[-1]
    finally:
        with desk.engine.begin() as connection:
            connection.execute(text("UPDATE inbox SET mode = NULL"))


LOST = "UPDATE conversation SET epoch = epoch + 1 WHERE id = :id"
PAUSED = "UPDATE instance SET paused_at = now() WHERE EXISTS (SELECT FROM conversation WHERE id = :id)"


@pytest.mark.parametrize(("meanwhile", "error"), [(LOST, LostLease), (PAUSED, Interrupted)])
def test_a_worker_that_may_not_go_on_calls_nobody(
    chat: Chat, desk: Desk, shop: ShopApi, meanwhile: str, error: type[Exception]
) -> None:
    """Another one has claimed the conversation while this one was reading, or everything was paused."""
    shop.answers["/api/huecos"] = [ShopAnswer({"libre": True}, wait_s=1.0)]
    pretend = desk.pretend
    message = pretend.world.message_by_id[pretend.customer("lenta")["message"]]
    place = pretend.world.conversations[message.conversation_id]
    assert desk.post(payloads.message_event(pretend.world, place, message, "message_created")) == 200
    with desk.engine.begin() as connection:
        (lease,) = queue.claim(connection, WORKER, desk.settings, 20)
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(answer, Means(desk.engine, desk.settings), lease)
        while not shop.asked:
            time.sleep(0.01)
        with desk.engine.begin() as connection:
            connection.execute(text(meanwhile), {"id": lease.conversation_id})
        with pytest.raises(error):
            answered.result(timeout=20)
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET paused_at = NULL"))
    assert [str(asked) for asked in shop.asked] == ["GET /api/huecos"]
