"""One play at a time on a box: who holds the lock, and whether it still runs.

    lock.py me                    on the controlling machine: this play as JSON
    lock.py runs PLAY             on the controlling machine: does that play's process still run?
    lock.py read FILE             on the box: the holder, and whether its connection still stands
    lock.py take FILE PLAY OLD    on the box: take it if OLD (JSON or null) is still what is in there
    lock.py drop FILE PLAY        on the box: give it back

A play that was ended in its middle leaves the file behind. On the machine that started it, its process tells that it is over;
seen from another machine, its ssh connection does (which stands up to a minute longer: ControlPersist).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO


def main(verb: str, *words: str) -> int:
    verbs: dict[str, Callable[..., object]] = {"me": me, "runs": runs, "read": read, "take": take, "drop": drop}
    sys.stdout.write(json.dumps(verbs[verb](*words)) + "\n")
    return 0


def me() -> dict[str, object]:
    """The play's process and its machine. We're the child of one of its forks, which have its command line."""
    pid = os.getppid()
    if _ask_ps(pid, "args").startswith(("sh ", "/bin/sh ")):
        pid = _parent(pid)
    while _ask_ps(_parent(pid), "args") == _ask_ps(pid, "args"):
        pid = _parent(pid)
    machine = _read("/etc/machine-id") or platform.node()
    return {
        "controller": hashlib.sha256(machine.encode()).hexdigest()[:16],
        "name": platform.node(),
        "pid": pid,
        "started": _started(pid),
    }


def runs(play: str) -> bool:
    known = json.loads(play)
    return bool(known["started"] == _started(known["pid"]))


def read(file: str) -> dict[str, object]:
    holder = json.loads(_read(file) or "null")
    connection = holder and holder["connection"]
    return {"holder": holder, "connected": bool(connection and connection == [connection[0], _started(connection[0])])}


def take(file: str, play: str, old: str) -> bool:
    with _exclusively(file) as stream:
        if json.loads(stream.read() or "null") != json.loads(old):
            return False
        _write(stream, json.dumps(json.loads(play) | {"connection": _connection()}))
        return True


def drop(file: str, play: str) -> bool:
    mine = json.loads(play)
    with _exclusively(file) as stream:
        holder = json.loads(stream.read() or "null")
        if holder is None or {name: holder[name] for name in mine} != mine:
            return False
        _write(stream, "")
        return True


def _connection() -> list[object] | None:
    """The sshd that we came through: its process and when it began."""
    pid = os.getppid()
    while pid > 1:
        if _ask_ps(pid, "comm").startswith("sshd"):
            return [pid, _started(pid)]
        pid = _parent(pid)
    return None


def _parent(pid: int) -> int:
    return int(_ask_ps(pid, "ppid") or 0)


def _started(pid: int) -> str:
    return _ask_ps(pid, "lstart")


def _ask_ps(pid: int, what: str) -> str:
    """From /proc, as a small server may have no ps; from ps where there is no /proc (macOS)."""
    if not Path("/proc/self/stat").exists():
        given = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        words = ["ps", "-o", f"{what}=", "-p", str(pid)]
        done = subprocess.run(words, capture_output=True, text=True, env=given, check=False, timeout=10)  # noqa: S603
        return done.stdout.strip()
    if what == "args":
        return _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    if what == "comm":
        return _read(f"/proc/{pid}/comm")
    # the name in brackets may have spaces; ppid is the 4th field, the start in ticks since boot the 22nd
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[{"ppid": 1, "lstart": 19}[what]] if fields else ""


@contextlib.contextmanager
def _exclusively(file: str) -> Iterator[IO[str]]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream


def _write(stream: IO[str], text: str) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(text)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
