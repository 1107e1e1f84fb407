"""What the doctor's checks found last, kept for the panel: it looks at what is cheap, and reads of the rest what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from chatbot.checks import Finding, Level

KEEP = text("""
INSERT INTO check_result AS r (id, level, key, told, since, looked_at)
VALUES (:id, :level, :key, CAST(:told AS jsonb), now(), now())
ON CONFLICT (id) DO UPDATE SET level = excluded.level, key = excluded.key, told = excluded.told, looked_at = now(),
  since = CASE WHEN r.level = excluded.level THEN r.since ELSE now() END
""")
FORGET = text("DELETE FROM check_result WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
READ = text("SELECT id, level, key, told, since, looked_at FROM check_result")
# what nobody has looked at for a day says nothing about today
TODAYS = "FROM check_result WHERE looked_at > now() - interval '1 day'"
WORST = text(f"SELECT max(CASE level WHEN 'fail' THEN 2 WHEN 'warn' THEN 1 ELSE 0 END) {TODAYS}")
BROKEN = text(f"SELECT id, level, key, told {TODAYS} AND level = 'fail'")
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Kept:
    """since: for how long the check has been at this level, as far as anybody looked."""

    finding: Finding
    since: datetime
    looked_at: datetime


def keep(connection: Connection, looked: Iterable[str], findings: Mapping[str, Finding]) -> None:
    """looked: the checks that were asked; those of them that found nothing to look at are forgotten."""
    for check_id, found in sorted(findings.items()):  # in one order: two who keep at once don't wait for each other in a ring
        told = json.dumps(dict(found.values), default=str)
        connection.execute(KEEP, {"id": check_id, "level": found.level, "key": found.key, "told": told})
    gone = sorted(set(looked) - set(findings))
    if gone:
        connection.execute(FORGET, {"ids": gone})


def read(connection: Connection) -> dict[str, Kept]:
    rows = connection.execute(READ)
    return {r.id: Kept(Finding(r.level, r.key, r.told), r.since, r.looked_at) for r in rows}


def read_worst(connection: Connection) -> Level:
    """For the mark in the menu."""
    return LEVELS[connection.execute(WORST).scalar() or 0]


def read_broken(connection: Connection) -> dict[str, Finding]:
    """By check, what makes read_worst() say "fail"."""
    return {r.id: Finding(r.level, r.key, r.told) for r in connection.execute(BROKEN)}
