"""Every page of the menu, in both languages, wide and on a phone, light and dark: nothing sideways, nothing serious for axe."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest
from acceptance.box import ROOT, Box
from playwright.sync_api import Browser, BrowserContext, Page

from browser.conftest import PHONE, WIDE, shoot

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
IS_SIDEWAYS = "document.documentElement.scrollWidth > innerWidth + 1"
RULES = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)"


# one page of each kind is looked at: numbers and keys don't make another kind
ONE = re.compile(r"(?<=^/content/)([^/_]+/)[^/_]+|(?<=^/documents/)[^/_]+|(?<=^/flows/)[^/_]+|(?<=/)\d+")
HREFS = "links => links.map(a => a.getAttribute('href').split('#')[0])"
NO_PAGE = re.compile(r"/logout|/export|\.(csv|json|xlsx|yaml)$|/file$|/static/")


def kind_of(address: str) -> str:
    return ONE.sub(lambda found: f"{found[1] or ''}*", address)


@pytest.fixture(scope="module")
def inner(owner: BrowserContext, addresses: list[str]) -> list[str]:
    """What the menu's pages lead to, and those pages once more: one of each kind."""
    page, seen, found = owner.new_page(), {kind_of(a) for a in addresses}, []
    todo = [*addresses, *(f"/content/new/{kind}" for kind in ("canned", "faq", "article", "assistant"))]
    for depth in range(2):
        news: list[str] = []
        for address in todo if depth == 0 else found:
            page.goto(address)
            links = page.locator("main a[href^='/']").evaluate_all(
                "links => links.map(a => a.getAttribute('href').split('#')[0])"
            )
            for link in [*links, address]:
                if kind_of(urlsplit(link).path) not in seen and not NO_PAGE.search(urlsplit(link).path):
                    seen.add(kind_of(urlsplit(link).path))
                    news.append(link)
        found += news
    page.close()
    assert len(found) >= 15, found
    return found


@pytest.fixture(scope="module")
def addresses(owner: BrowserContext, box: Box) -> list[str]:
    """What the menu leads to, with a conversation in the lists."""
    box.pretend.customer("¿Hacéis envíos a Canarias?")
    box.settle()
    page = owner.new_page()
    page.goto("/")
    found = page.locator("#menu a.nav-link").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    page.close()
    assert len(found) >= 12
    return [*found, "/account", "/account/password", "/account/second-factor", "/account/passkeys", "/verify"]


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_no_page_scrolls_sideways_and_axe_finds_nothing_serious(
    page: Page, box: Box, addresses: list[str], language: str, width: str
) -> None:
    with box.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET language = '{language}'")
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    wrong = look_at(page, addresses, language, width)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(("language", "width"), [("es", "phone"), ("en", "wide")])
def test_neither_do_the_pages_behind_them(page: Page, box: Box, inner: list[str], language: str, width: str) -> None:
    with box.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET language = '{language}'")
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    wrong = look_at(page, inner, language, width)
    assert wrong == [], "\n".join(wrong)


def look_at(page: Page, addresses: list[str], language: str, width: str) -> list[str]:
    """What is wrong with them, all that folds unfolded."""
    wrong = []
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        name = f"{re.sub(r'[^a-z0-9]+', '-', address.strip('/'))[:60] or 'home'}-{language}-{width}"
        page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")
        shoot(page, name)
        if answer.status != 200:
            wrong.append(f"{name}: {answer.status}")
            continue
        assert page.locator("html").get_attribute("lang") == language
        if page.evaluate(IS_SIDEWAYS):
            wrong.append(f"{name}: scrolls sideways")
        page.evaluate(AXE.read_text())
        for violation in page.evaluate(RULES):
            if violation["impact"] in {"serious", "critical"}:
                targets = [node["target"] for node in violation["nodes"][:3]]
                wrong.append(f"{name}: {violation['id']} {json.dumps(targets)}")
    return wrong


def test_dark_pages_are_dark(page: Page, box: Box, addresses: list[str]) -> None:
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET theme = 'dark', language = 'es'")
    wrong = []
    for address in addresses:
        page.goto(address)
        shoot(page, f"{address.strip('/').replace('/', '-') or 'home'}-dark")
        page.evaluate(AXE.read_text())
        for violation in page.evaluate(RULES):
            if violation["id"] == "color-contrast":
                wrong.append(f"{address}: {[node['target'] for node in violation['nodes'][:3]]}")
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET theme = 'auto'")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("dark", ["light", "dark"])
def test_what_a_stranger_sees_is_as_good(browser: Browser, box: Box, dark: str) -> None:
    """Logging in, a forgotten password, a link that doesn't work any more; wrong passwords too."""
    wrong = []
    for language, size in (("es-ES", PHONE), ("en-GB", WIDE)):
        context = browser.new_context(viewport=size, locale=language, base_url=box.url, color_scheme=dark)  # type: ignore[arg-type]
        page = context.new_page()
        for address in ("/login", "/login?next=/users", "/forgot", "/welcome/old"):
            page.goto(address)
            if "next=" in address:
                page.locator("input[name=email]").fill("nobody@example.com")
                page.locator("input[name=password]").fill("wrong-wrong-1")
                page.locator("main form button").first.click()
                page.locator("[role=alert]").wait_for()
            name = f"stranger-{address.strip('/').replace('/', '-').replace('?', '-')}-{language[:2]}-{dark}"
            shoot(page, name)
            assert page.locator("html").get_attribute("lang") == language[:2]
            if page.evaluate(IS_SIDEWAYS):
                wrong.append(f"{name}: scrolls sideways")
            page.evaluate(AXE.read_text())
            for violation in page.evaluate(RULES):
                if violation["impact"] in {"serious", "critical"}:
                    wrong.append(f"{name}: {violation['id']} {[node['target'] for node in violation['nodes'][:3]]}")
        context.close()
    assert wrong == [], "\n".join(wrong)
