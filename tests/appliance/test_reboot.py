"""3. After a reboot, and after a power failure, everything is back within a minute."""

from __future__ import annotations

import time

from appliance.box import ANSWERS, Box, wait

MINUTE = 60


def test_a_rebooted_box_answers_within_a_minute(box: Box) -> None:
    started = time.monotonic()
    box.host.reboot()
    assert box.ask("horario", MINUTE) == ANSWERS["horario"]
    assert time.monotonic() - started < MINUTE
    assert_all_is_back(box)


def test_after_a_power_failure_the_box_answers_and_what_was_accepted_is_not_lost(box: Box) -> None:
    written = [box.write("horario") for _ in range(20)]
    box.host.cut_power()
    started = time.monotonic()
    box.host.boot()
    assert box.ask("horario", MINUTE) == ANSWERS["horario"]
    assert time.monotonic() - started < MINUTE
    wait(lambda: not box.unanswered(written), 180, "those who wrote before got their answers")
    assert {tuple(box.said(c)) for c in written} == {(ANSWERS["horario"],)}, "once each"
    assert_all_is_back(box)


def assert_all_is_back(box: Box) -> None:
    wait(lambda: box.host.ssh("systemctl is-system-running; true").strip() == "running", 180, "everything has started")
    for unit in ("nginx", "fail2ban", "nftables", "mostrador-web", "mostrador-worker"):
        assert box.is_active(unit), unit
    assert "dport" in box.host.ssh("nft list ruleset")
    timers = box.host.ssh("systemctl list-timers --no-legend --plain")
    for name in ("backup", "check", "facts", "prune", "renew"):
        assert f"mostrador-{name}.timer" in timers
    boots = box.host.ssh("journalctl --list-boots --quiet").strip().splitlines()
    assert len(boots) > 1, "the journal of the time before is still there"
