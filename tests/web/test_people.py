"""Accounts: one-time links, roles, the last owner, own sessions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from chatbot import people
from chatbot.db import db
from chatbot.models.people import Account, AuditLine
from tests.web.conftest import PASSWORD, add_account


def test_an_owners_link_from_the_command_works_once(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    result = app.test_cli_runner().invoke(args=["user", "create", "--owner", "boss@example.com"])
    found = re.search(r"/welcome/\S+", result.output)
    assert found, result.output
    client = app.test_client()
    form = {"name": "Boss", "password": PASSWORD, "again": PASSWORD}
    assert client.get(found[0]).status_code == 200
    assert client.post(found[0], data={**form, "again": "other"}).status_code == 422
    assert client.post(found[0], data=form).status_code == 303
    assert client.post(found[0], data=form).status_code == 404
    assert client.get("/welcome/made-up").status_code == 404
    assert client.post("/login", data={"email": "boss@example.com", "password": PASSWORD}).status_code == 302
    assert client.get("/users").status_code == 200


def test_an_invitation_shows_a_link_that_opens(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    page = owner.post("/users/invite", data={"email": "new@example.com", "role": "agent"})
    found = re.search(r"/welcome/[^\"]+", page.text)
    assert found
    assert owner.application.test_client().get(found[0]).status_code == 200
    for bad in ("nonsense", "", "owner@example.com"):
        assert owner.post("/users/invite", data={"email": bad, "role": "agent"}).status_code == 422


def invite(owner: FlaskClient, email: str, role: str) -> TestResponse:
    return owner.post("/users/invite", data={"email": email, "role": role}, headers={"Accept-Language": "en"})


@pytest.mark.parametrize(("first", "then"), [("owner", "agent"), ("agent", "owner"), ("editor", "editor")])
def test_who_is_invited_again_gets_the_role_of_the_last_invitation(
    app: Flask, make_client: Callable[[str], FlaskClient], first: str, then: str
) -> None:
    owner = make_client("owner")
    invite(owner, "ana@example.com", first)
    page = invite(owner, " Ana@Example.com", then)
    assert ("15 minutes" if then == "owner" else "7 days") in page.text
    with app.app_context():
        assert db.session.scalar(select(Account.role).where(Account.email == "ana@example.com")) == then
        changes = db.session.execute(
            select(AuditLine.before, AuditLine.after).where(AuditLine.act == "account.invite").order_by(AuditLine.id)
        ).all()
    assert [tuple(change) for change in changes] == [(None, {"role": first}), ({"role": first}, {"role": then})]
    link = re.search(r"/welcome/[^\"]+", page.text)
    assert link
    assert app.test_client().get(link[0]).status_code == 200


def test_a_link_lasts_as_long_as_is_said_after_the_role_was_changed(
    app: Flask, make_client: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_client("owner")
    invite(owner, "ana@example.com", "owner")
    assert "7 days" in invite(owner, "ana@example.com", "agent").text
    an_hour_ago = time.time() - 3_600
    with monkeypatch.context() as clock, app.app_context(), db.engine.begin() as connection:
        clock.setattr("itsdangerous.timed.time.time", lambda: an_hour_ago)
        token = people.make_link_token(connection, app.config["CONFIG"], "ana@example.com")
    assert app.test_client().get(f"/welcome/{token}").status_code == 200


def test_who_is_switched_off_gets_no_link_and_it_is_said_why(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    invite(owner, "ana@example.com", "agent")
    add_account(app, "bea@example.com", "agent")
    with app.app_context():
        db.session.execute(update(Account).where(Account.role == "agent").values(active=False))
        db.session.commit()
    for email in ("ana@example.com", "bea@example.com"):
        page = invite(owner, email, "owner")
        assert page.status_code == 422
        assert "switched off" in page.text
        assert f'value="{email}"' in page.text
        assert "/welcome/" not in page.text
    with app.app_context():
        assert set(db.session.scalars(select(Account.role).where(~Account.active))) == {"agent"}
    result = app.test_cli_runner().invoke(args=["user", "create", "ana@example.com"])
    assert result.exit_code != 0
    assert "switched off" in f"{result.output}{result.exception}"


def test_the_last_owner_stays_one(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    found = re.search(r"/users/(\d+)/remove", owner.get("/users").text)
    assert found
    owner.post(f"/users/{found[1]}", data={"role": "agent"})
    owner.post(f"/users/{found[1]}", data={"active": "0"})
    owner.post(f"/users/{found[1]}/remove", data={"typed": "owner@example.com"})
    assert owner.get("/users").status_code == 200


def test_logging_out_everywhere_ends_the_other_browser(make_client: Callable[[str], FlaskClient]) -> None:
    first = make_client("agent")
    second = first.application.test_client()
    second.post("/login", data={"email": "agent@example.com", "password": PASSWORD})
    assert second.get("/account").status_code == 200
    first.post("/account/sessions/end")
    assert second.get("/account").status_code == 302


def test_one_account_cannot_end_anothers_session(make_client: Callable[[str], FlaskClient]) -> None:
    agent, owner = make_client("agent"), make_client("owner")
    other = owner.application.test_client()
    other.post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    offered = re.findall(r"/account/sessions/\d+/end", owner.get("/account").text)
    assert len(offered) == 1
    agent.post(offered[0])
    assert other.get("/account").status_code == 200
    owner.post(offered[0])
    assert other.get("/account").status_code == 302


def test_the_pages_of_the_account_open(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    owner.post("/account", data={"name": "Ana", "language": "en", "theme": "dark"})
    for path in ("/account", "/account/password", "/account/second-factor", "/account/passkeys", "/audit", "/users"):
        assert owner.get(path).status_code == 200, path
    assert "data:image/svg" in owner.get("/account/second-factor").text
    assert "Changed their account" in owner.get("/audit").text


def test_what_flask_security_offers_besides_our_pages_is_closed(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    for path in ("/tf-setup", "/change", "/mf-recovery-codes", "/tf-rescue", "/tf-select", "/reset"):
        assert owner.get(path).status_code == 404, path
