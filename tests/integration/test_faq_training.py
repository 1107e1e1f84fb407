"""The FAQ's model: trained by a command or the worker's loop, found again by what the FAQ says, used by the responder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import ROOT, SECRET_KEY
from flask import Flask
from sqlalchemy import select, text
from standins.embedders import Embedder

from chatbot.bodies import FaqEntry
from chatbot.content import live_release_id, load_content, publish, roll_back, save_drafts, select_spoken
from chatbot.db import db, statements
from chatbot.faq_training import Trainer, list_wanted, train_and_store
from chatbot.knowledge.faq_store import find_trained, get_model
from chatbot.llm import Means
from chatbot.models import TrainedFaq
from chatbot.rehearse import rehearse
from chatbot.reply import HistoryLine
from chatbot.settings import Settings


def faq(key: str, *questions: str, answer: str = "") -> FaqEntry:
    return FaqEntry(key=key, questions={"es": questions}, answers={"es": answer or f"Respuesta {key}."})


ENTRIES = (
    faq("canarias", "¿Hacéis envíos a Canarias?", "¿Enviáis a las islas Canarias?", "Envío a Canarias", "¿Llega a Canarias?"),
    faq(
        "coste",
        "¿Cuánto cuesta el envío?",
        "¿Cuáles son los gastos de envío?",
        "Precio del envío",
        answer="El envío cuesta 4 €.",
    ),
    faq("devolver", "¿Puedo devolver un pedido?", "Quiero devolver un artículo", "¿Cómo hago una devolución?"),
    faq("pago", "¿Cómo puedo pagar?", "¿Qué formas de pago aceptáis?", "Métodos de pago"),
    faq("horario", "¿Qué horario tenéis?"),
)
OFF = Settings(embeddings_base_url="off")


@pytest.fixture
def published(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        with db.engine.begin() as connection:
            save_drafts(connection, ENTRIES)
            publish(connection)
        yield app


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with Embedder() as running:
        yield running


def read_live() -> tuple[FaqEntry, ...]:
    with db.engine.connect() as connection:
        return select_spoken(load_content(connection, live_release_id(connection))).faq


def ask(question: str, *history: HistoryLine, settings: Settings = OFF) -> tuple[list[str], dict[str, object]]:
    with db.engine.connect() as connection:
        content = load_content(connection, live_release_id(connection))
    reply, _parts, trace = rehearse(Means(db.engine, settings), content, question, history=history)
    look = next(look for look in trace.looks if look.responder == "faq")
    return [source for source in reply.sources if reply.responder == "faq"], dict(look.saw)


def test_a_command_trains_and_says_what_it_means(published: Flask) -> None:
    done = published.test_cli_runner().invoke(args=["faq", "train"], env={"EMBEDDINGS_BASE_URL": "off"})
    assert done.exit_code == 0
    assert "5 entries, 14 phrasings" in done.output
    assert "without embeddings" in done.output
    told = published.test_cli_runner().invoke(args=["faq", "calibrate", "--false-answers", "0.01", "--json"])
    figures = json.loads(told.output)
    assert figures["entries"] == 5
    assert figures["outside"] <= 0.01
    assert figures["near"] <= 0.05


def test_nothing_to_learn_from_is_told(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["faq", "train"])
    assert done.exit_code == 1
    assert "there are no FAQs" in done.output


def test_the_responder_uses_the_model_once_it_is_there(published: Flask) -> None:
    assert ask("mandais a canarias?")[1]["trained"] is False
    trained = train_and_store(db.engine, OFF, read_live())
    assert trained is not None
    with db.engine.connect() as connection:
        assert connection.scalars(select(TrainedFaq.phrasings)).all() == [14]
    again = (*read_live(),)  # the same entries, read anew
    assert get_model(db.engine, OFF, again) is not None


def test_going_back_finds_the_former_model_without_training(published: Flask) -> None:
    train_and_store(db.engine, OFF, read_live())
    with db.engine.begin() as connection:
        first = live_release_id(connection)
        assert first is not None
        save_drafts(connection, [faq("nuevo", "¿Tenéis tienda física?")])
        publish(connection)
    with statements(db.engine) as connection:
        assert [faq.name for faq in list_wanted(connection, OFF)] == ["live"]
        assert find_trained(connection, OFF, read_live()) is None
    train_and_store(db.engine, OFF, read_live())
    with db.engine.begin() as connection:
        roll_back(connection, first)
    with statements(db.engine) as connection:
        assert list_wanted(connection, OFF) == []
        found = find_trained(connection, OFF, read_live())
        assert found is not None
        assert found.entries == 5


def test_meaning_is_learned_where_there_is_an_embedder_and_later_where_it_was_away(
    published: Flask, embedder: Embedder
) -> None:
    away = Settings(embedder_socket="/nowhere/socket")
    there = Settings(embedder_socket=embedder.socket)
    first = train_and_store(db.engine, away, read_live())
    assert first is not None
    assert first.embedder == ""
    assert train_and_store(db.engine, away, read_live()) is None  # nothing new can be learned
    with statements(db.engine) as connection:
        assert len(list_wanted(connection, there)) == 1
    second = train_and_store(db.engine, there, read_live())
    assert second is not None
    assert set(second.calibrations) == {"lexical", "hybrid"}
    with statements(db.engine) as connection:
        assert list_wanted(connection, there) == []
    # by meaning alone: none of its words is in the FAQ
    assert ask("¿a qué hora abrís?", settings=there)[1]["trained"] is True
    # the embedder away again: words alone answer
    assert ask("quiero devolver el artículo", settings=away)[0] == ["faq:devolver"]


def test_a_question_that_leans_is_carried_by_what_was_asked_before(published: Flask) -> None:
    train_and_store(db.engine, OFF, read_live())
    before = (HistoryLine("customer", "¿Hacéis envíos a la península?"), HistoryLine("assistant", "Sí, en 48 horas."))
    assert ask("¿y a Canarias?")[0] == []
    sources, saw = ask("¿y a Canarias?", *before)
    assert sources == ["faq:canarias"]
    assert saw["matched"] == "carried"
    assert ask("¿y a Marruecos?", *before)[0] == []
    assert ask("¿y a Canarias?", *before, settings=OFF.model_copy(update={"openai_api_key": "sk-x"}))[0] == []


@pytest.mark.thorough
def test_the_workers_loop_starts_a_process_and_stops_when_all_is_learned(
    published: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = published.config["CONFIG"].database_url
    for name, value in {
        "DATABASE_URL": url,
        "SECRET_KEY": SECRET_KEY,
        "EMBEDDINGS_BASE_URL": "off",
        "ENVIRONMENT": "test",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    trainer = Trainer(db.engine)
    trainer(OFF)
    assert trainer.child is not None
    assert trainer.child.wait(600) == 0
    with statements(db.engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM trained_faq")) == 1
        assert list_wanted(connection, OFF) == []
    first = trainer.child
    trainer(OFF)
    assert trainer.child is first  # nothing more to do


def test_web_and_worker_import_no_numpy() -> None:
    code = "import sys, chatbot.worker, chatbot.web.panel, chatbot.faq_training; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
