"""8. What a stranger on the network sees of the box: three ports, one name, good TLS, and soon nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import resource
import socket
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from appliance.box import Box, wait
from appliance.machine import run
from appliance.outside import DOMAIN

OPEN = {22, 80, 443}
PLANTED = (5432, 6379, 8000, 8080, 65000)
HERE = Path(__file__).parent
# the box's own updates may be at work
APT = "apt-get -qq -y -o DPkg::Lock::Timeout=300"
# what testssl.sh says of the test's authority rather than of the box
OF_THE_AUTHORITY = {"cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_crlDistributionPoints", "cert_ocspURL"}
LISTENERS = f"""
import socket, time
for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for port in {PLANTED}:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                s.bind((anywhere, port))
            except OSError:
                continue
            if kind == socket.SOCK_STREAM:
                s.listen()
            globals()[f"kept_{{family}}_{{port}}_{{kind}}"] = s
time.sleep(3600)
"""
# over the box's own loopback, which is open
KNOCK_INSIDE = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in {PLANTED}:
    s.sendto(b"anybody there?", ("127.0.0.1", port))
"""
# how many connections at once, and how long each is waited for: the next one where a machine is too busy for those before
SWEEPS = ((4000, 1.0), (2000, 1.0), (1000, 2.0), (500, 4.0))


@pytest.fixture
def careless_owner(box: Box) -> Iterator[None]:
    """Somebody starts servers that listen to the whole world."""
    box.host.ssh("cat > /run/listeners.py && systemd-run --collect --unit=careless python3 /run/listeners.py", stdin=LISTENERS)
    try:
        wait(lambda: box.host.try_ssh("grep -q ':FDE8 ' /proc/net/udp6").returncode == 0, 60, "they listen, the last one too")
        yield
    finally:
        box.host.ssh("systemctl stop careless")


def find_open(
    address: str, ports: Iterable[int], source: str | None = None, at_once: int = 4000, timeout_s: float = 1.0
) -> set[int]:
    """Which of them take a connection. The owner's own address doesn't scan: it would be banned, and rightly."""
    local = (source, 0) if source else None

    async def knock(port: int, gate: asyncio.Semaphore) -> int | None:
        async with gate:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port, local_addr=local), timeout_s)
            except (OSError, TimeoutError):
                return None
            writer.close()
            return port

    async def knock_everywhere() -> set[int]:
        gate = asyncio.Semaphore(at_once)
        return {port for port in await asyncio.gather(*(knock(p, gate) for p in ports)) if port is not None}

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, at_once * 2)), hard))
    return asyncio.run(knock_everywhere())


def test_only_three_ports_are_reachable_whatever_listens(box: Box, careless_owner: None) -> None:
    # who knocks at ssh and goes away again is banned, and finds nothing open: that one comes last
    swept = [port for port in range(1, 65_536) if port != 22]
    found: set[int] = set()
    for at_once, timeout_s in SWEEPS:
        seen = find_open(box.host.address, swept, box.outside.scanner, at_once, timeout_s)
        found |= seen
        if seen >= OPEN - {22}:  # one that misses those was too fast for a busy machine, and may have missed others
            break
    found |= find_open(box.host.address, [22], box.outside.scanner, timeout_s=10)
    assert found == OPEN


def test_only_three_ports_are_reachable_over_ipv6(box: Box, careless_owner: None) -> None:
    assert find_open(box.host.address_6, [*range(1, 1025), *PLANTED]) <= OPEN
    assert 443 in find_open(box.host.address_6, [443], timeout_s=10)


