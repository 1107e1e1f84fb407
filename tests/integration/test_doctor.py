"""Every line of the doctor's list, green and red: a real PostgreSQL and Redis, the pretend Chatwoot and model, and files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from conftest import find_free_port, make_config
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text
from standins.door import Door
from standins.llm import LlmStandIn

from chatbot.checks import Finding, Surroundings
from chatbot.config import Config
from chatbot.db import db
from chatbot.doctor import CHECKS, look_at
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.queue import LIFE_CLASS
from chatbot.settings import Settings, load_settings

LOOKS = {check.id: check for check in CHECKS}
PUBLIC_URL = "https://bot.example"


class Patient:
    """Surroundings that tests change: config(), settings(), facts, and SQL. see(id) -> "level key", "absent" where absent."""

    def __init__(self, config: Config, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.at = Surroundings(config, Settings(), engine)
        self.folder = folder

    def config(self, **values: Any) -> None:
        self.at = replace(self.at, config=self.at.config.model_copy(update=values))

    def settings(self, **values: Any) -> None:
        self.at = replace(self.at, settings=Settings.model_validate({**dict(self.at.settings), **values}))

    def facts(self, **values: Any) -> None:
        self.at = replace(self.at, facts={"at": time.time(), **(self.at.facts or {}), **values})

    def sql(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def find(self, check_id: str) -> Finding | None:
        self.at = replace(self.at, now=datetime.now(UTC))
        return look_at([LOOKS[check_id]], self.at).get(check_id)

    def see(self, check_id: str) -> str:
        found = self.find(check_id)
        return f"{found.level} {found.key}" if found else "absent"


@pytest.fixture
def patient(app: Flask, tmp_path: Path) -> Patient:
    config = app.config["CONFIG"].model_copy(
        update={"public_url": PUBLIC_URL, "backup_folder": str(tmp_path), "state_dir": str(tmp_path)}
    )
    with app.app_context():
        return Patient(config, db.engine, tmp_path)


@pytest.fixture
def chatwoot() -> Iterator[PretendChatwoot]:
    with PretendChatwoot(f"{PUBLIC_URL}/webhooks/chatwoot") as pretend:
        yield pretend


@pytest.fixture
def connected(patient: Patient, chatwoot: PretendChatwoot) -> Patient:
    names = ("chatwoot_url", "chatwoot_account_id", "chatwoot_bot_token", "chatwoot_access_token", "chatwoot_webhook_secret")
    access = chatwoot.access()
    patient.settings(**{name: access[name] for name in names})
    return patient


@pytest.fixture
def llm() -> Iterator[LlmStandIn]:
    with LlmStandIn() as standin:
        yield standin


# what was set


def test_secret_key(patient: Patient) -> None:
    assert patient.see("secret_key") == "ok ok"
    patient.config(secret_key=type(patient.at.config.secret_key)("abababababababababababababababababab"))
    assert patient.see("secret_key") == "fail weak"


def test_environment(patient: Patient) -> None:
    assert patient.see("environment") == "warn not_production"
    patient.config(environment="production")
    assert patient.see("environment") == "ok ok"
    patient.config(debug=True)
    assert patient.see("environment") == "fail debug"


def test_origins_are_absent_until_one_is_named(patient: Patient) -> None:
    assert patient.see("origins") == "absent"
    patient.config(allowed_origins=("https://shop.example",))
    assert patient.see("origins") == "ok ok"
    patient.config(allowed_origins=("https://*.example",))
    assert patient.see("origins") == "fail wildcard"


def test_public_url(patient: Patient) -> None:
    assert patient.see("public_url") == "ok ok"
    patient.config(public_url="http://bot.example")
    assert patient.see("public_url") == "fail not_https"
    patient.config(public_url="")
    assert patient.see("public_url") == "warn missing"


def test_alerts_and_outside_monitor(patient: Patient) -> None:
    assert (patient.see("alerts"), patient.see("ping")) == ("warn missing", "warn missing")
    patient.settings(alert_urls="json://127.0.0.1:9/x", ping_url="https://hc.example/uuid")
    assert (patient.see("alerts"), patient.see("ping")) == ("ok ok", "ok ok")
    patient.settings(alert_urls="json://127.0.0.1:9/x carrierpigeon://secret@home")
    found = patient.find("alerts")
    assert found is not None
    assert (found.key, found.values["kinds"]) == ("unusable", "carrierpigeon")


def test_spending_limit_is_a_guided_line_for_openai_only(patient: Patient) -> None:
    assert patient.see("spending_limit") == "absent"
    patient.settings(openai_api_key="sk-1234567890")
    assert patient.see("spending_limit") == "warn unconfirmed"
    patient.settings(openai_limit_confirmed=True)
    assert patient.see("spending_limit") == "ok ok"
    patient.settings(openai_base_url="http://127.0.0.1:9/v1", openai_limit_confirmed=False)
    assert patient.see("spending_limit") == "absent"


def test_mode(patient: Patient) -> None:
    assert patient.see("mode") == "ok suggest"
    patient.settings(mode="off")
    assert patient.see("mode") == "warn off"


# PostgreSQL


def test_database_and_what_needs_it_when_it_is_away(patient: Patient) -> None:
    assert patient.see("database") == "ok ok"
    away = create_engine(f"postgresql+psycopg://shop:hunter2222@127.0.0.1:{find_free_port()}/shop")
    patient.at = replace(patient.at, engine=away)
    found = patient.find("database")
    assert found is not None
    assert (found.level, found.key) == ("fail", "away")
    assert "hunter2222" not in str(found.values)
    absent = ("migrations", "indexes", "connections", "worker", "queue", "answering", "stored_secrets", "content")
    assert {patient.see(check_id) for check_id in absent} == {"absent"}
    away.dispose()


def test_migrations(patient: Patient) -> None:
    assert patient.see("migrations") == "ok ok"
    patient.sql("DELETE FROM alembic_version")
    assert patient.see("migrations") == "fail behind"


def test_indexes(patient: Patient) -> None:
    assert patient.see("indexes") == "ok ok"
    patient.sql("DROP INDEX ix_conversation_answer_due_at")
    found = patient.find("indexes")
    assert found is not None
    assert (found.level, found.values["names"]) == ("fail", "ix_conversation_answer_due_at")


def test_connections(patient: Patient) -> None:
    assert patient.see("connections") == "ok ok"
    patient.config(worker_threads=256)
    assert patient.see("connections") == "fail few"


def test_stored_secrets(patient: Patient) -> None:
    assert patient.see("stored_secrets") == "ok ok"
    patient.sql("UPDATE instance SET secrets_check = 'another'")
    assert patient.see("stored_secrets") == "fail unreadable"


def test_settings_that_cannot_be_read(patient: Patient) -> None:
    assert patient.see("settings") == "ok ok"
    patient.at = replace(patient.at, settings_problem="SECRET_KEY: can't decrypt")
    assert patient.see("settings") == "fail unreadable"


def test_worker(patient: Patient) -> None:
    assert patient.see("worker") == "fail none"
    with patient.engine.connect() as life:
        life.execute(text("SELECT pg_advisory_lock(:life, 7)"), {"life": LIFE_CLASS})
        assert patient.see("worker") == "ok ok"


def test_answering(patient: Patient) -> None:
    assert patient.see("answering") == "ok ok"
    patient.sql("UPDATE instance SET paused_at = now(), paused_until = now() + interval '1 hour'")
    assert patient.see("answering") == "warn paused"
    patient.sql("UPDATE instance SET paused_until = now() - interval '1 hour', held_at = now()")
    assert patient.see("answering") == "warn held"
    patient.sql("UPDATE instance SET held_at = NULL, muted_reason = 'https://b serves another installation'")
    assert patient.see("answering") == "fail muted"


def add_waiting(connection: Connection, age_s: int, *, tries: int = 0) -> int:
    """A customer who wrote then and has no answer, whatever the queue's next try is."""
    inbox = connection.scalar(text("INSERT INTO inbox (chatwoot_id) VALUES (5) RETURNING id"))
    conversation = connection.scalar(
        text("""INSERT INTO conversation (chatwoot_id, inbox_id, in_seq, tries, answer_due_at)
                VALUES (50, :inbox, 1, :tries, now() + interval '1 minute') RETURNING id"""),
        {"inbox": inbox, "tries": tries},
    )
    connection.execute(
        text("""INSERT INTO message (conversation_id, chatwoot_id, seq, author, arrived_at)
                VALUES (:conversation, 500, 1, 'customer', now() - make_interval(secs => :age_s))"""),
        {"conversation": conversation, "age_s": age_s},
    )
    return int(conversation or 0)


