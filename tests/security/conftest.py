"""One installation in production's way behind nginx, with what there is to attack in it, and an owner's session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from acceptance.box import ROOT, Box, free_port
from sqlalchemy import text

from security.front import Front, Visitor

EMAIL, PASSWORD = "duena@example.com", "un-paraguas-verde-7"
SAID = ("¿Hacéis envíos a Canarias?", "hola", "¿Vendéis bicicletas eléctricas?", "quiero hablar con una persona")


def find_program(name: str) -> str:
    """No test is skipped for a missing scanner."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.fail(f"{name} is missing; type: apt-get install {name}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("security")
    box = Box(make_database_for_session(), folder, workers=1, ENVIRONMENT="production", TRUSTED_PROXIES="1")
    try:
        box.start()
        for words in SAID:
            box.pretend.customer(words)
        box.settle()
        yield box
    finally:
        box.stop()
        box.engine.dispose()


@pytest.fixture(scope="session")
def front(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    front = Front(box, folder)
    try:
        yield front.start()
    finally:
        front.stop()


@pytest.fixture(scope="session")
def log_in(front: Front) -> Callable[[], Visitor]:
    """log_in() -> a visitor with a session of their own, logged in as the owner."""
    made = run_flask(front.box, "user", "create", "--owner", EMAIL)
    link = next(word for word in made.split() if "/welcome/" in word)
    form = {"name": "La dueña", "password": PASSWORD, "again": PASSWORD}
    assert Visitor(front).post(urlsplit(link).path, form)[0] == 303

    def log_in() -> Visitor:
        with front.box.engine.begin() as connection:  # what scanners tried has locked this address
            connection.execute(text("DELETE FROM login_failure"))
        visitor = Visitor(front)
        assert visitor.post("/login", {"email": EMAIL, "password": PASSWORD})[0] == 302
        assert visitor.get("/users")[0] == 200
        return visitor

    return log_in


def run_flask(box: Box, *words: str) -> str:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    return subprocess.run(
        command, cwd=ROOT, env=box.environment(), check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture(scope="session")
def reports() -> Path:
    """Where scanners leave what they found, to be read afterwards."""
    folder = ROOT / "var" / "security"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def leaky(box: Box) -> Iterator[str]:
    """Its URL."""
    port = free_port()
    command = [sys.executable, "-m", "security.leaky", str(port), box.database_url.replace("+psycopg", "")]
    environment = {**box.environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            box.wait(lambda: is_open(port), 10, "the page with holes is there")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
