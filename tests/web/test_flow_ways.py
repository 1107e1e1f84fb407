"""Which ways of a flow customers took: on the picture's lines, as a list, and the conversations that left."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.content import publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import db
from chatbot.drafts import read_newest
from web.seeding import add_turn
from web.test_flows import YAML

MakeClient = Callable[[str], FlaskClient]
TAKEN = {
    ("", "cual"): 40, ("cual", "cuando"): 30, ("cual", "fin"): 6, ("cual", "!stopped"): 1, ("cuando", "fin"): 20,
    ("cuando", "!closed"): 5, ("cuando", "!people"): 2, ("fin", "end"): 26,
}  # fmt: skip


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(app: Flask, written: str = YAML) -> int:
    """The flow's new revision, published."""
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(written), "test")
        publish(connection, "test")
        row = read_newest(connection, "flow", "cita")
        assert row is not None
        return int(row.id)


def add(app: Flask, revision: int, taken: dict[tuple[str, str], int], days_ago: int = 1) -> None:
    statement = text("INSERT INTO flow_passage VALUES ('cita', current_date - CAST(:ago AS int), :r, :a, :b, :n)")
    with app.app_context(), db.engine.begin() as connection:
        for (source, goal), n in taken.items():
            connection.execute(statement, {"ago": days_ago, "r": revision, "a": source, "b": goal, "n": n})


def read_svg(page: str) -> str:
    return page.partition('<svg class="flow-svg"')[2].partition("</svg>")[0]


def read_rows(page: str) -> dict[str, str]:
    """Of the list below the picture: step -> what is said of it."""
    found = {}
    for row in re.findall(r"<li>(.*?)</li>", page.partition('id="ways"')[2].partition("</section>")[0], re.DOTALL):
        step = re.search(r"step=([a-z-]+)", row)
        assert step is not None
        found[step[1]] = " ".join(html.unescape(re.sub(r"<[^>]+>", "", row.partition("</div><div>")[2])).split())
    return found


def test_the_picture_and_the_list_show_where_customers_went_and_left(app: Flask, editor: FlaskClient) -> None:
    revision = put(app)
    assert 'id="ways"' not in editor.get("/flows/cita").text
    add(app, revision, TAKEN)
    add(app, revision, TAKEN, days_ago=3)
    page = editor.get("/flows/cita").text
    svg = read_svg(page)
    assert re.findall(r'See · <tspan class="count">(\d+)<', svg) == ["60"]
    assert sorted(re.findall(r'<polyline class="(w\d)"', svg)) == ["w1", "w3", "w4"]
    assert re.findall(r'class="lost"[^>]*>−(\d+)<', svg) == ["2", "14"]
    assert "14 left here" in svg
    assert read_rows(page) == {
        "cual": "72 went on · −3 % 2 cancelled",
        "cuando": "40 went on · −26 % 10 didn't answer, 4 taken over by a person",
        "fin": "52 came to the end.",
    }
    said = re.sub(r"\s+", " ", page.partition('id="ways"')[2])
    assert "80 began it. 52 came to the end. 16 left before." in said


def test_a_step_counts_only_since_it_is_as_it_is(app: Flask, editor: FlaskClient) -> None:
    before = put(app)
    add(app, before, TAKEN)
    now = put(app, YAML.replace("¿Qué día?", "¿Qué día te viene bien?"))
    add(app, now, {("", "cual"): 3, ("cual", "cuando"): 2, ("cuando", "fin"): 1})
    page = editor.get("/flows/cita").text
    assert read_rows(page)["cuando"] == "1 went on"
    assert read_rows(page)["cual"].startswith("38 went on")
    assert "43 began it." in page


def test_what_is_older_than_a_month_is_not_shown(app: Flask, editor: FlaskClient) -> None:
    add(app, put(app), TAKEN, days_ago=31)
    assert 'id="ways"' not in editor.get("/flows/cita").text


def leave(app: Flask, number: int, way: list[Any], mode: str = "live", days_ago: int = 1) -> None:
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, number, "pedir cita", datetime.now(UTC) - timedelta(days=days_ago))
        values = {"way": json.dumps([way]), "n": number, "mode": mode}
        turn = "(SELECT id FROM conversation WHERE chatwoot_id = :n)"
        connection.execute(
            text(f"UPDATE turn SET flow_walked = CAST(:way AS jsonb), mode = :mode WHERE conversation_id = {turn}"), values
        )


def test_who_left_is_one_click_away(app: Flask, editor: FlaskClient) -> None:
    add(app, put(app), TAKEN)
    page = editor.get("/flows/cita").text
    (link,) = re.findall(r'href="(/flows/cita/left\?step=cuando[^"]*)"', page)
    leave(app, 1, ["cita", 1, "cuando", "!closed"])
    leave(app, 2, ["cita", 1, "cuando", "!stopped"])
    leave(app, 3, ["otra", 1, "cuando", "!closed"])
    leave(app, 4, ["cita", 1, "cuando", "!closed"], mode="watch")
    leave(app, 5, ["cita", 1, "cuando", "!closed"], days_ago=31)
    leave(app, 6, ["cita", 2, "cuando", "!closed"])
    leave(app, 7, ["cuando", 1, "cita", "!closed"])
    listed = editor.get(link.replace("&amp;", "&")).text
    with app.app_context(), db.engine.connect() as connection:
        wanted = connection.execute(text("SELECT id FROM conversation WHERE chatwoot_id IN (1, 6)")).scalars().all()
    assert {int(n) for n in re.findall(r'href="/conversations/(\d+)"', listed)} == set(wanted)
    assert "None that are still kept." in editor.get("/flows/cita/left?step=cual&how=!stopped").text
    assert editor.get("/flows/cita/left?step=cual&how=nonsense").status_code == 404
    assert editor.get("/flows/keine/left?step=cual&how=!stopped").status_code == 404