@pytest.mark.parametrize(("age_s", "seen"), [(20, "ok ok"), (600, "fail late")])
def test_queue_is_as_old_as_its_longest_waiting_customer(patient: Patient, age_s: int, seen: str) -> None:
    with patient.engine.begin() as connection:
        add_waiting(connection, age_s)
    assert patient.see("queue") == seen


def test_content(patient: Patient) -> None:
    assert patient.see("content") == "warn none"
    patient.sql(
        "WITH r AS (INSERT INTO release (note) VALUES ('') RETURNING id) UPDATE instance SET live_release_id = r.id FROM r"
    )
    assert patient.see("content") == "ok ok"


# Chatwoot


def test_chatwoot_is_told_as_unset(patient: Patient) -> None:
    assert patient.see("chatwoot") == "warn unset"
    absent = ("webhook_secret", "agent_bot", "inboxes", "webhook_heard", "chatwoot_use", "clock")
    assert {patient.see(check_id) for check_id in absent} == {"absent"}


def test_chatwoot(connected: Patient, chatwoot: PretendChatwoot) -> None:
    assert connected.see("chatwoot") == "ok ok"
    chatwoot.admin.token = "revoked"
    assert connected.see("chatwoot") == "fail refused"
    chatwoot.admin.token = connected.at.settings.chatwoot_access_token.get_secret_value()
    connected.settings(chatwoot_account_id=77)
    assert connected.see("chatwoot") in {"fail no_account", "fail refused"}
    chatwoot.down()
    assert connected.see("chatwoot") == "fail failed"


