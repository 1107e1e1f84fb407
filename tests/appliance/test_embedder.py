"""The embedder on the box: small, closed, back by itself, and nothing of it keeps a customer waiting."""

from __future__ import annotations

from appliance.box import ANSWERS, Box, wait

UNIT = "mostrador-embedder"
ASK = """
import json, socket, sys
line = socket.socket(socket.AF_UNIX)
line.settimeout(60)
line.connect("/run/mostrador-embedder/socket")
body = json.dumps({"model": "multilingual-e5-small-" + sys.argv[1], "input": "hola"}).encode()
head = f"POST /v1/embeddings HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
line.sendall(head.encode() + body)
print(line.recv(15, socket.MSG_WAITALL).decode())
"""


def ask(box: Box, kind: str) -> str:
    return box.host.ssh(f"runuser -u mostrador -- python3 - {kind}", stdin=ASK).strip()


def test_it_runs_and_answers_questions_and_passages(box: Box) -> None:
    assert box.is_active(UNIT)
    assert ask(box, "query") == ask(box, "passage") == "HTTP/1.1 200 OK"


def test_it_is_closed(box: Box) -> None:
    mode, owner = box.host.ssh("stat --format='%a %U' /run/mostrador-embedder").split()
    assert (mode, owner) == ("700", "mostrador")
    told = box.host.ssh(f"systemd-analyze security --no-pager {UNIT}.service | tail -n 1")
    assert float(told.split("level for")[1].split(":")[1].split()[0]) <= 2.0, told
    pid = box.pid_of(UNIT)
    assert box.host.ssh(f"nsenter --target {pid} --net ip -brief address | grep -v '^lo ' || true").strip() == ""


def test_it_is_small(box: Box) -> None:
    ask(box, "passage")
    kb = sum(int(line) for line in box.host.ssh(
        f"for p in $(cat /sys/fs/cgroup/system.slice/{UNIT}.service/cgroup.procs); do"
        " awk '/^Pss:/ {print $2}' /proc/$p/smaps_rollup; done"
    ).split())  # fmt: skip
    assert kb < 110 * 1024


def test_killed_it_comes_back_and_customers_are_answered_meanwhile(box: Box) -> None:
    killed = box.pid_of(UNIT)
    box.host.ssh(f"kill -9 {killed}")
    assert box.ask("horario") == ANSWERS["horario"]
    wait(lambda: box.pid_of(UNIT) not in {0, killed} and box.is_active(UNIT), 60, "it is back")
    assert ask(box, "query") == "HTTP/1.1 200 OK"


def test_frozen_it_is_noticed_and_replaced(box: Box) -> None:
    frozen = box.pid_of(UNIT)
    box.host.ssh(f"kill -STOP {frozen}")
    wait(lambda: box.pid_of(UNIT) not in {0, frozen}, 240, "its watchdog ended it", every_s=1)
    wait(lambda: box.is_active(UNIT), 60, "it is active")


def test_the_databases_of_backups_have_pgvector_without_a_superuser(box: Box) -> None:
    def read(database: str, statement: str) -> str:
        return box.host.ssh(f"runuser -u postgres -- psql -XAtd {database}", stdin=statement).strip()

    for name in ("mostrador", "mostrador_template"):
        assert read(name, "SELECT extname FROM pg_extension WHERE extname = 'vector'") == "vector"
    assert read("postgres", "SELECT rolsuper FROM pg_roles WHERE rolname = 'mostrador'") == "f"
    box.mostrador("backup make")


def test_the_doctor_sees_it_away_and_back(box: Box) -> None:
    box.host.ssh(f"systemctl stop {UNIT}")
    try:
        assert "systemctl restart mostrador-embedder" in box.host.ssh("/usr/local/bin/mostrador doctor || true")
    finally:
        box.host.ssh(f"systemctl start {UNIT}")
    assert "systemctl restart mostrador-embedder" not in box.host.ssh("/usr/local/bin/mostrador doctor || true")
