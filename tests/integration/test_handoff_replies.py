"""What goes to people at once, through the pipeline: who speaks, what is promised, what is said out of hours, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from chatbot.bodies import Assistant, CannedResponse, Content, FaqEntry
from chatbot.content import load_content, publish, save_drafts
from chatbot.llm import Means
from chatbot.moods import read_mood
from chatbot.pipeline import make_reply
from chatbot.rehearse import rehearse
from chatbot.reply import ContactView, CustomerMessage, Handoff, HistoryLine, InboxView, Language, Part, Reply, TurnInput
from chatbot.responders.people import is_repeated
from chatbot.settings import Settings
from chatbot.texts import get_text
from chatbot.trace import Trace
from chatbot.vetting import keep_promise, stop_repeating, tell_hours, vet

EVAL = Path(__file__).resolve().parents[2].parent / "shared" / "eval"
NIGHT = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)  # a Saturday, 3:00 in Madrid
DAY = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
SHOP = Settings(hours=("mon-fri 9:00-14:00, 17:00-20:30",), closures=("30/11",))
ANSWER = "Sí, enviamos a Canarias en 5 días."


@pytest.fixture(scope="module")
def own_engine(make_database_for_session: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(make_database_for_session())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def content(own_engine: Engine) -> Content:
    bodies = (
        CannedResponse(key="precio", texts={"es": "Desde 20 €.", "en": "From 20 €."}, keywords=("precio", "price")),
        CannedResponse(key="luego", texts={"es": "Ahora te paso con un compañero."}, exact=("averia",)),
        CannedResponse(key="rota", texts={"es": "Guarda la caja."}, exact=("llego rota",), handoff=True),
        FaqEntry(key="canarias", questions={"es": ("¿Hacéis envíos a Canarias?",)}, answers={"es": ANSWER}),
        Assistant(key="lola", name="Lola", instructions="Somos una tienda."),
    )
    with own_engine.begin() as connection:
        save_drafts(connection, bodies)
        return load_content(connection, publish(connection))


def make_turn(content: Content, text: str, language: Language = "es", now: datetime = NIGHT, **more: Any) -> TurnInput:
    message = CustomerMessage(seq=1, chatwoot_id=1, text=text, kind=more.pop("kind", "created"))
    return TurnInput((message,), content, language, now, inbox=InboxView(1), **more)


def reply_to(engine: Engine, content: Content, text: str, settings: Settings, **more: Any) -> tuple[Reply, Trace]:
    return make_reply(make_turn(content, text, **more), Means(engine, settings))


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("¿Qué precio tiene? Quiero hablar con una persona", "es", "asked"),
        ("I want to talk to a human about the price", "en", "asked"),
        ("vaya mierda de precio, sois unos ladrones", "es", "upset"),
        ("your price is a joke, you are useless", "en", "upset"),
        ("me quiero morir", "es", "sensitive"),
        ("I want to kill myself", "en", "sensitive"),
    ],
)
def test_people_come_before_a_template_that_would_fire(
    own_engine: Engine, content: Content, text: str, language: Language, reason: str
) -> None:
    reply, trace = reply_to(own_engine, content, text, Settings(), language=language)
    assert (reply.responder, reply.handoff and reply.handoff.reason) == ("people", reason)
    assert [look.responder for look in trace.looks] == ["people"]
    assert reply.language == language


def test_a_danger_by_night_keeps_the_owners_text_whole_and_says_when_somebody_is_there(
    own_engine: Engine, content: Content
) -> None:
    settings = SHOP.model_copy(update={"sensitive_text": "Llama al 024."})
    reply, _ = reply_to(own_engine, content, "no quiero seguir viviendo", settings, contact=ContactView(email="a@b.es"))
    assert [part.text for part in reply.parts] == [
        "Llama al 024.",
        "Ahora no hay nadie: el equipo vuelve el martes 1 a las 9:00 y responderá por aquí.",
    ]
    general, _ = reply_to(own_engine, content, "I want to die", SHOP, language="en", contact=ContactView(phone="+34600000000"))
    assert "emergency number" in general.parts[0].text
    assert "the team is back on Tuesday 1 at 9:00" in general.parts[0].text


def test_a_label_that_goes_to_people(own_engine: Engine, content: Content) -> None:
    settings = Settings(people_labels=("VIP", "prensa"))
    reply, _ = reply_to(own_engine, content, "precio", settings, labels=("otra", "vip"))
    assert reply.handoff is not None
    assert (reply.handoff.reason, reply.handoff.detail) == ("label", "vip")
    assert reply_to(own_engine, content, "precio", settings, labels=("vips",))[0].responder == "canned"


def test_an_owners_template_that_hands_over_is_said_whole_with_hours_behind_it(own_engine: Engine, content: Content) -> None:
    reply, _ = reply_to(own_engine, content, "llegó rota", SHOP)
    away, reach = "Ahora no hay nadie: el equipo vuelve el martes 1 a las 9:00", get_text("say.reach", "es")
    assert reply.parts[0].text == "Guarda la caja."
    assert reply.parts[1].text.startswith(away)
    assert reply.parts[1].text.endswith(reach)
    by_day = SHOP.model_copy(update={"closures": ()})
    assert [p.text for p in reply_to(own_engine, content, "llegó rota", by_day, now=DAY)[0].parts] == ["Guarda la caja."]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("quiero un agente", {"contact": ContactView(email="a@b.es")}),
        ("quiero un agente", {"contact": ContactView(phone="+34600112233")}),
        ("quiero un agente, mi correo es ana@example.com", {}),
        ("quiero un agente, soy el 600 11 22 33", {}),
        ("quiero un agente", {"history": (HistoryLine("assistant", f"Hola. {get_text('say.reach', 'es')}"),)}),
        ("quiero un agente", {"history": (HistoryLine("customer", "Soy Ana, 612 345 678"), HistoryLine("assistant", "Vale."))}),
        ("quiero un agente", {"history": (HistoryLine("customer", "ana@example.com"),)}),
    ],
)
def test_an_address_is_asked_for_only_where_none_is_known_and_once(
    own_engine: Engine, content: Content, text: str, more: dict[str, Any]
) -> None:
    reach = get_text("say.reach", "es")
    assert reach in reply_to(own_engine, content, "quiero un agente", SHOP)[0].parts[0].text
    reply, _ = reply_to(own_engine, content, text, SHOP, **more)
    assert reach not in reply.parts[0].text
    assert "Ahora no hay nadie" in reply.parts[0].text


@pytest.mark.parametrize(
    "line", [HistoryLine("customer", "pedido 20451800, del 2026-11-01"), HistoryLine("agent", "600 11 22 33")]
)
def test_what_is_no_address_of_the_customer_leaves_one_to_be_asked_for(
    own_engine: Engine, content: Content, line: HistoryLine
) -> None:
    reply, _ = reply_to(own_engine, content, "quiero un agente", SHOP, history=(line,))
    assert get_text("say.reach", "es") in reply.parts[0].text


def test_a_business_that_stays_closed_names_no_time(content: Content) -> None:
    settings = SHOP.model_copy(update={"closures": ("2026-01-01..2030-01-01",)})
    turn = make_turn(content, "x", contact=ContactView(email="a@b.es"))
    reply = tell_hours(turn, Reply((Part(get_text("say.unsure", "es")),), "es", "fallback", Handoff("unsure")), settings)
    assert reply.parts[0].text == (
        "No tengo una respuesta segura a eso. Paso esta conversación al equipo. "
        "Ahora no hay nadie, pero el mensaje queda guardado y tendrá respuesta por aquí."
    )


def test_the_test_bot_says_the_same(own_engine: Engine, content: Content) -> None:
    _, fitted, trace = rehearse(Means(own_engine, SHOP), content, "quiero hablar con una persona", moment=NIGHT)
    assert "Ahora no hay nadie" in fitted[0].text
    assert trace.notes["vetted"] == "hours"


@pytest.mark.parametrize(
    ("text", "is_promise"),
    [
        ("Ahora te paso con un compañero.", True),
        ("Le paso con una persona del equipo.", True),
        ("Paso tu consulta a nuestro equipo.", True),
        ("Aviso ahora mismo a una persona.", True),
        ("I'll transfer you to a colleague.", True),
        ("I'm connecting you with our team.", True),
        ("Let me pass you over to an agent.", True),
        ("Si quieres, te paso con un compañero.", False),
        ("Puedo pasarte con un compañero.", False),
        ("¿Te paso el enlace?", False),
        ("Te paso la dirección: calle Mayor, 1.", False),
        ("If you like, I'll connect you with a colleague.", False),
        ("I'll put the kettle on for our team.", False),
        ("Nuestro equipo responde en 24 horas.", False),
        ("En la tienda te atenderá una persona.", False),
        ("Our team will love it.", False),
    ],
)
def test_a_promised_handoff_is_done(text: str, is_promise: bool) -> None:
    kept = keep_promise(Reply((Part(text),), "es", "faq"))
    assert (kept.handoff is not None) == is_promise
    assert kept.parts == (Part(text),)


def test_what_a_model_says_of_others_is_a_promise_too() -> None:
    for text in ("Te responderá alguien enseguida.", "A colleague from our team will reply soon.", "Te atenderá una persona."):
        kept = keep_promise(Reply((Part(text),), "es", "assistant"))
        assert kept.handoff is not None
        assert kept.handoff.reason == "promised"


def test_a_template_that_promises_and_does_not_say_so_becomes_a_handoff(own_engine: Engine, content: Content) -> None:
    reply, trace = reply_to(own_engine, content, "avería", Settings())
    assert reply.handoff is not None
    assert (reply.responder, reply.handoff.reason, trace.notes["vetted"]) == ("canned", "promised", "promised")


ONCE = (
    HistoryLine("customer", "¿Hacéis envíos a Canarias?"),
    HistoryLine("assistant", "**Sí**, enviamos a Canarias en 5 días."),
)


@pytest.mark.parametrize(
    ("asked", "history", "is_stopped"),
    [
        ("¿Y a Tenerife?", ONCE, True),
        ("¿hacéis envíos a canarias?", ONCE, False),  # the same question may get the same answer
        ("vale, gracias", ONCE, False),
        ("¿Y a Tenerife?", (*ONCE, HistoryLine("customer", "ok"), HistoryLine("assistant", "¡De nada!")), False),
        ("¿Y a Tenerife?", (*ONCE, HistoryLine("agent", "Lo miro.")), False),
        ("¿Y a Tenerife?", (), False),
    ],
)
def test_the_same_answer_is_not_given_to_something_else(
    content: Content, asked: str, history: tuple[HistoryLine, ...], is_stopped: bool
) -> None:
    reply = stop_repeating(make_turn(content, asked, history=history), Reply((Part(ANSWER),), "es", "faq"))
    assert (reply.handoff is not None) == is_stopped
    assert (reply.parts[0].text == ANSWER) != is_stopped


def test_buttons_and_flows_may_say_the_same_again(content: Content) -> None:
    turn = make_turn(content, "¿Y a Tenerife?", history=ONCE)
    for reply in (Reply((Part(ANSWER, (("Sí", "si"),)),), "es", "faq"), Reply((Part(ANSWER),), "es", "flow")):
        assert vet(turn, reply, Settings(), Trace()) is reply


@pytest.mark.parametrize(
    ("before", "now", "kind", "is_third"),
    [
        (["¿Dónde está mi pedido?", "donde esta mi pedido"], "¿¿Donde esta mi pedido??", "created", True),
        (["¿Dónde está mi pedido?"], "¿Dónde está mi pedido?", "created", False),
        (["¿Dónde está mi pedido?", "¿Dónde está mi factura?"], "¿Dónde está mi pedido?", "created", False),
        (["hola", "hola"], "hola", "created", False),
        (["muchas gracias", "muchas gracias"], "muchas gracias", "created", False),
        (["Sí, seguro", "Sí, seguro"], "Sí, seguro", "submitted", False),
    ],
)
def test_the_third_time_of_the_same(content: Content, before: list[str], now: str, kind: str, is_third: bool) -> None:
    history = tuple(HistoryLine("customer", text) for text in before)
    assert is_repeated(make_turn(content, now, history=history, kind=kind)) == is_third


def read_questions(name: str) -> list[tuple[str, str]]:
    """(intent or "", question) of the public sets."""
    data = json.loads((EVAL / name).read_text("utf-8"))["data"]
    if "intent" in data[0]:
        return [(i["intent"], t) for i in data for t in (*i.get("utterances", ()), *i.get("tests", ())) if isinstance(t, str)]
    return [("", q["question"]) for a in data for p in a["paragraphs"] for q in p["qas"]]


@pytest.mark.parametrize("name", ["nlpjs.corpus50.es.json", "xquad.es.json", "xquad.en.json"])
def test_no_question_of_the_public_sets_raises_an_alarm(name: str) -> None:
    if not EVAL.is_dir():
        pytest.skip("the public sets aren't here")
    found = [(intent, text, mood) for intent, text in read_questions(name) if (mood := read_mood(text))]
    right = {"support.live": "asked", "smalltalk.bad": "upset", "smalltalk.angry": "upset"}
    assert [line for line in found if right.get(line[0]) != line[2]] == []
    assert bool(found) == name.startswith("nlpjs")
