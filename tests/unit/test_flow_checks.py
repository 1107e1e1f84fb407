"""What is found in a flow before it's published, and the sample flows and recipes, in which nothing is."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import ROOT
from flow_talk import SAMPLE, read_flow

from chatbot.content_yaml import read
from chatbot.flows.checks import EXPLAIN, Finding, explain, list_findings
from chatbot.flows.definition import Flow
from chatbot.flows.repair import load_repairs

GOOD = """
    key: bueno
    title: {es: Bueno, en: Good}
    start: {phrases: {es: [hacer algo], en: [do something]}}
    slots:
      dia: {type: date, label: {es: el día, en: the day}}
      secreto: {type: text, private: true, label: {es: el secreto, en: the secret}}
    steps:
      - {id: dia, do: ask, slot: dia, text: {es: "¿Qué día?", en: "Which day?"}}
      - {id: fin, do: end, text: {es: "Hasta el {{slot.dia}}.", en: "See you on {{slot.dia}}."}}
"""


def find(text: str, hosts: tuple[str, ...] = (), flows: dict[str, Flow] | None = None) -> dict[str, list[str]]:
    """code -> steps."""
    found: dict[str, list[str]] = {}
    for finding in list_findings(read_flow(text), flows or {}, ("es", "en"), hosts):
        assert explain(finding)
        assert "%(" not in explain(finding)
        found.setdefault(finding.code, []).append(finding.step)
    return found


def add(*steps: str, at: str = "      - {id: fin") -> str:
    return GOOD.replace(at, "".join(f"      - {step}\n" for step in steps) + at)


def test_nothing_is_found_in_a_good_flow() -> None:
    assert find(GOOD) == {}


@pytest.mark.parametrize("flow", [*SAMPLE.values(), *load_repairs().values()], ids=lambda flow: flow.key)
def test_nothing_is_found_in_the_flows_that_come_along(flow: Flow) -> None:
    assert list_findings(flow, SAMPLE, ("es", "en"), ("azahar.example",)) == ()


def test_a_flow_may_be_published_before_its_shop_is_allowed() -> None:
    (finding,) = list_findings(SAMPLE["estado-pedido"], SAMPLE, ("es", "en"), ())
    assert (finding.code, finding.step, finding.is_blocking) == ("host_later", "mira", False)


@pytest.mark.parametrize(
    ("text", "code", "step"),
    [
        (
            add("{id: j, do: jump, flow: bueno, returns: 'false'}", "{id: sola, do: say, text: {es: A, en: A}}"),
            "unreachable",
            "sola",
        ),
        (
            GOOD.replace("{id: fin, do: end,", "{id: fin, do: say, next: dia,"),
            "dead_end",
            "dia",
        ),
        (
            add("{id: a, do: say, text: {es: A, en: A}}", "{id: b, do: say, next: a, text: {es: B, en: B}}"),
            "loop",
            "a",
        ),
        (add("{id: c, do: choose, slot: dia, text: {es: A, en: A}}"), "no_options", "c"),
        (GOOD.replace("do: ask, slot: dia,", "do: ask, slot: dia, next: end,"), "silent_end", "dia"),
        (GOOD.replace("do: ask, slot: dia,", "do: ask, slot: dia, next: nada,"), "no_such_step", "dia"),
        (add("{id: j, do: jump, flow: nada}"), "no_such_flow", "j"),
        (add("{id: r, do: resolve, how: stop}"), "resolve", "r"),
        (GOOD.replace("start: {phrases: {es: [hacer algo], en: [do something]}}\n", "\n"), "never_starts", ""),
        (GOOD.replace("{{slot.dia}}", "{{slot.hora}}"), "undefined_slot", "fin"),
        (add("{id: q, do: ask, slot: quien, text: {es: A, en: A}}"), "undefined_slot", "q"),
        (GOOD.replace("{{slot.dia}}", "{{slot.secreto}}"), "never_filled", "fin"),
        (GOOD.replace("{{slot.dia}}", "{{tienda.nombre}}"), "unknown_variable", "fin"),
        (GOOD.replace("{{slot.dia}}", "{{secret.tienda}}"), "unknown_variable", "fin"),
        (
            add("{id: s, do: ask, slot: secreto, text: {es: A, en: A}}").replace("{{slot.dia}}", "{{slot.secreto}}"),
            "private",
            "fin",
        ),
        (GOOD.replace('{es: "¿Qué día?", en: "Which day?"}', '{es: "¿Qué día?"}'), "language", "dia"),
        (GOOD.replace("title: {es: Bueno, en: Good}", "title: {es: Bueno}"), "language", ""),
        (add('{id: ll, do: call, url: "https://otro.example/a"}'), "host", "ll"),
        (add('{id: ll, do: call, url: "https://otro.example/?k={{secret.k}}"}'), "secret_in_url", "ll"),
        (add("{id: h, do: handoff, next: fin}", at="      - {id: fin"), "after_handoff", "h"),
    ],
)  # fmt: skip
def test_each_fault_is_found_at_its_step(text: str, code: str, step: str) -> None:
    assert step in find(text).get(code, ["nothing was found"])


def test_what_verify_guards_is_found_private_only_before_it() -> None:
    guarded = add(
        "{id: s, do: ask, slot: secreto, text: {es: A, en: A}}",
        "{id: v, do: verify, slot: secreto, on_error: adios}",
        '{id: di, do: end, text: {es: "{{slot.secreto}}", en: "{{slot.secreto}}"}}',
        "{id: adios, do: end, text: {es: Adiós, en: Bye}}",
    )
    assert "private" not in find(guarded)
    leaking = guarded.replace("{es: Adiós, en: Bye}", '{es: "{{slot.secreto}}", en: Bye}')
    assert find(leaking)["private"] == ["adios"]


def test_an_allowed_host_is_allowed_whatever_its_case() -> None:
    assert find(add('{id: ll, do: call, url: "https://Otro.Example/a"}'), hosts=("otro.example",)) == {}


def test_every_code_has_its_words_and_only_advice_lets_publish() -> None:
    blocking = {code for code in EXPLAIN if Finding("f", "s", code).is_blocking}
    assert set(EXPLAIN) - blocking == {"silent_end", "never_starts", "host_later"}


@pytest.mark.parametrize("name", ["woocommerce", "shopify", "prestashop"])
def test_a_recipe_fits_into_the_sample_flow(name: str) -> None:
    """With its slots and its steps in place of the sample's own call."""
    recipe: dict[str, Any] = read((ROOT / f"docs/recipes/{name}.yaml").read_bytes()).value
    raw = SAMPLE["estado-pedido"].model_dump(mode="json", exclude_defaults=True)
    at = next(n for n, step in enumerate(raw["steps"]) if step["id"] == "mira")
    raw["steps"][at : at + 1] = recipe["steps"]
    raw["slots"] |= recipe["slots"]
    flow = Flow.model_validate(raw)
    assert list_findings(flow, SAMPLE, ("es", "en"), ("shop.example", "shop.myshopify.com")) == ()