def test_webhook_secret(connected: Patient) -> None:
    assert connected.see("webhook_secret") == "ok ok"
    connected.settings(chatwoot_webhook_secret="")
    assert connected.see("webhook_secret") == "fail missing"
    connected.settings(webhook_token="t" * 24)
    assert connected.see("webhook_secret") == "ok token"


def test_agent_bot_sends_to_us(connected: Patient, chatwoot: PretendChatwoot) -> None:
    assert connected.see("agent_bot") == "ok ok"
    chatwoot.bot.outgoing_url = "https://old.example/webhooks/chatwoot/a-token-of-the-other-box"
    found = connected.find("agent_bot")
    assert found is not None
    assert (found.level, found.key) == ("fail", "elsewhere")
    assert "a-token" not in str(found.values)
    connected.settings(chatwoot_bot_token="unknown-token")
    assert connected.see("agent_bot") == "fail unknown_token"
    connected.settings(chatwoot_access_token=chatwoot.agent.token)
    assert connected.see("agent_bot") == "warn not_told"


def test_agent_bot_with_a_token_in_its_address(connected: Patient, chatwoot: PretendChatwoot) -> None:
    connected.settings(webhook_token="t" * 24)
    chatwoot.bot.outgoing_url = f"{PUBLIC_URL}/webhooks/chatwoot/{'t' * 24}"
    assert connected.see("agent_bot") == "ok ok"


