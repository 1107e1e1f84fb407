"""Real Chromium before a real installation: gunicorn, a worker, PostgreSQL; only Chatwoot is a stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from acceptance.box import ROOT, Box
from acceptance.conftest import _box_maker
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = {"width": 1280, "height": 850}, {"width": 390, "height": 844}
PASSWORD = "un-paraguas-verde-7"
SHOTS = ROOT / "var" / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next((path for path in CHROMIUM if os.path.exists(path)), None)
    if program is None:
        pytest.fail("chromium is missing, and no test is skipped for it; type: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    for make in _box_maker(make_database_for_session, tmp_path_factory.mktemp("panel")):
        yield make(workers=1)


def run_flask(box: Box, *words: str) -> str:
    """A command as an operator types it."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    return subprocess.run(
        command, cwd=ROOT, env=box.environment(), check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def owner(browser: Browser, box: Box) -> Iterator[BrowserContext]:
    """Logged in as the first owner, who came in by the command's one-time link."""
    link = next(
        word for word in run_flask(box, "user", "create", "--owner", "duena@example.com").split() if "/welcome/" in word
    )
    context = browser.new_context(viewport=WIDE, locale="es-ES", base_url=box.url)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/welcome/" + link.rsplit("/welcome/", 1)[1])
    page.get_by_label("Nombre").first.fill("La dueña")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button[type=submit], main form button").first.click()
    page.wait_for_url(lambda url: "/welcome/" not in url)
    if "/login" in page.url:
        log_in(page)
    page.close()
    yield context
    context.close()


def log_in(page: Page) -> None:
    page.goto("/login")
    page.locator("input[name=email]").fill("duena@example.com")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: urlsplit(url).path != "/login")


@pytest.fixture
def page(owner: BrowserContext) -> Iterator[Page]:
    """A tab whose scripts' errors and refused files fail the test."""
    found = owner.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    yield found
    found.close()
    unexpected = [line for line in wrong if "status of 4" not in line]
    assert unexpected == []


@pytest.fixture
def plain(browser: Browser, box: Box) -> Iterator[Page]:
    """Logged in, without JavaScript. For modules whose owner exists already."""
    context: BrowserContext = browser.new_context(locale="es-ES", base_url=box.url, java_script_enabled=False)
    found = context.new_page()
    log_in(found)
    yield found
    context.close()


def shoot(page: Page, name: str) -> Path:
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
