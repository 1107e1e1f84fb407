"""The backup's unit, timer and restic's environment as the box would get them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chatbot.backup.places import read_environment_file
from chatbot.config import Config
from chatbot.web.system import PATH_UNIT, WISH
from templates.render import evaluate, render

ZONES = ("Etc/UTC", "Europe/Madrid", "Atlantic/Canary", "Europe/Athens", "America/Mexico_City", "America/Tijuana",
         "America/Bogota", "America/Santiago", "America/Argentina/Buenos_Aires", "America/New_York")  # fmt: skip


def test_the_unit_runs_without_rights_and_writes_only_its_folder(system: str) -> None:
    lines = render("systemd/mostrador-backup.service.j2", os=system).splitlines()
    assert "User=mostrador" in lines
    assert "ReadWritePaths=/var/backups/mostrador -/run/mostrador-web" in lines
    assert "ProtectSystem=strict" in lines
    assert "SyslogIdentifier=mostrador" in lines
    assert "ExecStart=/usr/bin/env venv/bin/python -m flask --app wsgi backup make" in lines
    assert "PartOf=mostrador.target" in render("systemd/mostrador-backup.timer.j2", os=system)


def test_the_panels_wish_is_heard_where_the_web_may_write_it(system: str) -> None:
    lines = render("systemd/mostrador-backup.path.j2", os=system).splitlines()
    folder = Path(Config.model_fields["web_runtime_dir"].default)
    assert f"PathExists={folder / WISH}" in lines
    backup = render("systemd/mostrador-backup.service.j2", os=system).splitlines()
    assert f"ExecStartPre=/usr/bin/rm -f {folder / WISH}" in backup, "else it would begin again and again"
    assert "Unit=mostrador-backup.service" in lines
    web = render("systemd/mostrador-web.service.j2", os=system).splitlines()
    assert f"RuntimeDirectory={folder.name}" in web
    assert folder.parent == Path("/run")
    assert PATH_UNIT in evaluate("monitoring_units", os=system), "the button needs root's reader to see it"


@pytest.mark.parametrize("zone", ZONES)
def test_every_night_has_its_backup_and_only_one(system: str, zone: str) -> None:
    """A moment of UTC is neither skipped nor doubled; with its delay it is over before what is old goes and before restarts."""
    text = render("systemd/mostrador-backup.timer.j2", os=system, mostrador_timezone=zone)
    found = re.search(r"^OnCalendar=\*-\*-\* (\d\d):(\d\d):00 UTC$", text, re.MULTILINE)
    assert found
    first = datetime(2027, 1, 1, int(found[1]), int(found[2]), tzinfo=UTC)
    for day in range(0, 366, 7):
        begins = (first + timedelta(days=day)).astimezone(ZoneInfo(zone))
        ends = begins + timedelta(minutes=45)
        assert begins.hour >= 21 or ends.time() < time(3, 40), f"{begins}"


@pytest.mark.parametrize("value", ["plain", 'a "b" \\ $HOME `c`', "s3:https://s3.example.org/bucket", "=="])
def test_restics_environment_comes_through_as_it_was_given(value: str) -> None:
    text = render(
        "ansible/roles/backups/templates/restic.env.j2",
        mostrador_restic_repository="rest:https://backup.example.org/",
        mostrador_restic_environment={"AWS_SECRET_ACCESS_KEY": value},
        ansible_managed="Ansible managed",
    )
    assert read_environment_file(text) == {
        "RESTIC_REPOSITORY": "rest:https://backup.example.org/",
        "AWS_SECRET_ACCESS_KEY": value,
    }
