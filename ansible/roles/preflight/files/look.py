"""What is on this server, as JSON on standard output; looks only. Needs nothing but Python: a bare server may lack ss and ip.

look.py DOMAIN INSTALLED_MARKER ROOT [POSTGRES_VERSION USER]    the last two where the server is to be shared
"""

from __future__ import annotations

import grp
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 20
POSTGRES_PORT, POSTGRES_SOCKETS = "5432", "/var/run/postgresql"
REDIS_CONF, REDIS_OWN, REDIS_SOCKET = "/etc/redis/redis.conf", "/etc/redis/mostrador.conf", "/run/redis/redis-server.sock"
NO_REDIS = ' ("" for none: limits are then counted in each process)'
CHATWOOT_PLACES = ("/etc/systemd/system", "/home/chatwoot", "/opt/chatwoot", "/opt")


def main(domain: str, marker: str, root: str, version: str = "", user: str = "") -> None:
    told = resolve(domain)
    addresses = [address for address in told if not is_loopback(address)]
    is_ours = Path(marker).exists()
    sys.stdout.write(
        json.dumps(
            {
                "container": is_container(),
                "disk_free_mb": shutil.disk_usage("/").free // 2**20,
                "is_installed": Path(root, "current").exists(),
                "addresses": addresses,
                "is_local_name": bool(told) and not addresses,
                "elsewhere": [address for address in addresses if not is_own(address)],
                "own_address": own_address(),
                "blockers": blockers(),
                "neighbours": [*(() if is_ours else strangers()), *chatwoot()],
                "has_others_redis": has_others_redis(),
                "postgres_obstacles": postgres_obstacles(version, user) if version else [],
                "redis_obstacles": redis_obstacles(),
            }
        )
    )


def blockers() -> list[str]:
    """What no setting helps against: two programs can't have one port."""
    taken = {port: name for port in (80, 443) if (name := listener(port)) not in ("", "nginx")}
    return [f"port {port} is taken by {name}, so nginx couldn't start" for port, name in taken.items()]


def strangers() -> list[str]:
    """What would be changed under somebody's feet, and how, on a server that we haven't set up."""
    found = []
    if "nginx" in (listener(80), listener(443)):
        found.append("nginx already serves something, and would answer for unknown host names no more")
    for cluster in sorted("/".join(path.parts[-3:-1]) for path in Path("/etc/postgresql").glob("*/*/postgresql.conf")):
        found.append(f"there is a PostgreSQL cluster {cluster}, whose users could log in with a password or over TCP no more")
    if Path(REDIS_CONF).exists():
        found.append("there is a Redis, which would listen on TCP no more and forget everything when it restarts")
    return found


def postgres_obstacles(version: str, user: str) -> list[str]:
    """Why a role and databases can't be added to the PostgreSQL that is here; it is left as it is. None here is none."""
    clusters = [words for line in output("pg_lsclusters", "--no-header").splitlines() if len(words := line.split()) > 3]
    default = next((words for words in clusters if words[2] == POSTGRES_PORT), None)
    if default is None:
        return other_port_obstacles(version, clusters)
    its_version, name, _, status = default[:4]
    unit, conf = f"postgresql@{its_version}-{name}", f"/etc/postgresql/{its_version}/{name}/pg_hba.conf"
    if its_version != version:
        return [
            f"the PostgreSQL cluster {its_version}/{name} has port {POSTGRES_PORT}, where Mostrador needs this system's "
            f"version {version}: give it another port with `pg_conftool {its_version} {name} set port 5433` and `systemctl "
            f"restart {unit}` when that hurts nobody, and tell its programs"
        ]
    if status != "online":
        return [
            f"the PostgreSQL cluster {version}/{name} is {status}, and a database can only be made in one that is online: type "
            f"`systemctl start {unit}`"
        ]
    how = f"as the first rule into {conf} and type `systemctl reload {unit}`"
    rules = read_rules()
    if rules is None:
        return [
            f"root doesn't get into PostgreSQL as its user postgres over {POSTGRES_SOCKETS} without a password: put "
            f"`local all postgres peer` {how}"
        ]
    if all(is_peer(find_rule(rules, database, user)) for database in (user, f"{user}_template", f"{user}_proof")):
        return []
    return [f"PostgreSQL doesn't let the system's user {user} in as its role {user} (peer): put `local all {user} peer` {how}"]


def other_port_obstacles(version: str, clusters: list[list[str]]) -> list[str]:
    """Where no cluster of the distribution's has the port that the product's programs look at."""
    if name := listener(int(POSTGRES_PORT)):
        return [
            f"port {POSTGRES_PORT} is taken by {name}, which is no PostgreSQL cluster of this system's packages, and "
            "Mostrador's needs it: let it listen on another one"
        ]
    name = next((words[1] for words in clusters if words[0] == version), "")
    if not name:
        return []
    return [
        f"the PostgreSQL cluster {version}/{name} doesn't have port {POSTGRES_PORT}, where Mostrador looks for it: type "
        f"`pg_conftool {version} {name} set port {POSTGRES_PORT}` and `systemctl restart postgresql@{version}-{name}` when "
        "that hurts nobody, and tell its programs"
    ]


