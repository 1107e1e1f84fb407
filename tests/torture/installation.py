"""A Box whose every program can be killed: PostgreSQL, Redis, gunicorn's processes, workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from acceptance.box import CONTENT, ROOT, Box, free_port
from postgres import Postgres
from sqlalchemy.exc import SQLAlchemyError

from chatbot.bodies import FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.pretend.history import Line
from torture.chatwoot import RemoteChatwoot
from torture.keeper import Keeper

DATABASE = "torture"
FROZEN_S = 5.0  # LEASE_S is 4.5

# two near questions: the bot asks which one is meant, and its buttons can be pressed
NEAR = tuple(
    FaqEntry(
        key=key,
        questions={"es": (f"¿Cómo cambio la dirección de {what}?", f"Cambiar dirección de {what}")},
        answers={"es": f"La dirección de {what} se cambia en su cuenta."},
    )
    for key, what in (("alta", "envío"), ("baja", "facturación"))
)


class Installation(Box):
    """record(): acts of this side (kills, starts) for the history, in the pretend Chatwoot's clock."""

    is_cold = True

    def __init__(self, folder: Path, seed: int) -> None:
        self.postgres = Postgres()
        self.chatwoot = RemoteChatwoot(folder, seed)
        self.acts: list[Line] = []
        self.keeper = Keeper(self.record)
        self.redis: subprocess.Popen[bytes] | None = None
        self.redis_port = free_port()
        self.groups: list[int] = []
        super().__init__(
            self.postgres.url(DATABASE),
            folder,
            use_llm=True,
            redis_url=f"redis://127.0.0.1:{self.redis_port}/0",
            pretend=self.chatwoot,  # type: ignore[arg-type]
            seeds=False,
            LOG_LEVEL="INFO",
        )

    def record(self, act: str, **facts: Any) -> None:
        self.acts.append({"t": time.time(), "act": act, **facts})

    def history(self) -> list[Line]:
        """Everything in one order of time; each side's own order stays."""
        return sorted([*self.chatwoot.lines(), *self.acts], key=lambda line: line["t"])

    # --- starting ------------------------------------------------------------------------------------------------

    def seed(self) -> None:
        with self.engine.begin() as connection:
            save_drafts(connection, (*CONTENT, *NEAR), "test")
            publish(connection, "test")

    def start(self) -> Installation:
        self.postgres.start()
        self.postgres.create_database(DATABASE)
        self.chatwoot.start()
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
        with (self.folder / "migrate.log").open("wb") as log:
            subprocess.run(command, cwd=ROOT, env=self.environment(), check=True, stdout=log, stderr=log)
        self.seed()
        self.start_redis()
        super().start()
        # what was there before the installation's first reading isn't its to answer
        self.wait(lambda: bool(self.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"]), 10, "a first reading")
        self.keeper.keep("postgres", self.postgres.start, self._has_postgres)
        self.keeper.keep("redis", self.start_redis, lambda: self.redis is not None and self.redis.poll() is None)
        for name in self.processes:
            self.keeper.keep(name, self._starter(name), self._life_of(name))
        return self

    def _has_postgres(self) -> bool:
        server = self.postgres._server
        return server is not None and server.poll() is None

    def _starter(self, name: str) -> Callable[[], object]:
        command = [str(word) for word in self.processes[name].args]  # type: ignore[union-attr]
        return lambda: self._spawn(name, command)

    def _life_of(self, name: str) -> Callable[[], bool]:
        return lambda: self.processes[name].poll() is None

    def _spawn(self, name: str, command: list[str]) -> None:
        super()._spawn(name, command)
        self.groups.append(self.processes[name].pid)

    def start_redis(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server") or "redis-server"
        words = [program, "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.redis = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)

    # --- breaking ------------------------------------------------------------------------------------------------

    def break_one(self, kind: str, which: int, pause_s: float) -> bool:
        """One kill of the plan; False where its victim was dead already. Freezes are begun here and ended by thaw()."""
        if kind == "postgres":
            return self.keeper.kill("postgres", self.postgres.kill, pause_s, kind=kind)
        if kind == "redis":
            assert self.redis is not None
            return self.keeper.kill("redis", self.redis.kill, pause_s, kind=kind)
        if kind == "web_worker":
            return self._kill_child("web", which)
        name = f"worker{which}" if kind.startswith("worker") else "web"
        process = self.processes[name]
        if kind == "worker_frozen":
            if process.poll() is not None:
                return False
            self.record("stopped", name=name, kind=kind)
            self.kill(name, signal.SIGSTOP)
            return True
        how = process.kill if kind == "web_master" else (lambda: self.kill(name))
        return self.keeper.kill(name, how, pause_s, kind=kind)

    def thaw(self, which: int) -> None:
        self.kill(f"worker{which}", signal.SIGCONT)
        self.record("started", name=f"worker{which}", kind="worker_frozen")

    def _kill_child(self, name: str, which: int) -> bool:
        """One of gunicorn's web processes; the master starts another one."""
        pid = self.processes[name].pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(int(children[which % len(children)]), signal.SIGKILL)
        except (OSError, ZeroDivisionError):
            return False
        self.record("killed", name=name, kind="web_worker")
        return True

    # --- asking --------------------------------------------------------------------------------------------------

    def ask(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """rows(), or nothing while the database is away."""
        try:
            return [dict(r) for r in self.rows(statement, **values)]
        except SQLAlchemyError:
            return []

    def bot_view(self) -> dict[int, str]:
        """As a Box has it; a message whose buttons were pressed several times is ignored if one of the presses was."""
        rows = self.rows(
            "SELECT m.chatwoot_id, t.state || coalesce(':' || t.rule, '') AS outcome FROM message m"
            " JOIN turn t ON t.id = m.turn_id WHERE m.seq IS NOT NULL ORDER BY t.state = 'ignored'"
        )
        return {r["chatwoot_id"]: r["outcome"] for r in rows}

    def inputs(self) -> dict[tuple[int, str], bool]:
        """(message id, kind) of every customer's message or press that the bot has stored -> whether a turn owns it."""
        rows = self.rows(
            "SELECT chatwoot_id, kind, bool_and(turn_id IS NOT NULL) AS has_turn FROM message"
            " WHERE seq IS NOT NULL GROUP BY 1, 2"
        )
        return {(r["chatwoot_id"], r["kind"]): r["has_turn"] for r in rows}

    def llm_calls(self) -> dict[tuple[int, int], int]:
        rows = self.rows("SELECT conversation_id, answered_seq, count(*) FROM llm_call GROUP BY 1, 2")
        return {(r["conversation_id"], r["answered_seq"]): r["count"] for r in rows}

    def stop(self) -> None:
        self.keeper.stop()
        super().stop()
        for group in self.groups:  # web processes whose master was killed
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait()
        self.engine.dispose()
        self.chatwoot.stop()
        self.postgres.remove()
