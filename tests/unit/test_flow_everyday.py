"""Everyday sentences that say two things at once, or something beside the question: nothing of them is lost or misplaced."""

from __future__ import annotations

from typing import Any

import pytest
from flow_talk import Talk, make_flow_book, read_flow

from chatbot.flows.phrases import strip_farewells
from chatbot.reply import Language

LINES: dict[Language, tuple[str, ...]] = {
    "es": ("quiero pedir cita", "bordado", "2", "el martes", "a las 5", "Ana Belén, 600 123 456", "traeré la tela"),
    "en": ("book an appointment", "embroidery", "2", "on Tuesday", "at 5", "Joe Brown, +34 600 123 456", "with fabric"),
}
AT = {"people": 2, "day": 3, "time": 4, "who": 5, "comment": 6, "summary": 7}
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = "2026-12-01", "2026-12-02", "2026-12-03", "2026-11-27", "2026-11-28"


def talk_at(question: str, language: Language) -> Talk:
    talk = Talk(language)
    for line in LINES[language][: AT[question]]:
        talk.say(line)
    return talk


def list_changes(talk: Talk, said: str) -> dict[str, Any]:
    """What a message changes of the values; what is gone is None."""
    before = dict(talk.values)
    talk.say(said)
    after = talk.values
    return {name: after.get(name) for name in {*before, *after} if before.get(name, "-") != after.get(name, "-")}


# a day beside the hour that is asked for


@pytest.mark.parametrize(
    ("language", "said", "slots"),
    [
        ("es", "el miércoles a las 6", {"dia": WEDNESDAY, "hora": "18:00"}),
        ("es", "el miercoles a las 6 de la tarde", {"dia": WEDNESDAY, "hora": "18:00"}),
        ("es", "el sábado a las 11", {"dia": SATURDAY, "hora": "11:00"}),
        ("es", "¿puede ser el miércoles a las 6?", {"dia": WEDNESDAY, "hora": "18:00"}),
        ("es", "a las 11 el 3 de diciembre", {"dia": THURSDAY, "hora": "11:00"}),
        ("es", "a las 12 mejor el jueves", {"dia": THURSDAY, "hora": "12:00"}),
        ("en", "friday at noon", {"dia": FRIDAY, "hora": "12:00"}),
        ("en", "Wednesday at 6 pm would be better", {"dia": WEDNESDAY, "hora": "18:00"}),
        ("es", "el martes a las 6", {"hora": "18:00"}),
        ("es", "a las 6", {"hora": "18:00"}),
        ("en", "on Tuesday at 6", {"hora": "18:00"}),
        ("es", "el sábado a las 12", {"dia": SATURDAY, "hora": "12:00"}),
        ("es", "a las 6 pero el miércoles", {"dia": WEDNESDAY, "hora": "18:00"}),
        ("en", "at 6 on Wednesday instead please", {"dia": WEDNESDAY, "hora": "18:00"}),
    ],
)
def test_another_day_said_with_the_hour_counts(language: Language, said: str, slots: dict[str, Any]) -> None:
    talk = talk_at("time", language)
    assert list_changes(talk, said) == slots
    assert talk.asked == "quien/nombre"


@pytest.mark.parametrize(
    ("language", "said", "day"),
    [("es", "el miércoles", WEDNESDAY), ("es", "el miércoles me viene mejor", WEDNESDAY), ("en", "on Friday", FRIDAY)],
)
def test_another_day_alone_changes_the_day(language: Language, said: str, day: str) -> None:
    talk = talk_at("time", language)
    assert list_changes(talk, said) == {"dia": day}
    assert talk.asked == "que-hora/hora"
    assert talk.last.says[0].text.startswith(("Cambiado, el día", "Changed, the day"))


def test_a_vague_hour_of_another_day_is_asked_about_that_day() -> None:
    talk = talk_at("time", "es")
    assert list_changes(talk, "el miércoles por la tarde") == {"dia": WEDNESDAY}
    assert talk.asked == "que-hora/hora"


@pytest.mark.parametrize("said", ["el domingo a las 11", "hoy a las 6"])
def test_a_day_that_is_not_possible_is_said_and_asked_again(said: str) -> None:
    talk = talk_at("time", "es")
    talk.say(said)
    assert talk.asked == "que-dia/dia"
    assert "dia" not in talk.values


@pytest.mark.parametrize("said", ["¿abrís el miércoles?", "el miércoles tengo médico", "el martes"])
def test_a_day_that_is_only_spoken_of_changes_nothing(said: str) -> None:
    talk = talk_at("time", "es")
    assert list_changes(talk, said) == {}
    assert talk.asked == "que-hora/hora"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "a las 5 porque el miércoles trabajo"),
        ("es", "a las 5, el lunes os confirmo"),
        ("es", "a las 5, mañana os llamo"),
        ("es", "a las 5, llamadme el lunes"),
        ("es", "a las 5, llámeme el lunes"),
        ("es", "llego el lunes, así que a las 5"),
        ("es", "a las 5, que hoy no puedo"),
        ("en", "at 5 because I work Wednesday"),
        ("en", "at 5 if possible, otherwise Wednesday"),
    ],
)
def test_a_day_that_is_only_spoken_of_beside_the_hour_changes_nothing(language: Language, said: str) -> None:
    talk = talk_at("time", language)
    assert list_changes(talk, said).get("dia", TUESDAY) == TUESDAY
    assert "dia" in talk.values


