"""Whatever a customer or somebody of the team writes is shown as text, on every page, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from conftest import thorough
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import ARRAY, BigInteger, Boolean, Connection, Date, DateTime, Float, Integer, LargeBinary, Text, insert, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from chatbot.bodies import Article, Assistant, CannedResponse, Document, FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.db import Base, db
from chatbot.imports import make_options
from chatbot.models.embedding import Vector
from chatbot.web.access import ROLES, find_least_role

Make = Callable[[str], FlaskClient]
PROBE = (
    """zq'"><img src=x onerror=alert(1)></textarea></title></script><script>alert(1)</script>"""
    "[a](javascript:alert(1)){{7*7}}zq"
)
NUMBER = 7001  # every row's id and whatever it refers to
HTML = {"Accept": "text/html"}
LOOK = {"responder": PROBE, "outcome": PROBE, "why": PROBE, "ms": 1.5, "saw": {"candidates": [[PROBE, 1, 0.5]]}}


SAID = {"parts": [PROBE], "choices": [PROBE], "responder": PROBE, "sources": [f"faq:{PROBE}"], "handoff": PROBE, "score": 0.5}


class Holes(HTMLParser):
    """What a page would run: elements and attributes that only a probe brings. forms: (action, [(name, tag, type, value)])."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.forms: list[tuple[str, list[tuple[str, str, str, str]]]] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._is_script = tag == "script" and given.get("type") != "application/json"
        if tag == "img" and given.get("src") == "x":
            self.found.append(self.get_starttag_text() or tag)
        for name, value in given.items():
            is_address = name in {"href", "src", "action", "formaction", "data"} or name.startswith("hx-")
            runs = re.match(r"\s*(javascript|vbscript|data:text)", value, re.IGNORECASE) if is_address else None
            if runs or name == "style" or name.startswith("on"):
                self.found.append(f"{tag} {name}={value}")
        self._note_form(tag, given)

    def _note_form(self, tag: str, given: dict[str, str]) -> None:
        if tag == "form":
            is_post = given.get("method", "get").lower() == "post"
            self.forms.append((given.get("action", "") if is_post else "GET", []))
        elif tag in {"input", "textarea", "select", "button"} and self.forms and given.get("name"):
            self.forms[-1][1].append((given["name"], tag, given.get("type", ""), given.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._is_script and "alert(1)" in data:
            self.found.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False


def read(page: str) -> Holes:
    holes = Holes()
    holes.feed(page)
    return holes


def check(page: str, where: str) -> None:
    assert read(page).found == [], where
    assert "49zq" not in page, f"{where}: a template was run"


# --- a row in every table, with a probe in every text -------------------------------------------------------------

IMPORTED: list[Any] = [{"name": PROBE, "rows": [[PROBE, PROBE], [PROBE, PROBE]]}]
# what the product itself writes, and no text of anybody's
CODES = {
    ("account", "role"): "agent",
    ("account", "language"): "es",
    ("account", "fs_uniquifier"): "zq",
    ("account", "password"): None,
    ("account", "mf_recovery_codes"): None,
    ("conversation", "status"): "pending",
    ("conversation", "owner"): "people",
    ("message", "author"): "customer",
    ("message", "seq"): 1,
    ("message", "attachments"): [{"file_type": PROBE, "data_url": "javascript:alert(1)", "name": PROBE}],
    ("turn", "state"): "handed_off",
    ("turn", "sources"): [f"faq:{PROBE}", "faq:zq"],
    ("turn", "handoff_reason"): "unsure",
    ("turn", "wake"): None,
    ("turn_trace", "body"): {"version": 1, "looks": [LOOK], "language": PROBE, "notes": {PROBE: PROBE}},
    ("part", "choices"): [{"title": PROBE, "value": PROBE}],
    ("part", "state"): "failed",
    ("kept_test", "lines"): [["customer", PROBE]],
    ("kept_test", "expectation"): {"kind": "text", "value": PROBE},
    ("kept_test", "deleted_at"): None,
    ("kept_test", "result"): {side: {"is_met": False, "said": SAID} for side in ("live", "draft")},
    ("import_job", "kind"): "faq",
    ("import_job", "tables"): IMPORTED,
    ("import_job", "bodies"): [],
    ("import_job", "options"): make_options("faq", IMPORTED[0]["rows"], 0),
    ("import_job", "counts"): None,
    ("import_job", "undo"): None,
    ("import_job", "imported_at"): None,
    ("import_job", "undone_at"): None,
    ("check_result", "told"): {"name": PROBE, "result": PROBE, "advice": PROBE, "text": PROBE},
    ("saved_view", "list"): "conversations.listing",
    ("saved_view", "account_id"): 1,
    ("login_session", "account_id"): 1,
    ("passkey", "account_id"): 1,
    ("llm_call", "state"): "settled",
    ("inbox", "mode"): None,
}
BY_THEIR_OWN_CODE = {"entry", "revision", "release", "release_revision", "chunk", "instance", "setting", "alembic_version"} | {
    "page", "page_copy",
}  # fmt: skip


def make_value(column: Any) -> Any:
    kind = column.type
    found: Any = PROBE
    if isinstance(kind, JSONB):
        found = {"text": PROBE, PROBE: [PROBE]}
    elif isinstance(kind, ARRAY):
        found = [1] * 19
    elif isinstance(kind, Boolean):
        found = False
    elif isinstance(kind, BigInteger | Integer):
        found = NUMBER
    elif isinstance(kind, Float):
        found = 1.0
    elif isinstance(kind, DateTime):
        found = datetime.now(UTC)
    elif isinstance(kind, Date):
        found = datetime.now(UTC).date()
    elif isinstance(kind, Vector):
        found = [1.0]
    elif isinstance(kind, LargeBinary):
        found = PROBE.encode()
    elif not isinstance(kind, Text):
        found = PROBE
    return found


def fill(connection: Connection) -> list[str]:
    """Returns the tables that were filled."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    filled = []
    for table in Base.metadata.sorted_tables:
        if table.name in BY_THEIR_OWN_CODE:
            continue
        row = {
            column.name: CODES.get((table.name, column.name), make_value(column))
            for column in table.columns
            if not isinstance(column.type, TSVECTOR) and (table.name, column.name) not in {("conversation", "lease_by")}
        }
        connection.execute(insert(table).values(row))
        filled.append(table.name)
    connection.execute(text("UPDATE instance SET pause_reason = :p, reconcile_error = :p, paused_at = now()"), {"p": PROBE})
    return filled


