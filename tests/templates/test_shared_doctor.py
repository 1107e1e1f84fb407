"""What the doctor says of a Redis that others use too: nothing about settings and keys that aren't ours to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import redis
from conftest import find_free_port, make_config
from sqlalchemy import create_engine

from chatbot.checks import Surroundings
from chatbot.checks.neighbours import check_redis
from chatbot.settings import Settings

DATABASE = "postgresql+psycopg:///nowhere"
# root's reader leaves the firewall out where the box is shared: has_firewall, which the role monitoring writes
OWN, SHARED = {"at": 1.0, "firewall": {"drops": True}}, {"at": 1.0}


def see(url: str, facts: Mapping[str, Any]) -> str:
    config = make_config(DATABASE).model_copy(update={"redis_url": url})
    found = check_redis(Surroundings(config, Settings(), create_engine(DATABASE), facts=facts))
    return f"{found.level} {found.key}" if found else "absent"


@pytest.mark.parametrize(
    ("limit", "policy", "is_lasting", "own"),
    [
        (0, "noeviction", False, "warn unlimited"),
        (64 * 2**20, "allkeys-lru", False, "warn policy"),
        (64 * 2**20, "noeviction", True, "warn lasting"),
    ],
)
def test_others_settings_and_keys_are_not_judged(redis_url: str, limit: int, policy: str, is_lasting: bool, own: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        client.config_set("maxmemory", limit)
        client.config_set("maxmemory-policy", policy)
        if is_lasting:
            client.set("others", 1)
        assert see(redis_url, OWN) == own
        assert see(redis_url, SHARED) == "absent"
        # root's reader has told nothing: it may be ours
        assert see(redis_url, {}) == own
        client.flushdb()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)


def test_a_shared_redis_that_serves_us_as_our_own_would_is_well(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        client.config_set("maxmemory", 64 * 2**20)
        assert see(redis_url, SHARED) == "ok ok"
        client.config_set("maxmemory", 0)


def test_a_shared_redis_that_is_away_is_shown_and_wakes_nobody() -> None:
    url = f"redis://127.0.0.1:{find_free_port()}/0"
    assert see(url, OWN) == "fail away"
    assert see(url, SHARED) == "warn away"