def test_inboxes_have_our_bot(connected: Patient, chatwoot: PretendChatwoot) -> None:
    assert connected.see("inboxes") == "absent"
    connected.settings(chatwoot_inbox_id="1")
    assert connected.see("inboxes") == "ok ok"
    chatwoot.inbox.bot_id = None
    assert connected.see("inboxes") == "fail foreign"
    connected.settings(chatwoot_inbox_id="1,99")
    assert connected.see("inboxes") == "fail failed"


def test_webhooks_really_come(connected: Patient) -> None:
    assert connected.see("webhook_heard") == "warn none"
    connected.sql("INSERT INTO webhook (conversation_chatwoot_id, body) VALUES (5, '')")
    assert connected.see("webhook_heard") == "ok lately"


def test_chatwoot_by_real_use(connected: Patient) -> None:
    assert connected.see("chatwoot_use") == "absent"
    connected.sql("UPDATE instance SET reconciled_at = now()")
    assert connected.see("chatwoot_use") == "ok ok"
    connected.sql("UPDATE instance SET reconcile_error = 'chatwoot: no answer (ReadTimeout)'")
    assert connected.see("chatwoot_use") == "ok ok", "one reading that failed"
    connected.sql("UPDATE instance SET reconcile_error = 'chatwoot: answered 401: x'")
    assert connected.see("chatwoot_use") == "fail refused"
    connected.sql("UPDATE instance SET reconcile_error = 'chatwoot: no answer', reconciled_at = now() - interval '3 minutes'")
    assert connected.see("chatwoot_use") == "fail failed"
    connected.sql("UPDATE instance SET reconcile_error = NULL, reconciled_at = now() - interval '1 hour'")
    assert connected.see("chatwoot_use") == "fail silent"


def test_chatwoot_that_refuses_what_is_posted(connected: Patient) -> None:
    connected.sql("UPDATE instance SET reconciled_at = now()")
    with connected.engine.begin() as connection:
        conversation = add_waiting(connection, 100, tries=3)
    connected.sql(
        """WITH t AS (INSERT INTO turn (conversation_id, epoch, from_seq, to_seq, mode)
                      VALUES (:id, 1, 0, 1, 'live') RETURNING id)
           INSERT INTO part (turn_id, conversation_id, ordinal, mark, text, state, error)
           SELECT id, :id, 1, 'm', 'x', 'frozen', 'chatwoot: answered 403: no' FROM t""",
        id=conversation,
    )
    assert connected.see("chatwoot_use") == "fail refused"


