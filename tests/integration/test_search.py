"""Passages of a release for a question: right ones first, both languages, nothing from elsewhere, by the index."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, text

from chatbot.content import Article, Content, FaqEntry, load_content, make_content, publish, remove_drafts, save_drafts
from chatbot.db import run
from chatbot.knowledge.search import SEARCH, Passage, find_passages, search, search_faq, stem_content
from chatbot.models import Chunk, Entry, Release, Revision, release_revision
from chatbot.reply import CustomerMessage, HistoryLine, InboxView, TurnInput

SHIPPING = Article(
    key="envios",
    title="Envíos",
    text="## Península\n\nEl envío a la península tarda 48 horas y cuesta 4,95 €.\n\n"
    "## Canarias\n\nA Canarias enviamos por barco y tarda entre 5 y 7 días. Los impuestos corren a cargo del cliente.",
    url="https://tienda.example/envios",
)
RETURNS = Article(key="devoluciones", title="Devoluciones", text="Tiene 30 días para devolver un producto sin usar.")
RETURNS_EN = Article(key="returns", title="Returns", text="You have 30 days to return an unused product.", language="en")
ISLANDS = Article(key="isla", title="Sólo para un canal", text="Recogida en barco en la isla de Tabarca.", inboxes=(3,))
PAYMENT = FaqEntry(key="bizum", questions={"es": ("¿Puedo pagar con Bizum?",)}, answers={"es": "Sí, aceptamos Bizum."})


@pytest.fixture
def release_id(connection: Connection) -> int:
    save_drafts(connection, [SHIPPING, RETURNS, RETURNS_EN, ISLANDS, PAYMENT])
    return publish(connection)


def find(connection: Connection, release_id: int | None, question: str, language: str = "es", **more: int) -> list[Passage]:
    return search(connection, release_id, question, language, **more)  # type: ignore[arg-type]


def test_the_passage_that_answers_comes_first(connection: Connection, release_id: int) -> None:
    best = find(connection, release_id, "¿Cuánto tarda un envio a canarias?")[0]
    assert (best.entry_key, best.title, best.heading) == ("envios", "Envíos", "Envíos > Canarias")
    assert best.url == "https://tienda.example/envios"
    assert best.source == "article:envios"
    assert best.coverage == 1
    assert best.matched == 3


def test_accents_case_and_endings_do_not_matter(connection: Connection, release_id: int) -> None:
    for question in ("DEVOLUCIÓN de productos", "devolucion producto", "devolver un producto"):
        assert find(connection, release_id, question)[0].entry_key == "devoluciones", question


def test_what_the_question_asks_and_no_text_has_lowers_coverage(connection: Connection, release_id: int) -> None:
    (best, *_) = find(connection, release_id, "¿Hacéis envíos a Portugal?")
    assert best.coverage < 0.5


def test_the_other_language_is_searched_and_comes_after(connection: Connection, release_id: int) -> None:
    spanish = find(connection, release_id, "return devolver product producto 30")
    assert [p.entry_key for p in spanish[:2]] == ["devoluciones", "returns"]
    english = find(connection, release_id, "return devolver product producto 30", "en")
    assert [p.entry_key for p in english[:2]] == ["returns", "devoluciones"]


def test_only_function_words_find_nothing(connection: Connection, release_id: int) -> None:
    assert find(connection, release_id, "¿y para qué es esto?") == []
    assert find(connection, release_id, "") == []
    assert find(connection, None, "envíos a Canarias") == []


@pytest.mark.parametrize(
    "question",
    [
        "'; drop table chunk; --",
        "a' | 'b & !c:* <-> ()",
        "\\ ' '' envíos",
        "10x 3,5 ñandú 中文 🙂",
        "x" * 5_000,
        "a b " * 5_000,
    ],
)
def test_no_text_breaks_the_query(connection: Connection, release_id: int, question: str) -> None:
    find(connection, release_id, question)


def test_limited_articles_are_found_in_their_inbox_only(connection: Connection, release_id: int) -> None:
    assert "isla" not in [p.entry_key for p in find(connection, release_id, "isla de Tabarca")]
    assert "isla" not in [p.entry_key for p in find(connection, release_id, "isla de Tabarca", inbox=4)]
    assert find(connection, release_id, "isla de Tabarca", inbox=3)[0].entry_key == "isla"


def test_only_the_revisions_of_the_release_are_searched(connection: Connection, release_id: int) -> None:
    save_drafts(connection, [RETURNS.model_copy(update={"text": "Ahora son 60 días con garantía ampliada."})])
    assert find(connection, release_id, "garantía ampliada") == []
    newer = publish(connection)
    assert find(connection, newer, "garantía ampliada")[0].entry_key == "devoluciones"
    remove_drafts(connection, [("article", "devoluciones")])
    assert find(connection, publish(connection), "garantía ampliada") == []


def test_a_faq_is_measured_as_an_article_is() -> None:
    content = make_content([PAYMENT, FaqEntry(key="x", questions={"es": ("¿Abren los lunes?",)}, answers={"es": "No."})])
    (best,) = search_faq(content, "pagar por bizum", "es")
    assert (best.source, best.text, best.coverage, best.matched) == ("faq:bizum", "Sí, aceptamos Bizum.", 1, 2)
    assert search_faq(content, "pagar por bizum", "en")[0].score < best.score
    assert search_faq(Content(), "pagar por bizum", "es") == []
    limited = make_content([PAYMENT.model_copy(update={"inboxes": (3,)})])
    assert search_faq(limited, "pagar por bizum", "es", inbox=4) == []
    assert search_faq(limited, "pagar por bizum", "es", inbox=3)


def test_a_short_question_is_searched_with_the_one_before(connection: Connection, release_id: int) -> None:
    turn = TurnInput(
        (CustomerMessage(2, 2, "¿y a Canarias?"),),
        load_content(connection, release_id),
        "es",
        datetime(2026, 11, 24, tzinfo=UTC),
        history=(HistoryLine("customer", "¿Cuánto tarda el envío?"), HistoryLine("assistant", "48 horas")),
        inbox=InboxView(1),
    )
    assert find_passages(connection, turn, with_history=True)[0].matched == 3
    assert find_passages(connection, turn, with_history=False)[0].matched == 1


def test_stems_leave_out_function_words_and_repeats() -> None:
    stems = stem_content("¿Cuánto cuesta el envío del envío a Canarias?")
    assert len(stems["es"]) == 3
    assert len(stem_content("palabra " + " ".join(f"w{n}" for n in range(500)))["es"]) == 40


def test_a_large_release_is_searched_by_the_index(connection: Connection) -> None:
    release = connection.execute(insert(Release).returning(Release.id)).scalar_one()
    entry = connection.execute(insert(Entry).values(kind="article", key="big").returning(Entry.id)).scalar_one()
    bodies = [{"entry_id": entry, "body": {"title": "T", "inboxes": []}} for _ in range(500)]
    revisions = connection.execute(insert(Revision).returning(Revision.id), bodies).scalars().all()
    connection.execute(insert(release_revision), [{"release_id": release, "revision_id": r} for r in revisions])
    rows = [
        {
            "revision_id": r,
            "ordinal": n,
            "text": "x",
            "language": "es",
            "stems": f"comun palabra{r} otra{n} frase{(r * n) % 997}",
        }
        for r in revisions
        for n in range(20)
    ]
    connection.execute(insert(Chunk), rows)
    connection.execute(text("SELECT gin_clean_pending_list('ix_chunk_lexemes')"))  # as autovacuum does
    connection.execute(text("ANALYZE chunk, release_revision, revision"))
    values = {"query": "'frase7' | 'otra999'", "stems": ["frase7", "otra999"], "release_id": release, "language": "es"}
    rows = run(connection, b"EXPLAIN " + SEARCH, {**values, "foreign": 0.5, "limit": 40, "inbox": None})
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "ix_chunk_lexemes" in plan, plan
    assert "jsonb_array_length" in plan
