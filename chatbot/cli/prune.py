"""`flask prune`: takes away what is older than its time; messages and traces have settings for theirs."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, print_json
from chatbot.db import db
from chatbot.numbers import roll_up, roll_up_days
from chatbot.prune import prune as run
from chatbot.settings import load_settings


@click.command()
@as_json
@with_appcontext
def prune(as_json: bool) -> None:
    """Takes away what is older than its time. Meant to run every night."""
    with db.engine.begin() as connection:  # counted before anything goes
        settings = load_settings(connection, current_app.config["CONFIG"])
        now = datetime.now(UTC)
        roll_up(connection, now)
        roll_up_days(connection, now, ZoneInfo(settings.time_zone))
    gone = run(db.engine, settings)
    if as_json:
        print_json({table: count for table, (count, _) in gone.items()})
        return
    for table, (count, days) in gone.items():
        click.echo(f"{table}: {count} rows older than {days} days taken away")
