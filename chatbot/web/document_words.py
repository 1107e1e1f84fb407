"""Documents in words: what they are, how far their reading is, and what to do where something couldn't be read."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from chatbot.documents import Reading
from chatbot.web.reader import show_number

SOURCES: dict[str, tuple[Any, str]] = {
    "file": (_l("File"), "file-earmark-text"),
    "page": (_l("Web page"), "link-45deg"),
    "site": (_l("Whole site"), "globe"),
    "sitemap": (_l("Sitemap"), "diagram-3"),
    "help_center": (_l("Help centre"), "life-preserver"),
}
KINDS_OF_FILES = _l("PDF, Word (.docx), Excel (.xlsx), CSV, HTML, Markdown and plain text")
# codes of IngestError and PageError: what is wrong, and what to do
PROBLEMS: dict[str, tuple[Any, Any]] = {
    "unknown_type": (_l("This kind of file can't be read."), _l("Save it as PDF, Word (.docx), Excel (.xlsx), CSV or text.")),
    "wrong_extension": (
        _l("What is in the file isn't what its name says."),
        _l("Open it with the program it was made with, and save it again."),
    ),
    "broken": (_l("The file is damaged."), _l("Open it, save it again, and upload that.")),
    "encrypted": (_l("The file is locked with a password."), _l("Save it without the password, and upload that.")),
    "scanned": (
        _l("Its pages are pictures without text, such as a scan."),
        _l("Have the text recognised (OCR) with the program that scanned it, and upload that."),
    ),
    "too_big": (_l("It is larger than 20 MB."), _l("Split it, or leave the pictures out.")),
    "too_many_pages": (_l("It has too many pages."), _l("Split it, and upload the parts.")),
    "too_many_cells": (_l("It has too many rows or columns."), _l("Leave in only what customers ask about.")),
    "too_slow": (_l("Reading it took too long."), _l("Split it, or save it in a simpler way, such as text or CSV.")),
    "too_much_memory": (
        _l("Reading it needs more memory than there is for it."),
        _l("Split it, or save it in a simpler way, such as text or CSV."),
    ),
    "bomb": (
        _l("It unpacks to far more than its size, as harmful files do."),
        _l("Make it anew from its text, if it is yours."),
    ),
    "empty": (_l("There is no text in it."), _l("Look whether it is the right one.")),
    "not_yet": (_l("It can't be read at the moment."), _l("It is tried again by itself.")),
    "missing": (_l("The file isn't stored here any more."), _l("Upload it again.")),
    "robots": (
        _l("The site asks programs not to read this page (robots.txt)."),
        _l("Where the site is yours, allow it there; else put the text into an article."),
    ),
    "not_found": (_l("There is no such page."), _l("Look whether the address is right.")),
    "gone": (_l("The page has been taken away."), _l("Take it out here too, or add its new address.")),
    "forbidden": (_l("The page is only shown after a login."), _l("Make it public, or put its text into an article.")),
    "private_address": (
        _l("The address leads into a private network."),
        _l("Only pages that are open to everybody can be read."),
    ),
    "bad_address": (_l("The address can't be used."), _l("Copy it from the browser; it starts with https://")),
    "dns": (_l("There is no site of this name."), _l("Look whether the address is right.")),
    "timeout": (_l("The site took too long to answer."), _l("It is tried again by itself.")),
    "unreachable": (_l("The site can't be reached."), _l("It is tried again by itself.")),
    "tls": (
        _l("The site's certificate isn't valid."),
        _l("Whoever looks after the site must mend that; it is tried again by itself."),
    ),
    "elsewhere": (_l("The address leads to another site, or to a page that is read already."), _l("Add that address instead.")),
    "fault": (
        _l("Reading it failed here; it has been written down."),
        _l("It is tried again by itself."),
    ),
    "too_many_redirects": (_l("The address leads on and on."), _l("Write the address at which the browser ends up.")),
    "moved": (_l("The address leads to another one: %(to)s"), _l("Write that one here.")),
    "downgrade": (_l("The address leads on to one without encryption."), _l("Write an address that starts with https://")),
    "noindex": (_l("The page asks programs not to keep it (noindex)."), _l("Where the site is yours, allow it there.")),
    "server_error": (_l("The site answered with a fault of its own."), _l("It is tried again by itself.")),
    "refused": (
        _l("The site refuses to be read."),
        _l("Where the site is yours, allow it; else put the text into an article."),
    ),
    "too_many_requests": (_l("The site asks to be read more slowly."), _l("It is tried again by itself.")),
    "wrong_type": (_l("There is no text at this address, but a picture, a video or the like."), _l("Write another address.")),
    "not_html": (_l("There is no text at this address, but a picture, a video or the like."), _l("Write another address.")),
    "no_help_center": (_l("There is no help centre with published articles."), _l("Publish it in Chatwoot first.")),
    "not_connected": (_l("Chatwoot isn't connected yet."), _l("An owner connects it in First steps.")),
    "same": (_l("It is there already."), ""),
    "absent": (_l("No file was chosen."), _l("Choose one or more.")),
    "lost": (_l("The upload was interrupted."), _l("Look whether you are online, and try again.")),
}
# codes of a copy's notes
NOTES: dict[str, Any] = {
    "invisible_characters": _l(
        "Signs that nobody sees were left out: %(count)s. They can hide words that are meant for the AI."
    ),
    "hidden_text": _l("Text that nobody sees was left out: %(samples)s"),
    "hidden_cells": _l("Hidden sheets, columns or rows were left out."),
    "pages_without_text": _l("Pages without text: %(pages)s. Perhaps they are pictures."),
    "tables_as_text": _l("Tables that could only be read as plain text: %(count)s."),
    "other_kind": _l("It is really a file of another kind (%(kind)s), and was read as that."),
    "duplicate": _l("The same text stands elsewhere too: %(where)s."),
}
SIGN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


@dataclass(frozen=True, slots=True)
class State:
    """code: off, waiting, reading, failed, partly, stale or ready; text in words; problem and advice where there is one."""

    code: str
    text: str
    problem: str = ""
    advice: str = ""

    @property
    def is_open(self) -> bool:
        return self.code in {"waiting", "reading"}


def say_problem(code: str, facts: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """(what is wrong, what to do). A code that has no words is told as it is."""
    if code not in PROBLEMS:
        return _("It couldn't be read (%(code)s).", code=code or "?"), ""
    what, advice = (_fill(text, facts or {}) for text in PROBLEMS[code])
    return what, advice


def say_note(note: Any) -> str:
    """One of a copy's notes: {"code": ..., its facts}."""
    if not isinstance(note, Mapping) or note.get("code") not in NOTES:
        return ""
    return _fill(NOTES[note["code"]], note)


