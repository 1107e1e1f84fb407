"""1. and 2. on the server itself: scripts/install does the same as the playbook from a computer, and has its other plays."""

from __future__ import annotations

import json

from appliance.box import ANSWERS, WEBHOOK, Box
from appliance.playbook import Played, run_script

TEN_MINUTES = 600


def test_one_command_on_the_server_installs_within_ten_minutes(script_installed: Played) -> None:
    assert script_installed.is_good, script_installed.output[-4000:]
    assert script_installed.seconds < TEN_MINUTES


def test_it_answers_a_customer_through_https_with_the_authority_s_certificate(box: Box) -> None:
    assert box.is_well()
    assert "Pebble" in str(box.certificate()["issuer"])
    assert box.ask("horario", 60) == ANSWERS["horario"]
    body = {"event": "webwidget_triggered", "id": 1}
    assert box.post_webhook(body) == 200
    assert box.post_webhook(body, secret="wrong") == 401
    assert box.request(WEBHOOK, "POST", b"{}", {"Content-Type": "application/json"}).status == 401


def test_no_compiler_and_no_node_stay_on_the_server(box: Box) -> None:
    named = "-name node -o -name npm -o -name 'gcc*' -o -name cc1"
    found = f"find / -xdev -ignore_readdir_race \\( {named} \\) -type f -perm /111 2>/dev/null"
    assert box.host.ssh(found, 600) == ""


def test_typed_again_it_asks_nothing_and_changes_nothing(box: Box) -> None:
    played = run_script(box.host, acme(box))
    assert played.is_good, played.output[-3000:]
    assert played.changed == 0, played.changes()


def acme(box: Box) -> str:
    return f"-e mostrador_acme_directory_url={box.outside.acme_directory_url}"


def test_it_plays_the_doctor(box: Box) -> None:
    played = run_script(box.host, "--play", "doctor")
    assert "Chatwoot" in played.output
    assert played.changed == 0


def test_it_plays_a_backup(box: Box) -> None:
    before = backups(box)
    played = run_script(box.host, "--play", "backup")
    assert played.is_good, played.output[-3000:]
    assert len(backups(box) - before) == 1


def backups(box: Box) -> set[str]:
    return {row["name"] for row in json.loads(box.mostrador("backup list --json"))["backups"] if row["counts"]}


def test_without_a_release_before_a_rollback_says_so_and_nothing_moves(box: Box) -> None:
    played = run_script(box.host, "--play", "rollback")
    assert not played.is_good
    assert "There is no release before the running one" in " ".join(played.output.split())
    assert box.ask("horario") == ANSWERS["horario"]


def test_a_play_that_there_isn_t_is_refused_with_those_there_are(box: Box) -> None:
    played = run_script(box.host, "--play", "nothing")
    assert played.code == 2
    assert "backup, deploy, doctor, restore, rollback, site" in played.output
