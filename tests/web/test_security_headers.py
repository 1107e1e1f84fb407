"""What every answer says to the browser, whoever asks and whatever comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from conftest import SECRET_KEY
from flask import Flask
from flask.testing import FlaskClient

from chatbot.config import Config, load_config
from chatbot.web import overview
from web.test_gate import list_routes

Make = Callable[[str], FlaskClient]
EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# its own tests say what it answers: it is shown inside Chatwoot
IN_A_FRAME = "dashboard_app."
PATHS = (
    "/",
    "/login",
    "/conversations",
    "/healthz",
    "/nowhere",
    "/content/faq/nowhere",
    "/conversations/1",
    "/people",
    "/webhooks/x",
)


def read_policy(header: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.strip().partition(" ") for part in header.split(";"))}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_them(app: Flask, make_client: Make, path: str) -> None:
    for client in (app.test_client(), make_client("owner")):
        answer = client.get(path, headers={"Accept": "text/html"})
        found = {name: answer.headers.get(name) for name in EXPECTED}
        assert found == EXPECTED, answer.status


def test_a_fault_has_them_too(app: Flask, make_client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def break_down() -> str:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(overview, "count_newest", break_down)
    answer = make_client("owner").get("/")
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED


def test_nothing_runs_that_is_not_ours(make_client: Make) -> None:
    policy = read_policy(make_client("owner").get("/conversations").headers["Content-Security-Policy"])
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'self' 'nonce-[\w-]{16,}'", policy[name]), policy[name]
    assert not re.search(r"unsafe|\*|http:", " ".join(policy.values()))


def test_a_nonce_is_good_for_one_answer(make_client: Make) -> None:
    client = make_client("agent")
    policies = {client.get("/conversations").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_no_proxy_keeps_a_page(app: Flask, make_client: Make) -> None:
    """Whatever has customers' words in it, on every page that an owner may read."""
    client = make_client("owner")
    for endpoint, method, path in list_routes(app):
        if method != "GET" or endpoint.startswith((IN_A_FRAME, "assets.", "health.", "webhook.")):
            continue
        answer = client.get(path)
        kept = answer.headers.get("Cache-Control", "")
        assert "private" in kept or "no-store" in kept, (path, kept)
        assert "public" not in kept, (path, kept)


def test_powers_that_no_page_needs_are_given_away(make_client: Make) -> None:
    found = make_client("agent").get("/").headers["Permissions-Policy"]
    for power in ("camera", "microphone", "geolocation", "payment"):
        assert f"{power}=()" in found


def test_cookies_are_for_this_host_over_tls_and_no_script(make_app: Callable[[Config], Flask], database_url: str) -> None:
    app = make_app(load_config(database_url=database_url, secret_key=SECRET_KEY, environment="production", trusted_proxies=1))
    answer = app.test_client().get("/login", headers={"X-Forwarded-Proto": "https"}, base_url="https://bot.example.org")
    lines = answer.headers.getlist("Set-Cookie")
    assert lines
    for line in lines:
        name, *attributes = (part.strip().lower() for part in line.split(";"))
        assert name.startswith("__host-"), line
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(attributes), line
        assert not any(attribute.startswith("domain") for attribute in attributes), line


def test_the_front_end_files_may_come_from_another_host(app: Flask) -> None:
    """A CDN (ASSET_URL) fetches them here: they mustn't say that only this host may load them."""
    page = app.test_client().get("/login", headers={"Accept": "text/html"}).text
    path = re.findall(r'href="(/static/[^"]+)"', page)[0]
    with app.test_client().get(path) as answer:
        assert answer.status_code == 200
        assert "Cross-Origin-Resource-Policy" not in answer.headers
        assert "immutable" in answer.headers["Cache-Control"]
