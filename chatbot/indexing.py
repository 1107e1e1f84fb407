"""Starts the indexer where something is due and none runs: on a box through systemd, else as a process of the worker's."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import structlog
from sqlalchemy import Engine

from chatbot import page_queue
from chatbot.config import Config
from chatbot.db import statements
from chatbot.knowledge.embedding import read_progress
from chatbot.settings import Settings

log = structlog.get_logger()
WAKE_S = 5.0
VECTORS_S = 60.0
MAX_VECTORS_S = 3_600.0
WISH = "index-wanted"
COMMAND = (sys.executable, "-m", "flask", "--app", "wsgi", "index", "--quiet")


class Waker:
    """Called every few seconds. What it costs while nothing is due is one statement."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self._engine = engine
        self._folder = Path(config.worker_runtime_dir)
        self._child: subprocess.Popen[bytes] | None = None
        self._look_at = 0.0
        self._pause_s = VECTORS_S
        self._missing = 0

    def __call__(self, settings: Settings) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        with statements(self._engine) as connection:
            is_wanted = page_queue.is_wanted(connection)
        if is_wanted or self._lacks_vectors(settings):
            self._start()

    def _lacks_vectors(self, settings: Settings) -> bool:
        """Looked for once a minute, and less often where the last run changed nothing: the embedder is away."""
        if time.monotonic() < self._look_at:
            return False
        with statements(self._engine) as connection:
            progress = read_progress(connection, settings)
        missing = progress.missing if progress else 0
        is_stuck = missing > 0 and missing == self._missing
        self._pause_s = min(self._pause_s * 2, MAX_VECTORS_S) if is_stuck else VECTORS_S
        self._look_at, self._missing = time.monotonic() + self._pause_s, missing
        return missing > 0

    def _start(self) -> None:
        if self._folder.is_dir():
            (self._folder / WISH).touch()
            return
        log.info("indexer_started")
        self._child = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL)  # noqa: S603  a command of constants
