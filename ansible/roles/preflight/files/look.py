"""What is on this server, as JSON on standard output; looks only. Needs nothing but Python: a bare server may lack ss and ip.

look.py DOMAIN INSTALLED_MARKER ROOT
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 20
CHATWOOT_PLACES = ("/etc/systemd/system", "/home/chatwoot", "/opt/chatwoot", "/opt")


def main(domain: str, marker: str, root: str) -> None:
    addresses = resolve(domain)
    is_ours = Path(marker).exists()
    sys.stdout.write(
        json.dumps(
            {
                "container": is_container(),
                "disk_free_mb": shutil.disk_usage("/").free // 2**20,
                "is_installed": Path(root, "current").exists(),
                "addresses": addresses,
                "elsewhere": [address for address in addresses if not is_own(address)],
                "own_address": own_address(),
                "blockers": blockers(),
                "neighbours": [*(() if is_ours else strangers()), *chatwoot()],
                "has_python_apt": any(Path("/usr/lib/python3/dist-packages").glob("apt_pkg*")),
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
    if Path("/etc/redis/redis.conf").exists():
        found.append("there is a Redis, which would listen on TCP no more and forget everything when it restarts")
    return found


def resolve(domain: str) -> list[str]:
    """Loopback proves nothing: a server often has its own name in /etc/hosts."""
    code = "import socket, sys; print(*{a[4][0] for a in socket.getaddrinfo(sys.argv[1], 443)}, sep='\\n')"
    found = output(sys.executable, "-c", code, domain).split()
    return sorted(address for address in found if not address.startswith("127.") and address != "::1")


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
