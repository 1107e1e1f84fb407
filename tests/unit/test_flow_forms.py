"""What people write to a form: a name beside a phone, and what is no name; days, hours and numbers, at once or one by one."""

from __future__ import annotations

from typing import Any

import pytest
from flow_talk import Talk, make_flow_book, read_flow
from unit.test_flow_everyday import THURSDAY, TUESDAY, WEDNESDAY, list_changes, talk_at

from chatbot.reply import Language


@pytest.mark.parametrize(
    ("language", "said", "slots", "reason"),
    [
        ("es", "Ana, 61234567", {"nombre": "Ana"}, "Ese teléfono no está completo."),
        ("es", "Me llamo Ana Ruiz y mi teléfono es 612 34 56", {"nombre": "Ana Ruiz"}, "Ese teléfono no está completo."),
        ("en", "Joe, 6123456", {"nombre": "Joe"}, "That phone number isn't complete."),
    ],
)
def test_a_phone_number_that_is_not_complete_is_no_name(
    language: Language, said: str, slots: dict[str, Any], reason: str
) -> None:
    talk = talk_at("who", language)
    assert list_changes(talk, said) == slots
    assert reason in talk.question


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "vale"),
        ("es", "gracias"),
        ("es", "el mismo teléfono de siempre"),
        ("es", "612345"),
        ("es", "un momento, que lo busco"),
        ("es", "espera un segundo"),
        ("es", "dame un minuto"),
        ("es", "para que queréis mi telefono"),
        ("es", "mi pedido no ha llegado"),
        ("en", "just a second"),
        ("en", "let me check"),
        ("en", "give me a minute"),
        ("en", "why do you need my phone"),
        ("en", "my order has not arrived"),
        ("en", "Do you have Bizum"),
        ("en", "Who"),
        ("en", "I'm interested in the course"),
        ("es", "PARA QUÉ QUERÉIS MI TELÉFONO"),
    ],
)
def test_what_is_no_name_is_not_taken_for_one(language: Language, said: str) -> None:
    talk = talk_at("who", language)
    assert list_changes(talk, said) == {}
    assert talk.asked == "quien/nombre"


@pytest.mark.parametrize("said", ["un momento", "vale", "para que lo queréis"])
def test_nor_where_the_name_is_all_that_is_missing(said: str) -> None:
    talk = talk_at("who", "es")
    talk.say("612 345 678")
    assert list_changes(talk, said) == {}
    talk.say("Ana")
    assert talk.values["nombre"] == "Ana"


@pytest.mark.parametrize(
    ("said", "slots"),
    [
        ("Ana, 612345678 y mejor el miércoles", {"nombre": "Ana", "telefono": "+34612345678", "dia": WEDNESDAY, "hora": None}),
        ("Ana 612345678, mejor a las 6", {"nombre": "Ana", "telefono": "+34612345678", "hora": "18:00"}),
        ("un momento... Ana, 612345678", {"nombre": "Ana", "telefono": "+34612345678"}),
        ("Ana Ruiz 612 345 678 ana@example.com", {"nombre": "Ana Ruiz", "telefono": "+34612345678"}),
        ("Ana, 612345678, gracias", {"nombre": "Ana", "telefono": "+34612345678"}),
        ("Will Brown, +34 600 123 456", {"nombre": "Will Brown", "telefono": "+34600123456"}),
        ("Will Brown, my phone is +34 600 123 456", {"nombre": "Will Brown", "telefono": "+34600123456"}),
        ("Mike from Acme, +34 600 123 456", {"nombre": "Mike from Acme", "telefono": "+34600123456"}),
    ],
)
def test_what_stands_beside_a_name_in_a_form(said: str, slots: dict[str, Any]) -> None:
    assert list_changes(talk_at("who", "es"), said) == slots


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Ana Belén", "Ana Belén"),
        ("García, Ana", "García, Ana"),
        ("Bar Pepe, S.L.", "Bar Pepe, S.L"),
        ("María de la O Pérez", "María de la O Pérez"),
        ("ana de los santos", "ana de los santos"),
        ("a nombre de José y Pilar", "José y Pilar"),
        ("Will Brown", "Will Brown"),
        ("Can Yilmaz", "Can Yilmaz"),
        ("Do Kyung-soo", "Do Kyung-soo"),
        ("CAN YILMAZ", "CAN YILMAZ"),
        ("Hay", "Hay"),
        ("Como Restaurante", "Como Restaurante"),
        ("puedes apuntarla a nombre de Ana", "Ana"),
        ("¿puede apuntarla a nombre de Ana Ruiz?", None),
        ("podéis llamarme Pepe", "Pepe"),
        ("pueden llamarme Pepe", "Pepe"),
        ("me llamo María de la O Pérez", "María de la O Pérez"),
        ("I'm Joe from the Sea Hotel", "Joe"),
        ("my name's Joe and I work at Sea Hotel", "Joe"),
        ("my name is Joe from the Sea Hotel", "Joe"),
        ("joe at sea hotel", "joe at sea hotel"),
    ],
)
def test_names_are_names(said: str, name: str | None) -> None:
    assert list_changes(talk_at("who", "es"), said) == ({"nombre": name} if name else {})


