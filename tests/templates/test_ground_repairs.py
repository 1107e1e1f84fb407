"""What the play puts right on a server before it goes on: a provider's own firewall rules, and what is installed by half."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.render import ANSIBLE, ROOT, evaluate

ROLES = ANSIBLE / "roles"


# rules that a provider's image loads


@pytest.fixture
def provider(tmp_path: Path) -> Callable[[], list[str]]:
    """Runs the task that takes them out, with programs that only note what they were told."""
    tasks = yaml.safe_load((ROLES / "hardening/tasks/firewall.yml").read_text())
    names = [task["name"] for task in tasks]
    index = next(i for i, name in enumerate(names) if name.startswith("Take the image's own rules out"))
    assert names[index + 1 : index + 3] == ["And keep them out", "The firewall is up"]
    assert tasks[index]["when"] == tasks[index + 1]["when"] == "hardening_persistent.rc == 0"
    assert tasks[index + 1]["ansible.builtin.systemd_service"]["enabled"] is False
    for program in ("iptables", "ip6tables"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho "{program} $*" >>{tmp_path}/told\n')
        (tmp_path / program).chmod(0o755)

    def run() -> list[str]:
        script = tasks[index]["ansible.builtin.shell"]["cmd"].replace("/proc/net/if_inet6", str(tmp_path / "told"))
        (tmp_path / "told").touch()
        subprocess.run(["sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, timeout=20)
        return (tmp_path / "told").read_text().splitlines()

    return run


def test_rules_of_a_providers_image_are_taken_out_before_ours_go_in(provider: Callable[[], list[str]]) -> None:
    told = provider()
    for program in ("iptables", "ip6tables"):
        own = [line.removeprefix(f"{program} --wait ") for line in told if line.startswith(f"{program} ")]
        # first the policies: a connection that is in use must not fall between the two
        assert own == [*(f"--policy {chain} ACCEPT" for chain in ("INPUT", "FORWARD", "OUTPUT")), "--flush", "--delete-chain"]


def test_a_rule_that_stays_is_a_failure(provider: Callable[[], list[str]], tmp_path: Path) -> None:
    (tmp_path / "iptables").write_text("#!/bin/sh\nexit 4\n")
    with pytest.raises(subprocess.CalledProcessError):
        provider()


# a power cut inside apt


def find_dpkg_task() -> dict[str, Any]:
    task: dict[str, Any] = yaml.safe_load((ROLES / "base/tasks/packages.yml").read_text())[0]
    return task


def test_what_a_power_cut_left_half_installed_is_finished_first() -> None:
    task = find_dpkg_task()
    words = task["ansible.builtin.command"]["cmd"].split()
    assert (words[0], words[-2:]) == ("dpkg", ["--configure", "-a"])
    assert not evaluate(task["when"], ansible_check_mode=True)
    for said, is_changed in [("", False), ("Setting up nginx (1.26) ...\n", True)]:
        assert evaluate(task["changed_when"], base_configured={"stdout": said}) == is_changed


@pytest.mark.parametrize(
    ("code", "said", "is_over"),
    [
        (0, "", True),
        (2, "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n", False),
        (1, "dpkg: error processing package nginx (--configure):\n", True),
    ],
)
def test_an_update_under_way_is_waited_for(code: int, said: str, is_over: bool) -> None:
    assert evaluate(find_dpkg_task()["until"], base_configured={"rc": code, "stderr": said}) == is_over


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg isn't installed here")
def test_dpkg_knows_the_words(tmp_path: Path) -> None:
    words = find_dpkg_task()["ansible.builtin.command"]["cmd"].split()
    (tmp_path / "status").touch()
    (tmp_path / "updates").mkdir()
    (tmp_path / "info").mkdir()
    done = subprocess.run(
        [words[0], f"--admindir={tmp_path}", "--no-act", *words[1:]],
        capture_output=True, text=True, check=False, timeout=20, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
