"""Bodies and texts that nobody should send: never a 500, never lost."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk, read_payloads

SHARED = ROOT.parent / "shared" / "badinput"
SHARED_HINT = "../shared/badinput isn't there: only the project's own bad input was tried"
PAYLOADS = read_payloads(ROOT / "tests" / "fixtures" / "payloads")
BODY = next(body for name, body in PAYLOADS.items() if name.startswith("answer-") and body.get("content_type") == "text")

OWN_BODIES = [
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"1e999",
    b"{}",
    b'{"event": 1}',
    b'{"event": "message_created"}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"event": "message_created", "id": 1e400}',
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"event":"x"}garbage',
    b'\xef\xbb\xbf{"event":"x"}',
    b'{"event":"message_created","id":123456789012345678901234567890,"conversation":{"id":1}}',
    json.dumps({**BODY, "content": "x" * 1_200_000}).encode(),
    b'{"event": "\\ud800"}',
    b'{"event": "message_created\\u0000"}',
]
OWN_STRINGS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\ufeff",
    "\u202ehola",
    "مرحبا " + "😀" * 40,
    "hola" + "🏝️" * 40,
    "'; DROP TABLE message; --",
    "{{ contact.name }}",
    "{% raw %}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%s%s%n",
    "z" + "\u0338" * 5_000,
    "a" * 100_000,
    "1" * 400,
    "NaN",
    "-1e999",
    "${7*7}",
    "[EMAIL_1]",
    "\r\n\r\n",
    " ",
    "𝒽𝑜𝓁𝒶",
    "ﷺ" * 200,
]
STRINGS = OWN_STRINGS + (json.loads((SHARED / "blns.json").read_text("utf-8")) if SHARED.is_dir() else [])
SUITE = sorted((SHARED / "jsontestsuite").glob("*.json")) if SHARED.is_dir() else []
BODIES = [*OWN_BODIES, *(path.read_bytes() for path in SUITE)]


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        yield Desk(make_module_app(), pretend, 9, (21, 22, 23, 24))


@pytest.mark.skipif(not SHARED.is_dir(), reason=SHARED_HINT)
def test_the_shared_bad_input_is_tried() -> None:
    assert len(SUITE) == 318
    assert len(STRINGS) > 485


def test_a_signed_body_gets_200_and_is_kept_whatever_it_is(desk: Desk) -> None:
    desk.clear()
    assert {desk.post(body) for body in BODIES} == {200}
    kept = desk.rows("SELECT count(*) AS n, count(error) AS dead FROM webhook")[0]
    assert kept["n"] == len(BODIES)
    assert kept["dead"] > len(OWN_BODIES) / 2


def test_an_unsigned_body_gets_401_and_is_not_kept(desk: Desk) -> None:
    desk.clear()
    assert {desk.post(body, secret="wrong") for body in [*BODIES, *OWN_BODIES * 4]} == {401, 429}
    assert desk.rows("SELECT 1 FROM webhook") == []
    assert desk.post(BODY) == 200, "what is signed isn't limited, though it comes from the same address"


def test_a_customers_message_that_cannot_be_read_is_handed_off(desk: Desk) -> None:
    desk.clear()
    desk.stand(BODY)
    number = BODY["conversation"]["id"]
    broken = json.dumps(BODY).replace('"event": "message_created"', '"event": message_created').encode()
    assert b'"conversation_id"' in broken
    assert desk.post(broken) == 200
    assert desk.work() == ["handed_off"]
    assert desk.pretend.status(number) == "open"
    assert len(desk.pretend.replies(number, private=True)) == 1


@pytest.mark.thorough
def test_every_string_in_text_name_and_attributes_gets_an_outcome(desk: Desk) -> None:
    desk.clear()
    for number, string in enumerate(STRINGS, start=1):
        body = make_body(number, string)
        desk.stand(body)
        assert desk.post(body) == 200, repr(string)[:80]
    desk.work()
    assert desk.rows("SELECT 1 FROM message WHERE seq IS NOT NULL AND turn_id IS NULL") == []
    done = desk.rows("SELECT count(DISTINCT conversation_id) AS n FROM turn WHERE finished_at IS NOT NULL")[0]["n"]
    assert done == len(STRINGS), "what can't even be parsed is handed off"
    said = [m.content or "" for m in desk.pretend.replies()]
    assert not any("{{" in text or "{%" in text for text in said)


def make_body(number: int, string: str) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    body["id"], body["conversation"]["id"] = 500_000 + number, 10_000 + number
    body["content"] = string
    body["sender"]["name"] = body["conversation"]["meta"]["sender"]["name"] = string
    body["conversation"]["meta"]["sender"]["custom_attributes"] = {string: string}
    body["content_attributes"] = {string: string}
    body["inbox"]["name"] = string
    for message in body["conversation"].get("messages", []):
        message["content"], message["conversation_id"] = string, 10_000 + number
    return body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated_payloads(draw: st.DrawFn) -> dict[str, Any]:
    """One of the payloads with up to four of its values, at any depth, replaced or taken away."""
    body: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(list(PAYLOADS.values()))))
    for _ in range(draw(st.integers(1, 4))):
        place: Any = body
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                place = inner
                continue
            if isinstance(place, dict) and draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(JSON)
            break
    return body


@pytest.mark.thorough
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=mutated_payloads())
def test_a_mutated_payload_never_breaks_intake(desk: Desk, body: dict[str, Any]) -> None:
    before = desk.rows("SELECT count(*) AS n FROM webhook")[0]["n"]
    assert desk.post(json.dumps(body, allow_nan=True).encode("utf-8", "surrogatepass")) == 200
    assert desk.rows("SELECT count(*) AS n FROM webhook")[0]["n"] == before + 1
    assert desk.rows("SELECT error FROM webhook WHERE error LIKE 'unexpected%'") == []
