"""What preflight looks with, tried on this machine: variables, what is on the server, one play at a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.render import ANSIBLE, evaluate

PREFLIGHT = ANSIBLE / "roles/preflight"


def condition(name: str) -> str:
    """What a task of preflight asserts."""
    for file in sorted(PREFLIGHT.glob("tasks/*.yml")):
        for task in yaml.safe_load(file.read_text()):
            if task["name"] == name:
                that: str = task["ansible.builtin.assert"]["that"]
                return that
    raise AssertionError(f"no task {name!r}")


@pytest.mark.parametrize("domain", ["bot.example.org", "a-b.shop.mx", "xn--caf-dma.example", "1.2.example.org"])
def test_host_names_are_taken(domain: str) -> None:
    assert evaluate(condition("The domain is a host name"), mostrador_domain=domain)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "https://bot.example.org",
        "bot.example.org/",
        "Bot.Example.org",
        "203.0.113.7",
        "<bot.example.org>",
        "bot..example.org",
        "-bot.example.org",
        "bot.example.org ",
        "bot_1.example.org",
        "x" * 64 + ".org",
        "b.example.org; id",
    ],
)
def test_what_is_no_host_name_is_refused(domain: str) -> None:
    assert not evaluate(condition("The domain is a host name"), mostrador_domain=domain)


@pytest.mark.parametrize("email", ["owner@example.org", "o'neill+bot@mail.shop.mx"])
def test_addresses_are_taken(email: str) -> None:
    assert evaluate(condition("The e-mail is an address"), mostrador_email=email)


@pytest.mark.parametrize("email", ["", "owner", "owner@", "owner@example", "<owner@example.org>", "a b@example.org"])
def test_what_is_no_address_is_refused(email: str) -> None:
    assert not evaluate(condition("The e-mail is an address"), mostrador_email=email)


@pytest.mark.parametrize(
    ("time", "is_good"), [("04:30", True), ("23:59", True), ("24:00", False), ("4:30", False), (16200, False)]
)
def test_a_reboot_time_is_a_time_of_day(time: object, is_good: bool) -> None:
    assert evaluate(condition("The reboot time is a time"), mostrador_reboot_time=time) == is_good


@pytest.mark.parametrize(
    ("zone", "is_good"),
    [("Etc/UTC", True), ("America/Argentina/Buenos_Aires", True), ("UTC", True), ("Etc/GMT+5", True), ("", False)]
    + [(zone, False) for zone in ("/etc/passwd", "../../../etc/passwd", "America/Mexico City", "-06:00")],
)
def test_a_time_zone_is_a_name(zone: str, is_good: bool) -> None:
    assert evaluate(condition("The time zone is a name"), mostrador_timezone=zone) == is_good


def test_the_supported_systems_are_taken(system: str) -> None:
    assert evaluate("preflight_system in preflight_systems", os=system)


@pytest.mark.parametrize(("name", "version"), [("Debian", "12.11"), ("Ubuntu", "22.04"), ("Ubuntu", "25.10"), ("Rocky", "9.6")])
def test_other_systems_are_refused(name: str, version: str) -> None:
    major = version.partition(".")[0]
    facts = {"distribution": name, "distribution_version": version, "distribution_major_version": major}
    assert not evaluate("preflight_system in preflight_systems", facts=facts)


def look(domain: str, marker: str = "/nowhere", root: str = "/nowhere") -> dict[str, Any]:
    words = [sys.executable, str(PREFLIGHT / "files/look.py"), domain, marker, root]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)
    return found


def test_loopback_is_no_proof_that_a_domain_leads_here() -> None:
    seen = look("localhost")
    assert seen["addresses"] == []
    # through its own /etc/hosts a server named like the domain can't ask DNS: that is no reason to refuse it
    assert seen["is_local_name"] is True
    assert all(evaluate(told, preflight_seen=seen) for told in condition("The domain leads here"))


def test_a_name_that_nobody_knows_is_refused() -> None:
    seen = look("nowhere.invalid")
    assert seen["is_local_name"] is False
    assert not all(evaluate(told, preflight_seen=seen) for told in condition("The domain leads here"))


@pytest.mark.parametrize(("is_installed", "ends"), [(False, True), (True, False)])
def test_a_rehearsal_ends_before_what_looks_at_installed_things(is_installed: bool, ends: bool) -> None:
    """Also where Python's apt is there, as on every Ubuntu."""
    seen = {"is_installed": is_installed}
    assert evaluate("preflight_bare_check", ansible_check_mode=True, preflight_seen=seen) == ends
    assert not evaluate("preflight_bare_check", ansible_check_mode=False, preflight_seen=seen)


