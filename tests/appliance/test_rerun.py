"""2. A second play changes nothing, a play that can't go well stops before it touches anything, and says what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from appliance.box import LOOK, Box, wait
from appliance.host import SUDOER, Host
from appliance.outside import Outside
from appliance.playbook import Played, play

LOCK = "/run/mostrador-play.lock"
TRACES = "/opt/mostrador /etc/mostrador /var/lib/mostrador /etc/nginx /etc/fail2ban"


@pytest.fixture(scope="module")
def two_plays(box: Box) -> tuple[Played, Played]:
    """A second play, by a user who becomes root, and one that was started while it was at work."""
    found: list[Played] = []
    before = box.host.try_ssh(f"cat {LOCK}").stdout
    first = threading.Thread(target=lambda: found.append(box.play(user=SUDOER)))
    first.start()
    try:
        wait(lambda: box.host.try_ssh(f"cat {LOCK}").stdout not in {"", before}, 120, "the first one has the lock")
        late = box.play()
    finally:
        first.join()
    return found[0], late


def test_a_second_play_changes_nothing(two_plays: tuple[Played, Played]) -> None:
    second, _ = two_plays
    assert second.is_good, second.output[-3000:]
    assert second.changed == 0, second.changes()


def test_two_plays_at_once_don_t_meet(two_plays: tuple[Played, Played]) -> None:
    _, late = two_plays
    assert not late.is_good
    assert late.changed <= 0
    assert "at work on this server" in late.output


def test_a_rehearsal_changes_nothing_and_sees_nothing_to_change(box: Box) -> None:
    played = box.play("site.yml", "--check", "--diff")
    assert played.is_good, played.output[-3000:]
    assert played.changed == 0, played.changes()


def test_secrets_stay_when_the_settings_change(box: Box) -> None:
    secrets = "sha256sum /etc/mostrador/secret_key /etc/mostrador/webhook_token /etc/mostrador/backup.key"
    before = box.host.ssh(secrets)
    settings = {**box.variables["mostrador_settings"], "BUSINESS_NAME": "Tienda de muestra"}
    played = box.play("site.yml", "--tags", "app", mostrador_settings=settings)
    assert played.is_good, played.output[-3000:]
    assert played.changed > 0
    assert box.host.ssh(secrets) == before


def test_a_hand_edited_unit_is_put_right_and_told(box: Box) -> None:
    box.host.ssh("sed -i 's/^Restart=.*/Restart=no/' /etc/systemd/system/mostrador-worker.service && systemctl daemon-reload")
    box.host.ssh(LOOK)
    assert box.doctor()["managed_files"]["level"] != "ok"
    played = box.play("site.yml", "--tags", "app,units")  # app: the settings as they were
    assert played.is_good, played.output[-3000:]
    assert "units : Write the unit files" in played.changes()
    box.host.ssh(LOOK)
    assert box.doctor()["managed_files"]["level"] == "ok"


@pytest.fixture(scope="module")
def other(outside: Outside) -> Iterator[Host]:
    """A host that nothing was played onto; every test here leaves it so."""
    with Host("other", dns=outside.address) as host:
        outside.befriend(host)
        outside.point(host.address, "other.mostrador.test")
        yield host


def refused(host: Host, box: Box, **changed: object) -> str:
    """What a play says that stops before touching anything."""
    before = host.ssh("dpkg-query --show | sha256sum")
    played = play(host, "site.yml", variables={**box.variables, "mostrador_domain": "other.mostrador.test", **changed})
    assert not played.is_good
    assert played.changed <= 0, played.changes()
    assert host.ssh("dpkg-query --show | sha256sum") == before
    assert host.ssh("ls -d /opt/mostrador /etc/mostrador /var/lib/mostrador 2>/dev/null; true") == ""
    return " ".join(played.output.split())


def test_a_rehearsal_on_a_bare_server_touches_nothing_and_says_how_far_it_can_tell(other: Host, box: Box) -> None:
    # as a provider makes it: Python's apt is there, and the server knows itself by the domain's name
    other.ssh("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-apt >/dev/null", 300)
    other.ssh("echo 127.0.1.1 other.mostrador.test other >>/etc/hosts")
    before = other.ssh("dpkg-query --show | sha256sum")
    played = play(other, "site.yml", "--check", variables={**box.variables, "mostrador_domain": "other.mostrador.test"})
    assert played.is_good, played.output[-3000:]
    assert played.changed == 0, played.changes()
    assert "without --check" in " ".join(played.output.split())
    assert other.ssh("dpkg-query --show | sha256sum") == before


def test_a_server_with_something_on_port_80_is_refused_with_the_reason(other: Host, box: Box) -> None:
    other.ssh("systemd-run --collect --unit=squatter python3 -m http.server 80")
    other.wait(lambda: other.try_ssh("grep -q ':0050 ' /proc/net/tcp").returncode == 0, 60, "port 80 is taken")
    try:
        told = refused(other, box)
    finally:
        other.ssh("systemctl stop squatter")
    assert "port 80 is taken by python3" in told
    assert "systemctl disable --now" in told, "it says what to do"


def test_a_server_with_another_database_is_refused_and_told_how_to_share_it(other: Host, box: Box) -> None:
    other.ssh("mkdir -p /etc/postgresql/17/shop && touch /etc/postgresql/17/shop/postgresql.conf")
    try:
        told = refused(other, box)
    finally:
        other.ssh("rm -r /etc/postgresql")
    assert "17/shop" in told
    assert "mostrador_coexist: true" in told


def test_a_domain_that_leads_elsewhere_is_refused_with_both_addresses(other: Host, box: Box) -> None:
    told = refused(other, box, mostrador_domain="bot.mostrador.test")
    assert box.host.address in told
    assert other.address in told


def test_a_domain_that_isn_t_there_is_refused(other: Host, box: Box) -> None:
    assert "nowhere.mostrador.test" in refused(other, box, mostrador_domain="nowhere.mostrador.test")


def test_half_a_gigabyte_is_refused(other: Host, box: Box) -> None:
    other.set_memory(512, 300)
    try:
        told = refused(other, box)
    finally:
        other.set_memory(1024, 600)
    assert "1 GB" in told or "1024" in told or "MB" in told


@pytest.mark.parametrize("email", ["", "nobody", "owner@", "owner@nowhere"])
def test_a_wrong_e_mail_is_refused(other: Host, box: Box, email: str) -> None:
    assert "mostrador_email" in refused(other, box, mostrador_email=email)
