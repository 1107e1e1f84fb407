"""Health: what waits and doesn't get on, messages in doubt, errors by their number, backups, and a file without secrets."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import SECRET_KEY, find_free_port
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot import faults, logs
from chatbot.checks import Finding
from chatbot.db import db
from chatbot.web.access import allow
from tests.web.seeding import add_turn
from tests.web.test_readiness import change, find, keep, make_box_app, set_up

Maker = Callable[[str], FlaskClient]
WORDS = "mi gato se llama Bigotes"
KEY = "sk-a-secret-of-the-shop-77"
# fails at once for good, and is due again in ten minutes
PUT_BACK = "UPDATE conversation SET in_seq = 2, tries = 3, answer_due_at = now() + interval '10 minutes'"


@pytest.fixture
def conversation(app: Flask) -> int:
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 41, WORDS, datetime.now(UTC) - timedelta(minutes=20))
        return int(connection.execute(text("SELECT id FROM conversation")).scalar_one())


def read_section(page: str, name: str) -> str:
    found = re.search(rf'<section[^>]* id="{name}">(.*?)</section>', page, re.DOTALL)
    assert found, page
    return found[1]


@pytest.mark.usefixtures("conversation")
def test_a_quiet_installation_has_nothing_to_press(app: Flask, make_client: Maker) -> None:
    page = make_client("owner").get("/system").text
    assert "Ninguna: todas las conversaciones avanzan." in page
    assert "Reintentar" not in page
    assert "Copias de seguridad" not in page, "there is no box"
    assert find(app, "SELECT installation_id::text FROM instance") in read_section(page, "versions")


def test_what_does_not_get_on_is_tried_at_once(app: Flask, make_client: Maker, conversation: int) -> None:
    change(app, PUT_BACK)
    client = make_client("editor")
    assert "3 intentos" in (stuck := read_section(client.get("/system").text, "stuck"))
    assert f'action="/system/conversations/{conversation}/try"' in stuck
    answer = client.post(f"/system/conversations/{conversation}/try", follow_redirects=True)
    assert "Se está reintentando." in answer.text
    assert find(app, "SELECT answer_due_at <= now() FROM conversation")
    assert find(app, "SELECT subject FROM audit_line WHERE act = 'conversation.try'") == "conversation:41"


def test_what_is_being_answered_is_left_alone(app: Flask, make_client: Maker, conversation: int) -> None:
    change(app, PUT_BACK)
    change(app, "UPDATE conversation SET lease_by = 7, lease_until = now() + interval '1 minute'")
    client = make_client("editor")
    assert "/try" not in read_section(client.get("/system").text, "stuck")
    assert "No hay nada que hacer" in client.post(f"/system/conversations/{conversation}/try", follow_redirects=True).text
    assert find(app, "SELECT answer_due_at > now() FROM conversation")
    assert find(app, "SELECT count(*) FROM audit_line WHERE act = 'conversation.try'") == 0


def test_all_are_tried_together(app: Flask, make_client: Maker, conversation: int) -> None:
    with app.app_context(), db.engine.begin() as connection:
        add_turn(connection, 42, "hola", datetime.now(UTC))
    change(app, PUT_BACK)
    answer = make_client("editor").post("/system/try", follow_redirects=True)
    assert "Se están reintentando 2 conversaciones." in answer.text
    assert find(app, "SELECT bool_and(answer_due_at <= now()) FROM conversation")


def test_a_timer_of_tomorrow_is_not_brought_forward(app: Flask, make_client: Maker, conversation: int) -> None:
    change(app, f"{PUT_BACK}, wake_at = now() + interval '1 day', wake_reason = 'morning'")
    make_client("editor").post(f"/system/conversations/{conversation}/try")
    assert find(app, "SELECT wake_at > now() + interval '23 hours' FROM conversation")


def test_a_held_message_stays_held_while_chatwoot_says_nothing(app: Flask, make_client: Maker, conversation: int) -> None:
    change(app, "UPDATE part SET state = 'held'")
    url = f"http://127.0.0.1:{find_free_port()}"
    set_up(app, chatwoot_url=url, chatwoot_account_id="1", chatwoot_bot_token="a-token-1", chatwoot_access_token="a-token-2")
    client = make_client("editor")
    sends = read_section(client.get("/system").text, "sends")
    assert "No se sabe si llegó" in sends
    assert f'href="{url}/app/accounts/1/conversations/41"' in sends
    part = find(app, "SELECT id FROM part")
    assert f'action="/system/parts/{part}/look"' in sends
    assert "no puede decir ahora" in client.post(f"/system/parts/{part}/look", follow_redirects=True).text
    assert find(app, "SELECT state FROM part") == "held"
    assert conversation


def test_a_message_that_the_channel_refused_says_where_it_can_be_sent_again(
    app: Flask, make_client: Maker, conversation: int
) -> None:
    change(app, "UPDATE part SET state = 'failed', error = '131047: 24 hours'")
    sends = read_section(make_client("editor").get("/system").text, "sends")
    assert "en Chatwoot se puede reenviar" in sends
    assert "131047" in sends
    assert "<button" not in sends, "we never send it again ourselves"


def test_unreadable_notices_are_listed_without_what_stands_in_them(app: Flask, make_client: Maker) -> None:
    change(app, "INSERT INTO webhook (event, error, body) VALUES ('message_created', 'not JSON', :body)", body=WORDS.encode())
    dead = read_section(make_client("editor").get("/system").text, "dead")
    assert "not JSON" in dead
    assert WORDS not in dead


def break_a_page(app: Flask) -> None:
    @allow("agent")
    def broken() -> str:
        raise KeyError(WORDS)

    app.add_url_rule("/broken", "broken", broken)


def test_the_number_on_an_error_page_is_found_in_health_and_in_the_log(app: Flask, make_client: Maker) -> None:
    break_a_page(app)
    client = make_client("editor")
    written = io.StringIO()
    logs.configure(app.config["CONFIG"], written)
    answer = client.get("/broken")
    assert answer.status_code == 500
    number = answer.headers["X-Request-ID"]
    assert f"<code>{number}</code>" in answer.text
    assert any(number in line and "Exception on /broken" in line for line in written.getvalue().splitlines())
    errors = read_section(client.get(f"/system?error={number}").text, "errors")
    assert number in errors
    assert "KeyError" in errors
    assert WORDS not in errors, "an error's text may quote a customer"
    assert "No se guarda ningún error" in client.get("/system?error=another").text


@pytest.mark.parametrize("path", ["/nothing-here", "/users"])
def test_every_error_page_has_a_number(make_client: Maker, path: str) -> None:
    answer = make_client("agent").get(path)
    assert answer.status_code in {403, 404}
    assert f"<code>{answer.headers['X-Request-ID']}</code>" in answer.text


def test_only_the_newest_errors_of_a_place_are_kept(app: Flask) -> None:
    with app.app_context():
        faults.keep(db.engine, "rare", "worker", ValueError())
        for n in range(faults.KEPT_OF_A_PLACE + 20):
            faults.keep(db.engine, str(n), "reconcile", ValueError())
    assert find(app, "SELECT count(*) FROM fault WHERE place = 'reconcile'") == faults.KEPT_OF_A_PLACE
    assert find(app, "SELECT max(number::int) FROM fault WHERE place = 'reconcile'") == faults.KEPT_OF_A_PLACE + 19
    assert find(app, "SELECT count(*) FROM fault WHERE place = 'worker'") == 1, "a flood drives out none of another place"


def test_an_error_that_cannot_be_kept_makes_no_other(app: Flask) -> None:
    change(app, "DROP TABLE fault")
    with app.app_context():
        faults.keep(db.engine, "1", "turn", ValueError())


def test_the_file_for_helpers_has_figures_and_nobodys_words_or_secrets(
    app: Flask, make_client: Maker, conversation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_hidden", {*logs._hidden, "settings", "tries"})  # a secret may be any word
    break_a_page(app)
    set_up(app, openai_api_key=KEY, never_say="oferta secreta", business_name="Casa Bigotes", handoff_topics="reclamación")
    change(app, "UPDATE part SET state = 'held', error = :words, text = :words", words=WORDS)
    change(app, "INSERT INTO webhook (event, error, body) VALUES ('x', :words, :body)", words=WORDS, body=WORDS.encode())
    change(app, "INSERT INTO contact (chatwoot_id, name, email) VALUES (9, 'Lola Vidal', 'lola@example.com')")
    change(app, PUT_BACK)
    keep(app, chatwoot=Finding("fail", "failed", {"url": "https://chat.example", "account": 1, "problem": WORDS}))
    client = make_client("owner")
    client.get("/broken")
    answer = client.get("/system/diagnostics.json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    found: dict[str, Any] = json.loads(answer.text)
    assert found["versions"]["PostgreSQL"]
    assert found["checks"]["chatwoot"]["key"] == "failed"
    assert found["settings"]["openai_api_key"] is True
    assert found["stuck"][0]["tries"] == 3
    assert found["errors"][0]["error"] == "KeyError"
    for hidden in (WORDS, KEY, SECRET_KEY, "Bigotes", "oferta", "reclamación", "Lola", "lola@", "chat.example", "@example.com"):
        assert hidden not in answer.text, hidden
    assert find(app, "SELECT count(*) FROM audit_line WHERE act = 'diagnostics.download'") == 1


class TestOnABox:
    units: dict[str, object] = {"mostrador-backup.path": {"type": "path", "active": "active"}}  # noqa: RUF012

    @pytest.fixture
    def app(self, make_app: Callable[..., Flask], make_database: Callable[[], str], tmp_path: Path) -> Flask:
        app = make_box_app(make_app, make_database(), tmp_path, **self.units)
        keep(app, backup=Finding("ok", "ok", {"hours": 9.5}))
        return app

    def test_a_backup_is_asked_for_and_seen_to_come(self, app: Flask, make_client: Maker, tmp_path: Path) -> None:
        client = make_client("owner")
        assert "hace 9.5 h" in (backups := read_section(client.get("/system").text, "backups"))
        assert 'action="/system/backup"' in backups
        client.post("/system/backup")
        assert (tmp_path / "web/backup-wanted").exists()
        assert "Se está haciendo una" in (backups := read_section(client.get("/system").text, "backups"))
        assert "<button" not in backups, "one at a time"
        keep(app, backup=Finding("ok", "ok", {"hours": 0.0}))
        assert "<button" in read_section(client.get("/system").text, "backups"), "the monitor has seen it"
        assert find(app, "SELECT who FROM audit_line WHERE act = 'backup.ask'") == "owner@example.com"

    def test_a_backup_that_failed_is_not_waited_for(self, app: Flask, make_client: Maker) -> None:
        client = make_client("owner")
        client.post("/system/backup")
        keep(app, backup=Finding("fail", "spoiled", {"problem": "no room"}))
        backups = read_section(client.get("/system").text, "backups")
        assert "no room" in backups
        assert "<button" in backups

    def test_an_editor_sees_it_and_has_no_button(self, make_client: Maker) -> None:
        client = make_client("editor")
        assert "<button" not in read_section(client.get("/system").text, "backups")
        assert client.post("/system/backup").status_code == 403
        assert client.get("/system/diagnostics.json").status_code == 403


class TestOnABoxOfAnOlderPlay(TestOnABox):
    """Nobody waits for the wish there."""

    units: dict[str, object] = {}  # noqa: RUF012

    def test_a_backup_is_asked_for_and_seen_to_come(self, app: Flask, make_client: Maker, tmp_path: Path) -> None:
        client = make_client("owner")
        backups = read_section(client.get("/system").text, "backups")
        assert "<button" not in backups
        assert "systemctl start mostrador-backup" in backups
        assert client.post("/system/backup").status_code == 404
        assert not (tmp_path / "web/backup-wanted").exists()

    test_a_backup_that_failed_is_not_waited_for = None  # type: ignore[assignment]
    test_an_editor_sees_it_and_has_no_button = None  # type: ignore[assignment]
