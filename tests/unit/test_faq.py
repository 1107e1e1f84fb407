"""knowledge/faq.py and responders/faq.py: the right answer, a question back, or nothing."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chatbot.bodies import Content, FaqEntry
from chatbot.knowledge.faq import FaqIndex, get_index
from chatbot.knowledge.similarity import stem_both
from chatbot.language import decide_language
from chatbot.length import CHANNELS, fit
from chatbot.reply import CustomerMessage, InboxView, Language, Part, Reply, TurnInput
from chatbot.responders.faq import respond
from chatbot.text import split_words
from chatbot.trace import Look


def faq(key: str, es: tuple[str, ...], en: tuple[str, ...] = (), **fields: Any) -> FaqEntry:
    questions: dict[Language, tuple[str, ...]] = {"es": es, "en": en} if en else {"es": es}
    answers: dict[Language, str] = {"es": f"Respuesta {key}.", "en": f"Answer {key}."} if en else {"es": f"Respuesta {key}."}
    return FaqEntry(key=key, questions=questions, answers=answers, **fields)


CANARIAS = faq(
    "canarias",
    ("¿Hacéis envíos a Canarias?", "¿Enviáis a las islas Canarias?", "Envío a Canarias", "¿Se puede pedir desde Canarias?"),
    ("Do you ship to the Canary Islands?", "Delivery to the Canary Islands"),
)
COST = faq(
    "gastos",
    ("¿Cuánto cuesta el envío?", "¿Cuáles son los gastos de envío?", "Precio del envío", "¿El envío es gratis?"),
    ("How much is shipping?", "Is delivery free?"),
)
DAYS = faq("30-dias", ("¿Puedo devolver un producto en 30 días?", "Devolver en 30 días", "¿Tengo 30 días para devolver?"))
CARD = faq("tarjeta", ("¿Puedo pagar con tarjeta?", "¿Aceptáis tarjeta?", "Pago con tarjeta"))
BIZUM = faq("bizum", ("¿Puedo pagar con Bizum?", "¿Aceptáis Bizum?", "Pago con Bizum"), handoff=True)
SHOP = faq("tienda", ("¿Tenéis tienda física?", "¿Dónde está la tienda?", "Dirección de la tienda"), inboxes=(9,))
ENTRIES = (DAYS, BIZUM, CANARIAS, COST, CARD, SHOP)
# made once, as the product keeps a release's: its index is built once too
CONTENT = Content(faq=ENTRIES)


def ask(
    *texts: str, language: Language = "es", entries: tuple[FaqEntry, ...] = ENTRIES, inbox: int = 9, kind: str = "created"
) -> Reply | None:
    turn = TurnInput(
        messages=tuple(CustomerMessage(at, at, text, kind) for at, text in enumerate(texts)),
        content=CONTENT if entries is ENTRIES else Content(faq=entries),
        language=language,
        now=datetime.now(UTC),
        inbox=InboxView(inbox),
    )
    return respond(turn, Look("faq"))


def sources(reply: Reply | None) -> tuple[str, ...]:
    return tuple(source.removeprefix("faq:") for source in reply.sources) if reply else ()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("¿Hacéis envíos a Canarias?", "canarias"),
        ("haceis ENVIOS a canarias", "canarias"),
        ("haceis envois a canaris?", "canarias"),
        ("Hola, buenas tardes, ¿enviáis a Canarias? Muchas gracias", "canarias"),
        ("cuanto cuestan los envios", "gastos"),
        ("quiero pagar con tarjeta", "tarjeta"),
        ("¿no tenéis tienda física?", "tienda"),
        ("puedo devolver en 30 dias?", "30-dias"),
    ],
)
def test_case_accents_typos_and_inflection_are_forgiven(text: str, key: str) -> None:
    assert sources(ask(text)) == (key,)


def test_english_questions_get_english_answers() -> None:
    reply = ask("do you ship to the canary islands", language="en")
    assert reply is not None
    assert (reply.parts[0].text, reply.language) == ("Answer canarias.", "en")
    spanish = ask("do you take cards? pago con tarjeta", language="en", entries=(CARD,))
    assert spanish is None or spanish.language == "es"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿y para Canarias?", "es"),
        ("¿y eso cuánto cuesta?", "es"),
        ("¿cuánto cuesta?", "es"),
        ("¿es gratis?", "es"),
        ("what about that one?", "en"),
        ("how about the Canary Islands?", "en"),
        ("¿cuánto?", "es"),
        ("¿y la tarjeta?", "es"),
    ],
)
def test_what_leans_on_context_is_declined(text: str, language: Language) -> None:
    assert ask(text, language=language) is None


@pytest.mark.parametrize(
    "text",
    [
        "¿hacéis envíos a Francia?",
        "¿puedo devolver un producto en 60 días?",
        "no puedo pagar con tarjeta",
        "¿puedo pagar con PayPal?",
        "¿tenéis tarjetas regalo con descuento?",
        "¿cuánto cuesta la garantía?",
        "el desarrollo económico está levantando los mercados",
        "¿tenéis tienda en Barcelona?",
    ],
)
def test_near_questions_that_are_not_in_the_faq_are_declined(text: str) -> None:
    assert ask(text) is None


def test_two_near_entries_ask_which_one_and_a_pressed_choice_answers() -> None:
    entries = (
        faq("alta", ("¿Cómo cambio la dirección de envío?", "Cambiar dirección de envío")),
        faq("baja", ("¿Cómo cambio la dirección de facturación?", "Cambiar dirección de facturación")),
    )
    reply = ask("quiero cambiar la dirección", entries=entries)
    assert reply is not None
    assert reply.parts[0].text == "¿Cuál de estas preguntas es?"
    titles = [title for title, _ in reply.parts[0].choices]
    assert sorted(titles) == ["¿Cómo cambio la dirección de envío?", "¿Cómo cambio la dirección de facturación?"]
    for title, value in reply.parts[0].choices:
        pressed = ask(value, entries=entries, kind="submitted")
        assert pressed is not None
        assert not pressed.parts[0].choices
        assert title == value


def test_messages_are_answered_together_or_each_or_by_the_last() -> None:
    assert sources(ask("hola", "¿hacéis envíos a Canarias?")) == ("canarias",)
    assert sources(ask("¿hacéis envíos a Canarias?", "¿puedo pagar con Bizum?")) == ("canarias", "bizum")
    assert sources(ask("mirad os cuento una cosa rápida", "¿hacéis envíos a Canarias?")) == ("canarias",)
    assert sources(ask("Hola. ¿Qué tal? ¿Hacéis envíos a Canarias? ¿Puedo pagar con Bizum?")) == ("canarias", "bizum")
    assert ask("¿vendéis bicicletas eléctricas?", "¿hacéis envíos a Canarias?") is None


ORDERS = (
    faq("cancelar", ("¿Cómo cancelo un pedido?", "Quiero anular mi compra", "¿Hasta cuándo puedo anular el pedido?")),
    faq(
        "devolver",
        ("¿Puedo devolver un producto?", "No me gusta lo que he comprado, ¿cómo lo devuelvo?", "Devolver una compra"),
    ),
    faq("plazo", ("¿Cuánto tarda en llegar un pedido?", "¿En cuántos días lo recibiré?", "¿Cuál es el plazo de entrega?")),
    faq("dentro", ("¿Hacéis envíos a Canarias?", "Envío a Canarias", "¿Mandáis cosas a Canarias?")),
)


@pytest.mark.parametrize(
    ("texts", "key"),
    [
        (("perdona", "una cosa más", "¿cómo devuelvo un producto?"), "devolver"),
        (("oye", "a ver", "quería saber", "cuánto tarda en llegar un pedido"), "plazo"),
        (
            ("Hola, perdona que te moleste otra vez, quería hacerte una pregunta: ¿cómo cancelo un pedido? Por favor",),
            "cancelar",
        ),
        (("quiero devolver", "un producto"), "devolver"),
        (("hi", "quick question", "one more thing", "¿hacéis envíos a Canarias?", "please"), "dentro"),
    ],
)
def test_what_leads_in_to_a_question_counts_for_nothing(texts: tuple[str, ...], key: str) -> None:
    assert sources(ask(*texts, entries=ORDERS)) == (key,)


def test_nothing_but_lead_ins_is_declined() -> None:
    assert ask("perdona", "una cosa más", entries=ORDERS) is None


def test_a_lead_in_doesnt_bring_the_wrong_entry() -> None:
    assert sources(ask("perdona", "una cosa más", "¿cómo devuelvo un pedido?", entries=ORDERS)) in [("devolver",), ()]


def test_a_message_before_that_rules_the_answer_out_is_heard() -> None:
    assert ask("vivo en Marruecos", "¿cuánto tarda en llegar un pedido?", entries=ORDERS) is None
    assert ask("¿vendéis colchones?", "cuánto tarda en llegar un pedido", entries=ORDERS) is None


def test_messages_that_mean_different_entries_are_answered_each() -> None:
    assert sources(ask("quiero cancelar un pedido", "¿hacéis envíos a Canarias?", entries=ORDERS)) == ("cancelar", "dentro")


def test_a_price_isnt_answered_with_a_time() -> None:
    assert ask("¿cuánto cuesta llegar un pedido?", entries=ORDERS) is None
    assert ask("¿dónde cancelo un pedido?", entries=ORDERS) is None


def test_a_denial_counts_only_in_its_own_clause() -> None:
    assert sources(ask("compré unas toallas", "¿cómo las devuelvo?", entries=ORDERS)) == ("devolver",)
    denied = faq("inutil", ("eso no ayuda", "quiero una persona", "un humano"))
    assert ask("ayuda", entries=(*ORDERS, denied)) is None


def test_the_look_says_what_lowered_a_score() -> None:
    look = Look("faq")
    turn = TurnInput((CustomerMessage(1, 1, "¿cómo anulo la suscripción?"),), Content(faq=ORDERS), "es", datetime.now(UTC))
    assert respond(turn, look) is None
    assert "unexplained" in look.saw["candidates"][0][3]


def test_a_vowel_that_changes_in_a_verb_is_the_same_verb() -> None:
    assert stem_both("devuelvo")[0] == stem_both("devolver")[0]
    assert stem_both("cuesta")[0] == stem_both("costar")[0]


def test_an_entry_may_be_limited_to_inboxes_and_may_hand_over() -> None:
    assert ask("¿tenéis tienda física?", inbox=1) is None
    reply = ask("¿aceptáis bizum?")
    assert reply is not None
    assert reply.handoff is not None
    assert (reply.handoff.reason, reply.handoff.detail) == ("faq_handoff", "bizum")


def test_the_look_says_what_was_near() -> None:
    look = Look("faq")
    turn = TurnInput((CustomerMessage(1, 1, "¿hacéis envíos a Francia?"),), Content(faq=ENTRIES), "es", datetime.now(UTC))
    assert respond(turn, look) is None
    assert look.why
    assert look.saw["candidates"][0][0] == "canarias"


def test_the_index_is_built_once_for_a_content() -> None:
    assert get_index(ENTRIES) is get_index(ENTRIES)
    assert get_index((*ENTRIES, CARD)) is not get_index(ENTRIES)


@pytest.mark.thorough
def test_two_hundred_entries_are_built_and_asked_fast() -> None:
    words = split_words(
        "envío pedido talla color precio tienda factura pago cambio plazo cuenta garantía regalo bolsa camisa zapato"
    )
    entries = tuple(
        faq(
            f"e{n}",
            tuple(f"¿Cómo es el {words[n % 16]} {words[n // 16 % 16]} del artículo {words[(n + k) % 16]}?" for k in range(4)),
        )
        for n in range(200)
    )
    start = time.process_time()
    index = FaqIndex(entries)
    assert time.process_time() - start < 3
    start = time.process_time()
    for _ in range(20):
        index.match("¿qué plazo tiene la garantía de los zapatos?", "es")
    assert (time.process_time() - start) / 20 < 0.05


@pytest.mark.parametrize(
    "text", ["", " ", "a" * 100_000, "hola " * 20_000, "\u0301" * 100_000, "\ud800\x00", "مرحبا", "🎉" * 40, "?" * 5_000]
)
def test_hostile_texts_are_declined_fast(text: str) -> None:
    start = time.process_time()
    assert ask(text) is None
    assert time.process_time() - start < 2


def test_naughty_strings_find_no_answer_and_break_nothing() -> None:
    path = Path(__file__).resolve().parents[2].parent / "shared" / "badinput" / "blns.json"
    if not path.exists():
        pytest.skip(f"the strings aren't here: {path}")
    for text in json.loads(path.read_text("utf-8")):
        language, _ = decide_language(text)
        assert ask(text, language=language) is None
        for channel in CHANNELS:
            assert all(part.text.strip() for part in fit(Reply((Part(text),), language, "assistant"), "short", channel))
