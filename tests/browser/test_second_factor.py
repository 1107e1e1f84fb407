"""The second factor as a person sets it up and uses it: the key into an authenticator, recovery codes, codes at the login."""

from __future__ import annotations

import re
import time

import pytest
from acceptance.box import Box
from passlib.totp import TOTP
from playwright.sync_api import Browser, Page, expect

from browser.conftest import WIDE, log_in, shoot

pytestmark = pytest.mark.browser
CODE = "input[name=code]"


def read_code(key: str, *, steps_on: int = 0) -> str:
    """What an authenticator shows now, or some steps of 30 s later."""
    return str(TOTP(key=key.replace("-", "").replace(" ", ""), format="base32").generate(time.time() + 30 * steps_on).token)


def test_set_up_then_asked_for_at_the_login(browser: Browser, page: Page, box: Box) -> None:
    page.goto("/tf-setup")
    page.locator("input[name=setup][value=authenticator]").check()
    page.locator("main form [type=submit]").first.click()
    shoot(page, "second-factor-set-up")
    expect(page.locator("main img")).to_be_visible()
    key = re.search(r"\b(?:[A-Z2-7]{4}-?){5,13}\b", page.locator("main").inner_text())
    assert key, page.locator("main").inner_text()
    page.locator(CODE).fill(read_code(key[0]))
    page.locator("main form").filter(has=page.locator(CODE)).locator("[type=submit]").first.click()
    page.wait_for_load_state()
    page.goto("/mf-recovery-codes")
    shoot(page, "recovery-codes")
    page.get_by_role("button", name="Generar").click()
    page.wait_for_load_state()
    recovery = re.findall(r"\b[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}\b", page.locator("main").inner_text())
    assert len(recovery) == 10, page.locator("main").inner_text()

    other = browser.new_context(viewport=WIDE, locale="es-ES", base_url=box.url)  # type: ignore[arg-type]
    try:
        stranger = other.new_page()
        log_in(stranger)
        assert stranger.locator(CODE).count() == 1
        shoot(stranger, "second-factor-asked")
        stranger.goto("/conversations")
        assert "/login" in stranger.url  # the password alone opens nothing
        log_in(stranger)
        stranger.locator(CODE).fill("000000")
        stranger.locator("main form").filter(has=stranger.locator(CODE)).locator("[type=submit]").first.click()
        assert stranger.locator(CODE).count() == 1
        stranger.locator(CODE).fill(read_code(key[0], steps_on=1))
        stranger.locator("main form").filter(has=stranger.locator(CODE)).locator("[type=submit]").first.click()
        stranger.wait_for_load_state()
        stranger.goto("/conversations")
        assert stranger.url.endswith("/conversations")
    finally:
        other.close()
