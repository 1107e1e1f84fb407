"""The bot's own words in Spanish and English, from texts.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from ruamel.yaml import YAML

from chatbot.reply import Language


def read_catalogue(path: Traversable) -> dict[str, Any]:
    """A file of texts."""
    loaded: dict[str, Any] = YAML(typ="safe").load(path.read_text("utf-8"))
    return loaded


@cache
def _catalogue() -> dict[str, dict[str, dict[str, str]]]:
    return read_catalogue(files("chatbot") / "texts.yaml")


def get_text(path: str, language: Language, **values: object) -> str:
    """The text at "say.handoff", "note.handoff" or "reason.unsure". Raises KeyError for one that isn't there."""
    section, name = path.split(".", 1)
    return _catalogue()[section][name][language].format(**values)
