"""The units as each system gets them, and the environment file they all read."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from templates.render import ROOT, evaluate, render

OURS = ["mostrador-web.service", "mostrador-worker.service", "mostrador-prune.service", "mostrador-renew.service"]
LIVING = ["mostrador-web.service", "mostrador-worker.service"]
ENVIRONMENT = "ansible/roles/app/templates/mostrador.env.j2"


def read(unit: str, system: str = "debian-13", **variables: object) -> dict[str, str]:
    """The last value of each setting."""
    lines = render(f"systemd/{unit}.j2", os=system, **variables).splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))


@pytest.mark.parametrize("unit", LIVING)
def test_what_answers_comes_back_for_ever_and_is_watched(system: str, unit: str) -> None:
    read_unit = read(unit, system)
    assert read_unit["Restart"] == "always"
    assert read_unit["StartLimitIntervalSec"] == "0"
    assert read_unit["Type"] == "notify"
    assert int(read_unit["WatchdogSec"]) > 35, "a statement may take 30 s and a connection 5"
    assert int(read_unit["OOMScoreAdjust"]) > 0, "PostgreSQL is the last to go"


@pytest.mark.parametrize("unit", OURS)
def test_no_unit_reaches_a_providers_metadata(unit: str) -> None:
    assert "169.254.0.0/16" in read(unit)["IPAddressDeny"]


def test_a_name_server_among_those_addresses_is_not_cut_off() -> None:
    facts = {"dns": {"nameservers": ["169.254.169.254"]}}
    assert "IPAddressDeny" not in read("mostrador-worker.service", facts=facts)


@pytest.mark.parametrize("unit", OURS)
def test_all_that_is_logged_is_found_under_one_name(unit: str) -> None:
    assert read(unit)["SyslogIdentifier"] == "mostrador"


@pytest.mark.parametrize("unit", [u for u in OURS if u != "mostrador-renew.service"])
def test_a_process_stays_in_its_release_while_the_link_moves(unit: str) -> None:
    """The folder is resolved when it starts, and the program's name is relative to it."""
    read_unit = read(unit)
    assert read_unit["WorkingDirectory"] == "/opt/mostrador/current"
    assert read_unit["ExecStart"].startswith("/usr/bin/env venv/bin/python ")


@pytest.mark.thorough
@pytest.mark.parametrize("memory_mb", [961, 1_950, 3_900, 64_000])
def test_the_limits_leave_room_for_postgresql(memory_mb: int) -> None:
    limits = [int(read(unit, facts={"memtotal_mb": memory_mb})["MemoryMax"].removesuffix("M")) for unit in LIVING]
    assert sum(limits) <= memory_mb * 0.75
    assert min(limits) >= 256


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze isn't installed here")
@pytest.mark.parametrize("unit", OURS)
def test_the_sandbox_is_tight(tmp_path: Path, unit: str) -> None:
    (tmp_path / unit).write_text(render(f"systemd/{unit}.j2"))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={20}", tmp_path / unit]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-200:] + judged.stderr


def test_every_unit_that_a_target_starts_is_one_of_ours() -> None:
    named = {path.name.removesuffix(".j2") for path in (ROOT / "systemd").glob("*.j2")}
    assert {*OURS, "mostrador.target", "mostrador-web.socket"} <= named


def test_web_processes_follow_the_machine() -> None:
    def count(memory_mb: int, cores: int) -> int:
        return int(evaluate("app_web_concurrency", facts={"memtotal_mb": memory_mb, "processor_vcpus": cores}))

    assert [count(961, 1), count(961, 4), count(3_900, 2), count(16_000, 8)] == [1, 1, 2, 4]


def test_the_shell_and_systemd_read_the_same_settings(tmp_path: Path) -> None:
    hard = {"ODD": 'a "quoted" $HOME `id` back\\slash', "JSON": '[{"model": "x"}]', "YES": True, "NUMBER": 5}
    path = tmp_path / "mostrador.env"
    path.write_text(render(ENVIRONMENT, mostrador_settings=hard))
    script = f'. {path}; printf \'%s\\n\' "$ODD" "$JSON" "$YES" "$NUMBER" "$PUBLIC_URL" "$SECRET_KEY_FILE"'
    read_back = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [hard["ODD"], hard["JSON"], "true", "5", "https://bot.example.org", "/etc/mostrador/secret_key"]
    assert read_back == wanted


def test_the_environment_file_holds_no_secret_of_ours() -> None:
    assert not re.search(r"^(SECRET_KEY|WEBHOOK_TOKEN)=", render(ENVIRONMENT), re.MULTILINE)


@pytest.mark.parametrize(
    ("before", "is_told"),
    [
        # the condition has failed before: nothing starts
        ({"UnitFileState": "enabled", "ConditionResult": "no", "ConditionTimestampMonotonic": "51"}, False),
        # it was never asked, or it was stopped, or it is new
        ({"UnitFileState": "enabled", "ConditionResult": "no", "ConditionTimestampMonotonic": "0"}, True),
        ({"UnitFileState": "enabled", "ConditionResult": "yes", "ConditionTimestampMonotonic": "51"}, True),
        ({"UnitFileState": "disabled", "ConditionResult": "no", "ConditionTimestampMonotonic": "51"}, True),
        ({}, True),
    ],
)
def test_what_the_machine_cannot_run_is_no_change_of_every_play(before: dict[str, str], is_told: bool) -> None:
    tasks = yaml.safe_load((ROOT / "ansible/roles/units/tasks/main.yml").read_text())
    changed = next(task["changed_when"] for task in tasks if task.get("register") == "units_started")
    assert evaluate(changed, units_started={"changed": True, "status": before}) == is_told
    assert not evaluate(changed, units_started={"changed": False, "status": before})
    assert evaluate(changed, units_started={"changed": True})
