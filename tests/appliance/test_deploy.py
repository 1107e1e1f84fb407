"""5. Updates under constant load: no customer notices a good one, and a bad one is undone by itself."""

from __future__ import annotations

import pytest

from appliance.box import ANSWERS, Box, under_load, wait
from appliance.playbook import run_script
from appliance.releases import build_changed

COUNTS = "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM message), (SELECT count(*) FROM turn)"


def running_release(box: Box) -> str:
    return box.host.ssh("basename $(readlink -f /opt/mostrador/current)").strip()


def assert_nobody_was_turned_away(answers: list[tuple[float, int]]) -> None:
    statuses = {status for _, status in answers}
    assert answers
    assert statuses <= {*range(200, 300), 429}, statuses


def test_an_update_under_load_leaves_no_webhook_unanswered(box: Box, tmp_path_factory: pytest.TempPathFactory) -> None:
    release = build_changed(tmp_path_factory.mktemp("next") / "tree", "0.9.1", grows=True)
    before = running_release(box)
    with under_load(box) as load:
        played = box.play("deploy.yml", mostrador_release=str(release))
    assert played.is_good, played.output[-3000:]
    assert running_release(box).startswith("0.9.1")
    assert running_release(box) != before
    assert_nobody_was_turned_away(load.answers())
    wait(lambda: not box.unanswered(load.conversations), 60, "every customer got an answer")
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
    wait(lambda: not box.unanswered(load.conversations), 60, "every customer got an answer")
    assert all(now >= then for now, then in zip((int(n) for n in box.sql(COUNTS).split("|")), counts, strict=True))
    assert box.ask("horario") == ANSWERS["horario"]


def test_a_rollback_runs_the_release_before_on_the_newer_schema(box: Box) -> None:
    newer = running_release(box)
    # the last play failed on another machine, whose connection stands for a minute: until then it counts as at work
    wait(lambda: not any((box.host.folder / "cp").iterdir()), 90, "the failed play's connection has ended")
    played = run_script(box.host, "--play", "rollback")
    assert played.is_good, played.output[-3000:]
    assert running_release(box) != newer
    assert "of_the_next_release" in box.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'contact'")
    assert box.ask("¿Hacéis envíos a Canarias?") == ANSWERS["¿Hacéis envíos a Canarias?"]


def test_an_update_makes_a_backup_first(box: Box) -> None:
    assert "counts" in box.mostrador("backup list")
