"""What every page has, and what a stranger gets."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient


def test_a_stranger_is_sent_to_the_login(app: Flask) -> None:
    answer = app.test_client().get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer.location.startswith("/login")


def test_a_page_has_its_frame_in_the_readers_language(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("owner")
    page = client.get("/", headers={"Accept-Language": "en"})
    assert page.status_code == 200
    assert '<html lang="en"' in page.text
    assert '<html lang="es"' in client.get("/").text


def test_what_is_not_there_gets_a_page_in_plain_words(make_client: Callable[[str], FlaskClient]) -> None:
    page = make_client("agent").get("/nothing-here")
    assert page.status_code == 404
    assert page.headers["X-Request-ID"] in page.text
