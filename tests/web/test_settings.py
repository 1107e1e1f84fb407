"""Settings in the panel: saved, reset, refused with a reason; secrets are never shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

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


def test_settings_are_found_by_their_words(make_client: Maker) -> None:
    client = make_client("owner")
    page = client.get("/settings?q=dias guarda").text
    assert "messages_kept_days" in page
    assert 'id="mode"' not in page
    assert "Ningún ajuste" in client.get("/settings?q=zzz").text


def test_phrases_are_kept_one_a_line_commas_and_all(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/settings/never_say", data={"value": "gratis, siempre\r\n\r\n  te  lo garantizo "})
    assert read(app, "never_say") == ("gratis, siempre", "te lo garantizo")
    assert "gratis, siempre\nte lo garantizo</textarea>" in client.get("/settings").text


def test_models_behind_the_first_keep_their_keys(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    rows = {"model-0": "eco", "base_url-0": "http://modelos.example/v1", "key-0": "sk-secreto-largo-1", "model-1": "otro"}
    assert client.post("/settings/models-behind", data=rows).status_code == 303
    client.post("/settings/models-behind", data={"model-0": "eco-2", "base_url-0": "http://modelos.example/v1"})
    (model,) = read(app, "model_chain")  # type: ignore[misc]
    assert (model.model, model.api_key.get_secret_value()) == ("eco-2", "sk-secreto-largo-1")
    assert "sk-secreto" not in client.get("/settings").text + client.get("/audit").text
    assert client.post("/settings/models-behind", data={"model-0": "x", "base_url-0": "ftp://x"}).status_code == 422
    client.post("/settings/models-behind", data={})
    assert read(app, "model_chain") == ()


def test_models_that_are_refused_stay_in_their_fields(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/settings/models-behind", data={"model-0": "eco", "key-0": "sk-secreto-largo-1"})
    rows = {"model-0": "eco-2", "base_url-0": "https://uno.example/v1", "model-1": "<otro>", "base_url-1": "modelos",
            "key-1": "sk-tecleado-ahora-2", "base_url-2": "https://tres.example/v1"}  # fmt: skip
    page = client.post("/settings/models-behind", data=rows)
    assert page.status_code == 422
    for typed in ("eco-2", "https://uno.example/v1", "&lt;otro&gt;", "modelos", "https://tres.example/v1"):
        assert f'value="{typed}"' in page.text
    assert "sk-" not in page.text
    assert [model.model for model in read(app, "model_chain")] == ["eco"]  # type: ignore[attr-defined]


def test_of_the_keys_of_models_the_last_four_letters_are_shown(make_client: Maker) -> None:
    client = make_client("owner")
    client.post(
        "/settings/models-behind", data={"model-0": "eco", "key-0": "sk-secreto-largo-1234", "model-1": "b", "key-1": "abc"}
    )
    page = client.get("/settings").text
    assert 'placeholder="…1234"' in page
    assert "largo-1234" not in page
    assert 'placeholder="…"' in page
    assert "abc" not in page.split('id="model_chain"')[1].split("</section>")[0]


def test_what_an_inbox_was_to_have_stays_in_its_fields_where_it_is_refused(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    with app.app_context(), db.engine.begin() as connection:
        add = "INSERT INTO inbox (chatwoot_id, name, tone) VALUES (7, 'WhatsApp', 'antes'), (8, 'Web', 'web') RETURNING id"
        inbox, _other = connection.execute(text(add)).scalars().all()
    own = {"mode": "watch", "debounce_seconds": "mucho <rato>", "tone": "de usted, sin prisa"}
    page = client.post(f"/settings/inboxes/{inbox}", data=own)
    assert page.status_code == 422
    shown = page.text.split(f'id="inbox-{inbox}"')[1].split("</form>")[0]
    assert 'value="mucho &lt;rato&gt;"' in shown
    assert 'value="de usted, sin prisa"' in shown
    assert 'value="watch" selected' in shown
    assert page.text.count("mucho &lt;rato&gt;") == 1
    assert 'value="web"' in page.text
    emptied = client.post(f"/settings/inboxes/{inbox}", data={"debounce_seconds": "mucho", "tone": ""}).text
    assert 'value="antes"' not in emptied


@pytest.mark.parametrize(
    ("words", "found", "not_found"),
    [
        ("tono", "inboxes", "model_chain"),
        ("whatsapp", "inboxes", "hours"),
        ("bandejas espera", "inboxes", "model_chain"),
        ("si falla el primero modelos", "model_chain", "inboxes"),
        ("horario apertura", "hours", "inboxes"),
        ("miércoles", "hours", "inboxes"),
    ],
)
def test_what_has_several_fields_is_found_by_its_words_too(
    app: Flask, make_client: Maker, words: str, found: str, not_found: str
) -> None:
    client = make_client("owner")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("INSERT INTO inbox (chatwoot_id, name) VALUES (7, 'WhatsApp')"))
    page = client.get("/settings", query_string={"q": words}).text
    assert f'id="{found}"' in page
    assert f'id="{not_found}"' not in page
    assert "Ningún ajuste" not in page


def test_an_inbox_has_a_mode_a_wait_and_a_tone_of_its_own(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    with app.app_context(), db.engine.begin() as connection:
        inbox = connection.execute(
            text("INSERT INTO inbox (chatwoot_id, name) VALUES (7, 'WhatsApp') RETURNING id")
        ).scalar_one()
    own = {"mode": "watch", "debounce_seconds": "2,5", "tone": "de usted"}
    assert client.post(f"/settings/inboxes/{inbox}", data=own).status_code == 303

    def look() -> tuple[object, ...]:
        with app.app_context(), db.engine.begin() as connection:
            return tuple(connection.execute(text("SELECT mode, debounce_s, tone FROM inbox")).one())

    assert look() == ("watch", 2.5, "de usted")
    assert client.post(f"/settings/inboxes/{inbox}", data={"debounce_seconds": "mucho"}).status_code == 422
    assert client.post(f"/settings/inboxes/{inbox}", data={"mode": "loud"}).status_code == 422
    assert look() == ("watch", 2.5, "de usted")
    client.post(f"/settings/inboxes/{inbox}", data={})
    assert look() == (None, None, "")
    assert client.post("/settings/inboxes/999", data={}).status_code == 404


def test_the_keys_of_flows_are_shown_by_name_and_kept_where_they_are_not_typed_anew(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/settings/flow_secrets", data={"value": "shop=abc-secret-1\nbank=def-secret-2"})
    page = client.get("/settings").text
    assert "shop=…" in page
    assert "secret-1" not in page
    client.post("/settings/flow_secrets", data={"value": "shop=…\nmail=new-3"})
    kept = [line.get_secret_value() for line in read(app, "flow_secrets")]  # type: ignore[attr-defined]
    assert kept == ["shop=abc-secret-1", "mail=new-3"]
    assert client.post("/settings/flow_secrets", data={"value": "not a pair"}).status_code == 422
