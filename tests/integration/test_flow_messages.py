"""Two quick messages to a flow, and picks from a numbered list by e-mail, through the whole path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flow_talk import write_day

from chatbot.bodies import FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk
from integration.test_flow_turns import Chat

FLOW: dict[str, Any] = {
    "key": "cita",
    "title": {"es": "Cita", "en": "Appointment"},
    "start": {"phrases": {"es": ["pedir cita"], "en": ["book"]}},
    "slots": {"nombre": {"type": "text", "label": {"es": "el nombre", "en": "the name"}},
              "correo": {"type": "email", "label": {"es": "el correo", "en": "the e-mail"}},
              "dia": {"type": "date", "label": {"es": "el día", "en": "the day"}},
              "hora": {"type": "time", "label": {"es": "la hora", "en": "the hour"}}},
    "steps": [
        {"id": "quien", "do": "ask", "slot": "nombre", "text": {"es": "¿Nombre?", "en": "Name?"}},
        {"id": "correo", "do": "ask", "slot": "correo", "text": {"es": "¿Correo?", "en": "E-mail?"}},
        {"id": "cuando", "do": "ask", "slot": "dia", "text": {"es": "¿Qué día?", "en": "Which day?"}},
        {"id": "hora", "do": "ask", "slot": "hora", "text": {"es": "¿A qué hora?", "en": "What time?"}},
        {"id": "fin", "do": "end", "text": {"es": "{{slot.nombre}}, {{slot.correo}}, a las {{slot.hora}}.", "en": "Done"}},
    ],
}  # fmt: skip
FAQS = [
    {"key": key.lower(), "questions": {"es": [f"¿Cuánto cuesta enviar un paquete a {key}?"]},
     "answers": {"es": f"A {key}, {n} €."}}
    for key, n in (("Canarias", 9), ("Baleares", 7))
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21, channel="Channel::Email") as pretend:
        desk = Desk(make_module_app(), pretend, 9, (21,), content=())
        with desk.engine.begin() as connection:
            save_drafts(connection, [Flow.model_validate(FLOW), *map(FaqEntry.model_validate, FAQS)], "test")
            publish(connection, "test")
        yield desk


@pytest.fixture
def chat(desk: Desk) -> Chat:
    return Chat(desk)


def say_at_once(chat: Chat, *texts: str) -> list[str]:
    """All of them before the bot looks."""
    world = chat.desk.pretend.world
    for text in texts:
        message_id = chat.desk.pretend.customer(text, conversation=chat.id)["message"]
        event = payloads.message_event(world, world.conversations[chat.id], world.message_by_id[message_id], "message_created")
        assert chat.desk.post(event) == 200
    chat.desk.work()
    said = [m.content or "" for m in chat.desk.pretend.replies(chat.id)]
    new, chat._seen = said[chat._seen :], len(said)
    return new


def read_slots(chat: Chat) -> dict[str, Any]:
    assert chat.run is not None
    return {name: slot["value"] for name, slot in chat.run["slots"].items()}


def test_two_answers_in_two_quick_messages_are_both_taken(chat: Chat) -> None:
    assert chat.says("quiero pedir cita") == ["¿Nombre?"]
    assert say_at_once(chat, "Ana", "ana@x.es") == ["¿Qué día?"]
    assert read_slots(chat) == {"nombre": "Ana", "correo": "ana@x.es"}
    assert say_at_once(chat, write_day(), "a las 5 de la tarde") == ["Ana, ana@x.es, a las 17:00 (5 de la tarde)."]
    assert chat.run is None


def test_a_name_in_two_quick_messages_is_one_name(chat: Chat) -> None:
    chat.says("quiero pedir cita")
    assert say_at_once(chat, "Ana", "Ruiz") == ["¿Correo?"]
    assert read_slots(chat) == {"nombre": "Ana Ruiz"}


@pytest.mark.parametrize(("pick", "number"), [("2", 2), ("la segunda", 2), ("la primera", 1), ("1.", 1), ("la 2 por favor", 2)])
def test_which_of_two_faqs_is_meant_is_told_by_number_in_an_email(chat: Chat, pick: str, number: int) -> None:
    asked = chat.says("¿Cuánto cuesta enviar un paquete?")[-1]
    listed = asked.splitlines()[-2:]
    assert [line[:3] for line in listed] == ["1. ", "2. "], asked
    assert chat.says(pick) == ["A Canarias, 9 €." if "Canarias" in listed[number - 1] else "A Baleares, 7 €."]


def test_a_number_without_a_list_picks_nothing(chat: Chat) -> None:
    assert chat.says("¿Cuánto cuesta enviar un paquete a Canarias?") == ["A Canarias, 9 €."]
    assert "€" not in "".join(chat.says("2"))
