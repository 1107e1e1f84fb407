"""Processes that are found again and ended by their control group: nobody else's can be in it, and none escapes."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.machine import run


def launch(name: str, words: Sequence[str | Path], log: Path, environment: str = "") -> None:
    """Starts a program in the group of that name, detached from this process."""
    enter = " && ".join(f"mkdir -p {group} && echo $$ > {group}/cgroup.procs" for group in _groups(name))
    command = f"{enter} && exec env {environment} {shlex.join(str(word) for word in words)} </dev/null >>{log} 2>&1"
    run("setsid", "--fork", "sh", "-c", command, stdin=subprocess.DEVNULL)


def is_alive(name: str) -> bool:
    return any(_pids_below(group) for group in _groups(name))


def end(name: str) -> None:
    """Kills all of a group, and takes the group away."""
    for group in _groups(name):
        if (group / "cgroup.kill").exists():
            (group / "cgroup.kill").write_text("1")
    stop_at = time.monotonic() + 60
    while is_alive(name) and time.monotonic() < stop_at:
        time.sleep(0.05)
    for group in _groups(name):
        for folder in [*sorted(group.rglob("*/"), reverse=True), group]:
            run("rmdir", folder, is_checked=False)


def _groups(name: str) -> list[Path]:
    """In each hierarchy that systemd uses: version 2, and beside it its own named one of version 1 where there is one."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    own = [m[1] for m in mounts if m[1].startswith("/sys/fs/cgroup") and (m[2] == "cgroup2" or "name=systemd" in m[3])]
    return [Path(mount) / f"mostrador-{name}" for mount in own]


def _pids_below(group: Path) -> list[str]:
    found: list[str] = []
    for path in [group / "cgroup.procs", *group.rglob("cgroup.procs")]:
        try:
            found += path.read_text().split()
        except OSError:
            continue
    return found
