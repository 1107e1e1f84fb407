"""Every code that the path writes has its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel

from chatbot.pipeline import RESPONDERS
from chatbot.texts import read_catalogue
from chatbot.why import describe_looks, explain, find_score, name_handoff, name_rule

CODE = Path(__file__).parents[2] / "chatbot"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, default_locale="en")
    with app.test_request_context():
        yield


def find_codes(pattern: str) -> set[str]:
    return {code for path in CODE.rglob("*.py") for code in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_every_handoff_in_the_code_has_its_words() -> None:
    codes = find_codes(r'Handoff\(\s*"([a-z_]+)"') | {"unsure", "llm_down"}
    assert len(codes) > 10
    assert [code for code in sorted(codes) if name_handoff(code) == code.replace("_", " ")] == []


def test_every_reason_that_agents_read_has_its_words_here_too() -> None:
    codes = set(read_catalogue(CODE / "texts.yaml")["reason"])
    assert {"flow", "flow_stuck", "asked"} <= codes
    assert [code for code in sorted(codes) if name_handoff(code) == code.replace("_", " ")] == []


def test_every_responder_has_its_sentence_and_its_name() -> None:
    for name, _ in RESPONDERS:
        assert explain("answered", name, [f"{name}:a"], None, None, None), name
        (look,) = describe_looks({"looks": [{"responder": name, "outcome": "passed"}]})
        assert look["name"] != name, name


def test_a_flow_s_reminder_isn_t_the_team_s() -> None:
    sayings = {explain("ignored", responder, [], None, "reminder", None) for responder in (None, "flow")}
    assert len(sayings) == 2


def test_every_rule_in_the_code_has_its_words() -> None:
    codes = find_codes(r'rule="([a-z_]+)"') | {"off", "paused", "watch", "blocked_contact", "auto_reply", "deleted"}
    assert len(codes) > 8
    assert [code for code in sorted(codes) if name_rule(code) == code.replace("_", " ")] == []


def test_a_faq_answer_says_how_alike_the_question_was() -> None:
    trace = {"looks": [{"outcome": "passed", "saw": {}}, {"outcome": "replied", "saw": {"candidates": [["envios", 0.912]]}}]}
    said = explain("answered", "faq", ["faq:envios"], None, None, find_score(trace))
    assert said == "Answered with the FAQ «envios», 0.91 alike."


def test_silence_and_handoffs_say_why() -> None:
    assert explain("ignored", None, [], None, "people_have_it", None) == "Nothing was said: a person had the conversation."
    said = explain("handed_off", "fallback", [], "llm_down", None, None)
    assert said.endswith("Then it was handed to a person: the AI couldn't be reached.")
