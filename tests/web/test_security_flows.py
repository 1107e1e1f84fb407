"""Whatever stands in a flow or a proposal is shown as text: in forms, the picture, YAML, the list of ways, the test bot."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import thorough
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from chatbot.bodies import Document
from chatbot.content import publish, save_drafts
from chatbot.db import db
from chatbot.drafts import read_newest
from chatbot.flows.definition import Flow
from chatbot.flows.run import LEFT
from web.test_security_xss import HTML, PROBE, check, make_forms, read

Make = Callable[[str], FlaskClient]
WORDS = {"es": PROBE, "en": PROBE}
SVG = "{http://www.w3.org/2000/svg}"


def make_flow(key: str, first: str) -> Flow:
    """Every kind of step and of text, each a probe; first: the step that it begins with."""
    steps: list[dict[str, Any]] = [
        {"id": "ask", "do": "ask", "slot": "text", "text": WORDS},
        {"id": "choose", "do": "choose", "slot": "pick", "text": WORDS, "options": [
            {"value": PROBE, "title": WORDS, "words": {"es": [PROBE]}},
            {"value": "b", "title": {"es": "b", "en": "b"}, "next": "end"}]},
        {"id": "form", "do": "form", "slots": ["text", "day"], "text": WORDS},
        {"id": "confirm", "do": "confirm", "text": WORDS},
        {"id": "say", "do": "say", "text": WORDS, "image": "https://zq.example/a.png", "file": "https://zq.example/a.pdf"},
        {"id": "condition", "do": "condition", "when": [{"slot": "pick", "equals": PROBE}], "then": "set", "otherwise": "call"},
        {"id": "set", "do": "set", "slot": "text", "value": PROBE},
        {"id": "call", "do": "call", "method": "POST", "url": "https://zq.example/x'onload=alert(1)", "headers": {PROBE: PROBE},
         "body": {PROBE: [PROBE]}, "takes": {"text": "a.b"}, "on_error": "handoff"},
        {"id": "verify", "do": "verify", "slot": "text", "by": "mail", "text": WORDS, "on_error": "handoff"},
        {"id": "change", "do": "change", "labels": [PROBE], "remove_labels": [PROBE],
         "attributes": {"a": PROBE}, "note": WORDS},
        {"id": "jump", "do": "jump", "flow": "zq-other"},
        {"id": "fin", "do": "end", "text": WORDS},
        {"id": "handoff", "do": "handoff", "text": WORDS, "reason": WORDS},
    ]  # fmt: skip
    steps.sort(key=lambda step: step["id"] != first)
    return Flow.model_validate(
        {
            "key": key,
            "title": WORDS,
            "description": WORDS,
            "start": {"phrases": {"es": [key, PROBE], "en": [key]}, "labels": [PROBE]},
            "slots": {
                "text": {"type": "text", "label": WORDS, "error": WORDS},
                "pick": {"type": "choice", "label": WORDS, "error": WORDS},
                "day": {"type": "date", "label": WORDS, "error": WORDS},
            },
            "steps": steps,
        }
    )


def fill(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        bodies = [make_flow("zq", "ask"), make_flow("zq-other", "choose"), Document(key="zq", title=PROBE, source="site", url="https://zq.example/")]  # fmt: skip  # noqa: E501
        save_drafts(connection, bodies, PROBE)
        publish(connection, PROBE, PROBE)
        row = read_newest(connection, "flow", "zq")
        assert row is not None
        way = text("INSERT INTO flow_passage VALUES ('zq', current_date, :revision, :a, :b, 9)")
        for a, b in (("", "ask"), ("ask", "choose"), ("choose", PROBE), *(("ask", how) for how in LEFT.values())):
            connection.execute(way, {"revision": row.id, "a": a, "b": b})
        connection.execute(
            text("INSERT INTO drafting (id, who, language, state, problem) VALUES (1, :p, 'es', 'failed', :p)"), {"p": PROBE}
        )
        for n, topic in enumerate(("faq", "hours"), 1):
            connection.execute(
                text(
                    "INSERT INTO proposal (id, drafting_id, topic, language, question, phrasings, answer, quote, source_title,"
                    " source_url, source_key) VALUES (:n, 1, :topic, 'es', :p, jsonb_build_array(CAST(:p AS text)), :p, :p, :p,"
                    " 'javascript:alert(1)', 'zq')"
                ),
                {"n": n, "topic": topic, "p": PROBE},
            )


@pytest.fixture
def owner(app: Flask, make_client: Make) -> FlaskClient:
    client = make_client("owner")
    fill(app)
    return client


def list_pages() -> Iterator[str]:
    flow = make_flow("zq", "ask")
    yield from ("/flows/_new", "/flows/zq", "/flows/zq?start=1", "/flows/zq?slot=_new", "/flows/zq/yaml", "/content/flow")
    yield from ("/content/flow/zq/history", "/release", "/proposals", "/proposals/progress")
    yield from (f"/flows/zq?step={step.id}" for step in flow.steps)
    yield from (f"/flows/zq?add=1&after={step.id}" for step in flow.steps[:2])
    yield from (f"/flows/zq?slot={name}" for name in flow.slots)
    yield from (f"/flows/zq/left?step=ask&how={how}" for name, how in LEFT.items() if name != "jumped")
    evil = "%3Cimg%20src=x%20onerror=alert(1)%3E"
    yield from (f"/flows/zq?{name}={evil}" for name in ("step", "slot", "start", "add"))
    yield from (f"/flows/zq?add=1&after={evil}", f"/flows/zq/left?step={evil}&how={LEFT['stopped']}")


@pytest.mark.parametrize("language", ["es", *thorough("en")])
def test_no_page_of_a_flow_or_a_proposal_runs_what_stands_in_it(owner: FlaskClient, language: str) -> None:
    shown = []
    for path in list_pages():
        answer = owner.get(path, headers={**HTML, "Accept-Language": language})
        assert answer.status_code == 200, (path, answer.status_code)
        check(answer.text, path)
        if "&lt;img src=x" in answer.text or "&#34;&gt;&lt;img" in answer.text:
            shown.append(path)
    assert {
        "/flows/zq",
        "/flows/zq/yaml",
        "/content/flow",
        "/proposals",
        "/flows/zq?step=choose",
        "/flows/zq?slot=pick",
    } <= set(shown)


def test_the_picture_holds_nothing_but_shapes_texts_and_links_of_ours(owner: FlaskClient) -> None:
    page = owner.get("/flows/zq", headers=HTML).text
    written = "<svg" + page.partition("<svg")[2].partition("</svg>")[0] + "</svg>"
    svg = ET.fromstring(written)
    kinds = {element.tag.removeprefix(SVG) for element in svg.iter()}
    assert kinds <= {"svg", "title", "desc", "defs", "marker", "path", "g", "polyline", "a", "rect", "text", "tspan"}
    names = {name for element in svg.iter() for name in element.attrib}
    assert not any(name.startswith("on") or name == "style" or "href" in name.removeprefix("href") for name in names)
    links = {element.attrib["href"] for element in svg.iter(f"{SVG}a")}
    assert all(re.fullmatch(r"/flows/zq\?step=[a-z-]+#form", link) for link in links)
    said = " ".join("".join(element.itertext()) for element in svg.iter(f"{SVG}title"))
    assert "<img src=x onerror=alert(1)>" in said


# they take the flow away, or what the others need
LEFT_OUT = ("/content/", "/act", "/copy", "/delete", "/proposals", "/logout", "/release", "/site", "/discard", "/roll-back")


@pytest.mark.thorough
def test_no_form_of_a_flow_runs_what_is_typed_into_it(owner: FlaskClient) -> None:
    sent = set()
    for path in list_pages():
        for action, fields in read(owner.get(path, headers=HTML).text).forms:
            address = html.unescape(action or path)
            if not address.startswith("/flows/") or any(part in address for part in LEFT_OUT) or address in sent:
                continue
            sent.add(address)
            for form in make_forms(fields):
                answer = owner.post(address, data=form, headers=HTML)
                assert answer.status_code < 500, (address, form)
                check(answer.text, address)
    assert {
        "/flows/_new",
        "/flows/zq/start",
        "/flows/zq/slots",
        "/flows/zq/steps",
        "/flows/zq/steps/ask",
        "/flows/zq/yaml",
    } <= sent
    for path in list_pages():
        check(owner.get(path, headers=HTML).text, f"{path}, after all forms")


def read_form(page: str) -> dict[str, str]:
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("trial", "runs")}
    return {name: html.unescape(match[1]) for name, match in found.items() if match}


@pytest.mark.parametrize("more", [{}, {"drawer": "1"}])
@pytest.mark.parametrize("begin", ["zq", "zq-other"])
def test_no_trial_of_a_flow_runs_what_it_says_offers_or_collects(owner: FlaskClient, begin: str, more: dict[str, str]) -> None:
    page, shown = "", 0
    for said in ({"text": begin}, {"text": PROBE}, {"pressed": PROBE}, {"text": PROBE}, {"pressed": "b"}):
        answer = owner.post(
            "/test", data={**said, **more, **read_form(page)}, headers={**HTML, **({"HX-Request": "true"} if more else {})}
        )
        page = answer.text
        assert answer.status_code == 200
        check(page, f"{begin} {said}")
        shown += "&lt;img src=x" in page
    assert shown >= 3
