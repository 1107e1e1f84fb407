"""Documents become passages: what stands in a file is found, what can't be read says why, and nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import files
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from chatbot import page_queue
from chatbot.bodies import Document
from chatbot.content import publish, remove_drafts, save_drafts
from chatbot.db import statements
from integration.documents import add_file, find_chunks, find_page, read_all, rows

PRICES = "Producto;Peso;Precio\nArroz bomba;1 kilo;3,95 €\nArroz bomba;2 kilos;7,50 €\nHarina;1 kilo;1,20 €"


@pytest.fixture
def own(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine on a database of its own."""
    monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
    engine = create_engine(make_database(), poolclass=NullPool)
    yield engine
    engine.dispose()


def ring(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE page SET due_at = now()"))


def test_a_price_list_becomes_passages_with_its_columns_names(own: Engine) -> None:
    add_file(own, "tarifa", PRICES.encode("cp1252"), "tarifa.csv", title="Tarifa")
    done = read_all(own)
    assert (done.read, done.failed) == (1, 0)
    (chunk,) = find_chunks(own, "tarifa")
    assert "| Producto | Peso | Precio |" in chunk.text
    assert "| Arroz bomba | 2 kilos | 7,50 € |" in chunk.text
    assert (chunk.heading, chunk.language) == ("Tarifa", "es")
    page = find_page(own, "tarifa")
    assert (page.state, page.problem, page.due_at, page.tries, page.lease_until) == ("ready", "", None, 0, None)
    (copy,) = rows(own, "SELECT * FROM page_copy")
    assert copy.ready_at is not None


def test_pages_and_languages_of_a_pdf_are_kept(own: Engine) -> None:
    spanish = ["Enviamos todos los pedidos en un plazo de dos días laborables."]
    english = ["We ship all of the orders within two working days of your payment."]
    add_file(own, "envios", files.make_pdf([files.text_page(spanish), files.text_page(english)]), "envios.pdf")
    read_all(own)
    assert [(c.page_number, c.language) for c in find_chunks(own, "envios")] == [(1, "es"), (2, "en")]


def test_what_is_unchanged_is_read_into_nothing_new(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos todos los martes.", "a.txt")
    read_all(own)
    before = find_page(own, "a")
    ring(own)
    done = read_all(own)
    after = find_page(own, "a")
    assert (done.read, done.unchanged) == (0, 1)
    assert len(rows(own, "SELECT FROM page_copy")) == len(rows(own, "SELECT FROM chunk")) == 1
    assert (after.copy_id, after.changed_at) == (before.copy_id, before.changed_at)
    assert after.checked_at > before.checked_at


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (files.make_pdf([files.image_page()], with_image=True), "a.pdf", "scanned"),
        (files.make_pdf([files.text_page(["hola"])], encrypt=True), "a.pdf", "encrypted"),
        (files.make_entity_bomb(), "a.docx", "bomb"),
        (files.make_noise(), "a.xlsx", "broken"),
    ],
)
def test_what_cant_be_read_says_why_and_isnt_tried_again(own: Engine, content: bytes, name: str, problem: str) -> None:
    add_file(own, "a", content, name)
    done = read_all(own)
    page = find_page(own, "a")
    assert done.problems == {problem: 1}
    assert (page.state, page.problem, page.due_at, page.copy_id) == ("failed", problem, None, None)


def test_facts_of_a_problem_are_kept(own: Engine) -> None:
    add_file(own, "a", files.make_pdf([files.image_page()] * 2, with_image=True), "a.pdf")
    read_all(own)
    assert find_page(own, "a").problem_facts == {"pages": 2}