@pytest.mark.parametrize(("off_s", "seen"), [(0, "ok ok"), (90, "warn off"), (-900, "fail far")])
def test_clock_against_chatwoots(patient: Patient, off_s: int, seen: str) -> None:
    stamp = (datetime.now(UTC) + timedelta(seconds=off_s)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    with Door(lambda *_: (200, {"Date": stamp}, b"{}"), days=None) as door:
        patient.settings(chatwoot_url=f"http://127.0.0.1:{door.port}")
        assert patient.see("clock") == seen


# the model


def test_model(patient: Patient, llm: LlmStandIn) -> None:
    assert patient.see("llm") == "warn unset"
    patient.settings(openai_api_key="sk-1234567890", openai_base_url=llm.url)
    assert patient.see("llm") == "ok ok"
    llm.plan(mode="status", status=401)
    assert patient.see("llm") == "fail refused"
    llm.plan(mode="status", status=404)
    assert patient.see("llm") == "fail no_model"
    llm.plan(mode="status", status=500)
    assert patient.see("llm") == "fail failed"


def test_a_model_of_the_chain_that_is_gone_is_named(patient: Patient, llm: LlmStandIn) -> None:
    patient.settings(openai_api_key="sk-1234567890", openai_base_url=llm.url, model_chain=[{"model": "gpt-b"}])
    llm.plan(mode="status", status=404, model="gpt-b")
    found = patient.find("llm")
    assert found is not None
    assert (found.key, found.values["model"]) == ("no_model", "gpt-b")


def test_model_by_real_use(patient: Patient, llm: LlmStandIn) -> None:
    patient.settings(openai_api_key="sk-1234567890", openai_base_url=llm.url)
    assert patient.see("llm_use") == "absent"
    call = "INSERT INTO llm_call (purpose, model, state, error) VALUES ('answer', 'm', :state, :error)"
    patient.sql(call, state="settled", error=None)
    llm.plan(mode="status", status=401)
    for seen in ("ok ok", "ok ok", "fail failed"):
        patient.sql(call, state="failed", error="timeout")
        assert patient.see("llm_use") == seen
    patient.sql(call, state="settled", error=None)
    assert patient.see("llm_use") == "ok ok"
    patient.sql(call, state="failed", error="auth")
    assert patient.see("llm_use") == "fail failed", "a refused key needs no second call"
    llm.reset()
    assert patient.see("llm_use") == "ok again", "the key is good again before a customer finds out"


# Redis


def test_redis(patient: Patient, redis_url: str) -> None:
    assert patient.see("redis") == "absent"
    patient.config(redis_url=redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        client.config_set("maxmemory", 0)
        assert patient.see("redis") == "warn unlimited"
        client.config_set("maxmemory", 64 * 2**20)
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert patient.see("redis") == "warn policy"
        client.config_set("maxmemory-policy", "noeviction")
        client.set("short", 1, ex=60)
        assert patient.see("redis") == "ok ok"
        client.set("for ever", 1)
        assert patient.see("redis") == "warn lasting"
        client.delete("for ever")
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 1.05))
        assert patient.see("redis") == "warn full"
        client.flushdb()
        client.config_set("maxmemory", 0)
    patient.config(redis_url=f"redis://127.0.0.1:{find_free_port()}/0")
    assert patient.see("redis") == "fail away"


def test_limits_are_shared_only_by_redis(patient: Patient) -> None:
    assert patient.see("limits") == "warn not_shared"
    patient.config(web_concurrency=1)
    assert patient.see("limits") == "ok ok"


# the door


def is_ready(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b'{"status": "ok"}'


def test_nothing_of_the_box_is_told_where_this_is_no_box(patient: Patient) -> None:
    absent = ("ready", "nginx", "certificate", "facts", "units", "firewall", "fail2ban", "logs", "private_files", "backup")
    assert {
        patient.see(check_id) for check_id in (*absent, "managed_files", "reboot", "updates", "system", "monitoring", "canary")
    } == {"absent"}


def test_ready_through_the_door(patient: Patient) -> None:
    patient.facts()
    with Door(is_ready) as door:
        patient.config(public_url=f"https://bot.example:{door.port}")
        assert patient.see("ready") == "ok ok"
    found = patient.find("ready")
    assert found is not None
    assert (found.level, found.values["status"]) == ("fail", "ConnectionRefusedError: [Errno 111] Connection refused")


def test_not_ready_says_why(patient: Patient) -> None:
    patient.facts()
    with Door(lambda *_: (503, {}, b'{"why": "the database does not answer"}')) as door:
        patient.config(public_url=f"https://bot.example:{door.port}")
        found = patient.find("ready")
    assert found is not None
    assert (found.level, found.values["why"]) == ("fail", "the database does not answer")


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"days": (10, 80)}, "ok ok"),
        ({"days": (65, 25)}, "warn late"),
        ({"days": (80, 10)}, "fail short"),
        ({"days": (40, 5), "name": "bot.example"}, "fail short"),
        ({"is_self_signed": True}, "fail self_signed"),
        ({"name": "other.example"}, "fail other_name"),
    ],
)
def test_certificate_by_the_fraction_of_its_life(patient: Patient, options: dict[str, Any], seen: str) -> None:
    patient.facts()
    with Door(is_ready, **options) as door:
        patient.config(public_url=f"https://bot.example:{door.port}")
        assert patient.see("certificate") == seen


