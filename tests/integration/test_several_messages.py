"""Several messages that one turn takes: each of them is answered, not only the one that asks in a whole sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from chatbot.bodies import CannedResponse, FaqEntry
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk

CONTENT = (
    CannedResponse(key="hours", exact=("horario",), keywords=("horarios",), texts={"es": "Abrimos de 9 a 14."}),
    CannedResponse(key="hours-xmas", keywords=("horario",), texts={"es": "En Navidad cerramos."}, priority=10),
    CannedResponse(key="returns", keywords=("cambios y devoluciones",), texts={"es": "En 30 días."}),
    CannedResponse(key="hello", exact=("buenas", "gracias"), texts={"es": "¡Buenas! ¿En qué puedo ayudarte?"}),
    CannedResponse(key="where", exact=("dirección",), texts={"es": "Calle Mayor, 3."}),
    CannedResponse(key="cancel", keywords=("baja",), texts={"es": "Lo ve una persona."}, handoff=True),
    FaqEntry(key="canarias", questions={"es": ("¿Hacéis envíos a Canarias?",)}, answers={"es": "Sí, en 5 días."}),
)
SHIPPING = "¿Hacéis envíos a Canarias?"


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        yield Desk(make_module_app(), pretend, 9, (21,), content=CONTENT)


def ask(desk: Desk, *texts: str) -> tuple[list[str], str]:
    """What was said, and the status in Chatwoot."""
    world, conversation = desk.pretend.world, None
    for words in texts:
        told = desk.pretend.customer(words, conversation=conversation)
        conversation = told["conversation"]
        message = world.message_by_id[told["message"]]
        assert desk.post(payloads.message_event(world, world.conversations[conversation], message, "message_created")) == 200
    desk.work()
    assert conversation is not None
    return [m.content or "" for m in desk.pretend.replies(conversation)], desk.pretend.status(conversation)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("horario", SHIPPING), ["Abrimos de 9 a 14.", "Sí, en 5 días."]),
        (("hola", "horario", "haceis envios a canarias"), ["Abrimos de 9 a 14.", "Sí, en 5 días."]),
        ((SHIPPING, "¡Horarios!"), ["Sí, en 5 días.", "Abrimos de 9 a 14."]),
        (("horario", "dirección"), ["Abrimos de 9 a 14.", "Calle Mayor, 3."]),
        (("dirección", "horario", "dirección"), ["Calle Mayor, 3.", "Abrimos de 9 a 14."]),
        (("horario", "HORARIO"), ["Abrimos de 9 a 14."]),
        (("hola", "horario", "gracias"), ["Abrimos de 9 a 14."]),
        (("Hola, ¿qué tal?", "horarios", "¿Me podéis ayudar?"), ["Abrimos de 9 a 14."]),
        (("hola", SHIPPING), ["Sí, en 5 días."]),
        (("buenas", "horario", "gracias"), ["Abrimos de 9 a 14."]),
        (("buenas",), ["¡Buenas! ¿En qué puedo ayudarte?"]),
        (("Quiero saber los horarios", SHIPPING), ["Abrimos de 9 a 14.", "Sí, en 5 días."]),
        (("horarios", "de navidad"), ["Abrimos de 9 a 14."]),
        (("cambios y devoluciones", SHIPPING), ["En 30 días.", "Sí, en 5 días."]),
        (
            (SHIPPING, *["horario", "dirección", "cambios y devoluciones"] * 3),
            ["Sí, en 5 días.", "Abrimos de 9 a 14.", "Calle Mayor, 3.", "En 30 días."],
        ),
    ],
)
def test_each_of_them_is_answered_once(desk: Desk, texts: tuple[str, ...], said: list[str]) -> None:
    found, status = ask(desk, *texts)
    assert found == said
    assert status == "pending"


def test_where_nobody_knows_the_question_the_phrase_is_answered_and_a_person_gets_the_rest(desk: Desk) -> None:
    found, status = ask(desk, "horario", "¿Vendéis trajes de astronauta para perros?")
    assert found[0] == "Abrimos de 9 a 14."
    assert len(found) == 2
    assert status == "open"


def test_one_that_belongs_to_people_hands_over_beside_the_answer(desk: Desk) -> None:
    found, status = ask(desk, SHIPPING, "baja")
    assert found == ["Sí, en 5 días.", "Lo ve una persona."]
    assert status == "open"
