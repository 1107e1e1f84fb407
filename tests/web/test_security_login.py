"""The login against whoever isn't invited: guessing, asking who exists, planted cookies, false addresses, forged forms."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from statistics import median
from urllib.parse import urljoin, urlsplit

import pytest
from conftest import SECRET_KEY
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chatbot import create_app
from chatbot.config import load_config
from chatbot.db import db
from chatbot.web.access import find_least_role
from tests.web.conftest import PASSWORD, add_account

HTML = {"Accept": "text/html"}
EVIL = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "http://localhost@evil.example/",
    " //evil.example",
    "/\t/evil.example",
)


@pytest.fixture
def person(app: Flask) -> FlaskClient:
    """A browser before the login, with the protection against forged forms on; an account is there."""
    add_account(app, "a@example.com", "owner")
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def read_token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def log_in(client: FlaskClient, email: str = "a@example.com", password: str = PASSWORD, url: str = "/login") -> TestResponse:
    token = read_token(client.get("/login"))
    return client.post(url, data={"email": email, "password": password, "csrf_token": token})


def is_inside(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def leads_elsewhere(answer: TestResponse) -> bool:
    """As a browser reads a Location: backslashes are slashes, tabs and blanks in front are nothing."""
    location = re.sub(r"[\t\r\n]", "", answer.headers.get("Location", "/")).strip().replace("\\", "/")
    parts = urlsplit(urljoin("http://localhost/login", re.sub("^/{3,}", "//", location)))
    return (parts.scheme, parts.netloc) != ("http", "localhost")


def test_the_login_leads_to_no_other_site(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "owner")
    inside = app.test_client()
    assert inside.post("/login", data={"email": "a@example.com", "password": PASSWORD}).status_code == 302
    for target in EVIL:
        data = {"email": "a@example.com", "password": PASSWORD}
        for form, query in (({"next": target}, {}), ({}, {"next": target})):
            answer = app.test_client().post("/login", data=data | form, query_string=query)
            assert not leads_elsewhere(answer), (target, answer.location)
        for path in ("/login", "/verify", "/passkeys/login"):
            answer = inside.post(path, data={**data, "next": target, "credential": "{}"}, query_string={"next": target})
            assert not leads_elsewhere(answer), (path, target, answer.location)


def test_a_place_of_ours_is_gone_back_to_after_the_login(person: FlaskClient) -> None:
    sent = person.get("/conversations?state=handed_off")
    assert sent.status_code == 302
    login = person.get(sent.location)
    data = {"email": "a@example.com", "password": PASSWORD, "csrf_token": read_token(login)}
    back = re.search(r'name="next"[^>]*value="([^"]+)"', login.text)
    assert back
    answer = person.post("/login", data={**data, "next": back[1].replace("&amp;", "&")})
    assert answer.location == "/conversations?state=handed_off"


def test_a_planted_cookie_is_worth_nothing_after_the_login(person: FlaskClient) -> None:
    """Session fixation: whoever knew the cookie and its token before the login knows nothing afterwards."""
    token = read_token(person.get("/login"))
    before = person.get_cookie("mostrador")
    assert before
    person.post("/login", data={"email": "a@example.com", "password": PASSWORD, "csrf_token": token})
    after = person.get_cookie("mostrador")
    assert after
    assert after.value != before.value
    forged = person.post("/account", data={"name": "x", "language": "es", "theme": "dark", "csrf_token": token})
    assert forged.status_code == 400
    attacker = person.application.test_client()
    attacker.set_cookie("mostrador", before.value)
    assert not is_inside(attacker)


def test_a_cookie_from_before_the_logout_is_worth_nothing(person: FlaskClient) -> None:
    log_in(person)
    stolen = person.get_cookie("mostrador")
    assert stolen
    person.post("/account/sessions/end", data={"csrf_token": read_token(person.get("/account"))})
    thief = person.application.test_client()
    thief.set_cookie("mostrador", stolen.value)
    assert not is_inside(thief)


def tidy(page: TestResponse, email: str) -> str:
    """A page without what differs between any two: the address typed, tokens, the request's id."""
    text = re.sub(r'value="[^"]{30,}"', "", page.text.replace(email, "EMAIL"))
    return re.sub(r'"X-CSRFToken[^}]*}', "", text)


def test_nobody_learns_who_has_an_account_by_the_words(person: FlaskClient) -> None:
    known = log_in(person, "a@example.com", "wrong-wrong-1")
    unknown = log_in(person, "b@example.com", "wrong-wrong-1")
    assert (known.status_code, tidy(known, "a@example.com")) == (unknown.status_code, tidy(unknown, "b@example.com"))


@pytest.mark.thorough
def test_nobody_learns_who_has_an_account_by_the_time(app: Flask) -> None:
    app = create_app(app.config["CONFIG"])  # with the work that a password costs where it ships
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "owner")
    client, took = app.test_client(), {"a@example.com": [], "nobody@example.com": []}  # type: ignore[var-annotated]
    for _ in range(8):
        for email, times in took.items():
            start = time.perf_counter()
            client.post("/login", data={"email": email, "password": "wrong-wrong-1"})
            times.append(time.perf_counter() - start)
    with app.app_context():
        db.engine.dispose()
    known, unknown = (median(times) for times in took.values())
    assert 0.4 < known / unknown < 2.5, took  # without the same work it is tenfold: argon2 is slow on purpose


