"""Every repair, in every sample flow, at every question, in Spanish and English, without a model."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flow_talk import SAMPLE, Talk

from chatbot.flows.commands import Command
from chatbot.reply import Language


@dataclass(frozen=True)
class Script:
    """A conversation from its first words to its end. answers: what is said to each question; wrong: another value of a slot,
    said two questions later, and what it comes to.
    """

    flow: str
    language: Language
    first: str
    answers: tuple[str, ...]
    corrections: tuple[tuple[str, str, object], ...]  # slot, what is said, the new value
    ended: str = "handoff"
    prefilled: str = ""  # a slot that the first words fill


SCRIPTS = (
    Script(
        "pedir-cita", "es", "Hola, quiero pedir cita",
        ("un bordado", "2", "el viernes", "a las 5", "Ana Belén, 600 123 456", "no, gracias", "sí"),
        (
            ("personas", "no, quise decir 3", 3),
            ("dia", "mejor el sábado", "2026-11-28"),
            ("telefono", "cambia el teléfono por 611 222 333", "+34611222333"),
            ("motivo", "perdón, quería decir elegir telas", "telas"),
        ),
    ),
    Script(
        "pedir-cita", "en", "Hi, I'd like to book an appointment",
        ("embroidery", "two", "on Friday", "at 5", "Joe Brown, +34 600 123 456", "nothing else", "yes"),
        (
            ("personas", "no, I meant 3", 3),
            ("dia", "actually on Saturday", "2026-11-28"),
            ("telefono", "change the phone number to +34 611 222 333", "+34611222333"),
            ("motivo", "sorry, I meant fabrics", "telas"),
        ),
    ),
    Script(
        "estado-pedido", "es", "¿Dónde está mi pedido?", ("AZ-204518", "123456"),
        (("pedido", "no, quise decir AZ-204519", "AZ-204519"),), "done",
    ),
    Script(
        "estado-pedido", "en", "Where is my order?", ("AZ-204518", "123456"),
        (("pedido", "no, I meant AZ-204519", "AZ-204519"),), "done",
    ),
    Script(
        "devolucion", "es", "Quiero hacer una devolución",
        ("AZ-204518", "un mantel de lino", "no es lo que esperaba", "la llevo a la tienda", "sí"),
        (
            ("gestion", "mejor cambiarla", "cambiar"),
            ("pedido", "me he equivocado, es AZ-204519", "AZ-204519"),
            ("motivo", "no, quise decir que llegó con un defecto", "defecto"),
        ),
        prefilled="gestion",
    ),
    Script(
        "devolucion", "en", "I want to make a return",
        ("AZ-204518", "a linen tablecloth", "not what I expected", "I'll bring it to the shop", "yes"),
        (
            ("gestion", "actually exchange it", "cambiar"),
            ("pedido", "I made a mistake, it's AZ-204519", "AZ-204519"),
            ("motivo", "no, I meant it arrived faulty", "defecto"),
        ),
        prefilled="gestion",
    ),
    Script(
        "empresas-contacto", "es", "Necesito un presupuesto para mi hotel",
        ("mantelería", "40", "Eva Gil", "Hotel Mar", "eva@hotelmar.example", "600 123 456", "sí"),
        (
            ("cantidad", "no, quise decir 60", 60),
            ("correo", "cambia el correo por otra@hotelmar.example", "otra@hotelmar.example"),
            ("interes", "perdón, era cerámica", "ceramica"),
        ),
    ),
    Script(
        "empresas-contacto", "en", "I need a quote for my restaurant",
        ("table linen", "40", "Eva Gil", "Hotel Mar", "eva@hotelmar.example", "+34 600 123 456", "yes"),
        (
            ("cantidad", "no, I meant 60", 60),
            ("correo", "change the e-mail to other@hotelmar.example", "other@hotelmar.example"),
            ("interes", "sorry, I meant ceramics", "ceramica"),
        ),
    ),
    Script(
        "reclamacion", "es", "Quiero poner una queja",
        ("el plato llegó roto", "AZ-204518", "que me llamen", "600 123 456", "sí"),
        (
            ("pedido", "no, quise decir AZ-204519", "AZ-204519"),
            ("quiere", "mejor que me devuelvan el dinero", "dinero"),
        ),
    ),
    Script(
        "reclamacion", "en", "I want to make a complaint",
        ("the plate arrived broken", "AZ-204518", "a phone call", "+34 600 123 456", "yes"),
        (
            ("pedido", "no, I meant AZ-204519", "AZ-204519"),
            ("quiere", "rather my money back", "dinero"),
        ),
    ),
)  # fmt: skip
WORDS: dict[Language, dict[str, str]] = {
    "es": {
        "cancel": "déjalo, ya no quiero", "human": "quiero hablar con una persona", "repeat": "¿puedes repetir?",
        "back": "vuelve atrás", "skip": "saltar", "restart": "empezar de nuevo", "shipping": "¿hacéis envíos a Canarias?",
        "nonsense": "xyzzy", "thanks": "gracias", "other": "quiero pedir cita", "another": "quiero poner una queja",
        "needed": "hace falta", "first": "primera pregunta", "resumed": "Seguimos donde estábamos", "person": "Con una persona",
        "old": "pregunta anterior", "over": "Empezamos de nuevo", "back_to": "Seguimos con", "closed": "Cierro esto",
        "changed": "Cambiado",
    },
    "en": {
        "cancel": "never mind", "human": "can I talk to a person", "repeat": "can you repeat that?", "back": "go back",
        "skip": "skip", "restart": "start over", "shipping": "do you ship to the Canary Islands?", "nonsense": "xyzzy",
        "thanks": "thanks", "other": "I want to book an appointment", "another": "I want to make a complaint",
        "needed": "is needed", "first": "first question", "resumed": "where we were", "person": "With a person",
        "old": "earlier question", "over": "start over", "back_to": "Back to", "closed": "closing this", "changed": "Changed",
    },
}  # fmt: skip


def talk_until(script: Script, count: int) -> Talk:
    """The conversation after so many answers, at its next question."""
    talk = Talk(script.language)
    talk.say(script.first)
    for answer in script.answers[:count]:
        talk.say(answer)
    return talk


def name(script: Script) -> str:
    return f"{script.flow}-{script.language}"


AT_EACH_QUESTION = [
    pytest.param(script, count, id=f"{name(script)}-{count}", marks=[] if script.language == "es" else [pytest.mark.thorough])
    for script in SCRIPTS
    for count in range(len(script.answers))
]
each_question = pytest.mark.parametrize(("script", "count"), AT_EACH_QUESTION)
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=name)


@each_script
def test_the_flow_comes_to_its_end(script: Script) -> None:
    talk = Talk(script.language)
    talk.say(script.first)
    for answer in script.answers:
        assert talk.run is not None, f"over before «{answer}»"
        assert sum(utterance.asks for utterance in talk.last.says) == 1
        talk.say(answer)
    assert talk.run is None
    assert talk.last.ended == script.ended
    if script.ended == "handoff":
        assert talk.handoff == "flow"
        assert [act.kind for act in talk.last.acts].count("note") == 1


@each_question
def test_cancel(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    moved = talk.say(WORDS[script.language]["cancel"])
    assert (moved.ended, talk.run) == ("stopped", None)
    assert moved.says
    assert not moved.acts


@each_question
def test_a_person_is_asked_for(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    moved = talk.say(WORDS[script.language]["human"])
    assert (moved.ended, talk.handoff) == ("handoff", "asked")
    assert moved.says


@each_question
def test_repeat(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question, slots = talk.question, talk.values
    talk.say(WORDS[script.language]["repeat"])
    assert (talk.question, talk.values) == (question, slots)


@each_question
def test_digression_comes_back_to_the_question(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question, slots = talk.question, talk.values
    moved = talk.say(WORDS[script.language]["shipping"])
    assert moved.is_digression
    assert moved.says[0].text.startswith(WORDS[script.language]["back_to"])
    assert (talk.question, talk.values) == (question, slots)


@each_question
def test_back(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    if count == 0 and script.prefilled:
        talk.say(WORDS[script.language]["back"])
        assert talk.asked.endswith(f"/{script.prefilled}")
        return
    if count == 0:
        question = talk.question
        moved = talk.say(WORDS[script.language]["back"])
        assert WORDS[script.language]["first"] in moved.says[0].text
        assert talk.question == question
        return
    before = talk_until(script, count - 1)
    talk.say(WORDS[script.language]["back"])
    assert talk.asked.split("/")[0] == before.asked.split("/")[0]
    assert set(talk.values) == set(before.values)


@each_question
def test_start_over(script: Script, count: int) -> None:
    talk, first = talk_until(script, count), talk_until(script, 0)
    moved = talk.say(WORDS[script.language]["restart"])
    assert WORDS[script.language]["over"] in moved.says[0].text
    assert talk.values == {}
    assert talk.asked.split("/")[0] in {step.id for step in SAMPLE[script.flow].steps}
    assert talk.run is not None
    assert not talk.run.trail
    assert first.run is not None


@each_question
def test_skip(script: Script, count: int) -> None:
    """What is optional is passed by, what isn't is asked again."""
    talk = talk_until(script, count)
    asked, question = talk.asked, talk.question
    slot = asked.split("/")[1]
    spec = SAMPLE[script.flow].slots.get(slot)
    moved = talk.say(WORDS[script.language]["skip"])
    if spec and spec.optional:
        assert talk.asked != asked
        assert talk.values[slot] is None
    else:
        assert WORDS[script.language]["needed"] in moved.says[0].text
        assert (talk.asked, talk.question) == (asked, question)


