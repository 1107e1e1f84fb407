"""What `flask check` does every minute: looks, compares with the run before, and tells each alert and each recovery once.

What is remembered stands in a file of its own, so that an alert needs no database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chatbot import results
from chatbot.checks import RANK, Finding, Level, Surroundings, read_box_facts
from chatbot.checks.box import read_disks
from chatbot.clients.alerts import send_alert, send_ping
from chatbot.config import Config
from chatbot.doctor import CHECKS, Check, describe, describe_word, look_at
from chatbot.errors import ConfigError
from chatbot.settings import Settings, load_settings, make_cipher, read_environment, to_plain

log = structlog.get_logger()
MEMORY_FILE = "checks.json"
SLACK_S = 5.0  # a timer's minute is never quite one
DISK_EVERY_S, DISK_KEPT = 3_600.0, 7 * 24
# what must be known to tell of a database that is away
KEPT_SETTINGS = ("alert_urls", "ping_url", "language")


@dataclass(slots=True)
class Remembered:
    """A check as it was: level as it would be told, count: for how many runs; told: what was last told of it.

    parts: those of its parts that were told and still fail.
    """

    level: Level = "ok"
    count: int = 0
    told: Level = "ok"
    looked_at: float = 0.0
    parts: list[str] = field(default_factory=list)

    def note_told(self, news: News) -> None:
        self.told, self.parts = news.level, list(news.finding.parts)


@dataclass(slots=True)
class Memory:
    """at: Unix time of the last run; disk: [time, bytes free] of the fullest; spare: settings, encrypted."""

    at: float = 0.0
    checks: dict[str, Remembered] = field(default_factory=dict)
    disk_path: str = ""
    disk: list[tuple[float, float]] = field(default_factory=list)
    spare: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """One alert, or one recovery where the finding's level isn't worth telling any more."""

    check: Check
    finding: Finding
    level: Level


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found, what it told, and whether everything that is watched is well."""

    findings: Mapping[str, Finding]
    news: tuple[News, ...]
    is_told: bool
    is_well: bool


def watch(engine: Engine, config: Config) -> Report:
    """One run. Raises ConfigError where nothing can be remembered: the same alert would be told every minute."""
    memory = read_memory(config)
    at = gather(engine, config, memory)
    now = at.now.timestamp()
    due = list_due(memory, now)
    findings = look_at(due, at)
    _keep(engine, due, findings)
    news = compare(memory, findings, now)
    is_told = not news or tell(at, news)
    if is_told:
        for item in news:
            memory.checks[item.check.id].note_told(item)
    memory.problem = "" if is_told else "alerts"
    memory.at = now
    _note_disk(memory, now)
    write_memory(config, memory)
    is_well = is_told and all(c.level != "fail" for c in memory.checks.values())
    if is_well and at.settings.ping_url.get_secret_value() and not send_ping(at.settings.ping_url.get_secret_value()):
        log.warning("ping_failed", note="the outside monitor didn't take the sign of life")
    return Report(findings, tuple(news), is_told, is_well)


def _keep(engine: Engine, looked: Iterable[Check], findings: Mapping[str, Finding]) -> None:
    """For the panel. Without a database there is none."""
    try:
        with engine.begin() as connection:
            results.keep(connection, [check.id for check in looked], findings)
    except SQLAlchemyError as e:
        log.warning("results_not_kept", error=type(e).__name__)


def gather(engine: Engine, config: Config, memory: Memory) -> Surroundings:
    """What the checks look at. Without a database the settings are the environment's, and who to tell is remembered."""
    problem = ""
    try:
        with engine.connect() as connection:
            settings = load_settings(connection, config)
        kept = {name: to_plain(getattr(settings, name)) for name in KEPT_SETTINGS}
        memory.spare = make_cipher(config).encrypt(json.dumps(kept).encode()).decode()
    except (SQLAlchemyError, ConfigError) as e:
        problem = str(e) if isinstance(e, ConfigError) else ""
        settings = Settings.model_validate({**_read_spare(config, memory), **read_environment()})
    return Surroundings(
        config,
        settings,
        engine,
        facts=read_box_facts(config),
        history=tuple(memory.disk),
        ran_at=datetime.fromtimestamp(memory.at, UTC) if memory.at else None,
        settings_problem=problem,
    )


def _read_spare(config: Config, memory: Memory) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(make_cipher(config).decrypt(memory.spare.encode()))
    except (InvalidToken, ValueError):
        return {}
    return found


def list_due(memory: Memory, now: float) -> list[Check]:
    """What is to be looked at in this run: what isn't well is looked at every time.

    What asks others, maybe slowly, isn't while what it is a consequence of is told already: it would be no news.
    """
    told = {name for name, before in memory.checks.items() if before.told == "fail"}
    due = []
    for check in CHECKS:
        if check.asks and told.intersection(check.unless):
            continue
        before = memory.checks.get(check.id, Remembered())
        is_unsettled = before.level != "ok" or before.told != "ok"
        if check.every_s is not None and (is_unsettled or now - before.looked_at >= check.every_s - SLACK_S):
            due.append(check)
    return due


