"""Who gets in where: every route, every role and a stranger."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from chatbot.web.access import ROLES, find_least_role
from tests.web.conftest import PASSWORD, add_account

OPEN = {
    "assets.file",
    "dashboard_app.act",
    "dashboard_app.open_tab",
    "dashboard_app.tab",
    "health.healthz",
    "health.installation",
    "health.readyz",
    "webhook.chatwoot",
    "webhook.chatwoot_token",
    "passkeys.log_in",
    "passkeys.login_options",
    "welcome.forgot",
    "welcome.page",
    "security.login",
    "security.two_factor_token_validation",
    "security.mf_recovery",
}


def list_routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) with a value for each variable."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            values = dict.fromkeys(rule.arguments, "1")
            adapter = app.url_map.bind("localhost")
            try:
                path = adapter.build(rule.endpoint, values)
            except Exception:
                continue
            found += [(rule.endpoint, method, path) for method in (rule.methods or set()) & {"GET", "POST"}]
    return found


def test_exactly_these_are_open(app: Flask) -> None:
    with app.app_context():
        assert {e for e, _, _ in list_routes(app) if find_least_role(e) == "open"} == OPEN


def test_a_stranger_gets_nothing_that_is_not_open(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for endpoint, method, path in list_routes(app):
        if endpoint not in OPEN:
            answer = client.open(path, method=method, headers={"Accept": "text/html"})
            is_redirect = answer.status_code in {302, 303}
            is_sent_away = answer.status_code == 404 or (is_redirect and answer.location.startswith("/login"))
            assert is_sent_away, (endpoint, method, answer.status_code)


def test_a_lower_role_is_refused_by_hand_typed_addresses(app: Flask, make_client: Callable[[str], FlaskClient]) -> None:
    for role in ("agent", "editor"):
        client = make_client(role)
        for endpoint, method, path in list_routes(app):
            with app.app_context():
                least = find_least_role(endpoint)
            if least in ROLES and ROLES.index(least) > ROLES.index(role):
                assert client.open(path, method=method).status_code == 403, (role, endpoint, method)


def test_a_post_without_token_is_refused(app: Flask) -> None:
    add_account(app, "a@example.com", "owner")
    answer = app.test_client().post("/login", data={"email": "a@example.com", "password": PASSWORD})
    assert answer.status_code != 302


def test_ten_wrong_passwords_lock_an_account_and_an_unknown_one_alike(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "agent")
    client = app.test_client()
    for email in ("a@example.com", "nobody@example.com"):
        for _ in range(10):
            assert client.post("/login", data={"email": email, "password": "wrong-wrong-1"}).status_code == 200
        assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 429


def test_the_login_leads_to_no_other_site(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    add_account(app, "a@example.com", "agent")
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = app.test_client().post(f"/login?next={target}", data={"email": "a@example.com", "password": PASSWORD})
        assert answer.status_code in {200, 302}, target  # 200: the form again
        location = answer.location or "/"
        assert location.startswith("/"), target
        assert not location.startswith(("//", "/\\")), target
