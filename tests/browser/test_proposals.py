"""The first hour as it is clicked: an address, the reading, the proposals beside their sources, one key for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from acceptance.box import Box
from acceptance.conftest import _box_maker
from playwright.sync_api import Page, expect
from standins.drafter import Drafter
from standins.site import Site

from browser.conftest import PHONE, WIDE, shoot
from browser.test_pages import AXE, IS_SIDEWAYS, RULES

pytestmark = pytest.mark.browser
READ_MS = 60_000
PAGES = {
    "/horario": ("Horario", "Abrimos de lunes a viernes de 9 a 14 horas. Los sábados cerramos."),
    "/envios": ("Envíos", "El envío cuesta 4,95 € y tarda dos días. A Canarias no enviamos por ahora."),
    "/devoluciones": ("Devoluciones", "Tienes 30 días para devolver un pedido. El reembolso llega en una semana."),
    "/donde": ("Dónde estamos", "La tienda está en la calle Mayor 12, 28013 Madrid, junto al mercado."),
    "/tallas": ("Tallas", "Las camisetas tallan grande: pide una menos. Hay de la XS a la XXL."),
    "/regalos": ("Regalos", "Envolvemos cualquier pedido para regalo si lo pides al pagar."),
}
DRAFTER = Drafter({
    "Abrimos de lunes": ("hours", "¿Qué horario tenéis?", "Abrimos de lunes a viernes de 9 a 14 horas. Los sábados cerramos."),
    "El envío cuesta": [
        ("shipping", "¿Cuánto cuesta el envío?", "El envío cuesta 4,95 € y tarda dos días."),
        ("faq", "¿Hacéis envíos urgentes?", "El envío urgente cuesta 9,90 €."),
    ],
    "Tienes 30 días": ("returns", "¿Puedo devolver un pedido?", "Tienes 30 días para devolver un pedido."),
    "calle Mayor 12": ("address", "¿Dónde está la tienda?", "Estamos en la calle Mayor 12, 28013 Madrid."),
    "tallan grande": ("faq", "¿Qué talla pido?", "Las camisetas tallan grande: pide una menos."),
    "Envolvemos cualquier": ("faq", "¿Envolvéis para regalo?", "Envolvemos cualquier pedido para regalo si lo pides al pagar."),
})  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        site.put("/", "La tienda", "La tienda de camisetas de siempre.", *PAGES)
        for path, (title, said) in PAGES.items():
            site.put(path, title, said)
        yield site


@pytest.fixture(scope="module")
def box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Box]:
    """With a model, and nothing in it."""
    for make in _box_maker(make_database_for_session, tmp_path_factory.mktemp("proposals")):
        made = make(workers=1, use_llm=True, seeds=False, CRAWL_PRIVATE_HOSTS=f"127.0.0.1:{site.port}")
        assert made.llm is not None
        made.llm.plan(writer=DRAFTER)
        yield made


def speak(box: Box, language: str) -> None:
    with box.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET language = '{language}'")


@pytest.fixture
def spanish(page: Page, box: Box) -> Page:
    speak(box, "es")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return page


def find_faults(page: Page) -> list[str]:
    faults = ["scrolls sideways"] if page.evaluate(IS_SIDEWAYS) else []
    page.evaluate(AXE.read_text())
    return faults + [v["id"] for v in page.evaluate(RULES) if v["impact"] in {"serious", "critical"}]


def test_from_an_address_to_proposals_with_true_progress(spanish: Page, box: Box, site: Site) -> None:
    spanish.goto("/documents")
    spanish.get_by_role("link", name="Pedir propuestas de preguntas frecuentes a partir de él").click()
    shoot(spanish, "proposals-1-empty")
    spanish.get_by_label("Dirección del sitio web").fill(site.url("/"))
    spanish.get_by_role("button", name="Leerlo y proponer").click()
    expect(spanish.locator("#progress")).to_contain_text(re.compile("Páginas leídas: |Se están escribiendo"))
    shoot(spanish, "proposals-2-progress")
    cards = spanish.locator("[data-question]")
    expect(cards).to_have_count(6, timeout=READ_MS)
    expect(cards.first).to_contain_text("Abrimos de lunes a viernes de 9 a 14 horas.")
    expect(cards.first.get_by_role("link", name="Horario")).to_have_attribute("href", site.url("/horario"))
    expect(spanish.locator("main")).not_to_contain_text("9,90")
    assert box.rows("SELECT id FROM release") == []


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_the_page_is_not_cut_and_axe_finds_nothing_serious(page: Page, box: Box, language: str, width: str) -> None:
    speak(box, language)
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    page.goto("/proposals")
    expect(page.locator("[data-question]")).to_have_count(6)
    shoot(page, f"proposals-{language}-{width}")
    assert find_faults(page) == []


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_failure_is_not_cut_either(page: Page, box: Box, language: str, width: str) -> None:
    speak(box, language)
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE drafting SET state = 'failed', problem = 'rate_limited'")
    page.goto("/proposals")
    shoot(page, f"proposals-failed-{language}-{width}")
    faults = find_faults(page)
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE drafting SET state = 'done', problem = ''")
    assert faults == []


def wait_for_keys(page: Page, count: int) -> None:
    """Until so many are left, the first of them has the focus, and the page's scripts, which read the keys, have run."""
    cards = page.locator("[data-question]")
    expect(cards).to_have_count(count)
    page.wait_for_load_state()
    expect(cards.first).to_be_focused()


