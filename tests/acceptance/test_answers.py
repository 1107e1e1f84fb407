"""A customer writes and is answered: each responder and each mode, over the real path."""

from __future__ import annotations

import time

import pytest

from acceptance.box import Box
from acceptance.conftest import Maker

LLM_QUESTION = "¿De qué color es el jarrón azul de la foto tercera?"


def ask(box: Box, *texts: str | None, **facts: object) -> int:
    """Writes the texts as one customer and waits for the outcome. Returns the conversation."""
    said = box.pretend.customer(texts[0], **facts)  # type: ignore[arg-type]
    for text in texts[1:]:
        box.pretend.customer(text, conversation=said["conversation"])
    box.settle()
    return said["conversation"]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("¿Hacéis envíos a Canarias?", "Sí, enviamos a Canarias en 5 días."),
        ("haceis envios a canarais", "Sí, enviamos a Canarias en 5 días."),
        ("horario", "Abrimos de 9 a 14."),
        ("Hola", "¡Hola! ¿En qué le ayudo?"),
        ("Hi there", "Hi! How can I help?"),
    ],
)
def test_fixed_answers_need_no_model(box: Box, text: str, reply: str) -> None:
    conversation = ask(box, text)
    assert box.texts(conversation) == [reply]
    assert box.pretend.status(conversation) == "pending"
    box.check()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("horario", ("answered", "canned")), ("¿Cuál es la capital de Mongolia exterior?", ("handed_off", "fallback"))],
)
def test_the_conversation_keeps_what_its_last_turn_came_to(box: Box, text: str, outcome: tuple[str, str]) -> None:
    """By these the panel's list filters, without reading turns."""
    conversation = ask(box, text)
    rows = box.rows("SELECT last_state, last_responder FROM conversation WHERE chatwoot_id = :id", id=conversation)
    assert [(row["last_state"], row["last_responder"]) for row in rows] == [outcome]


def test_an_article_is_quoted_without_a_model(box: Box) -> None:
    conversation = ask(box, "¿Las colchas de algodón se lavan con lejía o con jabón neutro?")
    (text,) = box.texts(conversation)
    assert "jabón neutro" in text
    assert "https://tienda.example/colchas" in text


def test_unknown_is_said_honestly_and_handed_off_chatwoot_13178(box: Box) -> None:
    conversation = ask(box, "¿Cuál es la capital de Mongolia exterior?")
    assert len(box.texts(conversation)) == 1
    assert box.pretend.status(conversation) == "open"
    assert len(box.notes(conversation)) == 1
    box.check()


def test_asking_for_a_person_opens_then_notes_then_says_so(box: Box) -> None:
    conversation = ask(box, "quiero hablar con una persona")
    acts = [
        line["act"] if line["act"] != "post_stored" else ("note" if line["private"] else "text")
        for line in box.pretend.history.lines()
        if line.get("conversation") == conversation and line["act"] in {"status_changed", "post_stored"}
    ]
    assert acts == ["status_changed", "note", "text"]
    assert box.texts(conversation) == ["Enseguida le atiende alguien."]


def test_three_quick_messages_get_one_reply_typebot_1453(box: Box) -> None:
    conversation = ask(box, "hola", "una pregunta", "¿hacéis envíos a Canarias?")
    assert box.texts(conversation) == ["Sí, enviamos a Canarias en 5 días."]


def test_five_photos_get_one_reply(box: Box) -> None:
    photo = [{"file_type": "image", "data_url": "https://chatwoot.example/x.jpg"}]
    said = box.pretend.customer(None, attachments=photo)
    for _ in range(4):
        box.pretend.customer(None, conversation=said["conversation"], attachments=photo)
    box.settle()
    assert len(box.texts(said["conversation"])) == 1
    assert box.pretend.status(said["conversation"]) == "open"


@pytest.mark.parametrize("kind", ["audio", "location", "file", "video", "contact"])
def test_media_without_words_are_handed_off_honestly(box: Box, kind: str) -> None:
    conversation = ask(box, "Luis Peña" if kind == "contact" else None, attachments=[{"file_type": kind}])
    assert len(box.texts(conversation)) == 1
    assert box.pretend.status(conversation) == "open"


