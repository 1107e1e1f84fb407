"""Readiness: what is broken comes first, with what customers notice of it and how to mend it; no network at a mere look."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import make_config
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot import results
from chatbot.checks import Finding
from chatbot.db import db
from chatbot.monitor import watch
from chatbot.settings import save_setting

Maker = Callable[[str], FlaskClient]


def set_up(app: Flask, **settings: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        for name, value in settings.items():
            save_setting(connection, app.config["CONFIG"], name, value, "test")


def change(app: Flask, statement: str, **values: object) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def find(app: Flask, statement: str) -> Any:
    with app.app_context(), db.engine.begin() as connection:
        return connection.execute(text(statement)).scalar()


def keep(app: Flask, **findings: Finding) -> None:
    with app.app_context(), db.engine.begin() as connection:
        results.keep(connection, list(findings), findings)


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A neighbour that refuses everybody politely, and how often it was asked."""
    asked: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _address = server.accept()
            except OSError:
                return
            with caller:
                asked.append(caller.recv(4096))
                caller.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def read_card(page: str, name: str) -> str:
    cards = [card for card in page.split("<article")[1:] if f"<h3>{name}</h3>" in card]
    assert len(cards) == 1, (name, page)
    return cards[0].split("</article>")[0]


def test_what_is_broken_says_what_customers_notice_and_what_to_type(app: Flask, make_client: Maker) -> None:
    page = make_client("owner").get("/readiness").text
    card = read_card(page, "Worker")
    assert "nadie responde a los clientes" in card
    assert "Nadie recibe respuesta del bot" in card
    assert "systemctl restart mostrador-worker; journalctl -t mostrador -n 50" in card
    assert "Así desde" in card
    assert page.index("<h3>Worker</h3>") < page.index("<h3>Avisos</h3>") < page.index("<strong>PostgreSQL</strong>")
    assert "Hay 1 avería." in page


