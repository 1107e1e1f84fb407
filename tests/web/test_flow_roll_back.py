"""Going back to a version with a flow that can't work is asked for once more; First steps doesn't publish one either."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatbot.content import live_release_id, publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import db
from web.test_flows import YAML

MakeClient = Callable[[str], FlaskClient]
BROKEN = YAML.replace("  - {id: fin, do: end", "  - {id: vuelta, do: set, slot: motivo, next: vuelta}\n  - {id: fin, do: end")


def live(app: Flask) -> int | None:
    with app.app_context(), db.engine.connect() as connection:
        return live_release_id(connection)


@pytest.fixture
def releases(app: Flask) -> tuple[int, int]:
    """A broken one, and the sound one that is live."""
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(BROKEN), "test")
        broken = publish(connection, "test")
        save_drafts(connection, parse(YAML), "test")
        return broken, publish(connection, "test")


def test_going_back_to_a_broken_version_is_asked_for_once_more(
    app: Flask, make_client: MakeClient, releases: tuple[int, int]
) -> None:
    editor = make_client("editor")
    broken, sound = releases
    page = editor.post(f"/release/{broken}/roll-back", headers={"Accept-Language": "en"})
    assert page.status_code == 422
    assert f"Version {broken} has this wrong with it:" in page.text
    assert "cita · vuelta" in page.text
    assert live(app) == sound
    (form,) = re.findall(rf'<form method="post" action="/release/{broken}/roll-back">[^<]*<input[^>]*><button[^>]*anyway[^>]*>', page.text)  # fmt: skip  # noqa: E501
    assert 'value="1"' in form
    assert editor.post(f"/release/{broken}/roll-back", data={"anyway": "1"}).status_code == 303
    assert live(app) == broken
    assert editor.post(f"/release/{sound}/roll-back").status_code == 303
    assert live(app) == sound
    assert editor.post("/release/9999/roll-back").status_code == 404


def test_first_steps_does_not_publish_a_broken_flow(app: Flask, make_client: MakeClient) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(BROKEN), "test")
    answer = make_client("owner").post("/first-steps/mode", data={"mode": "suggest"})
    assert answer.headers["Location"].endswith("/release")
    assert live(app) is None
