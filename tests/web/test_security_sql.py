"""Nothing that is typed becomes part of a statement: searches, filters, sorting, places, paths and forms."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from conftest import thorough
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from chatbot.db import db
from web.seeding import add_turn
from web.test_security_xss import HTML, LEFT_OUT, list_pages, make_forms, read

Make = Callable[[str], FlaskClient]
MARK = "zqzqsql"
PROBES = (
    f"{MARK}' OR '1'='1",
    f"{MARK}'; SELECT pg_sleep(5) --",
    f'{MARK}" ASC; DROP TABLE setting --',
    f"{MARK}) UNION SELECT password FROM account --",
    f"{MARK}%' ESCAPE '\\' :* & ! | <->",
    f"{MARK} %s %(words)s :name $1 {{0}}",
)
PARAMETERS = (
    "q", "state", "responder", "language", "inbox", "from", "to", "sort", "after", "before", "seen", "kind", "key", "act",
    "who", "days", "of", "like", "error", "question", "text", "was", "asked", "view", "next",
)  # fmt: skip


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """All that is sent to the database, without its parameters."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def owner(app: Flask, make_client: Make) -> FlaskClient:
    client = make_client("owner")
    with app.app_context(), db.engine.begin() as connection:
        for n in range(3):
            add_turn(connection, n + 1, "¿Cuánto tarda?", datetime.now(UTC) - timedelta(hours=n))
    return client


def encode(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize("probe", [PROBES[0], *thorough(*PROBES[1:])])
def test_no_parameter_of_any_page_is_read_as_sql(app: Flask, owner: FlaskClient, statements: list[str], probe: str) -> None:
    for _, path in list_pages(app):
        found = path.replace("zq", quote(probe, safe=""))
        for query in ("&".join(f"{name}={quote(probe)}" for name in PARAMETERS), f"q={quote(probe)}", f"sort=-{quote(probe)}"):
            answer = owner.get(f"{found}?{query}", headers=HTML)
            assert answer.status_code < 500, (found, query)
    assert len(statements) > 100
    assert [statement for statement in statements if MARK in statement] == []


PLACES = (
    encode(MARK, MARK), encode(MARK, 1), encode("2030-01-01T00:00:00+00:00", MARK), encode("2030-01-01", 1), encode(True, True),
    encode(10**30, 10**30), encode(1.5, 1.5), encode("2030-01-01T00:00:00+00:00", 2**63), encode(MARK), encode(1), encode([1]),
    encode({"a": 1}), encode(None), encode(), "%%%", "W10", encode("\x00", 1), encode("\ud800", 1),
)  # fmt: skip
LISTS = ("/conversations", "/content/faq", "/content/faq?sort=changed", "/audit")


@pytest.mark.parametrize("address", [LISTS[0], *thorough(*LISTS[1:])])
@pytest.mark.parametrize("place", PLACES)
def test_a_place_made_by_hand_is_no_fault(owner: FlaskClient, statements: list[str], address: str, place: str) -> None:
    joint = "&" if "?" in address else "?"
    assert owner.get(f"{address}{joint}after={place}", headers=HTML).status_code == 200
    assert [statement for statement in statements if MARK in statement] == []


@pytest.mark.parametrize("probe", [PROBES[2], *thorough(*PROBES[:2], *PROBES[3:])])
def test_no_field_of_any_form_is_read_as_sql(app: Flask, owner: FlaskClient, statements: list[str], probe: str) -> None:
    sent = set()
    for path in [path for _, path in list_pages(app)]:
        page = owner.get(path, headers=HTML)
        if page.mimetype != "text/html":
            continue
        for action, fields in read(page.text).forms:
            address = action or path
            if action == "GET" or not address.startswith("/") or LEFT_OUT.search(address) or address in sent:
                continue
            sent.add(address)
            *_, everywhere = make_forms(fields)
            assert owner.post(address, data=dict.fromkeys(everywhere, probe), headers=HTML).status_code < 500, address
    assert len(sent) > 10
    assert [statement for statement in statements if MARK in statement] == []
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM account")).scalar() == 1
        assert connection.execute(text("SELECT to_regclass('setting')")).scalar() is not None


@pytest.mark.parametrize("words", ["' OR '1'='1", "%", "_", "tarda' OR 'a'='a", "\\", "tarda:*", "!tarda", "tarda | nada"])
def test_signs_find_no_more_than_words(owner: FlaskClient, words: str) -> None:
    """What isn't a word of a message finds nothing; the others count for what they are."""
    page = owner.get("/conversations", query_string={"q": words}).text
    plain = owner.get("/conversations", query_string={"q": "tarda"}).text
    assert plain.count('href="/conversations/') >= 3
    if "tarda" not in words or "nada" in words or "OR" in words:
        assert 'href="/conversations/1"' not in page


@pytest.mark.parametrize("path", ["/conversations?q=a%00b", "/content/faq/a%00b", "/login?next=%00", "/search?q=%00"])
def test_a_nul_is_a_wrong_request(owner: FlaskClient, path: str) -> None:
    assert owner.get(path, headers=HTML).status_code == 400


@pytest.mark.parametrize("path", ["/login", "/forgot", "/content/faq", "/test", "/account"])
def test_a_nul_in_a_form_is_a_wrong_request(owner: FlaskClient, path: str) -> None:
    answer = owner.post(
        path, data={"email": "a\x00@example.com", "password": "\x00", "text": "\x00", "name": "a\x00"}, headers=HTML
    )
    assert answer.status_code == 400
