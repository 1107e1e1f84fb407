"""Several messages in one turn: an answer each where that is certain, else one saying; numbers of a list; a late change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flow_talk import REVISION, Talk, make_flow_book, read_flow

from chatbot.bodies import Content
from chatbot.flows.run import Run, WishResult
from chatbot.reply import CustomerMessage, HistoryLine, InboxView, TurnInput
from chatbot.responders.flow_messages import group, list_numbered, split_answers

FLOW = read_flow("""
key: cita
title: {es: Cita}
start: {phrases: {es: [cita]}}
slots:
  nombre: {type: text, label: {es: el nombre}}
  correo: {type: email, label: {es: el correo}}
  dia: {type: date, label: {es: el día}}
  hora: {type: time, label: {es: la hora}}
  gente: {type: number, label: {es: cuántos}}
  como: {type: choice, label: {es: cómo}}
  calle: {type: address, label: {es: la dirección}}
steps:
- {id: quien, do: ask, slot: nombre, text: {es: "¿Nombre?"}}
- {id: correo, do: ask, slot: correo, text: {es: "¿Correo?"}}
- {id: cuando, do: ask, slot: dia, text: {es: "¿Día?"}}
- {id: hora, do: ask, slot: hora, text: {es: "¿Hora?"}}
- {id: cuantos, do: ask, slot: gente, text: {es: "¿Cuántos?"}}
- {id: como, do: choose, slot: como, text: {es: "¿Cómo?"}, options: [{value: solo, title: {es: Solo}}, {value: leche, title: {es: Con leche}}]}
- {id: donde, do: ask, slot: calle, text: {es: "¿Dónde?"}}
- {id: reserva, do: call, method: POST, url: "https://shop.example/x", on_error: fin}
- {id: otro, do: confirm, text: {es: "¿Vale?"}}
- {id: fin, do: end, text: {es: Hecho}}
""")  # noqa: E501
BOOK = make_flow_book(FLOW)
LINES = ("cita", "Ana", "ana@x.es", "mañana", "a las 5", "3", "solo", "calle Mayor 3, Madrid")


def talk_at(question: int) -> Talk:
    """question: 1 for the name's."""
    talk = Talk("es", BOOK, granting=lambda _wish: WishResult("ok", {}))
    for line in LINES[:question]:
        talk.say(line)
    return talk


def messages(*texts: str) -> list[CustomerMessage]:
    return [CustomerMessage(n, n, text) for n, text in enumerate(texts, 1)]


def split(talk: Talk, *texts: str) -> list[list[str]]:
    return [[m.text for m in part] for part in split_answers(messages(*texts), talk.book, talk.run, talk.world)]


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        (1, ("Ana Ruiz", "ana@x.es")),
        (1, ("Ana", "ana@x.es", "mañana")),
        (2, ("ana@x.es", "el martes")),
        (3, ("mañana", "a las 5")),
        (4, ("a las 5", "3")),
        (5, ("3", "con leche")),
    ],
)
def test_each_of_two_quick_answers_is_one_of_its_own(question: int, texts: tuple[str, ...]) -> None:
    talk = talk_at(question)
    assert split(talk, *texts) == [[text] for text in texts]
    for text in texts:
        before = len(talk.values)
        talk.say(text)
        assert len(talk.values) == before + 1


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        (1, ("Ana", "Ruiz")),  # a name in two pieces
        (3, ("mañana", "bueno, el jueves")),  # an afterthought
        (3, ("mañana", "si puede ser")),
        (5, ("3", "4")),  # the first number put right
        (6, ("solo", "calle Mayor 3")),  # any words would do for an address that nobody has asked for yet
        (7, ("calle Mayor 3", "28001 Madrid")),
        (2, ("hola", "ana@x.es")),
        (2, ("ana@x.es", "gracias")),
        (2, ("ana@x.es", "¿cuánto tarda un envío?")),
    ],
)
def test_what_may_belong_together_stays_one_saying(question: int, texts: tuple[str, ...]) -> None:
    assert split(talk_at(question), *texts) == [list(texts)]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("number", ("Necesito sillas", "tengo 3 hijos")),
        ("number", ("Una mesa", "es para 6")),
        ("yes_no", ("Ana", "vale")),
        ("yes_no", ("es para regalo", "no, para mí")),
    ],
)
def test_behind_free_text_a_figure_or_a_yes_may_be_more_of_it(kind: str, texts: tuple[str, ...]) -> None:
    flow = read_flow(f"""
key: pide
title: {{es: Pedir}}
start: {{phrases: {{es: [pedir]}}}}
slots:
  que: {{type: text, label: {{es: qué}}}}
  luego: {{type: {kind}, label: {{es: luego}}}}
steps:
- {{id: a, do: ask, slot: que, text: {{es: "¿Qué?"}}}}
- {{id: b, do: ask, slot: luego, text: {{es: "¿Luego?"}}}}
- {{id: fin, do: end, text: {{es: Hecho}}}}
""")
    talk = Talk("es", make_flow_book(flow))
    talk.say("pedir")
    assert split(talk, *texts) == [list(texts)]


