"""Tells systemd that we are ready, alive or stopping: sd_notify's protocol. Where no systemd listens, nothing happens."""

from __future__ import annotations

import os
import socket


def ready() -> None:
    notify("READY=1")


def alive() -> None:
    """The watchdog's ping. To be sent only by what has just done its work, so that its absence means something."""
    notify("WATCHDOG=1")


def stopping() -> None:
    notify("STOPPING=1")


def watchdog_s() -> float | None:
    """After how many seconds without a ping systemd restarts us. None: it doesn't watch."""
    given = os.environ.get("WATCHDOG_USEC", "")
    return int(given) / 1_000_000 if given.isdigit() and int(given) else None


def notify(state: str) -> None:
    """Never raises: a service works on without its supervisor, which then judges by itself."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # a socket without a file
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
            systemd.settimeout(1)
            systemd.sendto(state.encode(), address)
    except OSError:
        return
