"""The tab inside Chatwoot, in a browser: a page at Chatwoot's address frames it and speaks as Chatwoot 4 does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from acceptance.box import ROOT, Box
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect
from sqlalchemy import text

from browser.conftest import CHROMIUM, FLAGS, WIDE, shoot

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# as its DashboardApp/Frame.vue: the context once the frame has loaded, and again when the frame asks
CHATWOOT_PAGE = """<!doctype html><title>Chatwoot</title><body style="margin:0;height:100vh">
<iframe style="border:0;width:100%%;height:100%%" src="%(address)s"></iframe><script>
const frame = document.querySelector("iframe");
const tell = () => frame.contentWindow.postMessage(JSON.stringify({event: "appContext", data: %(context)s}), "*");
onmessage = (event) => { if (event.data === "chatwoot-dashboard-app:fetch-info") tell(); };
frame.onload = tell;
</script>"""


@pytest.fixture(scope="module")
def address(owner: BrowserContext, box: Box) -> str:
    """As an owner makes it."""
    box.pretend.customer("¿Hacéis envíos a Canarias?")
    box.settle()
    page = owner.new_page()
    page.goto("/settings")
    page.get_by_role("link", name="Pestaña en Chatwoot").click()
    page.get_by_role("button", name="Crear la dirección").click()
    shoot(page, "chatwoot-tab-setup")
    found = page.get_by_label("Dirección de la pestaña").input_value()
    page.close()
    return found


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    """An agent's browser, where nobody is logged in to the panel."""
    path = next(path for path in CHROMIUM if os.path.exists(path))
    # the page that frames it isn't served by a machine, so Chromium would take loopback for somebody else's network
    flags = [*FLAGS, "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"]
    own = browser.browser_type.launch(executable_path=path, args=flags)
    yield own.new_context(viewport=WIDE, locale="es-ES")  # type: ignore[arg-type]
    own.close()


def show_in_chatwoot(box: Box, page: Page, address: str, origin: str) -> FrameLocator:
    with box.engine.connect() as connection:
        number = connection.execute(text("SELECT min(chatwoot_id) FROM conversation")).scalar_one()
        account = connection.execute(text("SELECT value FROM setting WHERE key = 'chatwoot_account_id'")).scalar()
    account = account or box.environment().get("CHATWOOT_ACCOUNT_ID", 1)
    context = json.dumps({"conversation": {"id": number, "account_id": int(account)}, "currentAgent": {"name": "Ana"}})
    body = CHATWOOT_PAGE % {"address": address, "context": context}
    page.route(f"{origin}/app", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{origin}/app")
    return page.frame_locator("iframe")


def test_an_agent_sees_why_pauses_and_hands_back(box: Box, stranger: BrowserContext, address: str) -> None:
    page = stranger.new_page()
    frame = show_in_chatwoot(box, page, address, box.environment()["CHATWOOT_URL"])
    expect(frame.get_by_text("El bot responde en esta conversación")).to_be_visible()
    expect(frame.get_by_role("heading", name="El porqué")).to_be_visible()
    shoot(page, "chatwoot-tab")
    frame.get_by_role("button", name="Pausar el bot aquí").click()
    expect(frame.get_by_text("la llevan personas")).to_be_visible()
    frame.get_by_role("button", name="Devolver al bot").click()
    expect(frame.get_by_text("El bot responde en esta conversación")).to_be_visible()
    inside = page.frames[1]
    inside.evaluate(AXE.read_text())
    assert inside.evaluate("axe.run(document).then(r => r.violations.map(v => v.id))") == []


def test_another_site_can_not_frame_it(box: Box, stranger: BrowserContext, address: str) -> None:
    page = stranger.new_page()
    frame = show_in_chatwoot(box, page, address, "http://evil.example")
    page.wait_for_timeout(1_000)
    assert frame.locator("#chatwoot-tab").count() == 0


def test_without_the_key_it_says_so(box: Box, stranger: BrowserContext, address: str) -> None:
    page = stranger.new_page()
    frame = show_in_chatwoot(box, page, address.partition("#")[0], box.environment()["CHATWOOT_URL"])
    expect(frame.get_by_role("alert")).to_contain_text("ya no vale")
