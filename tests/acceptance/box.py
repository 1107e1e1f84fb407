"""A whole installation for tests: real gunicorn, real worker processes, a database of its own, between two stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from checker import Options, Violation, check
from ports import find_free_port as free_port
from sqlalchemy import Engine, create_engine, insert, inspect, select, text
from standins.llm import LlmStandIn

from acceptance import nursery
from chatbot.bodies import Article, Assistant, CannedResponse, FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.faq_training import train_and_store
from chatbot.models.faq_model import TrainedFaq
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "a-key-only-for-tests-1234567890-abcdef"

# every duration at a twentieth, so that a lease's life takes seconds
FAST = {
    "DEBOUNCE_SECONDS": "0.3",
    "DEBOUNCE_MAX_S": "1.5",
    "LEASE_S": "4.5",
    "SWEEP_S": "0.25",
    "CONNECT_TIMEOUT_S": "0.5",
    "POST_TIMEOUT_S": "1",
    "QUIET_S": "1",
    "UNKNOWN_HOLD_S": "6",
    "OWN_ACT_S": "3",
    "BACKOFF_S": "0.1",
    "BACKOFF_MAX_S": "1",
    "RECONCILE_S": "2",
    "RECONCILE_OVERLAP_S": "30",
    "RIVAL_CHECK_S": "1",
    "STOP_GRACE_S": "2",
    "LLM_TIMEOUT_S": "2",
}

CONTENT = (
    CannedResponse(
        key="hola", texts={"es": "¡Hola! ¿En qué le ayudo?", "en": "Hi! How can I help?"}, events=("new_conversation",)
    ),
    CannedResponse(key="horario", texts={"es": "Abrimos de 9 a 14.", "en": "We open from 9 to 2."}, exact=("horario",)),
    CannedResponse(
        key="persona", texts={"es": "Enseguida le atiende alguien.", "en": "Someone will be right with you."},
        keywords=("hablar con una persona",), handoff=True,
    ),
    FaqEntry(
        key="canarias",
        questions={"es": ("¿Hacéis envíos a Canarias?", "¿Enviáis a las islas Canarias?", "¿Llega el pedido a Canarias?")},
        answers={"es": "Sí, enviamos a Canarias en 5 días."},
    ),
    FaqEntry(
        key="devolver",
        questions={"es": ("¿Cómo devuelvo un pedido?", "Quiero devolver un artículo", "¿Qué hago para devolver algo?")},
        answers={"es": "Puede devolverlo en 30 días desde su cuenta."},
    ),
    Article(
        key="lavado", title="Cuidado de las colchas", language="es", url="https://tienda.example/colchas",
        text="# Cuidado de las colchas\n\n"
        "Las colchas de algodón se lavan a 30 grados con jabón neutro. No use lejía en las colchas.",
    ),
    Assistant(key="ana", name="Ana", instructions="Responde a los clientes de la tienda con los artículos."),
)  # fmt: skip


class Box:
    """start() runs everything. Settings are the environment's; LLM off unless use_llm.

    Its processes start warm (nursery.py), or is_cold: by the commands that an operator's supervisor has.
    """

    is_cold = False

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        workers: int = 2,
        threads: int = 4,
        use_llm: bool = False,
        redis_url: str = "",
        pretend: PretendChatwoot | None = None,
        seeds: bool = True,
        sabotage: tuple[str, ...] = (),
        is_cold: bool | None = None,
        **settings: str,
    ) -> None:
        self.is_cold = self.is_cold if is_cold is None else is_cold
        self.database_url = database_url
        self.folder = folder
        self.faults = folder / "faults"
        self.faults.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(database_url, pool_pre_ping=True)
        self.pretend = pretend or PretendChatwoot(timeout_s=2, retry_s=0.2)
        self.owns_pretend = pretend is None
        self.llm = LlmStandIn() if use_llm else None
        self.port = free_port()
        self.worker_count, self.threads = workers, threads
        self.redis_url = redis_url
        self.settings = settings
        self.processes: dict[str, subprocess.Popen[bytes] | nursery.Grown] = {}
        for protection in sabotage:
            (self.faults / f"off-{protection}").touch()
        if seeds:
            self.seed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seed(self) -> None:
        with self.engine.begin() as connection:
            save_drafts(connection, CONTENT, "test")
            publish(connection, "test")
        learn(self.engine)

    def environment(self) -> dict[str, str]:
        access = self.pretend.access()
        names = (
            "CHATWOOT_URL",
            "CHATWOOT_ACCOUNT_ID",
            "CHATWOOT_BOT_TOKEN",
            "CHATWOOT_ACCESS_TOKEN",
            "CHATWOOT_WEBHOOK_SECRET",
        )
        given = {name: str(access[name.lower()]) for name in names}
        llm = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": self.llm.url} if self.llm else {}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.folder / "var"),
            "ENVIRONMENT": "test",
            "FAULTS_DIR": str(self.faults),
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
            # as on a server: without docstrings and assertions
            "PYTHONOPTIMIZE": "2" if self.is_cold else "",
            "WORKER_THREADS": str(self.threads),
            "MODE": "live",
            "PYTHONUNBUFFERED": "1",
            "EMBEDDINGS_BASE_URL": "off",
            **FAST,
            **given,
            **llm,
            **self.settings,
        }

    def start(self) -> Box:
        if self.owns_pretend:
            self.pretend.start()
        self.pretend.bot.outgoing_url = f"{self.url}/webhooks/chatwoot"
        self.start_web()
        for number in range(self.worker_count):
            self.start_worker(number)
        self.wait(
            lambda: all("worker_ready" in self.log(f"worker{n}") for n in range(self.worker_count)), 20, "workers are ready"
        )
        return self

    def start_web(self) -> None:
        words = ["chatbot.web.server"] if self.is_cold else ["gunicorn", "-c", "python:chatbot.web.server", "wsgi:serve()"]
        self._spawn("web", [sys.executable, "-m", *words])
        self.wait(self.is_ready, 20, "web is ready")

    def start_worker(self, number: int = 0) -> None:
        words = ["flask", "--app", "wsgi", "worker"] if self.is_cold else ["chatbot.worker_process"]
        self._spawn(f"worker{number}", [sys.executable, "-m", *words])

    def _spawn(self, name: str, command: list[str]) -> None:
        if name in self.processes:
            self.processes[name].wait(10)  # it was killed, or broke itself
        with (self.folder / f"{name}.log").open("ab") as out:
            if self.is_cold:
                self.processes[name] = subprocess.Popen(
                    command, cwd=ROOT, env=self.environment(), stdout=out, stderr=out, start_new_session=True
                )
            else:
                self.processes[name] = nursery.start(command, self.environment(), out.fileno())

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """To the whole group of a process; SIGKILL also waits for its end."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if number == signal.SIGKILL:
            process.wait(10)

    def crash_at(self, point: str, mode: str) -> None:
        """The first worker or web process that passes this point dies (kill), freezes (stop) or fails (raise) there."""
        (self.faults / f"crash-{point}").write_text(mode)

    def has_crashed(self, point: str) -> bool:
        return not (self.faults / f"crash-{point}").exists()

    def is_ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    def wait(self, is_done: Callable[[], bool], timeout_s: float = 10.0, what: str = "it is done") -> None:
        end = time.monotonic() + timeout_s
        while not is_done():
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.report()}")
            time.sleep(0.03)

    def report(self) -> str:
        """What helps to understand a failure."""
        logs = "\n".join(f"--- {name}\n{self.log(name)[-2500:]}" for name in self.processes)
        rows = self.rows(
            "SELECT chatwoot_id, in_seq, answered_seq, owner, owner_reason, status, crashes, tries FROM conversation"
        )
        return f"{rows}\n{self.pretend.history.lines()[-15:]}\n{logs}"

    def rows(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(r) for r in connection.execute(text(statement), values).mappings()]

    def bot_view(self) -> dict[int, str]:
        """message id -> outcome and rule, as the bot's database has it."""
        rows = self.rows(
            "SELECT m.chatwoot_id, t.state || coalesce(':' || t.rule, '') AS outcome"
            " FROM message m JOIN turn t ON t.id = m.turn_id WHERE m.seq IS NOT NULL"
        )
        return {r["chatwoot_id"]: r["outcome"] for r in rows}

    def outcomes(self) -> list[str]:
        return sorted(self.bot_view().values())

    def is_settled(self) -> bool:
        """Every stored message has an outcome and nothing is on its way."""
        found = self.rows(
            "SELECT (SELECT count(*) FROM conversation WHERE in_seq > answered_seq OR wake_at IS NOT NULL)"
            " + (SELECT count(*) FROM turn WHERE finished_at IS NULL) AS open"
        )
        return bool(found[0]["open"] == 0)

    def settle(self, timeout_s: float = 15.0) -> None:
        self.wait(lambda: self.pretend.hooks.waiting == 0 and self.is_settled(), timeout_s, "everything has an outcome")

    def violations(self, **options: Any) -> list[Violation]:
        llm_calls = {
            (r["conversation_id"], r["answered_seq"]): r["count"]
            for r in self.rows("SELECT conversation_id, answered_seq, count(*) FROM llm_call GROUP BY 1, 2")
        }
        return check(self.pretend.history.lines(), self.bot_view(), llm_calls=llm_calls, options=Options(**options))

    def check(self, conversation: int | None = None, **options: Any) -> None:
        """No violation at all, or none in one conversation where a box is shared."""
        found = [v for v in self.violations(**options) if conversation in (None, v.conversation)]
        assert not found, "\n".join(str(v) for v in found) + "\n" + self.report()

    def texts(self, conversation: int) -> list[str]:
        return [m.content or "" for m in self.pretend.replies(conversation)]

    def notes(self, conversation: int) -> list[str]:
        return [m.content or "" for m in self.pretend.replies(conversation, private=True)]

    def post_webhook(self, body: bytes | dict[str, Any], **headers: str) -> int:
        """A signed webhook of one's own making."""
        from chatbot.pretend.hooks import post, sign  # noqa: PLC0415

        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        stamp = str(int(time.time()))
        signed = {
            "Content-Type": "application/json",
            "X-Chatwoot-Timestamp": stamp,
            "X-Chatwoot-Signature": sign(self.pretend.bot.secret, stamp, raw),
            **headers,
        }
        return post(f"{self.url}/webhooks/chatwoot", raw, signed, 10)

    def stop(self) -> None:
        """Nobody needs what a warm one would tidy up: that is a second of work."""
        for name, process in self.processes.items():
            self.kill(name, signal.SIGCONT if self.is_cold else signal.SIGKILL)
            process.terminate()
        for name, process in self.processes.items():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill(name)
        if self.owns_pretend:
            self.pretend.stop()
        if self.llm:
            self.llm.close()


_learned: list[dict[str, Any]] = []


def learn(engine: Engine) -> None:
    """The FAQ's model of CONTENT, as production has it: trained once here, and not for seconds beside every test."""
    table = inspect(TrainedFaq).local_table
    with engine.begin() as connection:
        if _learned:
            connection.execute(insert(table), _learned)
            return
    train_and_store(engine, Settings(embeddings_base_url="off"), tuple(b for b in CONTENT if isinstance(b, FaqEntry)))
    with engine.connect() as connection:
        _learned.extend(dict(row) for row in connection.execute(select(table)).mappings())
