"""Where an account is logged in: shown in words, seen lately, ended one by one or all at once."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from tests.web.conftest import PASSWORD

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
SEEN = "SELECT extract(epoch FROM now() - seen_at) FROM login_session"
NEW = "otra-palabra-larga-43"


def log_in(app: Flask, email: str, browser: str = PHONE, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_USER_AGENT": browser}
    assert client.post("/login", data={"email": email, "password": password}).status_code == 302
    return client


def is_inside(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def ask(app: Flask, statement: str) -> list[float]:
    with app.app_context():
        return [float(value) for value in db.session.execute(text(statement)).scalars()]


def age(app: Flask, minutes: float) -> None:
    with app.app_context():
        db.session.execute(text(f"UPDATE login_session SET seen_at = now() - interval '{minutes} minutes'"))
        db.session.commit()


def test_each_browser_is_told_in_words_and_this_one_is_marked(make_client: Callable[[str], FlaskClient]) -> None:
    app = make_client("agent").application
    log_in(app, "agent@example.com", PHONE)
    page = log_in(app, "agent@example.com", MAC).get("/account").text
    assert "Chrome en Android" in page
    assert "Safari en Mac" in page
    assert "Mozilla/5.0" not in page
    assert page.count("Este navegador") == 1
    assert page.count("Cerrar esta sesión") or page.count("/end") == 3  # two others, and all


def test_one_is_ended_and_the_other_goes_on(make_client: Callable[[str], FlaskClient]) -> None:
    here = make_client("agent")
    there = log_in(here.application, "agent@example.com")
    offered = re.findall(r"/account/sessions/\d+/end", here.get("/account").text)
    assert len(offered) == 1
    here.post(offered[0])
    assert is_inside(here)
    assert not is_inside(there)


def test_being_seen_is_written_once_a_minute_at_most(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    app = client.application
    age(app, 0.5)
    client.get("/account")
    assert ask(app, SEEN)[0] > 25
    age(app, 2)
    client.get("/account")
    assert ask(app, SEEN)[0] < 25


def test_a_new_password_ends_every_other_login_and_this_one_goes_on(make_client: Callable[[str], FlaskClient]) -> None:
    here = make_client("agent")
    app = here.application
    there = log_in(app, "agent@example.com")
    form = {"present": PASSWORD, "password": NEW, "again": NEW}
    assert here.post("/account/password", data={**form, "present": "wrong-wrong-1"}).status_code == 422
    assert here.post("/account/password", data={**form, "again": "other"}).status_code == 422
    assert is_inside(there)
    assert here.post("/account/password", data=form).status_code == 303
    assert is_inside(here)
    assert not is_inside(there)
    assert len(ask(app, SEEN)) == 1
    assert app.test_client().post("/login", data={"email": "agent@example.com", "password": PASSWORD}).status_code == 200
    log_in(app, "agent@example.com", password=NEW)


def test_whoever_is_switched_off_is_out_with_the_next_request(make_client: Callable[[str], FlaskClient]) -> None:
    agent, owner = make_client("agent"), make_client("owner")
    with owner.application.app_context():
        number = db.session.execute(text("SELECT id FROM account WHERE email = 'agent@example.com'")).scalar_one()
    owner.post(f"/users/{number}", data={"active": "0"})
    assert not is_inside(agent)
    owner.post(f"/users/{number}", data={"active": "1"})
    assert not is_inside(agent)  # switched on again it has to log in again
