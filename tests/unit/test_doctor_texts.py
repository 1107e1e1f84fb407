"""Whatever a check can say stands in both languages, with what to do about it where it isn't well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from chatbot.checks import Finding
from chatbot.doctor import CHECKS, describe

CATALOGUE: dict[str, Any] = YAML(typ="safe").load((ROOT / "chatbot/checks/texts.yaml").read_text("utf-8"))
SOURCES = [*sorted((ROOT / "chatbot/checks").glob("*.py")), ROOT / "chatbot/canary.py"]
NAMES = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
SAYINGS = [(c.id, key) for c in CHECKS for key in CATALOGUE[c.id] if key not in {"name", "harm"}]


def find_said(path: Path) -> Iterator[tuple[str, str, str]]:
    """(function, level, key) of every ok(), warn() and fail() whose key is written out."""
    for function in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)):
        for call in (n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
            if call.func.id in {"ok", "warn", "fail"}:  # type: ignore[attr-defined]
                first = call.args[0] if call.args else ast.Constant("ok")
                keys = [n.value for n in ast.walk(first) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                if not isinstance(first, ast.Name):
                    yield from ((function.name, call.func.id, key) for key in keys)  # type: ignore[attr-defined]


SAID = [said for path in SOURCES for said in find_said(path)]
OF_CHECK = {check.look.__name__: check.id for check in CHECKS}
# said by a helper for the check that calls it
HELPERS = {"_find_bot": "agent_bot", "_find_model_problem": "llm", "_send": "canary"}


def test_no_check_has_the_name_of_another() -> None:
    assert len({c.id for c in CHECKS}) == len(CHECKS) > 40


def test_a_check_is_silenced_only_by_checks_that_stand_in_the_list_and_are_watched() -> None:
    watched = {c.id for c in CHECKS if c.every_s is not None}
    assert {cause for c in CHECKS for cause in c.unless} <= watched


@pytest.mark.parametrize(("function", "level", "key"), SAID, ids=[f"{f}-{k}" for f, _, k in SAID])
def test_what_the_code_says_stands_in_the_texts(function: str, level: str, key: str) -> None:
    check_id = OF_CHECK.get(function) or HELPERS[function]
    said = CATALOGUE[check_id][key]
    assert ("do" in said) == (level != "ok"), f"{check_id}.{key}"


@pytest.mark.parametrize(("check_id", "key"), SAYINGS, ids=[f"{c}-{k}" for c, k in SAYINGS])
def test_a_saying_has_both_languages_and_the_same_names(check_id: str, key: str) -> None:
    said = CATALOGUE[check_id][key]
    assert {"es", "en"} <= set(said) <= {"es", "en", "do"}
    assert set(CATALOGUE[check_id]["name"]) == set(CATALOGUE[check_id]["harm"]) == {"es", "en"}
    names = set(NAMES.findall(said["es"]))
    assert names == set(NAMES.findall(said["en"]))
    mend = said.get("do", "")
    words = mend.values() if isinstance(mend, dict) else [mend]
    used = names.union(*(NAMES.findall(text) for text in words))
    for language in ("es", "en"):
        line = describe(check_id, Finding("warn", key, dict.fromkeys(used, "x")), language)  # type: ignore[arg-type]
        assert line.seen.strip()
        assert not NAMES.search(line.seen + line.mend)
