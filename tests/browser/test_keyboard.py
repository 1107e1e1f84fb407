"""The five main jobs by keyboard alone: why a reply, mend it, try it, publish and take it back, pause. Focus is always seen."""

from __future__ import annotations

import re

import pytest
from acceptance.box import Box
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
QUESTION = "¿Cómo devuelvo un pedido?"
WRONG, RIGHT = "Puede devolverlo en 30 días desde su cuenta.", "Puede devolverlo en 14 días desde su cuenta."
MOST_STOPS = 140

FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const label = e.getAttribute('aria-label') || [...(e.labels || [])].map(l => l.innerText).join(' ') || e.innerText || '';
  return {
    name: label.trim(), tag: e.tagName.toLowerCase(), value: e.value || '', href: e.getAttribute('href') || '',
    // a date's own calendar button has the focus then, and shows it inside
    isSeen: (e.type === 'date' && !e.matches(':focus')) || style.boxShadow !== 'none'
      || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0),
    isThere: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def go_to(page: Page, *, name: str = "", tag: str = "", href: str = "", value: str = "") -> None:
    """Tab until the focus is on it, each stop visible."""
    page.wait_for_load_state()
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None:
            continue
        stops.append(at["name"][:40] or at["tag"])
        assert at["isSeen"], f"no visible focus on {at}"
        assert at["isThere"], f"focus out of sight on {at}"
        if name in at["name"] and tag in at["tag"] and re.search(href, at["href"]) and value in at["value"]:
            return
    raise AssertionError(f"never came to {name or href or value or tag}: {stops}")


def skip(page: Page) -> None:
    """Past the menu: the first stop of every page."""
    page.keyboard.press("Tab")
    assert "Ir al contenido" in page.evaluate(FOCUSED)["name"]
    page.keyboard.press("Enter")


def ask(box: Box) -> list[str]:
    conversation = box.pretend.customer(QUESTION)["conversation"]
    box.settle()
    return box.texts(conversation)


def test_the_main_jobs_by_keyboard_alone(page: Page, box: Box) -> None:
    page.emulate_media(reduced_motion="reduce")  # else the page still glides when the focus is looked at
    assert ask(box) == [WRONG]

    # 1. why it said that
    page.goto("/")
    go_to(page, name="Conversaciones", tag="a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations")
    skip(page)
    go_to(page, href=r"/conversations/\d", tag="a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*")
    skip(page)
    go_to(page, tag="summary")
    page.keyboard.press("Enter")
    expect(page.locator("main details[open]").first).to_be_visible()

    # 2. mend it in the draft
    go_to(page, href="/content/faq/devolver", tag="a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/content/faq/devolver*")
    go_to(page, tag="textarea", value=WRONG)
    page.keyboard.press("Control+A")
    page.keyboard.type(RIGHT)
    go_to(page, name="Guardar", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Guardado en el borrador")

    # 3. try it
    page.goto("/test")
    go_to(page, tag="textarea")
    page.keyboard.type(QUESTION)
    go_to(page, name="Enviar", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(RIGHT)

    # 4. publish it, and take it back
    page.goto("/release")
    go_to(page, name="Publicar", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Publicado")
    assert ask(box) == [RIGHT]
    page.goto("/release")
    go_to(page, name="Volver", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("vuelve a responder")
    assert ask(box) == [WRONG]

    # 5. pause, and go on
    page.goto("/")
    go_to(page, name="Pausar")
    page.keyboard.press("Enter")
    go_to(page, name="Durante una hora", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator(".paused")).to_contain_text("en pausa hasta")
    assert box.rows("SELECT paused_at IS NOT NULL AS is_paused FROM instance")[0]["is_paused"]
    go_to(page, name="Seguir respondiendo", tag="button")
    page.keyboard.press("Enter")
    expect(page.locator(".paused")).to_have_count(0)
    assert not box.rows("SELECT paused_at IS NOT NULL AS is_paused FROM instance")[0]["is_paused"]
