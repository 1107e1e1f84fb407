"""wapiti walks through the whole panel and attacks every address, field and form it finds."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from security.conftest import find_program
from security.front import REFUSED, Front, Visitor

pytestmark = pytest.mark.security
# what needs a server of wapiti's own on the internet is left out (ssrf, xxe), and so is guessing passwords and file names
MODULES = "blindsql,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,methods,permanentxss,redirect,shellshock,sql,xss"
SECONDS_A_MODULE = 60


def attack(url: str, report: Path, *words: str) -> dict[str, Any]:
    """What was found: {"vulnerabilities": {kind: [...]}, "anomalies": {kind: [...]}}"""
    report.unlink(missing_ok=True)
    command = [
        find_program("wapiti"), "-u", url, "-m", MODULES, "-f", "json", "-o", str(report), "--flush-session",
        "--store-session", str(report.parent / "wapiti"), "--scope", "domain", "--max-attack-time", str(SECONDS_A_MODULE),
        "--max-scan-time", "300", "--max-links-per-page", "60", "--max-files-per-dir", "40", "-t", "20", "--no-bugreport",
        "--verify-ssl", "0", *words,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3_000)
    report.with_suffix(".log").write_text(done.stdout + done.stderr)
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(report.read_text())
    return found


# browsers have dropped it, and where it still works it does harm; newer wapitis don't ask for it
OUTDATED = "X-XSS-Protection is not set"


# nginx turns these away whatever token comes with them, so that wapiti thinks that none is looked at; tests/web does it right
CSRF, TURNED_AWAY = "Cross Site Request Forgery", re.compile(f"/({REFUSED})")


def list_findings(found: dict[str, Any]) -> list[str]:
    return [
        f"{kind}: {one['method']} {one['path']} {one['parameter']} {one['info']}"
        for group in ("vulnerabilities", "anomalies")
        for kind, many in found[group].items()
        for one in many
        if one["info"] != OUTDATED and not (kind == CSRF and TURNED_AWAY.match(one["path"]))
    ]


def test_it_finds_what_there_is_to_find(leaky: str, reports: Path) -> None:
    kinds = {kind for kind, many in attack(leaky, reports / "wapiti-leaky.json")["vulnerabilities"].items() if many}
    assert {"SQL Injection", "Cross Site Scripting"} <= kinds


def test_a_stranger_finds_nothing(front: Front, reports: Path) -> None:
    found = attack(f"{front.url}/", reports / "wapiti-stranger.json", "-s", f"{front.url}/login", "-s", f"{front.url}/forgot")
    assert list_findings(found) == []


def test_an_owner_finds_nothing(front: Front, log_in: Callable[[], Visitor], reports: Path) -> None:
    visitor = log_in()
    words = ["-H", f"Cookie: {visitor.cookie}", "-H", f"Referer: {front.url}/", "-H", "X-Scanner: 1"]
    found = attack(f"{front.url}/", reports / "wapiti-owner.json", *words)
    assert list_findings(found) == []
    assert visitor.get("/users")[0] == 200, "the scanner's session ended before its end"
    log = (reports / "wapiti-owner.log").read_text()
    assert "/conversations" in log or found["infos"]
