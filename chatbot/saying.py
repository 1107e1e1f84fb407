"""Texts of what stands below the pages: in the reader's language where a page is asked for, in English in a command."""

from __future__ import annotations

from flask import has_request_context


def gettext(text: str, **values: object) -> str:
    """`%(name)s` in the text are replaced by values."""
    if not has_request_context():
        return text % values if values else text
    import flask_babel  # noqa: PLC0415  a worker does without

    return str(flask_babel.gettext(text, **values))
