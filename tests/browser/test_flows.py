"""A flow built by forms on a phone, tried in the test bot, published, and led with a customer; then wide, and in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from acceptance.box import Box
from flow_talk import write_day
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.conftest import PHONE, log_in, shoot
from chatbot.content import save_drafts
from chatbot.content_file import parse

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(browser: Browser, owner: BrowserContext, box: Box) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, locale="es-ES", base_url=box.url)
    page = context.new_page()
    log_in(page)
    yield page
    context.close()


def save(page: Page) -> None:
    page.locator("#form").get_by_role("button", name="Guardar en el borrador").first.click()
    expect(page.locator("#toasts")).to_contain_text(re.compile("(Guardado|está) en el borrador"))
    page.wait_for_load_state()


def build(page: Page) -> None:
    page.goto("/content/new/flow")
    page.get_by_label("Nombre en español").fill("Medir cortinas")
    page.get_by_label("Nombre en inglés").fill("Measure curtains")
    page.get_by_role("button", name="Guardar en el borrador").click()
    page.get_by_role("link", name="Añadir un dato").click()
    page.get_by_label("Nombre corto").fill("dia")
    page.get_by_label("Qué clase de dato es").select_option("date")
    page.get_by_label("Cómo lo llaman los clientes, en español").fill("el día")
    page.get_by_label("Cómo lo llaman los clientes, en inglés").fill("the day")
    save(page)
    page.get_by_role("link", name="Añadir un paso", exact=True).click()
    page.get_by_role("button", name="Preguntar una cosa").click()
    page.get_by_label("Texto en español").fill("¿Qué día vamos a medir?")
    page.get_by_label("Texto en inglés").fill("Which day shall we come?")
    save(page)
    page.get_by_role("button", name="Subir").click()  # the goodbye was first
    page.get_by_role("link", name="Nombre e inicio").click()
    page.get_by_label("Arranca con estas palabras, en español").fill("medir cortinas")
    page.get_by_label("Arranca con estas palabras, en inglés").fill("measure curtains")
    save(page)


def test_a_flow_is_built_tried_published_and_led_on_a_phone(phone: Page, box: Box) -> None:
    build(phone)
    expect(phone.locator(".flow-svg a")).to_have_count(2)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shoot(phone, "flow-1-phone")

    phone.get_by_role("link", name="Probar").first.click()
    phone.locator("main textarea[name=text]").fill("medir cortinas")
    phone.get_by_role("button", name="Enviar").first.click()
    expect(phone.locator("#trial")).to_contain_text("¿Qué día vamos a medir?")
    phone.locator("main textarea[name=text]").fill(write_day())
    phone.get_by_role("button", name="Enviar").first.click()
    expect(phone.locator("#trial")).to_contain_text("¡Gracias! Ya está.")
    shoot(phone, "flow-2-tried")

    phone.goto("/release")
    phone.locator("main button").filter(has_text="Publicar").first.click()
    expect(phone.locator("#toasts")).to_contain_text("Publicado")
    conversation = box.pretend.customer("medir cortinas")["conversation"]
    box.settle()
    assert box.texts(conversation)[-1] == "¿Qué día vamos a medir?"
    box.pretend.customer(write_day(), conversation=conversation)
    box.settle()
    assert box.texts(conversation)[-1] == "¡Gracias! Ya está."


def test_the_sample_flow_wide_and_in_the_dark_and_in_english(browser: Browser, phone: Page, box: Box) -> None:
    with box.engine.begin() as connection:
        save_drafts(connection, parse((files("chatbot") / "sample" / "flows.yaml").read_bytes()), "test")
    state = phone.context.storage_state()
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", base_url=box.url, storage_state=state
    )
    page = context.new_page()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto("/flows/estado-pedido")
        page.locator(".flow-svg a").first.click()
        expect(page.locator("#form")).to_be_visible()
        shoot(page, f"flow-3-wide-{scheme}")
    context.close()
