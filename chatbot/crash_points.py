"""Named places where tests break the process, and protections that tests switch off. Both do nothing elsewhere.

FAULTS_DIR is a folder of a test: a file `crash-NAME` there holds what happens at that point, once; a file `off-NAME`
switches a protection off. docs/delivery.md says how the promise is proved with them.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

_DIR = Path(os.environ["FAULTS_DIR"]) if os.environ.get("ENVIRONMENT") == "test" and os.environ.get("FAULTS_DIR") else None


class InjectedError(RuntimeError):
    """What a crash point of mode "raise" raises."""


def crash_point(name: str) -> None:
    """Dies (kill), freezes (stop) or fails (raise) here if a test asked for it; only the first to come by does."""
    if _DIR is None:
        return
    order = _DIR / f"crash-{name}"
    try:
        mode = order.read_text().strip()
        order.unlink()
    except FileNotFoundError:
        return
    if mode == "raise":
        raise InjectedError(name)
    # to this very thread, which goes no further: one to the process is taken by another thread, a moment later
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if mode == "kill" else signal.SIGSTOP)


def is_protected(name: str) -> bool:
    """False only where a test has switched this protection off, to see that its checker notices."""
    return _DIR is None or not (_DIR / f"off-{name}").exists()