def fill_content(connection: Connection) -> None:
    words = {"es": PROBE}
    bodies = [
        FaqEntry(key="zq", questions={"es": (PROBE,)}, answers=words),
        CannedResponse(key="zq", texts=words, exact=(PROBE,), keywords=(PROBE,)),
        Article(key="zq", title=PROBE, text=PROBE, language="es"),
        Assistant(key="zq", name=PROBE, instructions=PROBE, tone=PROBE),
        Document(key="zq", title=PROBE, source="site", url="https://zq.example/", assistants=("zq",)),
        Document(key="zq-file", title=PROBE, source="file", file="0" * 64),
    ]
    save_drafts(connection, bodies, PROBE)
    fill_document(connection)
    publish(connection, PROBE, PROBE)
    save_drafts(connection, [FaqEntry(key="zq", questions={"es": (PROBE, "otra")}, answers=words)], PROBE)


def fill_document(connection: Connection) -> None:
    """A page of the document with what was read of it, and one that failed."""
    entry = connection.execute(text("SELECT id FROM entry WHERE kind = 'document' AND key = 'zq'")).scalar_one()
    values = {"id": NUMBER, "entry": entry, "p": PROBE, "notes": json.dumps([{"code": "hidden_text", "samples": [PROBE]}])}
    for statement in (
        "INSERT INTO page (id, entry_id, address, state, problem, problem_facts)"
        " VALUES (:id, :entry, :p, 'failed', 'moved', jsonb_build_object('to', cast(:p AS text)))",
        "INSERT INTO page_copy (id, page_id, text_hash, title, language, notes) VALUES (:id, :id, 'x', :p, 'es',"
        " cast(:notes AS jsonb))",
        "INSERT INTO chunk (id, copy_id, ordinal, heading, text, language, stems) VALUES (:id, :id, 0, :p, :p, 'es', 'zq')",
        "UPDATE page SET copy_id = :id WHERE id = :id",
    ):
        connection.execute(text(statement), values)


@pytest.fixture
def owner(app: Flask, make_client: Make) -> FlaskClient:
    client = make_client("owner")
    with app.app_context(), db.engine.begin() as connection:
        fill_content(connection)
        fill(connection)
        connection.execute(text("UPDATE account SET name = :p WHERE id = 1"), {"p": PROBE})
    return client


def list_pages(app: Flask) -> Iterator[tuple[str, str]]:
    """(endpoint, path) of every page that an account may open, with the filled rows' names in it."""
    values = {"kind": "faq", "key": "zq", "form": "csv", "what": "faq", "suffix": "csv", "name": "business", "token": "zq"}
    adapter = app.url_map.bind("localhost")
    with app.app_context():
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and find_least_role(rule.endpoint) in ROLES:
                yield rule.endpoint, adapter.build(rule.endpoint, {name: values.get(name, NUMBER) for name in rule.arguments})


QUERIES = (
    "",
    "?q=zq",
    "?q=%3C/title%3E%3Cimg%20src=x%20onerror=alert(1)%3E%22'&sort=%22%3E&state=%3Cimg%20src=x%3E&like=zq",
)
# where one must be seen, so that a page that shows nothing doesn't count as safe
SHOWN = {
    "conversations.listing", "conversations.show", "conversations.erase", "people.listing", "audit.listing", "content.faq",
    "content.canned", "content.article", "content.assistant", "content.edit", "content.history", "release.page", "account.page",
    "account.save", "imports.job", "imports.page", "testbot.runs", "palette.search", "teaching.listing", "analytics.page",
    "settings.page", "passkeys.page", "system.page", "documents.listing", "documents.show", "documents.show_page",
    "retrieval.page",
}  # fmt: skip


