"""What the doctor looks at, by story: config, database, neighbours, box. A check sees the surroundings and says a finding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Engine

from chatbot.config import Config
from chatbot.settings import Settings

Level = Literal["ok", "warn", "fail"]
RANK: Mapping[Level, int] = {"ok": 0, "warn": 1, "fail": 2}
FACTS_FILE = "facts.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """key: which of the check's sayings in texts.yaml; values: what it fills in; is_sure: needs no second look.

    parts: what fails, where a check looks at several things: one that joins them is told too.
    """

    level: Level
    key: str = "ok"
    values: Mapping[str, Any] = field(default_factory=dict)
    is_sure: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What checks look at. facts: what root saw on this box, None where this is no box of the playbook's.

    history: [Unix time, bytes free on the disk], oldest first; ran_at: when `check` last ran, None if never;
    settings_problem: why the stored settings can't be read: these are the environment's alone then.
    """

    config: Config
    settings: Settings
    engine: Engine
    facts: Mapping[str, Any] | None = None
    history: tuple[tuple[float, float], ...] = ()
    ran_at: datetime | None = None
    settings_problem: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def domain(self) -> str:
        """The public name, empty where there is none."""
        return urlsplit(self.config.public_url).hostname or ""

    @property
    def port(self) -> int:
        """Where this machine's nginx serves it."""
        return urlsplit(self.config.public_url).port or 443

    @property
    def is_own_box(self) -> bool:
        return self.facts is not None


def ok(key: str = "ok", *, is_sure: bool = False, **values: Any) -> Finding:
    return Finding("ok", key, values, is_sure)


def warn(key: str, **values: Any) -> Finding:
    return Finding("warn", key, values)


def fail(key: str, *, is_sure: bool = False, parts: tuple[str, ...] = (), **values: Any) -> Finding:
    return Finding("fail", key, values, is_sure, parts)


def read_box_facts(config: Config) -> Mapping[str, Any] | None:
    """What root wrote; empty where it should be and isn't, None where there is no such folder: then this is no box."""
    folder = Path(config.facts_dir)
    if not folder.is_dir():
        return None
    try:
        found = json.loads((folder / FACTS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
