"""The units that look every minute: who runs them, what they may do, and that a minute of silence costs no log line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from templates.render import ROOT, evaluate, render

UNITS = ("mostrador-facts.service", "mostrador-facts.timer", "mostrador-check.service", "mostrador-check.timer")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_renders_whole(system: str, name: str) -> None:
    text = render(f"systemd/{name}.j2", os=system)
    assert "{{" not in text
    assert "{%" not in text
    assert "Description=Mostrador: " in text


@pytest.mark.parametrize("name", ["mostrador-facts.timer", "mostrador-check.timer"])
def test_a_timer_goes_off_every_minute_and_ends_with_the_product(system: str, name: str) -> None:
    text = render(f"systemd/{name}.j2", os=system)
    assert re.search(r"^OnCalendar=\*-\*-\* \*:\*:\d\d$", text, re.MULTILINE)
    assert "AccuracySec=1s" in text
    assert "WantedBy=mostrador.target" in text
    assert "PartOf=mostrador.target" in text


def test_the_reader_runs_as_root_writes_into_one_folder_and_reaches_no_network(system: str) -> None:
    text = render("systemd/mostrador-facts.service.j2", os=system)
    assert "User=" not in text
    assert "ReadWritePaths=/var/lib/mostrador-facts" in text
    assert "IPAddressDeny=any" in text
    assert "ExecStart=/usr/bin/python3 -I /usr/local/lib/mostrador/facts --folder /var/lib/mostrador-facts" in text


def test_the_check_runs_as_the_products_user_and_its_warnings_are_no_failed_unit(system: str) -> None:
    text = render("systemd/mostrador-check.service.j2", os=system)
    assert "User=mostrador\n" in text
    assert "EnvironmentFile=/etc/mostrador/mostrador.env" in text
    assert "SuccessExitStatus=1\n" in text
    assert "RuntimeDirectoryPreserve=yes" in text


@pytest.mark.parametrize("name", ["mostrador-facts.service", "mostrador-check.service"])
def test_one_start_a_minute_is_not_logged_but_what_it_says_is(system: str, name: str) -> None:
    """systemd's own lines are of level info, what the program prints is of SyslogLevel."""
    text = render(f"systemd/{name}.j2", os=system)
    assert {"SyslogLevel=notice", "LogLevelMax=notice", "SyslogIdentifier=mostrador"} <= set(text.splitlines())


def test_the_reader_is_told_what_to_look_at() -> None:
    units, private = evaluate("monitoring_units"), evaluate("monitoring_private")
    assert "mostrador-backup.service" in units
    assert "mostrador-worker.service" not in units, "the worker has a check of its own, and one fault is one alert"
    assert private == ["/etc/mostrador", "/var/backups/mostrador", "/etc/ssl/mostrador/privkey.pem"]
    wanted = evaluate(
        "{'units': monitoring_units, 'private': monitoring_private, 'has_firewall': not mostrador_coexist} | to_nice_json"
    )
    assert json.loads(wanted)["has_firewall"] is True


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze isn't there: it comes with systemd")
@pytest.mark.parametrize(("name", "most"), [("mostrador-facts.service", 4.0), ("mostrador-check.service", 2.0)])
def test_a_sandbox_is_as_tight_as_promised(tmp_path: Path, name: str, most: float) -> None:
    (tmp_path / name).write_text(render(f"systemd/{name}.j2"))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) <= most, done.stdout
