"""A flow as content: what its model takes and refuses, and that it comes back the same from a revision."""

from __future__ import annotations

import pytest
from flow_talk import SAMPLE, read_flow
from pydantic import ValidationError

from chatbot.flows.definition import END, Flow, asked_slots, find_spec, list_exits


def make(*steps: str) -> Flow:
    listed = "\n".join(f"      - {step}" for step in steps)
    return read_flow(f"    key: uno\n    title: {{es: Uno}}\n    steps:\n{listed}\n")


@pytest.mark.parametrize("flow", SAMPLE.values(), ids=lambda flow: flow.key)
def test_a_flow_is_the_same_after_a_revision_and_after_a_file(flow: Flow) -> None:
    assert Flow.model_validate(flow.model_dump(mode="json")) == flow
    assert Flow.model_validate(flow.model_dump(mode="json", exclude_defaults=True)) == flow


@pytest.mark.parametrize(
    "steps",
    [
        ("{id: a, do: say, text: {es: A}}", "{id: a, do: say, text: {es: B}}"),
        ("{id: end, do: say, text: {es: A}}",),
        ("{id: A, do: say, text: {es: A}}",),
        ("{id: a, do: dance}",),
        ("{id: a, do: say}",),
        ("{id: a, do: say, text: {es: A}, colour: red}",),
        ("{id: a, do: ask, slot: 'no es', text: {es: A}}",),
        ("{id: a, do: form, slots: [], text: {es: A}}",),
        ("{id: a, do: condition, when: [{slot: x}]}",),
        ("{id: a, do: condition, when: [{slot: x, equals: a, is_filled: 'true'}]}",),
        ("{id: a, do: condition, when: [{equals: a}]}",),
        ("{id: a, do: say, text: {es: A}, image: 'javascript:alert(1)'}",),
    ],
)
def test_what_is_no_flow(steps: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        make(*steps)


def test_a_step_is_followed_by_the_next_in_the_list_or_by_what_it_names() -> None:
    flow = make(
        "{id: a, do: say, text: {es: A}}", "{id: b, do: say, next: a, text: {es: B}}", "{id: c, do: say, text: {es: C}}"
    )
    assert [flow.follow(step) for step in flow.steps] == ["b", "a", END]
    assert flow.follow(flow.steps[0], "c") == "c"


def test_the_ways_out_of_each_kind_of_step() -> None:
    flow = make(
        "{id: c, do: condition, when: [{slot: x, is_filled: 'true'}], then: o, otherwise: end}",
        "{id: o, do: choose, slot: x, text: {es: A},"
        " options: [{value: a, title: {es: A}, next: h}, {value: b, title: {es: B}}]}",
        "{id: ll, do: call, url: 'https://a.example', on_error: h, on_missing: c}",
        "{id: v, do: verify, slot: x, on_error: h}",
        "{id: h, do: handoff}",
    )
    exits = {step.id: list_exits(flow, step) for step in flow.steps}
    assert exits == {
        "c": (("then", "o"), ("otherwise", END)),
        "o": (("option:a", "h"), ("option:b", "ll")),
        "ll": (("next", "v"), ("error", "h"), ("missing", "c")),
        "v": (("next", "h"), ("error", "h")),
        "h": (),
    }


def test_a_chosen_slot_is_read_with_the_options_of_its_steps() -> None:
    spec = find_spec(SAMPLE["pedir-cita"], "motivo")
    assert spec is not None
    assert [option.value for option in spec.options] == ["telas", "bordado", "recoger"]
    assert find_spec(SAMPLE["pedir-cita"], "nada") is None


def test_only_what_is_asked_may_be_filled_by_words() -> None:
    assert asked_slots(SAMPLE["estado-pedido"]) == {"pedido", "seguir"}