def test_fifty_conversations_debounce_on_four_threads(box: Box) -> None:
    begun = time.monotonic()
    said = [box.pretend.customer("¿Hacéis envíos a Canarias?") for _ in range(50)]
    box.settle(30)
    took = time.monotonic() - begun
    assert all(box.texts(s["conversation"]) == ["Sí, enviamos a Canarias en 5 días."] for s in said)
    assert took < 50 * 0.3, "debouncing conversations must not hold threads"
    box.check()


def test_a_pressed_button_is_answered_at_once(make_box: Maker) -> None:
    box = make_box(workers=1, DEBOUNCE_SECONDS="60", DEBOUNCE_MAX_S="90")
    said = box.pretend.customer("hola")
    box.pretend.inject(
        said["conversation"],
        "¿Qué necesita?",
        sender=("AgentBot", box.pretend.bot.id),
        content_type="input_select",
        content_attributes={"items": [{"title": "horario", "value": "h"}], "mostrador": "1-1-1-abc"},
    )
    pressed = box.pretend.messages(said["conversation"])[-1]
    box.pretend.press(pressed.id, "h")
    box.wait(lambda: "Abrimos de 9 a 14." in box.texts(said["conversation"]), 8, "the press is answered without waiting")


def test_the_assistant_answers_from_an_article(llm_box: Box) -> None:
    conversation = ask(llm_box, "¿Qué jabón me recomendáis para las colchas que os compré?")
    assert len(llm_box.texts(conversation)) == 1
    trace = llm_box.rows("SELECT body FROM turn_trace ORDER BY turn_id DESC LIMIT 1")[0]["body"]
    assert [look["responder"] for look in trace["looks"]] == ["media", "topics", "canned", "faq", "assistant"]
    assert trace["version"] == 1
    llm_box.check()


def test_personal_data_never_reaches_the_model(llm_box: Box) -> None:
    assert llm_box.llm is not None
    ask(llm_box, "¿Qué jabón va bien para mis colchas? Mi correo es marina.soler@example.org y mi móvil 612 345 678")
    seen = str(llm_box.llm.requests[-1])
    assert "colchas" in seen
    assert "marina.soler" not in seen
    assert "612 345 678" not in seen


@pytest.mark.parametrize(
    "plan",
    [
        {"mode": "half_json"},
        {"mode": "status", "status": 500},
        {"mode": "status", "status": 401},
        {"mode": "cut"},
        {"mode": "close"},
    ],
)
def test_a_failing_model_is_never_seen_by_the_customer(llm_box: Box, plan: dict[str, object]) -> None:
    assert llm_box.llm is not None
    llm_box.llm.plan(**plan)
    conversation = ask(llm_box, LLM_QUESTION)
    llm_box.llm.reset()
    assert len(llm_box.texts(conversation)) == 1
    assert llm_box.pretend.status(conversation) == "open"
    assert not any(word in llm_box.texts(conversation)[0].lower() for word in ("error", "json", "exception", "500"))
    llm_box.check()


def test_suggest_opens_and_notes_the_reply_also_for_later_messages(make_box: Maker) -> None:
    box = make_box(workers=1, MODE="suggest")
    conversation = ask(box, "¿Hacéis envíos a Canarias?")
    box.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    box.settle()
    assert box.texts(conversation) == []
    assert len(box.notes(conversation)) == 2
    assert "5 días" in box.notes(conversation)[0]
    assert "30 días" in box.notes(conversation)[1]
    assert box.pretend.status(conversation) == "open"
    assert box.outcomes() == ["suggested", "suggested"]


@pytest.mark.parametrize(("mode", "outcome"), [("watch", "watched"), ("off", "ignored:off")])
def test_silent_modes_open_and_say_nothing(make_box: Maker, mode: str, outcome: str) -> None:
    box = make_box(workers=1, MODE=mode)
    conversation = ask(box, "¿Hacéis envíos a Canarias?")
    assert box.pretend.replies(conversation) == box.pretend.replies(conversation, private=True) == []
    assert box.pretend.status(conversation) == "open"
    assert box.outcomes() == [outcome]


def test_typing_is_shown_while_the_model_thinks_and_switched_off(llm_box: Box) -> None:
    assert llm_box.llm is not None
    llm_box.llm.plan(delay_s=1.5)
    ask(llm_box, "¿Con qué jabón lavo las colchas de lino?")
    llm_box.llm.reset()
    typing = [line["status"] for line in llm_box.pretend.history.lines() if line["act"] == "typing"]
    assert typing[-2:] == ["on", "off"]
