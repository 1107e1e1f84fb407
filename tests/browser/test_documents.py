"""Documents as they are clicked: dropped, read, looked at, found, published, and the customer's answer leads back to them."""

from __future__ import annotations

import pytest
from acceptance.box import Box
from playwright.sync_api import Page, expect

from browser.conftest import PHONE, WIDE, shoot
from browser.test_pages import AXE, IS_SIDEWAYS, RULES
from chatbot.content_export import write_xlsx

pytestmark = pytest.mark.browser
PRICES = [["Producto", "Tamaño", "Precio"], ["Pintura blanca", "1 kilo", "8,90 €"], ["Pintura blanca", "2 kilos", "14,50 €"]]
XLSX = {"name": "tarifas_2026.xlsx", "mimeType": "application/octet-stream", "buffer": write_xlsx(iter(PRICES))}
BROKEN = {"name": "roto.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\nnot much of a PDF"}
PHOTO = {"name": "foto.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"}
QUESTION = "¿Cuánto vale la pintura blanca de 2 kilos?"
READ_MS = 60_000
DROP = """(form) => {
  const carried = new DataTransfer();
  carried.items.add(new File(["# Devoluciones\\n\\nTienes 30 días para devolver un pedido."], "devoluciones.md"));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def spanish(page: Page, box: Box) -> Page:
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET language = 'es'")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return page


def test_files_are_read_before_ones_eyes_each_with_its_own_problem(spanish: Page) -> None:
    spanish.goto("/documents")
    shoot(spanish, "documents-1-empty")
    spanish.get_by_role("link", name="Añadir documentos").first.click()
    spanish.wait_for_url("**/documents/_new")
    spanish.locator("#file").set_input_files([XLSX, BROKEN, PHOTO])  # type: ignore[arg-type]
    line = spanish.locator(".upload")
    expect(line).to_have_count(3)
    expect(line.filter(has_text="foto.png")).to_contain_text("Este tipo de archivo no se puede leer.")
    expect(line.filter(has_text="tarifas_2026.xlsx")).to_contain_text("listo", timeout=READ_MS)
    expect(line.filter(has_text="roto.pdf")).to_contain_text("El archivo está dañado.", timeout=READ_MS)
    shoot(spanish, "documents-2-uploaded")

    spanish.locator("form.drop").evaluate(DROP)
    expect(line).to_have_count(4)
    expect(line.filter(has_text="devoluciones.md")).to_contain_text("listo", timeout=READ_MS)
    spanish.locator("#file").set_input_files([XLSX])  # type: ignore[arg-type]
    expect(line.filter(has_text="ya está: no se añadió nada")).to_have_count(1)


def test_what_was_read_is_found_published_answered_and_traced_back(spanish: Page, box: Box) -> None:
    spanish.goto("/documents")
    spanish.get_by_role("link", name="tarifas 2026").click()
    expect(spanish.locator(".passage")).to_contain_text("14,50")
    shoot(spanish, "documents-3-read")

    spanish.goto("/retrieval")
    spanish.get_by_role("searchbox").first.fill(QUESTION)
    spanish.locator("main").get_by_role("button", name="Buscar").click()
    expect(spanish.locator("main")).to_contain_text("Respondería a partir de «tarifas-2026».")
    shoot(spanish, "documents-4-search")
    spanish.locator("main section").first.get_by_role("link").first.click()
    expect(spanish.locator(".passage:target")).to_contain_text("14,50")

    spanish.goto("/release")
    spanish.get_by_role("button", name="Publicar").click()
    expect(spanish.locator("#toasts")).to_contain_text("Publicado")
    conversation = box.pretend.customer(QUESTION)["conversation"]
    box.settle()
    assert "14,50" in " ".join(box.texts(conversation))
    spanish.goto("/conversations")
    spanish.locator("table tbody a").first.click()
    expect(spanish.locator("main")).to_contain_text("14,50")
    spanish.locator("summary").filter(has_text="Paso a paso").first.click()
    spanish.get_by_role("link", name="document:tarifas-2026").first.click()
    expect(spanish.locator(".passage:target")).to_contain_text("14,50")


def test_a_file_is_replaced_and_a_document_taken_out_and_brought_back(spanish: Page) -> None:
    spanish.goto("/documents/devoluciones")
    spanish.locator("summary").filter(has_text="Cambiar el archivo").click()
    new = {"name": "nuevas.md", "mimeType": "text/markdown", "buffer": "Tienes 60 días para devolver un pedido.".encode()}
    spanish.locator("#file").set_input_files([new])  # type: ignore[arg-type]
    spanish.get_by_role("button", name="Cambiar", exact=True).click()
    expect(spanish.locator(".passage")).to_contain_text("60 días", timeout=READ_MS)
    spanish.get_by_role("link", name="Historial").click()
    expect(spanish.locator("main ins").first).to_be_visible()
    spanish.goto("/documents/devoluciones")
    spanish.get_by_role("button", name="Quitarlo del borrador").click()
    expect(spanish.locator("main")).not_to_contain_text("devoluciones")
    spanish.get_by_role("button", name="Deshacer").click()
    expect(spanish.locator(".passage")).to_contain_text("60 días")


def test_files_are_added_without_javascript(spanish: Page, plain: Page) -> None:
    plain.goto("/documents/_new")
    plain.locator("#file").set_input_files(
        [{"name": "horario.txt", "mimeType": "text/plain", "buffer": b"Abrimos de 9 a 14 horas."}, PHOTO]  # type: ignore[list-item]
    )
    plain.get_by_role("button", name="Subir").click()
    expect(plain.locator(".upload")).to_have_count(2)
    expect(plain.locator(".upload").last).to_contain_text("Este tipo de archivo no se puede leer.")
    plain.get_by_role("link", name="horario.txt").click()
    expect(plain.locator("h1")).to_have_text("horario")


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_no_page_of_a_document_is_cut_and_axe_finds_nothing_serious(page: Page, box: Box, language: str, width: str) -> None:
    with box.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET language = '{language}'")
    page.set_viewport_size(WIDE if width == "wide" else PHONE)  # type: ignore[arg-type]
    wrong = []
    for address in ("/documents", "/documents/_new", "/documents/tarifas-2026", "/documents/roto", "/retrieval?q=2+kilos",
                    "/content/document/tarifas-2026", "/content/document/tarifas-2026/history"):  # fmt: skip
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        shoot(page, f"documents-{address.strip('/').replace('/', '-').replace('?', '-')}-{language}-{width}")
        if page.evaluate(IS_SIDEWAYS):
            wrong.append(f"{address}: scrolls sideways")
        page.evaluate(AXE.read_text())
        for violation in page.evaluate(RULES):
            if violation["impact"] in {"serious", "critical"}:
                wrong.append(f"{address}: {violation['id']} {[node['target'] for node in violation['nodes'][:3]]}")
    assert wrong == [], "\n".join(wrong)
