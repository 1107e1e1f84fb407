"""A browser without a screen is in tests/browser; here a client that is logged in as whom a test wants."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatbot.db import db
from chatbot.models.people import Account

PASSWORD = "ein-langes-Wort-42"


@pytest.fixture
def make_client(app: Flask) -> Callable[[str], FlaskClient]:
    """make_client("owner") -> a client logged in through the real login. CSRF is off for it; tests of CSRF use their own."""
    app.config["WTF_CSRF_ENABLED"] = False

    def make(role: str) -> FlaskClient:
        add_account(app, f"{role}@example.com", role)
        client = app.test_client()
        client.environ_base["HTTP_ACCEPT"] = "text/html"
        answer = client.post("/login", data={"email": f"{role}@example.com", "password": PASSWORD})
        assert answer.status_code == 302, answer.text
        return client

    return make


def add_account(app: Flask, email: str, role: str) -> None:
    from flask_security import hash_password  # noqa: PLC0415  needs the application

    with app.app_context():
        account = Account(email=email, role=role, name=role.title(), fs_uniquifier=uuid.uuid4().hex, active=True)
        account.password = hash_password(PASSWORD)
        db.session.add(account)
        db.session.commit()