def test_no_certificate_at_all(patient: Patient) -> None:
    patient.facts()
    patient.config(public_url=f"https://bot.example:{find_free_port()}")
    assert patient.see("certificate") == "fail none"


def test_nginx_in_front(patient: Patient) -> None:
    from chatbot.checks.box import check_nginx  # noqa: PLC0415

    patient.facts()
    led = {"Location": "https://bot.example/"}
    with Door(is_ready) as door, Door(lambda *_: (301, led, b""), days=None) as plain, Door(is_ready, days=None) as open_plain:
        patient.config(public_url=f"https://bot.example:{door.port}")
        keys = [found.key for port in (plain.port, open_plain.port) if (found := check_nginx(patient.at, port))]
        assert keys == ["ok", "plain"]
    found = check_nginx(patient.at, find_free_port())
    assert found is not None
    assert found.key == "away"


def test_public_name_that_nobody_can_reach_or_trust(patient: Patient) -> None:
    with Door(is_ready, name="localhost") as door:
        patient.config(public_url=f"https://localhost:{door.port}")
        found = patient.find("public_name")
    assert found is not None
    assert found.key == "away"
    assert "certificate verify failed" in found.values["problem"]
    patient.config(public_url="https://nowhere.invalid")
    assert patient.see("public_name") == "fail away"
    patient.config(public_url="http://bot.example")
    assert patient.see("public_name") == "absent"


# the machine


def test_facts_grow_old(patient: Patient) -> None:
    patient.facts()
    assert patient.see("facts") == "ok ok"
    patient.facts(at=time.time() - 600)
    assert patient.see("facts") == "fail old"


def unit(active: str, kind: str = "simple") -> dict[str, str]:
    return {"active": active, "type": kind, "sub": "", "result": "", "restarts": "0"}


@pytest.mark.parametrize(
    ("name", "state", "seen"),
    [
        ("fail2ban.service", unit("active"), "ok ok"),
        ("fail2ban.service", unit("inactive"), "fail bad"),
        ("fail2ban.service", unit("deactivating"), "ok ok"),
        ("mostrador-backup.service", unit("inactive", "oneshot"), "ok ok"),
        ("mostrador-backup.service", unit("activating", "oneshot"), "ok ok"),
        ("mostrador-renew.service", unit("failed", "oneshot"), "fail bad"),
        ("mostrador-renew.timer", unit("inactive", ""), "fail bad"),
        ("mostrador.target", unit("active", ""), "ok ok"),
    ],
)
def test_units(patient: Patient, name: str, state: dict[str, str], seen: str) -> None:
    patient.facts(units={name: state, "nginx.service": unit("active", "forking")})
    assert patient.see("units") == seen


