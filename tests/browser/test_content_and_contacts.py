"""Content brought in and taken back, content and conversations taken along, a customer erased: each as it is clicked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from acceptance.box import Box
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.conftest import PASSWORD, PHONE, log_in, shoot

pytestmark = pytest.mark.browser
# two good rows and three bad ones: without an answer, without a question, with a language that isn't known
ROWS = (
    ("pregunta", "respuesta", "idioma"),
    ("¿Envolvéis para regalo?", "Sí, gratis.", "es"),
    ("¿Hay aparcamiento?", "Delante de la tienda.", "es"),
    ("¿Vendéis tarjetas?", "", "es"),
    ("", "Nadie preguntó esto.", "es"),
    ("¿Habláis klingon?", "Todavía no.", "tlh"),
)


def write_csv() -> bytes:
    """As Excel writes it in Spain: Windows-1252 with semicolons."""
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(ROWS)
    return out.getvalue().encode("cp1252")


def import_rows(page: Page) -> None:
    page.goto("/imports")
    page.locator("#file").set_input_files({"name": "viejas.csv", "mimeType": "text/csv", "buffer": write_csv()})
    page.get_by_role("button", name="Ver qué haría").click()
    expect(page.get_by_role("heading", name="Revisar la importación")).to_be_visible()


def test_three_bad_rows_are_told_and_the_import_is_undone(page: Page, box: Box) -> None:
    page.goto("/")
    page.get_by_role("link", name="Importar y exportar").first.click()
    import_rows(page)
    main = page.locator("main")
    expect(main).to_contain_text("3")
    expect(main.locator("table").last.locator("tbody tr")).to_have_count(2)
    rejected = main.locator("table").filter(has_text="Qué falla")
    expect(rejected.locator("tbody tr")).to_have_count(3)
    shoot(page, "import-1-check")
    with page.expect_download() as download:
        page.get_by_role("link", name="Descargar las filas rechazadas").first.click()
    assert len(list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig")), delimiter=";"))) == 4

    page.get_by_role("button", name="Importar 2 entradas").click()
    expect(main).to_contain_text("Está en el borrador")
    page.goto("/content/faq")
    expect(page.locator("main")).to_contain_text("¿Envolvéis para regalo?")

    page.goto("/imports")
    page.get_by_role("button", name="Deshacer").first.click()
    expect(page.locator("main")).to_contain_text("Deshecha")
    page.goto("/content/faq")
    expect(page.locator("main")).not_to_contain_text("¿Envolvéis para regalo?")


def test_content_and_conversations_are_exported(page: Page, box: Box) -> None:
    box.pretend.customer("=1+1 ¿Hacéis envíos a Canarias?")
    box.settle()
    page.goto("/imports")
    with page.expect_download() as download:
        page.get_by_role("link", name="YAML").last.click()
    assert "canarias" in download.value.path().read_text("utf-8")
    page.goto("/conversations")
    with page.expect_download() as download:
        page.get_by_role("link", name="Exportar como CSV").click()
    assert "'=1+1" in download.value.path().read_text("utf-8-sig")


def test_a_contact_is_erased_once_the_name_is_typed(page: Page, box: Box) -> None:
    box.pretend.customer("¿Hacéis envíos a Canarias?")
    box.settle()
    page.goto("/conversations")
    page.locator("main .table-card a").first.click()
    page.wait_for_url("**/conversations/*")
    conversation = page.url
    page.get_by_role("link", name="Borrar este contacto").click()
    confirm, password = page.get_by_label("Para confirmar"), page.locator("input[name=password]")
    expect(confirm.or_(password)).to_be_visible()
    if password.count():  # a fresh login is asked for
        log_in_again(page)
    wanted = page.locator("label[for=name] strong").inner_text()
    confirm.fill("otro nombre")
    page.get_by_role("button", name="Borrar para siempre").click()
    expect(page.locator("main")).to_contain_text("No es el nombre de arriba")
    confirm.fill(wanted)
    shoot(page, "erase-1-typed")
    page.get_by_role("button", name="Borrar para siempre").click()
    expect(page.locator("#toasts")).to_contain_text("Borrado")
    answer = page.goto(conversation)
    assert answer is not None
    assert answer.status == 404


def log_in_again(page: Page) -> None:
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_load_state()


@pytest.fixture
def plain(browser: Browser, owner: BrowserContext, box: Box) -> Iterator[Page]:
    """A telephone that runs no scripts."""
    context = browser.new_context(viewport=PHONE, locale="es-ES", base_url=box.url, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    log_in(page)
    yield page
    context.close()


def test_the_main_jobs_work_without_javascript(plain: Page, box: Box) -> None:
    """Read a conversation and its why, mend an FAQ, try it, publish it, take it back, import, pause."""
    conversation = box.pretend.customer("¿Hacéis envíos a Canarias?")["conversation"]
    box.settle()
    said = box.texts(conversation)[0]
    plain.goto("/conversations")
    plain.locator("main .table-card a").first.click()
    expect(plain.locator("main")).to_contain_text(said)

    plain.locator("main a[href*='/content/faq/canarias']").first.click()
    plain.locator("textarea").filter(has_text=said).fill("Sí, en barco.")
    plain.get_by_role("button", name="Guardar").first.click()
    expect(plain.locator("body")).to_contain_text("Guardado en el borrador")

    plain.goto("/test")
    plain.locator("main textarea[name=text]").fill("¿Hacéis envíos a Canarias?")
    plain.get_by_role("button", name="Enviar").first.click()
    expect(plain.locator("main")).to_contain_text("Sí, en barco.")

    plain.goto("/release")
    plain.locator("main button").filter(has_text="Publicar").first.click()
    expect(plain.locator("#toasts")).to_contain_text("Publicado")
    conversation = box.pretend.customer("¿Hacéis envíos a Canarias?")["conversation"]
    box.settle()
    assert box.texts(conversation) == ["Sí, en barco."]

    plain.goto("/release")
    plain.locator("main button").filter(has_text="Volver").first.click()
    expect(plain.locator("#toasts")).to_contain_text("vuelve a responder")
    conversation = box.pretend.customer("¿Hacéis envíos a Canarias?")["conversation"]
    box.settle()
    assert box.texts(conversation) == [said]

    import_rows(plain)
    plain.get_by_role("button", name="Importar 2 entradas").click()
    expect(plain.locator("main")).to_contain_text("Está en el borrador")
    plain.get_by_role("button", name="Deshacer la importación").click()
    expect(plain.locator("main")).to_contain_text("Deshecha")
