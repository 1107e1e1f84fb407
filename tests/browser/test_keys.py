"""The command palette and the keys, in a browser: reached, moved in and left by keyboard; never while somebody types."""

from __future__ import annotations

import re

import pytest
from acceptance.box import ROOT, Box
from playwright.sync_api import Page, expect

from browser.conftest import PHONE, shoot

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].target))"
CHOSEN = "#palette [aria-selected=true]"
IN_DIALOG = "document.activeElement === document.body || !!document.activeElement.closest('#palette')"


def find_wrong(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RULES)
    return found


def test_the_palette_opens_by_key_finds_goes_and_closes(page: Page, box: Box) -> None:
    page.goto("/content/faq")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="¿Qué buscas?")
    expect(field).to_be_focused()
    expect(page.locator(CHOSEN)).to_have_count(1)
    assert find_wrong(page) == []
    page.keyboard.insert_text("audi")  # all at once, so that no answer to "aud" comes before
    expect(page.locator(CHOSEN)).to_have_text(re.compile("Auditoría"))
    shoot(page, "palette")
    first = field.get_attribute("aria-activedescendant")
    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") != first
    page.keyboard.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") == first
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit")


def test_focus_stays_inside_and_goes_back_where_it_was(page: Page, box: Box) -> None:
    page.goto("/content/faq")
    link = page.get_by_role("link", name="Nueva entrada")
    link.focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(IN_DIALOG)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(link).to_be_focused()


def test_an_act_is_done_and_undone_from_it(page: Page, box: Box) -> None:
    page.goto("/conversations")
    page.get_by_role("link", name="Buscar").first.click()
    page.get_by_role("combobox", name="¿Qué buscas?").fill("pausar una")
    expect(page.locator(CHOSEN)).to_have_text(re.compile("una hora"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Volver a responder").or_(page.locator(".paused")).first).to_be_visible()
    assert page.url.endswith("/conversations")
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="¿Qué buscas?").fill("")
    page.locator("#palette button[formaction='/resume']").click()
    expect(page.locator(".paused")).to_have_count(0)


def test_question_mark_lists_the_keys_and_they_can_be_switched_off(page: Page, box: Box) -> None:
    page.goto("/content/faq")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Teclas")
    expect(keys).to_be_visible()
    assert find_wrong(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("main input[type=search]")).to_be_focused()
    page.goto("/content/faq")
    page.keyboard.press("?")
    keys.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.evaluate("localStorage.clear()")


def test_nothing_fires_while_somebody_types(page: Page, box: Box) -> None:
    page.goto("/content/new/faq")
    field = page.locator("main textarea").first
    field.click()
    page.keyboard.type("¿y esto? / k")
    page.keyboard.press("Control+k")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert field.input_value() == "¿y esto? / k"
    field.fill("")


def test_on_a_phone_it_fits(page: Page, box: Box) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto("/")
    page.get_by_role("link", name="Buscar").first.click()
    expect(page.locator(CHOSEN)).to_have_count(1)
    shoot(page, "palette-phone")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
    assert find_wrong(page) == []
