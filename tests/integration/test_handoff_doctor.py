"""The doctor's line about opening hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from chatbot.checks import Surroundings
from chatbot.checks.config import check_hours
from chatbot.config import Config
from chatbot.settings import Settings

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # a Saturday, 13:00 in Madrid


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, None),
        ({"hours": "sat 10-14"}, ("ok", "open")),
        ({"hours": "mon 9-14", "holidays": "ES-MD"}, ("ok", "closed")),
        ({"hours": "mon 9-14", "closures": "2026-01-01..2030-01-01"}, ("warn", "never")),
        ({"hours": "mon 9-14", "holidays": "XX"}, ("fail", "unknown")),
    ],
)
def test_the_doctor_says_whether_it_is_open(
    engine: Engine, config: Config, given: dict[str, str], said: tuple[str, str] | None
) -> None:
    found = check_hours(Surroundings(config, Settings.model_validate(given), engine, now=NOW))
    assert (found and (found.level, found.key)) == said
    if said == ("ok", "closed"):
        assert found is not None
        assert found.values == {"opening": "30/11 09:00"}