def read_rules() -> list[dict[str, Any]] | None:
    """PostgreSQL's own view of pg_hba.conf, in its order; None where it can't be asked."""
    words = ("psql", "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", f"--host={POSTGRES_SOCKETS}")
    rules = "SELECT coalesce(json_agg(r), '[]') FROM pg_catalog.pg_hba_file_rules r WHERE error IS NULL"
    said = output("runuser", "-u", "postgres", "--", *words, f"--port={POSTGRES_PORT}", "--dbname=postgres", "--command", rules)
    try:
        found: list[dict[str, Any]] = json.loads(said)
    except ValueError:
        return None
    return found


def find_rule(rules: list[dict[str, Any]], database: str, user: str) -> dict[str, Any] | None:
    """The first that fits counts. A role that is new is in no group."""
    own = "sameuser" if database == user else database
    for rule in rules:
        if rule["type"] == "local" and fits(rule["database"], database, own) and fits(rule["user_name"], user, user):
            return rule
    return None


def fits(told: list[str], name: str, other_name: str) -> bool:
    return any(
        (word.startswith("/") and re.search(word[1:], name))
        or word in ("all", name, other_name)  # PostgreSQL 16 knows patterns
        for word in told
    )


def is_peer(rule: dict[str, Any] | None) -> bool:
    """With a map it is somebody else's peer; trust would let every user of the system in."""
    return rule is not None and rule["auth_method"] == "peer" and not rule["options"]


def has_others_redis() -> bool:
    """Whether the distribution's Redis was set up by somebody else: ours listens on no port."""
    return Path(REDIS_CONF).exists() and "port 0" not in read(REDIS_OWN).splitlines()


def redis_obstacles() -> list[str]:
    """Why the Redis that is here can't be shared as it is."""
    if not has_others_redis():
        return []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(TIMEOUT_S)
            probe.connect(REDIS_SOCKET)
            probe.sendall(b"PING\r\n")
            said = probe.recv(100)
        is_shut = not is_open_to_group(REDIS_SOCKET, "redis")
    except (OSError, KeyError):
        said, is_shut = b"", True
    if said.startswith((b"-NOAUTH", b"-NOPERM")):
        return [
            "the Redis that is here asks for a password: under mostrador_settings in the inventory, write REDIS_URL: "
            f'"redis://:PASSWORD@127.0.0.1:6379/0"{NO_REDIS}'
        ]
    if is_shut:
        return [
            f"the Redis that is here isn't Mostrador's, and its group redis gets no answer at {REDIS_SOCKET}: put the lines "
            f"`unixsocket {REDIS_SOCKET}` and `unixsocketperm 770` at the end of {REDIS_CONF} and type `systemctl restart "
            "redis-server` when that hurts nobody; or, under mostrador_settings in the inventory, write as REDIS_URL where "
            f"another one is{NO_REDIS}"
        ]
    return []


def is_open_to_group(path: str, group: str) -> bool:
    found = Path(path).stat()
    return found.st_mode & 0o006 == 0o006 or (found.st_mode & 0o060 == 0o060 and grp.getgrgid(found.st_gid).gr_name == group)


def resolve(domain: str) -> list[str]:
    """All that the name leads to; this server's own /etc/hosts is asked before any DNS server."""
    code = "import socket, sys; print(*{a[4][0] for a in socket.getaddrinfo(sys.argv[1], 443)}, sep='\\n')"
    return sorted(output(sys.executable, "-c", code, domain).split())


def is_loopback(address: str) -> bool:
    """It proves nothing: a server that is named like the domain often has it in /etc/hosts, whatever DNS says."""
    return address.startswith("127.") or address == "::1"


def is_own(address: str) -> bool:
    """Only an address of this machine can be bound."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def own_address() -> str:
    """The one that it would go out from; a UDP socket sends nothing when it connects."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def listener(port: int) -> str:
    """The name of the program that listens there, "something" if it can't be told, empty if nobody does."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return next(filter(None, map(holder, inodes)), "something") if inodes else ""


def holder(inode: str) -> str:
    # the oldest holder is the server itself, not a child of it
    for process in sorted((p for p in os.listdir("/proc") if p.isdigit()), key=int):
        try:
            if any(os.readlink(entry) == inode for entry in Path("/proc", process, "fd").iterdir()):
                return read(f"/proc/{process}/comm").strip()
        except OSError:
            continue
    return ""


def chatwoot() -> list[str]:
    found = [str(path) for place in CHATWOOT_PLACES for path in Path(place).glob("*chatwoot*")]
    if shutil.which("docker"):
        found += re.findall(r"\S*chatwoot\S*", output("docker", "ps", "--all", "--format", "{{.Image}}"))
    if not found:
        return []
    return [f"Chatwoot itself is here ({min(found)}): both would share memory, ports and database, and fall together"]


def is_container() -> bool:
    return output("systemd-detect-virt", "--container").strip() not in ("", "none")


def output(*words: str) -> str:
    """Empty when the program fails, is missing or hangs."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=TIMEOUT_S).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
