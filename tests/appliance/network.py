"""The test hosts' network: one bridge with NAT to the outer machine's, a namespace and an address per host."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from appliance.machine import STATE, locked, run

BRIDGE = "mostrador-test"
PREFIX = "10.89.7"
PREFIX_6 = "fd89:7:"
NUMBERS = range(10, 250)


def lease(name: str, is_kept: bool = False) -> int:
    """A number for a host or for something outside it: the last part of its address. is_kept: outlives this process."""
    with locked("leases"):
        folder = STATE / name
        if folder.exists():
            raise RuntimeError(f"{name} is there already; type: PYTHONPATH=tests python -m appliance down {name}")
        taken = {int(path.read_text()) for path in STATE.glob("*/number")}
        number = next(n for n in NUMBERS if n not in taken)
        folder.mkdir(parents=True)
        (folder / "number").write_text(str(number))
        (folder / "owner").write_text("" if is_kept else _owner(os.getpid()))
        _raise_bridge()
        return number


def release(name: str) -> None:
    with locked("leases"):
        shutil.rmtree(STATE / name, ignore_errors=True)
        if not list(STATE.glob("*/number")):
            run("ip", "link", "del", BRIDGE, is_checked=False)
            run("nft", "delete", "table", "inet", "mostrador_test", is_checked=False)


def orphans() -> list[str]:
    """Names whose process is gone without having cleaned up; also one that ended in the middle of its lease."""
    with locked("leases"):
        found = [folder.name for folder in STATE.iterdir() if folder.is_dir() and not (folder / "owner").exists()]
    for path in STATE.glob("*/owner"):
        try:
            owner = path.read_text()
        except FileNotFoundError:  # it was just removed
            continue
        if owner and _owner(int(owner.split()[0])) != owner:
            found.append(path.parent.name)
    return found


def address(number: int) -> str:
    return f"{PREFIX}.{number}"


def address_6(number: int) -> str:
    return f"{PREFIX_6}:{number}"


def plug_in(name: str, number: int) -> Path:
    """A fresh namespace, as empty of firewall rules as a machine just switched on. Its path."""
    unplug(name, number)
    space, cable = f"mostrador-{name}", f"mt{number}"
    run("ip", "netns", "add", space)
    run("ip", "link", "add", cable, "mtu", _mtu(), "type", "veth", "peer", "name", "eth0", "netns", space, "mtu", _mtu())
    run("ip", "link", "set", cable, "master", BRIDGE, "up")
    inside = ("ip", "-n", space)
    # always the same one for an address: nobody's neighbour table is out of date
    run(*inside, "link", "set", "eth0", "address", f"02:00:00:89:07:{number:02x}")
    run(*inside, "addr", "add", f"{address(number)}/24", "dev", "eth0")
    run(*inside, "addr", "add", f"{address_6(number)}/64", "dev", "eth0", "nodad")
    run(*inside, "link", "set", "eth0", "up")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "route", "add", "default", "via", address(1))
    return Path("/run/netns") / space


def unplug(name: str, number: int) -> None:
    run("ip", "netns", "del", f"mostrador-{name}", is_checked=False)
    run("ip", "link", "del", f"mt{number}", is_checked=False)


def add_outside_address(number: int) -> None:
    """On the outer machine's side of the bridge, for servers there and for clients that come from elsewhere."""
    run("ip", "addr", "replace", f"{address(number)}/24", "dev", BRIDGE)


def drop_outside_address(number: int) -> None:
    run("ip", "addr", "del", f"{address(number)}/24", "dev", BRIDGE, is_checked=False)


def _raise_bridge() -> None:
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        return
    # an address of its own: else it takes one of the hosts' and changes it as they come and go, and nobody finds it
    run("ip", "link", "add", BRIDGE, "mtu", _mtu(), "address", "02:00:00:89:07:01", "type", "bridge")
    run("ip", "addr", "add", f"{address(1)}/24", "dev", BRIDGE)
    run("ip", "addr", "add", f"{address_6(1)}/64", "dev", BRIDGE, "nodad")
    run("ip", "link", "set", BRIDGE, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    table = f"""
        table inet mostrador_test {{
            chain postrouting {{
                type nat hook postrouting priority srcnat;
                ip saddr {PREFIX}.0/24 ip daddr != {PREFIX}.0/24 masquerade
            }}
            chain forward {{
                type filter hook forward priority filter;
                tcp flags syn tcp option maxseg size set rt mtu
            }}
        }}"""
    run("nft", "-f", "-", input=table)


def _mtu() -> str:
    """The outer machine's, so that no packet of a host is too long further out."""
    routes = json.loads(run("ip", "-json", "route", "show", "default"))
    device = routes[0]["dev"] if routes else "lo"
    return str(min(1500, int(Path(f"/sys/class/net/{device}/mtu").read_text())))


def _owner(pid: int) -> str:
    """A process and when it started, so that a pid used again isn't taken for it; empty where it is gone."""
    try:
        return f"{pid} {Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""