def compare(memory: Memory, findings: Mapping[str, Finding], now: float) -> list[News]:
    """Notes what was found, and returns what is to be told. What wasn't found stays as it was."""
    failing = {name for name, finding in findings.items() if finding.level == "fail"}
    failing |= {name for name, before in memory.checks.items() if before.told == "fail"}
    news = []
    for check in CHECKS:
        finding = findings.get(check.id)
        if finding is None:
            continue
        before = memory.checks.setdefault(check.id, Remembered())
        level: Level = finding.level if RANK[finding.level] >= RANK[check.tells] else "ok"
        before.count = before.count + 1 if level == before.level else 1
        before.level, before.looked_at = level, now
        before.parts = [part for part in before.parts if part in finding.parts]
        if level != "ok" and failing.intersection(check.unless):
            before.count = 0  # a consequence of what is told already
        elif (finding.is_sure or before.count >= check.runs) and _is_new(level, before, finding):
            news.append(News(check, finding, level))
    return news


def _is_new(level: Level, before: Remembered, finding: Finding) -> bool:
    if level == "ok":
        return level != before.told
    return RANK[level] > RANK[before.told] or not set(finding.parts).issubset(before.parts)


def tell(at: Surroundings, news: Iterable[News]) -> bool:
    """One message for all of a run's news. True where somebody took it, or nobody is to be told."""
    urls = [u.get_secret_value() for u in at.settings.alert_urls]
    title, body = write_message(at, list(news))
    for line in body.splitlines():
        log.warning("told", line=line)
    if not urls:
        return True
    failed = send_alert(urls, title, body)
    if failed:
        log.error("alert_not_sent", kinds=failed, note="tried again in a minute" if len(failed) == len(urls) else "")
    return len(failed) < len(urls)


def write_message(at: Surroundings, news: list[News]) -> tuple[str, str]:
    """Title and text, in the owner's language."""
    language, where = at.settings.language, at.domain or "Mostrador"
    bad = [n for n in news if n.level != "ok"]
    word = "alert" if bad else "recovery"
    lines = []
    for item in sorted(news, key=lambda n: -RANK[n.level]):
        line = describe(item.check.id, item.finding, language)
        mark = {"fail": "✗", "warn": "!", "ok": "✓"}[item.level]
        lines.append(f"{mark} {line.name}: {line.seen}" + (f"\n  → {line.mend}" if line.mend and item.level != "ok" else ""))
    return describe_word(word, language, where=where, count=len(bad)), "\n".join(lines)


def _note_disk(memory: Memory, now: float) -> None:
    """One reading an hour, a week of them: enough for a line through them."""
    if memory.disk and now - memory.disk[-1][0] < DISK_EVERY_S - SLACK_S:
        return
    _, free, path = min((free / total, free, path) for path, (free, total) in read_disks().items())
    if path != memory.disk_path:
        memory.disk_path, memory.disk = path, []
    memory.disk = [*memory.disk, (now, float(free))][-DISK_KEPT:]


def _list_files(config: Config) -> list[Path]:
    """The second is in memory, and serves where the disk is full: only a restart forgets it."""
    return [Path(config.state_dir) / MEMORY_FILE, Path(config.runtime_dir) / MEMORY_FILE]


def read_memory(config: Config) -> Memory:
    """The newest that can be read; an empty one where none can."""
    found = [memory for path in _list_files(config) if (memory := _read(path)) is not None]
    return max(found, key=lambda memory: memory.at, default=Memory())


def _read(path: Path) -> Memory | None:
    try:
        given = json.loads(path.read_text("utf-8"))
        checks = {name: Remembered(**values) for name, values in given.pop("checks").items()}
        disk = [(float(t), float(free)) for t, free in given.pop("disk")]
        return Memory(checks=checks, disk=disk, **given)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_memory(config: Config, memory: Memory) -> None:
    """Into both files, each complete or not at all. Raises ConfigError where neither takes it."""
    content = json.dumps(asdict(memory))
    problems = [problem for path in _list_files(config) if (problem := _write(path, content))]
    if len(problems) == len(_list_files(config)):
        raise ConfigError("STATE_DIR", f"nothing can be remembered: {problems[0]}. Type: systemctl status mostrador-check")


def _write(path: Path, content: str) -> str:
    """Why not, or ""."""
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        new.write_text(content, "utf-8")
        new.replace(path)
    except OSError as e:
        new.unlink(missing_ok=True) if new.parent.is_dir() else None
        return f"{path}: {e.strerror or type(e).__name__}"
    return ""
