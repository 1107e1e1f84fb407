"""The frame of every list: search, filters and order in the URL, pages by keyset, saved views, bulk acts.

A view reads a ListQuery, asks the database for `query.limit + 1` rows after `query.after`, and gives all to `Page`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from flask import request, url_for
from sqlalchemy import ColumnElement, Select, literal, tuple_

Columns = TypeVarTuple("Columns")
PAGE_ROWS = 50
MAX_SEARCH_CHARS = 200


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the URL asks for. after: the last row's order values and id on the page before, or None for the first page."""

    search: str
    filters: dict[str, str]
    sort: str
    is_descending: bool
    after: list[Any] | None
    limit: int = PAGE_ROWS


@dataclass(frozen=True, slots=True)
class Page:
    """rows, and the URLs to the next page and back to the first one."""

    rows: Sequence[Any]
    query: ListQuery
    next_url: str = ""
    first_url: str = ""


def read_query(filters: dict[str, set[str] | None], sorts: Sequence[str], default_sort: str) -> ListQuery:
    """filters: names with the values they may take (None: any). A sort is `name` or `-name`. The unknown counts as absent."""
    found = {}
    for name, allowed in filters.items():
        value = request.args.get(name, "").strip()[:MAX_SEARCH_CHARS]
        if value and (allowed is None or value in allowed):
            found[name] = value
    sort = request.args.get("sort", default_sort)
    if sort.removeprefix("-") not in sorts:
        sort = default_sort
    search = " ".join(request.args.get("q", "").replace("\x00", "").split())[:MAX_SEARCH_CHARS]
    return ListQuery(search, found, sort.removeprefix("-"), sort.startswith("-"), _decode(request.args.get("after", "")))


def apply_keyset(statement: Select[*Columns], query: ListQuery, columns: Sequence[ColumnElement[Any]]) -> Select[*Columns]:
    """Orders by columns (the last one unique), starts after `query.after`, and asks for one row more than a page."""
    ordered = [c.desc() if query.is_descending else c.asc() for c in columns]
    statement = statement.order_by(*ordered).limit(query.limit + 1)
    if query.after is not None and len(query.after) == len(columns) and all(map(_is_value, query.after, columns)):
        place = tuple_(*(literal(value, column.type) for value, column in zip(query.after, columns, strict=True)))
        row = tuple_(*columns)
        statement = statement.where(row < place if query.is_descending else row > place)
    return statement


def _is_value(value: Any, column: ColumnElement[Any]) -> bool:
    """Whether a column may hold it, since an address can be typed by hand: a number, a text, or a moment as text."""
    wanted = column.type.python_type
    if wanted is int:
        return isinstance(value, int) and -(2**63) <= value < 2**63
    if wanted is not datetime:
        return isinstance(value, wanted) and "\x00" not in str(value)
    try:
        return bool(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def make_page(rows: Sequence[Any], query: ListQuery, key_of: Callable[[Any], Sequence[Any]]) -> Page:
    """key_of(row): the values of apply_keyset's columns, as JSON can hold them."""
    shown = rows[: query.limit]
    next_url = link(after=encode_place(key_of(shown[-1]))) if len(rows) > query.limit else ""
    return Page(shown, query, next_url, link(after=None) if query.after is not None else "")


def link(**changes: str | None) -> str:
    """This page's URL with some of its parameters changed; None takes one away. A changed filter starts at the first page."""
    wanted = {name: request.args.getlist(name) for name in request.args}
    if "after" not in changes:
        wanted.pop("after", None)
    for name, value in changes.items():
        wanted.pop(name, None)
        if value is not None:
            wanted[name] = [value]
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **wanted})


def encode_place(values: Sequence[Any]) -> str:
    """The `after` of an address."""
    return base64.urlsafe_b64encode(json.dumps(list(values), default=str).encode()).decode().rstrip("=")


def _decode(text: str) -> list[Any] | None:
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, UnicodeDecodeError):
        return None
    is_plain = isinstance(values, list) and all(isinstance(v, str | int | float) for v in values)
    return values if is_plain else None
