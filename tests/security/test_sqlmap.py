"""sqlmap on whatever ends up in a statement: search, filters, sorting, places of lists, and the login."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from security.conftest import find_program
from security.front import CSRF, Front, Visitor

pytestmark = pytest.mark.security
INJECTABLE = re.compile(r"^Parameter: .+$", re.MULTILINE)
# address with values that are taken, so that each parameter reaches its statement
ADDRESSES = (
    "/conversations?q=hola&state=answered&responder=canned&language=es&inbox=1&from=2020-01-01&to=2030-01-01&sort=-updated",
    "/conversations?after=WyIyMDMwLTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgMV0",
    "/conversations/1?before=2030-01-01T00:00:00%2B00:00~0~1&seen=1",
    "/content/faq?q=canarias&state=live&sort=key",
    "/search?q=canarias",
    "/analytics?from=2020-01-01&to=2020-02-01&days=30",
    "/audit?q=invite&act=people.invite&who=flask",
    "/test?text=hola",
)


def attack(url: str, folder: Path, *words: str) -> str:
    """All that sqlmap says. Level 2 also tries the cookie; risk 1 changes no data."""
    command = [
        find_program("sqlmap"), "-u", url, "--batch", "--flush-session", "--disable-coloring", "--dbms", "PostgreSQL",
        "--level", "2", "--risk", "1", "--technique", "BEUSTQ", "--time-sec", "3", "--threads", "2", "--timeout", "20",
        "--output-dir", str(folder), *words,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_500)
    return done.stdout + done.stderr


def check_looked(told: str) -> None:
    assert "all tested parameters do not appear to be injectable" in told, told[-3000:]
    assert "connection timed out" not in told.lower(), told[-3000:]


def test_it_finds_what_there_is_to_find(leaky: str, tmp_path: Path) -> None:
    told = attack(f"{leaky}search?q=hola", tmp_path)
    assert INJECTABLE.findall(told) == ["Parameter: q (GET)"], told[-3000:]


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_owner_finds_nothing(front: Front, log_in: Callable[[], Visitor], tmp_path: Path, path: str) -> None:
    visitor = log_in()
    assert visitor.get(path)[0] == 200
    words = ["--cookie", visitor.cookie, "--referer", f"{front.url}/", "--skip", "__Host-mostrador"]
    told = attack(front.url + path, tmp_path, *words)
    assert INJECTABLE.findall(told) == [], told[-3000:]
    check_looked(told)


def test_a_stranger_finds_nothing_in_the_login(front: Front, tmp_path: Path) -> None:
    """Its own lock would stop it after ten tries: the failures are forgotten as they come."""
    visitor = Visitor(front)
    found = CSRF.search(visitor.get("/login")[1])
    assert found
    with front.box.engine.begin() as connection:
        connection.exec_driver_sql("CREATE RULE forget AS ON INSERT TO login_failure DO INSTEAD NOTHING")
    try:
        form = f"csrf_token={found[1]}&email=duena%40example.com&password=nada-de-nada-1"
        words = ["--data", form, "--cookie", visitor.cookie, "--referer", f"{front.url}/", "-p", "email,password"]
        told = attack(f"{front.url}/login", tmp_path, *words)
    finally:
        with front.box.engine.begin() as connection:
            connection.exec_driver_sql("DROP RULE forget ON login_failure")
    assert INJECTABLE.findall(told) == [], told[-3000:]
    check_looked(told)
