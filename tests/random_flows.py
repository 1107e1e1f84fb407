"""Flows as chance would write them: every kind of step, branches, jumps and loops, whose paths checks.py finds sound.

What is said in them may be empty or private, which checks.py would tell the owner. Each of their ends stands behind a note that
lists every slot, so that a test sees what was known there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from chatbot.flows.checks import list_findings
from chatbot.flows.definition import Flow, list_asked, list_exits

HOST = "shop.example"
OWNER = "owner@example.com"
PASSED = {"es": "Lo paso a una persona.", "en": "I'm passing it to a person."}
LEDGER = "LEDGER"
KEYS = ("uno", "dos", "tres")
# the same in every flow: what one has asked another may use
SLOTS: dict[str, dict[str, Any]] = {
    "texto": {"type": "text", "max_chars": 80},
    "cuantos": {"type": "number", "min": 1, "max": 9},
    "dia": {"type": "date", "after": "tomorrow"},
    "hora": {"type": "time"},
    "correo": {"type": "email"},
    "vale": {"type": "yes_no"},
    "nota": {"type": "text", "optional": True},
    "clase": {"type": "choice"},
    "secreto": {"type": "email", "private": True},
    "hallado": {"type": "text"},
}
ASKED = ("texto", "cuantos", "dia", "hora", "correo", "vale", "nota")
TRIES = 200
UNSOUND = {"unreachable", "loop", "dead_end", "no_options", "no_such_step", "no_such_flow"}


def write_flow(chance: random.Random, key: str, others: tuple[str, ...]) -> dict[str, Any]:
    """Steps that lead on to later ones, with at most one way back, which asks."""
    middle = [_write_step(chance, n, others) for n in range(chance.randint(2, 7))]
    ids = [step["id"] for step in middle] + ["apunta"]
    for n, step in enumerate(middle):
        _lead(chance, step, ids[n + 1 :], ids[: n + 1])
    slots = " ".join(f"{name}=[{{{{slot.{name}}}}}]" for name in SLOTS)
    end = {"id": "fin", "do": "handoff", "text": PASSED}
    if chance.random() < 0.4:
        end |= {"do": "end", "text": _say(key)}
    ledger = {"id": "apunta", "do": "change", "note": {"es": f"{LEDGER} {key} {slots}"}, "labels": ["visto"]}
    lost = {"id": "perdido", "do": "handoff", "text": PASSED}
    return {
        "key": key,
        "title": {"es": f"Flujo {key}", "en": f"Flow {key}"},
        "start": {"phrases": {"es": [f"empieza {key}"], "en": [f"begin {key}"]}},
        "slots": {name: {**spec, "label": {"es": name, "en": name}} for name, spec in SLOTS.items() if name != "clase"},
        "steps": [*middle, ledger, end, lost],
    }


def _say(text: str) -> dict[str, str]:
    return {"es": f"{text}.", "en": f"{text}."}


def _write_step(chance: random.Random, n: int, others: tuple[str, ...]) -> dict[str, Any]:
    kinds = ["ask"] * 5 + ["choose", "form", "confirm", "say", "condition", "set", "read", "post", "verify", "change", "jump"]
    kind = chance.choice(kinds if others else kinds[:-1])
    step: dict[str, Any] = {"id": f"{kind}-{n}", "do": {"read": "call", "post": "call"}.get(kind, kind)}
    asks = {"es": f"¿{kind} {n}?", "en": f"{kind} {n}?"}
    options = [{"value": value, "title": _say(value)} for value in ("rojo", "verde", "azul")]
    filled: Mapping[str, dict[str, Any]] = {
        "ask": {"slot": chance.choice(ASKED), "text": asks},
        "choose": {"slot": "clase", "text": asks, "options": options},
        "form": {"slots": chance.sample(ASKED, 2), "text": asks},
        "confirm": {"text": {lang: f"{text} {{{{slot.texto}}}} {{{{slot.secreto}}}}" for lang, text in asks.items()}},
        "say": {"text": {lang: f"Es {{{{slot.{chance.choice(list(SLOTS))}}}}}." for lang in ("es", "en")}},
        "condition": {"when": [chance.choice(_write_rules())]},
        "set": {"slot": "hallado", "value": "{{slot.texto}}"},
        "read": {"url": f"https://{HOST}/a", "takes": {"secreto": "email"}, "on_error": "perdido"},
        "post": {"url": f"https://{HOST}/b", "method": "POST", "takes": {"hallado": "id"}, "on_error": "perdido"},
        "verify": {"slot": "secreto", "by": chance.choice(["mail", "channel"]), "on_error": "perdido"},
        "change": {"priority": "low", "labels": ["paso"]},
        "jump": {"flow": chance.choice(others or ("",)), "returns": True},
    }
    return {**step, **filled[kind]}


def _write_rules() -> list[dict[str, Any]]:
    return [{"slot": "clase", "equals": "rojo"}, {"slot": "cuantos", "at_least": 4}, {"slot": "nota", "is_filled": True},
            {"slot": "vale", "equals": "yes"}, {"fact": "is_open", "equals": "yes"}]  # fmt: skip


def _lead(chance: random.Random, step: dict[str, Any], later: list[str], earlier: list[str]) -> None:
    if step["do"] == "condition":
        step |= {"then": chance.choice(later), "otherwise": later[0]}
    elif step["do"] == "choose":
        goals = chance.choices([*later, later[0]], k=2)
        if not any(one.startswith("post") for one in earlier) and chance.random() < 0.3:
            goals[1] = chance.choice(earlier)
        for option, goal in zip(step["options"], goals, strict=False):
            option["next"] = goal
    elif chance.random() < 0.15 and step["do"] != "jump":
        step["next"] = chance.choice(later)


def make_flows(seed: int) -> dict[str, Flow]:
    """Three. A flow jumps only into those behind it, so that none goes round for ever."""
    chance = random.Random(seed)
    for _ in range(TRIES):
        written = {key: write_flow(chance, key, KEYS[n + 1 :]) for n, key in enumerate(KEYS)}
        flows = {key: Flow.model_validate(_prune(raw)) for key, raw in written.items()}
        found = (f.code for flow in flows.values() for f in list_findings(flow, flows, ("es", "en"), (HOST,)))
        if not UNSOUND.intersection(found):
            return flows
    raise AssertionError("chance wrote nothing that may be published")


def _prune(raw: dict[str, Any]) -> dict[str, Any]:
    """Without the steps that nothing leads to."""
    flow = Flow.model_validate(raw)
    reached, todo = set(), [flow.steps[0].id]
    while todo:
        if (here := todo.pop()) not in reached and (step := flow.find_step(here)):
            reached.add(here)
            todo += [goal for _, goal in list_exits(flow, step)]
    return {**raw, "steps": [step for step in raw["steps"] if step["id"] in reached]}


def list_needed(flow: Flow) -> Iterator[str]:
    """The required slots without whose question nobody comes to the ledger."""
    for step in flow.steps:
        required = [name for name in list_asked(step) if not SLOTS[name].get("optional")]
        if required and not _leads_past(flow, step.id):
            yield from required


def _leads_past(flow: Flow, avoided: str) -> bool:
    seen, todo = {avoided}, [flow.steps[0].id]
    while todo:
        if (here := todo.pop()) in seen:
            continue
        seen.add(here)
        step = flow.find_step(here)
        todo += [goal for _, goal in list_exits(flow, step)] if step else []
    return "apunta" in seen
