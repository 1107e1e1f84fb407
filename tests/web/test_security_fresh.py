"""Dangerous pages ask for the password again when it was typed a while ago, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from chatbot.web.access import FRESH_S, needs_fresh_login
from tests.web.conftest import PASSWORD

DANGEROUS = {
    "conversations.erase",
    "conversations.export_contact",
    "dashboard_app.make",
    "passkeys.add",
    "passkeys.new_options",
    "passkeys.page",
    "passkeys.remove",
    "passkeys.rename",
    "people.change",
    "people.drop_second_factor",
    "people.invite",
    "people.listing",
    "people.make_link",
    "people.remove",
    "second_factor.make_codes",
    "second_factor.page",
    "second_factor.set_up",
    "second_factor.turn_off",
    "settings.save_models",
    "wizard.connect",
    "wizard.save_address",
    "wizard.save_ai",
}
ORIGIN = {"Origin": "http://localhost", "Accept": "text/html"}


@pytest.fixture
def owner(make_client: Callable[[str], FlaskClient]) -> FlaskClient:
    """Logged in long ago."""
    client = make_client("owner")
    grow_old(client)
    return client


def grow_old(client: FlaskClient) -> None:
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= FRESH_S + 1


def show_password(client: FlaskClient, address: str) -> str:
    """What "type your password again" leads to."""
    assert address.startswith("/verify?next="), address
    page = client.get(address)
    assert page.status_code == 200
    target = page.text.split('name="next"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    answer = client.post("/verify", data={"password": PASSWORD, "next": unescape(target)})
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def test_exactly_these_are_dangerous(app: Flask) -> None:
    with app.app_context():
        assert {rule.endpoint for rule in app.url_map.iter_rules() if needs_fresh_login(rule.endpoint)} == DANGEROUS


def test_a_dangerous_page_asks_and_is_gone_back_to(owner: FlaskClient) -> None:
    assert owner.get("/conversations").status_code == 200
    asked = owner.get("/users?a=1")
    assert asked.status_code == 302
    assert owner.post("/verify", data={"password": "wrong-wrong-1"}).status_code == 200
    assert owner.get("/users").status_code == 302
    assert show_password(owner, asked.location) == "/users?a=1"
    assert owner.get("/users").status_code == 200


def test_what_was_sent_comes_back_after_the_password(owner: FlaskClient) -> None:
    sent = {"email": "new@example.com", "role": "agent"}
    asked = owner.post("/users/invite", data=sent, headers=ORIGIN)
    assert asked.status_code == 303
    assert "new@example.com" not in read_emails(owner)
    back = show_password(owner, asked.location)
    page = owner.get(back)
    assert page.status_code == 200
    assert 'action="/users/invite"' in page.text
    assert "new@example.com" in page.text
    assert owner.post("/users/invite", data=sent, headers=ORIGIN).status_code == 200
    assert "new@example.com" in read_emails(owner)


def test_a_secret_asks_and_a_harmless_setting_does_not(owner: FlaskClient) -> None:
    assert owner.post("/settings/business_name", data={"value": "La tienda"}, headers=ORIGIN).status_code == 303
    for name, value in (("openai_api_key", "sk-1234567890"), ("openai_base_url", "https://evil.example/v1")):
        asked = owner.post(f"/settings/{name}", data={"value": value}, headers=ORIGIN)
        assert asked.location.startswith("/verify"), name
    with owner.application.app_context():
        stored = set(db.session.execute(text("SELECT key FROM setting")).scalars())
    assert stored & {"business_name", "openai_api_key", "openai_base_url"} == {"business_name"}


def test_a_forged_dangerous_form_is_not_even_kept(owner: FlaskClient) -> None:
    owner.post("/users/invite", data={"email": "x@evil.example", "role": "owner"}, headers={"Origin": "https://evil.example"})
    with owner.application.app_context():
        assert db.session.execute(text("SELECT count(*) FROM kept_form")).scalar_one() == 0


def read_emails(client: FlaskClient) -> list[str]:
    with client.application.app_context():
        return list(db.session.execute(text("SELECT email FROM account")).scalars())
