"""What keeps a flow from being published by the panel keeps a file from being taken, and a release from being gone back to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from chatbot.content import live_release_id, load_content, load_draft, publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import db

FAQ = """
version: 1
faq:
- {key: envios, questions: {es: [¿Hacéis envíos?]}, answer: {es: "Sí."}}
"""
GOOD = (
    FAQ
    + """
flow:
- key: saludo
  title: {es: Saludo, en: Greeting}
  start: {phrases: {es: [saludo], en: [greeting]}}
  steps:
  - {id: di, do: end, text: {es: Hola, en: Hello}}
- key: cita
  title: {es: Cita, en: Appointment}
  start: {phrases: {es: [cita], en: [book]}}
  slots: {dia: {type: date, label: {es: el día, en: the day}}}
  steps:
  - {id: cuando, do: ask, slot: dia, text: {es: "¿Qué día?", en: "Which day?"}}
  - {id: fin, do: end, text: {es: Hecho, en: Done}}
"""
)
ROUND = "  - {id: vuelta, do: set, slot: dia, next: vuelta}\n"
BROKEN = GOOD.replace("  - {id: fin,", f"{ROUND}  - {{id: fin,")
LINE = BROKEN.splitlines().index(ROUND.rstrip()) + 1


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["content", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.yaml"


def live(app: Flask) -> tuple[int | None, list[str]]:
    with app.app_context(), db.engine.connect() as connection:
        release = live_release_id(connection)
        return release, [body.key for body in load_content(connection, release).entries()]


def test_a_file_with_a_dead_end_is_not_taken_at_all_and_the_line_is_told(app: Flask, file: Path) -> None:
    file.write_text(FAQ, "utf-8")
    assert run(app, "import", str(file)).exit_code == 0
    before = live(app)
    file.write_text(BROKEN, "utf-8")
    result = run(app, "import", str(file))
    assert result.exit_code == 1
    assert f"{file}, line {LINE}: flow cita, vuelta: " in result.output, result.output
    assert live(app) == before
    with app.app_context(), db.engine.connect() as connection:
        assert [body.key for body in load_draft(connection).entries()] == ["envios"]
    file.write_text(GOOD, "utf-8")
    assert run(app, "import", str(file)).exit_code == 0
    assert live(app)[1] == ["envios", "cita", "saludo"]


def test_a_broken_flow_that_waits_in_the_draft_is_told_too(app: Flask, file: Path) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(BROKEN), "ana")
    file.write_text(FAQ, "utf-8")
    result = run(app, "import", str(file))
    assert result.exit_code == 1
    assert "flow cita, vuelta: " in result.output
    assert "line" not in result.output.partition("flow cita")[0]
    assert live(app) == (None, [])


def test_what_is_live_already_holds_up_no_other_import(app: Flask, file: Path) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(BROKEN), "ana")
        publish(connection, "ana")
    file.write_text(FAQ.replace("Sí.", "Claro."), "utf-8")
    assert run(app, "import", str(file)).exit_code == 0


def test_a_release_with_a_dead_end_is_gone_back_to_only_when_asked_for_by_name(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(BROKEN), "ana")
        broken = publish(connection, "ana")
        save_drafts(connection, parse(GOOD), "ana")
        good = publish(connection, "ana")
    result = run(app, "rollback", str(broken))
    assert result.exit_code == 1
    assert "flow cita, vuelta: " in result.output
    assert "--despite-findings" in result.output
    assert live(app)[0] == good
    assert run(app, "rollback", str(broken), "--despite-findings").exit_code == 0
    assert live(app)[0] == broken
    assert run(app, "rollback", str(good)).exit_code == 0
    assert run(app, "rollback", str(good + 99)).exit_code == 1


def test_a_former_release_that_is_sound_needs_no_word(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(GOOD), "ana")
        first = publish(connection, "ana")
        save_drafts(connection, parse(GOOD.replace("Hecho", "Listo")), "ana")
        publish(connection, "ana")
    assert run(app, "rollback", str(first)).exit_code == 0
