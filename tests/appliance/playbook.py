"""Runs the playbooks as an operator does: an inventory, and `ansible-playbook` from a venv with the pinned Ansible."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.host import Host
from appliance.machine import CACHE, ROOT, locked, run

# what a checkout hasn't
LEFT_OUT = (
    ".git", ".venv", "dist", "var", "build", "node_modules", "chatbot/static", "*.mo", "*.egg-info", "__pycache__", ".*_cache",
)  # fmt: skip
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RECAP = re.compile(r"^\S+\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """One run. changed: how many tasks changed something, -1 where it didn't get that far."""

    code: int
    output: str
    changed: int
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.code == 0

    def changes(self) -> list[str]:
        """The names of the tasks that changed something."""
        blocks = re.split(r"^(?:TASK|RUNNING HANDLER) \[", self.output, flags=re.MULTILINE)
        return [b.split("]", 1)[0] for b in blocks if re.search(r"^changed: ", b, re.MULTILINE)]


def play(
    host: Host, playbook: str, *words: str, variables: Mapping[str, Any], user: str = "root", timeout_s: float = 1200
) -> Played:
    """`ansible-playbook -i inventory ansible/PLAYBOOK WORDS` against a host, logged in there as user."""
    inventory = write_inventory(host, variables, user)
    program = ansible_program("ansible-playbook")
    started = time.monotonic()
    command = [program, "-i", inventory, f"ansible/{playbook}", *words]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT, env=environment(host), capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    return _read_played(host, done, started)


def _read_played(host: Host, done: subprocess.CompletedProcess[str], started: float) -> Played:
    output = COLOUR.sub("", done.stdout + done.stderr).replace("\r\n", "\n")
    with (host.folder / "plays.log").open("a") as file:
        file.write(output)
    recap = RECAP.search(output)
    return Played(done.returncode, output, int(recap[2]) if recap else -1, time.monotonic() - started)


def bring_tree(host: Host) -> None:
    """The operator's copy of this repository in /root/mostrador, as git or an archive brings it."""
    archive = host.folder / "tree.tar.gz"
    left_out = (f"--exclude={name}" for name in LEFT_OUT)
    with locked("release"):  # what is built in the tree meanwhile would change under tar's hands
        run("tar", "--create", "--gzip", "--file", archive, *left_out, "-C", ROOT, ".", timeout_s=300)
    host.copy(archive, "/root/mostrador.tar.gz")
    host.ssh("mkdir -p /root/mostrador && tar xf /root/mostrador.tar.gz -C /root/mostrador && rm /root/mostrador.tar.gz")


def run_script(host: Host, *words: str, answers: str = "", timeout_s: float = 1200) -> Played:
    """`scripts/install WORDS` on the server, typed at a terminal."""
    started = time.monotonic()
    done = host.type(f"/root/mostrador/scripts/install {' '.join(words)}", answers, timeout_s)
    return _read_played(host, done, started)


def write_inventory(host: Host, variables: Mapping[str, Any], user: str = "root") -> Path:
    """JSON is YAML."""
    reached = {
        "ansible_host": host.address,
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(host.key),
        "ansible_ssh_common_args": f"-o IdentitiesOnly=yes -o UserKnownHostsFile={host.folder / 'known_hosts'}",
    }
    path = host.folder / f"inventory-{user}.yml"
    path.write_text(json.dumps({"mostrador": {"hosts": {"box": reached}, "vars": dict(variables)}}, indent=1))
    return path


def environment(host: Host) -> dict[str, str]:
    """Nothing of the operator's own Ansible settings; connections are kept in the host's folder and die with it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_HOME": str(host.folder / "ansible"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(host.folder / "cp"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


def ansible_program(name: str) -> Path:
    """From a venv in the cache with exactly requirements-ansible.txt."""
    pinned = ROOT / "requirements-ansible.txt"
    facts = f"{sys.version}{pinned.read_text()}"
    venv = CACHE / f"ansible-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    with locked("ansible"):
        if not (venv / "made").exists():
            run(sys.executable, "-m", "venv", "--clear", venv)
            run(venv / "bin/pip", "install", "--quiet", "--require-hashes", "-r", pinned, timeout_s=600)
            (venv / "made").touch()
    return venv / "bin" / name


def built_release() -> Path:
    """The artefact of this very tree."""
    with locked("release"):
        printed = run(ROOT / "scripts/build-release", timeout_s=600, cwd=ROOT)
    return Path(printed.strip().splitlines()[-1])


def newest_release() -> Path | None:
    return max((ROOT / "dist").glob("mostrador-*.tar.gz"), key=lambda path: path.stat().st_mtime, default=None)
