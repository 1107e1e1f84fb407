"""`flask check` from outside: what reaches the owner's address and the outside monitor, run after run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from conftest import find_free_port, make_config
from flask import Flask
from sqlalchemy import text
from standins.door import Door
from standins.llm import LlmStandIn

from chatbot.config import Config
from chatbot.db import db
from chatbot.queue import LIFE_CLASS
from chatbot.settings import save_setting

Got = list[tuple[str, dict[str, Any]]]


class Owner:
    """Where alerts (/alert) and signs of life (/ping) arrive. status: what it answers to alerts."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.pings = 0
        self.status = 200

    def answer(self, _method: str, path: str, _headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/ping":
            self.pings += 1
            return 200, {}, b"OK"
        if self.status == 200:
            self.alerts.append(json.loads(body))
        return self.status, {}, b""

    def read(self) -> list[str]:
        """Titles and texts so far, and forgets them."""
        found = [f"{alert['title']}\n{alert['message']}" for alert in self.alerts]
        self.alerts.clear()
        return found


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def door(owner: Owner) -> Iterator[Door]:
    with Door(owner.answer, days=None) as door:
        yield door


@pytest.fixture
def box(app: Flask, door: Door, tmp_path: Path) -> Iterator[Flask]:
    """A box whose alerts are set in the database, with a living worker."""
    config: Config = app.config["CONFIG"]
    app.config["CONFIG"] = config = config.model_copy(
        update={"state_dir": str(tmp_path), "runtime_dir": str(tmp_path / "none")}
    )
    with app.app_context():
        with db.engine.begin() as connection:
            save_setting(connection, config, "alert_urls", f"json://127.0.0.1:{door.port}/alert")
            save_setting(connection, config, "ping_url", f"http://127.0.0.1:{door.port}/ping")
            save_setting(connection, config, "language", "en")
        engine = db.engine
    with engine.connect() as life:
        life.execute(text("SELECT pg_advisory_lock(:life, 1)"), {"life": LIFE_CLASS})
        life.commit()
        yield app
        life.execute(text("SELECT pg_advisory_unlock_all()"))


def run(app: Flask) -> Result:
    return app.test_cli_runner().invoke(args=["check"])


def break_it(app: Flask, *, is_broken: bool) -> None:
    """An untidy shop: another installation has the bot, or not any more."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET muted_reason = :reason"), {"reason": "https://b" if is_broken else None})


def test_where_all_is_well_only_the_sign_of_life_goes_out(box: Flask, owner: Owner) -> None:
    assert [run(box).exit_code for _ in range(2)] == [0, 0]
    assert (owner.read(), owner.pings) == ([], 2)


def test_one_alert_with_what_to_do_one_recovery_and_no_sign_of_life_between(box: Flask, owner: Owner) -> None:
    run(box)
    break_it(box, is_broken=True)
    assert [run(box).exit_code for _ in range(3)] == [1, 1, 1]
    (alert,) = owner.read()
    assert alert.startswith("Mostrador: 1 to see to\n✗ Answering: Mute: https://b")
    assert "→ Set the bot's URL in Chatwoot" in alert
    assert owner.pings == 1
    break_it(box, is_broken=False)
    for _ in range(3):
        run(box)
    assert owner.read() == ["Mostrador: well again\n✓ Answering: Nothing keeps it from answering."]
    assert owner.pings == 4


def test_an_alert_that_was_not_taken_is_sent_again_in_the_next_run(box: Flask, owner: Owner) -> None:
    break_it(box, is_broken=True)
    owner.status = 500
    assert [run(box).exit_code for _ in range(2)] == [1, 1]
    owner.status = 200
    for _ in range(3):
        run(box)
    assert len(owner.read()) == 1


def test_a_database_that_is_away_is_told_though_the_addresses_are_stored_in_it(
    box: Flask, owner: Owner, make_app: Callable[[Config], Flask]
) -> None:
    run(box)
    away = make_config(f"postgresql://shop:hunter2222@127.0.0.1:{find_free_port()}/shop")
    config: Config = box.config["CONFIG"]
    dead = make_app(away.model_copy(update={"state_dir": config.state_dir, "runtime_dir": config.runtime_dir}))
    for _ in range(3):
        assert run(dead).exit_code == 1
    (alert,) = owner.read()
    assert alert.startswith("Mostrador: 1 to see to\n✗ PostgreSQL: It doesn't answer")
    assert "hunter2222" not in alert
    for _ in range(3):
        run(box)
    assert [recovery.splitlines()[0] for recovery in owner.read()] == ["Mostrador: well again"]


def test_what_is_remembered_holds_no_secret(box: Flask, door: Door) -> None:
    run(box)
    remembered = (Path(box.config["CONFIG"].state_dir) / "checks.json").read_text()
    assert "spare" in remembered
    assert str(door.port) not in remembered


def test_without_addresses_it_is_only_logged(app: Flask, tmp_path: Path) -> None:
    app.config["CONFIG"] = app.config["CONFIG"].model_copy(update={"state_dir": str(tmp_path)})
    assert "worker (none)" in run(app).stdout


def test_a_test_alert_arrives(box: Flask, owner: Owner) -> None:
    sent = box.test_cli_runner().invoke(args=["check", "--test-alert"])
    assert (sent.exit_code, sent.stdout) == (0, "sent to 1; not taken by: -\n")
    assert owner.read() == ["Mostrador: test message\nIf you read this, Mostrador's alerts reach you."]
    owner.status = 500
    refused = box.test_cli_runner().invoke(args=["check", "--test-alert"])
    assert (refused.exit_code, refused.stdout) == (1, "sent to 0; not taken by: json\n")


def test_a_test_alert_without_addresses_names_the_setting(app: Flask) -> None:
    refused = app.test_cli_runner().invoke(args=["check", "--test-alert"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith("ALERT_URLS: isn't set")


def test_an_address_that_never_answers_keeps_neither_the_others_nor_the_run_waiting(
    box: Flask, owner: Owner, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.clients.alerts.SEND_S", 1.0)
    with LlmStandIn() as silent:
        silent.plan(mode="silent")
        hanging = f"json://127.0.0.1:{silent.port}/chat/completions"
        monkeypatch.setenv("ALERT_URLS", f"{hanging} json://127.0.0.1:{door.port}/alert")
        break_it(box, is_broken=True)
        started = time.monotonic()
        for _ in range(3):
            run(box)
        assert time.monotonic() - started < 15
    assert len(owner.read()) == 1, "one address that took it is enough: it isn't sent again for the other"


def test_check_as_json(box: Flask) -> None:
    found = json.loads(box.test_cli_runner().invoke(args=["check", "--json"]).stdout)
    assert (found["well"], found["told"], found["checks"]["worker"]) == (True, [], {"level": "ok", "key": "ok"})