def test_outside_of_a_flow_all_is_one_saying_and_buttons_stand_alone() -> None:
    written = messages("hola", "cita")
    assert list(split_answers(written, BOOK, None, talk_at(1).world)) == [written]
    pressed = CustomerMessage(3, 3, "Ver", "submitted")
    mixed = [*messages("uno", "dos"), pressed, *messages("tres")]
    assert [[m.text for m in part] for part in group(mixed)] == [["uno", "dos"], ["Ver"], ["tres"]]


LISTED = "¿Cuál de estas es?\n1. Envíos a Canarias\n2. Envíos a Europa"


def ask(text: str, said: str = LISTED, channel: str = "Channel::Email", who: str = "assistant") -> list[str]:
    history = (HistoryLine("customer", "envíos"), HistoryLine(who, said))  # type: ignore[arg-type]
    turn = TurnInput(tuple(messages(text)), Content(), "es", datetime.now(UTC), history, inbox=InboxView(1, "", channel))
    return list_numbered(turn)


def test_a_numbered_list_is_known_again_where_there_are_no_buttons() -> None:
    titles = ["Envíos a Canarias", "Envíos a Europa"]
    for text in ("2", "la segunda", "el 2 por favor"):
        assert ask(text) == titles
    assert ask("2", channel="Channel::WebWidget") == []
    assert ask("2", who="agent") == []
    assert ask("2", said="Pasos:\n1. Abre\n2. Cierra\n\nYa está.") == []
    assert ask("2", said="1. Solo una") == []
    assert ask("¿cuánto cuestan los envíos a Europa?") == []
    assert ask("y cuánto cuestan los envíos a Europa") == []


def test_the_team_is_told_which_change_came_too_late() -> None:
    for said, wanted in (("mejor el lunes", "lunes"), ("vuelve atrás", "la dirección")):
        talk = talk_at(8)
        assert talk.run is not None
        assert talk.run.done
        talk.say(said)
        ((reason, note),) = [act.value for act in talk.last.acts if act.kind == "handoff"]
        assert reason == "too_late"
        first = note.splitlines()[0]
        assert first.startswith("Quiere cambiar algo que ya estaba hecho: ")
        assert wanted in first, first


def test_a_run_notes_each_way_once() -> None:
    talk = talk_at(3)
    assert isinstance(talk.run, Run)
    assert talk.run.walked == ("cita/>quien", "cita/quien>correo", "cita/correo>cuando")
    talk.say("vuelve atrás")
    assert talk.last.walked == ()
    talk.say("otra@x.es")
    assert talk.last.walked == ()
    talk.say("mañana")
    assert [tuple(way) for way in talk.last.walked] == [("cita", REVISION, "cuando", "hora")]
