"""The system's own updates, until when there are any, and a fail2ban that is just starting: what is told, and at which look."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from conftest import ROOT, make_config
from ruamel.yaml import YAML
from sqlalchemy import create_engine

from chatbot.checks import Finding, Surroundings
from chatbot.checks.box import SYSTEMS, check_fail2ban, check_system, check_units, check_updates
from chatbot.doctor import CHECKS
from chatbot.monitor import Memory, compare
from chatbot.settings import Settings

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WELL = {"days": 0.6, "off": [], "is_busy": False, "half": []}
BY_ID = {check.id: check for check in CHECKS}


def at(now: datetime = NOW, **facts: Any) -> Surroundings:
    engine = create_engine("postgresql+psycopg://")
    return Surroundings(make_config("postgresql:///x"), Settings(), engine, facts={"at": now.timestamp(), **facts}, now=now)


def see(found: Finding | None) -> str:
    return f"{found.level} {found.key}" if found else "absent"


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ({}, "ok ok"),
        ({"days": 2.9}, "ok ok"),
        ({"days": 3.1}, "warn late"),
        ({"days": 14.1}, "fail late"),
        ({"off": ["apt-daily.timer"]}, "fail off"),
        ({"half": ["nginx"]}, "fail half"),
        ({"half": ["nginx"], "is_busy": True}, "absent"),
        ({"days": 20.0, "half": ["nginx"], "is_busy": True}, "fail late"),
    ],
)
def test_updates_that_stopped(changed: dict[str, Any], seen: str) -> None:
    assert see(check_updates(at(updates={**WELL, **changed}))) == seen


@pytest.mark.parametrize("facts", [{}, {"updates": {"error": "FileNotFoundError"}, "os": {"error": "OSError"}}])
def test_what_root_did_not_see_is_absent(facts: dict[str, Any]) -> None:
    assert (check_updates(at(**facts)), check_system(at(**facts))) == (None, None)
    nowhere = Surroundings(at().config, Settings(), at().engine, facts=None)
    assert (check_updates(nowhere), check_system(nowhere)) == (None, None)


@pytest.mark.parametrize(
    ("today", "seen"),
    [
        (date(2026, 11, 25), "ok ok"),
        (date(2028, 2, 10), "ok ok"),
        (date(2028, 2, 11), "warn soon"),
        (date(2028, 8, 9), "warn soon"),
        (date(2028, 8, 10), "fail ended"),
    ],
)
def test_a_system_whose_support_ends_is_told_half_a_year_before(today: date, seen: str) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    found = {"id": "debian", "version": "13", "codename": "trixie"}
    assert see(check_system(at(now, os=found))) == seen


def test_each_system_that_can_be_installed_on_has_its_end_and_no_other_is_judged() -> None:
    allowed = YAML(typ="safe").load((ROOT / "ansible/roles/preflight/vars/main.yml").read_text("utf-8"))["preflight_systems"]
    assert sorted(name for name, _ in SYSTEMS.values()) == sorted(allowed)
    assert {f"{id_.capitalize()} {version}" for id_, version in SYSTEMS} == set(allowed)
    assert check_system(at(os={"id": "debian", "version": "", "codename": "forky"})) is None


def test_both_are_told_as_warnings_already() -> None:
    assert {name: (BY_ID[name].tells, BY_ID[name].every_s is not None) for name in ("updates", "system")} == {
        "updates": ("warn", True),
        "system": ("warn", True),
    }


def tell(memory: Memory, *looks: dict[str, Any]) -> list[list[str]]:
    """What is told of each look, a minute apart."""
    told = []
    for minute, facts in enumerate(looks):
        here = at(**facts)
        found = {"units": check_units(here), "fail2ban": check_fail2ban(here)}
        news = compare(memory, {name: finding for name, finding in found.items() if finding}, 60.0 * minute)
        for item in news:
            memory.checks[item.check.id].note_told(item)
        told.append([f"{item.check.id} {item.level}" for item in news])
    return told


def fail2ban(active: str, *jails: str) -> dict[str, Any]:
    service = {"active": active, "type": "simple"}
    return {"units": {"fail2ban.service": service}, "fail2ban": {"jails": list(jails), "banned": 0}}


@pytest.mark.parametrize("active", ["deactivating", "activating", "active"])
def test_a_fail2ban_that_is_being_restarted_is_no_alert(active: str) -> None:
    well, restarting = fail2ban("active", "sshd"), fail2ban(active)
    assert tell(Memory(), well, restarting, well, well) == [[], [], [], []]


def test_a_fail2ban_that_runs_without_its_jail_is_told_at_the_second_look() -> None:
    assert tell(Memory(), *[fail2ban("active")] * 3) == [[], ["fail2ban fail"], []]


def test_a_fail2ban_that_stopped_is_one_alert_and_one_recovery_with_its_service() -> None:
    well, stopped = fail2ban("active", "sshd"), fail2ban("inactive")
    both = [["units fail", "fail2ban fail"], ["units ok", "fail2ban ok"]]
    assert tell(Memory(), stopped, stopped, well, well) == [both[0], [], both[1], []]


def test_a_firewall_that_is_just_being_loaded_anew_is_no_alert() -> None:
    assert BY_ID["firewall"].runs == 2