def _fill(text: Any, facts: Mapping[str, Any]) -> str:
    """What a text asks for and isn't there is a question mark, since facts come from rows of former versions too."""
    known: dict[str, Any] = defaultdict(lambda: "?")
    for name, value in facts.items():
        known[name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return str(text) % known if "%(" in str(text) else str(text)


def say_state(reading: Reading, is_enabled: bool = True) -> State:
    if not is_enabled:
        return State("off", _("switched off"))
    problem, advice = say_problem(reading.problem, reading.facts) if reading.failed else ("", "")
    if not reading.pages or reading.open:
        return _say_open(reading)
    if reading.failed and not reading.ready:
        return State("failed", _("couldn't be read"), problem, advice)
    if reading.failed and reading.pages == 1:
        return State("stale", _("couldn't be read again; what was read before still answers"), problem, advice)
    if reading.failed:
        text = ngettext("%(num)s page couldn't be read", "%(num)s pages couldn't be read", reading.failed)
        return State("partly", text, problem, advice)
    return State("ready", _("ready"))


def _say_open(reading: Reading) -> State:
    if reading.pages > 1:
        done, pages = show_number(reading.done), show_number(reading.pages)
        return State("reading", _("being read: %(done)s of %(pages)s pages", done=done, pages=pages))
    return State("reading", _("being read again")) if reading.ready else State("waiting", _("waiting to be read"))


def show_signs(text: str) -> str:
    """With the code of each sign that nobody sees in its place, such as ⟦U+200B⟧."""
    return "".join(f"⟦U+{ord(sign):04X}⟧" if _is_unseen(sign) else sign for sign in text)


def _is_unseen(sign: str) -> bool:
    return sign not in "\n\t" and (unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cs"} or SIGN.match(sign) is not None)
