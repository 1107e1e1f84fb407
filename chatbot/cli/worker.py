"""`flask worker`: becomes the worker's own, leaner process (worker_process.py), under the same process id."""

from __future__ import annotations

import os
import sys

import click
from flask.cli import with_appcontext


@click.command()
@click.option("--threads", type=click.IntRange(1, 256), help="How many conversations at once. [default: WORKER_THREADS]")
@with_appcontext
def worker(threads: int | None) -> None:
    """Answers conversations until SIGTERM or Ctrl-C; what is under way then ends or is put back."""
    sys.stdout.flush()
    os.putenv("MALLOC_ARENA_MAX", "2")  # glibc keeps memory per thread otherwise: a third of the process
    os.execv(sys.executable, [sys.executable, "-m", "chatbot.worker_process", *([str(threads)] if threads else [])])  # noqa: S606
