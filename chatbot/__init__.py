"""Mostrador: the AI front desk behind Chatwoot. create_app() wires it, boot() checks that it can start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from flask import Flask
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from chatbot import logs, web
from chatbot.config import Config, load_config
from chatbot.db import db
from chatbot.errors import ConfigError
from chatbot.migrations import find_head, is_behind, read_revision
from chatbot.settings import check_secrets
from chatbot.web import health, webhook

Role = Literal["web", "worker", "command"]

# connections beside those of the answering threads: the timer, the sweep, the lock of a worker's life, reconciliation
OTHER_CONNECTIONS = 6
WEB_CONNECTIONS = 4
CONNECT_TIMEOUT_S = 5
WEB_CONNECT_TIMEOUT_S = 2
WEB_STATEMENT_TIMEOUT_MS = 3_000
STATEMENT_TIMEOUT_MS = 30_000

log = structlog.get_logger(__name__)


def create_app(config: Config | None = None, role: Role = "command") -> Flask:
    """The application. role "web" does without commands and keeps few connections. Raises ConfigError.

    Reads nothing from the database: that is boot()'s work.
    """
    config = config or load_config()
    app = Flask(__name__, static_folder=None)
    app.config["CONFIG"] = config
    app.config["SECRET_KEY"] = config.secret_key.get_secret_value()
    app.config["SECRET_KEY_FALLBACKS"] = [s.get_secret_value() for s in config.secret_key_fallbacks]
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = make_engine_options(config, role)
    app.debug = config.debug
    # commands print results to stdout; what they log must not get in between
    logs.init_app(app, config, sys.stdout if role == "web" else sys.stderr)
    logs.hide([make_url(config.database_url).password or ""])
    db.init_app(app)
    web.init_app(app, config)
    app.register_blueprint(health.bp)
    app.register_blueprint(webhook.bp)
    if role != "worker":
        from chatbot.web import panel  # noqa: PLC0415  the login's libraries, which a worker does without

        panel.init_app(app, config)
    if role == "command":
        from chatbot import cli  # noqa: PLC0415  the web processes do without it and what it imports

        cli.register(app)
    return app


def make_engine_options(config: Config, role: Role) -> dict[str, Any]:
    """A pool as large as the threads that use it, so that max_connections can be reckoned: docs/design.md.

    A web process gives up on a slow database while Chatwoot still waits for its answer: only a 500 is tried again.
    """
    is_web = role == "web"
    connect_s, statement_ms = (
        (WEB_CONNECT_TIMEOUT_S, WEB_STATEMENT_TIMEOUT_MS) if is_web else (CONNECT_TIMEOUT_S, STATEMENT_TIMEOUT_MS)
    )
    return {
        "pool_size": WEB_CONNECTIONS if is_web else config.worker_threads + OTHER_CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": 1 if is_web else CONNECT_TIMEOUT_S,
        # no ping before each use: intake tries once more, a turn is put back, and one failure renews the whole pool
        "pool_pre_ping": False,
        "pool_use_lifo": True,  # few connections stay warm, with their statements prepared
        "hide_parameters": True,  # they are customers' words, and errors are logged
        "connect_args": {
            "connect_timeout": connect_s,
            "prepare_threshold": 1,  # the path of a turn is the same few statements again and again
            "application_name": f"mostrador {role}",
            "options": f"-c statement_timeout={statement_ms} -c idle_in_transaction_session_timeout=60000",
        },
    }


def boot(app: Flask) -> None:
    """Called by web and worker before they take work. Raises ConfigError with what to do."""
    config: Config = app.config["CONFIG"]
    with _database(app, config) as connection:
        _check_migrations(connection, config)
        check_secrets(connection, config)
        connection.commit()


def check_reachable(app: Flask) -> None:
    """Raises ConfigError where DATABASE_URL's database doesn't answer."""
    with _database(app, app.config["CONFIG"]) as connection:
        connection.scalar(select(1))


def report_redis(config: Config) -> None:
    """One clear line where there is none."""
    if not config.redis_url:
        log.info("redis_absent", note="REDIS_URL isn't set: the cache and the limits are kept in this process")
    elif not web.is_redis_answering(config.redis_url):
        log.warning("redis_unreachable", note="until REDIS_URL answers, the cache and the limits are kept in this process")


def describe_database(config: Config) -> str:
    """Which database DATABASE_URL means, without user and password."""
    url = make_url(config.database_url)
    host = url.host or url.query.get("host") or "the local socket"
    return f"database {url.database!r} at {host}{f':{url.port}' if url.port else ''}"


@contextmanager
def _database(app: Flask, config: Config) -> Iterator[Connection]:
    """A connection whose troubles are DATABASE_URL's."""
    try:
        with app.app_context(), db.engine.connect() as connection:
            yield connection
    except OperationalError as e:
        raise ConfigError("DATABASE_URL", f"{describe_database(config)} can't be reached: {_first_line(e)}") from None
    except SQLAlchemyError as e:
        raise ConfigError("DATABASE_URL", f"{describe_database(config)} can't be used: {_first_line(e)}") from None
    finally:
        with app.app_context():
            db.engine.dispose()  # gunicorn forks after this, and children must not share a connection


def _check_migrations(connection: Connection, config: Config) -> None:
    at = read_revision(connection)
    if is_behind(at):
        where = f"{describe_database(config)} is at migration {at or 'none'} instead of {find_head()}"
        raise ConfigError("DATABASE_URL", f"{where}; run: flask db upgrade")


def _first_line(error: SQLAlchemyError) -> str:
    cause = error.__cause__ or error
    return (str(cause).strip().splitlines() or ["no answer"])[0]