def test_an_account_that_was_switched_off_or_only_invited_answers_as_an_unknown_one(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    runner = app.test_cli_runner()
    runner.invoke(args=["user", "create", "new@example.com"])
    client = app.test_client()
    invited = client.post("/login", data={"email": "new@example.com", "password": "wrong-wrong-1"}, headers=HTML)
    unknown = client.post("/login", data={"email": "old@example.com", "password": "wrong-wrong-1"}, headers=HTML)
    assert tidy(invited, "new@example.com") == tidy(unknown, "old@example.com")


def test_thirty_wrong_tries_lock_an_address_whatever_names_it_tries(app: Flask) -> None:
    """Without Redis, and in another process too: it is counted in PostgreSQL."""
    app.config["WTF_CSRF_ENABLED"] = False
    assert not app.config["CONFIG"].redis_url
    client = app.test_client()
    for n in range(30):
        assert client.post("/login", data={"email": f"n{n}@example.com", "password": "wrong-wrong-1"}).status_code == 200
    assert client.post("/login", data={"email": "other@example.com", "password": "wrong-wrong-1"}).status_code == 429
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    assert elsewhere.post("/login", data={"email": "other@example.com", "password": "wrong-wrong-1"}).status_code == 200


def test_ten_wrong_passwords_lock_the_other_places_where_it_is_tried(make_client: Callable[[str], FlaskClient]) -> None:
    for path, data in (
        ("/verify", {"password": "wrong-wrong-1"}),
        ("/account/password", {"present": "wrong-wrong-1", "password": "x" * 12, "again": "x" * 12}),
    ):
        client = make_client("agent" if path == "/verify" else "editor")
        for _ in range(10):
            assert client.post(path, data=data).status_code in {200, 422}
        assert client.post(path, data={**data, "password": PASSWORD, "present": PASSWORD}).status_code == 429, path


def test_a_new_password_that_is_too_short_is_no_guess(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("agent")
    for _ in range(11):
        answer = client.post("/account/password", data={"present": PASSWORD, "password": "short", "again": "short"})
        assert answer.status_code == 422


def test_passkeys_that_nobody_knows_lock_the_address_and_no_account(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "owner")
    client = app.test_client()
    for _ in range(30):
        assert client.post("/passkeys/login", data={"credential": "{}"}).status_code == 303
    assert client.post("/passkeys/login", data={"credential": "{}"}).status_code == 429
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    assert elsewhere.post("/passkeys/login", data={"credential": "{}"}).status_code == 303
    assert elsewhere.post("/login", data={"email": "a@example.com", "password": PASSWORD}).status_code == 302


def test_each_failed_login_is_one_line_with_the_address_and_nothing_typed(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "owner")
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    with caplog.at_level(logging.WARNING):
        client.post("/login", data={"email": "secret-typed-here", "password": "wrong-wrong-1"})
        client.post("/login", data={"email": "a@example.com", "password": PASSWORD})
    lines = [record.msg for record in caplog.records if "panel_login_failed" in str(record.msg)]
    assert len(lines) == 1
    assert lines[0]["address"] == "203.0.113.7"
    assert lines[0]["why"] == "login"
    assert "typed" not in str(lines[0])
    assert "wrong-wrong" not in str(lines[0])


def test_in_production_the_cookie_is_for_this_host_over_tls_and_no_script(
    make_app: Callable[..., Flask], make_database: Callable[[], str]
) -> None:
    app = make_app(load_config(database_url=make_database(), secret_key=SECRET_KEY, environment="production"))
    answer = app.test_client().get("/login", base_url="https://localhost", headers=HTML)
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-mostrador="))
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert parts == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert all("mostrador" in line for line in answer.headers.getlist("Set-Cookie"))


def test_a_crafted_wish_to_be_remembered_opens_nothing(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "owner")
    client = app.test_client()
    client.post("/login", data={"email": "a@example.com", "password": PASSWORD, "remember": "y"})
    client.delete_cookie("mostrador")
    assert not is_inside(client)


def test_every_form_of_login_and_account_wants_its_token(app: Flask, person: FlaskClient) -> None:
    assert log_in(person).status_code == 302
    with app.app_context():
        posts = [
            rule
            for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or set())
            and rule.endpoint.split(".")[0] in {"account", "people", "passkeys", "second_factor", "security", "welcome"}
            and find_least_role(rule.endpoint) is not None
        ]
    assert len(posts) > 15
    for rule in posts:
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        answer = person.post(path, data={"email": "a@example.com", "password": PASSWORD, "code": "1"})
        assert answer.status_code == 400, rule.endpoint
        foreign = person.post(path, data={"name": "x y", "csrf_token": "forged"}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 400, rule.endpoint
    assert is_inside(person)


def test_logging_out_takes_a_form_not_an_address(person: FlaskClient) -> None:
    log_in(person)
    assert person.get("/logout").status_code in {404, 405}
    assert is_inside(person)
    person.post("/logout", data={"csrf_token": read_token(person.get("/account"))})
    assert not is_inside(person)
