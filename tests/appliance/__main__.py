"""A test host by hand. As root, from the repository, with PYTHONPATH=.:tests set:

python -m appliance up NAME            boots a bare Debian 13 with all that is outside it (DNS, ACME, Chatwoot, alerts)
python -m appliance play NAME [FILE] [WORDS ...]   ansible-playbook ansible/site.yml (or FILE) against it
python -m appliance roles NAME ROLE[,ROLE] [WORDS ...]   only these, in a play of their own (while site.yml isn't whole)
python -m appliance ssh NAME [COMMAND ...]         a shell on it, or one command
python -m appliance reboot|cut NAME    as its owner would; cut: as a power failure would, and on again
python -m appliance facts NAME         addresses, variables, what the pretend Chatwoot and the alerts' receiver got
python -m appliance down NAME | list | clean
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import groups, network
from appliance.host import Host, remove_orphans
from appliance.machine import ROOT, STATE, refusal
from appliance.outside import DOMAIN, Outside
from appliance.playbook import ansible_program, environment, newest_release, write_inventory


def variables_for(outside: Outside) -> dict[str, Any]:
    """What an operator fills in, for a box in the test's world."""
    return {
        "mostrador_domain": DOMAIN,
        "mostrador_email": "owner@mostrador.test",
        "mostrador_acme_directory_url": outside.acme_directory_url,
        "mostrador_settings": outside.settings(),
        "mostrador_alert_urls": [outside.alert_url],
        "mostrador_ping_url": outside.ping_url,
        "mostrador_restic_repository": outside.copies_url,
        "mostrador_release": str(newest_release() or ""),
    }


def up(name: str) -> None:
    outside = Outside(name, is_kept=True).start()
    host = Host(name, dns=outside.address, is_kept=True).start()
    outside.point(host.address)
    outside.befriend(host)
    sys.stdout.write(f"{name} answers at {host.address}; {DOMAIN} leads to it\n")


def play(name: str, *words: str) -> None:
    host, outside = Host.find(name), Outside.find(name)
    inventory = write_inventory(host, variables_for(outside))
    book = [words[0], *words[1:]] if words and words[0].endswith(".yml") else ["site.yml", *words]
    program = ansible_program("ansible-playbook")
    os.chdir(ROOT)
    os.execve(program, [str(program), "-i", str(inventory), f"ansible/{book[0]}", *book[1:]], environment(host))


def roles(name: str, chosen: str, *words: str) -> None:
    host, outside = Host.find(name), Outside.find(name)
    inventory = write_inventory(host, variables_for(outside))
    book = ROOT / f"ansible/.only-{name}.yml"  # beside site.yml, because roles look for files from there
    book.write_text(json.dumps([{"hosts": "mostrador", "become": True, "roles": chosen.split(",")}]))
    command = [str(word) for word in (ansible_program("ansible-playbook"), "-i", inventory, book, *words)]
    try:
        sys.exit(subprocess.run(command, cwd=ROOT, env=environment(host), check=False).returncode)
    finally:
        book.unlink()


def ssh(name: str, *command: str) -> None:
    words = [*Host.find(name).ssh_words(), *(["--", " ".join(command)] if command else [])]
    os.execvp(words[0], words)


def reboot(name: str) -> None:
    Host.find(name).reboot()


def cut(name: str) -> None:
    host = Host.find(name)
    host.cut_power()
    host.boot()


def facts(name: str) -> None:
    host, outside = Host.find(name), Outside.find(name)
    found = {
        "host": host.address, "host_6": host.address_6, "outside": outside.address, "stranger": outside.stranger,
        "variables": variables_for(outside), "control": outside.chatwoot.control_url,
        "chatwoot": outside.chatwoot.read("stats"), "alerts": outside.alerts(), "pings": outside.pings()[-5:],
    }  # fmt: skip
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def down(name: str) -> None:
    Host(name).remove()
    Outside(name).remove()


def list_all() -> None:
    for path in sorted(STATE.glob("*/number")):
        state = "on" if groups.is_alive(path.parent.name) else "off"
        sys.stdout.write(f"{path.parent.name:<30}{network.address(int(path.read_text())):<16}{state}\n")


def clean() -> None:
    remove_orphans()


COMMANDS: dict[str, Callable[..., None]] = {
    "up": up, "play": play, "roles": roles, "ssh": ssh, "reboot": reboot, "cut": cut, "facts": facts, "down": down,
    "list": list_all, "clean": clean,
}  # fmt: skip


def main() -> None:
    if reason := refusal():
        sys.exit(reason)
    name, *words = sys.argv[1:] or ["help"]
    if name not in COMMANDS:
        sys.exit(Path(__file__).read_text().split('"""')[1])
    COMMANDS[name](*words)


if __name__ == "__main__":
    main()
