#!/usr/bin/env python3
"""What only root can see of this box, written every minute for those who may not: chatbot/checks/box.py judges it.

Only the standard library, because it runs as root beside the product's releases and not from them.
--remember notes the checksums of what Ansible wrote, so that later changes by hand are seen.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COMMAND_S = 10
MANAGED_FOLDERS = ("/etc", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib/mostrador")
MANAGED_MARK = re.compile(rb"Made by Ansible \(role|Ansible managed")
MARK_WITHIN_BYTES = 2_000
SHOWN = {"Id": "id", "Type": "type", "ActiveState": "active", "SubState": "sub", "Result": "result", "NRestarts": "restarts"}
WANTED = Path("/usr/local/lib/mostrador/facts.json")
JOURNAL = Path("/var/log/journal")
REBOOT_MARK = Path("/run/reboot-required")
APT_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
# each is touched where its half succeeded: what there is was fetched, and what is new was installed
APT_STAMPS = (Path("/var/lib/apt/periodic/update-stamp"), Path("/var/lib/apt/periodic/upgrade-stamp"))
# as old as the box: before its first night there is nothing to miss
BORN_WITH_BOX = (Path("/etc/machine-id"), Path("/etc/mostrador/this-box"))
DPKG_LOCK = Path("/var/lib/dpkg/lock-frontend")
DPKG_FORMAT = "${db:Status-Status} ${db:Status-Eflag} ${binary:Package}\n"
DPKG_HALF = frozenset({"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})
OS_SHOWN = {"ID": "id", "VERSION_ID": "version", "VERSION_CODENAME": "codename"}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where facts.json goes")
    parser.add_argument("--wanted", type=Path, default=WANTED, help="JSON: units, private (paths), has_firewall")
    parser.add_argument("--remember", action="store_true", help="note the checksums of what Ansible wrote, and nothing else")
    given = parser.parse_args(arguments)
    managed = given.folder / "managed.json"
    if given.remember:
        print("changed" if remember(managed, float(os.environ.get("PLAY_BEGAN") or 0)) else "as before")  # noqa: T201
        return
    wanted = json.loads(given.wanted.read_text("utf-8"))
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        "units": lambda: read_units(wanted["units"]),
        "fail2ban": read_fail2ban,
        "journal": read_journal,
        "private": lambda: read_private([Path(path) for path in wanted["private"]]),
        "managed": lambda: compare(managed),
        "reboot": read_reboot,
        "updates": read_updates,
        "os": read_os,
    }
    if wanted["has_firewall"]:
        readers["firewall"] = read_firewall
    facts = {name: guard(reader) for name, reader in readers.items()}
    write(given.folder / "facts.json", {"at": time.time(), **facts})


def guard(reader: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One thing that can't be read must not hide the others."""
    try:
        return reader()
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
        return {"error": f"{type(e).__name__}: {e}"[:200]}


def write(path: Path, content: dict[str, Any]) -> None:
    """All of it or nothing; everybody may read it, for there are no secrets in it."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content), "utf-8")
    new.chmod(0o644)
    new.replace(path)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=True).stdout  # noqa: S603


def read_units(names: list[str]) -> dict[str, Any]:
    """State of those that exist."""
    shown = run("systemctl", "show", f"--property={','.join(SHOWN)},LoadState", *names) if names else ""
    units: dict[str, Any] = {}
    for block in shown.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("LoadState") not in {None, "not-found", "masked"}:
            units[values["Id"]] = {key: values.get(name, "") for name, key in SHOWN.items() if key != "id"}
    return units


def read_firewall() -> dict[str, Any]:
    """Whether something drops what comes in and wasn't let in on purpose."""
    rules = json.loads(run("nft", "--json", "list", "chains"))["nftables"]
    chains = [rule["chain"] for rule in rules if "chain" in rule]
    return {"drops": any(c.get("hook") == "input" and c.get("policy") == "drop" for c in chains)}


def read_fail2ban() -> dict[str, Any]:
    try:
        shown = run("fail2ban-client", "status", "sshd")
    except (OSError, subprocess.SubprocessError):
        return {"jails": [], "banned": 0}
    banned = re.search(r"Currently banned:\s*(\d+)", shown)
    return {"jails": ["sshd"], "banned": int(banned[1]) if banned else 0}


