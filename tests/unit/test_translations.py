"""Every text of the panel is in both languages: none missing, empty or fuzzy, none left over, variables the same."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from conftest import ROOT

PACKAGE = ROOT / "chatbot"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"gettext": None, "lazy_gettext": None, "_": None, "_l": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
VARIABLE = re.compile(r"%\(\w+\)[sd]")


def read_catalog(language: str) -> Catalog:
    with (PACKAGE / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file)


def find_texts() -> set[str]:
    found = set()
    for _, _, message, _, _ in extract_from_dir(str(PACKAGE), METHODS, {}, KEYWORDS):
        found.add(message if isinstance(message, str) else message[0])
    return found


TEXTS = find_texts()


def test_there_are_texts() -> None:
    assert len(TEXTS) > 50


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_text_is_there_and_nothing_else(language: str) -> None:
    catalog = read_catalog(language)
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in catalog if m.id}
    assert TEXTS - known == set(), "missing"
    assert known - TEXTS == set(), "left over"
    for message in catalog:
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else message.id
        strings = (message.string,) if isinstance(message.string, str) else message.string
        assert all(strings), f"empty: {ids[0]}"
        assert not message.fuzzy, f"fuzzy: {ids[0]}"
        assert set(VARIABLE.findall(strings[-1])) == set(VARIABLE.findall(ids[-1])), f"other variables: {ids[0]}"