@pytest.mark.parametrize(
    ("check_id", "name", "good", "bad", "seen"),
    [
        ("firewall", "firewall", {"drops": True}, {"drops": False}, "fail open"),
        ("fail2ban", "fail2ban", {"jails": ["sshd"], "banned": 2}, {"jails": [], "banned": 0}, "fail off"),
        ("private_files", "private", {"count": 3, "open": []}, {"count": 3, "open": ["/etc/mostrador/key"]}, "fail readable"),
        ("managed_files", "managed", {"count": 9, "changed": [], "missing": []},
         {"count": 9, "changed": ["/etc/x"], "missing": []}, "warn changed"),
        ("managed_files", "managed", {"count": 9, "changed": [], "missing": []},
         {"count": 9, "changed": [], "missing": ["/etc/x"]}, "warn changed"),
        ("reboot", "reboot", {"is_pending": True, "days": 0}, {"is_pending": True, "days": 3}, "warn pending"),
        ("updates", "updates", {"days": 1.0, "off": [], "is_busy": False, "half": []},
         {"days": 1.0, "off": ["apt-daily.timer"], "is_busy": False, "half": []}, "fail off"),
        ("logs", "journal", {"is_persistent": True, "is_capped": True, "bytes": 5},
         {"is_persistent": False, "is_capped": True, "bytes": 0}, "fail volatile"),
        ("logs", "journal", {"is_persistent": True, "is_capped": True, "bytes": 5},
         {"is_persistent": True, "is_capped": False, "bytes": 5}, "warn uncapped"),
    ],
)  # fmt: skip
def test_what_root_saw(patient: Patient, check_id: str, name: str, good: Any, bad: Any, seen: str) -> None:
    patient.facts(**{name: good})
    assert patient.see(check_id) == "ok ok"
    patient.facts(**{name: bad})
    assert patient.see(check_id) == seen
    patient.facts(**{name: {"error": "TimeoutExpired"}})
    assert patient.see(check_id) == "absent"


def test_disk_that_will_be_full_soon(patient: Patient) -> None:
    gigabyte = 1e9
    week = [hour * 3_600.0 for hour in range(100)]
    patient.at = replace(patient.at, history=tuple((t, 100 * gigabyte - t * 1e3) for t in week))
    assert patient.see("disk").split()[0] == "ok", "years"
    patient.at = replace(patient.at, history=tuple((t, 100 * gigabyte - t * gigabyte / 5_000) for t in week))
    assert patient.see("disk") == "fail soon"


def test_memory_of_this_machine_is_read(patient: Patient) -> None:
    found = patient.find("memory")
    assert found is not None
    assert found.values["mb"] > 0


def test_monitoring_ran(patient: Patient) -> None:
    patient.facts()
    assert patient.see("monitoring") == "fail silent"
    patient.at = replace(patient.at, ran_at=datetime.now(UTC) - timedelta(seconds=70))
    assert patient.see("monitoring") == "ok ok"
    patient.at = replace(patient.at, ran_at=datetime.now(UTC) - timedelta(minutes=30))
    assert patient.see("monitoring") == "fail silent"


