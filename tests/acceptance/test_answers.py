"""A customer writes and is answered: each responder and each mode, over the real path."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import thorough

from acceptance.box import ROOT, Box
from acceptance.conftest import Maker

LLM_QUESTION = "¿De qué color es la colcha azul de la foto tercera?"


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
        ("horario", "Abrimos de 9 a 14."),
        pytest.param("haceis envios a canarais", "Sí, enviamos a Canarias en 5 días.", marks=pytest.mark.thorough),
        pytest.param("Hola", "¡Hola! ¿En qué le ayudo?", marks=pytest.mark.thorough),
        pytest.param("Hi there", "Hi! How can I help?", marks=pytest.mark.thorough),
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


def test_three_quick_messages_get_one_reply_typebot_1453(make_box: Maker) -> None:
    box = make_box(workers=1, DEBOUNCE_SECONDS="1")
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


@pytest.mark.parametrize("kind", ["audio", "contact", *thorough("location", "file", "video")])
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
    assert [look["responder"] for look in trace["looks"]] == ["people", "topics", "flow", "media", "canned", "faq", "assistant"]
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
        *thorough({"mode": "status", "status": 401}, {"mode": "cut"}, {"mode": "close"}),
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


@pytest.mark.parametrize(
    ("mode", "outcome"), [("watch", "watched"), pytest.param("off", "ignored:off", marks=pytest.mark.thorough)]
)
def test_silent_modes_open_and_say_nothing(make_box: Maker, mode: str, outcome: str) -> None:
    box = make_box(workers=1, MODE=mode)
    conversation = ask(box, "¿Hacéis envíos a Canarias?")
    assert box.pretend.replies(conversation) == box.pretend.replies(conversation, private=True) == []
    assert box.pretend.status(conversation) == "open"
    assert box.outcomes() == [outcome]


def test_typing_is_shown_while_the_model_thinks_and_switched_off(llm_box: Box) -> None:
    assert llm_box.llm is not None
    llm_box.llm.plan(delay_s=1.5)
    conversation = ask(llm_box, "¿Con qué jabón lavo las colchas de lino?")
    llm_box.llm.reset()

    def is_shown_and_ended() -> bool:
        acts = [r for r in llm_box.pretend.history.lines() if r["act"] == "typing" and r["conversation"] == conversation]
        return [r["status"] for r in acts[-2:]] == ["on", "off"]

    llm_box.wait(is_shown_and_ended, 10, "typing was shown and is switched off")


@pytest.mark.thorough
def test_the_commands_that_a_supervisor_runs_are_the_same_and_gunicorns_own_process_stays_small(make_box: Maker) -> None:
    """Other boxes start warm. On the smallest server every tenth of the memory counts."""
    box = make_box(workers=1, is_cold=True, WEB_CONCURRENCY="1")
    assert box.texts(ask(box, "horario")) == ["Abrimos de 9 a 14."]
    box.check()
    arbiter = box.processes["web"].pid
    (web,) = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
    assert read_rss_mb(arbiter) * 2 < read_rss_mb(int(web))


def read_rss_mb(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) // 1024


@pytest.mark.thorough
def test_the_only_web_process_that_cant_start_ends_with_its_reason(make_box: Maker) -> None:
    box = make_box(workers=1, WEB_CONCURRENCY="1")
    environment = box.environment() | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    ended = subprocess.run(
        [sys.executable, "-m", "chatbot.web.server"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("DATABASE_URL: "), ended.stderr


@pytest.mark.thorough
def test_a_web_process_that_cant_start_again_ends_gunicorn_too(make_box: Maker) -> None:
    """Its supervisor waits longer each time; gunicorn itself would start it at once, for ever."""
    box = make_box(workers=1, WEB_CONCURRENCY="1")
    environment = box.environment() | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "chatbot/web/gunicorn_settings.py",
        "-b",
        "127.0.0.1:0",
        "wsgi:serve_alone()",
    ]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "DATABASE_URL: " in ended.stderr