def test_the_same_in_english(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    change(app, "UPDATE account SET language = 'en'")
    page = client.get("/readiness").text
    assert "Nobody gets an answer from the bot" in read_card(page, "Worker")
    assert "1 thing is broken." in page


def test_what_can_be_mended_here_has_a_button_instead_of_a_command(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    client.post("/pause", data={"until": ""})
    card = read_card(client.get("/readiness").text, "Respuestas")
    assert 'action="/resume"' in card
    assert "mostrador resume" not in card
    client.post("/resume")
    change(app, "UPDATE check_result SET looked_at = now() - interval '1 minute'")
    assert "<strong>Respuestas</strong>" in client.get("/readiness").text, "it is among what is well"


def test_whoever_may_not_change_it_gets_the_command(app: Flask, make_client: Maker) -> None:
    editor, owner = (read_card(make_client(role).get("/readiness").text, "Avisos") for role in ("editor", "owner"))
    assert "flask settings set alert_urls" in editor, "no playbook made the short command here"
    assert "/settings" not in editor
    assert 'href="/settings#alert_urls"' in owner


def test_agents_have_neither_page_nor_mark(make_client: Maker) -> None:
    client = make_client("agent")
    assert client.get("/readiness").status_code == client.post("/readiness/look").status_code == 403
    assert "/readiness" not in client.get("/conversations").text


def test_a_mere_look_asks_no_neighbour_and_the_button_does(app: Flask, make_client: Maker) -> None:
    client = make_client("editor")
    with listening() as (url, asked):
        set_up(
            app, chatwoot_url=url, chatwoot_account_id="1", chatwoot_bot_token="a-token-1", chatwoot_access_token="a-token-2"
        )
        page = client.get("/readiness").text
        assert asked == []
        assert "Sin comprobar todavía" in page
        address = client.post("/readiness/look").location
        end = time.monotonic() + 20
        while "Comprobando" in (page := client.get(address).text):
            assert time.monotonic() < end, "it says for ever that it is looking"
            time.sleep(0.1)
        assert asked != []
    assert "no acepta el token" in read_card(page, "Chatwoot")
    assert "Sin comprobar todavía" not in page


def test_since_when_lasts_as_long_as_the_level_does(app: Flask, make_client: Maker) -> None:
    keep(app, redis=Finding("fail", "away", {"problem": "x"}))
    change(app, "UPDATE check_result SET since = since - interval '3 hours'")
    keep(app, redis=Finding("fail", "away", {"problem": "y"}))
    assert "desde <time" in (card := read_card(make_client("owner").get("/readiness").text, "Redis"))
    assert "hace 3 horas" in card
    keep(app, redis=Finding("ok", "ok", {"mb": 1, "policy": "noeviction"}))
    assert find(app, "SELECT since > now() - interval '1 minute' FROM check_result WHERE id = 'redis'")


def test_what_another_release_kept_does_not_break_the_page(app: Flask, make_client: Maker) -> None:
    keep(app, redis=Finding("fail", "a-key-of-tomorrow"), tomorrow=Finding("fail", "x"), clock=Finding("warn", "off", {}))
    assert make_client("owner").get("/readiness").status_code == 200


def test_the_menu_has_a_mark_while_something_is_wrong(app: Flask, make_client: Maker) -> None:
    client = make_client("owner")
    assert "menu-mark" not in client.get("/audit").text, "nobody has looked yet"
    keep(app, clock=Finding("warn", "off", {"off_s": 40}))
    assert 'class="menu-mark warn"' in client.get("/audit").text
    keep(app, queue=Finding("fail", "late", {"count": 1, "age_s": 900}))
    assert 'class="menu-mark fail"' in client.get("/audit").text
    change(app, "UPDATE check_result SET looked_at = now() - interval '2 days'")
    assert "menu-mark" not in client.get("/audit").text, "nobody knows how it is today"


def test_the_limit_at_openai_is_confirmed_with_one_press(app: Flask, make_client: Maker) -> None:
    set_up(app, openai_api_key="sk-not-a-real-key-1")
    client = make_client("owner")
    assert 'action="/readiness/spending-limit"' in read_card(client.get("/readiness").text, "Límite de gasto")
    client.post("/readiness/spending-limit")
    change(app, "UPDATE check_result SET looked_at = now() - interval '1 minute'")
    assert "<strong>Límite de gasto</strong>" in client.get("/readiness").text
    assert find(app, "SELECT subject FROM audit_line WHERE act = 'setting.change'") == "openai_limit_confirmed"


class TestOnABox:
    @pytest.fixture
    def app(self, make_app: Callable[..., Flask], make_database: Callable[[], str], tmp_path: Path) -> Flask:
        return make_box_app(make_app, make_database(), tmp_path)

    def test_the_monitor_looks_and_the_page_reads(self, app: Flask, make_client: Maker) -> None:
        client = make_client("owner")
        page = client.get("/readiness").text
        assert "Copia probada" not in page, "the web may not see the backups, so it says nothing of them"
        assert "No ha mirado en los últimos minutos" in read_card(page, "Vigilancia")
        with app.app_context():
            watch(db.engine, app.config["CONFIG"])
        change(app, "UPDATE check_result SET looked_at = now() - interval '1 minute' WHERE id = 'monitoring'")
        page = client.get("/readiness").text
        assert "No hay ninguna copia probada" in read_card(page, "Copia probada")
        assert 'href="/system#backups"' in read_card(page, "Copia probada")
        assert "<strong>Vigilancia</strong>" in page
        change(app, "UPDATE check_result SET looked_at = now() - interval '1 hour' WHERE id = 'backup'")
        assert "hace 1 hora" in read_card(client.get("/readiness").text, "Copia probada"), (
            "the web looks at nothing of the monitor's"
        )


def make_box_app(make_app: Callable[..., Flask], database: str, folder: Path, **units: object) -> Flask:
    """On a box of the playbook: root's reader writes its facts, the monitor remembers."""
    for name in ("facts", "state", "run", "web", "backups"):
        (folder / name).mkdir()
    (folder / "facts/facts.json").write_text(json.dumps({"at": time.time(), "units": units}))
    folders = {
        "facts_dir": "facts",
        "state_dir": "state",
        "runtime_dir": "run",
        "web_runtime_dir": "web",
        "backup_folder": "backups",
    }
    return make_app(make_config(database, **{name: str(folder / inside) for name, inside in folders.items()}))
