"""5. Updates under constant load: no customer notices a good one, and a bad one is undone by itself."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from appliance.box import ANSWERS, Box, under_load, wait
from appliance.machine import ROOT
from appliance.playbook import ansible_program, environment, run_script, write_inventory
from appliance.releases import build_changed

UNIT = "mostrador-web.service"
WRITTEN = f"/etc/systemd/system/{UNIT} /etc/mostrador/mostrador.env"
SITE = "/etc/nginx/conf.d/mostrador.conf"
MARK = "# of another release"

COUNTS = "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM message), (SELECT count(*) FROM turn)"


def running_release(box: Box) -> str:
    return box.host.ssh("basename $(readlink -f /opt/mostrador/current)").strip()


def change_units(folder: Path, before: str, after: str) -> str:
    """A folder of unit templates, that of the web with another line."""
    shutil.copytree(ROOT / "systemd", folder)
    template = folder / f"{UNIT}.j2"
    assert before in template.read_text()
    template.write_text(template.read_text().replace(before, after, 1))
    return str(folder)


def checksums(box: Box, paths: str = WRITTEN) -> str:
    return box.host.ssh(f"sha256sum {paths}")


def assert_nobody_was_turned_away(answers: list[tuple[float, int]]) -> None:
    statuses = {status for _, status in answers}
    assert answers
    assert statuses <= {*range(200, 300), 429}, statuses


def test_an_update_under_load_leaves_no_webhook_unanswered(box: Box, tmp_path_factory: pytest.TempPathFactory) -> None:
    release = build_changed(tmp_path_factory.mktemp("next") / "tree", "0.9.1", grows=True)
    before = running_release(box)
    units = change_units(tmp_path_factory.mktemp("next") / "units", "[Service]\n", f"[Service]\n{MARK}\n")
    with under_load(box) as load:
        played = box.play("deploy.yml", mostrador_release=str(release), units_source=units)
    assert played.is_good, played.output[-3000:]
    assert running_release(box).startswith("0.9.1")
    assert MARK in box.host.ssh(f"cat /etc/systemd/system/{UNIT}")
    assert running_release(box) != before
    assert_nobody_was_turned_away(load.answers())
    wait(lambda: not box.unanswered(load.conversations), 120, "every customer got an answer")
    assert {tuple(box.said(c)) for c in load.conversations} == {(ANSWERS["horario"],)}, "once each"
    assert "of_the_next_release" in box.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'contact'")


@pytest.mark.parametrize(
    ("version", "breaks"), [("0.9.2", "chatbot/web/server.py"), ("0.9.3", "chatbot/worker_process.py")], ids=["web", "worker"]
)
def test_a_release_that_can_t_start_is_undone_by_itself(
    box: Box, tmp_path_factory: pytest.TempPathFactory, version: str, breaks: str
) -> None:
    release = build_changed(tmp_path_factory.mktemp("bad") / "tree", version, breaks=breaks, grows=True)
    before, counts = running_release(box), [int(n) for n in box.sql(COUNTS).split("|")]
    with under_load(box) as load:
        played = box.play("deploy.yml", mostrador_release=str(release))
    assert not played.is_good
    assert running_release(box) == before
    assert before in played.output, "it says what runs now"
    assert_nobody_was_turned_away(load.answers())
    wait(lambda: not box.unanswered(load.conversations), 120, "every customer got an answer")
    assert all(now >= then for now, then in zip((int(n) for n in box.sql(COUNTS).split("|")), counts, strict=True))
    assert box.ask("horario") == ANSWERS["horario"]


def test_what_a_release_runs_with_is_undone_with_it(box: Box, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A unit that can't start, together with settings that are new: the release before runs with its own again."""
    release = build_changed(tmp_path_factory.mktemp("bad") / "tree", "0.9.4")
    units = change_units(tmp_path_factory.mktemp("bad") / "units", "ExecStart=", "ExecStart=/bin/false ")
    before, written = running_release(box), checksums(box)
    settings = {**box.variables["mostrador_settings"], "DEBOUNCE_S": "2.5"}
    played = box.play("deploy.yml", mostrador_release=str(release), units_source=units, mostrador_settings=settings)
    assert not played.is_good
    assert "by itself" in played.output
    assert running_release(box) == before
    assert checksums(box) == written
    assert box.ask("horario") == ANSWERS["horario"]


def test_a_site_file_that_nginx_refuses_is_put_back(box: Box, tmp_path: Path) -> None:
    (tmp_path / "mostrador.conf.j2").write_text("server { no_such_directive; }\n")
    written = checksums(box, SITE)
    played = box.play("site.yml", "--tags", "nginx", nginx_source=str(tmp_path))
    assert not played.is_good
    assert "no_such_directive" in played.output
    assert checksums(box, SITE) == written
    assert box.host.ssh("nginx -q -t && ls /etc/nginx/conf.d").split() == ["mostrador.conf"]
    assert box.ask("horario") == ANSWERS["horario"]


def test_an_update_that_is_cut_off_is_ended_by_the_next_play(box: Box, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ctrl-C when the link has just moved."""
    release = build_changed(tmp_path_factory.mktemp("cut") / "tree", "0.9.5")
    variables = {**box.variables, "mostrador_release": str(release)}
    words = [ansible_program("ansible-playbook"), "-i", write_inventory(box.host, variables), "ansible/deploy.yml"]
    command = [str(word) for word in words]
    with subprocess.Popen(command, cwd=ROOT, env=environment(box.host), stdout=subprocess.DEVNULL) as play:
        while play.poll() is None and box.host.try_ssh("test -e /opt/mostrador/moving").returncode:
            time.sleep(0.3)
        play.send_signal(signal.SIGINT)
        assert play.wait(120) != 0
    assert box.host.try_ssh("test -e /opt/mostrador/moving").returncode == 0, "it was cut off in the middle"
    wait(lambda: not any((box.host.folder / "cp").glob("*")), 150, "the cut play's connection has ended")
    played = box.play("deploy.yml", mostrador_release=str(release))
    assert played.is_good, played.output[-3000:]
    assert running_release(box).startswith("0.9.5")
    assert box.host.try_ssh("test -e /opt/mostrador/moving").returncode != 0
    assert box.ask("horario") == ANSWERS["horario"]


def test_a_rollback_runs_the_release_before_on_the_newer_schema(box: Box) -> None:
    newer = running_release(box)
    # the last play failed on another machine, whose connection stands for a minute: until then it counts as at work
    wait(lambda: not any((box.host.folder / "cp").glob("*")), 150, "the failed play's connection has ended")
    played = run_script(box.host, "--play", "rollback")
    assert played.is_good, played.output[-3000:]
    assert running_release(box) != newer
    assert "of_the_next_release" in box.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'contact'")
    assert MARK in box.host.ssh(f"cat /etc/systemd/system/{UNIT}"), "with the unit files that it ran with"
    unchanged = "/usr/local/bin/mostrador doctor --only managed_files"
    wait(lambda: box.host.try_ssh(unchanged).returncode == 0, 90, "nothing counts as changed by hand")
    assert box.ask("¿Hacéis envíos a Canarias?") == ANSWERS["¿Hacéis envíos a Canarias?"]


def test_an_update_makes_a_backup_first(box: Box) -> None:
    assert "counts" in box.mostrador("backup list")
