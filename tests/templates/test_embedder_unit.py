"""The embedder's unit as each system gets it, and what the play does for pgvector."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from templates.render import ROOT, render

UNIT = "systemd/mostrador-embedder.service.j2"


def read(system: str = "debian-13") -> dict[str, list[str]]:
    """Every value of each setting, in order."""
    found: dict[str, list[str]] = {}
    for line in render(UNIT, os=system).splitlines():
        if re.match(r"\w+=", line):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_it_comes_back_for_ever_and_is_watched(system: str) -> None:
    unit = read(system)
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) > 60
    assert int(unit["OOMScoreAdjust"][0]) > 500, "it is the first to go: the worker answers without it"


def test_it_has_no_network_and_sees_no_secrets(system: str) -> None:
    unit = read(system)
    assert unit["PrivateNetwork"] == ["yes"]
    assert unit["RestrictAddressFamilies"][-2:] == ["", "AF_UNIX"]
    assert "EnvironmentFile" not in unit
    assert "-/etc/mostrador" in unit["InaccessiblePaths"][0].split()
    assert "-/var/backups/mostrador" in unit["InaccessiblePaths"][0].split()


def test_where_the_processor_cannot_it_is_not_started() -> None:
    unit = read()
    assert unit["ConditionArchitecture"] == ["|arm64"]
    assert unit["ConditionCPUFeature"] == ["|avx2"]
    assert unit["RestartPreventExitStatus"] == ["3"]


def test_both_sides_know_the_same_socket() -> None:
    (start,) = read()["ExecStart"]
    assert start == "/usr/bin/env venv/bin/python embedder.py --listen %t/mostrador-embedder/socket"
    environment = render("ansible/roles/app/templates/mostrador.env.j2")
    assert 'EMBEDDER_SOCKET="/run/mostrador-embedder/socket"' in environment


@pytest.mark.parametrize("path", ["units/tasks/main.yml", "app/tasks/restart.yml"])
def test_the_play_starts_it_with_the_others(path: str) -> None:
    text = (ROOT / "ansible/roles" / path).read_text()
    assert text.index("- mostrador-embedder.service") < text.index("- mostrador-worker.service")


def test_the_template_database_is_named_as_the_product_looks_for_it() -> None:
    tasks = YAML(typ="safe").load((ROOT / "ansible/roles/postgres/tasks/vector.yml").read_text())
    assert tasks[1]["loop"] == ["{{ mostrador_user }}", "{{ mostrador_user }}_template"]
