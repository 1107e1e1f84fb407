"""`flask settings list|get|set|unset`: the business settings, and what an inbox has of its own. No secret is ever shown."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from pydantic import SecretStr
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from chatbot.config import Config
from chatbot.db import db
from chatbot.errors import ConfigError
from chatbot.models import Inbox, Setting
from chatbot.settings import SECRET_NAMES, Settings, load_settings, parse_setting, read_environment, save_setting, to_plain

INBOX_COLUMNS = {"mode": Inbox.mode, "debounce_seconds": Inbox.debounce_s}

settings = AppGroup("settings", help="Reads and changes the business settings.")
as_json = click.option("--json", "as_json", is_flag=True, help="Prints JSON.")
of_inbox = click.option("--inbox", type=int, help="Chatwoot's id of one inbox (for mode and debounce_seconds).")


@settings.command("list")
@as_json
def list_settings(as_json: bool) -> None:
    """Every setting, its value, and where it comes from."""
    with db.engine.connect() as connection:
        rows = [{"name": name, **describe(connection, name)} for name in Settings.model_fields]
        inboxes = read_inboxes(connection)
    if as_json:
        print_json({"settings": rows, "inboxes": inboxes})
        return
    for row in rows:
        click.echo(f"{row['name']:<28} {show(row['value']):<36} {row['from']}")
    for inbox in inboxes:
        own = ", ".join(f"{name} {inbox[name]}" for name in INBOX_COLUMNS if inbox[name] is not None)
        click.echo(f"inbox {inbox['inbox']:<22} {own or 'as above':<36} {inbox['name']}")


@settings.command("get")
@click.argument("name")
@of_inbox
@as_json
def get_setting(name: str, inbox: int | None, as_json: bool) -> None:
    """One setting's value. A secret shows only whether it is set."""
    name = check_name(name, inbox)
    with db.engine.connect() as connection:
        found = describe(connection, name) if inbox is None else describe_inbox(connection, inbox, name)
    if as_json:
        print_json({"name": name, **found})
    else:
        click.echo(show(found["value"]))


@settings.command("set")
@click.argument("name")
@click.argument("value")
@of_inbox
def set_setting(name: str, value: str, inbox: int | None) -> None:
    """Changes one setting. VALUE "-" asks for it, or reads it from a pipe: the only way for a secret, which would stay in the
    shell's history and in the logs otherwise."""
    name = check_name(name, inbox)
    if name in SECRET_NAMES and value != "-":
        raise click.UsageError(f"{name} is a secret; type it when you are asked: flask settings set {name} -")
    text = read_value(name) if value == "-" else value
    if name in SECRET_NAMES and not text.strip():
        raise click.UsageError(f"nothing was given for {name}; to take it away: flask settings unset {name}")
    with db.engine.begin() as connection:
        if inbox is None:
            save_setting(connection, current_config(), name, text)
        else:
            save_inbox(connection, inbox, name, parse_setting(name, text))
    click.echo(f"{name} is {'set' if name in SECRET_NAMES else text}{f' for inbox {inbox}' if inbox else ''}")
    warn_of_environment(name, inbox)


def read_value(name: str) -> str:
    if sys.stdin.isatty():
        found: str = click.prompt(name, hide_input=name in SECRET_NAMES, err=True)
        return found.strip()
    return sys.stdin.read().strip()


@settings.command("unset")
@click.argument("name")
@of_inbox
def unset_setting(name: str, inbox: int | None) -> None:
    """Back to the default (for an inbox: to what holds for all)."""
    name = check_name(name, inbox)
    with db.engine.begin() as connection:
        if inbox is None:
            save_setting(connection, current_config(), name, None)
        else:
            save_inbox(connection, inbox, name, None)
    click.echo(f"{name} is back to {'what holds for all inboxes' if inbox else 'its default'}")
    warn_of_environment(name, inbox)


def describe(connection: Connection, name: str) -> dict[str, Any]:
    """{"value": plain or "set"/"not set", "from": "environment", "database" or "default"}."""
    value = getattr(load_settings(connection, current_config()), name)
    stored = connection.scalar(select(Setting.key).where(Setting.key == name))
    origin = "environment" if name in read_environment() else "database" if stored else "default"
    return {"value": hide_secret(name, value), "from": origin}


def hide_secret(name: str, value: Any) -> Any:
    """A fallback chain's models and addresses may be seen, its keys not."""
    if name == "model_chain":
        return [{**e.model_dump(exclude={"api_key"}), "api_key": is_set(e.api_key)} for e in value]
    if name in SECRET_NAMES:
        return is_set(value)
    return to_plain(value)


def is_set(value: SecretStr | tuple[SecretStr, ...]) -> str:
    return "set" if value else "not set"


def describe_inbox(connection: Connection, inbox: int, name: str) -> dict[str, Any]:
    own = connection.scalar(select(INBOX_COLUMNS[name]).where(Inbox.chatwoot_id == inbox))
    return describe(connection, name) if own is None else {"value": own, "from": "inbox"}


def read_inboxes(connection: Connection) -> list[dict[str, Any]]:
    rows = connection.execute(select(Inbox.chatwoot_id, Inbox.name, Inbox.mode, Inbox.debounce_s).order_by(Inbox.chatwoot_id))
    return [{"inbox": r.chatwoot_id, "name": r.name, "mode": r.mode, "debounce_seconds": r.debounce_s} for r in rows]


def save_inbox(connection: Connection, inbox: int, name: str, value: Any) -> None:
    """An inbox that hasn't written yet may be set up beforehand."""
    own = {INBOX_COLUMNS[name].key: value}
    statement = insert(Inbox).values(chatwoot_id=inbox, **own)
    connection.execute(statement.on_conflict_do_update(index_elements=["chatwoot_id"], set_=own))


def check_name(name: str, inbox: int | None) -> str:
    """Names are taken in the environment's spelling too. Raises ConfigError."""
    name = name.lower()
    if name not in Settings.model_fields:
        raise ConfigError(name, "is no setting. `flask settings list` shows them all.")
    if inbox is not None and name not in INBOX_COLUMNS:
        raise ConfigError(name, f"can't differ between inboxes; these can: {', '.join(INBOX_COLUMNS)}")
    return name


def warn_of_environment(name: str, inbox: int | None) -> None:
    if inbox is None and name in read_environment():
        click.echo(f"but {name.upper()} is in the environment (or .env), and that wins until it is taken out there", err=True)


def current_config() -> Config:
    config: Config = current_app.config["CONFIG"]
    return config


def show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(show(v) for v in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
