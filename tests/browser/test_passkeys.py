"""Passkeys in real Chromium, whose authenticator is a virtual one: made, named, logged in with, asked for again, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from acceptance.box import Box
from playwright.sync_api import Browser, CDPSession, Page, expect
from sqlalchemy import text

from browser.conftest import PASSWORD, WIDE, run_flask, shoot

pytestmark = pytest.mark.browser
EMAIL = "llaves@example.com"


@pytest.fixture
def tab(browser: Browser, box: Box) -> Iterator[Page]:
    """By a name: a passkey belongs to a domain, and an address of numbers is none."""
    context = browser.new_context(viewport=WIDE, locale="es-ES", base_url=box.url.replace("127.0.0.1", "localhost"))  # type: ignore[arg-type]
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    yield found
    context.close()
    assert [line for line in wrong if "status of 4" not in line] == []


def plug_in(page: Page, *, is_verified: bool = True) -> tuple[CDPSession, str]:
    """An authenticator as phones and laptops have one; is_verified: whether the finger fits."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": is_verified,
        "automaticPresenceSimulation": True,
    }
    return session, str(session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])


def enter(page: Page, box: Box) -> None:
    """A new account by its one-time link, logged in with the password."""
    told = run_flask(box, "user", "create", "--editor", EMAIL)
    page.goto("/welcome/" + told.rsplit("/welcome/", 1)[1].strip())
    page.get_by_label("Tu nombre").fill("Llavera")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Guardar la contraseña").click()
    page.locator("input[name=email]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Iniciar sesión", exact=True).click()
    expect(page.get_by_role("heading", name="Inicio")).to_be_visible()


def log_out(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/login")


def count(box: Box) -> int:
    with box.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM passkey")).scalar_one())


def test_a_passkey_from_its_making_to_its_removal(tab: Page, box: Box) -> None:
    enter(tab, box)
    session, authenticator = plug_in(tab)
    tab.goto("/account/passkeys")
    tab.get_by_label("Un nombre para reconocerla").fill("Mi portátil")
    tab.get_by_role("button", name="Añadir una llave de acceso").click()
    expect(tab.get_by_text("La llave está añadida")).to_be_visible()
    expect(tab.get_by_text("Mi portátil")).to_be_visible()
    shoot(tab, "passkeys")
    assert count(box) == 1

    # the same device is asked for a second one: it says no, and the page says why
    tab.get_by_role("button", name="Añadir una llave de acceso").click()
    expect(tab.get_by_text("No se ha creado ninguna llave")).to_be_visible()
    assert count(box) == 1

    log_out(tab)
    shoot(tab, "login-with-passkey")
    tab.get_by_role("button", name="Usar una llave de acceso").click()
    expect(tab.get_by_role("heading", name="Inicio")).to_be_visible()

    # "type your password again" takes it too, and leads back
    tab.goto("/verify?next=/account/passkeys")
    shoot(tab, "type-your-password-again")
    tab.get_by_role("button", name="Usar una llave de acceso").click()
    expect(tab.get_by_role("heading", name="Llaves de acceso", exact=True)).to_be_visible()

    # a page that was asked for comes after the login
    log_out(tab)
    tab.goto("/conversations")
    tab.get_by_role("button", name="Usar una llave de acceso").click()
    expect(tab.get_by_role("heading", name="Conversaciones", exact=True)).to_be_visible()

    tab.goto("/account/passkeys")
    tab.get_by_text("Renombrar o eliminar").click()
    tab.locator("li input[name=name]").fill("El del mostrador")
    tab.get_by_role("button", name="Renombrar", exact=True).click()
    expect(tab.get_by_text("El del mostrador")).to_be_visible()
    tab.get_by_text("Renombrar o eliminar").click()
    tab.get_by_role("button", name="Eliminar", exact=True).click()
    expect(tab.get_by_text("ya no abre esta cuenta")).to_be_visible()
    assert count(box) == 0

    log_out(tab)
    tab.get_by_role("button", name="Usar una llave de acceso").click()
    expect(tab.get_by_text("no abre ninguna cuenta")).to_be_visible()
    tab.goto("/conversations")
    assert "/login" in tab.url
    session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})


def test_a_finger_that_does_not_fit_opens_nothing_and_makes_nothing(tab: Page, box: Box) -> None:
    tab.goto("/login")
    tab.locator("input[name=email]").fill(EMAIL)
    tab.locator("input[name=password]").fill(PASSWORD)
    tab.get_by_role("button", name="Iniciar sesión", exact=True).click()
    expect(tab.get_by_role("heading", name="Inicio")).to_be_visible()
    plug_in(tab, is_verified=False)
    tab.goto("/account/passkeys")
    before = count(box)
    tab.get_by_role("button", name="Añadir una llave de acceso").click()
    expect(tab.get_by_text("No se ha creado ninguna llave")).to_be_visible(timeout=90_000)
    assert count(box) == before


def test_without_javascript_the_login_has_no_button_that_does_nothing(browser: Browser, box: Box) -> None:
    context = browser.new_context(viewport=WIDE, locale="es-ES", base_url=box.url, java_script_enabled=False)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto("/login")
        assert page.get_by_role("button").count() == 1
    finally:
        context.close()
