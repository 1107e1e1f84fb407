"""systemd hears of us what is true, and hears nothing where nobody works."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from chatbot import systemd_notify
from chatbot.web import watchdog


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@pytest.fixture
def web() -> Iterator[socket.socket]:
    """A listening socket that nobody answers on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_each_state_is_sent_as_systemd_reads_it(systemd: socket.socket) -> None:
    systemd_notify.ready()
    systemd_notify.alive()
    systemd_notify.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_address_without_a_file_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # Linux picks a free abstract name
        listening.settimeout(5)
        name: bytes = listening.getsockname()
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:].decode())
        systemd_notify.ready()
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nobody/listens/here", "nonsense"])
def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd_notify.ready()


@pytest.mark.parametrize(("given", "seconds"), [("90000000", 90.0), ("", None), ("0", None), ("soon", None)])
def test_the_watchdogs_period_is_read(monkeypatch: pytest.MonkeyPatch, given: str, seconds: float | None) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", given)
    assert systemd_notify.watchdog_s() == seconds


def test_any_answer_of_the_web_is_a_sign_of_life(web: socket.socket) -> None:
    def answer() -> None:
        with web.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.0 503 Service Unavailable\r\n\r\n")

    thread = Thread(target=answer)
    thread.start()
    assert watchdog.is_answering(web.family, web.getsockname(), 5)
    thread.join()


def test_a_web_that_takes_connections_and_answers_none_is_no_sign_of_life(web: socket.socket) -> None:
    assert not watchdog.is_answering(web.family, web.getsockname(), 0.2)


def test_the_watchdog_is_pinged_only_while_the_web_answers(
    systemd: socket.socket, web: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    watchdog.start(web)
    systemd.settimeout(1)
    with pytest.raises(TimeoutError):
        systemd.recv(100)
    systemd.settimeout(5)

    def answer() -> None:
        with suppress(OSError):
            while True:
                connection, _ = web.accept()
                with connection:
                    connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

    Thread(target=answer, daemon=True).start()
    assert systemd.recv(100) == b"WATCHDOG=1"


def test_where_systemd_does_not_watch_no_thread_is_started(web: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    watchdog.start(web)
    web.settimeout(0.3)
    with pytest.raises(TimeoutError):
        web.accept()
