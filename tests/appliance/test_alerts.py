"""7. Trouble is told, once; its end too, once; both within three minutes, by the box's own timers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from appliance.box import Box, wait

THREE_MINUTES = 180
BACKUPS = "/var/backups/mostrador"

# the real one, whose file loses its end
SHORT_PG_DUMP = r"""#!/usr/bin/env bash
set -e
/usr/bin/pg_dump "$@"
while [ $# -gt 0 ]; do
    case $1 in
        --file=*) file=${1#--file=} ;;
        -f | --file) file=$2 ;;
    esac
    shift
done
truncate --size=-2000 "$file"
"""


@dataclass(frozen=True)
class Trouble:
    """name: of the check, as the doctor calls it in Spanish."""

    check: str
    plant: Callable[[Box], None]
    mend: Callable[[Box], None]


def on_the_box(command: str) -> Callable[[Box], None]:
    def run(box: Box) -> None:
        box.host.ssh(command, 300)

    return run


def revoke_token(box: Box) -> None:
    box.outside.chatwoot.act("fault", where="api", kind="status", status=401)


def give_token_back(box: Box) -> None:
    box.outside.chatwoot.act("clear_faults")


def spoil_the_dump(box: Box) -> None:
    """What pg_dump writes is cut short from now on, and the nightly backup runs."""
    box.host.ssh("cat > /usr/local/bin/pg_dump && chmod 0755 /usr/local/bin/pg_dump", stdin=SHORT_PG_DUMP)
    assert box.host.try_ssh("systemctl start mostrador-backup.service", 300).returncode != 0


def back_up_well(box: Box) -> None:
    box.host.ssh("rm -f /usr/local/bin/pg_dump; systemctl reset-failed mostrador-backup.service;"
                 " systemctl start mostrador-backup.service", 300)  # fmt: skip


def fail_a_renewal(box: Box) -> None:
    """The certificate is due, and the authority can't reach the box."""
    box.outside.block(box.host, 80)
    box.host.ssh("sed -i.kept 's/) \\* 3)/) * 1)/' /usr/local/sbin/mostrador-renew")
    box.host.try_ssh("systemctl start mostrador-renew.service", 300)


def renew_well(box: Box) -> None:
    box.outside.unblock()
    box.host.ssh("mv /usr/local/sbin/mostrador-renew.kept /usr/local/sbin/mostrador-renew;"
                 " systemctl reset-failed mostrador-renew.service; systemctl start mostrador-renew.service", 300)  # fmt: skip


# as many as don't hide each other at a time; what the alerts must name
FIRST = (
    Trouble("disk", on_the_box("fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 60000000)) /var/filler"),
            on_the_box("rm -f /var/filler")),
    Trouble("redis", on_the_box("systemctl stop redis-server"), on_the_box("systemctl start redis-server")),
    Trouble("chatwoot_use", revoke_token, give_token_back),
    Trouble("units", fail_a_renewal, renew_well),  # of its service, while the certificate itself is still good
)  # fmt: skip
SECOND = (
    Trouble("worker", on_the_box("systemctl stop mostrador-worker"), on_the_box("systemctl start mostrador-worker")),
    Trouble("backup", spoil_the_dump, back_up_well),
)  # fmt: skip


@pytest.mark.parametrize("troubles", [FIRST, SECOND], ids=lambda ts: "-".join(t.check for t in ts))
def test_each_trouble_is_told_by_one_alert_and_one_recovery_within_three_minutes(
    box: Box, troubles: tuple[Trouble, ...]
) -> None:
    names = {t.check: box.doctor_name(t.check) for t in troubles}
    wait(lambda: is_quiet(box), 200, "the box had nothing to tell any more", every_s=5)
    before = len(box.outside.alerts())
    try:
        for trouble in troubles:
            trouble.plant(box)
        for name in names.values():
            box.wait_for_alert(before, name, THREE_MINUTES)
    finally:
        told = box.outside.alerts()[before:]
        for trouble in troubles:
            trouble.mend(box)
    wait(lambda: recoveries(box, before, names) >= set(names), THREE_MINUTES, f"recoveries of {names}", every_s=2)
    if "units" in names:
        assert any("mostrador-renew" in text_of(alert) for alert in told), told
    for check, name in names.items():
        assert sum(name in text_of(a) for a in told) == 1, f"{check}: {told}"
        assert sum(name in text_of(a) for a in box.outside.alerts()[before:]) == 2, check


def recoveries(box: Box, before: int, names: dict[str, str]) -> set[str]:
    """The checks that were named twice: once as trouble, once as well again."""
    texts = [text_of(alert) for alert in box.outside.alerts()[before:]]
    return {check for check, name in names.items() if sum(name in text for text in texts) >= 2}


def is_quiet(box: Box) -> bool:
    kept = json.loads(box.host.ssh("cat /var/lib/mostrador/checks.json"))
    return all(c["level"] == "ok" and c["told"] == "ok" for c in kept["checks"].values())


def text_of(alert: dict[str, Any]) -> str:
    return f"{alert.get('title', '')} {alert.get('message', '')}"


def test_the_outside_monitor_hears_signs_of_life_only_while_all_is_well(box: Box) -> None:
    heard = len(box.outside.pings())
    wait(lambda: len(box.outside.pings()) > heard, 90, "a sign of life", every_s=2)
    box.host.ssh("systemctl stop mostrador-worker")
    try:
        wait(lambda: not is_quiet(box), 90, "it was noticed", every_s=2)
        heard = len(box.outside.pings())
        box.host.ssh("systemctl start mostrador-check.service")
        assert len(box.outside.pings()) == heard
    finally:
        box.host.ssh("systemctl start mostrador-worker")
