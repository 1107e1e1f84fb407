"""Settings are judged by the release before they are written: a wrong one never takes down what runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from templates.render import ANSIBLE, ROOT, evaluate, render

ROLE = ANSIBLE / "roles/app"
RUNUSER = ["runuser", "--user", "mostrador", "--"]


def read_tasks(name: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text())
    return tasks


@pytest.fixture
def box(tmp_path: Path) -> dict[str, Any]:
    """A release, and the secrets that were made once."""
    release = tmp_path / "releases/1.2.3"
    release.mkdir(parents=True)
    (release / "venv").symlink_to(sys.prefix)
    (release / "chatbot").symlink_to(ROOT / "chatbot")
    for name in ("secret_key", "webhook_token"):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef0123456789abcdef\n")
    return {"mostrador_root": str(tmp_path), "mostrador_etc": str(tmp_path), "app_version": "1.2.3"}


def judge(box: dict[str, Any], **settings: object) -> subprocess.CompletedProcess[str]:
    """As the play does, but for the change of user."""
    words = evaluate("app_judge", **box)
    assert words[:4] == RUNUSER
    text = render("ansible/roles/app/templates/mostrador.env.j2", **box, mostrador_settings=settings)
    return subprocess.run(words[4:], input=text, capture_output=True, text=True, check=False, timeout=60)


def test_right_settings_pass_in_whatever_way_they_are_written(box: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # what the one who plays has in an environment of his own is none of the product's
    monkeypatch.setenv("MODE", "wrong")
    name = 'a "quoted" $HOME `id` back\\slash'
    done = judge(box, CHATWOOT_URL="https://chat.example.org", BUSINESS_NAME=name, MODEL_CHAIN=[{"model": "x"}], VISION=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEB_CONCURRENCY", "lots"), ("DEBUG", True), ("MODE", "loud"), ("MODEL_CHAIN", "not-json"), ("SECRET_KEY", "hunter2")],
)
def test_a_wrong_one_is_named_and_its_value_is_not(box: dict[str, Any], name: str, value: object) -> None:
    done = judge(box, **{name: value})
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith(f"{name}: ")
    assert "not-json" not in done.stderr
    assert "hunter2" not in done.stderr


def test_nothing_is_written_before_they_are_judged() -> None:
    (judges, stops), (writes,) = read_tasks("judge"), read_tasks("environment")
    assert "app_judge" in judges["ansible.builtin.command"]["argv"]
    assert judges["no_log"]
    assert writes["ansible.builtin.template"]["src"] == "mostrador.env.j2"
    assert "mostrador.env.j2" in judges["ansible.builtin.command"]["stdin"], "what is judged is what is written"
    said = {"rc": 1, "stderr_lines": ["a warning", "MODE: is wrong"]}
    assert evaluate(stops["when"], app_judged=said)
    assert not evaluate(stops["when"], app_judged={"rc": 0})
    assert not evaluate(stops["when"], app_judged={"skipped": True})
    for judged, reason in ((said, "MODE: is wrong"), ({"rc": 1, "stderr_lines": []}, "it gave no reason")):
        text = say(stops, judged)
        assert reason in text
        assert "/etc/mostrador/mostrador.env was not written, and nothing was restarted" in text
    others = [task for file in ROLE.glob("tasks/*.yml") for task in read_tasks(file.stem) if "mostrador.env.j2" in str(task)]
    migrates = read_tasks("migrate")[0]
    assert migrates["no_log"]
    assert "mostrador.env.j2" in migrates["ansible.builtin.command"]["stdin"], (
        "the new release may need what is written after it"
    )
    assert sorted(task["name"] for task in others) == sorted(task["name"] for task in (judges, writes, migrates))
    order = [task["name"] for task in read_tasks("main")]
    assert order.index("Judge the settings") < order.index("Write the settings") < order.index("Update to the release")


def test_with_an_update_they_are_written_where_it_moves_after_what_ran_was_kept() -> None:
    writes = next(task for task in read_tasks("main") if task["name"] == "Write the settings")
    linked = {"exists": True, "lnk_source": "/opt/mostrador/releases/1.0"}
    for now, version, is_written in (({"exists": False}, "1.0", True), (linked, "1.0", True), (linked, "1.1", False)):
        assert evaluate(writes["when"], app_current={"stat": now}, app_version=version) == is_written
    (move,) = read_tasks("move")
    names = [task["name"] for task in move["block"]]
    wanted = ["Keep what it moves from", "Note from which release it moves", "Write the settings", "Write the unit files",
              "Move the link", "Restart and wait until it answers"]  # fmt: skip
    assert [name for name in names if name in wanted] == wanted
    undone = [task["name"] for task in move["rescue"]]
    assert undone.index("Put back what the old release ran with") < undone.index("Restart the old release")


@pytest.mark.parametrize("with_settings", [True, False])
def test_what_was_kept_of_a_release_is_put_back_as_it_was(tmp_path: Path, with_settings: bool) -> None:
    """The two scripts themselves, in a folder."""
    units, etc, release = tmp_path / "units", tmp_path / "etc", tmp_path / "releases" / "1.0"
    for folder in (units, etc, release):
        folder.mkdir(parents=True)
    (units / "mostrador-web.service").write_text("old")
    (units / "nginx.service").write_text("somebody else's")
    (etc / "mostrador.env").write_text("OLD=1")
    os.utime(units / "mostrador-web.service", (1, 1))
    run_script("keep", tmp_path, app_from="1.0")
    (units / "mostrador-web.service").write_text("new")
    (units / "mostrador-more.timer").write_text("new")
    (etc / "mostrador.env").write_text("NEW=1")
    run_script("put_back", tmp_path, app_whose="1.0", app_with_settings=with_settings)
    assert {path.name: path.read_text() for path in units.iterdir()} == {
        "mostrador-web.service": "old", "nginx.service": "somebody else's",
    }  # fmt: skip
    assert (units / "mostrador-web.service").stat().st_mtime > 1, "what a play wrote is told by its time from what a hand did"
    assert (etc / "mostrador.env").read_text() == ("OLD=1" if with_settings else "NEW=1")
    (release / "ran-with/units/mostrador-web.service").unlink()
    run_script("put_back", tmp_path, app_whose="1.0", app_with_settings=True)
    assert (units / "mostrador-web.service").read_text() == "old", "where nothing was kept nothing is taken away"


def run_script(tasks: str, root: Path, **values: object) -> None:
    (task,) = read_tasks(tasks)
    shell = task["ansible.builtin.shell"]
    known = {"mostrador_root": str(root), "mostrador_etc": str(root / "etc"), "mostrador_user": str(os.getgid()), **values}
    script = str(evaluate_text(shell["cmd"], known)).replace("/etc/systemd/system", str(root / "units"))
    folder = str(evaluate_text(shell["chdir"], known))
    subprocess.run(["sh", "-c", script], cwd=folder, check=True)


def evaluate_text(template: str, values: dict[str, object]) -> object:
    return evaluate("text", text=trust_as_template(template), **values)


def say(task: dict[str, Any], judged: dict[str, Any]) -> str:
    words = [trust_as_template(line) for line in task["ansible.builtin.fail"]["msg"]]
    return str(evaluate("words | join(' ')", words=words, app_judged=judged, app_version="1.2.3"))
