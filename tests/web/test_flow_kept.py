"""A flow is tried over several messages beside its form, and kept as a test that says each of them anew."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.content import publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import db
from web.test_flows import YAML

MakeClient = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}
# what was said is put to the customer once more
ASKED = "  - {id: bien, do: confirm, text: {es: '¿El {{slot.dia}} para {{slot.motivo}}?', en: Right?}}\n"
LONGER = YAML.replace("  - {id: fin,", f"{ASKED}  - {{id: fin,")


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(app: Flask, written: str, is_live: bool = True) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(written), "test")
        if is_live:
            publish(connection, "test")


def read_form(page: str) -> dict[str, str]:
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("trial", "runs")}
    return {name: html.unescape(match[1]) for name, match in found.items() if match}


def talk(client: FlaskClient, *messages: str | tuple[str, str], **more: str) -> str:
    """The test bot's page after these; ("press", title) for a button."""
    page = ""
    for message in messages:
        said = {"pressed": message[1]} if isinstance(message, tuple) else {"text": message}
        page = client.post("/test", data={**said, **more, **read_form(page)}, headers=HTMX if more else {}).text
    return page


def results(app: Flask) -> list[dict[str, Any]]:
    with app.app_context(), db.engine.connect() as connection:
        return [
            dict(row)
            for row in connection.execute(text("SELECT lines, situation, result FROM kept_test ORDER BY id")).mappings()
        ]


FRUIT = ["manzana", "pera", "uva", "higo", "kiwi", "mango", "papaya", "ciruela", "cereza", "fresa", "mora", "naranja"]
WALK = ("pedir cita", ("press", "Ver"), "el 3 de mayo", "sí")


def keep(client: FlaskClient, *messages: str | tuple[str, str], words: str) -> None:
    page = talk(client, *messages)
    assert words in page
    form = {"trial": read_form(page)["trial"], "name": "Pedir una cita", "expected": "text", "words": words}
    assert client.post("/test/keep", data=form).status_code == 303


def test_a_kept_flow_is_said_anew_message_by_message(app: Flask, editor: FlaskClient) -> None:
    put(app, LONGER)
    keep(editor, *WALK, words="Hecho")
    assert editor.post("/test/kept/run").status_code == 303
    (row,) = results(app)
    assert row["situation"]["is_led"] is True
    assert {side: found["is_met"] for side, found in row["result"].items()} == {"live": True, "draft": True}
    put(app, LONGER.replace("Hecho", "Adiós"), is_live=False)
    editor.post("/test/kept/run")
    (row,) = results(app)
    assert {side: found["is_met"] for side, found in row["result"].items()} == {"live": True, "draft": False}
    assert "1 test doesn't give what it should." in editor.get("/test/kept").text


def test_a_question_more_in_the_middle_turns_the_test_red(app: Flask, editor: FlaskClient) -> None:
    put(app, LONGER)
    keep(editor, *WALK[:3], words="para Ver?")
    more = "  - {id: otra, do: ask, slot: otro, text: {es: ¿Y algo más?, en: Else?}}\n  - {id: bien,"
    slot = "    otro: {type: text, label: {es: lo otro, en: else}}\n  steps:"
    changed = LONGER.replace("  - {id: bien,", more).replace("  steps:", slot)
    put(app, changed, is_live=False)
    editor.post("/test/kept/run")
    (row,) = results(app)
    assert row["result"]["live"]["is_met"] is True
    assert row["result"]["draft"]["is_met"] is False
    assert row["result"]["draft"]["said"]["parts"] == ["¿Y algo más?"]


def test_long_walks_are_kept_from_their_beginning(app: Flask, editor: FlaskClient) -> None:
    names = [f"d{n}" for n in range(len(FRUIT))]
    slots = "".join(f"    {name}: {{type: text, label: {{es: {name}, en: {name}}}}}\n" for name in names)
    steps = "".join(f"  - {{id: {n}, do: ask, slot: {n}, text: {{es: '¿{n}?', en: '{n}?'}}}}\n" for n in names)
    head = "version: 1\nflow:\n- key: largo\n  title: {es: Largo, en: Long}\n  start: {phrases: {es: [largo], en: [long]}}\n"
    put(app, f"{head}  slots:\n{slots}  steps:\n{steps}  - {{id: fin, do: end, text: {{es: Por fin, en: At last}}}}\n")
    keep(editor, "largo", *FRUIT, words="Por fin")
    editor.post("/test/kept/run")
    (row,) = results(app)
    assert row["lines"][0] == ["customer", "largo"]
    assert row["result"]["live"]["is_met"] is True


def test_a_test_without_a_flow_still_takes_the_former_replies_for_given(app: Flask, editor: FlaskClient) -> None:
    put(app, "version: 1\nfaq:\n- {key: envios, questions: {es: ['¿Hacéis envíos?']}, answer: {es: 'Sí, enviamos.'}}\n")
    keep(editor, "hola", "¿Hacéis envíos?", words="Sí, enviamos.")
    editor.post("/test/kept/run")
    (row,) = results(app)
    assert row["situation"]["is_led"] is False
    assert row["result"]["live"]["is_met"] is True


def test_the_drawer_leads_a_flow_through(app: Flask, editor: FlaskClient) -> None:
    put(app, LONGER)
    assert 'class="card testbot-drawer"' in editor.get("/flows/cita").text
    page = talk(editor, "pedir cita", drawer="1")
    assert re.findall(r'name="pressed" value="([^"]*)"', page) == ["Ver", "Coger"]
    page = talk(editor, *WALK[:2], drawer="1")
    assert "¿Qué día?" in page
    assert "<dt>motivo</dt><dd>Ver</dd>" in page
    page = talk(editor, *WALK[:3], drawer="1")
    assert "para Ver?" in page
    page = talk(editor, *WALK, drawer="1")
    assert "Hecho" in page
    assert read_form(page) == {}, "the next one is a new customer"


def test_the_drawer_begins_anew_when_asked(app: Flask, editor: FlaskClient) -> None:
    put(app, LONGER)
    page = talk(editor, "pedir cita", drawer="1")
    answer = editor.post("/test", data={"act": "new", "drawer": "1", **read_form(page)}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.strip() == ""