def test_a_time_zone_may_be_a_link() -> None:
    """UTC and many old names are."""
    tasks = yaml.safe_load((PREFLIGHT / "tasks/machine.yml").read_text())
    look_at = next(t["ansible.builtin.stat"] for t in tasks if t["name"] == "Look for the time zone")
    assert look_at["follow"] is True


def test_an_address_of_another_machine_is_told_from_our_own() -> None:
    own = look("localhost")["own_address"]
    assert look("192.0.2.55")["elsewhere"] == ["192.0.2.55"]
    if own:
        assert look(own)["elsewhere"] == []


def test_the_program_behind_a_taken_port_is_named() -> None:
    sys.path.insert(0, str(PREFLIGHT / "files"))
    try:
        from look import listener  # noqa: PLC0415
    finally:
        sys.path.pop(0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener(port) == Path("/proc/self/comm").read_text().strip()
    assert listener(port) == ""


def lock(*words: str) -> Any:
    program = [sys.executable, str(PREFLIGHT / "files/lock.py"), *words]
    return json.loads(subprocess.run(program, capture_output=True, text=True, check=True, timeout=20).stdout)


def test_a_free_lock_is_taken_once(tmp_path: Path) -> None:
    file = str(tmp_path / "lock")
    first, second = ({"controller": "a", "name": "pc", "pid": pid, "started": "1"} for pid in (1, 2))
    assert lock("read", file) == {"holder": None, "connected": False}
    assert lock("take", file, json.dumps(first), "null") is True
    # both had seen it free
    assert lock("take", file, json.dumps(second), "null") is False
    assert lock("read", file)["holder"]["pid"] == 1
    assert lock("drop", file, json.dumps(second)) is False
    assert lock("drop", file, json.dumps(first)) is True
    assert lock("read", file)["holder"] is None


def test_a_leftover_is_replaced_by_who_saw_that_it_was_one(tmp_path: Path) -> None:
    file = str(tmp_path / "lock")
    first, second = ({"controller": "a", "name": "pc", "pid": pid, "started": "1"} for pid in (1, 2))
    lock("take", file, json.dumps(first), "null")
    leftover = lock("read", file)["holder"]
    assert lock("take", file, json.dumps(second), json.dumps(leftover)) is True
    assert lock("read", file)["holder"]["pid"] == 2


def test_a_play_is_over_when_its_process_is(tmp_path: Path) -> None:
    me = lock("me")
    assert me["pid"] > 1
    assert lock("runs", json.dumps(me)) is True
    with subprocess.Popen(["sleep", "60"]) as process:
        started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        play = json.dumps({"pid": process.pid, "started": started})
        assert lock("runs", play) is True
        process.kill()
    assert lock("runs", play) is False


def test_a_process_id_that_was_given_again_is_another_play() -> None:
    assert lock("runs", json.dumps({"pid": os.getpid(), "started": "1"})) is False


def test_a_play_without_ssh_counts_as_disconnected(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    gone = {"controller": "a", "name": "pc", "pid": 1, "started": "1", "connection": [2**22 - 1, "1"]}
    file.write_text(json.dumps(gone))
    assert lock("read", str(file)) == {"holder": gone, "connected": False}
