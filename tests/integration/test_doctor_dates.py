"""The doctor's lines about backups where the clock was ahead for a while, and about services that are at rest between runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from chatbot.checks import Finding, Surroundings
from chatbot.checks.box import check_backup, check_units
from chatbot.config import Config
from chatbot.settings import Settings

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
AHEAD_H = -24 * 365
LATER = (NOW + timedelta(hours=-AHEAD_H)).isoformat()
BACKUP_FAILED = {"mostrador-backup.service": {"active": "failed", "type": "oneshot"}}


@pytest.fixture
def at(engine: Engine, config: Config, tmp_path: Path) -> Surroundings:
    facts = {"at": NOW.timestamp(), "units": BACKUP_FAILED}
    here = config.model_copy(update={"backup_folder": str(tmp_path)})
    return Surroundings(here, Settings(), engine, facts=facts, now=NOW)


def note(at: Surroundings, hours: float, ending: str = "proved", **values: Any) -> None:
    """Beside a backup that is so many hours old; fewer than none: of the future."""
    name = f"mostrador-{NOW - timedelta(hours=hours):%Y%m%dT%H%M%SZ}.tar.age.{ending}"
    (Path(at.config.backup_folder) / name).write_text(json.dumps(values))


def see(found: Finding | None) -> str:
    return f"{found.level} {found.key}" if found else "absent"


def test_a_proof_of_the_future_hides_no_missing_backup(at: Surroundings) -> None:
    note(at, AHEAD_H, copied_at="x")
    assert see(check_backup(at)) == "fail none"
    note(at, 50, copied_at="x")
    assert see(check_backup(at)) == "fail old"


def test_a_proof_of_the_future_hides_no_failure_of_today(at: Surroundings) -> None:
    note(at, AHEAD_H, copied_at="x")
    note(at, 5, copied_at="x")
    note(at, 1, "failed", problem="message: 3 rows instead of 4")
    assert see(check_backup(at)) == "fail spoiled"


def test_a_failure_of_the_future_spoils_nothing(at: Surroundings) -> None:
    note(at, AHEAD_H, "failed", problem="message: 3 rows instead of 4")
    note(at, 2, copied_at="x")
    assert see(check_backup(at)) == "ok ok"


def test_a_clock_that_was_set_back_a_little_is_no_matter(at: Surroundings) -> None:
    note(at, -0.5, copied_at="x")
    found = check_backup(at)
    assert found is not None
    assert (found.level, found.values["hours"]) == ("ok", 0.0)


def test_a_proof_made_in_the_future_excuses_no_failed_service(at: Surroundings) -> None:
    note(at, AHEAD_H, copied_at="x", proved_at=LATER)
    note(at, 5, copied_at="x", proved_at=(NOW - timedelta(hours=5)).isoformat())
    assert see(check_units(at)) == "fail bad"
    note(at, 5, copied_at="x", proved_at=LATER)
    assert see(check_units(at)) == "fail bad", "proved again while the clock was ahead"
    note(at, 5, copied_at="x", proved_at=(NOW + timedelta(seconds=1)).isoformat())
    assert see(check_units(at)) == "ok ok"


def test_the_reason_of_a_failure_is_told_to_its_end(at: Surroundings) -> None:
    note(at, 1, "failed", problem=f"{'because ' * 30}type: this")
    found = check_backup(at)
    assert found is not None
    assert found.values["problem"].endswith("type: this")


@pytest.mark.parametrize("name", ["apt-daily-upgrade.service", "logrotate.service"])
@pytest.mark.parametrize(("active", "seen"), [("inactive", "ok ok"), ("activating", "ok ok"), ("failed", "fail bad")])
def test_what_the_system_runs_once_a_day_is_watched_by_its_name_alone(
    engine: Engine, config: Config, name: str, active: str, seen: str
) -> None:
    facts = {"at": NOW.timestamp(), "units": {name: {"active": active, "type": "oneshot"}}}
    assert see(check_units(Surroundings(config, Settings(), engine, facts=facts, now=NOW))) == seen
