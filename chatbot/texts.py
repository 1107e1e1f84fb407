"""The bot's own words in Spanish and English, from texts.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from chatbot.reply import Language


@cache
def _catalogue() -> dict[str, dict[str, dict[str, str]]]:
    loaded: dict[str, dict[str, dict[str, str]]] = YAML(typ="safe").load((files("chatbot") / "texts.yaml").read_text("utf-8"))
    return loaded


def get_text(path: str, language: Language, **values: object) -> str:
    """The text at "say.handoff", "note.handoff" or "reason.unsure". Raises KeyError for one that isn't there."""
    section, name = path.split(".", 1)
    return _catalogue()[section][name][language].format(**values)
