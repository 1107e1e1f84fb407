"""`flask worker`: answers what is due until it is told to stop."""

from __future__ import annotations

import signal
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext

from chatbot.config import Config
from chatbot.db import db
from chatbot.worker import Worker


@click.command()
@click.option("--threads", type=click.IntRange(1, 256), help="How many conversations at once. [default: WORKER_THREADS]")
@with_appcontext
def worker(threads: int | None) -> None:
    """Answers conversations until SIGTERM or Ctrl-C; what is under way then ends or is put back."""
    from chatbot import boot  # noqa: PLC0415  this package is imported by it

    config: Config = current_app.config["CONFIG"]
    boot(current_app)
    running = Worker(db.engine, config, threads or config.worker_threads)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        running.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    running.run()
