"""1. From a bare host to a bot that answers, by one command from a computer (test_script.py: on the server itself)."""

from __future__ import annotations

import pytest

from appliance.box import ANSWERS, WEBHOOK, Box, wait
from appliance.playbook import Played

TEN_MINUTES = 600


def test_one_command_installs_within_ten_minutes(fresh_box: Box, installed: Played) -> None:
    assert installed.is_good, installed.output[-4000:]
    assert installed.seconds < TEN_MINUTES


def test_it_answers_a_customer_through_https_with_the_authority_s_certificate(box: Box) -> None:
    assert "Pebble" in str(box.certificate()["issuer"])
    assert box.ask("¿Hacéis envíos a Canarias?") == ANSWERS["¿Hacéis envíos a Canarias?"]


def test_a_signed_webhook_is_taken_and_an_unsigned_or_wrongly_signed_one_refused(box: Box) -> None:
    body = {"event": "webwidget_triggered", "id": 1}
    assert box.post_webhook(body) == 200
    assert box.post_webhook(body, secret="wrong") == 401
    assert box.request(WEBHOOK, "POST", b"{}", {"Content-Type": "application/json"}).status == 401


def test_nothing_failed_and_nothing_was_left_to_do_at_the_next_boot(box: Box) -> None:
    assert box.host.ssh("systemctl list-units --state=failed --plain --no-legend").strip() == ""
    units = ("mostrador.target", "mostrador-web.socket", "mostrador-worker.service", "nginx", "postgresql", "redis-server")
    assert box.host.ssh(f"systemctl is-enabled {' '.join(units)}").split().count("enabled") == len(units)


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("mostrador-web", 2.0),
        ("mostrador-worker", 2.0),
        ("mostrador-backup", 4.0),
        ("mostrador-check", 4.0),
        ("mostrador-facts", 4.0),
        ("mostrador-prune", 4.0),
        ("mostrador-renew", 4.0),
    ],
)
def test_units_are_sandboxed(box: Box, unit: str, most: float) -> None:
    told = box.host.ssh(f"systemd-analyze security --no-pager {unit}.service | tail -n 1")
    exposure = float(told.split("level for")[1].split(":")[1].split()[0])
    assert exposure <= most, told


def test_the_product_reaches_no_metadata_service(box: Box) -> None:
    for unit in ("mostrador-web", "mostrador-worker"):
        denied = box.host.ssh(f"systemctl show --property=IPAddressDeny --value {unit}")
        assert "169.254.169.254" in denied or "169.254.0.0/16" in denied
        assert "fd00:ec2::254" in denied


def test_secrets_are_for_the_product_and_root_alone(box: Box) -> None:
    for name in ("secret_key", "webhook_token", "mostrador.env", "backup.key"):
        mode, owner, group = box.host.ssh(f"stat --format='%a %U %G' /etc/mostrador/{name}").split()
        assert (mode, owner, group) == ("640", "root", "mostrador"), name
    logs = box.host.ssh("journalctl --no-pager -o cat | cat - /var/log/nginx/*.log 2>/dev/null; true")
    for name in ("secret_key", "webhook_token"):
        assert box.host.ssh(f"cat /etc/mostrador/{name}").strip() not in logs
    for value in box.outside.settings().values():
        assert len(value) < 20 or value.startswith("http") or value not in logs


def test_the_token_in_the_webhook_s_address_is_masked_in_logs(box: Box) -> None:
    token = box.host.ssh("cat /etc/mostrador/webhook_token").strip()
    assert box.request(f"{WEBHOOK}/{token}", "POST", b'{"event":"x"}').status == 200
    box.request(f"{WEBHOOK}/not-{token}", "POST", b'{"event":"x"}')
    logs = box.host.ssh("sleep 1; journalctl --no-pager -o cat | cat - /var/log/nginx/*.log 2>/dev/null; true")
    assert token not in logs


def test_the_journal_shows_everything_under_one_name(box: Box) -> None:
    def read() -> str:
        return box.host.ssh("journalctl -t mostrador -o json --output-fields=_SYSTEMD_UNIT,MESSAGE --no-pager")

    box.host.ssh("systemctl stop mostrador-worker")
    try:
        # by what it says: of a process that has ended meanwhile the journal doesn't know the unit any more
        wait(lambda: '"not well: ' in read(), 240, "one of the next checks speaks of trouble", every_s=3)
    finally:
        box.host.ssh("systemctl start mostrador-worker")
    lines = read()
    for unit in ("mostrador-web", "mostrador-worker"):
        assert f"{unit}.service" in lines
