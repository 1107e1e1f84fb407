"""What a flow does when a conversation leaves its path: repair.yaml's flows and the machine's own texts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from chatbot.content_yaml import read
from chatbot.flows.definition import Flow, Say
from chatbot.flows.run import FlowBook
from chatbot.reply import Language

if TYPE_CHECKING:
    from chatbot.flows.walking import Walk

REPAIR = "repair-"
REVISION = 0


@cache
def load_repairs() -> Mapping[str, Flow]:
    """The flows of repair.yaml by key."""
    return {flow.key: flow for flow in map(Flow.model_validate, _catalogue()["flow"])}


def get_text(name: str, language: Language) -> str:
    """One of the machine's own words ("yes", "which")."""
    return str(_catalogue()["texts"][name][language])


def get_reason(why: str, language: Language, facts: Mapping[str, object]) -> str:
    """Why an answer won't do; "" for a reason without words."""
    texts = _catalogue()["reasons"].get(why)
    if texts is None:
        return ""
    return str(texts[language]).format_map({name: str(value) for name, value in facts.items()})


@cache
def load_words(name: str) -> frozenset[str]:
    """One of the lists of words that understanding goes by, folded."""
    return frozenset(_catalogue()["words"][name])


def make_book(flows: Mapping[tuple[str, int], Flow], live: Mapping[str, int]) -> FlowBook:
    """With the repairs in it. A flow of the owner's that has a repair's key replaces it."""
    repairs = load_repairs()
    own = {(key, REVISION): flow for key, flow in repairs.items()}
    return FlowBook({**own, **flows}, {**dict.fromkeys(repairs, REVISION), **live})


def start_repair(walk: Walk, name: str, **facts: str) -> None:
    """Goes into a repair, in place of one that is open. The question below is put again when it's through."""
    if any(walk.list_flows()):
        walk.leave_repair()
    walk.facts = facts
    walk.notes["repair"] = name
    if not walk.push(REPAIR + name):
        walk.hand_over("stuck")


def say_repair(walk: Walk, name: str, **facts: str) -> None:
    """Only a repair's words, now: what is open stays open."""
    flow = walk.book.find_live(REPAIR + name)
    walk.facts = facts
    walk.notes["repair"] = name
    for step in flow.steps if flow else ():
        if isinstance(step, Say):
            walk.say(step.text)


@cache
def _catalogue() -> dict[str, Any]:
    value: dict[str, Any] = read((files("chatbot") / "flows" / "repair.yaml").read_bytes()).value
    return value
