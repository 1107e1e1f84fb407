"""responders/canned.py: fixed texts, and that none of them swallows a question."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chatbot.bodies import Assistant, CannedResponse, Content
from chatbot.reply import Attachment, ContactView, CustomerMessage, InboxView, Language, Reply, TurnInput
from chatbot.responders.canned import clean_value, fill_variables, respond
from chatbot.trace import Look

NOBODY = ContactView()
INBOX = InboxView(1, "Tienda")


def canned(key: str, text: str = "", **fields: Any) -> CannedResponse:
    return CannedResponse(key=key, texts=fields.pop("texts", {"es": text or key}), **fields)


def turn(
    *texts: str,
    entries: tuple[CannedResponse, ...],
    language: Language = "es",
    is_first: bool = False,
    contact: ContactView = NOBODY,
    inbox: InboxView = INBOX,
    persona: Assistant | None = None,
    attachments: tuple[Attachment, ...] = (),
) -> TurnInput:
    return TurnInput(
        messages=tuple(CustomerMessage(at, at, text, attachments=attachments) for at, text in enumerate(texts)),
        content=Content(canned=entries, assistant=(persona,) if persona else ()),
        language=language,
        now=datetime.now(UTC),
        is_first=is_first,
        contact=contact,
        inbox=inbox,
    )


def key_of(reply: Reply | None) -> str | None:
    return reply.sources[0].removeprefix("canned:") if reply else None


def fire(*texts: str, entries: tuple[CannedResponse, ...], **given: Any) -> str | None:
    return key_of(respond(turn(*texts, entries=entries, **given), Look("canned")))


HELLO = canned("hola", events=("new_conversation",))
THANKS = canned("gracias", events=("thanks",))
BYE = canned("adios", events=("goodbye",))
COURTEOUS = (BYE, HELLO, THANKS)


@pytest.mark.parametrize("text", ["hola", "HOLAAA!!", "Buenas tardes", "hi there", "Hola, buenos días 👋", "hola, ¿qué tal?"])
def test_a_greeting_opens_a_new_conversation(text: str) -> None:
    assert fire(text, entries=COURTEOUS, is_first=True) == "hola"
    assert fire(text, entries=COURTEOUS) is None


@pytest.mark.parametrize(
    "text", ["muchas gracias!", "vale gracias 👍", "Ok, perfecto, gracias", "thank you so much", "no, gracias"]
)
def test_nothing_but_thanks_is_thanks(text: str) -> None:
    assert fire(text, entries=COURTEOUS) == "gracias"


@pytest.mark.parametrize("text", ["ok thanks bye", "adiós", "hasta luego, gracias", "Have a nice day!"])
def test_a_goodbye_counts_before_thanks(text: str) -> None:
    assert fire(text, entries=COURTEOUS) == "adios"


@pytest.mark.parametrize("text", ["gracias, ¿y el envío?", "ok", "ayuda gracias", "thanks but it is broken", "👍", "مرحبا", ""])
def test_what_says_more_or_less_is_no_courtesy(text: str) -> None:
    assert fire(text, entries=COURTEOUS) is None


def test_a_greeting_does_not_swallow_the_question_after_it() -> None:
    entries = (*COURTEOUS, canned("saludo", exact=("hola",)))
    assert fire("hola", "¿hacéis envíos a Canarias?", entries=entries, is_first=True) is None
    assert fire("hola, ¿hacéis envíos a Canarias?", entries=entries, is_first=True) is None
    assert fire("hola", "buenas", entries=COURTEOUS, is_first=True) == "hola"
    assert fire("hola", "hola", entries=entries) == "saludo"


def test_thanks_under_a_photo_are_no_courtesy() -> None:
    assert fire("gracias", entries=COURTEOUS, attachments=(Attachment("image"),)) is None


def test_exact_takes_whole_messages_without_case_accents_and_courtesies() -> None:
    entries = (canned("horario", exact=("¿Qué horario tenéis?",)), canned("ok", exact=("👍",)))
    assert fire("que HORARIO teneis", entries=entries) == "horario"
    assert fire("hola", "¿qué horario tenéis?", "gracias", entries=entries) == "horario"
    assert fire("perdona", "una cosa más", "¿qué horario tenéis?", entries=entries) == "horario"
    assert fire("¿qué horario tenéis en agosto?", entries=entries) is None
    assert fire("👍", entries=entries) == "ok"


def test_keywords_are_whole_words_of_short_messages() -> None:
    entries = (canned("persona", keywords=("persona", "hablar con alguien"), handoff=True),)
    assert fire("quiero hablar con una Persona", entries=entries) == "persona"
    assert fire("necesito hablar con alguien ya", entries=entries) == "persona"
    assert fire("¿es personalizable?", entries=entries) is None
    assert fire("me llegó el pedido de otra persona y quería saber cómo lo devuelvo sin pagar gastos", entries=entries) is None
    assert fire("hola", "buenas tardes", "quiero hablar con una persona del equipo por favor", entries=entries) == "persona"


def test_a_handoff_is_part_of_the_reply() -> None:
    reply = respond(turn("persona", entries=(canned("persona", keywords=("persona",), handoff=True),)), Look("canned"))
    assert reply is not None
    assert reply.handoff is not None
    assert (reply.handoff.reason, reply.handoff.detail) == ("canned_handoff", "persona")


def test_patterns_ignore_case_and_a_slow_one_is_noted_and_skipped() -> None:
    entries = (
        canned("lento", patterns=(r"(a|aa)+$",)),
        CannedResponse.model_construct(
            key="mal", inboxes=(), texts={"es": "x"}, exact=(), keywords=(), patterns=("(",), events=()
        ),
        canned("pedido", patterns=(r"pedido \d{4,}",)),
    )
    look = Look("canned")
    start = time.process_time()
    reply = respond(turn("a" * 200 + "! PEDIDO 12345", entries=entries), look)
    assert key_of(reply) == "pedido"
    assert look.saw["slow_patterns"] == ["lento"]
    assert look.saw["wrong_pattern"] == "mal"
    assert time.process_time() - start < 1


def test_exact_comes_before_patterns_keywords_and_events_then_the_key() -> None:
    exact, pattern = canned("d", exact=("gracias",)), canned("c", patterns=("gracias",))
    keyword, other = canned("b", keywords=("gracias",)), canned("bb", keywords=("gracias",))
    assert fire("gracias", entries=(keyword, other, pattern, exact, THANKS)) == "d"
    assert fire("gracias", entries=(keyword, other, pattern, THANKS)) == "c"
    assert fire("gracias", entries=(keyword, other, THANKS)) == "b"


def test_an_entry_may_be_limited_to_inboxes() -> None:
    entries = (canned("uno", exact=("hola",), inboxes=(7,)),)
    assert fire("hola", entries=entries) is None
    assert fire("hola", entries=entries, inbox=InboxView(7)) == "uno"


def test_the_text_follows_the_language_then_the_assistants_then_the_only_one() -> None:
    both = canned("x", texts={"es": "Hola", "en": "Hello"}, exact=("hi",))
    english = canned("x", texts={"en": "Hello"}, exact=("hi",))
    persona = Assistant(key="a", name="A", instructions="i", default_language="en")
    for entry, language, expected in ((both, "en", "Hello"), (both, "es", "Hola"), (english, "es", "Hello")):
        reply = respond(turn("hi", entries=(entry,), language=language, persona=persona), Look("canned"))  # type: ignore[arg-type]
        assert reply is not None
        assert reply.parts[0].text == expected
        assert reply.language == ("en" if expected == "Hello" else "es")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hola {{contact.first_name}}!", "Hola!"),
        ("Hola, {{ contact.first_name }}.", "Hola."),
        ("Hola {{contact.name}}, ¿qué tal?", "Hola, ¿qué tal?"),
        ("{{contact.name}}, bienvenida", "Bienvenida"),
        ("Soy de {{inbox.name}} ({{contact.email}})", "Soy de"),
        ("Gracias {{what.ever}} por escribir", "Gracias por escribir"),
    ],
)
def test_a_missing_value_vanishes_with_its_punctuation(text: str, expected: str) -> None:
    assert fill_variables(text, ContactView(), InboxView(1)) == expected


def test_values_are_filled_in() -> None:
    contact = ContactView(name="Ana María Ruiz", email="ana_maria@tienda.es")
    text = "{{contact.first_name}} | {{contact.name}} | {{contact.email}} | {{inbox.name}}"
    assert fill_variables(text, contact, InboxView(1, "La Tienda")) == "Ana | Ana María Ruiz | ana_maria@tienda.es | La Tienda"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[Ana](https://evil.com)", "Ana https evil. com"),
        ("Ana\n\n# Hola", "Ana Hola"),
        ("{{contact.email}} {% if %}", "contact. email if"),
        ("**Ana** `x` <b>", "Ana x b"),
        ("🌸 Ana 🌸", "Ana"),
        ("+34 600 111 222", ""),
        ("J.R. O'Neill-Gómez", "J. R. O'Neill-Gómez"),
        ("\x00\ud800Ana\u202e", "Ana"),
        ("a" * 100_000, "a" * 80),
    ],
)
def test_a_name_is_plain_text(name: str, expected: str) -> None:
    assert clean_value(name) == expected


@pytest.mark.parametrize("email", ["a@b.es](https://evil.com)", "x\n@y.es", "{{a}}@b.es", "a" * 300 + "@b.es", "nada"])
def test_a_strange_address_is_left_out(email: str) -> None:
    assert fill_variables("Correo: {{contact.email}}", ContactView(email=email), InboxView(1)) == "Correo:"


@pytest.mark.parametrize("text", ["a" * 100_000, "hola " * 20_000, "\u0301" * 100_000, "\ud800\x00", "{{" * 50_000, "🎉" * 40])
def test_hostile_texts_fire_nothing_and_take_no_time(text: str) -> None:
    entries = (*COURTEOUS, canned("x", keywords=("envío",), exact=("envío",), patterns=(r"env[ií]o\s+(\w+\s)*fin",)))
    start = time.process_time()
    assert fire(text, entries=entries, is_first=True) is None
    assert time.process_time() - start < 2
