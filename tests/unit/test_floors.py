"""docs/design.md's floors: imports only go down, and neighbours know nothing of each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

FLOORS = ("entrances", "path", "parts", "neighbours", "ground")
PACKAGE = ROOT / "chatbot"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "versions" not in p.parts)
# what stands beside the product: a pretend Chatwoot for `flask simulate` and the tests
BESIDE = {"pretend"}


def read_floors() -> dict[str, str]:
    """First part of a module's name -> its floor, from the table in docs/design.md."""
    table = (ROOT / "docs/design.md").read_text().split("## Floors", 1)[1].split("\n## ", 1)[0]
    found = {}
    for floor, cell in re.findall(r"^\| (\w+) \| (.+) \|$", table, re.MULTILINE):
        for name in re.findall(r"[a-z_]+", re.sub(r"\(.*?\)", "", cell)):
            found[name] = floor
    return found


def find_imports(path: Path) -> Iterator[str]:
    """Every imported module, the names of `from chatbot import x` included. Those for type checking only don't count."""
    tree = ast.parse(path.read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide where they go"
            yield from ([f"chatbot.{a.name}" for a in node.names] if node.module == "chatbot" else [node.module])


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = read_floors()
PRODUCT = [p for p in FILES if name_of(p) not in BESIDE]


@pytest.mark.parametrize("path", PRODUCT, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    own = name_of(path)
    for module in find_imports(path):
        parts = module.split(".")
        if parts[0] != "chatbot" or len(parts) == 1 or parts[1] == own or not {own, parts[1]} <= set(MODULES):
            continue
        down = FLOORS.index(MODULES[parts[1]]) - FLOORS.index(MODULES[own])
        assert down >= 0, f"{path.name} ({MODULES[own]}) imports {module} ({MODULES[parts[1]]})"
        same_side = "clients" not in (own, parts[1])
        assert down > 0 or MODULES[own] != "neighbours" or same_side, f"{path.name}: {module} is a neighbour"


def test_every_module_stands_on_a_floor_of_the_design() -> None:
    assert sorted({name_of(p) for p in PRODUCT} - set(MODULES)) == []


def test_only_the_client_imports_openai() -> None:
    assert [p.name for p in FILES if any(m.split(".")[0] == "openai" for m in find_imports(p))] in ([], ["openai.py"])


def test_only_config_and_settings_read_the_environment() -> None:
    allowed = {"config.py", "settings.py", "crash_points.py", "systemd_notify.py"}
    readers = [p.name for p in FILES if re.search(r"\bos\.(environ|getenv)|from os import .*environ", p.read_text())]
    assert set(readers) <= allowed


def test_no_module_is_named_after_nothing() -> None:
    empty = {"utils", "helpers", "common", "manager", "process", "handle", "data", "info", "misc"}
    assert not [p for p in FILES if p.stem in empty or p.parent.name in empty]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_tells_one_story(path: Path) -> None:
    """At most 400 lines, functions of at most 40, and a docstring that says what it is for."""
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(tree), f"{path} has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name} is longer than a glance"
