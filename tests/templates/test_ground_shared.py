"""A server with other things on it (mostrador_coexist): what is left alone there, what stands in the way, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.render import ANSIBLE, evaluate, render

ROLES = ANSIBLE / "roles"
KNOWN = {"mostrador_coexist", "redis_is_others"}
SEEN = {"is_installed": False, "has_others_redis": True, "redis_obstacles": [], "postgres_obstacles": []}


def list_tasks(file: Path, **known: Any) -> Iterator[str]:
    """Names of those that run, as far as it depends on whether the server is shared."""
    yield from _walk(yaml.safe_load(file.read_text()), file.parent, known)


def _walk(tasks: list[dict[str, Any]], folder: Path, known: dict[str, Any]) -> Iterator[str]:
    for task in tasks:
        when = task.get("when", [])
        asked = [str(said) for said in (when if isinstance(when, list) else [when])]
        if not all(evaluate(f"({said}) | bool", **known) for said in asked if any(name in said for name in KNOWN)):
            continue
        if "ansible.builtin.import_tasks" in task:
            yield from list_tasks(folder / task["ansible.builtin.import_tasks"], **known)
        elif "block" in task:
            yield from _walk(task["block"], folder, known)
        else:
            yield task["name"]


def find_what_runs(role: str, *, coexist: bool, **known: Any) -> set[str]:
    made = {"redis_before": {"stat": {"exists": True}}, "ansible_check_mode": False, "preflight_seen": SEEN}
    return set(list_tasks(ROLES / role / "tasks/main.yml", mostrador_coexist=coexist, **{**made, **known}))


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("base", {"Time zone", "Time zone, for programs that read its name", "Locale (the one that needs no package)"}),
        ("base", {"Host name", "The host name leads to the machine itself", "Cloud-init leaves the host name alone"}),
        ("base", {"Services whose libraries were updated restart by themselves", "The timers that update"}),
        ("base", {"The journal stays over a reboot and has an end", "No process of its own waits for a shutdown"}),
        ("hardening", {"How one may log in", "What is open", "What the kernel refuses", "No core dumps of services"}),
        ("hardening", {"No core dumps of people's programs", "One firewall, not two"}),
        ("postgres", {"Memory, connections, logs", "Who may connect", "It comes back by itself and is the last to be killed"}),
        ("redis", {"Redis", "Its settings", "Its settings count, after the distribution's", "It comes back by itself"}),
    ],
)
def test_what_is_others_is_left_alone(role: str, left: set[str]) -> None:
    assert left <= find_what_runs(role, coexist=False)
    assert not left & find_what_runs(role, coexist=True)


@pytest.mark.parametrize(
    ("role", "added"),
    [
        ("base", {"Security updates install themselves", "The product's user", "A clock that is kept right"}),
        ("hardening", {"How a failed panel login is known", "Rules of the ban", "Fail2ban is up"}),
        ("postgres", {"PostgreSQL and pgvector", "The database", "Give them pgvector"}),
        ("redis", {"The product may use the socket of the one that is shared"}),
    ],
)
def test_what_is_ours_is_added(role: str, added: set[str]) -> None:
    assert added <= find_what_runs(role, coexist=True)


def test_our_own_services_leave_no_core_files_on_a_shared_server() -> None:
    assert "No core files with customers' messages and keys" in find_what_runs("hardening", coexist=True)
    tasks = yaml.safe_load((ROLES / "hardening/tasks/cores.yml").read_text())
    written = next(task["ansible.builtin.copy"] for task in tasks if "ansible.builtin.copy" in task)
    # systemd reads it for every unit whose name begins so, and for no other
    assert written["dest"].startswith("/etc/systemd/system/mostrador-.service.d/")
    assert "LimitCORE=0" in written["content"]


def test_updates_neither_reboot_nor_tidy_up_a_shared_server(system: str) -> None:
    text = render("ansible/roles/base/templates/apt.conf.j2", os=system, mostrador_coexist=True)
    lines = [line for line in text.splitlines() if line and not line.startswith("//")]
    assert lines == ['APT::Periodic::Update-Package-Lists "1";', 'APT::Periodic::Unattended-Upgrade "1";']


def test_nothing_restarts_others_services_by_itself() -> None:
    assert "needrestart" in evaluate("base_packages")
    shared = evaluate("base_packages", mostrador_coexist=True)
    assert "needrestart" not in shared
    assert "unattended-upgrades" in shared


def test_fail2ban_gets_our_jail_and_keeps_its_own_for_ssh() -> None:
    text = render("ansible/roles/hardening/templates/jail.conf.j2", mostrador_coexist=True)
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[mostrador-panel]"]
    assert "banaction = nftables[type=multiport]" in text
    handlers = yaml.safe_load((ROLES / "hardening/handlers/main.yml").read_text())
    state = next(h for h in handlers if h["name"] == "Restart fail2ban")["ansible.builtin.systemd_service"]["state"]
    assert evaluate(state.strip("{} "), mostrador_coexist=True) == "reloaded"
    assert evaluate(state.strip("{} "), mostrador_coexist=False) == "restarted"


@pytest.mark.parametrize(
    ("coexist", "was_there", "settings", "is_others"),
    [
        (False, True, {}, False),
        (True, True, {}, True),
        (True, False, {}, False),
        (True, False, {"REDIS_URL": ""}, True),
        (False, False, {"REDIS_URL": ""}, False),
    ],
)
def test_only_a_redis_that_we_bring_is_set_up(
    coexist: bool, was_there: bool, settings: dict[str, str], is_others: bool
) -> None:
    known: dict[str, Any] = {"preflight_seen": {**SEEN, "has_others_redis": was_there}, "mostrador_settings": settings}
    assert evaluate("redis_is_others", mostrador_coexist=coexist, **known) == is_others
    assert ("Its settings" in find_what_runs("redis", coexist=coexist, **known)) != is_others


def test_who_names_another_redis_gets_no_access_to_the_one_that_is_here() -> None:
    tasks = yaml.safe_load((ROLES / "redis/tasks/main.yml").read_text())
    when = next(task["when"] for task in tasks if "ansible.builtin.user" in task)
    assert evaluate(when, mostrador_coexist=True, preflight_seen=SEEN)
    assert not evaluate(when, mostrador_coexist=True, preflight_seen=SEEN, mostrador_settings={"REDIS_URL": ""})


def test_a_redis_that_we_brought_is_known_again_after_a_cut() -> None:
    known = {"preflight_seen": {**SEEN, "has_others_redis": False}, "redis_before": {"stat": {"exists": False}}}
    found = list(list_tasks(ROLES / "redis/tasks/main.yml", mostrador_coexist=True, ansible_check_mode=False, **known))
    assert found.index("Its settings, before it is there") < found.index("Redis")
    assert "port 0" in render("ansible/roles/redis/templates/mostrador.conf.j2", mostrador_coexist=True).splitlines()


# what preflight says


def find_task(name: str) -> dict[str, Any]:
    tasks = yaml.safe_load((ROLES / "preflight/tasks/neighbours.yml").read_text())
    task: dict[str, Any] = next(task for task in tasks if task["name"] == name)
    return task


def test_obstacles_stop_only_the_play_that_is_to_share() -> None:
    task = find_task("What is here can be shared as it is")
    seen = {**SEEN, "postgres_obstacles": ["the cluster"], "redis_obstacles": ["the Redis"]}
    known: dict[str, Any] = {"preflight_seen": seen, "mostrador_coexist": True}
    assert task["when"] == "mostrador_coexist"
    assert not evaluate(task["ansible.builtin.assert"]["that"], **known)
    assert evaluate("preflight_obstacles", **known) == ["the cluster", "the Redis"]
    assert evaluate("preflight_obstacles", **known, mostrador_settings={"REDIS_URL": ""}) == ["the cluster"]
    assert evaluate(task["ansible.builtin.assert"]["that"], preflight_seen=SEEN, mostrador_coexist=True)


@pytest.mark.parametrize("name", ["Nobody else lives on this server", "Say what is left alone and what is added"])
def test_what_happens_to_the_neighbours_is_said_before_and_after_they_agree(name: str) -> None:
    assert "preflight_sharing" in str(find_task(name))
    said = evaluate("preflight_sharing")
    left = said[: said.index("Added:")]
    for word in ("firewall", "ssh", "kernel", "host name", "time zone", "locale", "journal", "reboots", "PostgreSQL", "Redis"):
        assert word in left
    assert "role and databases named mostrador" in said


def test_the_look_is_told_what_is_to_be_shared() -> None:
    tasks = yaml.safe_load((ROLES / "preflight/tasks/machine.yml").read_text())
    command = next(task for task in tasks if task["name"] == "Look at the server")["ansible.builtin.script"]["cmd"]
    last = command[command.rindex("{{") + 2 : command.rindex("}}")]
    assert evaluate(last, mostrador_coexist=True) == "17 mostrador"
    assert evaluate(last, mostrador_coexist=False) == ""