def read_journal() -> dict[str, Any]:
    """Whether it is on the disk, whether it has a limit of its own, and how large it is."""
    files = list(JOURNAL.glob("*/*.journal"))
    settings = [Path("/etc/systemd/journald.conf"), *sorted(Path("/etc/systemd/journald.conf.d").glob("*.conf"))]
    limits = [line for path in settings if path.is_file() for line in path.read_text("utf-8").splitlines()]
    is_capped = any(re.match(r"SystemMaxUse=\S", line.strip()) for line in limits)
    return {"is_persistent": bool(files), "is_capped": is_capped, "bytes": sum(path.stat().st_size for path in files)}


def read_private(paths: list[Path]) -> dict[str, Any]:
    """Which of these files, or files in these folders, others than owner and group may reach."""
    files = [file for path in paths for file in list_files(path)]
    closed = [path for path in paths if path.is_dir() and not path.stat().st_mode & stat.S_IRWXO]
    reachable = [file for file in files if not any(folder in file.parents for folder in closed)]
    return {"count": len(files), "open": sorted(str(file) for file in reachable if file.stat().st_mode & stat.S_IRWXO)}


def list_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder, _, names in os.walk(path):
            yield from (file for name in names if (file := Path(folder, name)).is_file())
    elif path.is_file():
        yield path


def read_reboot() -> dict[str, Any]:
    if not REBOOT_MARK.exists():
        return {"is_pending": False, "days": 0}
    return {"is_pending": True, "days": int((time.time() - REBOOT_MARK.stat().st_mtime) // 86_400)}


def read_updates() -> dict[str, Any]:
    """How long the system's own updates haven't succeeded, which of their timers are off, and what is installed by half."""
    born = max(map(read_mtime, BORN_WITH_BOX))
    succeeded_at = min(max(read_mtime(stamp), born) for stamp in APT_STAMPS)
    return {
        "days": round(max(0.0, time.time() - succeeded_at) / 86_400, 1),
        "off": list_timers_off(),
        "is_busy": is_locked(DPKG_LOCK),
        "half": list_half_installed(),
    }


def read_mtime(path: Path) -> float:
    """0 where it isn't there."""
    return path.stat().st_mtime if path.exists() else 0.0


def list_timers_off() -> list[str]:
    shown = run("systemctl", "show", "--property=Id,ActiveState,UnitFileState", *APT_TIMERS)
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.strip().split("\n\n")]
    on = {b.get("Id") for b in blocks if b.get("ActiveState") == "active" and b.get("UnitFileState", "").startswith("enabled")}
    return [name for name in APT_TIMERS if name not in on]


def is_locked(path: Path) -> bool:
    """Whether dpkg or apt are at work. It is only asked: a lock of ours would be in their way."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind: int = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK


def list_half_installed() -> list[str]:
    rows = [line.split() for line in run("dpkg-query", "--show", "--showformat", DPKG_FORMAT).splitlines()]
    return [name for status, flag, name in rows if status in DPKG_HALF or flag == "reinstreq"]


def read_os() -> dict[str, Any]:
    found = platform.freedesktop_os_release()
    return {key: found.get(name, "") for name, key in OS_SHOWN.items()}


def find_managed() -> Iterator[Path]:
    """Files that say of themselves that Ansible wrote them."""
    for folder in MANAGED_FOLDERS:
        for path in list_files(Path(folder)):
            if not path.is_symlink() and MANAGED_MARK.search(read_start(path)):
                yield path


def read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MARK_WITHIN_BYTES)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def remember(managed: Path, began: float) -> bool:
    """Whether anything is new since the last play. began: when this play began (seconds since 1970, 0 where it isn't known):
    what was changed before that, and not written anew by this play, was changed by hand and stays so."""
    known: dict[str, str] = json.loads(managed.read_text("utf-8")) if managed.is_file() else {}
    found = {str(path): digest(path) for path in sorted(find_managed())}
    for name, known_as in known.items():
        if name in found and Path(name).stat().st_mtime < began:
            found[name] = known_as
    if known == found:
        return False
    write(managed, found)
    return True


def compare(managed: Path) -> dict[str, Any]:
    """What Ansible wrote, against how it is now."""
    known: dict[str, str] = json.loads(managed.read_text("utf-8"))
    missing = [name for name in known if not Path(name).is_file()]
    changed = [name for name, known_as in known.items() if name not in missing and digest(Path(name)) != known_as]
    return {"count": len(known), "changed": changed, "missing": missing}


if __name__ == "__main__":
    main(sys.argv[1:])
