"""7. Trouble is told, once; its end too, once; both within three minutes, by the box's own timers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from appliance.box import Box, wait

THREE_MINUTES = 180

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
    box.host.ssh("cd /usr/local/sbin; [ ! -e mostrador-renew.kept ] || mv mostrador-renew.kept mostrador-renew;"
                 " systemctl reset-failed mostrador-renew.service; systemctl start mostrador-renew.service", 300)  # fmt: skip


TROUBLES = {
    trouble.check: trouble
    for trouble in (
        Trouble("backup", spoil_the_dump, back_up_well),
        Trouble("units", fail_a_renewal, renew_well),  # of its service, while the certificate itself is still good
        Trouble("disk", on_the_box("fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 60000000)) /var/filler"),
                on_the_box("rm -f /var/filler")),
        Trouble("redis", on_the_box("systemctl stop redis-server"), on_the_box("systemctl start redis-server")),
        Trouble("chatwoot_use", revoke_token, give_token_back),
        Trouble("worker", on_the_box("systemctl stop mostrador-worker"), on_the_box("systemctl start mostrador-worker")),
    )
}  # fmt: skip
# without a worker nobody meets the revoked token any more: it comes once all others were told
LAST = "worker"


@dataclass
class Story:
    """What happened when, in Unix time. pings: how many signs of life came before, during and after the troubles."""

    names: dict[str, str]
    planted: dict[str, float] = field(default_factory=dict)
    mended: dict[str, float] = field(default_factory=dict)
    pings: list[int] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)

    def times(self, check: str, marks: str) -> list[float]:
        """When a line of that check was told, as trouble (✗ or !) or as well again (✓)."""
        return [at for at, line in self.lines if line[:1] in marks and line[2:].startswith(f"{self.names[check]}:")]


@pytest.fixture(scope="module")
def story(box: Box) -> Story:
    """All troubles at once, each but for the last; then all are mended, the disk first, which others need."""
    story = Story({check: box.doctor_name(check) for check in TROUBLES})
    wait(lambda: is_quiet(box), 420, "the box had nothing to tell any more", every_s=2)
    story.pings.append(len(box.outside.pings()))
    started = time.time()
    try:
        for check, trouble in TROUBLES.items():
            if check == LAST:
                wait_until_told(box, story, started, "✗!", set(TROUBLES) - {LAST})
            trouble.plant(box)
            story.planted[check] = time.time()
        wait_until_told(box, story, started, "✗!", set(TROUBLES))
        heard = len(box.outside.pings())
        box.host.ssh("systemctl start mostrador-check.service", 300)
        story.pings.append(len(box.outside.pings()) - heard)
    finally:
        for check in sorted(TROUBLES, key=lambda check: check != "disk"):
            TROUBLES[check].mend(box)
            story.mended[check] = time.time()
    wait_until_told(box, story, started, "✓", set(TROUBLES))
    heard = len(box.outside.pings())
    wait(lambda: is_quiet(box) and len(box.outside.pings()) > heard, 240, "a sign of life", every_s=2)
    story.pings.append(len(box.outside.pings()) - heard)
    return story


def wait_until_told(box: Box, story: Story, started: float, marks: str, checks: set[str]) -> None:
    """Lateness is judged by each test; what isn't told in twice the time won't be."""

    def are_told() -> bool:
        posted = [p for p in box.outside.posted() if p["path"].startswith("/alerts") and p["at"] > started]
        told = [(p["at"], json.loads(p["body"])["message"]) for p in posted]
        story.lines = [(at, line) for at, message in told for line in message.splitlines()]
        return all(story.times(check, marks) for check in checks)

    with contextlib.suppress(AssertionError):  # the tests say which one wasn't
        wait(are_told, 2 * THREE_MINUTES, f"{checks} told by {marks}", every_s=1)


@pytest.mark.parametrize("check", TROUBLES)
def test_each_trouble_is_told_by_one_alert_and_one_recovery_within_three_minutes(story: Story, check: str) -> None:
    told, recovered = story.times(check, "✗!"), story.times(check, "✓")
    assert len(told) == 1, story.lines
    assert len(recovered) == 1, story.lines
    assert told[0] - story.planted[check] < THREE_MINUTES
    assert recovered[0] - story.mended[check] < THREE_MINUTES
    assert told[0] < recovered[0]


def test_a_failed_service_is_named(story: Story) -> None:
    (line,) = [line for _, line in story.lines if line[:1] in "✗!" and line[2:].startswith(f"{story.names['units']}:")]
    assert "mostrador-renew" in line
    assert "mostrador-backup" not in line, "that is told by the line of the backups"


def test_the_outside_monitor_hears_signs_of_life_only_while_all_is_well(story: Story) -> None:
    before, during, after = story.pings
    assert before > 0
    assert during == 0
    assert after > 0


def is_quiet(box: Box) -> bool:
    kept = json.loads(box.host.ssh("cat /var/lib/mostrador/checks.json"))
    return all(c["level"] == "ok" and c["told"] == "ok" for c in kept["checks"].values())
