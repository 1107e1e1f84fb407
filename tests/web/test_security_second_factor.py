"""The second factor: set up, asked for, no code twice, recovery codes once, and readable after a change of SECRET_KEY."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from conftest import SECRET_KEY
from flask import Flask
from flask.testing import FlaskClient
from passlib.totp import TOTP
from sqlalchemy import text
from werkzeug.test import TestResponse

from chatbot.config import load_config
from chatbot.db import db
from tests.web.conftest import PASSWORD, add_account

# of a form of Flask-Security's that we don't show
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")
NEW_KEY = "another-key-only-for-tests-0987654321-zyx"


def read_code(key: str, steps_on: int = 0) -> str:
    return str(TOTP(key=key.replace("-", "").replace(" ", ""), format="base32").generate(time.time() + 30 * steps_on).token)


def set_up(client: FlaskClient) -> tuple[str, list[str], str]:
    """The key, the recovery codes, and the code that was typed."""
    page = client.get("/account/second-factor")
    key = re.search(r"data-key>([A-Z2-7 -]+)<", page.text)
    assert key, page.text
    assert client.post("/account/second-factor", data={"code": "000000"}).status_code == 422
    code = read_code(key[1])
    done = client.post("/account/second-factor", data={"code": code})
    return key[1], read_recovery(done), code


def read_recovery(page: TestResponse) -> list[str]:
    codes = re.findall(r"<code>([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})</code>", page.text)
    assert len(codes) == 10, page.text
    assert page.headers["Cache-Control"] == "no-store"
    return codes


def start_login(app: Flask) -> FlaskClient:
    """Between password and code."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    answer = client.post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    assert answer.location.startswith("/tf-validate"), answer.location
    assert client.get("/conversations").status_code == 302  # the password alone opens nothing
    return client


def try_code(client: FlaskClient, code: str) -> bool:
    client.post("/tf-validate", data={"code": code})
    return client.get("/conversations").status_code == 200


def try_recovery(client: FlaskClient, code: str) -> bool:
    client.post("/mf-recovery", data={"code": code})
    return client.get("/conversations").status_code == 200


def test_no_code_opens_twice(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    key, _, code = set_up(owner)
    assert not try_code(start_login(owner.application), code)  # the one that set it up
    assert not try_code(start_login(owner.application), "000000")
    later = read_code(key, 1)
    assert try_code(start_login(owner.application), later)
    assert not try_code(start_login(owner.application), later)


def test_a_recovery_code_opens_once_however_it_is_typed(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    _, codes, _ = set_up(owner)
    assert try_recovery(start_login(owner.application), f" {codes[0].upper().replace('-', ' ')} ")
    assert not try_recovery(start_login(owner.application), codes[0])
    assert "9 códigos" in owner.get("/account/second-factor").text
    with owner.application.app_context():
        stored = db.session.execute(text("SELECT mf_recovery_codes || tf_totp_secret FROM account")).scalar_one()
    assert codes[1] not in stored
    fresh = read_recovery(owner.post("/account/recovery-codes"))
    assert not try_recovery(start_login(owner.application), codes[1])
    assert try_recovery(start_login(owner.application), fresh[0])


def test_ten_wrong_codes_lock_the_account_between_password_and_code(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    key, *_ = set_up(owner)
    client = start_login(owner.application)
    for n in range(10):
        path = "/tf-validate" if n % 2 else "/mf-recovery"
        assert client.post(path, data={"code": "000000"}).status_code == 200
    assert client.post("/tf-validate", data={"code": read_code(key, 1)}).status_code == 429


def test_it_is_switched_off_again(make_client: Callable[[str], FlaskClient]) -> None:
    owner = make_client("owner")
    set_up(owner)
    owner.post("/account/second-factor/off")
    answer = owner.application.test_client().post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    assert answer.location == "/"
    with owner.application.app_context():
        acts = set(db.session.execute(text("SELECT act FROM audit_line")).scalars())
    assert acts >= {"account.second_factor_on", "account.recovery_codes", "account.second_factor_off"}


def test_an_owner_helps_who_lost_the_phone_and_the_server_helps_the_last_owner(
    make_client: Callable[[str], FlaskClient],
) -> None:
    owner = make_client("owner")
    app = owner.application
    add_account(app, "other@example.com", "owner")
    set_up(owner)
    other = app.test_client()
    other.post("/login", data={"email": "other@example.com", "password": PASSWORD})
    with app.app_context():
        number = db.session.execute(text("SELECT id FROM account WHERE email = 'owner@example.com'")).scalar_one()
    assert other.post(f"/users/{number}/without-second-factor").status_code == 303
    assert is_alone_enough(app)
    set_up(owner)
    assert not is_alone_enough(app)
    result = app.test_cli_runner().invoke(args=["user", "reset", "--second-factor", "owner@example.com"])
    assert "/welcome/" in result.output
    assert is_alone_enough(app)


def is_alone_enough(app: Flask) -> bool:
    answer = app.test_client().post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    return bool(answer.location == "/")


def test_a_new_secret_key_beside_the_former_one_keeps_everybodys_second_factor(
    make_app: Callable[..., Flask], make_database: Callable[[], str]
) -> None:
    url = make_database()

    def start(secret: str, *former: str) -> Flask:
        app = make_app(
            load_config(database_url=url, environment="test", secret_key=secret, secret_key_fallbacks=",".join(former))
        )
        app.config["WTF_CSRF_ENABLED"] = False
        return app

    app = start(SECRET_KEY)
    add_account(app, "owner@example.com", "owner")
    owner = app.test_client()
    owner.environ_base["HTTP_ACCEPT"] = "text/html"
    owner.post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    key, codes, _ = set_up(owner)

    turned = start(NEW_KEY, SECRET_KEY)
    assert try_recovery(start_login(turned), codes[0])
    assert try_code(start_login(turned), read_code(key, 1))
    # a login wrote the secret anew, so the former key may go
    alone = start(NEW_KEY)
    with alone.app_context():
        db.session.execute(text("UPDATE account SET totp_last_counter = NULL"))
        db.session.commit()
    assert try_code(start_login(alone), read_code(key))


def test_a_secret_that_no_key_reads_is_a_wrong_code_and_no_fault(
    make_client: Callable[[str], FlaskClient],
) -> None:
    owner = make_client("owner")
    set_up(owner)
    with owner.application.app_context():
        secret = db.session.execute(text("SELECT tf_totp_secret FROM account")).scalar_one()
        found = re.search(r'"t":\s*"(\w+)"', secret)
        assert found, secret
        db.session.execute(text("UPDATE account SET tf_totp_secret = :s"), {"s": secret.replace(found[1], "0123456789ab")})
        db.session.commit()
    client = start_login(owner.application)
    assert client.post("/tf-validate", data={"code": "123456"}).status_code == 200
