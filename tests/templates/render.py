"""Renders the real templates with Ansible's own templar and the roles' real defaults, for operating systems that no test boots.

    from render import SYSTEMS, render

    text = render("nginx/mostrador.conf.j2", os="ubuntu-24.04", mostrador_domain="bot.example.org")

`path` is counted from the repository's root. What a play would know is there: defaults/ and vars/ of
every role, and the facts of a bare server with 1 CPU and 1 GB. Keywords win over all of it; what a task registers is given
as one, and `facts={"memtotal_mb": 8192}` changes single facts. An undefined variable is an error, as in a play.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parent.parent.parent
ANSIBLE = ROOT / "ansible"

# the facts that tell the supported systems apart
SYSTEMS = {
    "debian-13": {"distribution": "Debian", "distribution_version": "13.1", "distribution_release": "trixie"},
    "ubuntu-24.04": {"distribution": "Ubuntu", "distribution_version": "24.04", "distribution_release": "noble"},
    "ubuntu-26.04": {"distribution": "Ubuntu", "distribution_version": "26.04", "distribution_release": "resolute"},
}
BARE_SERVER = {
    "all_ipv4_addresses": ["203.0.113.7"],
    "all_ipv6_addresses": ["2001:db8::7"],
    "architecture": "x86_64",
    "default_ipv4": {"address": "203.0.113.7"},
    "default_ipv6": {"address": "2001:db8::7"},
    "hostname": "bare",
    "fqdn": "bare",
    "memtotal_mb": 961,
    "os_family": "Debian",
    "processor_vcpus": 1,
    "service_mgr": "systemd",
    "swaptotal_mb": 0,
    "user_id": "root",
    "virtualization_type": "kvm",
}


def render(path: str, *, os: str = "debian-13", facts: dict[str, Any] | None = None, **variables: Any) -> str:
    """The text that the box would get."""
    return _template("{{ lookup('template', _path) }}", os, facts, {**variables, "_path": str(ROOT / path)})


def evaluate(expression: str, *, os: str = "debian-13", facts: dict[str, Any] | None = None, **variables: Any) -> Any:
    """What an expression is worth in the play, e.g. evaluate("postgres_max_connections")."""
    return _template(f"{{{{ {expression} }}}}", os, facts, variables)


def _template(expression: str, os: str, facts: dict[str, Any] | None, variables: dict[str, Any]) -> Any:
    system = SYSTEMS[os]
    known = {
        **_defaults(),
        "inventory_hostname": "shop",
        "playbook_dir": str(ANSIBLE),
        "mostrador_domain": "bot.example.org",
        "mostrador_email": "owner@example.org",
        "ansible_facts": {
            **BARE_SERVER,
            **system,
            "distribution_major_version": system["distribution_version"].split(".")[0],
            **(facts or {}),
        },
        **variables,
    }
    return Templar(loader=_loader(), variables=known).template(trust_as_template(expression))


@cache
def _loader() -> DataLoader:
    init_plugin_loader()
    loader = DataLoader()
    loader.set_basedir(str(ANSIBLE))
    return loader


@cache
def _defaults() -> dict[str, Any]:
    files = [*ANSIBLE.glob("roles/*/defaults/main.yml"), *ANSIBLE.glob("roles/*/vars/main.yml")]
    known: dict[str, Any] = {}
    for file in files:
        known |= _loader().load_from_file(str(file), trusted_as_template=True) or {}
    return known
