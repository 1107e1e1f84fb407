"""The one list of checks: what it takes for this installation to work, in the order in which a person would mend it.

`flask doctor` shows all of it; `flask check` (monitor.py) looks at what is watched every minute.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from chatbot.canary import check_canary
from chatbot.checks import (
    Finding,
    Level,
    Surroundings,
    assistants,
    box,
    config,
    database,
    documents,
    embeddings,
    fail,
    flows,
    neighbours,
    people,
)
from chatbot.reply import Language
from chatbot.texts import read_catalogue

log = structlog.get_logger()
THREADS = 4
MINUTE, TEN_MINUTES, HOUR, DAY = 0, 600, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One line. every_s: how often it is watched, None where only a person asks; asks: others over the network, maybe slowly.

    runs: in how many runs in a row it must be seen before it is told; tells: from which level on;
    unless: while one of these fails, this one's failing is no news.
    """

    id: str
    look: Callable[[Surroundings], Finding | None]
    every_s: int | None = None
    runs: int = 2
    tells: Level = "fail"
    unless: tuple[str, ...] = ()
    asks: bool = False


CHECKS = (
    Check("secret_key", config.check_secret_key),
    Check("environment", config.check_environment),
    Check("origins", config.check_origins),
    Check("public_url", config.check_public_url),
    Check("private_files", box.check_private_files, MINUTE, runs=1),
    Check("database", database.check_database, MINUTE),
    Check("migrations", database.check_migrations),
    Check("indexes", database.check_indexes),
    Check("connections", database.check_connections),
    Check("stored_secrets", database.check_stored_secrets),
    Check("settings", config.check_settings, MINUTE),
    Check("redis", neighbours.check_redis, MINUTE, asks=True),
    Check("limits", neighbours.check_limits),
    Check("worker", database.check_worker, MINUTE),
    Check("answering", database.check_answering, MINUTE),
    Check("queue", database.check_queue, MINUTE, unless=("database", "worker", "chatwoot_use")),
    Check("ready", box.check_ready, MINUTE, unless=("database",), asks=True),
    Check("canary", check_canary, TEN_MINUTES, unless=("database", "ready", "worker", "queue"), asks=True),
    Check("nginx", box.check_nginx, asks=True),
    Check("certificate", box.check_certificate, MINUTE, tells="warn", unless=("ready",), asks=True),
    Check("public_name", box.check_public_name, HOUR, unless=("database", "ready"), asks=True),
    Check("chatwoot", neighbours.check_chatwoot, asks=True),
    Check("webhook_secret", neighbours.check_webhook_secret),
    Check("agent_bot", neighbours.check_agent_bot, asks=True),
    Check("inboxes", neighbours.check_inboxes, asks=True),
    Check("webhook_heard", database.check_webhook_heard),
    Check("chatwoot_use", database.check_chatwoot_use, MINUTE, runs=1, unless=("worker",)),
    Check("clock", neighbours.check_clock, TEN_MINUTES, asks=True),
    Check("content", database.check_content),
    Check("hours", config.check_hours),
    Check("mode", config.check_mode),
    Check("llm", neighbours.check_llm, asks=True),
    Check("voice", neighbours.check_voice, asks=True),
    Check("llm_use", neighbours.check_llm_use, MINUTE, runs=1, asks=True),
    Check("pgvector", embeddings.check_pgvector),
    Check("embedder", embeddings.check_embedder, MINUTE, asks=True),
    Check("embedded", embeddings.check_embedded),
    Check("documents", documents.check_documents, HOUR),
    Check("flows", flows.check_flows, TEN_MINUTES),
    Check("assistants", assistants.check_assistants),
    Check("spending_limit", config.check_spending_limit),
    Check("second_factor", people.check_second_factor),
    Check("backup", box.check_backup, MINUTE, runs=1),
    Check("disk", box.check_disk, MINUTE, tells="warn"),
    Check("memory", box.check_memory, MINUTE),
    Check("facts", box.check_facts, MINUTE),
    Check("units", box.check_units, MINUTE, runs=1),
    Check("firewall", box.check_firewall, MINUTE),
    Check("fail2ban", box.check_fail2ban, MINUTE),
    Check("logs", box.check_logs),
    Check("managed_files", box.check_managed_files),
    Check("reboot", box.check_reboot),
    Check("updates", box.check_updates, HOUR, tells="warn"),
    Check("system", box.check_system, DAY, tells="warn"),
    Check("release", neighbours.check_release, DAY, runs=1, tells="warn", asks=True),
    Check("alerts", config.check_alerts, HOUR),
    Check("ping", config.check_ping),
    Check("monitoring", box.check_monitoring),
)


def look_at(checks: Iterable[Check], at: Surroundings, threads: int = THREADS) -> dict[str, Finding]:
    """What each check found, some at a time: neighbours that are away cost their time-outs only once. The absent are absent."""
    checks = tuple(checks)
    with ThreadPoolExecutor(threads, thread_name_prefix="check") as pool:
        findings = pool.map(_look, checks, itertools.repeat(at))
        return {check.id: finding for check, finding in zip(checks, findings, strict=True) if finding is not None}


def _look(check: Check, at: Surroundings) -> Finding | None:
    try:
        return check.look(at)
    except (SQLAlchemyError, psycopg.Error) as e:
        if is_away(e):
            return None  # check_database says so; what can't be looked at is neither well nor ill
        return fail("broke", problem=type(e).__name__)
    except Exception as e:  # one broken check must not hide the others
        log.exception("check_broke", check=check.id)
        return fail("broke", problem=type(e).__name__)


def is_away(error: Exception) -> bool:
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) or type(error).__name__ == "TimeoutError"


@dataclass(frozen=True, slots=True)
class Line:
    """A finding in words: what was seen, and what to type or do about it (empty where all is well).

    harm: what customers notice of it where it isn't well; is_command: mend is to be typed as it stands.
    """

    id: str
    level: Level
    name: str
    seen: str
    mend: str
    harm: str = ""
    is_command: bool = False


def describe(check_id: str, finding: Finding, language: Language) -> Line:
    catalogue = _read_texts()
    own = catalogue[check_id]
    said = own.get(finding.key) or catalogue["any"][finding.key]
    do = said.get("do", "")
    mend = do if isinstance(do, str) else do[language]
    values = {"check": check_id, **finding.values}
    seen, mend = said[language].format(**values), mend.format(**values)
    is_command = bool(mend) and isinstance(do, str)
    return Line(check_id, finding.level, own["name"][language], seen, mend, own["harm"][language], is_command)


def find_name(check_id: str, language: Language) -> str:
    return str(_read_texts()[check_id]["name"][language])


def describe_word(word: str, language: Language, **values: object) -> str:
    """One of the words around the list."""
    return str(_read_texts()["words"][word][language]).format(**values)


@cache
def _read_texts() -> Mapping[str, Any]:
    return read_catalogue(files("chatbot.checks") / "texts.yaml")


def summarise(findings: Iterable[Finding]) -> Level:
    """The worst of them."""
    levels = {f.level for f in findings}
    return "fail" if "fail" in levels else "warn" if "warn" in levels else "ok"
