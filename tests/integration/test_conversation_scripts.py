"""Conversation scripts through the whole path, with real PostgreSQL and stand-ins (tests/conversations/README.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT
from conversation_script import Script, load_scripts
from flask import Flask
from pydantic import ValidationError

from integration.script_player import Player, ScriptDesk, open_desk

SCRIPTS = load_scripts(ROOT / "tests" / "conversations")
# always played: with a model those that are about it; without one all that isn't a sheet of every repair in a flow, and one of
# those sheets. The others are among the thorough tests.
ABOUT_MODELS = {"modelo"}
SHEET = "pedir-cita.es"


def list_played() -> Iterator[Any]:
    for name, script in SCRIPTS:
        for model in script.models:
            sheet = name.split("/")[0]
            is_thorough = sheet not in ABOUT_MODELS if model == "stand-in" else "." in sheet and sheet != SHEET
            marks = [pytest.mark.thorough] if is_thorough else []
            yield pytest.param(script, model == "stand-in", id=f"{name} ({model})", marks=marks)


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[ScriptDesk]:
    with open_desk(ScriptDesk, make_module_app()) as desk:
        yield desk


@pytest.mark.parametrize(("script", "uses_model"), list(list_played()))
def test_a_conversation_goes_as_its_script_says(desk: ScriptDesk, script: Script, uses_model: bool) -> None:
    try:
        problem = Player(desk, script, uses_model).play()
    finally:
        if script.flows or any(line.publish for line in script.lines):
            desk.publish(desk.sample)
    if problem:
        pytest.fail(problem, pytrace=False)


def test_there_are_enough_of_them() -> None:
    names = [name for name, _ in SCRIPTS]
    assert len(set(names)) == len(names) >= 100


@pytest.mark.parametrize(
    "line",
    [
        {"customer": "hola", "bott": []},
        {"bot": []},
        {"customer": "hola", "press": "x"},
        {"customer": "hola", "status": "opened"},
    ],
)
def test_a_misspelt_field_is_an_error(line: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Script.model_validate({"name": "x", "lines": [line]})
