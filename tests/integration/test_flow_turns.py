"""Flows through the whole path: webhooks in, the pretend Chatwoot out, the run kept between turns and on its revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from chatbot.bodies import FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.content_file import parse
from chatbot.flows.definition import Flow
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.timers import fire_due
from integration.desk import Desk

SAMPLE = [b for n in ("shop.yaml", "flows.yaml") for b in parse((files("chatbot") / "sample" / n).read_bytes(), n)]
COFFEE: dict[str, Any] = {
    "key": "pedir-cafe",
    "title": {"es": "Pedir café", "en": "Order coffee"},
    "start": {"phrases": {"es": ["quiero un cafe"], "en": ["want a coffee"]}, "faqs": ["cafe"]},
    "slots": {"cuantos": {"type": "number", "label": {"es": "cuántos", "en": "how many"}}},
    "steps": [
        {"id": "n", "do": "ask", "slot": "cuantos", "text": {"es": "¿Cuántos cafés?", "en": "How many coffees?"}},
        {"id": "marca", "do": "change", "labels": ["cafe"], "attributes": {"cuantos": "{{slot.cuantos}}"},
         "note": {"es": "Prepara {{slot.cuantos}}", "en": "Make {{slot.cuantos}}"}},
        {"id": "fin", "do": "end", "text": {"es": "Marchando {{slot.cuantos}}.", "en": "Coming: {{slot.cuantos}}."}},
    ],
}  # fmt: skip
WELCOME: dict[str, Any] = {
    "key": "bienvenida", "title": {"es": "Bienvenida", "en": "Welcome"}, "start": {"events": ["new_conversation"]},
    "steps": [{"id": "di", "do": "end", "text": {"es": "Bienvenida a la prueba.", "en": "Welcome to the test."}}],
}  # fmt: skip
VIP: dict[str, Any] = {
    "key": "socios", "title": {"es": "Socios", "en": "Members"}, "start": {"labels": ["socio"]},
    "steps": [{"id": "di", "do": "end", "text": {"es": "Menú de socios.", "en": "Members' menu."}}],
}  # fmt: skip
FAQ = {"key": "cafe", "questions": {"es": ["¿Servís café para llevar?"]}, "answers": {"es": "Sí, claro."}}


class Chat:
    """One customer. says() writes, has everything answered, and gives what came back since."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.id = desk, 0
        self._seen = 0

    def says(self, words: str) -> list[str]:
        pretend = self.desk.pretend
        message_id = pretend.customer(words, conversation=self.id or None)["message"]
        message = pretend.world.message_by_id[message_id]
        self.id = message.conversation_id
        return self._deliver(message, "message_created")

    def presses(self, value: str) -> list[str]:
        asked = next(m for m in reversed(self.desk.pretend.replies(self.id)) if m.content_attributes.get("items"))
        self.desk.pretend.press(asked.id, value)
        return self._deliver(asked, "message_updated")

    def _deliver(self, message: Any, event: str) -> list[str]:
        world = self.desk.pretend.world
        assert self.desk.post(payloads.message_event(world, world.conversations[self.id], message, event)) == 200
        self.desk.work()
        said = [m.content or "" for m in self.desk.pretend.replies(self.id)]
        new, self._seen = said[self._seen :], len(said)
        return new

    @property
    def place(self) -> Any:
        return self.desk.pretend.world.conversations[self.id]

    @property
    def run(self) -> dict[str, Any] | None:
        found = self.desk.rows("SELECT flow_run FROM conversation WHERE chatwoot_id = :id", id=self.id)[0]["flow_run"]
        return found["run"] if found else None


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        desk = Desk(make_module_app(), pretend, 9, (21,))
        with desk.engine.begin() as connection:
            save_drafts(connection, [*SAMPLE, Flow.model_validate(COFFEE), FaqEntry.model_validate(FAQ)], "test")
            publish(connection, "test")
        yield desk


@pytest.fixture
def chat(desk: Desk) -> Chat:
    return Chat(desk)


def test_a_flow_asks_remembers_and_ends(chat: Chat) -> None:
    assert chat.says("Hola, quiero un café") == ["¿Cuántos cafés?"]
    assert chat.run is not None
    assert chat.says("dos, por favor") == ["Marchando 2."]
    assert chat.run is None
    assert list(chat.place.labels) == ["cafe"]
    assert chat.place.custom_attributes == {"cuantos": "2"}
    assert [m.content for m in chat.desk.pretend.replies(chat.id, private=True)] == ["Prepara 2"]
    assert chat.place.status == "pending"


def test_a_question_in_the_middle_is_answered_and_the_flow_goes_on(chat: Chat) -> None:
    chat.says("quiero un café")
    said = chat.says("¿Hacéis bordados con nombre?")
    assert "Bordar" in said[0]
    assert said[-1].endswith("¿Cuántos cafés?")
    assert chat.says("tres") == ["Marchando 3."]


