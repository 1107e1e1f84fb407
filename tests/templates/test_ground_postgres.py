"""PostgreSQL's settings fit the machine, on every supported system."""

from __future__ import annotations

import re

import pytest

from templates.render import evaluate, render

CONF = "ansible/roles/postgres/templates/mostrador.conf.j2"


def settings(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE))


def megabytes(value: str) -> int:
    found = re.fullmatch(r"(\d+)MB", value)
    assert found, value
    return int(found[1])


def test_nothing_listens_on_tcp_and_no_password_works(system: str) -> None:
    assert settings(render(CONF, os=system))["listen_addresses"] == "''"
    hba = render("ansible/roles/postgres/templates/pg_hba.conf.j2", os=system)
    rules = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
    assert rules == [["local", "all", "all", "peer"]]


@pytest.mark.parametrize(("os", "version"), [("debian-13", 17), ("ubuntu-24.04", 16), ("ubuntu-26.04", 18)])
def test_the_distributions_own_version_is_taken(os: str, version: int) -> None:
    assert evaluate("postgres_version", os=os) == version
    assert evaluate("postgres_folder", os=os) == f"/etc/postgresql/{version}/main"


@pytest.mark.parametrize("memory", [900, 961, 1950, 3900, 7900, 64_000])
def test_memory_follows_the_machine_and_leaves_most_of_it(memory: int) -> None:
    found = settings(render(CONF, facts={"memtotal_mb": memory}))
    shared = megabytes(found["shared_buffers"])
    assert 64 <= shared <= max(64, memory // 8)
    assert shared <= 4096
    # every connection sorting at once still fits
    connections = int(found["max_connections"])
    assert shared + connections * megabytes(found["work_mem"]) < memory
    assert megabytes(found["effective_cache_size"]) == memory // 2


def test_connections_fit_the_design() -> None:
    """docs/design.md: 4 x WEB_CONCURRENCY + (WORKER_THREADS + 7) x workers, and a reserve."""
    known = {"mostrador_settings": {"WEB_CONCURRENCY": "3", "WORKER_THREADS": 20}, "postgres_reserve": 25}
    assert evaluate("postgres_max_connections | int", **known) == 4 * 3 + 27 + 25
    assert settings(render(CONF, **known))["max_connections"] == "64"


def test_connections_follow_the_apps_own_defaults() -> None:
    known = {"app_web_concurrency": 2, "app_worker_threads": 16, "postgres_reserve": 0}
    assert evaluate("postgres_max_connections | int", **known) == 31


def test_slow_statements_are_logged_without_customers_words() -> None:
    found = settings(render(CONF))
    assert found["log_min_duration_statement"] == "500ms"
    assert found["log_parameter_max_length"] == "0"
    assert found["log_parameter_max_length_on_error"] == "0"


def test_it_comes_back_by_itself_and_is_the_last_to_be_killed() -> None:
    text = render("ansible/roles/postgres/templates/dropin.conf.j2")
    assert settings(text.replace("=", " = ")) == {
        "StartLimitIntervalSec": "0",
        "Restart": "always",
        "RestartSec": "1",
        "OOMScoreAdjust": "-900",
    }
