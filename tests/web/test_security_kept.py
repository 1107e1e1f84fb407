"""A login that ends in the middle of a long article: what was typed comes back after the next one, and to nobody else."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from chatbot.db import db
from chatbot.kept_forms import MOST_OF_ADDRESS
from tests.web.conftest import PASSWORD, add_account

LONG = "\r\nPrimera línea, con sangría.\r\n\r\n" + "Un párrafo largo sobre envíos & <b>devoluciones</b>. " * 400
ARTICLE = {"title": "Envíos a Canarias", "body": LONG, "key": "", "opened_at": "0", "tag": ["uno dos", "tres cuatro"]}
HERE = {"Origin": "http://localhost", "Accept": "text/html"}


@pytest.fixture
def editor(app: Flask) -> FlaskClient:
    """Logged in, with the protection against forged forms on."""
    add_account(app, "editor@example.com", "editor")
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    log_in(client, "editor@example.com")
    return client


def read_token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def log_in(client: FlaskClient, email: str, address: str = "/login") -> TestResponse:
    page = client.get(address)
    target = re.search(r'name="next"[^>]*value="([^"]*)"', page.text)
    data = {"email": email, "password": PASSWORD, "csrf_token": read_token(page), "next": target[1] if target else ""}
    answer = client.post("/login", data=data)
    assert answer.status_code == 302, answer.text
    return answer


def end_login(client: FlaskClient, how: str) -> None:
    if how == "ended elsewhere":
        with client.application.app_context():
            db.session.execute(text("DELETE FROM login_session"))
            db.session.commit()
    else:
        client.delete_cookie("mostrador")


def read_fields(page: TestResponse) -> list[tuple[str, str]]:
    """What a browser would send: it drops the first line break of a textarea."""
    found = re.findall(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', page.text, re.DOTALL)
    return [(name, unescape(value)) for name, value in found]


@pytest.mark.parametrize("how", ["ended elsewhere", "cookie gone"])
def test_a_long_article_survives_the_end_of_its_login(editor: FlaskClient, how: str) -> None:
    token = read_token(editor.get("/content/new/article"))
    end_login(editor, how)
    sent = editor.post("/content/article", data={**ARTICLE, "csrf_token": token}, headers=HERE)
    assert sent.status_code == 303
    assert sent.location == "/login?next=/account/kept"
    assert "se guarda una hora" in editor.get(sent.location).text
    answer = log_in(editor, "editor@example.com", sent.location)
    assert answer.location == "/account/kept"
    page = editor.get(answer.location)
    assert page.status_code == 200
    assert 'action="/content/article"' in page.text
    fields = read_fields(page)
    assert ("body", LONG) in fields
    assert [value for name, value in fields if name == "tag"] == ["uno dos", "tres cuatro"]
    assert "csrf_token" not in dict(fields)
    assert "<b>devoluciones" not in page.text
    data = {"csrf_token": read_token(page), "title": "Envíos a Canarias", "body": LONG}
    assert editor.post("/content/article", data=data, headers=HERE).status_code not in {400, 403, 404}


def test_a_form_that_is_older_than_a_login_in_another_tab_comes_back_at_once(editor: FlaskClient) -> None:
    token = read_token(editor.get("/content/new/article"))
    editor.delete_cookie("mostrador")
    log_in(editor, "editor@example.com")
    sent = editor.post("/content/article", data={**ARTICLE, "csrf_token": token}, headers=HERE)
    assert (sent.status_code, sent.location) == (303, "/account/kept")
    assert ("body", LONG) in read_fields(editor.get("/account/kept"))


def test_what_one_person_typed_is_not_shown_to_the_next(editor: FlaskClient) -> None:
    add_account(editor.application, "other@example.com", "owner")
    token = read_token(editor.get("/content/new/article"))
    end_login(editor, "ended elsewhere")
    editor.post("/content/article", data={**ARTICLE, "csrf_token": token}, headers=HERE)
    log_in(editor, "other@example.com", "/login?next=/account/kept")
    page = editor.get("/account/kept")
    assert page.status_code == 404
    assert "Canarias" not in page.text


def test_another_browser_of_the_same_account_does_not_see_it(editor: FlaskClient) -> None:
    end_login(editor, "cookie gone")
    editor.post("/content/article", data=ARTICLE, headers=HERE)
    other = editor.application.test_client()
    other.environ_base["HTTP_ACCEPT"] = "text/html"
    log_in(other, "editor@example.com")
    assert other.get("/account/kept").status_code == 404


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {}])
def test_another_site_plants_nothing(editor: FlaskClient, headers: dict[str, str]) -> None:
    for how in ("still in", "cookie gone"):
        if how == "cookie gone":
            end_login(editor, how)
        answer = editor.post("/content/article", data=ARTICLE, headers={**headers, "Accept": "text/html"})
        assert answer.status_code == 400, how
    assert count_kept(editor.application) == 0


def test_what_is_kept_cannot_be_read_in_the_database_and_is_thrown_away_when_asked(editor: FlaskClient) -> None:
    token = read_token(editor.get("/content/new/article"))
    editor.delete_cookie("mostrador")
    log_in(editor, "editor@example.com")
    editor.post("/content/article", data={**ARTICLE, "csrf_token": token}, headers=HERE)
    with editor.application.app_context():
        body = bytes(db.session.execute(text("SELECT body FROM kept_form")).scalar_one())
    assert b"Canarias" not in body
    page = editor.get("/account/kept")
    assert editor.post("/account/kept/forget", data={"csrf_token": read_token(page)}).status_code == 303
    assert count_kept(editor.application) == 0
    assert editor.get("/account/kept").status_code == 404


def test_after_an_hour_it_is_gone(editor: FlaskClient) -> None:
    end_login(editor, "cookie gone")
    editor.post("/content/article", data=ARTICLE, headers=HERE)
    with editor.application.app_context():
        db.session.execute(text("UPDATE kept_form SET created_at = now() - interval '61 minutes'"))
        db.session.commit()
    log_in(editor, "editor@example.com", "/login?next=/account/kept")
    assert editor.get("/account/kept").status_code == 404


def test_strangers_cannot_fill_the_database(app: Flask) -> None:
    client = app.test_client()
    for _ in range(MOST_OF_ADDRESS + 5):
        client.post("/content/article", data={"body": "x y"}, headers=HERE)
    client.post("/content/article", data={"body": "x" * 700_000}, headers={**HERE, "X-Forwarded-For": "198.51.100.9"})
    assert count_kept(app) == MOST_OF_ADDRESS


def test_passwords_are_not_kept(app: Flask) -> None:
    client = app.test_client()
    for data in ({"present": "a b", "password": "c d"}, {"code": "1 2"}, {"credential": "x y"}):
        assert client.post("/account/password", data=data, headers=HERE).status_code == 303
    assert count_kept(app) == 0


def test_a_part_that_renews_itself_leaves_the_page_alone(make_client: Callable[[str], FlaskClient]) -> None:
    """The login page inside a page would push away what is being typed there."""
    client = make_client("editor")
    end_login(client, "ended elsewhere")
    part = client.get("/conversations", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Reswap"]) == (401, "none")
    assert "<form" not in part.text


@pytest.mark.parametrize("how", ["ended elsewhere", "cookie gone", "in again in another tab"])
@pytest.mark.parametrize("path", ["/content/preview", "/content/faq/alike", "/documents/states"])
def test_what_only_fills_a_part_of_a_page_is_not_kept_but_the_form_itself_is(editor: FlaskClient, path: str, how: str) -> None:
    """Sent again after the login it would show a bare part, and nothing would be saved."""
    data = {
        **ARTICLE,
        "text": LONG,
        "questions_es": "¿Enviáis a Canarias?",
        "csrf_token": read_token(editor.get("/content/faq")),
    }
    end_login(editor, how)
    if how == "in again in another tab":
        log_in(editor, "editor@example.com")
    part = editor.post(path, data=data, headers={**HERE, "HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Reswap"], part.text) == (401, "none", "")
    assert count_kept(editor.application) == 0
    sent = editor.post("/content/article", data=data, headers=HERE)
    assert sent.location.endswith("/account/kept")
    assert count_kept(editor.application) == 1


def test_pasted_cells_are_kept_though_their_form_has_a_field_for_a_file(editor: FlaskClient) -> None:
    end_login(editor, "cookie gone")
    cells = "Pregunta\tRespuesta\r\n¿Enviáis a Canarias?\tSí, en 5 días."
    data = {"kind": "faq", "cells": cells, "file": (io.BytesIO(b""), "")}
    sent = editor.post("/imports", data=data, content_type="multipart/form-data", headers=HERE)
    assert sent.location == "/login?next=/account/kept"
    log_in(editor, "editor@example.com", sent.location)
    page = editor.get("/account/kept")
    assert ("cells", cells) in read_fields(page)
    again = editor.post("/imports", data={"csrf_token": read_token(page), **dict(read_fields(page))}, headers=HERE)
    assert "¿Enviáis a Canarias?" in editor.get(again.location).text


def test_a_chosen_file_is_not_kept(editor: FlaskClient) -> None:
    end_login(editor, "cookie gone")
    data = {"kind": "faq", "cells": "a b", "file": [(io.BytesIO(b""), ""), (io.BytesIO(b"a;b"), "faq.csv")]}
    editor.post("/imports", data=data, content_type="multipart/form-data", headers=HERE)
    assert count_kept(editor.application) == 0


def count_kept(app: Flask) -> int:
    with app.app_context():
        return int(db.session.execute(text("SELECT count(*) FROM kept_form")).scalar_one())
