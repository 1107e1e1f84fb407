"""Saved views: the same filters again by a name, one's own only, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from chatbot.web.views import MOST_VIEWS
from tests.web.conftest import PASSWORD, add_account

LISTS = {
    "/conversations": ("conversations.listing", "state=handed_off"),
    "/content/faq": ("content.faq", "q=envios&state=changed"),
    "/content/canned": ("content.canned", "state=bin"),
    "/content/article": ("content.article", "state=live"),
    "/content/assistant": ("content.assistant", "q=tienda"),
    "/teaching": ("teaching.listing", "language=es"),
    "/audit": ("audit.listing", "q=pause"),
}


@pytest.mark.parametrize("path", LISTS)
def test_every_list_keeps_filters_under_a_name_and_takes_them_away_with_undo(
    path: str, make_client: Callable[[str], FlaskClient]
) -> None:
    client, (listed, query) = make_client("owner"), LISTS[path]
    plain = client.get(path).text
    assert "Guardar esta vista" not in plain
    page = client.get(f"{path}?{query}&after=WzFd").text
    assert "Guardar esta vista" in page
    fields = dict(re.findall(r'type="hidden" name="(list|query)" value="([^"]*)"', page))
    assert fields["list"] == listed
    answer = client.post("/views", data={"list": listed, "query": fields["query"].replace("&amp;", "&"), "name": " Lo  mío "})
    assert answer.location == f"{path}?{query}"
    chosen = client.get(answer.location).text
    assert re.search(r'aria-current="true">Lo mío</a>', chosen)
    assert f'href="{path}?{query.replace("&", "&amp;")}">Lo mío' in client.get(path).text
    remove = re.search(r'action="(/views/\d+/remove)"', chosen)
    assert remove is not None
    assert client.post(remove[1]).location == path
    undo = re.search(r'action="(/views\?[^"]+)"', client.get(path).text)
    assert undo is not None
    assert client.post(undo[1].replace("&amp;", "&")).location == f"{path}?{query}"
    assert "Lo mío" in client.get(path).text


def test_the_same_filters_in_another_order_are_the_same_view(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    client.post("/views", data={"list": "content.faq", "query": "state=changed&q=a", "name": "Cambios"})
    assert re.search(r'aria-current="true">Cambios', client.get("/content/faq?q=a&state=changed&sort=").text)
    assert not re.search(r'aria-current="true">Cambios', client.get("/content/faq?q=b&state=changed").text)


def test_a_name_that_is_there_gets_the_new_filters(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    for query in ("q=uno", "q=dos"):
        client.post("/views", data={"list": "content.faq", "query": query, "name": "Mía"})
    page = client.get("/content/faq").text
    assert page.count(">Mía</a>") == 1
    assert "?q=dos" in page
    assert "?q=uno" not in page


def test_views_are_their_accounts_own(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    make_client("owner").post("/views", data={"list": "content.faq", "query": "q=secreto", "name": "De la dueña"})
    other = make_client("agent")
    assert "De la dueña" not in other.get("/content/faq").text
    with app.app_context():
        view_id = db.session.scalar(text("SELECT id FROM saved_view"))
    assert other.post(f"/views/{view_id}/remove").status_code == 404
    with app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM saved_view")) == 1


def test_what_is_no_list_or_not_open_is_refused(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    assert client.post("/views", data={"list": "audit.listing", "query": "q=a", "name": "a"}).status_code == 403
    for listed in ("people.listing", "https://evil.example/", ""):
        assert client.post("/views", data={"list": listed, "query": "q=a", "name": "a"}).status_code == 400
    for query in ("//evil.example", "https://evil.example/?q=a", "q=a\r\nX: y", "q=" + "á" * 5_000):
        location = client.post("/views", data={"list": "content.faq", "query": query, "name": "a"}).location
        assert (urlsplit(location).netloc, urlsplit(location).path) == ("", "/content/faq")


def test_without_a_name_or_filters_nothing_is_kept(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    client.post("/views", data={"list": "content.faq", "query": "q=a", "name": " "})
    assert "Escribe un nombre" in client.get("/content/faq").text
    client.post("/views", data={"list": "content.faq", "query": "after=WzFd", "name": "Nada"})
    for n in range(MOST_VIEWS + 2):
        client.post("/views", data={"list": "content.faq", "query": "q=a", "name": f"Vista {n}"})
    with app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM saved_view")) == MOST_VIEWS


def test_a_name_can_hold_no_html(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    client.post("/views", data={"list": "content.faq", "query": "q=<b>", "name": "<img src=x onerror=alert(1)>"})
    assert "<img" not in client.get("/content/faq").text


def test_a_post_without_its_token_saves_nothing(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "agent")
    client = app.test_client()
    client.post("/login", data={"email": "a@example.com", "password": PASSWORD})
    app.config["WTF_CSRF_ENABLED"] = True
    data = {"list": "content.faq", "query": "q=a", "name": "a"}
    assert client.post("/views", data=data, headers={"Accept": "text/html"}).status_code == 400
