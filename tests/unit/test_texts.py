"""The bot's own words stand in both languages, with the same {names}."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from chatbot.texts import get_text

CATALOGUE = YAML(typ="safe").load((ROOT / "chatbot/texts.yaml").read_text("utf-8"))
PATHS = [f"{section}.{name}" for section, texts in CATALOGUE.items() for name in texts]


@pytest.mark.parametrize("path", PATHS)
def test_a_text_has_both_languages_and_the_same_names(path: str) -> None:
    section, name = path.split(".", 1)
    texts = CATALOGUE[section][name]
    assert set(texts) == {"es", "en"}
    spanish, english = (re.findall(r"\{(\w*)\}", texts[language]) for language in ("es", "en"))
    assert sorted(spanish) == sorted(english)
    for language in ("es", "en"):
        assert texts[language].strip()
        filled = get_text(path, language, **dict.fromkeys(spanish, "x"))
        assert "{" not in filled


def test_no_text_is_written_twice_in_the_file() -> None:
    """The loader refuses a repeated key; this keeps it that way."""
    assert len(PATHS) == len(set(PATHS)) > 0