def test_no_datagram_arrives(box: Box, careless_owner: None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for port in PLANTED:
            sender.sendto(b"anybody there?", (box.host.address, port))
    assert read_queues(box) == dict.fromkeys(PLANTED, 0)
    box.host.ssh("python3 -", stdin=KNOCK_INSIDE)
    assert all(read_queues(box).values()), "what arrives is seen"


def read_queues(box: Box) -> dict[int, int]:
    """Planted port -> bytes that wait there, where nobody reads."""
    rows = [line.split() for line in box.host.ssh("sleep 1; tail -n +2 /proc/net/udp").splitlines()]
    waiting = {int(row[1].partition(":")[2], 16): int(row[4].partition(":")[2], 16) for row in rows}
    return {port: size for port, size in waiting.items() if port in PLANTED}


@pytest.mark.parametrize("name", ["unknown.example", "10.0.0.1", "localhost", f"www.{DOMAIN}"])
def test_unknown_names_are_refused(box: Box, name: str) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        box.request("/healthz", name=name, trust=trusting_nobody())
    try:
        status = box.request("/healthz", name=name, port=80).status
    except (OSError, http.client.HTTPException):
        status = 0
    assert status in {0, 400, 403, 404, 421}


def test_a_known_name_in_tls_opens_no_unknown_host_behind_it(box: Box) -> None:
    try:
        answer = box.request("/healthz", headers={"Host": "unknown.example"})
    except (OSError, http.client.HTTPException):
        return
    assert answer.status in {400, 403, 404, 421}


def trusting_nobody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_plain_http_only_leads_to_https(box: Box) -> None:
    answer = box.request("/healthz?a=1", port=80)
    assert (answer.status, answer.headers["location"]) == (301, f"https://{DOMAIN}/healthz?a=1")
    assert box.request("/webhooks/chatwoot", "POST", b"{}", port=80).status in {301, 308, 403}


def test_browsers_are_told_to_stay_with_https(box: Box) -> None:
    value = box.request("/healthz").headers["strict-transport-security"]
    assert int(value.split("max-age=")[1].split(";")[0]) >= 15_552_000


def test_http_2_is_offered(box: Box) -> None:
    context = box.outside.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((box.host.address, 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"


def test_what_is_missing_is_told_on_the_box_alone(box: Box) -> None:
    assert box.request("/readyz").status in {403, 404}
    asked = f"curl --silent --fail --connect-to {DOMAIN}:443:127.0.0.1:443 https://{DOMAIN}/readyz"
    box.host.ssh(f"command -v curl >/dev/null || {APT} install --no-install-recommends curl >/dev/null 2>&1", 600)
    assert json.loads(box.host.ssh(asked))["status"] == "ok"


def test_a_body_that_is_too_long_is_refused_before_it_is_read(box: Box) -> None:
    body = b"x" * 20_000_000
    try:
        status = box.request("/webhooks/chatwoot", "POST", body).status
    except (OSError, http.client.HTTPException):
        status = 413  # it hung up while we were still sending
    assert status == 413
    assert box.is_well()


def test_testssl_finds_nothing_medium_or_worse(box: Box, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    run(
        "testssl", "--quiet", "--color", "0", "--warnings", "off", "--severity", "MEDIUM", "--jsonfile", found,
        "--add-ca", box.outside.authority, "--ip", box.host.address, f"{DOMAIN}:443", timeout_s=1200, is_checked=False,
    )  # fmt: skip
    findings = json.loads(found.read_text())
    bad = [f for f in findings if f["severity"] in {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}]
    assert [f for f in bad if f["id"].split(" ")[0] not in OF_THE_AUTHORITY] == []
    assert not any(f["id"] == "scanProblem" for f in findings), "testssl.sh must have reached the box"


def test_lynis_rates_it_80_or_more(box: Box) -> None:
    """lynis.prf says what is skipped, and why."""
    box.host.copy(HERE / "lynis.prf", "/root/lynis.prf")
    box.host.ssh(f"{APT} install --no-install-recommends lynis >/dev/null 2>&1", 600)
    box.host.ssh("lynis audit system --profile /root/lynis.prf --quick --no-colors --quiet </dev/null; true", 900)
    report = box.host.ssh(f"cat /var/log/lynis-report.dat; {APT} purge lynis >/dev/null 2>&1; rm /root/lynis.prf", 600)
    index = next(int(line.split("=")[1]) for line in report.splitlines() if line.startswith("hardening_index="))
    asked = "\n".join(line for line in report.splitlines() if line.startswith(("warning", "suggestion")))
    assert index >= 80, f"{index}\n{asked}"


def knock_at_ssh(box: Box, source: str, times: int, user: str = "admin") -> None:
    """Wrong logins from an address of the outer machine."""
    for _ in range(times):
        words = [
            "ssh", "-b", source, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "ConnectTimeout=2", "-o", "IdentityFile=/dev/null", f"{user}@{box.host.address}", "true",
        ]  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(words, capture_output=True, timeout=20, check=False)


def reaches_ssh(box: Box, source: str) -> bool:
    try:
        with socket.create_connection((box.host.address, 22), timeout=10, source_address=(source, 0)) as caller:
            return caller.recv(4) == b"SSH-"
    except OSError:
        return False


def banned(box: Box) -> str:
    return box.host.ssh("fail2ban-client get sshd banip")


def test_a_dozen_wrong_ssh_logins_are_banned_also_after_a_reboot_and_nobody_else(box: Box) -> None:
    stranger = box.outside.stranger
    assert reaches_ssh(box, stranger)
    knock_at_ssh(box, stranger, 12)
    wait(lambda: stranger in banned(box), 120, "fail2ban bans the stranger")
    wait(lambda: not reaches_ssh(box, stranger), 20, "the ban is in force")  # it is listed a moment before it is
    assert reaches_ssh(box, box.outside.address), "only the stranger is banned"
    box.host.reboot()
    wait(lambda: stranger in banned(box), 120, "the ban is remembered")
    wait(lambda: not reaches_ssh(box, stranger), 20, "the ban is in force again")
    assert box.host.ssh("echo in").strip() == "in"
    box.host.ssh(f"fail2ban-client unban {stranger}")
    wait(lambda: reaches_ssh(box, stranger), 60, "who was let in again gets in")
    wait(box.is_well, 120, "it is well again")


@pytest.mark.parametrize("way", ["PasswordAuthentication=yes", "KbdInteractiveAuthentication=yes"])
def test_no_password_is_asked(box: Box, way: str) -> None:
    words = [
        "ssh",
        "-b",
        box.outside.scanner,
        *box.host.ssh_options(),
        "-o",
        "PubkeyAuthentication=no",
        "-o",
        way,
        "-v",
        f"root@{box.host.address}",
        "true",
    ]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode != 0
    assert "Permission denied (publickey)" in told.stderr
