"""`flask pause` and `flask resume`: one switch for everything. Paused, conversations are opened for people, nothing is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select, update

from chatbot.cli.settings import as_json, print_json
from chatbot.db import db
from chatbot.models import Instance

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LENGTH = re.compile(r"(\d{1,6})([smhd])")


@click.command()
@click.option("--for", "length", metavar="LENGTH", help="How long, e.g. 45m, 1h, 2d.")
@click.option("--until", metavar="TIME", help="Until when, e.g. 18:30 or 2027-01-07T09:00 (this machine's time zone).")
@as_json
@with_appcontext
def pause(length: str | None, until: str | None, as_json: bool) -> None:
    """Stops answering everywhere: until resumed, or for a while."""
    if length and until:
        raise click.UsageError("--for and --until exclude each other")
    end: Any = None
    if length:
        end = func.now() + read_length(length)
    elif until:
        end = read_time(until)
    change = {"paused_at": func.now(), "paused_until": end, "pause_reason": "by_owner"}
    with db.engine.begin() as connection:
        stored = connection.scalar(update(Instance).values(**change).returning(Instance.paused_until))
    if as_json:
        print_json({"paused": True, "until": stored.isoformat() if stored else None})
    else:
        click.echo(f"paused until {stored.astimezone():%Y-%m-%d %H:%M %Z}" if stored else "paused until `flask resume`")


@click.command()
@as_json
@with_appcontext
def resume(as_json: bool) -> None:
    """Answers again, also after a restored database started paused."""
    with db.engine.begin() as connection:
        paused_at, held_at, reason = connection.execute(
            select(Instance.paused_at, Instance.held_at, Instance.pause_reason)
        ).one()
        connection.execute(update(Instance).values(paused_at=None, paused_until=None, pause_reason=None, held_at=None))
    if as_json:
        print_json(
            {"paused": False, "was_paused": bool(paused_at or held_at), "reason": reason or ("restored" if held_at else None)}
        )
    else:
        click.echo("resumed" if paused_at or held_at else "it wasn't paused")


def read_length(text: str) -> timedelta:
    found = LENGTH.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise click.UsageError(f"--for {text!r}: give a number and s, m, h or d, e.g. 1h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def read_time(text: str) -> datetime:
    """A time of today (or tomorrow where it is past), or a full one; without a zone it is this machine's."""
    now = datetime.now(UTC).astimezone()
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text):
            hour, minute = text.split(":")
            time = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
            return time if time > now else time + timedelta(days=1)
        time = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise click.UsageError(f"--until {text!r}: give a time such as 18:30 or 2027-01-07T09:00") from None
    if time <= now:
        raise click.UsageError(f"--until {text!r} is past")
    return time
