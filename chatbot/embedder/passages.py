"""Passages are embedded by a process of its own: started when the first one comes, of low priority, gone when none have come.

Questions never wait for it, and whatever a hostile text does to it ends there.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from chatbot.embedder.model import Model, ModelError
from chatbot.local_embedder import DIMENSIONS

VECTOR_BYTES = 4 * DIMENSIONS
NICENESS = 10
IDLE_S = 30.0
# a text of the largest size takes some seconds on a slow core that others use too
TEXT_S = 60.0
BUSY_S = 20.0
ASKED = "--passages"
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}


class Busy(Exception):
    """Others' passages take too long to wait for."""


class Broken(Exception):
    """The process ended over a text. is_text: by itself, so that the same text would end it again."""

    def __init__(self, problem: str, *, is_text: bool = False) -> None:
        super().__init__(problem)
        self.is_text = is_text


class PassageProcess:
    """The other process, as the server sees it. One call at a time; the others wait in line for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._used_at = 0.0

    def embed(self, texts: list[str]) -> list[bytes]:
        """Raises Busy and Broken."""
        if not self._lock.acquire(timeout=BUSY_S):
            raise Busy
        try:
            line = self._get_line()
            line.sendall(json.dumps(texts).encode() + b"\n")
            return [_receive(line) for _ in texts]
        except OSError as e:
            raise self._explain(e) from None
        finally:
            self._used_at = time.monotonic()
            self._lock.release()

    def end_when_idle(self) -> None:
        """Called every now and then."""
        if self._process is None or time.monotonic() - self._used_at < IDLE_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._end()
        finally:
            self._lock.release()

    def close(self) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process else None

    def _get_line(self) -> socket.socket:
        if self._line is not None and self._process is not None and self._process.poll() is None:
            return self._line
        self._end()
        ours, theirs = socket.socketpair()
        ours.settimeout(TEXT_S)
        with theirs:
            command = [sys.executable, str(Path(sys.argv[0]).resolve()), ASKED, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603
        self._line = ours
        return ours

    def _explain(self, error: OSError) -> Broken:
        """Why the line broke. A process that was killed from outside isn't its text's fault, one that crashed is."""
        is_slow = isinstance(error, TimeoutError)
        code = self._end(is_forced=is_slow)
        if is_slow:
            return Broken(f"a passage took longer than {TEXT_S:.0f} s", is_text=True)
        return Broken(f"the process that embeds passages has ended ({code})", is_text=code in CRASHES)

    def _end(self, *, is_forced: bool = False) -> int | None:
        """Its exit code, None where none ran. It ends by itself when its line does."""
        process, line = self._process, self._line
        self._process = self._line = None
        if line is not None:
            line.close()
        if process is None:
            return None
        if is_forced:
            process.kill()
        try:
            return process.wait(TEXT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _receive(line: socket.socket) -> bytes:
    vector = b""
    while len(vector) < VECTOR_BYTES:
        piece = line.recv(VECTOR_BYTES - len(vector))
        if not piece:
            raise ConnectionResetError
        vector += piece
    return vector


def serve(descriptor: int) -> int:
    """The other process: a line of JSON texts in, each one's vector out, until the line ends. Its exit code."""
    with suppress(OSError):
        os.nice(NICENESS)
    try:
        model = Model()
        with socket.socket(fileno=descriptor) as line, line.makefile("rb") as asked:
            for texts in asked:
                for text in json.loads(texts):
                    line.sendall(model.embed(text, "passage"))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except ModelError as e:
        print(f"embedder: {e}", file=sys.stderr)  # noqa: T201
        return 1
    return 0
