"""`flask index`: reads the documents that are due into passages, and ends. The worker starts it by itself."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import click
from flask import current_app
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, print_json
from chatbot.db import db
from chatbot.indexer import Indexer

NICE = 10


@click.command()
@click.option("--quiet", is_flag=True, help="Print nothing; end when whoever started it has ended.")
@as_json
@with_appcontext
def index(quiet: bool, as_json: bool) -> None:
    """Reads the documents and pages that are due until none is. Where it runs already, there is nothing to do."""
    with suppress(OSError):  # a box's unit has done so, and may forbid it here
        os.nice(NICE)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    parent = os.getppid()
    done = Indexer(
        db.engine, current_app.config["CONFIG"], lambda: stopping.is_set() or (quiet and os.getppid() != parent)
    ).run()
    if quiet:
        return
    if done is None:
        click.echo("It is running already.", err=True)
        return
    if as_json:
        figures = {"read": done.read, "unchanged": done.unchanged, "failed": done.failed, "vectors": done.vectors}
        print_json({**figures, "problems": done.problems})
        return
    click.echo(f"{done.read} read, {done.unchanged} unchanged, {done.failed} couldn't be read. {done.vectors} vectors besides.")
    for code, count in sorted(done.problems.items()):
        click.echo(f"  {code}: {count}")
