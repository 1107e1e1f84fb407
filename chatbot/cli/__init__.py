"""The commands of `flask`. Exit codes: 0 done, 1 it failed or found something wrong, 2 wrong usage or settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask_migrate import Migrate
from flask_migrate.cli import db as migrate_commands
from sqlalchemy.exc import OperationalError

from chatbot import models  # noqa: F401  `flask db` compares all tables
from chatbot.db import db
from chatbot.errors import ChatbotError, ConfigError
from chatbot.migrations import FOLDER

# module -> the names of its commands
COMMANDS = {
    "ask": ("ask",),
    "backup": ("backup",),
    "check": ("check",),
    "content": ("content",),
    "doctor": ("doctor",),
    "documents": ("documents",),
    "faq": ("faq",),
    "index": ("index",),
    "pause": ("pause", "resume"),
    "prune": ("prune",),
    "settings": ("settings",),
    "simulate": ("simulate",),
    "user": ("user",),
    "worker": ("worker",),
}


def register(app: Flask) -> None:
    Migrate(app, db, directory=str(FOLDER))
    _report_errors(migrate_commands)
    for module, names in COMMANDS.items():
        found = import_module(f"chatbot.cli.{module}")
        for name in names:
            command: click.Command = getattr(found, name)
            _report_errors(command)
            app.cli.add_command(command)


def _report_errors(command: click.Command) -> None:
    """Errors that we raise on purpose end a command with one line and an exit code, without a traceback."""
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _report_errors(child)
    elif command.callback is not None and not hasattr(command.callback, "reports_errors"):
        command.callback = _reporting(command.callback)


def _reporting(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except ConfigError as e:
            raise _fail(str(e), 2) from None
        except ChatbotError as e:
            raise _fail(str(e), 1) from None
        except OperationalError as e:
            reason = (str(e.__cause__ or e).strip().splitlines() or ["no answer"])[0]
            raise _fail(f"DATABASE_URL: the database can't be reached: {reason}", 1) from None

    run.reports_errors = True  # type: ignore[attr-defined]
    return run


def _fail(line: str, exit_code: int) -> click.exceptions.Exit:
    click.echo(line, err=True)
    return click.exceptions.Exit(exit_code)
