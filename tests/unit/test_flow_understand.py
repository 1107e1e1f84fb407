"""What customers write, and what it comes to: rules only, no model."""

from __future__ import annotations

from typing import Any

import pytest
from flow_talk import SAMPLE_BOOK, Talk, make_flow_book, make_world, read_flow

from chatbot.flows.commands import Command
from chatbot.flows.phrases import find_triggered
from chatbot.flows.understand import understand
from chatbot.reply import Language

APPOINTMENT: dict[Language, tuple[str, ...]] = {
    "es": ("quiero pedir cita", "bordado", "2", "el viernes", "a las 5", "Ana Belén, 600 123 456", "no, gracias"),
    "en": ("book an appointment", "embroidery", "2", "on Friday", "at 5", "Joe Brown, +34 600 123 456", "nothing else"),
}
AT = {name: n for n, name in enumerate(("nothing", "reason", "people", "day", "time", "who", "comment", "summary"))}


def talk_at(question: str, language: Language) -> Talk:
    talk = Talk(language)
    for line in APPOINTMENT[language][: AT[question]]:
        talk.say(line)
    return talk


# what begins a flow, and what only mentions it


@pytest.mark.parametrize(
    ("said", "flow", "slots"),
    [
        ("quiero pedir cita", "pedir-cita", {}),
        ("Hola, buenas tardes. Quisiera reservar una cita", "pedir-cita", {}),
        ("¿puedo pedir cita?", "pedir-cita", {}),
        ("quisiera reservar una cita mañana", "pedir-cita", {"dia": "2026-11-27"}),
        (
            "hola buenas, quería pedir cita para el jueves a las 11 de la mañana para un bordado",
            "pedir-cita",
            {"motivo": "bordado", "dia": "2026-12-03", "hora": "11:00"},
        ),
        ("quiero devolver el pedido AZ-204518", "devolucion", {"pedido": "AZ-204518", "gestion": "devolver"}),
        ("¿Dónde está mi pedido AZ-204518?", "estado-pedido", {"pedido": "AZ-204518"}),
        ("I'd like to make an appointment for tomorrow", "pedir-cita", {"dia": "2026-11-27"}),
    ],
)
def test_a_phrase_begins_a_flow_with_what_the_sentence_says(said: str, flow: str, slots: dict[str, Any]) -> None:
    commands = understand(said, SAMPLE_BOOK, None, make_world("en" if "appointment" in said else "es"))
    assert commands[0] == Command("start", flow=flow)
    talk = Talk("en" if "appointment" in said else "es", granting=lambda _wish: pytest.fail("nothing to grant yet"))
    if flow != "estado-pedido":
        talk.say(said)
        assert {name: talk.values[name] for name in slots} == slots
    assert {c.slot for c in commands[1:]} == set(slots)


@pytest.mark.parametrize(
    "said",
    [
        "no quiero pedir cita",
        "¿hay que pedir cita para ir a la tienda?",
        "¿es necesario pedir cita?",
        "do I need to make an appointment?",
        "gracias por la cita",
        "gracias",
        "¿hacéis envíos a Canarias?",
        "ayer vi unas sábanas que me gustaron mucho y luego en casa mi marido me dijo que mejor pedir cita otro día",
        "",
    ],
)
def test_what_begins_nothing(said: str) -> None:
    assert understand(said, SAMPLE_BOOK, None, make_world()) == ()


def test_a_flow_of_another_inbox_or_switched_off_begins_nothing() -> None:
    flow = read_flow("""
        key: uno
        title: {es: Uno}
        inboxes: ["4"]
        start: {phrases: {es: [hacer algo grande]}}
        steps: [{id: di, do: end, text: {es: Hecho}}]
    """)
    book = make_flow_book(flow)
    assert understand("quiero hacer algo grande", book, None, make_world()) == ()
    assert understand("quiero hacer algo grande", book, None, make_world(inbox=4)) == (Command("start", flow="uno"),)
    off = make_flow_book(flow.model_copy(update={"enabled": False}))
    assert understand("quiero hacer algo grande", off, None, make_world(inbox=4)) == ()


def test_what_is_said_too_early_and_not_clearly_is_asked_back_in_its_turn() -> None:
    talk = Talk("es")
    talk.say("quiero pedir cita el viernes que viene para recoger un pedido")
    assert talk.titles == ["viernes 27 de noviembre de 2026", "viernes 4 de diciembre de 2026"]
    talk.say("2")
    assert talk.values["dia"] == "2026-12-04"


def test_a_flow_begins_by_the_key_of_a_faq() -> None:
    flows = SAMPLE_BOOK.list_startable()
    assert find_triggered(flows, "faqs", "seguimiento") == ("estado-pedido",)
    assert find_triggered(flows, "canned", "seguimiento") == ()
    assert find_triggered(flows, "events", "widget_opened") == ()


# answers, corrections and the rest, at the questions of an appointment


