"""Passkeys at the server: only what a key of that account signed, for this site, now, with its owner there, opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from cbor2 import dumps
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from tests.web.conftest import PASSWORD, add_account

PRESENT, VERIFIED, NEW_KEY = 0x01, 0x04, 0x40


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """A key as a phone keeps one, and what the phone and its browser say with it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.owner = b""
        self.count = 0

    def describe(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": f"webauthn.{kind}", "challenge": challenge, "origin": origin}).encode()

    def prove(self, flags: int, rest: bytes = b"", domain: str = "localhost") -> bytes:
        self.count += 1
        return hashlib.sha256(domain.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + rest

    def pack(self, **response: bytes) -> str:
        packed = {name: encode(value) for name, value in response.items()}
        return json.dumps({"id": encode(self.id), "rawId": encode(self.id), "type": "public-key", "response": packed})

    def create(self, options: dict[str, Any], origin: str = "http://localhost", flags: int = PRESENT | VERIFIED) -> str:
        self.owner = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        point = self.key.public_key().public_numbers()
        public = dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        told = self.prove(flags | NEW_KEY, bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public)
        made = dumps({"fmt": "none", "attStmt": {}, "authData": told})
        return self.pack(clientDataJSON=self.describe("create", options["challenge"], origin), attestationObject=made)

    def sign(self, options: dict[str, Any], origin: str = "http://localhost", **changed: Any) -> str:
        said = self.describe("get", options["challenge"], origin)
        told = self.prove(changed.get("flags", PRESENT | VERIFIED), domain=changed.get("domain", "localhost"))
        signature = changed.get("key", self.key).sign(told + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        owner = changed.get("owner", self.owner)
        return self.pack(clientDataJSON=said, authenticatorData=told, signature=signature, userHandle=owner)


def ask(client: FlaskClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.post(path).get_json()
    return found


def add(client: FlaskClient, **changed: Any) -> Authenticator:
    made = Authenticator()
    credential = made.create(ask(client, "/account/passkeys/options"), **changed)
    assert client.post("/account/passkeys", data={"name": "Móvil", "credential": credential}).status_code == 303
    return made


def log_in(app: Flask, made: Authenticator, **changed: Any) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.post("/passkeys/login", data={"credential": made.sign(ask(client, "/passkeys/options"), **changed)})
    return client


def is_inside(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def count(app: Flask) -> int:
    with app.app_context():
        return int(db.session.execute(text("SELECT count(*) FROM passkey")).scalar_one())


def test_a_passkey_opens_its_account_without_the_second_factor(make_client: Callable[[str], FlaskClient]) -> None:
    agent = make_client("agent")
    made = add(agent)
    with agent.application.app_context():
        statement = "UPDATE account SET tf_totp_secret = '{}', tf_primary_method = 'authenticator'"
        db.session.execute(text(statement))
        db.session.commit()
    client = log_in(agent.application, made)
    assert is_inside(client)
    assert "agent@example.com" in client.get("/account").text


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:81"},
        {"domain": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"owner": b"account 999"},
    ],
    ids=["a false page", "another port", "another domain", "nobody proved it", "nobody there", "another key", "anothers"],
)
def test_what_is_not_quite_right_opens_nothing(make_client: Callable[[str], FlaskClient], changed: dict[str, Any]) -> None:
    agent = make_client("agent")
    made = add(agent)
    assert not is_inside(log_in(agent.application, made, **changed))
    assert is_inside(log_in(agent.application, made))


def test_an_answer_is_good_for_one_question(make_client: Callable[[str], FlaskClient]) -> None:
    agent = make_client("agent")
    made = add(agent)
    client = agent.application.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    answer = made.sign(ask(client, "/passkeys/options"))
    ask(client, "/passkeys/options")  # a newer question
    client.post("/passkeys/login", data={"credential": answer})
    assert not is_inside(client)
    answer = made.sign(ask(client, "/passkeys/options"))
    client.post("/passkeys/login", data={"credential": answer})
    assert is_inside(client)
    client.delete_cookie("mostrador")
    client.post("/passkeys/login", data={"credential": answer})
    assert not is_inside(client)


@pytest.mark.parametrize(
    "rubbish", ["", "{}", "[]", "null", '{"id": 1}', "x" * 100_000, '{"id":"a","rawId":"a","response":{}}']
)
def test_rubbish_is_refused_in_words(app: Flask, rubbish: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "agent@example.com", "agent")
    client = app.test_client()
    ask(client, "/passkeys/options")
    assert client.post("/passkeys/login", data={"credential": rubbish}).location.startswith("/login")
    client.post("/login", data={"email": "agent@example.com", "password": PASSWORD})
    ask(client, "/account/passkeys/options")
    assert client.post("/account/passkeys", data={"name": "x", "credential": rubbish}).status_code == 303
    assert count(app) == 0


def test_one_that_nobody_proved_or_a_false_page_made_is_not_added(make_client: Callable[[str], FlaskClient]) -> None:
    agent = make_client("agent")
    add(agent, flags=PRESENT)
    add(agent, origin="https://evil.example")
    assert count(agent.application) == 0


def test_one_account_touches_no_passkey_of_another(make_client: Callable[[str], FlaskClient]) -> None:
    agent, owner = make_client("agent"), make_client("owner")
    made = add(owner)
    with owner.application.app_context():
        number = db.session.execute(text("SELECT id FROM passkey")).scalar_one()
    assert agent.post(f"/account/passkeys/{number}", data={"name": "mine"}).status_code == 404
    assert agent.post(f"/account/passkeys/{number}/remove").status_code == 404
    # nor does somebody else's key pass for "type your password again"
    with agent.session_transaction() as cookie:
        cookie["fs_paa"] = 1
    agent.post("/passkeys/login", data={"credential": made.sign(ask(agent, "/passkeys/options")), "next": "/account/passkeys"})
    assert agent.get("/account/passkeys").status_code == 302
    assert "agent@example.com" in agent.get("/account").text
    assert is_inside(log_in(owner.application, made))


def test_it_opens_nothing_of_an_account_that_is_switched_off(make_client: Callable[[str], FlaskClient]) -> None:
    agent = make_client("agent")
    made = add(agent)
    with agent.application.app_context():
        db.session.execute(text("UPDATE account SET active = false"))
        db.session.commit()
    assert not is_inside(log_in(agent.application, made))


def test_the_library_is_loaded_by_who_uses_a_passkey_only() -> None:
    """8 MB in every web process, which Flask-Security would take unasked."""
    code = (
        "import sys; from chatbot import create_app; from chatbot.config import load_config;"
        f"create_app(load_config(database_url='postgresql://x/y', environment='test', secret_key={'k' * 40!r}), role='web');"
        "print([m for m in sys.modules if m.partition('.')[0] in {'webauthn', 'cbor2', 'OpenSSL'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