def test_an_faq_starts_the_flow_that_names_it(chat: Chat) -> None:
    assert chat.says("¿Servís café para llevar?") == ["¿Cuántos cafés?"]


def test_a_run_stays_on_its_revision_when_another_is_published(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    other = {**COFFEE, "steps": [COFFEE["steps"][0], {"id": "fin", "do": "end", "text": {"es": "Otra cosa.", "en": "Else."}}]}
    with desk.engine.begin() as connection:
        save_drafts(connection, [Flow.model_validate(other)], "test")
        publish(connection, "test")
    try:
        assert chat.says("4") == ["Marchando 4."]
        assert chat.says("quiero un café") == ["¿Cuántos cafés?"]
        assert chat.says("5") == ["Otra cosa."]
    finally:
        with desk.engine.begin() as connection:
            save_drafts(connection, [Flow.model_validate(COFFEE)], "test")
            publish(connection, "test")


def test_a_person_is_given_the_conversation_and_the_run_ends(chat: Chat) -> None:
    chat.says("quiero un café")
    chat.says("quiero hablar con una persona")
    assert chat.place.status == "open"
    assert chat.run is None


def test_two_wrong_answers_open_a_way_out(chat: Chat) -> None:
    chat.says("quiero un café")
    chat.says("azul")
    said = chat.says("verde")
    assert said
    assert chat.run is not None
    assert chat.says("quiero cancelar")
    assert chat.run is None
    assert chat.place.status == "pending"


def test_the_sample_s_appointment_from_start_to_end(chat: Chat) -> None:
    said = [chat.says("Hola, quería pedir una cita")]
    said.append(chat.presses("bordado"))
    written = ["somos 2", "el jueves que viene", "a las 11 de la mañana", "Me llamo Ana Ruiz y mi teléfono es 612 345 678"]
    for line in (*written, "no, gracias"):
        assert chat.run is not None, said
        said.append(chat.says(line))
    assert all(said), said
    if chat.run is not None:
        said.append(chat.says("sí"))
    assert chat.run is None, said
    notes = [m.content or "" for m in chat.desk.pretend.replies(chat.id, private=True)]
    assert any("Ana Ruiz" in note and "612" in note for note in notes), (said, notes)


def wake(desk: Desk, chat: Chat) -> list[str]:
    """As if the time of silence had passed."""
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE timer SET due_at = now() - interval '1 second'"))
        fire_due(connection)
    desk.work()
    said = [m.content or "" for m in desk.pretend.replies(chat.id)]
    new, chat._seen = said[chat._seen :], len(said)
    return new


def test_silence_is_reminded_of_once_and_then_the_flow_ends(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    reminder = wake(desk, chat)
    assert len(reminder) == 1
    assert "¿Cuántos cafés?" in reminder[0]
    assert chat.run is not None
    assert wake(desk, chat) == ["Cierro esto por ahora. Si sigue haciendo falta, basta con pedirlo de nuevo."]
    assert chat.run is None
    assert wake(desk, chat) == []


def test_an_answer_in_time_drops_the_reminder(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    assert chat.says("2") == ["Marchando 2."]
    assert wake(desk, chat) == []


def test_nobody_is_reminded_once_people_have_the_conversation(chat: Chat, desk: Desk) -> None:
    chat.says("quiero un café")
    chat.says("quiero hablar con una persona")
    said = wake(desk, chat)
    assert not any("café" in line for line in said)


def add(desk: Desk, *flows: dict[str, Any]) -> None:
    with desk.engine.begin() as connection:
        save_drafts(connection, [Flow.model_validate(flow) for flow in flows], "test")
        publish(connection, "test")


def test_a_label_or_the_beginning_of_a_conversation_starts_a_flow(chat: Chat, desk: Desk) -> None:
    other = Chat(desk)
    add(desk, WELCOME, VIP)
    try:
        assert chat.says("hola") == ["Bienvenida a la prueba."]
        assert "Bienvenida a la prueba." not in other.says("¿Hacéis bordados con nombre?"), "a question is answered"
        desk.pretend.change_labels(chat.place, ["socio"], "agent")
        assert chat.says("¿qué hay?") == ["Menú de socios."]
        assert "Menú de socios." not in chat.says("gracias"), "it has begun once"
        assert "Bordar" in chat.says("¿Hacéis bordados con nombre?")[0]
    finally:
        add(desk, {**WELCOME, "enabled": False}, {**VIP, "enabled": False})


def test_a_flow_that_sets_its_own_label_does_not_begin_again_by_it(chat: Chat, desk: Desk) -> None:
    add(desk, {**COFFEE, "start": {**COFFEE["start"], "labels": ["cafe"]}})
    try:
        chat.says("quiero un café")
        assert chat.says("2") == ["Marchando 2."]
        assert "¿Cuántos cafés?" not in chat.says("gracias")
        assert chat.run is None
        assert chat.says("quiero un café") == ["¿Cuántos cafés?"], "who asks for it gets it"
    finally:
        add(desk, COFFEE)
