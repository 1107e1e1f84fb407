"""A real PostgreSQL for tests: one for the session, and those that crash tests start, kill and start again."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from local_postgres import LocalPostgres

# a killed server loses nothing that it acknowledged only where fsync's order is kept; SIGKILL isn't a power cut,
# so the system's cache survives and "off" is as honest and much faster
SETTINGS = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB", "jit": "off", "max_wal_size": "64MB"}
MEMORY = "/dev/shm"
ROOM = 3 << 30
PREFIX = "mostrador-pg-"


class Postgres(LocalPostgres):
    """In a temporary folder of its own. start(), stop(), kill() (SIGKILL to all its processes), restart(), remove()."""

    def __init__(self, **settings: str) -> None:
        place = choose_place()
        sweep(place)
        folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place)
        os.chmod(folder, 0o755)
        super().__init__(Path(folder) / "pg", {**SETTINGS, **settings})

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        super().remove()
        self.folder.parent.rmdir()


def choose_place() -> str:
    """In memory where there is room: a database of 300 files is copied there in a fifth of the time."""
    with suppress(OSError):
        found = os.statvfs(MEMORY)
        # where programs are copied along (local_postgres.py), they must run there
        if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC:
            return MEMORY
    return "/tmp"


def sweep(place: str) -> None:
    """Takes away what runs that were killed have left."""
    for folder in Path(place).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


class GivenPostgres:
    """The server that TEST_DATABASE_URL names, by a superuser's URL. It can't be killed."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def url(self, database: str = "postgres") -> str:
        return urlunsplit(("postgresql+psycopg", self._parts.netloc, f"/{database}", self._parts.query, ""))

    def remove(self) -> None:
        """Not ours to stop."""
