"""What a reviewer would try of the knowledge, over the real path: opposites, missing accents, a price list, the cache."""

from __future__ import annotations

import pytest
from integration.stored_documents import make_file, make_page, store_document

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot.bodies import Article, Assistant
from chatbot.content import publish, save_drafts

PRICES = (
    "| Producto | Peso | Precio |\n|---|---|---|\n| Saco de café en grano | 1 kilo | 18,50 € |\n"
    "| Saco de café en grano | 2 kilos | 34,90 € |\n| Saco de café molido | 5 kilos | 79,00 € |"
)
QUESTION = "¿Cuántos kilos pesa el saco grande de café molido?"


def seed(box: Box) -> Box:
    with box.engine.begin() as connection:
        article = Article(
            key="devoluciones",
            title="Devoluciones",
            text="# Devoluciones\n\nPuede devolver cualquier artículo sin usar en 30 días naturales. "
            "Las tazas personalizadas no se pueden devolver.",
            url="https://tienda.example/devoluciones",
        )
        save_drafts(connection, [article, Assistant(key="ana", name="Ana", instructions="Somos una tienda de Málaga.")])
        store_document(connection, make_file("tarifa", "Tarifa de café"), [PRICES], heading="Tarifa de café")
        url = "https://tienda.example/taller"
        text = "El taller de cerámica dura tres horas y empieza siempre a las diez de la mañana."
        store_document(connection, make_page("taller", "El taller", url), [text])
        hidden = make_page("parking", "El aparcamiento", "https://tienda.example/parking", show_link=False)
        store_document(connection, hidden, ["El aparcamiento subterráneo de la plaza cierra a medianoche."])
        publish(connection)
    return box


@pytest.fixture(scope="module")
def shop(make_shared_box: Maker) -> Box:
    """Without a model."""
    return seed(make_shared_box(workers=1))


def ask(box: Box, text: str, **facts: object) -> tuple[str, str]:
    """The reply and the conversation's status."""
    said = box.pretend.customer(text, **facts)  # type: ignore[arg-type]
    box.settle()
    (reply,) = box.texts(said["conversation"])
    return reply, box.pretend.status(said["conversation"])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("¿Puedo devolver un artículo sin usar?", "en 30 días naturales"),
        ("¿No puedo devolver un artículo sin usar?", "en 30 días naturales"),
        ("¿Puedo devolver las tazas personalizadas?", "no se pueden devolver"),
        ("¿No se pueden devolver las tazas personalizadas?", "no se pueden devolver"),
        ("¿Cuánto vale el saco de café en grano de 2 kilos?", "34,90 €"),
        ("cuanto vale el saco de cafe en grano de 2 kilos", "34,90 €"),
        ("puedo devolver un articulo sin usar", "en 30 días naturales"),
        ("a que hora empieza el taller de ceramica por la manana", "a las diez"),
    ],
)
def test_the_right_words_are_quoted_without_a_model(shop: Box, question: str, answer: str) -> None:
    reply, status = ask(shop, question)
    assert answer in reply
    assert status == "pending"


def test_a_page_is_quoted_with_its_link_and_without_where_the_owner_hides_it(shop: Box) -> None:
    reply, _ = ask(shop, "¿A qué hora empieza el taller de cerámica?")
    assert "https://tienda.example/taller" in reply
    reply, _ = ask(shop, "¿A qué hora cierra el aparcamiento subterráneo de la plaza?")
    assert "medianoche" in reply
    assert "https://" not in reply


@pytest.mark.parametrize("question", ["¿Hay wifi en la tienda?", "¿Puedo pagar el taller con criptomonedas bitcoin?"])
def test_what_no_passage_says_goes_to_a_person_honestly(shop: Box, question: str) -> None:
    reply, status = ask(shop, question)
    assert "No tengo una respuesta segura" in reply or "¿De cuál de estos temas" in reply
    assert status == ("open" if "No tengo" in reply else "pending")


def test_the_same_question_of_another_customer_costs_nothing(make_box: Maker, redis_url: str) -> None:
    box = seed(make_box(workers=1, use_llm=True, redis_url=redis_url, OPENAI_MODEL="gpt-4o-mini"))
    assert box.llm is not None
    box.llm.plan(
        answer={"kind": "answer", "sources": ["P1"], "text": "El saco de café molido pesa 5 kilos.", "confidence": 0.95}
    )
    first, _ = ask(box, QUESTION, name="Eva")
    second, _ = ask(box, QUESTION.upper(), name="Berta")
    assert first == second
    assert "5 kilos" in first
    assert len(box.llm.requests) == 1
    hits = box.rows("SELECT h.saved_micros, t.responder FROM cache_hit h JOIN turn t ON t.id = h.turn_id")
    cost = box.rows("SELECT cost_micros FROM llm_call")[0]["cost_micros"]
    assert hits == [{"saved_micros": cost, "responder": "assistant"}]
    looks = box.rows("SELECT body FROM turn_trace ORDER BY turn_id DESC LIMIT 1")[0]["body"]["looks"]
    assert looks[-1]["saw"]["cache"] == "hit"
    assert looks[-1]["saw"]["cached"]["turn"] == box.rows("SELECT min(id) AS id FROM turn")[0]["id"]
    box.check()
