"""What stands in the way of sharing a server with another PostgreSQL and Redis, as preflight sees and tells it."""

from __future__ import annotations

import grp
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from postgres import GivenPostgres, Postgres
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from templates.render import ANSIBLE, render

ROLES = ANSIBLE / "roles"


# what preflight sees


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """look.py, with programs of the test's own and all it looks at in the test's folder."""
    monkeypatch.syspath_prepend(str(ROLES / "preflight/files"))
    sys.modules.pop("look", None)
    import look  # noqa: PLC0415

    for name in ("REDIS_CONF", "REDIS_OWN", "REDIS_SOCKET"):
        monkeypatch.setattr(look, name, str(tmp_path / name))
    monkeypatch.setattr(look, "listener", lambda port: "")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return look


@pytest.fixture
def say(tmp_path: Path) -> Callable[[str, str], None]:
    """say(program, text): the program is there and says that."""

    def make(program: str, said: str) -> None:
        (tmp_path / f"{program}.txt").write_text(said)
        (tmp_path / "bin" / program).write_text(f"#!/bin/sh\ncat {tmp_path}/{program}.txt\n")
        (tmp_path / "bin" / program).chmod(0o755)

    return make


def cluster(version: str = "17", port: str = "5432", status: str = "online") -> str:
    return f"{version}  main {port} {status} postgres /var/lib/postgresql/{version}/main /var/log/postgresql/x.log\n"


def rule(method: str, database: str = "all", user: str = "all", **others: Any) -> dict[str, Any]:
    return {
        "type": "local",
        "database": [database],
        "user_name": [user],
        "auth_method": method,
        "options": None,
        "error": None,
        **others,
    }


def test_no_postgresql_and_a_good_one_are_no_obstacles(look: Any, say: Callable[[str, str], None]) -> None:
    say("pg_lsclusters", "")
    assert look.postgres_obstacles("17", "mostrador") == []
    say("pg_lsclusters", cluster())
    say("runuser", json.dumps([rule("peer", user="postgres"), rule("peer")]))
    assert look.postgres_obstacles("17", "mostrador") == []
    # another one, of another version, on another port
    say("pg_lsclusters", cluster("15", "5433") + cluster())
    assert look.postgres_obstacles("17", "mostrador") == []


@pytest.mark.parametrize(
    ("clusters", "told"),
    [
        (cluster("15"), ["15/main", "version 17", "pg_conftool 15 main set port 5433", "systemctl restart postgresql@15-main"]),
        (cluster(status="down"), ["17/main is down", "systemctl start postgresql@17-main"]),
        (cluster(status="online,recovery"), ["online,recovery"]),
        (cluster(port="5433"), ["17/main", "pg_conftool 17 main set port 5432"]),
    ],
)
def test_a_cluster_that_cant_take_our_database_is_told_with_what_to_type(
    look: Any, say: Callable[[str, str], None], clusters: str, told: list[str]
) -> None:
    say("pg_lsclusters", clusters)
    say("runuser", json.dumps([rule("peer")]))
    (found,) = look.postgres_obstacles("17", "mostrador")
    assert [words for words in told if words not in found] == []


