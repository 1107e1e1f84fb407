"""Texts of flows with their values filled in. Plain substitution in one pass: what a value holds is never filled in again.

Customers see private slots as "•••" until they have proven who they are; the team sees everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import regex

from chatbot.flows.run import Run, SlotValue, World
from chatbot.reply import Language

VARIABLE = regex.compile(r"\{\{\s*([a-z]+)\.([a-zA-Z0-9_.-]{1,60})\s*\}\}")
MASK = "•••"
GAP = "\ue000"
LONGEST_SHOWN = 500
LONGEST_NAME = 80
EMAIL = regex.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
LINK = regex.compile(
    r"(?:\p{L}[\w+.-]*://|www\.|\b(?:mailto|tel|sms|javascript|data|vbscript|whatsapp):(?=\S)|(?<![\w:/])//(?=\w))\S*"
    r"|(?<![\w@.-])[\w-]+(?:\.[\w-]+)*\.\p{L}{2,24}/\S*",
    regex.IGNORECASE,
)
# full-width letters, of which readers make links too
WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3002: "."}
# what no name holds: a contact's is whatever somebody typed
NO_NAME = regex.compile(r"[:«»“”\"{}<>=]|(?:\S+\s+){7}")
# what Markdown or a template would read as a sign
SIGNS = regex.compile(r"[\[\]<>`*{}|\\#~]")
INNER_DOT = regex.compile(
    r"(?<=\w)\.(?=\p{L})(?!(?:jpe?g|png|gif|webp|heic|pdf|docx?|xlsx?|odt|txt|ogg|mp[34])(?!\w))", regex.IGNORECASE
)
UNSEEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\s]+")


def list_variables(text: str) -> Iterator[tuple[str, str]]:
    """("slot", "dia") of every {{slot.dia}}, in order."""
    return ((found[1], found[2]) for found in VARIABLE.finditer(text))


def substitute(template: str, look_up: Callable[[str, str], str]) -> str:
    return VARIABLE.sub(lambda found: look_up(found[1], found[2]), template)


def fill_text(template: str, run: Run | None, world: World, facts: Mapping[str, str] | None = None) -> str:
    """For the customer. facts: what {{repair.NAME}} stands for, already fit to be shown."""
    return _fill(template, run, world, facts or {}, may_see_all=False)


def fill_note(template: str, run: Run | None, world: World, facts: Mapping[str, str] | None = None) -> str:
    """For the team. facts: as for fill_text."""
    return _fill(template, run, world, facts or {}, may_see_all=True)


def pick(texts: Mapping[Language, str], language: Language) -> str:
    """The text in this language, else the one there is; "" for none at all."""
    return texts.get(language) or next(iter(texts.values()), "")


def show(slot: SlotValue, run: Run) -> str:
    """A slot as its customer may see it."""
    return MASK if slot.private and not run.is_verified else clean(slot.said)


def clean(value: str, max_chars: int = LONGEST_SHOWN) -> str:
    """Somebody's words as one line of plain text: no link, no Markdown, no template; an e-mail address stays whole."""
    line = UNSEEN.sub(" ", value[: max_chars * 4].translate(WIDE)).strip()
    if EMAIL.fullmatch(line):
        return line[:max_chars]
    plain = SIGNS.sub(" ", LINK.sub(" ", line))
    return " ".join(INNER_DOT.sub(". ", plain).split())[:max_chars].rstrip()


def _fill(template: str, run: Run | None, world: World, facts: Mapping[str, str], *, may_see_all: bool) -> str:
    def look_up(kind: str, name: str) -> str:
        if kind == "slot":
            slot = run.slots.get(name) if run else None
            if slot is None or run is None:
                return ""
            return clean(slot.said) if may_see_all else show(slot, run)
        return _list_facts(world, facts).get(f"{kind}.{name}", "")

    return _close_gaps(substitute(template.replace(GAP, ""), lambda kind, name: look_up(kind, name) or GAP))


def _list_facts(world: World, facts: Mapping[str, str]) -> dict[str, str]:
    name = "" if NO_NAME.search(world.contact.name.translate(WIDE)) else clean(world.contact.name, LONGEST_NAME)
    return {
        "contact.name": name,
        "contact.first_name": name.split(" ")[0],
        "contact.email": clean(world.contact.email, LONGEST_NAME),
        **{f"repair.{key}": value for key, value in facts.items()},
    }


def _close_gaps(text: str) -> str:
    """Without what only belonged to an empty value: "Gracias, {{x}}!" becomes "Gracias!"."""
    if GAP not in text:
        return text
    text = regex.sub(rf"[ \t]*,?[ \t]*{GAP}(?=[\s.,;:!?)]|$)", "", text)
    return text.replace(f"{GAP} ", "").replace(GAP, "").strip()


def as_text(value: Any) -> str:
    """A normalised value as conditions compare it and URLs hold it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
