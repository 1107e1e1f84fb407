"""4. Whatever is killed comes back by itself, and no webhook that was accepted is lost."""

from __future__ import annotations

import time

import pytest

from appliance.box import ANSWERS, Box, under_load, wait

BACK_S = 60
# what failed meanwhile is found by the reading of each minute
FOUND_S = 120
VICTIMS = ("mostrador-web", "mostrador-worker", "postgresql@17-main", "redis-server", "nginx")


def kill_and_wait(box: Box, unit: str) -> None:
    wait(lambda: box.is_active(unit), BACK_S, f"{unit} is active before")
    killed = box.pid_of(unit)
    box.host.ssh(f"kill -9 {killed}")
    wait(lambda: box.pid_of(unit) not in {0, killed}, BACK_S, f"{unit} has another process")
    wait(lambda: box.is_active(unit), BACK_S, f"{unit} is active")


@pytest.mark.parametrize("unit", VICTIMS)
def test_a_killed_process_is_back_by_itself_and_nothing_is_lost(box: Box, unit: str) -> None:
    with under_load(box) as load:
        time.sleep(1)
        kill_and_wait(box, unit)
        wait(box.is_well, BACK_S, "the box is well")
        time.sleep(2)
    wait(lambda: not box.unanswered(load.conversations), FOUND_S, f"every customer got an answer: {load.conversations}")
    assert {tuple(box.said(c)) for c in load.conversations} == {(ANSWERS["horario"],)}, "once each"
    assert load.conversations
    assert box.is_active(unit)


def test_killed_over_and_over_it_still_comes_back(box: Box) -> None:
    """systemd gives up on what dies often in a short time, unless it is told not to."""
    for unit in ("mostrador-worker", "redis-server"):
        for _ in range(8):
            kill_and_wait(box, unit)
    wait(box.is_well, BACK_S, "the box is well")


def test_a_frozen_worker_is_noticed_and_replaced(box: Box) -> None:
    frozen = box.pid_of("mostrador-worker")
    box.host.ssh(f"kill -STOP {frozen}")
    wait(lambda: box.pid_of("mostrador-worker") not in {0, frozen}, 240, "its watchdog ended it", every_s=1)
    wait(box.is_well, BACK_S, "the box is well")
    assert box.ask("horario") == ANSWERS["horario"]


def test_postgresql_stopped_under_load_gives_chatwoot_429_or_500_and_never_503(box: Box) -> None:
    with under_load(box) as load:
        time.sleep(1)
        box.host.ssh("systemctl stop postgresql@17-main")
        time.sleep(6)
        box.host.ssh("systemctl start postgresql@17-main")
        wait(box.is_well, BACK_S, "the box is well")
    statuses = {status for _, status in load.answers()}
    assert statuses <= {200, 429, 500}, statuses
    assert statuses & {429, 500}, "it must have been noticed"
    wait(lambda: not box.unanswered(load.conversations), FOUND_S, "every customer got an answer")
