"""systemd's watchdog of the web: pinged after a real request over our own listening socket was answered, never otherwise.

gunicorn sends no pings. A thread in its arbiter would live on while no web process answers, and the arbiter forks.
"""

from __future__ import annotations

import socket
import threading
import time

from chatbot import systemd_notify

# any status is an answer: what is watched is the process, and no restart of ours mends a database
REQUEST = b"HEAD / HTTP/1.0\r\nHost: localhost\r\n\r\n"
PINGS_PER_PERIOD = 3


def start(listener: socket.socket) -> None:
    """Called once in each web process. Where systemd doesn't watch, nothing starts."""
    period_s = systemd_notify.watchdog_s()
    if period_s is not None:
        every_s = period_s / PINGS_PER_PERIOD
        threading.Thread(target=_watch, args=(listener, every_s), name="watchdog", daemon=True).start()


def _watch(listener: socket.socket, every_s: float) -> None:
    family, address = listener.family, listener.getsockname()
    while True:
        if is_answering(family, address, every_s):
            systemd_notify.alive()
        time.sleep(every_s)


def is_answering(family: int, address: object, timeout_s: float) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(address)  # type: ignore[arg-type]
            connection.sendall(REQUEST)
            return connection.recv(16).startswith(b"HTTP/")
    except OSError:
        return False
