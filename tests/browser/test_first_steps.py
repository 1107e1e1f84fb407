"""First steps in a real browser: from an installation that knows nobody to a customer who is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from acceptance.box import Box
from acceptance.conftest import _box_maker
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.conftest import PHONE, shoot

pytestmark = pytest.mark.browser
UNSET = dict.fromkeys(
    (
        "CHATWOOT_URL",
        "CHATWOOT_ACCOUNT_ID",
        "CHATWOOT_BOT_TOKEN",
        "CHATWOOT_ACCESS_TOKEN",
        "CHATWOOT_WEBHOOK_SECRET",
        "MODE",
    ),
    "",
)
ANSWERS = ("Abrimos de 9 a 14.", "Tarda tres días.", "Sí, en 30 días.")
UNDER_S = 120


@pytest.fixture(scope="module")
def box(make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Nothing is set, nothing taught, and Chatwoot has never heard of us. The shop greets by itself, and has a mailbox."""
    for make in _box_maker(make_database_for_session, tmp_path_factory.mktemp("first")):
        box = make(workers=1, seeds=False, **UNSET)
        box.pretend.world.bots.clear()
        box.pretend.inbox.bot_id = None
        box.pretend.inbox.greeting = "¡Bienvenida a la tienda!"
        box.pretend.add_inbox("Correo", "Channel::Email", has_bot=False)
        yield box


def is_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))


def connect_chatwoot(page: Page, box: Box) -> None:
    main = page.locator("main")
    page.get_by_label("Dirección de Chatwoot").fill(box.pretend.url)
    page.get_by_label("Token de acceso de un administrador").fill(box.pretend.agent.token)
    page.get_by_role("button", name="Comprobar y seguir").click()
    expect(main).to_contain_text("Este token es de un agente")
    shoot(page, "first-steps-2-agent")
    page.get_by_label("Token de acceso de un administrador").fill(box.pretend.admin.token)
    page.get_by_role("button", name="Comprobar y seguir").click()
    expect(main).to_contain_text("Tiene un saludo")
    page.get_by_label("Correo").uncheck()
    page.get_by_label("Nombre del bot").fill("Azahar")
    shoot(page, "first-steps-3-inboxes")
    page.get_by_role("button", name="Conectar").click()
    expect(main).to_contain_text("El secreto del bot está guardado", timeout=15_000)
    expect(main).to_contain_text("Todo va bien", timeout=30_000)  # the test starts by itself
    expect(main).to_contain_text("El bot ha recogido el mensaje")
    expect(main).to_contain_text("«Tienda» tiene un saludo")
    expect(page.locator("#step-states li").nth(1)).to_contain_text("Hecho")
    shoot(page, "first-steps-4-tested")


def test_from_nothing_to_an_answered_customer(page: Page, box: Box) -> None:
    started = time.monotonic()
    main = page.locator("main")
    page.goto("/")
    page.get_by_role("link", name="Primeros pasos").first.click()
    page.get_by_label("¿Cómo se llama?").fill("Azahar")
    shoot(page, "first-steps-1-business")
    page.get_by_role("button", name="Guardar y seguir").click()

    connect_chatwoot(page, box)
    assert box.pretend.inbox.bot_id in box.pretend.world.bots
    assert [c.status for c in box.pretend.world.conversations.values()] == ["resolved"]
    assert [m.content for m in box.pretend.messages() if m.message_type == 1 and not m.private] == []

    main.get_by_role("link", name="Siguiente paso").click()
    main.get_by_role("link", name="Seguir sin IA").click()
    for number, answer in enumerate(ANSWERS, 1):
        page.locator(f"#answer-{number}").fill(answer)
    shoot(page, "first-steps-5-teach")
    page.get_by_role("button", name="Guardar y probar").click()
    page.get_by_role("button", name="¿A qué hora abrís?").click()
    expect(main).to_contain_text(ANSWERS[0])
    shoot(page, "first-steps-6-tried")
    page.get_by_role("button", name="Está bien").click()
    page.get_by_label("Responder a los clientes").check()
    shoot(page, "first-steps-7-mode")
    page.get_by_role("button", name="Publicar y empezar").click()
    expect(main).to_contain_text("Todo está listo")
    shoot(page, "first-steps-8-done")
    assert time.monotonic() - started < UNDER_S

    time.sleep(2.5)  # the worker reads the settings every two seconds
    conversation = box.pretend.customer("hola, ¿a qué hora abrís?")["conversation"]
    box.settle()
    assert box.texts(conversation) == [ANSWERS[0]]


def test_it_works_again_without_scripts_and_on_a_phone(browser: Browser, owner: BrowserContext, box: Box) -> None:
    context = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        locale="es-ES",
        base_url=box.url,
        java_script_enabled=False,
        storage_state=owner.storage_state(),
    )
    page = context.new_page()
    page.goto("/first-steps/chatwoot")
    shoot(page, "first-steps-phone-1-connected")
    page.get_by_role("link", name="Otras bandejas").click()
    shoot(page, "first-steps-phone-2-inboxes")
    page.get_by_label("Correo").check()
    page.get_by_role("button", name="Conectar").click()
    expect(page.locator("main")).to_contain_text("«Correo» tiene el bot")
    page.get_by_role("button", name="Enviar una conversación de prueba").click()
    expect(page.locator("main")).to_contain_text("La marca del bot ha vuelto intacta", timeout=30_000)
    shoot(page, "first-steps-phone-3-tested")
    context.close()
    scripted = browser.new_context(viewport=PHONE, locale="es-ES", base_url=box.url, storage_state=owner.storage_state())  # type: ignore[arg-type]
    page = scripted.new_page()
    for step in ("business", "chatwoot", "ai", "teach", "try", "mode"):
        page.goto(f"/first-steps/{step}")
        assert not is_sideways(page), step
        shoot(page, f"first-steps-phone-{step}")
    scripted.close()