def test_one_key_for_each_and_back(spanish: Page, box: Box) -> None:
    spanish.goto("/proposals")
    cards = spanish.locator("[data-question]")
    spanish.keyboard.press("j")
    expect(cards.first).to_be_focused()
    spanish.keyboard.press("a")
    wait_for_keys(spanish, 5)
    expect(spanish.locator("#toasts")).to_contain_text("Guardado en el borrador.")
    shoot(spanish, "proposals-3-accepted")
    spanish.keyboard.press("a")
    wait_for_keys(spanish, 4)
    spanish.keyboard.press("x")
    wait_for_keys(spanish, 3)
    spanish.locator("#toasts").get_by_role("button", name="Deshacer").first.click()
    wait_for_keys(spanish, 4)
    spanish.keyboard.press("j")
    expect(cards.nth(1)).to_be_focused()
    spanish.keyboard.press("e")
    expect(spanish).to_have_url(re.compile("/content/faq/"))
    shoot(spanish, "proposals-4-edit")
    assert len(box.rows("SELECT id FROM entry WHERE kind = 'faq'")) == 3
    assert box.rows("SELECT id FROM release") == []


def test_without_javascript_the_buttons_do_the_same(spanish: Page, plain: Page) -> None:
    plain.goto("/proposals")
    expect(plain.locator("[data-question]")).to_have_count(3)
    plain.get_by_role("button", name="Descartar").first.click()
    expect(plain.locator("[data-question]")).to_have_count(2)
    plain.get_by_role("button", name="Aceptar", exact=True).first.click()
    expect(plain.locator("[data-question]")).to_have_count(1)


def test_what_was_decided_is_published_by_hand_and_answers(spanish: Page, box: Box) -> None:
    spanish.goto("/release")
    spanish.get_by_role("button", name="Publicar").click()
    expect(spanish.locator("#toasts")).to_contain_text("Publicado")
    conversation = box.pretend.customer("¿Qué horario tenéis?")["conversation"]
    box.settle()
    assert "de 9 a 14 horas" in " ".join(box.texts(conversation))


def test_asked_again_nothing_comes_twice(spanish: Page, box: Box) -> None:
    spanish.goto("/proposals")
    former = len(box.rows("SELECT id FROM drafting"))
    spanish.get_by_role("button", name="Proponer a partir de lo leído").click()
    states = "SELECT state FROM drafting ORDER BY id"
    box.wait(lambda: [r["state"] for r in box.rows(states)][former:] == ["done"], 60, "it is drafted")
    spanish.goto("/proposals")
    expect(spanish.locator("[data-question]")).to_have_count(1)
