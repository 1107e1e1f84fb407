"""Who guesses passwords of the panel is banned from the web by fail2ban, and nobody else is."""

from __future__ import annotations

import http.client
import re
import socket
from urllib.parse import urlencode

import pytest

from appliance.box import Box, wait
from appliance.outside import DOMAIN


def open_page(box: Box, source: str, path: str, form: dict[str, str] | None = None, cookie: str = "") -> tuple[int, str, str]:
    """Status, text and cookie, from an address of the outer machine."""
    plain = socket.create_connection((box.host.address, 443), timeout=10, source_address=(source, 0))
    plain.settimeout(20)  # a login's password takes its time, and a busy machine's a longer one
    with plain, box.outside.trust().wrap_socket(plain, server_hostname=DOMAIN) as secure:
        caller = http.client.HTTPConnection(DOMAIN)
        caller.sock = secure
        headers = {"Accept": "text/html", "Cookie": cookie, "Referer": f"https://{DOMAIN}/login", "Origin": f"https://{DOMAIN}"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        caller.request("POST" if form is not None else "GET", path, urlencode(form) if form is not None else None, headers)
        answer = caller.getresponse()
        given = answer.headers.get("Set-Cookie", "").partition(";")[0]
        return answer.status, answer.read().decode(), given or cookie


def guess(box: Box, source: str, times: int) -> int:
    """Wrong passwords through the real form; how many were answered before nobody answered any more."""
    for done in range(times):
        try:
            _, text, cookie = open_page(box, source, "/login")
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
            assert token, text
            form = {"email": f"nobody{done}@mostrador.test", "password": "wrong-wrong-1", "csrf_token": token[1]}
            status, _, _ = open_page(box, source, "/login", form, cookie)
            assert status in {200, 429}
        except (OSError, http.client.HTTPException):
            return done
    return times


def reaches_web(box: Box, source: str) -> bool:
    try:
        return open_page(box, source, "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def banned(box: Box) -> str:
    return box.host.ssh("fail2ban-client get mostrador-panel banip")


def test_a_dozen_wrong_panel_logins_are_banned_also_after_a_restart_and_nobody_else(box: Box) -> None:
    stranger = box.outside.stranger
    assert reaches_web(box, stranger)
    try:
        guess(box, stranger, 12)
        wait(lambda: stranger in banned(box), 120, "fail2ban bans the stranger")
        wait(lambda: not reaches_web(box, stranger), 20, "the ban is in force")  # it is listed a moment before it is
        assert reaches_web(box, box.outside.address), "only the stranger is banned"
        box.host.ssh("systemctl restart fail2ban")
        wait(lambda: stranger in banned(box), 120, "the ban is remembered")
        wait(lambda: not reaches_web(box, stranger), 20, "the ban is in force again")
    finally:
        box.host.ssh(f"fail2ban-client unban {stranger}")
    wait(lambda: reaches_web(box, stranger), 60, "who was let in again gets in")
    assert box.is_well()


@pytest.fixture
def scanner(box: Box) -> str:
    """An address that no earlier knock at ssh has banned."""
    box.host.ssh(f"fail2ban-client unban {box.outside.scanner}")
    return box.outside.scanner


def test_two_wrong_panel_logins_ban_nobody(box: Box, scanner: str) -> None:
    assert guess(box, scanner, 2) == 2
    assert scanner not in banned(box)
    assert reaches_web(box, scanner)


def test_each_failed_login_is_one_line_of_the_journal_with_the_callers_address(box: Box, scanner: str) -> None:
    before = read_failed_logins(box)
    assert guess(box, scanner, 1) == 1
    wait(lambda: len(read_failed_logins(box)) > len(before), 20, "it stands in the journal")
    (line,) = read_failed_logins(box)[len(before) :]
    assert f'"address": "{scanner}"' in line
    assert "nobody0@" not in line


def read_failed_logins(box: Box) -> list[str]:
    return box.host.ssh("journalctl --unit mostrador-web --output cat --grep panel_login_failed || true").splitlines()
