"""Root's reader: what it writes of files, and that one thing it can't read hides nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    assert facts.remember(managed) is True
    assert facts.remember(managed) is False, "a second play changes nothing"
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
