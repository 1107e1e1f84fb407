"""Another's things by their numbers: sessions, passkeys, views, forms, links; and what a role can't give itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, text

from chatbot.db import db
from chatbot.models.people import Account, LoginSession, Passkey, SavedView
from chatbot.web.access import ROLES, find_least_role
from web.conftest import PASSWORD, add_account
from web.test_gate import list_routes

Make = Callable[[str], FlaskClient]
HTML = {"Accept": "text/html"}


def find_id(app: Flask, role: str) -> int:
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(select(Account.id).where(Account.email == f"{role}@example.com")).scalar_one())


def count(app: Flask, table: str, condition: str = "true") -> int:
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}")).scalar_one())


def insert_row(app: Flask, model: type, **values: object) -> int:
    with app.app_context(), db.engine.begin() as connection:
        return int(connection.execute(insert(model).values(**values).returning(model.id)).scalar_one())  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ROLES)
def test_nobody_ends_anothers_session(app: Flask, make_client: Make, role: str) -> None:
    add_account(app, "otra@example.com", "owner")
    victim = app.test_client()
    victim.post("/login", data={"email": "otra@example.com", "password": PASSWORD})
    intruder = make_client(role)
    with app.app_context(), db.engine.connect() as connection:
        statement = select(LoginSession.id).join(Account, Account.id == LoginSession.account_id)
        own = connection.execute(statement.where(Account.email == "otra@example.com")).scalar_one()
    intruder.post(f"/account/sessions/{own}/end")
    intruder.post("/account/sessions/end")
    assert victim.get("/account", headers=HTML).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_nobody_touches_anothers_passkey(app: Flask, make_client: Make, role: str) -> None:
    add_account(app, "otra@example.com", "owner")
    with app.app_context(), db.engine.connect() as connection:
        other = connection.execute(select(Account.id).where(Account.email == "otra@example.com")).scalar_one()
    row = insert_row(app, Passkey, account_id=other, credential_id=b"x", public_key=b"y", name="Llave de otra")
    intruder = make_client(role)
    intruder.post(f"/account/passkeys/{row}", data={"name": "mía"})
    intruder.post(f"/account/passkeys/{row}/remove")
    assert count(app, "passkey", "name = 'Llave de otra'") == 1
    assert "Llave de otra" not in intruder.get("/account/passkeys", headers=HTML).text


@pytest.mark.parametrize("role", ROLES)
def test_nobody_sees_or_removes_anothers_saved_view(app: Flask, make_client: Make, role: str) -> None:
    add_account(app, "otra@example.com", "agent")
    with app.app_context(), db.engine.connect() as connection:
        other = connection.execute(select(Account.id).where(Account.email == "otra@example.com")).scalar_one()
    values = {"list": "conversations.listing", "name": "Vista de otra", "query": "state=ignored"}
    row = insert_row(app, SavedView, account_id=other, **values)
    intruder = make_client(role)
    intruder.post(f"/views/{row}/remove")
    assert count(app, "saved_view") == 1
    assert "Vista de otra" not in intruder.get("/conversations", headers=HTML).text


FIELDS = {"role": "owner", "email": "jefa@example.com", "active": "1", "id": "1", "account_id": "1", "fs_uniquifier": "x"}


@pytest.mark.parametrize("role", ["agent", "editor"])
def test_nobody_gives_themselves_a_role(app: Flask, make_client: Make, role: str) -> None:
    """By fields that no form has: a view takes what it names, and nothing else."""
    client = make_client(role)
    for endpoint, method, path in list_routes(app):
        with app.app_context():
            least = find_least_role(endpoint)
        if method == "POST" and least in ROLES and ROLES.index(least) <= ROLES.index(role) and "/sessions/" not in path:
            client.post(path, data={**FIELDS, "name": "Quien sea", "language": "es", "theme": "auto"}, headers=HTML)
    with app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(select(Account.email, Account.role, Account.active)).all()
    assert [tuple(row) for row in rows] == [(f"{role}@example.com", role, True)]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_no_other_method_opens_what_a_role_may_not(app: Flask, make_client: Make, method: str) -> None:
    client = make_client("agent")
    for path in ("/users", "/settings", "/audit", "/conversations/contact/1/export", "/system"):
        answer = client.open(path, method=method, headers=HTML)
        assert answer.status_code in {403, 404, 405}, path
        assert "owner@example.com" not in answer.text


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
def test_no_header_leads_past_the_gate(app: Flask, make_client: Make, name: str) -> None:
    client = make_client("agent")
    assert client.get("/users", headers={**HTML, name: "/conversations"}).status_code == 403
    assert "/users/invite" not in client.get("/conversations", headers={**HTML, name: "/users"}).text


@pytest.mark.parametrize(
    "path", ["//users", "/users/", "/Users", "/users;a", "/./users", "/conversations/../users", "/%75sers"]
)
def test_no_spelling_leads_past_the_gate(app: Flask, make_client: Make, path: str) -> None:
    answer = make_client("agent").get(path, headers=HTML)
    assert answer.status_code in {302, 308, 403, 404}
    assert "/users/invite" not in answer.text


def test_a_link_of_one_account_sets_no_other_password(app: Flask, make_client: Make) -> None:
    owner = make_client("owner")
    add_account(app, "agente@example.com", "agent")
    with app.app_context(), db.engine.connect() as connection:
        before = connection.execute(select(Account.password).where(Account.email == "owner@example.com")).scalar_one()
    link = app.test_cli_runner().invoke(args=["user", "reset", "agente@example.com"]).output.split()[-1]
    path = "/welcome/" + link.rsplit("/", 1)[1]
    stranger = app.test_client()
    form = {"password": "otra-clave-larga-1", "again": "otra-clave-larga-1", "email": "owner@example.com", "account_id": "1"}
    assert stranger.post(path, data=form, headers=HTML).status_code == 303
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(select(Account.password).where(Account.email == "owner@example.com")).scalar_one() == before
    assert stranger.post(path, data=form, headers=HTML).status_code == 404, "a link works once"
    assert owner.get("/users", headers=HTML).status_code == 200


def test_a_stranger_gets_no_export(app: Flask) -> None:
    client = app.test_client()
    for path in ("/conversations/export.csv", "/imports/export/faq.csv", "/analytics.csv", "/system/diagnostics.json"):
        answer = client.get(path)
        assert answer.status_code in {302, 404}, path
        assert "text/csv" not in answer.content_type