def test_another_program_on_postgresqls_port_is_named(
    look: Any, say: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    say("pg_lsclusters", "")
    monkeypatch.setattr(look, "listener", lambda port: "docker-proxy" if port == 5432 else "")
    (found,) = look.postgres_obstacles("17", "mostrador")
    assert "port 5432 is taken by docker-proxy" in found


@pytest.mark.parametrize(
    ("rules", "is_good"),
    [
        ([rule("peer", user="postgres"), rule("peer")], True),
        ([rule("peer", user="mostrador"), rule("md5")], True),
        ([rule("peer", user="/^most"), rule("md5")], True),
        ([rule("scram-sha-256", type="host"), rule("peer")], True),
        ([rule("md5", database="replication"), rule("peer")], True),
        ([rule("md5", user="+shop"), rule("peer")], True),
        ([rule("peer", user="postgres"), rule("scram-sha-256")], False),
        ([rule("md5"), rule("peer", user="mostrador")], False),
        # the databases that backups are proved in are others
        ([rule("peer", database="sameuser"), rule("md5")], False),
        ([rule("peer", database="mostrador"), rule("reject")], False),
        ([rule("trust")], False),
        ([rule("peer", options=["map=shop"])], False),
        ([rule("peer", user="postgres")], False),
    ],
)
def test_postgresqls_first_fitting_rule_must_be_peer(
    look: Any, say: Callable[[str, str], None], rules: list[dict[str, Any]], is_good: bool
) -> None:
    say("pg_lsclusters", cluster())
    say("runuser", json.dumps(rules))
    found = look.postgres_obstacles("17", "mostrador")
    assert (found == []) == is_good
    if found:
        assert "`local all mostrador peer` as the first rule into /etc/postgresql/17/main/pg_hba.conf" in found[0]
        assert "systemctl reload postgresql@17-main" in found[0]


def test_a_superuser_that_needs_a_password_is_told(look: Any, say: Callable[[str, str], None]) -> None:
    say("pg_lsclusters", cluster())
    say("runuser", "")
    (found,) = look.postgres_obstacles("17", "mostrador")
    assert "`local all postgres peer` as the first rule" in found


def test_a_real_postgresql_tells_its_rules_so(
    look: Any, monkeypatch: pytest.MonkeyPatch, postgres: Postgres | GivenPostgres
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(look, "output", lambda *words: (asked.append(words[-1]), "")[1])
    assert look.read_rules() is None
    with create_engine(postgres.url("postgres"), poolclass=NullPool).connect() as connection:
        said = connection.execute(text(asked[0].replace(":", "\\:"))).scalar_one()
    monkeypatch.setattr(look, "output", lambda *words: json.dumps(said))
    rules = look.read_rules()
    assert rules
    assert {"type", "database", "user_name", "auth_method", "options"} <= set(rules[0])
    assert isinstance(rules[0]["database"], list)


class PretendRedis:
    """A socket that says one thing to everybody."""

    def __init__(self, path: str, answer: bytes, mode: int) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(path)
        os.chmod(path, mode)
        self._server.listen()
        self._answer = answer

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(self._answer)


@pytest.mark.parametrize(
    ("answer", "mode", "told"),
    [
        (b"+PONG\r\n", 0o770, []),
        (b"+PONG\r\n", 0o700, ["unixsocketperm 770", "systemctl restart redis-server"]),
        (b"-NOAUTH Authentication required.\r\n", 0o770, ["asks for a password", "redis://:PASSWORD@127.0.0.1:6379/0"]),
    ],
)
def test_anothers_redis_is_shared_as_it_is_or_not_at_all(
    look: Any, monkeypatch: pytest.MonkeyPatch, answer: bytes, mode: int, told: list[str]
) -> None:
    Path(look.REDIS_CONF).touch()
    own = grp.getgrgid(os.getgid()).gr_name
    is_open = look.is_open_to_group
    monkeypatch.setattr(look, "is_open_to_group", lambda path, group: group == "redis" and is_open(path, own))
    with PretendRedis(look.REDIS_SOCKET, answer, mode):
        found = look.redis_obstacles()
    assert len(found) == (1 if told else 0)
    assert [words for words in told if words not in found[0]] == []
    assert not is_open(look.REDIS_SOCKET, "another") or mode & 0o006


def test_a_redis_without_our_socket_is_told_with_the_two_lines(look: Any) -> None:
    Path(look.REDIS_CONF).touch()
    (found,) = look.redis_obstacles()
    assert f"`unixsocket {look.REDIS_SOCKET}` and `unixsocketperm 770`" in found
    assert "REDIS_URL" in found


def test_a_redis_of_ours_or_none_is_no_obstacle(look: Any) -> None:
    assert not look.has_others_redis()
    assert look.redis_obstacles() == []
    Path(look.REDIS_CONF).touch()
    assert look.has_others_redis()
    Path(look.REDIS_OWN).write_text(render("ansible/roles/redis/templates/mostrador.conf.j2"))
    assert not look.has_others_redis()
    assert look.redis_obstacles() == []
