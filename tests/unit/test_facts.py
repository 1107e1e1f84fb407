"""Root's reader: what it writes of files, and that one thing it can't read hides nothing else."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

SCRIPT = ROOT / "ansible/roles/monitoring/files/facts.py"


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    sys.modules.pop("facts", None)
    import facts  # noqa: PLC0415

    return facts


def run(folder: Path, *words: str, **programs: str) -> dict[str, dict[str, object]]:
    """Runs it as systemd does, with programs that print what the test says. Returns facts.json."""
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name, output in programs.items():
        program = bin_folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
        program.chmod(0o755)
    wanted = folder / "wanted.json"
    private = folder / "private"
    private.mkdir(exist_ok=True)
    wanted.write_text(json.dumps({"units": ["a.service", "gone.service"], "private": [str(private)], "has_firewall": True}))
    subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "--folder", str(folder), "--wanted", str(wanted), *words],
        env={**os.environ, "PATH": f"{bin_folder}:/usr/bin:/bin"},
        check=True,
        timeout=60,
    )
    found: dict[str, dict[str, object]] = json.loads((folder / "facts.json").read_text())
    return found


UNITS = """Id=a.service
Type=simple
ActiveState=failed
SubState=failed
Result=exit-code
NRestarts=3
LoadState=loaded

Id=gone.service
ActiveState=inactive
LoadState=not-found"""
DROPPING = '{"nftables": [{"metainfo": {}}, {"chain": {"hook": "input", "policy": "drop"}}]}'
OPEN = '{"nftables": [{"chain": {"hook": "input", "policy": "accept"}}, {"chain": {"name": "f2b"}}]}'


def test_units_that_exist_are_shown(tmp_path: Path) -> None:
    expected = {"type": "simple", "active": "failed", "sub": "failed", "result": "exit-code", "restarts": "3"}
    assert run(tmp_path, systemctl=UNITS)["units"] == {"a.service": expected}


@pytest.mark.parametrize(("chains", "drops"), [(DROPPING, True), (OPEN, False)])
def test_a_firewall_drops_by_default_or_is_none(tmp_path: Path, chains: str, drops: bool) -> None:
    assert run(tmp_path, nft=chains)["firewall"] == {"drops": drops}


def test_bans_are_counted(tmp_path: Path) -> None:
    found = run(tmp_path, fail2ban_client="Status for the jail: sshd\n   |- Currently banned:\t2\n")
    assert found["fail2ban"] == {"jails": ["sshd"], "banned": 2}


def test_what_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    found = run(tmp_path, nft="not json", systemctl=UNITS)
    assert "error" in found["firewall"]
    assert "a.service" in found["units"]
    assert "error" in found["managed"], "nothing was remembered yet"


def test_files_that_others_may_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    for name, mode in {"key": 0o640, "open": 0o644, "tight": 0o600}.items():
        (tmp_path / "private" / name).write_text("x")
        (tmp_path / "private" / name).chmod(mode)
    assert run(tmp_path)["private"] == {"count": 3, "open": [str(tmp_path / "private/open")]}
    (tmp_path / "private").chmod(0o750)
    assert run(tmp_path)["private"] == {"count": 3, "open": []}, "nobody else gets into the folder"


def test_everybody_may_read_the_facts(tmp_path: Path) -> None:
    run(tmp_path)
    assert (tmp_path / "facts.json").stat().st_mode & 0o777 == 0o644
    assert not list(tmp_path.glob("*.new"))


def test_what_was_changed_or_removed_since_the_play_is_named(
    facts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    monkeypatch.setattr(facts, "MANAGED_FOLDERS", (str(etc),))
    for name, text in {"a": "# Made by Ansible (role base).", "b": "# Ansible managed", "c": "# the distribution's"}.items():
        (etc / name).write_text(text)
    managed = tmp_path / "managed.json"
    assert facts.remember(managed, 0) is True
    assert facts.remember(managed, 0) is False, "a second play changes nothing"
    assert facts.compare(managed) == {"count": 2, "changed": [], "missing": []}
    (etc / "a").write_text("# Made by Ansible (role base). And by hand.")
    (etc / "b").unlink()
    (etc / "c").write_text("changed, but nobody's business")
    assert facts.compare(managed) == {"count": 2, "changed": [str(etc / "a")], "missing": [str(etc / "b")]}


def test_a_journal_is_persistent_and_capped_or_not(facts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "JOURNAL", tmp_path)
    assert facts.read_journal()["is_persistent"] is False
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine/system.journal").write_bytes(b"x" * 10)
    assert (facts.read_journal()["is_persistent"], facts.read_journal()["bytes"]) == (True, 10)


def test_a_play_that_does_not_write_a_changed_file_anew_does_not_call_it_right(
    tmp_path: Path, facts: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MANAGED_FOLDERS", [str(tmp_path)])
    edited, played = tmp_path / "edited", tmp_path / "played"
    for path in (edited, played):
        path.write_text("# Made by Ansible (role base).")
    managed = tmp_path / "managed.json"
    facts.remember(managed, 0)
    for path in (edited, played):
        path.write_text("# Made by Ansible (role base). And more")
    os.utime(edited, (1_000, 1_000))
    assert facts.remember(managed, 2_000) is True
    assert facts.compare(managed)["changed"] == [str(edited)]


TIMERS = """Id=apt-daily.timer
ActiveState=active
UnitFileState=enabled

