"""Nobody gets more guesses than ten: not by another name, another spelling, another browser's cookie or half a login."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from tests.web.conftest import PASSWORD, add_account
from tests.web.test_security_fresh import grow_old
from tests.web.test_security_passkeys import Authenticator, ask, count
from tests.web.test_security_second_factor import read_code, set_up, start_login, try_recovery

# of a form of Flask-Security's that we don't show
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")
Maker = Callable[[str], FlaskClient]
OWNER, WRONG = "owner@example.com", "wrong-wrong-1"


def try_password(app: Flask, email: str, password: str = WRONG, address: str = "127.0.0.1") -> int:
    data = {"email": email, "password": password}
    return app.test_client().post("/login", data=data, environ_base={"REMOTE_ADDR": address}).status_code


def guess_codes(client: FlaskClient, times: int, **typed: str) -> None:
    for n in range(times):
        path = "/tf-validate" if n % 2 else "/mf-recovery"
        assert client.post(path, data={"code": "000000", **typed}).status_code == 200


@pytest.mark.parametrize("typed", [{}, {"email": "other@example.com"}], ids=["its own", "another name"])
def test_the_right_password_again_gives_no_more_codes(make_client: Maker, typed: dict[str, str]) -> None:
    owner = make_client("owner")
    app = owner.application
    add_account(app, "other@example.com", "agent")
    key, *_ = set_up(owner)
    guess_codes(start_login(app), 9, **typed)
    client = start_login(app)
    guess_codes(client, 1, **typed)
    assert client.post("/tf-validate", data={"code": read_code(key, 1), **typed}).status_code == 429
    again = start_login(app)
    assert again.post("/tf-validate", data={"code": read_code(key, 1)}).status_code == 429
    assert try_password(app, "other@example.com", PASSWORD) == 302  # who was only named is not locked


def test_a_wrong_code_is_one_line_for_fail2ban_without_what_was_typed(
    make_client: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    owner = make_client("owner")
    set_up(owner)
    client = start_login(owner.application)
    client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    with caplog.at_level(logging.WARNING):
        client.post("/tf-validate", data={"code": "000000", "email": "typed@example.com"})
    lines = [record.msg for record in caplog.records if "panel_login_failed" in str(record.msg)]
    assert [(line["address"], line["why"]) for line in lines] == [("203.0.113.7", "two_factor_token_validation")]
    assert "typed" not in str(lines)


def test_whoever_logs_in_with_the_second_factor_starts_anew(make_client: Maker) -> None:
    owner = make_client("owner")
    app = owner.application
    _, codes, _ = set_up(owner)
    for code in codes[:2]:
        for _ in range(5):
            assert try_password(app, OWNER) == 200
        guess_codes(start_login(app), 5)
        assert try_recovery(start_login(app), code)
    assert try_password(app, OWNER) == 200


def test_an_address_goes_on_being_counted_after_a_right_login(make_client: Maker) -> None:
    app = make_client("agent").application
    for _ in range(3):
        for _ in range(9):
            assert try_password(app, "agent@example.com") == 200
        assert try_password(app, "agent@example.com", PASSWORD) == 302
    for n in range(3):
        assert try_password(app, f"n{n}@example.com") == 200
    assert try_password(app, "agent@example.com", PASSWORD) == 429
    assert try_password(app, "agent@example.com", PASSWORD, "198.51.100.9") == 302


def test_a_browser_that_is_logged_in_gets_ten_guesses_too(make_client: Maker) -> None:
    client = make_client("agent")
    for _ in range(9):
        assert client.post("/verify", data={"password": WRONG}).status_code == 200
    assert client.post("/login", data={"email": "agent@example.com", "password": WRONG}).status_code == 302
    assert client.post("/verify", data={"password": WRONG}).status_code == 200
    assert client.post("/verify", data={"password": PASSWORD}).status_code == 429
    assert try_password(client.application, "agent@example.com", PASSWORD) == 429


@pytest.mark.parametrize("is_known", [True, False], ids=["an account", "nobody"])
def test_an_address_spelt_otherwise_is_the_same_address(app: Flask, *, is_known: bool) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    if is_known:
        add_account(app, "ana@shop.es", "owner")
        assert try_password(app, "ana@ｓhop.es", PASSWORD) == 302
    for spelt in ("ana@ｓhop.es", "ANA@shop.es", "ana@SHOP.es", " ana@shop.es", "ana@shop。es") * 2:
        assert try_password(app, spelt) == 200
    assert try_password(app, "ana@shop.es", PASSWORD) == 429
    assert try_password(app, "ana@sｈop.es", PASSWORD) == 429


def test_the_cookie_of_a_login_that_was_ended_gives_no_more_guesses(make_client: Maker) -> None:
    agent = make_client("agent")
    app = agent.application
    add_account(app, OWNER, "owner")
    kept = agent.get_cookie("mostrador")
    assert kept
    agent.post("/account/sessions/end")
    for _ in range(10):
        assert try_password(app, OWNER) == 200
    client = app.test_client()
    client.set_cookie("mostrador", kept.value)
    assert client.post("/login", data={"email": OWNER, "password": PASSWORD}).status_code == 429


def change_person(client: FlaskClient, email: str) -> None:
    add_account(client.application, email, "owner")
    assert client.post("/logout").status_code == 302
    assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 302


def read_key(client: FlaskClient) -> str:
    found = re.search(r"data-key>([A-Z2-7 -]+)<", client.get("/account/second-factor").text)
    assert found
    return found[1]


def test_a_second_factor_begun_by_one_is_not_offered_to_the_next(make_client: Maker) -> None:
    client = make_client("owner")
    first = read_key(client)
    assert read_key(client) == first
    change_person(client, "next@example.com")
    assert client.post("/account/second-factor", data={"code": read_code(first)}).status_code == 303  # none is begun
    assert read_key(client) != first


def test_a_passkey_begun_by_one_is_not_added_to_the_next(make_client: Maker) -> None:
    client = make_client("owner")
    credential = Authenticator().create(ask(client, "/account/passkeys/options"))
    change_person(client, "next@example.com")
    client.post("/account/passkeys", data={"name": "Móvil", "credential": credential})
    assert count(client.application) == 0


def test_the_servers_that_are_told_keys_are_changed_after_the_password_only(make_client: Maker) -> None:
    client = make_client("owner")
    sent = {"value": "evil.example"}
    grow_old(client)
    for data in (sent, {**sent, "reset": "1"}):
        answer = client.post("/settings/flow_hosts", data=data, headers={"Origin": "http://localhost"})
        assert answer.location.startswith("/verify")
    assert read_hosts(client) is None
    client.post("/verify", data={"password": PASSWORD})
    assert client.post("/settings/flow_hosts", data=sent).location == "/settings#flow_hosts"
    assert "evil.example" in str(read_hosts(client))


def read_hosts(client: FlaskClient) -> object:
    with client.application.app_context():
        return db.session.execute(text("SELECT value FROM setting WHERE key = 'flow_hosts'")).scalar_one_or_none()
