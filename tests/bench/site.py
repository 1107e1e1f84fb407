"""One installation to measure: PostgreSQL with fsync, gunicorn, workers, and beside them a bare database for the bounds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from acceptance.box import ROOT, free_port
from local_postgres import LocalPostgres, die_with_parent
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.content_file import load_sample
from chatbot.pretend.control import Remote

SECRET_KEY = "a-key-only-for-the-bench-0123456789-abcdefghij"
OURS, BARE = "mostrador", "bare"


class Site:
    """with Site() as site: PostgreSQL with both databases migrated, and the pretend Chatwoot. The rest is started by name."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mostrador-bench-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.postgres = LocalPostgres(self.folder / "pg", {"max_connections": "320", "shared_buffers": "128MB"})
        self.settings = settings
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.access: dict[str, Any] = {}
        self._readers: dict[str, Connection] = {}
        self.port, self.bare_port, self.llm_port = free_port(), free_port(), free_port()

    def __enter__(self) -> Site:
        try:
            self.postgres.start()
            self.start_chatwoot()
            for name in (OURS, BARE):
                self.postgres.create_database(name)
                self._run("-m", "flask", "--app", "wsgi", "db", "upgrade", database=name)
                with self.engine(name).begin() as connection:
                    connection.execute(
                        text("INSERT INTO inbox (chatwoot_id, name, channel) VALUES (1, 'Tienda', 'Channel::WebWidget')")
                    )
            with self.engine().begin() as connection:
                load_sample(connection)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def engine(self, database: str = OURS) -> Engine:
        return create_engine(self.postgres.url(database), poolclass=NullPool)

    def rows(self, statement: str, database: str = OURS, **values: Any) -> list[Any]:
        """Over one connection that is kept: asking disturbs what is measured as little as can be."""
        if database not in self._readers:
            self._readers[database] = self.engine(database).connect().execution_options(isolation_level="AUTOCOMMIT")
        return list(self._readers[database].execute(text(statement), values))

    def environment(self, database: str = OURS, port: int = 0) -> dict[str, str]:
        names = (
            "CHATWOOT_URL",
            "CHATWOOT_ACCOUNT_ID",
            "CHATWOOT_BOT_TOKEN",
            "CHATWOOT_ACCESS_TOKEN",
            "CHATWOOT_WEBHOOK_SECRET",
        )
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("", "scripts", "tests")),
            "HOME": str(self.folder),
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.folder / "var"),
            "ENVIRONMENT": "production",
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": self.postgres.url(database),
            "PORT": str(port or self.port),
            "WEB_CONCURRENCY": "2",
            "MODE": "live",
            **{name: str(self.access[name.lower()]) for name in names},
            **self.settings,
        }

    # --- starting ------------------------------------------------------------------------------------------------

    def spawn(self, name: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """A Python process of this installation; its lines go to NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.environment(options.pop("database", OURS), options.pop("port", 0)) if self.access else None,
                stdout=options.pop("stdout", log),
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509
                **options,
            )
        return self.processes[name]

    def _run(self, *words: str, database: str) -> None:
        if self.spawn("command", *words, database=database).wait(60):
            raise RuntimeError(self.log("command"))

    def start_chatwoot(self) -> None:
        """In a process of its own, sending no webhooks till told where to, and keeping no history."""
        options = ("--no-memory", "--threads", "4")
        process = self.spawn("chatwoot", "-m", "chatbot.pretend", *options, stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.access = json.loads(process.stdout.readline())
        self.chatwoot = Remote(self.access["control_url"], timeout_s=120)

    def start_llm(self, delay_s: float) -> None:
        """A model that thinks for delay_s. Started before the workers, whose settings name it."""
        self.spawn("llm", "-m", "standins.llm", "--port", str(self.llm_port), "--delay", str(delay_s))
        self.settings |= {"OPENAI_API_KEY": "sk-bench-000000", "OPENAI_BASE_URL": self.llm_url}

    @property
    def llm_url(self) -> str:
        return f"http://127.0.0.1:{self.llm_port}/v1"

    def start_web(self) -> None:
        self.spawn("web", "-m", "chatbot.web.server")
        self.wait(lambda: is_answering(self.port, "/readyz"), "web is ready")

    def start_bare_web(self) -> None:
        words = ("-m", "gunicorn", "-c", "python:chatbot.web.server", "bench.bare_web:make_app()")
        self.spawn("bare_web", *words, database=BARE, port=self.bare_port)
        self.wait(lambda: is_answering(self.bare_port, "/"), "the bare view is ready")

    def start_workers(self, count: int, threads: int) -> None:
        """Ready once the first reading of Chatwoot is over, so that it disturbs no measurement."""
        for number in range(count):
            self.spawn(f"worker{number}", "-m", "flask", "--app", "wsgi", "worker", "--threads", str(threads))
        self.wait(lambda: all("worker_ready" in self.log(f"worker{n}") for n in range(count)), "workers are ready")
        self.wait(lambda: self.rows("SELECT reconciled_at FROM instance")[0][0] is not None, "a first reading")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, is_done: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
        end = time.monotonic() + timeout_s
        while not is_done():
            if time.monotonic() > end:
                raise RuntimeError(f"not within {timeout_s} s: {what}; logs in {self.folder}")
            time.sleep(0.1)

    def stop(self) -> None:
        for reader in self._readers.values():
            reader.close()
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait(10)
        self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_answering(port: int, path: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
        return bool(answer.status == 200)
    return False