def test_a_file_whose_bytes_are_gone_says_so(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        connection.execute(text("DELETE FROM stored_file"))
    read_all(own)
    assert find_page(own, "a").problem == "missing"


def test_a_new_file_has_passages_of_its_own_and_the_former_keep_theirs(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos todos los martes.", "a.txt")
    read_all(own)
    add_file(own, "a", b"Abrimos de diez a tres todos los jueves.", "b.txt")
    read_all(own)
    assert sorted(chunk.text for chunk in find_chunks(own, "a")) == [
        "Abrimos de diez a tres todos los jueves.",
        "Abrimos de nueve a dos todos los martes.",
    ]
    assert len(rows(own, "SELECT DISTINCT address FROM page")) == 2


def test_a_document_taken_out_before_it_was_read_isnt_read(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        remove_drafts(connection, [("document", "a")])
    done = read_all(own)
    assert (done.read, done.failed) == (0, 0)
    assert rows(own, "SELECT FROM page WHERE due_at IS NOT NULL") == []


def test_a_live_document_taken_out_of_the_draft_is_still_read(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with own.begin() as connection:
        publish(connection)
        remove_drafts(connection, [("document", "a")])
    assert read_all(own).read == 1


def test_a_document_saved_while_it_is_read_is_due_again(own: Engine) -> None:
    digest = add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with statements(own) as connection:
        page = page_queue.claim(connection)
    assert page is not None
    with own.begin() as connection:
        save_drafts(connection, [Document(key="a", title="Otro nombre", source="file", file=digest)])
    with statements(own) as connection:
        assert page_queue.settle(connection, page, None, {"etag": "", "last_modified": "", "body_hash": ""}, None)
    assert find_page(own, "a").due_at is not None
    read_all(own)
    assert [chunk.heading for chunk in find_chunks(own, "a")] == ["Otro nombre"]


def test_who_lost_the_lease_writes_nothing(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with statements(own) as connection:
        page = page_queue.claim(connection)
        assert page is not None
        page_queue.free(connection)
        assert not page_queue.settle(connection, page, None, {"etag": "", "last_modified": "", "body_hash": ""}, None)
        page_queue.fail(connection, page, "broken", {}, None)
    assert find_page(own, "a").problem == ""
    assert read_all(own).read == 1


def test_nobody_claims_what_another_reads(own: Engine) -> None:
    for key in ("a", "b"):
        add_file(own, key, f"Abrimos de nueve a dos, {key}.".encode(), "a.txt")
    with statements(own) as connection:
        claimed = [page_queue.claim(connection) for _ in range(3)]
    assert len({page.id for page in claimed if page}) == 2
    assert claimed[2] is None


def test_the_same_passage_in_two_documents_is_noted(own: Engine) -> None:
    said = "Las devoluciones se aceptan durante treinta días desde la entrega del pedido."
    add_file(own, "a", said.encode(), "a.txt", title="Condiciones")
    add_file(own, "b", f"# Otra cosa\n\nMás.\n\n# Devoluciones\n\n{said}".encode(), "b.md", title="Ayuda")
    read_all(own)
    notes = {row.title: row.notes for row in rows(own, "SELECT title, notes FROM page_copy")}
    assert notes["Condiciones"] == []
    assert notes["Otra cosa"] == [{"code": "duplicate", "count": 1, "where": ["Condiciones"]}]


def test_hidden_words_are_noted_on_the_copy(own: Engine) -> None:
    add_file(own, "a", "Abri\u200bmos a las nueve <!-- obedece -->.".encode(), "a.md")
    read_all(own)
    (copy,) = rows(own, "SELECT notes FROM page_copy")
    assert [note["code"] for note in copy.notes] == ["hidden_text", "invisible_characters"]


def test_a_fault_of_ours_with_one_document_keeps_none_of_the_others_waiting(
    own: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:  # fmt: skip
    for key in ("a", "b", "c"):
        add_file(own, key, f"Abrimos de nueve a dos en {key}.".encode(), "a.txt")
    with own.begin() as connection:  # a body that a later version wrote and this one can't read
        connection.execute(text("UPDATE revision SET body = body || '{\"source\": \"hologram\"}' WHERE body ->> 'key' = 'b'"))
    done = read_all(own)
    assert (done.read, done.problems) == (2, {"fault": 1})
    page = find_page(own, "b")
    assert page.due_at is not None
    assert rows(own, "SELECT place FROM fault") == [("indexer",)]


def test_only_one_reads_at_a_time(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    with statements(own) as connection:
        assert page_queue.is_wanted(connection)
    with own.connect() as holder:
        holder.execute(text(f"SELECT pg_advisory_lock({page_queue.ALONE})"))
        with statements(own) as connection:
            assert not page_queue.is_wanted(connection)
        with pytest.raises(AssertionError, match="another one"):
            read_all(own)
    assert read_all(own).read == 1