Id=apt-daily-upgrade.timer
ActiveState=active
UnitFileState=enabled"""
INSTALLED = "installed ok nginx"


@pytest.mark.parametrize(
    ("timers", "off"),
    [
        (TIMERS, []),
        (TIMERS.replace("active", "inactive", 1), ["apt-daily.timer"]),
        (TIMERS.replace("=enabled", "=disabled"), ["apt-daily.timer", "apt-daily-upgrade.timer"]),
        ("", ["apt-daily.timer", "apt-daily-upgrade.timer"]),
    ],
)
def test_timers_of_the_updates_are_off_where_they_rest_or_would_after_a_reboot(
    tmp_path: Path, timers: str, off: list[str]
) -> None:
    assert run(tmp_path, systemctl=timers, dpkg_query=INSTALLED)["updates"]["off"] == off


def test_packages_that_are_installed_by_half_are_named(tmp_path: Path) -> None:
    rows = f"{INSTALLED}\nhalf-configured ok redis\nconfig-files ok old\ninstalled reinstreq libc6:amd64\nunpacked ok b"
    assert run(tmp_path, systemctl=TIMERS, dpkg_query=rows)["updates"]["half"] == ["redis", "libc6:amd64", "b"]


def test_the_system_says_what_it_is(tmp_path: Path) -> None:
    own = platform.freedesktop_os_release()
    expected = {"id": own["ID"], "version": own.get("VERSION_ID", ""), "codename": own.get("VERSION_CODENAME", "")}
    assert run(tmp_path)["os"] == expected


@pytest.fixture
def apt(facts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stamps and the age of a box, whose timers run and whose packages are whole."""
    monkeypatch.setattr(facts, "APT_STAMPS", (tmp_path / "update-stamp", tmp_path / "upgrade-stamp"))
    monkeypatch.setattr(facts, "BORN_WITH_BOX", (tmp_path / "machine-id", tmp_path / "this-box"))
    monkeypatch.setattr(facts, "DPKG_LOCK", tmp_path / "lock")
    monkeypatch.setattr(facts, "run", lambda *words: TIMERS if words[0] == "systemctl" else INSTALLED)
    return tmp_path


@pytest.mark.parametrize(
    ("ages", "days"),
    [
        ({"machine-id": 90, "this-box": 0.5}, 0.5),
        ({"machine-id": 90, "this-box": 5}, 5),
        ({"machine-id": 90, "this-box": 80, "update-stamp": 1, "upgrade-stamp": 1}, 1),
        ({"machine-id": 90, "this-box": 80, "update-stamp": 1, "upgrade-stamp": 6}, 6),
        ({"machine-id": 90, "this-box": 80, "update-stamp": 7, "upgrade-stamp": 1}, 7),
        ({"machine-id": 90, "this-box": 1, "update-stamp": 60, "upgrade-stamp": 60}, 1),
        ({"machine-id": 20}, 20),
        ({"machine-id": 20, "update-stamp": -3, "upgrade-stamp": -3}, 0),
    ],
    ids=["new", "never", "well", "not installed", "not fetched", "of an older image", "shared box", "of the future"],
)
def test_updates_are_as_old_as_the_half_that_last_succeeded_and_never_older_than_the_box(
    facts: ModuleType, apt: Path, ages: dict[str, float], days: float
) -> None:
    for name, age in ages.items():
        (apt / name).touch()
        os.utime(apt / name, (time.time() - age * 86_400,) * 2)
    assert facts.read_updates() == {"days": pytest.approx(days, abs=0.1), "off": [], "is_busy": False, "half": []}


def test_an_update_under_way_is_seen_by_its_lock(facts: ModuleType, apt: Path) -> None:
    (apt / "lock").touch()
    assert facts.read_updates()["is_busy"] is False
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(apt / "lock")], **pipes) as holder:  # type: ignore[call-overload]
        holder.stdout.readline()
        assert facts.read_updates()["is_busy"] is True
        holder.stdin.close()
        holder.wait(60)
    assert facts.read_updates()["is_busy"] is False