def test_a_newer_release_is_told(patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "mostrador-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mostrador\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert patient.see("release") == "absent"
    patient.facts()
    assert patient.see("release") == "ok unset", "a box says that nobody looks"
    said = {"newest": b"99.0.0\n"}
    with Door(lambda *_: (200, {}, said["newest"]), days=None) as door:
        patient.settings(releases_url=f"http://127.0.0.1:{door.port}/newest")
        assert patient.see("release") == "warn newer"
        said["newest"] = b"0.0.1\n"
        assert patient.see("release") == "ok ok"
        said["newest"] = b"<html>gone</html>"
        assert patient.see("release") == "warn not_told"


def test_one_broken_check_does_not_hide_the_others(patient: Patient) -> None:
    patient.facts(units={"x.service": {}})
    assert patient.see("units") == "fail broke"
    assert patient.see("database") == "ok ok"


# the commands


def test_doctor_prints_each_line_with_what_to_do_and_its_exit_code(app: Flask) -> None:
    runner = app.test_cli_runner()
    shown = runner.invoke(args=["doctor", "--language", "en"])
    assert shown.exit_code == 2, "no worker runs"
    assert "FAIL  Worker" in shown.stdout
    assert "→ systemctl restart mostrador-worker" in shown.stdout
    in_spanish = runner.invoke(args=["doctor", "--only", "worker"]).stdout
    assert "Ninguno está en marcha" in in_spanish
    assert runner.invoke(args=["doctor", "--only", "database"]).exit_code == 0
    assert runner.invoke(args=["doctor", "--only", "ping"]).exit_code == 1


def test_doctor_as_json(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["doctor", "--json", "--only", "database", "--only", "ping"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["level"]) == (1, "warn")
    assert [line["id"] for line in found["checks"]] == ["database", "ping"]
    assert found["checks"][0]["mend"] == ""


def test_doctor_without_its_database_says_so_and_ends(make_app: Callable[[Config], Flask]) -> None:
    app = make_app(make_config(f"postgresql://shop:hunter2222@127.0.0.1:{find_free_port()}/shop"))
    shown = app.test_cli_runner().invoke(args=["doctor", "--language", "en"])
    assert shown.exit_code == 2
    assert "FAIL  PostgreSQL" in shown.stdout
    assert "hunter2222" not in shown.output
    assert "Indexes" not in shown.stdout


def test_no_secret_is_ever_shown(app: Flask, chatwoot: PretendChatwoot) -> None:
    runner = app.test_cli_runner()
    access = chatwoot.access()
    secrets = {
        "chatwoot_bot_token": access["chatwoot_bot_token"],
        "chatwoot_access_token": "a-token-that-is-wrong",
        "alert_urls": "carrierpigeon://user:feathers@home",
        "openai_api_key": "sk-very-secret-indeed",
    }
    for name, value in {"chatwoot_url": chatwoot.url, "chatwoot_account_id": "1", **secrets}.items():
        assert runner.invoke(args=["settings", "set", name, "-"], input=value).exit_code == 0
    runner.invoke(args=["settings", "set", "openai_base_url", f"http://127.0.0.1:{find_free_port()}/v1"])
    shown = runner.invoke(args=["doctor", "--json"]).output
    assert not [value for value in (*secrets.values(), "feathers") if value in shown]
    with app.app_context(), db.engine.connect() as connection:
        assert load_settings(connection, app.config["CONFIG"]).openai_api_key.get_secret_value() == "sk-very-secret-indeed"


@pytest.fixture
def proofs(patient: Patient) -> Path:
    patient.facts()
    return patient.folder


def add_proof(folder: Path, hours: float, ending: str = "proved", **values: Any) -> None:
    made_at = datetime.now(UTC) - timedelta(hours=hours)
    (folder / f"mostrador-{made_at:%Y%m%dT%H%M%SZ}.tar.age.{ending}").write_text(json.dumps(values))


def test_proved_backup(patient: Patient, proofs: Path) -> None:
    assert patient.see("backup") == "fail none"
    add_proof(proofs, 50, copied_at="2026-11-20T03:00:00+00:00")
    assert patient.see("backup") == "fail old"
    add_proof(proofs, 5)
    assert patient.see("backup") == "warn not_copied"
    add_proof(proofs, 2, copied_at="2026-11-25T03:00:00+00:00")
    assert patient.see("backup") == "ok ok"
    add_proof(proofs, 3, "failed", problem="an older one")
    assert patient.see("backup") == "ok ok"
    add_proof(proofs, 1, "failed", problem="message: 3 rows instead of 4")
    found = patient.find("backup")
    assert found is not None
    assert (found.key, found.values["problem"]) == ("spoiled", "message: 3 rows instead of 4")


def test_a_failed_backup_is_told_by_its_own_line_and_hides_no_other_service(patient: Patient, proofs: Path) -> None:
    failed, other = {"mostrador-backup.service": unit("failed", "oneshot")}, {"fail2ban.service": unit("inactive")}
    add_proof(proofs, 2, proved_at=(datetime.now(UTC) - timedelta(hours=2)).isoformat())
    patient.facts(units={**failed})
    assert patient.see("units") == "fail bad", "refused before it was begun: no other line says so"
    add_proof(proofs, 1, "failed", problem="message: 3 rows instead of 4")
    assert patient.see("units") == "ok ok"
    patient.facts(units={**failed, **other})
    found = patient.find("units")
    assert found is not None
    assert found.parts == ("fail2ban.service",)
    add_proof(proofs, 0, proved_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    patient.facts(units=failed)
    assert patient.see("units") == "ok ok", "mended since root looked"
