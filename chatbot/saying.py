"""Texts of what stands below the pages: in the reader's language where a page is asked for, in English in a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

from flask import has_request_context

FOLDER = Path(__file__).parent / "translations"
_language: ContextVar[str] = ContextVar("language", default="")


def gettext(text: str, **values: object) -> str:
    """`%(name)s` in the text are replaced by values."""
    if not has_request_context():
        said = _load(_language.get()).gettext(text) if _language.get() else text
        return said % values if values else said
    import flask_babel  # noqa: PLC0415  a worker does without

    return str(flask_babel.gettext(text, **values))


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside, what is said without a page is in this language: "es" or "en"."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


@cache
def _load(language: str) -> NullTranslations:
    return translation("messages", FOLDER, [language], fallback=True)
