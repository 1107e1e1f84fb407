"""A call step as the request that it means, and what is taken from its answer. Pure: who sends it is no part of this."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any
from urllib.parse import quote

import regex

from chatbot.flows.definition import Call
from chatbot.flows.run import Wish
from chatbot.flows.wording import VARIABLE, as_text, list_variables, substitute

LITERAL = regex.compile(r"true|false|null|-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?")


@dataclass(frozen=True, slots=True)
class CallRequest:
    """body: JSON, None for none."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any = None


def make_request(wish: Wish, secrets: Mapping[str, str]) -> CallRequest:
    """One pass over the templates, so that a customer's word can't name a secret. Raises KeyError for a secret that isn't set.

    Values are quoted in the URL and on one line in headers. In the body a text that is one variable keeps its type, and a plain
    number, true, false or null that stands in the flow is sent as that.
    """
    call = wish.call
    if call is None:
        raise ValueError("this wish is no call")

    def look_up(kind: str, name: str) -> str:
        return secrets[name] if kind == "secret" else as_text(wish.values.get(name)) if kind == "slot" else ""

    headers = {name: " ".join(substitute(text, look_up).split()) for name, text in call.headers.items()}
    # secrets have no place in a URL, where logs keep them
    url = substitute(call.url, lambda kind, name: quote(look_up(kind, name), safe="") if kind == "slot" else "")
    return CallRequest(call.method, url, headers, None if call.body is None else _fill(call.body, wish.values, look_up))


def _fill(value: Any, values: Mapping[str, Any], look_up: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, values, look_up) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(item, values, look_up) for item in value]
    if not isinstance(value, str):
        return value
    if LITERAL.fullmatch(value):
        return json.loads(value)
    if (whole := VARIABLE.fullmatch(value)) and whole[1] == "slot":
        return values.get(whole[2])
    return substitute(value, look_up)


def list_templates(call: Call) -> Iterator[str]:
    """Every text of a call that may hold variables."""
    yield call.url
    yield from call.headers.values()
    yield from _list_texts(call.body)


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _list_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _list_texts(item)
    elif isinstance(value, str):
        yield value


def list_used(call: Call) -> tuple[str, ...]:
    """The slots that a call sends."""
    return tuple(dict.fromkeys(name for text in list_templates(call) for kind, name in list_variables(text) if kind == "slot"))


def find_value(payload: Any, path: str) -> Any:
    """A scalar at "orders.0.status" of a JSON value; None where there is none."""
    for part in path.split("."):
        if isinstance(payload, Mapping):
            payload = payload.get(part)
        elif isinstance(payload, list) and part.isdecimal() and int(part) < len(payload):
            payload = payload[int(part)]
        else:
            return None
    if isinstance(payload, float) and not isfinite(payload):
        return None
    return payload if isinstance(payload, str | int | float | bool) and payload != "" else None
