"""`flask documents`: a site is added, read, listed and read again without the panel."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from standins.site import Answer, Site

from chatbot.db import db


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with Site() as site:
        monkeypatch.setenv("CRAWL_PRIVATE_HOSTS", f"127.0.0.1:{site.port}")
        monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
        yield site


def run(app: Flask, *words: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def test_a_site_is_added_read_and_listed(app: Flask, site: Site) -> None:
    site.put("/", "Inicio", "La tienda de siempre.", "/envios")
    site.put("/envios", "Envíos", "Enviamos en 24 horas.")
    code, said = run(app, "documents", "add", site.url("/"), "--source", "site", "--title", "La tienda", "--json")
    assert (code, json.loads(said)) == (0, {"key": "la-tienda", "is_new": True})
    assert json.loads(run(app, "documents", "add", site.url("/"), "--source", "site", "--json")[1])["is_new"] is False
    assert run(app, "index")[0] == 0
    code, said = run(app, "documents", "list", "--json")
    (line,) = json.loads(said)
    assert (code, line["pages"], line["ready"], line["failed"], line["open"]) == (0, 2, 2, 0, 0)
    assert line["passages"] >= 2
    site.pages["/envios"] = Answer(b"", 500)
    assert json.loads(run(app, "documents", "read", "la-tienda", "--json")[1]) == {"key": "la-tienda", "pages": 2}
    run(app, "index")
    code, said = run(app, "documents", "list")
    assert code == 3
    assert "2/2 pages" in said
    assert "1 failed (server_error)" in said


def test_what_is_no_address_and_no_document_is_told(app: Flask) -> None:
    assert run(app, "documents", "add", "no address")[0] == 2
    assert run(app, "documents", "read", "nothing")[0] == 1
    assert "There are no documents" in run(app, "documents", "list")[1]


def test_a_shared_sheet_is_added_by_its_export(app: Flask) -> None:
    run(app, "documents", "add", "https://docs.google.com/spreadsheets/d/abc-123/edit#gid=7", "--title", "Precios")
    with app.app_context(), db.engine.connect() as connection:
        address = connection.scalar(text("SELECT address FROM page"))
    assert address == "https://docs.google.com/spreadsheets/d/abc-123/export?format=xlsx&gid=7"
