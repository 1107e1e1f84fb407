"""Settings in the panel: saved, reset, refused with a reason; secrets are never shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatbot.db import db
from chatbot.settings import load_settings
from chatbot.web.settings_page import LINES

Maker = Callable[[str], FlaskClient]


def read(app: Flask, name: str) -> object:
    with app.app_context(), db.engine.begin() as connection:
        return getattr(load_settings(connection, app.config["CONFIG"]), name)


def test_a_setting_is_saved_and_taken_back(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    assert client.post("/settings/mode", data={"value": "watch"}).status_code == 303
    assert read(app, "mode") == "watch"
    assert "owner@example.com" in client.get("/settings").text
    client.post("/settings/mode", data={"value": "watch", "reset": "1"})
    assert read(app, "mode") == "suggest"


def test_a_secret_is_never_shown_and_an_empty_field_keeps_it(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/settings/openai_api_key", data={"value": "sk-abcdefghijklmnop-9876"})
    client.post("/settings/openai_api_key", data={"value": ""})
    assert read(app, "openai_api_key").get_secret_value() == "sk-abcdefghijklmnop-9876"  # type: ignore[attr-defined]
    page = client.get("/settings").text
    assert "…9876" in page
    assert "abcdefghijklmnop" not in page
    assert "abcdefghijklmnop" not in client.get("/audit").text


def test_a_wrong_value_is_refused_beside_its_field(app: Flask, make_client: Maker) -> None:
    page = make_client("owner").post("/settings/time_zone", data={"value": "Madrid<script>"})
    assert page.status_code == 422
    assert "Europe/Madrid" in page.text
    assert "<script>" not in page.text.replace("<script ", "")
    assert read(app, "time_zone") == "Europe/Madrid"


def test_what_the_environment_sets_is_grey(app: Flask, make_client: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client("owner")
    monkeypatch.setenv("OPENAI_MODEL", "from-the-server")
    assert "from-the-server" in client.get("/settings").text
    assert client.post("/settings/openai_model", data={"value": "other"}).status_code == 404


@pytest.mark.parametrize("role", ["agent", "editor"])
def test_only_owners_see_them(make_client: Maker, role: str) -> None:
    client = make_client(role)
    assert client.get("/settings").status_code == 403
    assert client.post("/settings/mode", data={"value": "live"}).status_code == 403


@pytest.mark.parametrize("name", sorted(LINES))
def test_each_line_is_a_setting_that_can_be_stored(app: Flask, make_client: Maker, name: str) -> None:
    assert make_client("owner").post(f"/settings/{name}", data={"value": "", "reset": "1"}).status_code == 303
