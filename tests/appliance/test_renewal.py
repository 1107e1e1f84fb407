"""11. Certificates: renewed one after the other, judged by how much of their life is left, and harmless when it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from appliance.box import Box, wait

RENEW = "/usr/local/sbin/mostrador-renew"
LIFE_S = 60


@pytest.fixture
def blocked_port_80(box: Box) -> Iterator[None]:
    """Somewhere between the authority and the box, as a provider's firewall would."""
    box.outside.block(box.host, 80)
    yield
    box.outside.unblock()


def test_a_renewal_with_port_80_blocked_says_why_and_the_present_certificate_stays(box: Box, blocked_port_80: None) -> None:
    before = box.certificate()["serialNumber"]
    done = box.host.try_ssh(f"{RENEW} --now", 300)
    assert done.returncode != 0
    assert "port 80" in done.stderr
    assert "mostrador-renew" in done.stderr, "it says what to type"
    assert box.certificate()["serialNumber"] == before
    assert box.is_well()


def test_three_renewals_in_a_row_show_three_certificates_without_a_refused_connection(box: Box) -> None:
    seen = [box.certificate()["serialNumber"]]
    for _ in range(3):
        box.host.ssh(f"{RENEW} --now", 300)
        wait(lambda: box.certificate()["serialNumber"] != seen[-1], 60, "nginx shows the new one")
        seen.append(box.certificate()["serialNumber"])
    assert len(set(seen)) == 4
    assert box.is_well()


def test_a_certificate_with_most_of_its_life_before_it_is_left_alone(box: Box) -> None:
    before = box.certificate()["serialNumber"]
    box.host.ssh("systemctl start mostrador-renew.service", 300)
    assert box.certificate()["serialNumber"] == before


def test_what_is_due_is_judged_by_the_fraction_of_life_that_is_left(box: Box) -> None:
    """An authority whose certificates live for a minute: soon they will live for days."""
    url = box.outside.start_short_lived_authority(LIFE_S)
    box.host.ssh(f"cp -a {RENEW} /root/renew.kept && sed -i \"s|^directory=.*|directory='{url}'|\" {RENEW}")
    try:
        box.host.ssh("systemctl start mostrador-renew.service", 300)
        first, started = serial(box), time.monotonic()
        box.host.ssh("systemctl start mostrador-renew.service", 300)
        assert serial(box) == first, "more than a third was left"
        time.sleep(max(0.0, LIFE_S * 0.75 - (time.monotonic() - started)))
        box.host.ssh("systemctl start mostrador-renew.service", 300)
        assert serial(box) != first, "less than a third was left"
    finally:
        box.host.ssh(f"mv /root/renew.kept {RENEW} && systemctl start mostrador-renew.service", 300)
    wait(box.is_well, 60, "nginx, whose reload ends by itself, shows a certificate of the authority")


def serial(box: Box) -> str:
    return box.host.ssh("openssl x509 -in /etc/letsencrypt/live/mostrador/cert.pem -noout -serial").strip()


def test_the_timer_looks_twice_a_day(box: Box) -> None:
    told = box.host.ssh("systemctl show mostrador-renew.timer --property=TimersCalendar,Persistent,UnitFileState")
    assert "UnitFileState=enabled" in told
    next_runs = box.host.ssh("systemd-analyze calendar --iterations=4 \"$(systemctl cat mostrador-renew.timer |"
                             " sed -n 's/^OnCalendar=//p')\" | grep -c -E 'Iter|Next elapse'")  # fmt: skip
    assert int(next_runs) == 4