# to a summary: a yes with something beside it


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "sí, hasta luego"),
        ("es", "correcto, hasta luego"),
        ("es", "si hasta mañana"),
        ("es", "sí, muchas gracias, un saludo"),
        ("es", "sí, luego hablamos"),
        ("es", "sí, el martes a las 5"),
        ("es", "vale, nos vemos el martes"),
        ("es", "sí, gracias, hasta el martes"),
        ("es", "sí, somos 2"),
        ("es", "perfecto, a las 5 allí estaré"),
        ("es", "sí, confirma"),
        ("es", "confirmar"),
        ("es", "lo confirmo"),
        ("es", "sí, confírmelo por favor"),
        ("es", "quiero confirmar"),
        ("es", "confirma la cita"),
        ("es", "confirmo la hora"),
        ("es", "confirmo para el martes"),
        ("en", "please confirm"),
        ("en", "I want to confirm"),
        ("en", "yes see you later"),
        ("en", "great, talk later"),
        ("en", "correct"),
        ("en", "correct, see you at 5"),
        ("en", "yes, see you on Tuesday"),
        ("en", "yes, please confirm"),
        ("en", "yes, thank you, bye"),
    ],
)
def test_a_yes_with_a_goodbye_is_a_yes(language: Language, said: str) -> None:
    talk = talk_at("summary", language)
    talk.say(said)
    assert talk.last.ended == "handoff"
    assert talk.last.says[0].text.startswith(("Gracias, Ana", "Thank you, Joe"))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "tengo que confirmarlo"),
        ("es", "déjame confirmarlo"),
        ("es", "déjeme confirmar la hora"),
        ("es", "voy a confirmarlo"),
        ("es", "falta confirmar la hora"),
        ("es", "me falta confirmar"),
        ("es", "para confirmar"),
        ("es", "confirma la disponibilidad"),
        ("en", "let me confirm"),
        ("en", "I'll confirm"),
        ("en", "please confirm the day"),
        ("en", "please confirm the time"),
    ],
)
def test_what_is_to_be_confirmed_yet_is_no_yes(language: Language, said: str) -> None:
    talk = talk_at("summary", language)
    before = dict(talk.values)
    talk.say(said)
    assert not talk.last.ended
    assert {name: talk.values.get(name, value) for name, value in before.items()} == before


@pytest.mark.parametrize(
    ("language", "said", "titles", "asked"),
    [
        ("es", "sí, a las 5 o a las 6", ["17:00", "18:00"], "que-hora/hora"),
        ("es", "sí, a las 5 o 6", ["17:00"], "que-hora/hora"),
        ("es", "sí, el martes o el miércoles", ["martes 1 de diciembre", "miércoles 2 de diciembre"], "que-dia/dia"),
        ("en", "yes, at 5 or at 6", ["17:00", "18:00"], "que-hora/hora"),
        ("en", "yes, on Tuesday or Wednesday", ["Tuesday 1 December", "Wednesday 2 December"], "que-dia/dia"),
    ],
)
def test_of_two_that_are_said_to_a_summary_one_is_asked_for(
    language: Language, said: str, titles: list[str], asked: str
) -> None:
    talk = talk_at("summary", language)
    talk.say(said)
    assert talk.asked == asked
    assert all(told.startswith(title) for told, title in zip(talk.titles, titles, strict=True))
    assert talk.values["personas"] == 2


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "mañana te confirmo"),
        ("es", "te confirmo mañana"),
        ("es", "lo confirmo mañana"),
        ("es", "mañana se lo confirmo"),
        ("es", "sí, mañana llamo"),
        ("es", "el viernes os aviso"),
        ("es", "mañana te digo"),
        ("es", "le digo algo mañana"),
        ("en", "I'll confirm tomorrow"),
        ("en", "I'll call you tomorrow"),
        ("en", "I'll let you know tomorrow"),
        ("en", "I'll tell you tomorrow"),
    ],
)
def test_the_day_of_a_call_is_not_the_appointment_s(language: Language, said: str) -> None:
    talk = talk_at("summary", language)
    before = dict(talk.values)
    talk.say(said)
    assert (talk.asked, talk.values) == ("bien/", before)


def test_a_change_beside_a_call_is_asked_back() -> None:
    talk = talk_at("summary", "es")
    talk.say("confirmo, pero el miércoles")
    assert (talk.asked, talk.last.ended) == ("que-dia/dia", "")
    assert talk.question == "¿Es esto?"