# a day and an hour in one question

MOMENT = """
key: taller
title: {es: Taller, en: Workshop}
start: {phrases: {es: [al taller], en: [the workshop]}}
slots:
  cuando: {type: datetime, after: tomorrow, label: {es: el momento, en: the moment}}
  nota: {type: text, label: {es: la nota, en: the note}}
steps:
- {id: cuando, do: ask, slot: cuando, text: {es: "¿Qué día y a qué hora?", en: "Which day and time?"}}
- {id: nota, do: ask, slot: nota, text: {es: "¿Algo más?", en: "Anything else?"}}
- {id: fin, do: end, text: {es: Hecho.}}
"""


@pytest.mark.parametrize(
    ("language", "lines", "reason", "value"),
    [
        ("es", ("el martes", "11"), "Falta la hora", "2026-12-01T11:00+01:00"),
        ("es", ("el martes", "a las 11 de la mañana"), "Falta la hora", "2026-12-01T11:00+01:00"),
        ("es", ("el martes por la tarde", "a las 5"), "Falta la hora", "2026-12-01T17:00+01:00"),
        ("es", ("a las 11 de la mañana", "el martes"), "Falta el día", "2026-12-01T11:00+01:00"),
        ("es", ("el martes", "11", "mejor a las 12"), "Falta la hora", "2026-12-01T12:00+01:00"),
        ("es", ("el martes", "11", "mejor el miércoles"), "Falta la hora", "2026-12-02T11:00+01:00"),
        ("en", ("on Tuesday", "11"), "The time is missing", "2026-12-01T11:00+01:00"),
        ("en", ("on Tuesday", "11", "actually at noon"), "The time is missing", "2026-12-01T12:00+01:00"),
    ],
)
def test_a_moment_is_told_in_two_parts(language: Language, lines: tuple[str, ...], reason: str, value: str) -> None:
    talk = Talk(language, make_flow_book(read_flow(MOMENT)))
    for line in ("quiero ir al taller" if language == "es" else "to the workshop please", *lines):
        talk.say(line)
    assert talk.values["cuando"] == value
    assert any(text.startswith(reason) for text in talk.said)


NAMED = """
key: taller
title: {es: Taller}
start: {phrases: {es: [al taller]}}
slots:
  nombre: {type: text, label: {es: el nombre}}
  nota: {type: text, label: {es: la nota}}
steps:
- {id: quien, do: ask, slot: nombre, text: {es: "¿A nombre de quién?"}}
- {id: nota, do: ask, slot: nota, text: {es: "¿Algo más?"}}
- {id: fin, do: end, text: {es: Hecho.}}
"""


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Eva", "Eva"),
        ("{{secret.x}}", "{{secret.x}}"),
        ("me llamo Eva Gil", "Eva Gil"),
        ("Will Brown", "Will Brown"),
        ("un momento, que lo pregunto", None),
        ("vale", None),
        ("para qué lo queréis", None),
        ("612345", None),
    ],
)
def test_a_name_that_is_asked_for_alone(said: str, name: str | None) -> None:
    talk = Talk("es", make_flow_book(read_flow(NAMED)))
    talk.say("quiero ir al taller")
    talk.say(said)
    assert talk.values.get("nombre") == name


# a number beside a day and an hour


@pytest.mark.parametrize(
    ("language", "said", "slots"),
    [
        ("es", "2 personas, el martes a las 11", {"personas": 2, "dia": TUESDAY, "hora": "11:00"}),
        ("es", "somos dos, el 3 de diciembre a las once", {"personas": 2, "dia": THURSDAY, "hora": "11:00"}),
        ("es", "el martes a las 11, somos 4", {"personas": 4, "dia": TUESDAY, "hora": "11:00"}),
        ("en", "2 of us on tuesday at 5pm", {"personas": 2, "dia": TUESDAY, "hora": "17:00"}),
        ("en", "about 4 of us", {"personas": 4}),
        ("es", "somos 2, hasta luego", {"personas": 2}),
        ("es", "2, mi teléfono es 612 345 678", {"personas": 2, "telefono": "+34612345678"}),
    ],
)
def test_a_number_beside_a_day_and_an_hour(language: Language, said: str, slots: dict[str, Any]) -> None:
    assert list_changes(talk_at("people", language), said) == slots


def test_two_numbers_are_still_asked_about() -> None:
    talk = talk_at("people", "es")
    assert list_changes(talk, "2 o 3") == {}
    assert talk.titles == ["2", "3"]
