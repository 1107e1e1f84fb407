"""A real PostgreSQL for tests: one for the session, and those that crash tests start, kill and start again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from local_postgres import LocalPostgres

# a killed server loses nothing that it acknowledged only where fsync's order is kept; SIGKILL isn't a power cut,
# so the system's cache survives and "off" is as honest and much faster
SETTINGS = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB", "jit": "off"}


class Postgres(LocalPostgres):
    """In a temporary folder of its own. start(), stop(), kill() (SIGKILL to all its processes), restart(), remove()."""

    def __init__(self, **settings: str) -> None:
        folder = tempfile.mkdtemp(prefix="mostrador-pg-", dir="/tmp")
        os.chmod(folder, 0o755)
        super().__init__(Path(folder) / "pg", {**SETTINGS, **settings})

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        super().remove()
        self.folder.parent.rmdir()


class GivenPostgres:
    """The server that TEST_DATABASE_URL names, by a superuser's URL. It can't be killed."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def url(self, database: str = "postgres") -> str:
        return urlunsplit(("postgresql+psycopg", self._parts.netloc, f"/{database}", self._parts.query, ""))

    def remove(self) -> None:
        """Not ours to stop."""
