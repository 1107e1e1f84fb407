"""The second factor as a person sets it up and uses it: the key into an authenticator, recovery codes, codes at the login."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from acceptance.box import Box
from passlib.totp import TOTP
from playwright.sync_api import Browser, Page, expect

from browser.conftest import WIDE, log_in, shoot

pytestmark = pytest.mark.browser


def read_code(key: str, *, steps_on: int = 0) -> str:
    """What an authenticator shows now, or some steps of 30 s later."""
    return str(TOTP(key=key.replace("-", "").replace(" ", ""), format="base32").generate(time.time() + 30 * steps_on).token)


def read_recovery(page: Page) -> list[str]:
    return re.findall(r"\b[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}\b", page.locator("#codes").inner_text())


def set_up(page: Page) -> tuple[str, list[str]]:
    """The key, and the recovery codes."""
    page.goto("/account")
    page.get_by_role("link", name="Configurarlo").click()
    shoot(page, "second-factor-set-up")
    expect(page.locator("main img")).to_be_visible()
    page.wait_for_load_state()
    assert page.locator("main img").evaluate("image => image.naturalWidth") > 100  # drawn, and not refused by the policy
    page.get_by_text("No puedo escanearlo").click()
    key = page.locator("[data-key]").inner_text()
    page.get_by_label("Código", exact=True).fill("000000")
    page.get_by_role("button", name="Activarlo").click()
    expect(page.get_by_text("Ese no es el código")).to_be_visible()
    page.get_by_text("No puedo escanearlo").click()
    assert page.locator("[data-key]").inner_text() == key  # a wrong code doesn't make the scan worthless
    page.get_by_label("Código", exact=True).fill(read_code(key))
    page.get_by_role("button", name="Activarlo").click()
    expect(page.get_by_role("heading", name="Guarda estos códigos")).to_be_visible()
    page.wait_for_load_state()
    shoot(page, "recovery-codes")
    recovery = read_recovery(page)
    assert len(recovery) == 10, page.locator("main").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Descargar").click()
    assert recovery == [
        line for line in Path(download.value.path()).read_text().splitlines() if re.fullmatch("[-a-f0-9]{14}", line)
    ]
    page.get_by_role("link", name="Ya los he guardado").click()
    page.goto("/account/second-factor")
    shoot(page, "second-factor-on")
    assert recovery[0] not in page.content()
    return key, recovery


def test_set_up_then_asked_for_at_the_login(browser: Browser, page: Page, box: Box) -> None:
    key, recovery = set_up(page)
    other = browser.new_context(viewport=WIDE, locale="es-ES", base_url=box.url)  # type: ignore[arg-type]
    try:
        stranger = other.new_page()
        log_in(stranger)
        expect(stranger.get_by_label("Código")).to_be_focused()
        shoot(stranger, "second-factor-asked")
        stranger.goto("/conversations")
        assert "/login" in stranger.url  # the password alone opens nothing
        log_in(stranger)
        stranger.get_by_label("Código").fill("000000")
        stranger.get_by_role("button", name="Iniciar sesión").click()
        expect(stranger.get_by_text("Ese no es el código")).to_be_visible()
        stranger.get_by_label("Código").fill(read_code(key, steps_on=1))
        stranger.get_by_role("button", name="Iniciar sesión").click()
        expect(stranger.get_by_role("heading", name="Inicio")).to_be_visible()
        stranger.goto("/conversations")
        assert stranger.url.endswith("/conversations")

        other.clear_cookies()
        log_in(stranger)
        stranger.get_by_role("link", name="usar un código de recuperación").click()
        shoot(stranger, "recovery-code-asked")
        stranger.get_by_label("Código de recuperación").fill(recovery[3].upper())
        stranger.get_by_role("button", name="Iniciar sesión").click()
        expect(stranger.get_by_role("heading", name="Inicio")).to_be_visible()
        stranger.goto("/conversations")
        assert stranger.url.endswith("/conversations")
    finally:
        other.close()


def test_a_long_article_survives_the_end_of_its_login(browser: Browser, box: Box, page: Page) -> None:
    """Ended in another browser while it is being written; without the second factor, which another test set up."""
    page.goto("/content/new/article")
    areas = page.locator("main textarea:visible")
    long = "Una línea con acentos, «comillas» y <etiquetas>.\n\n" * 80
    areas.first.fill(long)
    page.locator("main input[type=text]:visible, main input:not([type]):visible").first.fill("Lavar colchas de algodón")
    with box.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM login_session")
        connection.exec_driver_sql("UPDATE account SET tf_totp_secret = NULL, tf_primary_method = NULL")
    page.get_by_role("button", name="Guardar").first.click()
    expect(page.get_by_text("Lo que escribiste se guarda una hora")).to_be_visible()
    shoot(page, "login-ended")
    page.locator("input[name=email]").fill("duena@example.com")
    page.locator("input[name=password]").fill("un-paraguas-verde-7")
    page.get_by_role("button", name="Iniciar sesión", exact=True).click()
    expect(page.get_by_role("heading", name="Aquí está lo que estabas enviando")).to_be_visible()
    shoot(page, "what-you-were-sending")
    page.get_by_role("button", name="Enviarlo ahora").click()
    expect(page.locator("#toasts")).to_contain_text("Guardado en el borrador")
    with box.engine.connect() as connection:
        bodies = (
            connection.exec_driver_sql("SELECT body::text FROM revision WHERE body::text LIKE '%%Lavar colchas%%'")
            .scalars()
            .all()
        )
    assert len(bodies) == 1
    assert bodies[0].count("«comillas» y <etiquetas>") == 80