@pytest.mark.parametrize(
    ("question", "said", "slots"),
    [
        ("reason", "2", {"motivo": "bordado"}),
        ("reason", "la última", {"motivo": "recoger"}),
        ("reason", "vengo a recoger un pedido", {"motivo": "recoger"}),
        ("people", "somos cuatro", {"personas": 4}),
        ("people", "no, quise decir recoger un pedido", {"motivo": "recoger"}),
        ("people", "¿y si vamos 3?", {"personas": 3}),
        ("day", "¿puede ser el lunes?", {"dia": "2026-11-30"}),
        ("day", "el lunes a las 10:30 de la mañana", {"dia": "2026-11-30", "hora": "10:30"}),
        ("day", "no, quise decir 3", {"personas": 3}),
        ("day", "perdona, somos 3", {"personas": 3}),
        ("time", "mejor el sábado a las 12", {"dia": "2026-11-28", "hora": "12:00"}),
        ("time", "no, quise decir 3", {"personas": 3}),
        ("who", "soy Ana Belén y mi móvil es el 600 123 456", {"nombre": "Ana Belén", "telefono": "+34600123456"}),
        ("who", "600123456 Ana", {"nombre": "Ana", "telefono": "+34600123456"}),
        ("who", "a nombre de María José García, tel. 600-123-456", {"nombre": "María José García"}),
        ("who", "Ana", {"nombre": "Ana"}),
        ("comment", "sí, llevaré la tela yo", {"comentario": "sí, llevaré la tela yo"}),
        ("comment", "nada más, gracias", {"comentario": None}),
        ("comment", "no, quise decir 3", {"personas": 3}),
        ("summary", "no, la hora es a las 6", {"hora": "18:00"}),
        ("summary", "mejor a las 6", {"hora": "18:00"}),
        ("summary", "mi nombre es Belén, no Ana", {"nombre": "Belén"}),
        ("summary", "el sábado mejor", {"dia": "2026-11-28"}),
        ("summary", "cambia el teléfono por 611 222 333", {"telefono": "+34611222333"}),
    ],
)
def test_said_in_spanish(question: str, said: str, slots: dict[str, Any]) -> None:
    talk = talk_at(question, "es")
    talk.say(said)
    assert {name: talk.values.get(name, "-") for name in slots} == slots


@pytest.mark.parametrize(
    ("question", "said", "slots"),
    [
        ("reason", "the second one", {"motivo": "bordado"}),
        ("people", "there are four of us", {"personas": 4}),
        ("day", "next Tuesday please", {"dia": "2026-12-01"}),
        ("day", "no, I meant 3", {"personas": 3}),
        ("time", "no, I meant 3", {"personas": 3}),
        ("who", "my name is Joe Brown and my phone is +34 600 123 456", {"nombre": "Joe Brown", "telefono": "+34600123456"}),
        ("comment", "no thanks", {"comentario": None}),
        ("summary", "no, make it 6 pm", {"hora": "18:00"}),
        ("summary", "sorry, there will be 4 of us", {"personas": 4}),
        ("summary", "actually on Saturday", {"dia": "2026-11-28"}),
    ],
)
def test_said_in_english(question: str, said: str, slots: dict[str, Any]) -> None:
    talk = talk_at(question, "en")
    talk.say(said)
    assert {name: talk.values.get(name, "-") for name in slots} == slots


@pytest.mark.parametrize(
    ("language", "said", "asked"),
    [
        ("es", "el teléfono está mal", "quien/telefono"),
        ("es", "todo bien menos el teléfono", "quien/telefono"),
        ("es", "cambia la hora", "que-hora/hora"),
        ("es", "no, quiero cambiar el día", "que-dia/dia"),
        ("es", "no", "cual/repair_pick"),
        ("es", "está mal", "cual/repair_pick"),
        ("en", "the phone is wrong", "quien/telefono"),
        ("en", "no, change the day", "que-dia/dia"),
        ("en", "that's wrong", "cual/repair_pick"),
    ],
)
def test_what_is_wrong_with_the_summary_is_asked_again(language: Language, said: str, asked: str) -> None:
    talk = talk_at("summary", language)
    talk.say(said)
    assert talk.asked == asked


@pytest.mark.parametrize(
    ("language", "said"), [("es", "sí, todo bien"), ("es", "vale perfecto"), ("en", "yes please"), ("en", "ok")]
)
def test_yes_to_the_summary(language: Language, said: str) -> None:
    talk = talk_at("summary", language)
    talk.say(said)
    assert talk.last.ended == "handoff"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("reason", "¿cuánto cuesta un bordado?"),
        ("people", "¿puedo llevar a mi perro?"),
        ("day", "¿abrís los sábados?"),
        ("time", "¿a qué hora abrís?"),
        ("who", "¿para qué queréis mi teléfono?"),
        ("comment", "¿hay aparcamiento cerca?"),
        ("summary", "¿cuánto cuesta?"),
        ("day", "haceis envios a canarias"),
    ],
)
def test_a_question_is_for_the_other_responders(question: str, said: str) -> None:
    talk = talk_at(question, "es")
    before = talk.values
    moved = talk.say(said)
    assert moved.is_digression
    assert talk.values == before
    assert talk.question


