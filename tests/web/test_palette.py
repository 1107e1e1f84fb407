"""The command palette's answers: what is found, for whom, how fast; and its page without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.bodies import FaqEntry
from chatbot.content import save_drafts
from chatbot.db import db

FRAGMENT = {"HX-Request": "true"}
MANY = 5_000


def add_faq(app: Flask, key: str, question: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, [FaqEntry(key=key, questions={"es": (question,)}, answers={"es": "Sí."})])


def add_conversation(app: Flask, number: int, name: str, email: str = "") -> None:
    with app.app_context(), db.engine.begin() as connection:
        inbox = "INSERT INTO inbox (chatwoot_id, name) VALUES (1, 'Web') ON CONFLICT (chatwoot_id) DO UPDATE SET name = 'Web'"
        inbox_id = connection.execute(text(f"{inbox} RETURNING id")).scalar_one()
        contact = text("INSERT INTO contact (chatwoot_id, name, email) VALUES (:n, :name, :email) RETURNING id")
        contact_id = connection.execute(contact, {"n": number, "name": name, "email": email}).scalar_one()
        row = {"n": number, "i": inbox_id, "c": contact_id}
        connection.execute(text("INSERT INTO conversation (chatwoot_id, inbox_id, contact_id) VALUES (:n, :i, :c)"), row)


def test_it_finds_pages_acts_content_and_people_by_how_words_begin(
    app: Flask, make_client: Callable[[str], FlaskClient]
) -> None:
    add_faq(app, "envios-canarias", "¿Hacéis envíos a Canarias?")
    add_conversation(app, 4711, "José Ángel Núñez", "jose@example.com")
    client = make_client("owner")
    assert "/content/faq/envios-canarias" in client.get("/search?q=envios+can", headers=FRAGMENT).text
    assert "/content/faq/envios-canarias" in client.get("/search?q=ENVÍ", headers=FRAGMENT).text
    for asked in ("jose nun", "ángel", "jose@exam", "4711", "%234711"):
        assert "José Ángel Núñez" in client.get(f"/search?q={asked}", headers=FRAGMENT).text, asked
    assert 'href="/analytics"' in client.get("/search?q=anal", headers=FRAGMENT).text
    assert 'formaction="/pause"' in client.get("/search?q=paus", headers=FRAGMENT).text
    assert 'href="/content/new/faq"' in client.get("/search?q=nueva", headers=FRAGMENT).text
    assert "/settings#time_zone" in client.get("/search?q=zona", headers=FRAGMENT).text


def test_nobody_is_shown_what_the_gate_would_refuse(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_faq(app, "envios", "¿Hacéis envíos?")
    answer = make_client("agent").get("/search", headers=FRAGMENT).text
    assert 'formaction="/pause"' in answer
    for address in ("/settings", "/people", "/audit", "/content/new/faq", "/imports"):
        assert f'href="{address}"' not in answer, address
    found = make_client("editor").get("/search?q=zona", headers=FRAGMENT).text
    assert "/settings" not in found
    of_agent = app.test_client()
    of_agent.environ_base["HTTP_ACCEPT"] = "text/html"
    of_agent.post("/login", data={"email": "agent@example.com", "password": "ein-langes-Wort-42"})
    assert "/content/faq/envios/history" in of_agent.get("/search?q=envios", headers=FRAGMENT).text


def test_what_was_edited_or_taken_out_is_found_as_it_is_now(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    add_faq(app, "uno", "¿Vendéis sillas?")
    add_faq(app, "uno", "¿Vendéis mesas?")
    client = make_client("editor")
    assert "/content/faq/uno" not in client.get("/search?q=sillas", headers=FRAGMENT).text
    assert "/content/faq/uno" in client.get("/search?q=mesas", headers=FRAGMENT).text
    client.post("/content/faq/remove", data={"key": "uno"})
    assert "/content/faq/uno" not in client.get("/search?q=mesas", headers=FRAGMENT).text


def test_without_javascript_it_is_a_page_whose_acts_work(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    assert 'href="/search"' in client.get("/").text
    page = client.get("/search?q=pausar").text
    assert 'role="option"' not in page
    assert 'id="palette-acts" method="post"' in page
    assert client.post("/pause", data={"until": "hour"}, headers={"Referer": "http://localhost/search?q=pausar"}).location == (
        "/search?q=pausar"
    )
    assert 'formaction="/resume"' in client.get("/search").text


def test_signs_in_a_search_are_harmless(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("owner")
    for asked in ("'", "a' | !b & (", "%27%3A*", "\\", "&!|()<->:*", "%00", "<img src=x onerror=alert(1)>", "%25", "x" * 5_000):
        answer = client.get("/search", query_string={"q": asked}, headers=FRAGMENT)
        assert answer.status_code == 200, asked
        assert "<img" not in answer.text


def test_it_finds_the_one_among_many(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("owner")
    values = {"n": MANY}
    with app.app_context(), db.engine.begin() as connection:
        for statement in (
            "INSERT INTO inbox (chatwoot_id, name) VALUES (1, 'Web')",
            "INSERT INTO contact (chatwoot_id, name) SELECT n, 'Cliente ' || n FROM generate_series(1, :n) n",
            "INSERT INTO conversation (chatwoot_id, inbox_id, contact_id)"
            " SELECT c.chatwoot_id, i.id, c.id FROM contact c, inbox i",
            "INSERT INTO entry (kind, key) SELECT 'faq', 'pregunta-' || n FROM generate_series(1, :n) n",
            "INSERT INTO revision (entry_id, body) SELECT id, jsonb_build_object('key', key, 'inboxes', '[]'::jsonb,"
            " 'questions', jsonb_build_object('es', jsonb_build_array('Pregunta número ' || id)),"
            " 'answers', jsonb_build_object('es', 'Respuesta')) FROM entry",
        ):
            connection.execute(text(statement), values)
        connection.execute(text("ANALYZE"))
    for asked, found in (("cliente 4999", "Cliente 4999"), ("pregunta 2500", "pregunta-2500")):
        assert found in client.get(f"/search?q={asked}", headers=FRAGMENT).text
    assert "Cliente" not in client.get("/search?q=nada-de-esto", headers=FRAGMENT).text
