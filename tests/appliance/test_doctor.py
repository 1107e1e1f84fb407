"""10. The doctor: green on a box that was just installed, red for each planted fault, green again once it is mended."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

import pytest

from appliance.box import LOOK, Box, wait

ENV = "/etc/mostrador/mostrador.env"


@dataclass(frozen=True)
class Planted:
    """A fault by what is typed on the box. levels: what the doctor may call it."""

    check: str
    plant: str
    mend: str
    levels: tuple[str, ...] = ("fail",)


def line_of(text: str) -> tuple[str, str]:
    """A further line of the settings, and how it goes again; the last one of a name wins."""
    return f"cp -a {ENV} {ENV}.kept && echo '{text}' >> {ENV}", f"mv {ENV}.kept {ENV}"


def without(name: str) -> tuple[str, str]:
    return f"cp -a {ENV} {ENV}.kept && sed -i '/^{name}=/d' {ENV}", f"mv {ENV}.kept {ENV}"


def stopped(unit: str) -> tuple[str, str]:
    return f"systemctl stop {unit} && {LOOK}", f"systemctl start {unit} && {LOOK}"


SQL = "runuser -u postgres -- psql -qAtX -d mostrador"
AN_INDEX = (
    "SELECT indexname || chr(10) || indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix%'"
    " AND indexdef NOT LIKE '%UNIQUE%' ORDER BY indexname LIMIT 1"
)
SOFT = ("warn", "fail")
FAULTS = (
    Planted("stored_secrets", "cd /etc/mostrador && cp -a secret_key kept && openssl rand -hex 24 > secret_key",
            "cd /etc/mostrador && mv kept secret_key"),
    Planted("public_url", *line_of("PUBLIC_URL=http://bot.mostrador.test"), SOFT),
    Planted("private_files", f"chmod 0755 /etc/mostrador && chmod 0644 /etc/mostrador/secret_key && {LOOK}",
            f"chmod 0750 /etc/mostrador && chmod 0640 /etc/mostrador/secret_key && {LOOK}"),
    Planted("database", *stopped("postgresql")),
    Planted("migrations", f"{SQL} -c 'DELETE FROM alembic_version RETURNING version_num' > /root/head",
            f"{SQL} -c \"INSERT INTO alembic_version VALUES ('$(cat /root/head)')\""),
    Planted("indexes", f"{SQL} > /root/index <<<\"{AN_INDEX}\" && echo \"DROP INDEX $(head -n 1 /root/index)\" | {SQL}",
            f"tail -n 1 /root/index | {SQL}"),
    Planted("redis", *stopped("redis-server"), SOFT),
    Planted("limits", f"cp -a {ENV} {ENV}.kept && sed -i '/^REDIS_URL=/d; $ a WEB_CONCURRENCY=2' {ENV}",
            f"mv {ENV}.kept {ENV}", SOFT),
    Planted("worker", *stopped("mostrador-worker")),
    Planted("answering", "/usr/local/bin/mostrador pause", "/usr/local/bin/mostrador resume", SOFT),
    Planted("mode", *line_of("MODE=off"), SOFT),
    Planted("nginx", *stopped("nginx")),
    Planted("ready", *stopped("nginx")),
    Planted("webhook_secret", f"cp -a {ENV} {ENV}.kept && sed -i '/^CHATWOOT_WEBHOOK_SECRET=/d; /^WEBHOOK_TOKEN/d' {ENV}",
            f"mv {ENV}.kept {ENV}"),
    Planted("chatwoot", *line_of("CHATWOOT_ACCESS_TOKEN=revoked")),
    Planted("chatwoot", *line_of("CHATWOOT_URL=http://127.0.0.1:9")),
    Planted("agent_bot", *line_of("PUBLIC_URL=https://elsewhere.mostrador.test")),
    Planted("llm", *line_of("OPENAI_BASE_URL=http://127.0.0.1:9/v1"), SOFT),
    Planted("backup", "cd /var/backups/mostrador && for f in *.proved; do mv $f $f.kept; done",
            "cd /var/backups/mostrador && for f in *.proved.kept; do mv $f ${f%.kept}; done"),
    Planted("disk", f"fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 60000000)) /var/filler && {LOOK}",
            f"rm /var/filler && {LOOK}"),
    Planted("units", *stopped("mostrador-backup.timer")),
    Planted("firewall", f"nft flush ruleset && {LOOK}", f"systemctl restart nftables fail2ban && {LOOK}"),
    Planted("fail2ban", *stopped("fail2ban"), SOFT),
    Planted("managed_files", f"echo '# by hand' >> /etc/nginx/conf.d/mostrador.conf && {LOOK}",
            f"sed -i '/^# by hand$/d' /etc/nginx/conf.d/mostrador.conf && {LOOK}", SOFT),
    Planted("reboot", f"touch -d '2 days ago' /run/reboot-required && {LOOK}", f"rm /run/reboot-required && {LOOK}", SOFT),
    Planted("updates", f"systemctl disable --now apt-daily.timer && {LOOK}",
            f"systemctl enable --now apt-daily.timer && {LOOK}"),
    Planted("certificate", "cd /etc/mostrador && openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=bot.mostrador.test"
            " -addext subjectAltName=DNS:bot.mostrador.test -keyout /root/k.pem -out /root/c.pem 2>/dev/null;"
            " d=$(nginx -T 2>/dev/null | sed -n 's/^ *ssl_certificate \\(.*\\)\\/fullchain.pem;/\\1/p' | tail -n 1);"
            " for n in fullchain privkey; do readlink $d/$n.pem > /root/$n.link; done;"
            f" ln -sfn /root/c.pem $d/fullchain.pem; ln -sfn /root/k.pem $d/privkey.pem; nginx -s reload; sleep 1; {LOOK}",
            " d=$(nginx -T 2>/dev/null | sed -n 's/^ *ssl_certificate \\(.*\\)\\/fullchain.pem;/\\1/p' | tail -n 1);"
            " for n in fullchain privkey; do ln -sfn $(cat /root/$n.link) $d/$n.pem; done;"
            f" rm -f /root/?.pem; nginx -s reload; sleep 1; {LOOK}", SOFT),
    Planted("facts", "systemctl stop mostrador-facts.timer && sed -i 's/\"at\": [0-9.]*/\"at\": 1700000000.0/'"
            " /var/lib/mostrador-facts/facts.json", f"systemctl start mostrador-facts.timer && {LOOK}"),
    Planted("alerts", *without("ALERT_URLS"), SOFT),
    Planted("ping", *without("PING_URL"), SOFT),
)  # fmt: skip


def look_at(box: Box, check: str) -> dict[str, str]:
    """Its line, with the doctor's exit code; of one that is absent, only its level says so."""
    done = box.host.try_ssh(f"/usr/local/bin/mostrador doctor --json --language en --only {check}", 240)
    lines = [line for line in json.loads(done.stdout)["checks"] if line["id"] == check]
    return {**lines[0], "exit_code": str(done.returncode)} if lines else {"level": f"absent: {done.stdout}"}


