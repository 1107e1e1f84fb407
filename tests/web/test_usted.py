"""The panel in Spanish with usted: every page of a shop that sets it, plurals and mails as well. English stays English."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from chatbot.db import db
from chatbot.models.people import Account, Passkey
from tests.web.conftest import add_account
from tests.web.test_security_mail import Post, log_in, make_config

Maker = Callable[[str], FlaskClient]


def say_usted(client: FlaskClient) -> None:
    assert client.post("/settings/spanish_address", data={"value": "usted"}).status_code == 303


def add_passkeys(app: Flask, count: int) -> None:
    with app.app_context():
        owner = db.session.scalar(select(Account.id))
        keys = [
            {"account_id": owner, "credential_id": bytes([n]), "public_key": b"x", "name": f"Llave {n}"} for n in range(count)
        ]
        db.session.execute(insert(Passkey), keys)
        db.session.commit()


def test_a_page_says_usted_once_it_is_set_and_tu_again(make_client: Maker) -> None:
    client = make_client("owner")
    assert "Trae lo que ya tienes" in client.get("/imports").text
    say_usted(client)
    page = client.get("/imports").text
    assert "Traiga lo que ya tiene" in page
    assert "Trae lo" not in page
    assert '<html lang="es"' in page
    assert "Primeros pasos" in page  # what es and usted have alike
    client.post("/settings/spanish_address", data={"value": "usted", "reset": "1"})
    assert "Trae lo que ya tienes" in client.get("/imports").text


def test_who_reads_english_goes_on_reading_it(make_client: Maker) -> None:
    client = make_client("owner")
    say_usted(client)
    page = client.get("/imports", headers={"Accept-Language": "en"}).text
    assert '<html lang="en"' in page
    assert "Bring in what you already have" in page


def test_one_and_several_say_usted(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    say_usted(client)
    add_passkeys(app, 1)
    assert "1 llave de acceso le permite entrar sin contraseña." in client.get("/account").text
    with app.app_context():
        db.session.query(Passkey).delete()
        db.session.commit()
    add_passkeys(app, 2)
    assert "2 llaves de acceso le permiten entrar sin contraseña." in client.get("/account").text


def test_what_a_stranger_reads_says_usted(app: Flask, make_client: Maker) -> None:
    say_usted(make_client("owner"))
    assert "Pídaselo a un propietario" in app.test_client().get("/forgot").text


def test_a_mail_says_usted(make_app: Callable[..., Flask], make_database: Callable[[], str]) -> None:
    post = Post()
    app = make_app(make_config(make_database(), post.port))
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "owner@example.com", "owner")
    client = log_in(app)
    say_usted(client)
    client.post("/users/invite", data={"email": "nueva@example.com", "role": "editor"})
    text = post.wait().get_content()
    assert "Elija aquí una contraseña" in text
    assert "Elige" not in text
    app.test_client().post("/forgot", data={"email": "owner@example.com"})
    assert "Póngala aquí" in post.wait().get_content()
    post.listener.close()
