"""Proposals where no AI is connected: the page says what there is instead, and the site is read all the same."""

from __future__ import annotations

import pytest
from acceptance.box import Box
from playwright.sync_api import Page, expect

from browser.conftest import PHONE, WIDE, shoot
from browser.test_proposals import find_faults, speak

pytestmark = pytest.mark.browser
SAID = {"es": ("No hay ninguna IA conectada", "Que se lea"), "en": ("No AI is connected", "Have it read")}


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_the_page_says_what_there_is_without_an_ai(page: Page, box: Box, language: str, width: str) -> None:
    speak(box, language)
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    page.goto("/proposals")
    told, button = SAID[language]
    expect(page.locator("main")).to_contain_text(told)
    page.get_by_role("button", name=button).click()
    expect(page.locator("#url")).to_be_focused()
    page.locator("#url").fill("tienda")
    page.get_by_role("button", name=button).click()
    expect(page.locator("#url-problem")).to_be_visible()
    expect(page.locator("#url")).to_have_value("tienda")
    shoot(page, f"proposals-without-ai-{language}-{width}")
    assert find_faults(page) == []