@each_question
def test_two_tries_then_a_way_out(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    slot = talk.asked.split("/")[1]
    spec = SAMPLE[script.flow].slots.get(slot)
    if spec and spec.type == "text":
        talk.say(WORDS[script.language]["nonsense"])
        assert talk.values[slot] == WORDS[script.language]["nonsense"], "any words are an answer to this one"
        return
    talk.say(WORDS[script.language]["nonsense"])
    assert talk.asked.endswith(f"/{slot}")
    talk.say(WORDS[script.language]["nonsense"])
    assert WORDS[script.language]["person"] in talk.titles
    talk.say(WORDS[script.language]["person"])
    assert (talk.last.ended, talk.handoff) == ("handoff", "stuck")


@each_question
def test_after_the_way_out_an_answer_still_counts(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    talk.command(Command("nothing"))
    talk.command(Command("nothing"))
    assert WORDS[script.language]["person"] in talk.titles
    before = talk.values
    talk.say(script.answers[count])
    assert talk.last.ended in ("handoff", "done") or set(talk.values) >= set(before)
    assert talk.handoff != "stuck"


@each_question
def test_silence_one_reminder_then_closed(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question = talk.question
    talk.command(Command("silence"))
    assert talk.question == question
    moved = talk.command(Command("silence"))
    assert (moved.ended, talk.run) == ("closed", None)
    assert WORDS[script.language]["closed"] in moved.says[0].text


@each_question
def test_an_answer_after_the_reminder_gets_a_new_reminder(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    talk.command(Command("silence"))
    talk.say(WORDS[script.language]["repeat"])
    moved = talk.command(Command("silence"))
    assert moved.ended == ""
    assert talk.question


@each_question
def test_resumed_after_hours(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    talk.wait(hours=6)
    moved = talk.say(script.answers[count])
    assert WORDS[script.language]["resumed"] in moved.says[0].text
    expected = talk_until(script, count + 1)
    assert set(talk.values) == set(expected.values)


@each_question
def test_thanks_in_the_middle_only_repeats(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question, slots = talk.question, talk.values
    talk.say(WORDS[script.language]["thanks"])
    assert (talk.question, talk.values) == (question, slots)


@each_script
def test_thanks_at_the_end_restarts_nothing(script: Script) -> None:
    talk = talk_until(script, len(script.answers))
    assert talk.run is None
    moved = talk.say(WORDS[script.language]["thanks"])
    assert (moved.says, moved.acts, talk.run) == ((), (), None)


@each_question
def test_an_old_button_is_answered_kindly(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question = talk.question
    moved = talk.say("", pressed="Ver catálogo de 2019")
    assert WORDS[script.language]["old"] in moved.says[0].text
    assert talk.question == question


@each_question
def test_another_flow_is_offered_in_its_place(script: Script, count: int) -> None:
    talk = talk_until(script, count)
    question = talk.question
    words = WORDS[script.language]
    talk.say(words["another" if script.flow == "pedir-cita" else "other"])
    assert len(talk.titles) == 2
    talk.say("2")
    assert talk.question == question
    talk.say(words["another" if script.flow == "pedir-cita" else "other"])
    talk.say("1")
    assert talk.run is not None
    assert talk.run.stack[0].flow == ("reclamacion" if script.flow == "pedir-cita" else "pedir-cita")


CORRECTIONS = [
    pytest.param(script, *correction, id=f"{name(script)}-{correction[0]}")
    for script in SCRIPTS
    for correction in script.corrections
]


@pytest.mark.parametrize(("script", "slot", "said", "value"), CORRECTIONS)
def test_correct_later(script: Script, slot: str, said: str, value: object) -> None:
    """At each question after the one where the slot was filled, the last confirmation among them."""
    tried = 0
    for count in range(len(script.answers)):
        talk = talk_until(script, count)
        if slot not in talk.values or talk.values[slot] == value:
            continue
        tried += 1
        kept = {n: v for n, v in talk.values.items() if n != slot}
        moved = talk.say(said)
        assert talk.values.get(slot) == value, f"after {count} answers"
        assert moved.says[0].text.startswith(WORDS[script.language]["changed"])
        assert talk.question, "the flow goes on with a question"
        assert all(talk.values.get(n) in (v, None) for n, v in kept.items())
    assert tried >= 1


@pytest.mark.parametrize("language", ["es", "en"])
def test_clarify_between_two_flows(language: Language) -> None:
    talk = Talk(language)
    talk.say(
        {"es": "Quiero pedir cita y poner una queja", "en": "I want to book an appointment and make a complaint"}[language]
    )
    assert len(talk.titles) == 2
    talk.say({"es": "poner una queja", "en": "Make a complaint"}[language])
    assert talk.run is not None
    assert talk.run.stack[0].flow == "reclamacion"