@pytest.mark.parametrize(
    ("language", "said", "slots"),
    [
        ("en", "yes but at 6", {"hora": "18:00"}),
        ("en", "yes, but at 6pm", {"hora": "18:00"}),
        ("en", "yes, but at six", {"hora": "18:00"}),
        ("en", "yes but 6 pm", {"hora": "18:00"}),
        ("en", "correct, see you at 6", {"hora": "18:00"}),
        ("es", "sí, pero a las 6", {"hora": "18:00"}),
        ("es", "si pero a las seis de la tarde", {"hora": "18:00"}),
        ("es", "sí pero a las 18:00", {"hora": "18:00"}),
        ("es", "sí, pero somos 3", {"personas": 3}),
        ("es", "sí pero somos 3 y a las 6", {"personas": 3, "hora": "18:00"}),
        ("en", "yes but there are 3 of us", {"personas": 3}),
        ("en", "yes but about 4 of us", {"personas": 4}),
    ],
)
def test_a_yes_with_a_change_changes_that(language: Language, said: str, slots: dict[str, Any]) -> None:
    talk = talk_at("summary", language)
    assert list_changes(talk, said) == slots
    assert talk.asked == "bien/"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "no es correcto"),
        ("es", "no es así"),
        ("es", "no era eso"),
        ("es", "no es lo que quería"),
        ("es", "esto no es lo que pedí"),
        ("es", "no, está mal"),
        ("es", "no, hay un error"),
        ("es", "no es para una empresa"),
        ("es", "no, gracias, hasta luego"),
        ("en", "it's not what I wanted"),
        ("en", "no, that's wrong"),
        ("en", "that's not it"),
        ("en", "it isn't right"),
    ],
)
def test_a_no_to_the_summary_asks_what_to_change(language: Language, said: str) -> None:
    talk = talk_at("summary", language)
    assert list_changes(talk, said) == {}
    assert talk.question == ("¿Qué hay que cambiar?" if language == "es" else "What should be changed?")


@pytest.mark.parametrize("said", ["no era el martes", "no es el martes"])
def test_what_is_denied_is_asked_again(said: str) -> None:
    talk = talk_at("summary", "es")
    talk.say(said)
    assert talk.asked == "que-dia/dia"


def test_what_stands_apart_from_a_no_is_still_a_correction() -> None:
    assert list_changes(talk_at("summary", "es"), "no, es para un mantel") == {"comentario": "para un mantel"}


@pytest.mark.parametrize(("language", "said"), [("es", "a las 6, gracias, hasta luego"), ("en", "at 6, see you later")])
def test_a_goodbye_beside_an_answer_is_no_vague_hour(language: Language, said: str) -> None:
    assert list_changes(talk_at("time", language), said) == {"hora": "18:00"}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Sí, hasta luego", "Sí,"),
        ("no, gracias", "no,"),
        ("no thanks", "no"),
        ("see you later, at 5", ", at 5"),
        ("a las 5", "a las 5"),
        ("gracias", ""),
    ],
)
def test_what_is_left_without_thanks_and_goodbyes(said: str, left: str) -> None:
    assert " ".join(strip_farewells(said).split()) == left


# one person


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "una persona"),
        ("es", "Una persona, yo"),
        ("es", "solo una persona"),
        ("es", "sólo 1 persona"),
        ("es", "somos una persona"),
        ("es", "una sola persona"),
        ("es", "iré yo, una persona"),
        ("es", "una persona, gracias"),
        ("en", "one person"),
        ("en", "just one person"),
        ("en", "a single person"),
        ("en", "only one person, me"),
    ],
)
def test_one_person_is_a_number_where_people_are_counted(language: Language, said: str) -> None:
    talk = talk_at("people", language)
    assert list_changes(talk, said) == {"personas": 1}
    assert talk.asked == "que-dia/dia"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("people", "quiero hablar con una persona"),
        ("people", "persona"),
        ("people", "con una persona"),
        ("people", "una persona real"),
        ("day", "una persona"),
    ],
)
def test_elsewhere_a_person_is_who_is_wanted(question: str, said: str) -> None:
    talk = talk_at(question, "es")
    talk.say(said)
    assert talk.last.ended == "handoff"


COUNTING = """
key: taller
title: {es: Taller}
start: {phrases: {es: [al taller]}}
slots:
  cuantos: {type: number, label: {es: las plazas}}
steps:
- {id: cuantos, do: ask, slot: cuantos, text: {es: "¿Cuántas plazas?"}}
- {id: fin, do: end, text: {es: "Hecho: {{slot.cuantos}}."}}
"""


@pytest.mark.parametrize("said", ["una plaza", "solo una plaza", "quiero una plaza", "una sola"])
def test_one_of_what_is_counted_is_one(said: str) -> None:
    talk = Talk("es", make_flow_book(read_flow(COUNTING)))
    talk.say("quiero ir al taller")
    talk.say(said)
    assert talk.said[-1] == "Hecho: 1."


def test_where_no_people_are_counted_a_person_is_wanted() -> None:
    flow = read_flow(COUNTING.replace("plazas", "toallas"))
    talk = Talk("es", make_flow_book(flow))
    talk.say("quiero ir al taller")
    talk.say("una persona")
    assert talk.last.ended == "handoff"
