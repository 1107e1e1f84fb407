"""A flow built by forms and as YAML: the outline, the picture, what keeps it from being published, two editors at once."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flow_talk import write_day

from chatbot.content import live_release_id, load_content, load_draft, publish, save_drafts
from chatbot.content_file import parse
from chatbot.db import db
from chatbot.drafts import read_newest
from chatbot.flow_picture import lay_out
from chatbot.flows.definition import Flow

MakeClient = Callable[[str], FlaskClient]
YAML = """
version: 1
flow:
- key: cita
  title: {es: Pedir cita, en: Book}
  start: {phrases: {es: [pedir cita], en: [book]}}
  slots:
    motivo: {type: choice, label: {es: el motivo, en: the reason}}
    dia: {type: date, label: {es: el día, en: the day}}
  steps:
  - {id: cual, do: choose, slot: motivo, text: {es: "¿Para qué?", en: "What for?"}, options: [{value: ver, title: {es: Ver, en: See}, words: {es: [mirar]}}, {value: coger, title: {es: Coger, en: Take}, next: fin}]}
  - {id: cuando, do: ask, slot: dia, text: {es: "¿Qué día?", en: "Which day?"}}
  - {id: fin, do: end, text: {es: Hecho, en: Done}}
"""  # noqa: E501


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def cita(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(YAML), "test")


def draft(app: Flask, key: str = "cita") -> Flow:
    with app.app_context(), db.engine.connect() as connection:
        return next(flow for flow in load_draft(connection).flow if flow.key == key)


def newest_id(app: Flask, key: str = "cita") -> int:
    with app.app_context(), db.engine.connect() as connection:
        row = read_newest(connection, "flow", key)
        assert row is not None
        return int(row.id)


def live_flows(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        return [flow.key for flow in load_content(connection, live_release_id(connection)).flow]


def test_a_flow_is_built_by_forms(app: Flask, editor: FlaskClient) -> None:
    assert editor.post("/flows/_new", data={"es": "Pedir cita", "en": "Book"}).status_code == 303
    key = "pedir-cita"
    slot = {"name": "dia", "type": "date", "label_es": "el día", "label_en": "the day"}
    assert editor.post(f"/flows/{key}/slots", data=slot).status_code == 303
    new = {"do": "ask", "after": "", "slot": "dia", "text_es": "¿Qué día?", "text_en": "Which day?"}
    assert editor.post(f"/flows/{key}/steps/_new", data=new).status_code == 303
    start = {"title_es": "Pedir cita", "title_en": "Book", "phrases_es": "pedir cita\r\nreservar", "phrases_en": "book"}
    start["opened_at"] = str(newest_id(app, key))
    assert editor.post(f"/flows/{key}/start", data=start).status_code == 303
    flow = draft(app, key)
    assert [(step.id, step.do) for step in flow.steps] == [("que-dia", "ask"), ("fin", "end")]
    assert flow.start.phrases == {"es": ("pedir cita", "reservar"), "en": ("book",)}
    assert flow.slots["dia"].type == "date"
    assert "To be looked at" not in editor.get(f"/flows/{key}").text
    assert editor.post("/release/publish", data={}).status_code == 303
    assert live_flows(app) == [key]


@pytest.mark.usefixtures("cita")
def test_each_kind_of_step_can_be_added_and_saved_again_unchanged(app: Flask, editor: FlaskClient) -> None:
    texts = {"text_es": "Hola", "text_en": "Hello"}
    kinds: dict[str, dict[str, object]] = {
        "say": texts | {"image": "https://shop.example/a.png"}, "ask": texts | {"slot": "dia"}, "confirm": texts,
        "choose": texts | {"slot": "motivo", "option_value": ["", ""], "option_es": ["Sí", ""], "option_en": ["Yes", ""], "option_next": ["fin", ""]},  # noqa: E501
        "form": texts | {"slots": ["motivo", "dia"]}, "set": {"slot": "motivo", "value": "ver"},
        "condition": {"rule_slot": ["dia", "fact:is_open", ""], "rule_how": ["filled", "equals", "equals"], "rule_value": ["", "yes", ""], "then": "fin"},  # noqa: E501
        "call": {"url": "https://shop.example/x", "method": "POST", "headers": "X-Key: {{secret.shop}}", "body": '{"day": "{{slot.dia}}"}', "takes": "motivo: a.0.b", "on_error": "fin"},  # noqa: E501
        "verify": {"slot": "dia", "by": "mail", "on_error": "fin"}, "change": {"labels": "cita\r\nnueva", "priority": "high", "note_es": "Nota"},  # noqa: E501
        "jump": {"flow": "otro", "returns": "1"}, "handoff": texts | {"reason_es": "Quiere algo"}, "end": texts,
    }  # fmt: skip
    for do, data in kinds.items():
        answer = editor.post("/flows/cita/steps/_new", data={"do": do, "after": "cuando", "id": f"x-{do}", **data})
        assert answer.status_code == 303, (do, re.findall(r'role="alert">([^<]*)', answer.text))
        before = draft(app)
        page = editor.get(f"/flows/cita?step=x-{do}").text
        assert "Save in the draft" in page
        again = editor.post(f"/flows/cita/steps/x-{do}", data={"id": f"x-{do}", "opened_at": newest_id(app), **data, **keep_values(page)})  # fmt: skip  # noqa: E501
        assert again.status_code == 303, do
        assert draft(app) == before
    steps = {step.id: step.model_dump(exclude_defaults=True) for step in draft(app).steps}
    assert steps["x-condition"]["when"] == ({"slot": "dia", "is_filled": True}, {"fact": "is_open", "equals": "yes"})
    assert steps["x-call"]["takes"] == {"motivo": "a.0.b"}
    assert steps["x-change"]["labels"] == ("cita", "nueva")
    assert steps["x-choose"]["options"][0]["value"] == "si"


def keep_values(page: str) -> dict[str, list[str]]:
    """The hidden values of the options, as the page sends them."""
    found = re.findall(r'name="option_value" value="([^"]*)"', page)
    return {"option_value": found} if found else {}


@pytest.mark.usefixtures("cita")
def test_a_renamed_step_is_still_led_to_and_a_deleted_one_leads_on(app: Flask, editor: FlaskClient) -> None:
    data = {"id": "final", "text_es": "Hecho", "text_en": "Done", "opened_at": newest_id(app)}
    editor.post("/flows/cita/steps/fin", data=data)
    assert draft(app).steps[0].options[1].next == "final"  # type: ignore[union-attr]
    page = editor.post("/flows/cita/steps/final/act", data={"act": "copy"}, follow_redirects=True)
    assert page.status_code == 200
    page = editor.post("/flows/cita/steps/final/act", data={"act": "delete"}, follow_redirects=True)
    assert "Undo" in page.text
    flow = draft(app)
    assert [step.id for step in flow.steps] == ["cual", "cuando", "final-2"]
    assert flow.steps[0].options[1].next == "final-2"  # type: ignore[union-attr]
    undo = re.search(r'action="(/content/flow/back[^"]*)"', page.text)
    assert undo is not None
    editor.post(undo[1].replace("&amp;", "&"))
    assert [step.id for step in draft(app).steps] == ["cual", "cuando", "final", "final-2"]


@pytest.mark.usefixtures("cita")
def test_steps_move_up_and_down(app: Flask, editor: FlaskClient) -> None:
    editor.post("/flows/cita/steps/cuando/act", data={"act": "up"})
    assert [step.id for step in draft(app).steps] == ["cuando", "cual", "fin"]
    editor.post("/flows/cita/steps/cuando/act", data={"act": "up"})
    editor.post("/flows/cita/steps/cuando/act", data={"act": "down"})
    assert [step.id for step in draft(app).steps] == ["cual", "cuando", "fin"]


@pytest.mark.usefixtures("cita")
def test_what_was_typed_comes_back_with_its_error(app: Flask, editor: FlaskClient) -> None:
    before = draft(app)
    page = editor.post("/flows/cita/steps/cuando", data={"id": "Mal Nombre", "slot": "dia", "text_es": "<b>typed</b>"})
    assert page.status_code == 422
    assert "&lt;b&gt;typed&lt;/b&gt;" in page.text
    assert "Use lower-case letters" in page.text
    page = editor.post("/flows/cita/steps/cuando", data={"id": "cuando", "slot": "dia"})
    assert page.status_code == 422
    assert "This is needed." in page.text
    page = editor.post("/flows/cita/steps/cuando", data={"id": "fin", "slot": "dia", "text_es": "a"})
    assert "two steps are called fin" in page.text
    assert draft(app) == before


@pytest.mark.usefixtures("cita")
def test_the_second_of_two_editors_is_told_only_where_both_changed_the_same(app: Flask, editor: FlaskClient) -> None:
    opened_at = newest_id(app)
    mine = {"id": "cuando", "slot": "dia", "text_es": "¿Cuándo vienes?", "text_en": "When?", "opened_at": opened_at}
    editor.post("/flows/cita/steps/fin", data={"id": "fin", "text_es": "Adiós", "opened_at": opened_at})
    assert editor.post("/flows/cita/steps/cuando", data=mine).status_code == 303  # another step
    page = editor.post("/flows/cita/steps/cuando", data={**mine, "text_es": "¿Qué tal el martes?"})
    assert page.status_code == 409
    assert "¿Qué tal el martes?" in page.text
    assert draft(app).steps[1].text["es"] == "¿Cuándo vienes?"  # type: ignore[union-attr, index]
    again = {**mine, "text_es": "¿Qué tal el martes?", "opened_at": newest_id(app)}
    assert editor.post("/flows/cita/steps/cuando", data=again).status_code == 303


@pytest.mark.usefixtures("cita")
def test_yaml_is_checked_with_its_lines_and_never_lost(app: Flask, editor: FlaskClient) -> None:
    opened_at = newest_id(app)
    bad = YAML.replace("do: ask", "do: asc")
    page = editor.post("/flows/cita/yaml", data={"text": bad, "opened_at": opened_at})
    assert page.status_code == 422
    assert re.search(r"line 1[0-9]", page.text)
    assert "do: asc" in page.text
    good = YAML.replace("Hecho", "Listo")
    assert editor.post("/flows/cita/yaml", data={"text": good, "opened_at": opened_at}).status_code == 303
    assert draft(app).steps[2].text["es"] == "Listo"  # type: ignore[union-attr, index]
    page = editor.post("/flows/cita/yaml", data={"text": YAML, "opened_at": opened_at})
    assert page.status_code == 409
    assert "<del>" in page.text
    assert "Hecho" in page.text
    other = editor.post("/flows/cita/yaml", data={"text": YAML.replace("key: cita", "key: otra"), "opened_at": newest_id(app)})
    assert other.status_code == 422
    assert "can&#39;t be changed" in other.text
    assert "Listo" in editor.get("/flows/cita/yaml").text


@pytest.mark.usefixtures("cita")
def test_a_dead_end_keeps_the_draft_from_being_published(app: Flask, editor: FlaskClient) -> None:
    assert editor.post("/release/publish", data={}).status_code == 303
    end = "  - {id: fin, do: end"
    broken = YAML.replace(end, f"  - {{id: vuelta, do: set, slot: motivo, next: vuelta}}\n{end}")
    editor.post("/flows/cita/yaml", data={"text": broken, "opened_at": newest_id(app)})
    page = editor.post("/release/publish", data={})
    assert page.status_code == 422
    assert "/flows/cita?step=vuelta" in page.text
    assert "before publishing" in editor.get("/flows/cita").text
    with app.app_context(), db.engine.connect() as connection:
        flow = load_content(connection, live_release_id(connection)).flow[0]
    assert flow.find_step("vuelta") is None


@pytest.mark.usefixtures("cita")
def test_what_is_published_already_holds_up_nothing_else(app: Flask, editor: FlaskClient) -> None:
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(YAML.replace("do: ask, slot: dia", "do: ask, slot: nada")), "test")
        publish(connection, "test")
    editor.post("/content/faq", data={"questions_es": "¿Hacéis envíos?", "answers_es": "Sí.", "key": "envios"})
    assert editor.post("/release/publish", data={}).status_code == 303


@pytest.mark.usefixtures("cita")
def test_the_flow_stands_everywhere_that_content_does(editor: FlaskClient, make_client: MakeClient) -> None:
    assert "Pedir cita" in editor.get("/content/flow").text
    assert editor.get("/content/flow/cita").headers["Location"].endswith("/flows/cita")
    assert editor.get("/content/new/flow").headers["Location"].endswith("/flows/_new")
    assert "¿Para qué?" in editor.get("/content/flow/cita/history").text
    assert "¿Para qué?" in editor.get("/release").text
    assert "Pedir cita" in editor.get("/search?q=cita").text
    editor.post("/flows/cita/copy")
    assert "cita-2" in editor.get("/content/flow").text
    page = editor.post("/content/flow/remove", data={"key": ["cita"]}, follow_redirects=True)
    assert "/content/flow/restore?key=cita" in page.text
    assert editor.get("/flows/cita").status_code == 404
    assert editor.post("/content/flow/restore?key=cita").headers["Location"].endswith("/flows/cita")
    agent = make_client("agent").get("/flows/cita")
    assert agent.status_code == 200
    assert "/flows/cita/yaml" not in agent.text
    assert "<form" not in agent.text.partition('class="flow-page"')[2].partition("</main>")[0]


@pytest.mark.usefixtures("cita")
def test_the_picture_shows_each_step_once_with_a_link_to_its_form(editor: FlaskClient) -> None:
    svg = editor.get("/flows/cita").text.partition("<svg")[2].partition("</svg>")[0]
    assert [f'href="/flows/cita?step={name}#form"' in svg for name in ("cual", "cuando", "fin")] == [True] * 3
    assert "<title id=" in svg
    assert "Take" in svg  # the option that leads to the end, on its line
    assert svg.count("<polyline") == 3


def test_pictures_of_loops_lie_within_their_frame_and_are_always_the_same() -> None:
    loop = YAML.replace("- {id: cuando, do: ask,", "- {id: cuando, do: ask, next: cual,")
    flow = next(body for body in parse(loop) if isinstance(body, Flow))
    picture = lay_out(flow)
    assert {box.step for box in picture.boxes} == {"cual", "cuando", "fin"}
    assert {(line.source, line.goal) for line in picture.lines} == {("cual", "cuando"), ("cual", "fin"), ("cuando", "cual")}
    points = [point for line in picture.lines for point in line.points]
    assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in points)
    assert lay_out(flow) == picture


def read_form(page: str) -> dict[str, str]:
    """What the test bot's form carries along."""
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("trial", "runs")}
    return {name: html.unescape(match[1]) for name, match in found.items() if match}