@pytest.mark.parametrize("language", ["es", *thorough("en")])
def test_no_page_runs_what_anybody_wrote(app: Flask, owner: FlaskClient, language: str) -> None:
    shown = set()
    for endpoint, path in list_pages(app):
        for query in QUERIES:
            answer = owner.get(path + query, headers={**HTML, "Accept-Language": language})
            assert answer.status_code < 500, (path, query)
            if answer.mimetype == "text/html":
                check(answer.text, path + query)
                if "&lt;img src=x" in answer.text:
                    shown.add(endpoint)
    with app.app_context():
        known = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert SHOWN & known <= shown


# they end the session, lock the account, take a row away that others show, or call another machine
LEFT_OUT = re.compile(
    r"/logout|/verify|/login|/sessions/|/password|/second-factor|/recovery-codes|/remove|/erase|/resume|/first-steps|/system/|/link$"
)
TYPED = {"", "text", "search", "url", "email", "tel", "password", "hidden", "number", "date"}


@pytest.mark.thorough
def test_no_form_runs_what_is_typed_into_it(app: Flask, owner: FlaskClient) -> None:
    """Every field of every form takes a probe in its turn, and in all at once; what comes back is text."""
    sent: dict[str, int] = {}
    pages = [path for _, path in list_pages(app)]
    for path in pages:
        answer = owner.get(path, headers=HTML)
        assert answer.status_code < 500, path
        if answer.mimetype != "text/html":
            continue
        for action, fields in read(answer.text).forms:
            address = action or path
            if action == "GET" or not address.startswith("/") or LEFT_OUT.search(address) or address in sent:
                continue
            sent[address] = len(fields)
            for form in make_forms(fields):
                reply = owner.post(address, data=form, headers=HTML)
                assert reply.status_code < 500, (address, form)
                check(reply.text, address)
    assert {"/content/faq", "/content/canned", "/content/article", "/content/assistant", "/test", "/account"} <= set(sent)
    for path in pages:
        answer = owner.get(path, headers=HTML)
        if answer.mimetype == "text/html":
            check(answer.text, f"{path}, after all forms")


def make_forms(fields: list[tuple[str, str, str, str]]) -> Iterator[dict[str, str]]:
    """As it stands with one probe in each field, then all of them probes."""
    as_it_is = {name: value for name, _tag, _kind, value in fields if name != "csrf_token"}
    probes = {name for name, tag, kind, _ in fields if tag == "textarea" or (tag == "input" and kind in TYPED)}
    for name in sorted(probes & set(as_it_is)):
        yield {**as_it_is, name: PROBE}
    yield dict.fromkeys(as_it_is, PROBE)


MARKDOWN = (
    PROBE,
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    '![a](x "\' onerror=alert(1)")',
    "<a href='javascript:alert(1)'>a</a>",
    "<svg onload=alert(1)>",
    "<https://x' onmouseover='alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "<style>*{x:expression(alert(1))}</style>",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
)


@pytest.mark.parametrize("written", MARKDOWN)
def test_the_preview_of_an_article_runs_nothing(make_client: Make, written: str) -> None:
    answer = make_client("editor").post("/content/preview", data={"text": written, "text_es": written}, headers=HTML)
    assert answer.status_code == 200
    check(answer.text, written)
    assert "<script" not in answer.text
    assert "<svg" not in answer.text
    assert "<style" not in answer.text


def test_an_article_links_to_web_pages_only(app: Flask, make_client: Make) -> None:
    form = {"title": "Lavado", "text": "# Lavado\n\nA mano.", "language": "es", "key": "lavado", "url": "javascript:alert(1)"}
    editor = make_client("editor")
    editor.post("/content/article", data=form)
    for path in ("/content/article", "/content/article/lavado"):
        check(editor.get(path, headers=HTML).text, path)


def test_chatwoots_address_is_a_web_address(app: Flask, make_client: Make) -> None:
    """It becomes a link on every conversation."""
    answer = make_client("owner").post("/settings/chatwoot_url", data={"value": "javascript:alert(1)//"}, headers=HTML)
    assert answer.status_code in {303, 422}
    with app.app_context(), db.engine.connect() as connection:
        stored = connection.execute(text("SELECT value FROM setting WHERE key = 'chatwoot_url'")).scalar()
    assert not json.dumps(stored or "").startswith('"javascript')


def test_the_reader_of_pages_sees_a_hole() -> None:
    for hole in ("<img src=x onerror=alert(1)>", "<script>alert(1)</script>", '<a href=" javascript:alert(1)">a</a>'):
        assert read(f"<p>{hole}</p>").found, hole
    assert read('<script type="application/json">["alert(1)"]</script>').found == []
