"""Which ways of a flow customers took, and a flow of thirty steps, on a phone and wide: nothing scrolls the page sideways."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from acceptance.box import Box
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from browser.conftest import PHONE, SHOTS, WIDE, log_in, shoot
from chatbot.content import publish, save_drafts
from chatbot.content_file import parse
from chatbot.drafts import read_newest
from chatbot.flows.definition import END, Flow, list_exits

pytestmark = pytest.mark.browser
LONGEST = "Una pregunta larga de verdad, con muchas palabras, para ver si cabe: ¿prefieres recogerlo en la tienda de Valencia?"


def make_long(steps: int = 30) -> Flow:
    """Questions in a row; every fifth lets choose among five ways on, with long titles."""
    body: dict[str, Any] = {"key": "muy-largo", "title": {"es": "Un flujo muy largo", "en": "Long"},
                            "start": {"phrases": {"es": ["muy largo"], "en": ["very long"]}},
                            "slots": {}, "steps": []}  # fmt: skip
    for n in range(1, steps):
        name = f"dato_numero_{n}"
        body["slots"][name] = {"type": "choice" if n % 5 == 0 else "text", "label": {"es": f"el dato {n}", "en": f"fact {n}"}}
        step: dict[str, Any] = {"id": f"paso-{n}", "slot": name, "text": {"es": f"{n}. {LONGEST}", "en": f"{n}. Which one?"}}
        if n % 5 == 0:
            goals = [f"paso-{min(n + more, steps - 1)}" for more in range(1, 6)]
            step["do"], step["options"] = "choose", [
                {"value": f"v{i}", "title": {"es": f"La opción que lleva al {goal}", "en": goal}, "next": goal}
                for i, goal in enumerate(goals)
            ]  # fmt: skip
        else:
            step["do"] = "ask"
        body["steps"].append(step)
    body["steps"].append({"id": "fin", "do": "end", "text": {"es": "Hecho", "en": "Done"}})
    return Flow.model_validate(body)


def walk(box: Box, flow: Flow, begun: int = 400) -> None:
    """Conversations on every way of the flow: fewer at each step, and some leave in each manner."""
    taken = [("", flow.steps[0].id, begun)]
    for n, step in enumerate(flow.steps):
        here = max(begun - 11 * n, 7)
        exits = list_exits(flow, step)
        taken += [(step.id, goal, here // (i + 1)) for i, goal in enumerate(dict.fromkeys(goal for _, goal in exits))]
        if not exits and step.do == "end":
            taken.append((step.id, END, here))
        elif n % 3 == 0 or not exits:
            taken += [(step.id, f"!{how}", n + 1) for how in ("stopped", "closed", "people", "handoff", "switched")]
    with box.engine.begin() as connection:
        row = read_newest(connection, "flow", flow.key)
        assert row is not None
        statement = text("INSERT INTO flow_passage VALUES (:key, current_date, :revision, :a, :b, :n)")
        for a, b, n in taken:
            connection.execute(statement, {"key": flow.key, "revision": row.id, "a": a, "b": b, "n": n})


@pytest.fixture(scope="module")
def flows(box: Box) -> None:
    bodies = [*parse((files("chatbot") / "sample" / "flows.yaml").read_bytes()), make_long()]
    with box.engine.begin() as connection:
        save_drafts(connection, bodies, "test")
        publish(connection, "test")
    for flow in bodies:
        if isinstance(flow, Flow):
            walk(box, flow)


@pytest.fixture(params=["phone", "wide", "dark"])
def screen(request: pytest.FixtureRequest, browser: Browser, owner: BrowserContext, box: Box) -> Iterator[tuple[str, Page]]:
    scheme = "dark" if request.param == "dark" else "light"
    size = WIDE if request.param == "wide" else PHONE
    context = browser.new_context(viewport=size, locale="es-ES", base_url=box.url, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    log_in(page)
    yield request.param, page
    context.close()


def has_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("key", ["estado-pedido", "pedir-cita", "muy-largo"])
def test_the_ways_are_on_the_picture_and_in_a_list(screen: tuple[str, Page], key: str) -> None:
    name, page = screen
    page.goto(f"/flows/{key}")
    assert not has_sideways_scroll(page)
    picture = page.locator(".flow-picture")
    box = picture.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]  # type: ignore[index]
    assert picture.locator(".count").count() > 3
    assert picture.locator(".lost").count() > 1
    expect(page.locator("#ways")).to_contain_text("400 lo empezaron.")
    shoot(page, f"flow-ways-{key}-{name}")
    page.locator(".flow-page > div").last.screenshot(path=SHOTS / f"flow-ways-{key}-{name}-near.png")
    page.locator("#ways a").filter(has_text="no contestaron").first.click()
    expect(page.locator("main")).to_contain_text("Ninguna que todavía se guarde.")
    page.wait_for_load_state()
    assert not has_sideways_scroll(page)


@pytest.mark.usefixtures("flows")
def test_a_flow_of_thirty_steps_is_edited(screen: tuple[str, Page]) -> None:
    name, page = screen
    page.goto("/flows/muy-largo")
    page.locator(".flow-steps a").filter(has_text="25.").first.click()
    expect(page.locator("#form")).to_be_in_viewport()
    assert not has_sideways_scroll(page)
    form = page.locator("#form").bounding_box()
    assert form is not None
    assert form["x"] + form["width"] <= page.viewport_size["width"]  # type: ignore[index]
    shoot(page, f"flow-long-step-{name}")
    page.get_by_label("Texto en español").fill("¿Cuál de ellas?")
    page.locator("#form").get_by_role("button", name="Guardar en el borrador").first.click()
    expect(page.locator("#toasts")).to_contain_text("Guardado en el borrador")
    expect(page.get_by_label("Texto en español")).to_have_value("¿Cuál de ellas?")
    for query in ("start=1", "slot=dato_numero_7", "add=1"):
        page.goto(f"/flows/muy-largo?{query}")
        assert not has_sideways_scroll(page), query
    page.goto("/flows/muy-largo/yaml")
    assert not has_sideways_scroll(page)


@pytest.mark.usefixtures("flows")
def test_a_flow_is_tried_beside_its_form(screen: tuple[str, Page]) -> None:
    name, page = screen
    page.goto("/flows/muy-largo")
    drawer = page.locator(".testbot-drawer")
    drawer.get_by_role("textbox").fill("muy largo")
    drawer.get_by_role("button", name="Probar").click()
    expect(drawer).to_contain_text("1. Una pregunta larga")
    for n in range(2, 6):
        drawer.get_by_role("textbox").fill(f"respuesta {n - 1}")
        drawer.get_by_role("button", name="Probar").click()
        expect(drawer).to_contain_text(f"{n}. " + ("¿Cuál" if n == 25 else "Una pregunta larga"))
    drawer.get_by_role("button", name="La opción que lleva al paso-7").click()
    expect(drawer).to_contain_text("7. Una pregunta larga")
    shoot(page, f"flow-drawer-{name}")
    drawer.get_by_role("button", name="Cliente nuevo").click()
    expect(drawer).not_to_contain_text("7. Una pregunta larga")
    assert not has_sideways_scroll(page)
