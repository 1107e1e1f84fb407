"""`flask prune`: takes away raw webhooks after 7 days and traces after 30."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, print_json
from chatbot.db import db
from chatbot.numbers import roll_up
from chatbot.prune import KEPT_DAYS
from chatbot.prune import prune as run


@click.command()
@as_json
@with_appcontext
def prune(as_json: bool) -> None:
    """Takes away what is older than its time. Meant to run every night."""
    with db.engine.begin() as connection:  # counted before anything goes
        roll_up(connection, datetime.now(UTC))
    gone = run(db.engine)
    if as_json:
        print_json(gone)
        return
    for table, count in gone.items():
        click.echo(f"{table}: {count} rows older than {KEPT_DAYS[table]} days taken away")
