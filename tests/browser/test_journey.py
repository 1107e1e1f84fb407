"""The panel's loop: a wrong reply, why, mended in the draft, tried, published, right for the customer, rolled back."""

from __future__ import annotations

import pytest
from acceptance.box import Box
from playwright.sync_api import Page, expect

from browser.conftest import shoot

pytestmark = pytest.mark.browser
QUESTION = "¿Hacéis envíos a Canarias?"
WRONG, RIGHT = "Sí, enviamos a Canarias en 5 días.", "Sí, y a Canarias tarda 8 días."


def ask(box: Box) -> list[str]:
    conversation = box.pretend.customer(QUESTION)["conversation"]
    box.settle()
    return box.texts(conversation)


def test_a_wrong_reply_is_mended_tried_published_and_rolled_back(page: Page, box: Box) -> None:
    assert ask(box) == [WRONG]

    page.goto("/")
    page.get_by_role("link", name="Conversaciones").first.click()
    page.locator("main .table-card a").first.click()
    expect(page.locator("main")).to_contain_text(WRONG)
    expect(page.locator("#lines > div").first).to_contain_text("Cliente")
    expect(page.locator("#lines > div").first.locator(".bubble.ours")).to_have_count(0)
    assert "question=%C2%BFHac" in str(page.get_by_role("link", name="Nueva pregunta frecuente").get_attribute("href"))
    page.locator("main details summary").first.click()
    shoot(page, "journey-1-why")

    page.locator("main a[href*='/content/faq/canarias']").first.click()
    answer = page.locator("textarea").filter(has_text=WRONG)
    answer.fill(RIGHT)
    page.locator("main form button[type=submit], main form button:not([type])").filter(has_text="Guardar").first.click()
    expect(page.locator("#toasts")).to_contain_text("Guardado en el borrador")
    assert ask(box) == [WRONG]  # a draft is nobody's answer yet

    page.get_by_role("link", name="Bot de prueba").first.click()
    page.locator("main textarea[name=text]").fill(QUESTION)
    page.get_by_role("button", name="Enviar").first.click()
    expect(page.locator("main")).to_contain_text(RIGHT)
    expect(page.locator("main")).to_contain_text(WRONG)
    shoot(page, "journey-2-tried")

    page.goto("/release")
    expect(page.locator("main")).to_contain_text("canarias")
    page.locator("main button").filter(has_text="Publicar").first.click()
    expect(page.locator("#toasts")).to_contain_text("Publicado")
    shoot(page, "journey-3-published")
    assert ask(box) == [RIGHT]

    page.goto("/release")
    page.locator("main button").filter(has_text="Volver").first.click()
    expect(page.locator("#toasts")).to_contain_text("vuelve a responder")
    assert ask(box) == [WRONG]
