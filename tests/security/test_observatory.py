"""MDN's HTTP Observatory on what a customer's nginx serves: the real rules, on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from security.conftest import find_program
from security.front import DOMAIN, Front

pytestmark = pytest.mark.security
OWN = Path(__file__).parent / "observatory"
LEAST_SCORE = 120


@pytest.fixture(scope="session")
def observatory(reports: Path) -> Path:
    """Its folder. Installed by the lock, without install scripts: those would fetch lists from elsewhere."""
    folder = reports / "observatory"
    package = folder / "node_modules/@mdn/mdn-http-observatory"
    lock = (OWN / "package-lock.json").read_text()
    installed = folder / "package-lock.json"
    if not package.exists() or not installed.exists() or installed.read_text() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(OWN / name, folder)
        command = [find_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
    # the browsers' list of preloaded domains, which no customer's domain is in at first: no score is given for it
    (package / "conf/hsts-preload.json").write_text("{}")
    return package


@pytest.fixture(scope="session")
def scan(observatory: Path, front: Front) -> Callable[[str], dict[str, Any]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HTTP_PORT": str(front.http_port),
        "HTTPS_PORT": str(front.https_port),
        "NODE_EXTRA_CA_CERTS": str(front.certificate),
    }

    def scan(host: str) -> dict[str, Any]:
        command = [find_program("node"), "--import", str(OWN / "local.mjs"), str(observatory / "src/scan.js"), host]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return scan


def test_the_score_is_at_least_120(scan: Callable[[str], dict[str, Any]], reports: Path) -> None:
    found = scan(DOMAIN)
    (reports / "observatory.json").write_text(json.dumps(found, indent=1))
    told = {name: (test["result"], test["scoreModifier"]) for name, test in found["tests"].items()}
    assert found["scan"]["score"] >= LEAST_SCORE, told
    assert [name for name, test in found["tests"].items() if not test["pass"]] == [], told


def test_it_looked_at_our_page_over_tls(scan: Callable[[str], dict[str, Any]]) -> None:
    """The cookie's name, the redirect to TLS and the policy are ours: it wasn't led elsewhere."""
    tests = scan(DOMAIN)["tests"]
    assert "__Host-mostrador" in json.dumps(tests["cookies"]["data"])
    assert tests["redirection"]["route"][0] == f"http://{DOMAIN}/"
    assert tests["redirection"]["destination"].startswith(f"https://{DOMAIN}/")
    assert tests["content-security-policy"]["result"] == "csp-implemented-with-no-unsafe-default-src-none"