@pytest.mark.usefixtures("cita")
def test_the_test_bot_leads_a_flow_through_with_its_data_beside_it(editor: FlaskClient) -> None:
    page = editor.post("/test", data={"text": "pedir cita"}).text
    assert "¿Para qué?" in page
    assert re.search(r'name="pressed" value="Ver"', page)
    page = editor.post("/test", data={"pressed": "Ver", **read_form(page)}).text
    assert "¿Qué día?" in page
    assert re.search(r"<dt>motivo</dt><dd>Ver</dd>", page)
    page = editor.post("/test", data={"text": write_day(), **read_form(page)}).text
    assert "Hecho" in page
    assert "<dt>motivo</dt>" not in page  # the run is over


@pytest.mark.usefixtures("cita")
def test_a_run_that_somebody_has_bent_counts_as_none(editor: FlaskClient) -> None:
    page = editor.post("/test", data={"text": "pedir cita"}).text
    bent = {**read_form(page), "runs": '{"draft": {"version": 1}}'}
    answer = editor.post("/test", data={"pressed": "Ver", **bent})
    assert answer.status_code == 200
    assert "¿Qué día?" not in answer.text


def test_private_data_is_dots_in_the_test_bot_and_in_its_form(app: Flask, editor: FlaskClient) -> None:
    private = YAML.replace("{type: date,", "{type: email, private: true,").replace("{id: cual, do: choose", "{id: correo, do: ask, slot: dia, text: {es: ¿Correo?, en: E-mail?}}\n  - {id: cual, do: choose")  # fmt: skip  # noqa: E501
    with app.app_context(), db.engine.begin() as connection:
        save_drafts(connection, parse(private), "test")
    page = editor.post("/test", data={"text": "pedir cita"}).text
    page = editor.post("/test", data={"text": "ana@example.com", **read_form(page)}).text
    assert "<dt>dia</dt><dd>•••</dd>" in page
    assert "ana@example.com" not in read_form(page)["runs"]
