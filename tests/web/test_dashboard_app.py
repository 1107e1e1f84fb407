"""The tab inside Chatwoot: what a key opens, and that nothing else does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.db import db
from chatbot.web import dashboard_app, limiter
from tests.web.seeding import add_turn

CHATWOOT = "https://chat.example.com"


@pytest.fixture(autouse=True)
def chatwoot(app: Flask) -> None:
    """Set up, with one conversation (Chatwoot's number 7) that the bot answered."""
    with app.app_context():
        limiter.reset()
        with db.engine.begin() as connection:
            statement = text("INSERT INTO setting (key, value) VALUES (:key, :value)")
            for key, value in (("chatwoot_url", f'"{CHATWOOT}"'), ("chatwoot_account_id", "3")):
                connection.execute(statement, {"key": key, "value": value})
            add_turn(connection, 7, "¿Hacéis envíos?", datetime.now(UTC))
            add_turn(connection, 8, "Otra cosa", datetime.now(UTC))


@pytest.fixture
def key(make_client: Callable[[str], FlaskClient]) -> str:
    page = make_client("owner").post("/settings/chatwoot-tab").text
    found = re.search(r'value="http://[^"]+/chatwoot/tab#([\w-]{40,})"', page)
    assert found is not None, page
    return found[1]


@pytest.fixture
def frame(app: Flask) -> FlaskClient:
    """A browser's iframe: no cookies, and no token of the panel's."""
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client(use_cookies=False)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"
    return client


def open_tab(frame: FlaskClient, key: str, number: object = 7, account: object = 3) -> Any:
    data = {"key": key, "conversation": number, "account": account, "agent": "Ana <b>"}
    return frame.post("/chatwoot/tab/open", data=data)


def find_token(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def read_one(app: Flask, statement: str) -> Any:
    with app.app_context(), db.engine.begin() as connection:
        return connection.execute(text(statement)).first()


def test_only_chatwoot_may_frame_the_tab_and_the_page_itself_holds_nothing(app: Flask, frame: FlaskClient) -> None:
    answer = frame.get("/chatwoot/tab")
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors {CHATWOOT}" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "X-Frame-Options" not in answer.headers
    assert f'data-origin="{CHATWOOT}"' in answer.text
    assert "envíos" not in answer.text
    assert "Set-Cookie" not in answer.headers
    for path in ("/login", "/chatwoot/tab/open"):
        other = frame.get(path) if path == "/login" else frame.post(path)
        assert "frame-ancestors 'none'" in other.headers["Content-Security-Policy"]
        assert other.headers["X-Frame-Options"] == "DENY"


def test_without_a_chatwoot_nobody_may_frame_it(app: Flask, frame: FlaskClient) -> None:
    read_one(app, "DELETE FROM setting WHERE key = 'chatwoot_url' RETURNING 1")
    assert "frame-ancestors 'none'" in frame.get("/chatwoot/tab").headers["Content-Security-Policy"]


def test_it_shows_why_the_last_reply(app: Flask, frame: FlaskClient, key: str) -> None:
    read_one(app, """UPDATE turn SET sources = '["faq:envios"]' RETURNING 1""")
    answer = open_tab(frame, key)
    assert answer.status_code == 200
    assert "hola" in answer.text
    assert "«envios»" in answer.text
    assert "El bot responde en esta conversación" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_it_pauses_the_bot_there_and_hands_back(app: Flask, frame: FlaskClient, key: str) -> None:
    token = find_token(open_tab(frame, key).text)
    answer = frame.post("/chatwoot/tab/act", data={"token": token, "act": "take_over"})
    assert "la llevan personas" in answer.text
    row = read_one(app, "SELECT owner, owner_reason, wake_reason FROM conversation WHERE chatwoot_id = 7")
    assert tuple(row) == ("people", "bot_off", "bot_off")
    frame.post("/chatwoot/tab/act", data={"token": find_token(answer.text), "act": "hand_back"})
    row = read_one(app, "SELECT owner, owner_reason, wake_reason FROM conversation WHERE chatwoot_id = 7")
    assert tuple(row) == ("bot", "", "bot_off,bot_on")
    assert read_one(app, "SELECT owner FROM conversation WHERE chatwoot_id = 8")[0] == "bot"
    lines = read_one(app, "SELECT array_agg(act ORDER BY id), min(who) FROM audit_line WHERE subject = 'conversation:7'")
    assert tuple(lines) == (["conversation.take_over", "conversation.hand_back"], "Ana <b> (Chatwoot)")


def test_what_is_so_already_is_not_done_twice(app: Flask, frame: FlaskClient, key: str) -> None:
    token = find_token(open_tab(frame, key).text)
    for _ in range(2):
        assert frame.post("/chatwoot/tab/act", data={"token": token, "act": "take_over"}).status_code == 200
    assert read_one(app, "SELECT wake_reason FROM conversation WHERE chatwoot_id = 7")[0] == "bot_off"


def test_the_address_alone_or_a_wrong_key_opens_nothing(app: Flask, frame: FlaskClient, key: str) -> None:
    for wrong in ("", key[:-1], key + "x", "x" * 43, "é"):
        answer = open_tab(frame, wrong)
        assert answer.status_code == 403
        assert "hola" not in answer.text
    with app.app_context():
        limiter.reset()
    assert [open_tab(frame, "wrong").status_code for _ in range(22)][-1] == 429


def test_nothing_is_open_before_an_owner_made_a_key(frame: FlaskClient) -> None:
    for empty in ("", "None", "null"):
        assert open_tab(frame, empty).status_code == 403


def test_another_account_and_an_unknown_conversation_show_nothing(frame: FlaskClient, key: str) -> None:
    assert open_tab(frame, key, account=4).status_code == 404
    assert open_tab(frame, key, account="").status_code == 404
    for number in (99, "", "7; DROP TABLE turn", "٧", -1, "9" * 30):
        assert open_tab(frame, key, number).status_code == 404, number


def test_a_token_is_for_one_conversation_ends_soon_and_cannot_be_made_up(
    app: Flask, frame: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = find_token(open_tab(frame, key).text)
    for wrong in ("", token[:-2], "e30.x.y", key):
        assert frame.post("/chatwoot/tab/act", data={"token": wrong, "act": "take_over"}).status_code == 403
    frame.post("/chatwoot/tab/act", data={"token": token, "act": "take_over", "conversation": "8"})
    assert read_one(app, "SELECT owner FROM conversation WHERE chatwoot_id = 8")[0] == "bot"
    later = time.time() + dashboard_app.TOKEN_S + 5
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    answer = frame.post("/chatwoot/tab/act", data={"token": token, "act": "hand_back"})
    assert answer.status_code == 403
    assert read_one(app, "SELECT owner FROM conversation WHERE chatwoot_id = 7")[0] == "people"


def test_a_token_opens_nothing_else_of_the_panel(frame: FlaskClient, key: str) -> None:
    token = find_token(open_tab(frame, key).text)
    for path in ("/", "/conversations", "/conversations/1", "/settings/chatwoot-tab"):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Authentication-Token": token}, {"Cookie": f"session={token}"}):
            assert frame.get(f"{path}?token={token}&key={key}", headers=headers).status_code == 302


def test_a_new_address_or_switching_off_ends_the_old_one_and_its_tokens(app: Flask, key: str, frame: FlaskClient) -> None:
    token = find_token(open_tab(frame, key).text)
    app.config["WTF_CSRF_ENABLED"] = False
    owner = app.test_client()
    owner.environ_base["HTTP_ACCEPT"] = "text/html"
    owner.post("/login", data={"email": "owner@example.com", "password": "ein-langes-Wort-42"})
    owner.post("/settings/chatwoot-tab/revoke")
    assert open_tab(frame, key).status_code == 403
    assert frame.post("/chatwoot/tab/act", data={"token": token, "act": "take_over"}).status_code == 403
    assert key not in owner.post("/settings/chatwoot-tab").text
    assert open_tab(frame, key).status_code == 403


def test_the_key_is_kept_nowhere_and_shown_once(app: Flask, key: str) -> None:
    kept = read_one(app, "SELECT tab_key_hash, (SELECT string_agg(a::text, ' ') FROM audit_line a) FROM instance")
    assert key not in kept[0]
    assert key not in kept[1]
    assert "chatwoot_tab.make" in kept[1]


def test_only_an_owner_makes_one(make_client: Callable[[str], FlaskClient]) -> None:
    for role in ("agent", "editor"):
        client = make_client(role)
        assert client.get("/settings/chatwoot-tab").status_code == 403
        assert client.post("/settings/chatwoot-tab").status_code == 403


def test_a_customers_markup_is_text(app: Flask, frame: FlaskClient, key: str) -> None:
    read_one(app, "UPDATE part SET text = '<img src=x onerror=alert(1)>' RETURNING 1")
    assert "<img" not in open_tab(frame, key).text