def wait_until(box: Box, check: str, level: str, what: str) -> None:
    """Most of what root alone sees is read once a minute."""
    wait(lambda: look_at(box, check)["level"] == level, 90, f"{check} is {level} {what}")


def test_it_is_green_on_a_new_box_and_says_so_by_its_exit_code(box: Box) -> None:
    box.ask("horario")  # a webhook has been heard
    box.host.ssh(LOOK)
    bad: dict[str, dict[str, Any]] = {}

    def is_green() -> bool:
        bad.clear()
        bad.update({name: line for name, line in box.doctor().items() if line["level"] != "ok"})
        return not bad

    with contextlib.suppress(AssertionError):  # what isn't is said below
        wait(is_green, 300, "the checks ran, and all is well", every_s=5)
    assert bad == {}
    done = box.host.try_ssh("/usr/local/bin/mostrador doctor --language en")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("planted", FAULTS, ids=lambda p: p.check)
def test_it_is_red_for_a_planted_fault_and_says_what_to_do(box: Box, planted: Planted) -> None:
    wait_until(box, planted.check, "ok", "before it is planted")
    try:
        box.host.ssh(planted.plant)
        found = look_at(box, planted.check)
    finally:
        box.host.ssh(planted.mend)
    assert found["level"] in planted.levels, found
    assert found["mend"], "it must say how to mend it"
    assert found["exit_code"] == ("2" if found["level"] == "fail" else "1")
    wait_until(box, planted.check, "ok", "as before")


@pytest.mark.parametrize(
    ("variable", "plant", "mend"),
    [
        ("SECRET_KEY", "cd /etc/mostrador && cp -a secret_key kept && printf %048d 0 > secret_key",
         "cd /etc/mostrador && mv kept secret_key"),
        ("DEBUG", *line_of("DEBUG=true")),
        ("ALLOWED_ORIGINS", *line_of("ALLOWED_ORIGINS=*")),
    ],
    ids=["key", "debug", "origins"],
)  # fmt: skip
def test_settings_that_production_refuses_are_named(box: Box, variable: str, plant: str, mend: str) -> None:
    """With them the product doesn't start at all, and neither does its doctor."""
    try:
        box.host.ssh(plant)
        done = box.host.try_ssh("/usr/local/bin/mostrador doctor --language en", 240)
    finally:
        box.host.ssh(mend)
    assert done.returncode == 2
    assert variable in done.stdout + done.stderr


def test_memory_that_is_gone_is_told(box: Box) -> None:
    box.host.set_memory(1024, 25)
    try:
        assert look_at(box, "memory")["level"] in SOFT
    finally:
        box.host.set_memory(1024, 600)
    wait_until(box, "memory", "ok", "as before")


def test_a_domain_that_leads_elsewhere_is_told(box: Box) -> None:
    box.outside.point(box.outside.stranger)
    try:
        wait_until(box, "public_name", "fail", "where the name leads to somebody else")
    finally:
        box.outside.point(box.host.address)
    wait_until(box, "public_name", "ok", "as before")