def test_a_digression_that_nobody_answers_can_be_taken_as_the_answer() -> None:
    talk = Talk("es")
    talk.say("quiero poner una queja")
    command = understand("¿Por qué me habéis cobrado dos veces?", talk.book, talk.run, talk.world)[0]
    assert (command.do, command.slot) == ("digress", "que_paso")
    talk.command(Command("fill", slot=command.slot, text=command.text))
    assert talk.values["que_paso"] == "¿Por qué me habéis cobrado dos veces?"


def test_a_button_of_an_answered_question_corrects_it() -> None:
    talk = talk_at("time", "es")
    talk.say("", pressed="Recoger un pedido")
    assert talk.values["motivo"] == "recoger"
    assert talk.asked == "que-hora/hora"


def test_a_button_of_the_open_question_by_value_or_title() -> None:
    for pressed in ("bordado", "Encargar un bordado"):
        talk = talk_at("reason", "es")
        talk.say("", pressed=pressed)
        assert talk.values["motivo"] == "bordado"


def test_a_file_is_the_answer_where_one_is_asked_for() -> None:
    talk = Talk("es")
    for line in ("quiero devolver el pedido AZ-204518", "un plato", "llegó roto"):
        talk.say(line)
    assert talk.asked == "una-foto/foto"
    talk.say("", files=("plato.jpg",))
    assert talk.values["foto"] == "plato.jpg"


def test_a_file_that_was_not_asked_for_is_no_answer_and_no_fault() -> None:
    talk = talk_at("people", "es")
    for _ in range(3):
        moved = talk.say("", files=("foto.jpg",))
        assert moved.says[0].text.startswith("Ha llegado el archivo")
        assert talk.asked == "cuantas/personas"
    talk.say("somos 3", files=("foto.jpg",))
    assert talk.values["personas"] == 3


def test_a_long_story_with_a_question_in_it_is_an_answer() -> None:
    talk = Talk("es")
    talk.say("quiero poner una queja")
    story = "Compré un jarrón, llegó con una grieta, llamé y nadie contestó, ¿os parece normal tratar así a la gente?"
    talk.say(story)
    assert talk.values["que_paso"] == story


@pytest.mark.parametrize(
    ("lines", "said", "slots", "asked"),
    [
        ((), "que me habéis cobrado dos veces", {"que_paso": "que me habéis cobrado dos veces"}, "que-pedido/pedido"),
        (("llegó roto",), "no me acuerdo", {"pedido": None}, "que-quiere/quiere"),
        (("llegó roto",), "el pedido es el AZ204518", {"pedido": "AZ-204518"}, "que-quiere/quiere"),
        (("llegó roto", "saltar"), "quiero que me devolváis el dinero", {"quiere": "dinero"}, "bien/"),
        (("llegó roto", "saltar"), "no quiero nada", {}, "que-quiere/quiere"),
        (("llegó roto", "saltar", "que me llamen"), "no quiero que me llamen", {}, "que-quiere/quiere"),
        (("llegó roto", "saltar", "que me llamen"), "mejor otra pieza", {"quiere": "otra"}, "bien/"),
        (("llegó roto", "AZ-204518", "dinero"), "el pedido no es ese, es AZ-204519", {"pedido": "AZ-204519"}, "bien/"),
        (("llegó roto", "AZ-204518", "dinero"), "cambia lo que pasó", {}, "que-paso/que_paso"),
        (("llegó roto", "AZ-204518", "dinero"), "sí pero quiero que sea rápido", {"quiere": "dinero"}, "bien/"),
    ],
)
def test_a_complaint_as_people_make_it(lines: tuple[str, ...], said: str, slots: dict[str, Any], asked: str) -> None:
    talk = Talk("es")
    talk.say("quiero poner una queja")
    for line in (*lines, said):
        talk.say(line)
    assert talk.asked == asked
    assert {name: talk.values.get(name, "-") for name in slots} == slots


@pytest.mark.parametrize(
    ("said", "value"),
    [("no tengo empresa", None), ("No tengo ninguna", None), ("no tengo web, soy Mar SL", "no tengo web, soy Mar SL")],
)
def test_to_have_none_of_it_is_no_value(said: str, value: str | None) -> None:
    talk = Talk("es")
    for line in ("necesito un presupuesto", "sábanas", "40", "Eva", said):
        talk.say(line)
    assert talk.values["empresa"] == value


def test_about_a_code_that_does_not_come_there_is_a_way_out() -> None:
    talk = Talk("es")
    for line in ("¿dónde está mi pedido?", "AZ-204518", "no me llega el código", "ese correo ya no lo uso"):
        talk.say(line)
    assert talk.titles[0] == "Con una persona"


def test_cancelling_an_order_is_no_way_to_cancel_a_complaint() -> None:
    talk = Talk("es")
    talk.say("quiero poner una queja")
    talk.say("quise cancelar mi pedido y no me dejasteis")
    assert talk.values["que_paso"] == "quise cancelar mi pedido y no me dejasteis"
