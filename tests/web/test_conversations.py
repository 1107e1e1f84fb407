"""The list of conversations, one with its reasons, export and erasing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import column, delete, func, insert, select, text, update
from sqlalchemy import table as sql_table
from sqlalchemy.dialects import postgresql

from chatbot import conversations, message_search
from chatbot.db import db
from chatbot.models import Contact, Conversation, Inbox, Message, Part, Turn, TurnTrace, Webhook
from chatbot.models.kept_tests import KeptTest
from chatbot.models.people import AuditLine

Make = Callable[[str], FlaskClient]
MADRID = ZoneInfo("Europe/Madrid")  # the business's days, not those of UTC
EN = {"Accept-Language": "en"}
NASTY = "<img src=x onerror=alert(1)>"
LOOK = {"responder": "faq", "outcome": "replied", "why": "", "ms": 1.5, "saw": {"candidates": [["envios", 0.91]]}}


@pytest.fixture
def shop(app: Flask) -> Flask:
    """Conversation 1 answered by a FAQ, its contact has a nasty name; 2 ignored, its text a formula. 1 is the newer one."""
    now = datetime.now(UTC)
    with app.app_context(), db.engine.begin() as c:
        c.execute(insert(Inbox).values(id=901, chatwoot_id=901, name="Web"))
        c.execute(
            insert(Contact), [{"id": 901, "chatwoot_id": 901, "name": NASTY}, {"id": 902, "chatwoot_id": 902, "name": "Ana"}]
        )
        for n, text_in, state in ((901, "¿Cuánto tarda el envío?", "answered"), (902, "=1+1 devolución", "ignored")):
            at = now - timedelta(days=2 * (n - 901))  # a day of 25 hours has room for one day ago
            responder, rule = ("faq", None) if n == 901 else (None, "paused")
            last = {"last_state": state, "last_responder": responder, "language": "es"}
            c.execute(insert(Conversation).values(id=n, chatwoot_id=n, inbox_id=901, contact_id=n, updated_at=at, **last))
            c.execute(insert(Message).values(id=n, conversation_id=n, chatwoot_id=n, seq=1, author="customer", text=text_in))
            row = {"id": n, "conversation_id": n, "epoch": 1, "from_seq": 0, "to_seq": 1, "mode": "live", "state": state}
            row |= {"responder": responder, "rule": rule, "finished_at": now, "language": "es"}
            c.execute(insert(Turn).values(**row, sources=["faq:envios"] if n == 901 else []))
        c.execute(insert(TurnTrace).values(turn_id=901, body={"version": 1, "looks": [LOOK]}))
        c.execute(insert(Part).values(turn_id=901, conversation_id=901, ordinal=0, mark="m1", text="Cinco días", state="sent"))
        c.execute(insert(Webhook).values(conversation_chatwoot_id=901, body=b"{}"))
    return app


def test_the_list_is_newest_first_and_shows_names_as_text(shop: Flask, make_client: Make) -> None:
    page = make_client("agent").get("/conversations", headers=EN).text
    assert page.index("/conversations/901") < page.index("/conversations/902")
    assert NASTY not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("words", ["envio", "ENVÍO", "cinco dias"])
def test_search_minds_neither_accents_nor_case_and_finds_our_replies(shop: Flask, make_client: Make, words: str) -> None:
    page = make_client("agent").get("/conversations", query_string={"q": words}).text
    assert "/conversations/901" in page
    assert "/conversations/902" not in page


@pytest.mark.parametrize("words", ["angela", "Ángela", "ULTIMA ñora"])
def test_words_that_begin_with_an_accented_capital_are_found(shop: Flask, make_client: Make, words: str) -> None:
    add_messages(shop, ["Ángela pide la Última Ñora"])
    assert "/conversations/1000" in make_client("agent").get("/conversations", query_string={"q": words}).text


@pytest.mark.parametrize("query", ["state=answered", "responder=faq", "from=TODAY"])
def test_filters_keep_what_fits(shop: Flask, make_client: Make, query: str) -> None:
    with shop.app_context(), db.engine.begin() as c:
        newest = c.execute(select(Conversation.updated_at).where(Conversation.id == 901)).scalar_one()
    query = query.replace("TODAY", f"{newest.astimezone(MADRID):%Y-%m-%d}")
    page = make_client("agent").get(f"/conversations?{query}").text
    assert "/conversations/901" in page
    assert "/conversations/902" not in page


def test_a_wrong_day_in_the_address_is_no_fault(shop: Flask, make_client: Make) -> None:
    assert make_client("agent").get("/conversations?from=9999-99-99&to=9999-12-31&inbox=x&after=WyJhIiwxXQ").status_code == 200


def test_a_reply_says_why_and_leads_to_its_faq(shop: Flask, make_client: Make) -> None:
    page = make_client("editor").get("/conversations/901", headers=EN).text
    assert "Answered with the FAQ «envios», 0.91 alike." in page
    assert "/faq/envios" in page
    assert "Nothing was said: everything was paused." in make_client("agent").get("/conversations/902", headers=EN).text


def follow(client: FlaskClient, page: str, label: str) -> str:
    found = re.findall(rf'href="([^"]*)">{label}</a>', page)
    assert found, label
    return client.get(html.unescape(found[-1]), headers=EN).text


def test_a_reply_is_tried_again_where_it_was_given_and_after_what_was_said(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["How long does it take?", "And to the Canaries?"], language="en")
    client = make_client("agent")
    page = follow(client, client.get("/conversations/903", headers=EN).text, "Try it")
    assert re.search(r'<option value="inbox:901" selected>Web<', page)
    assert re.search(r'id="contact"[^>]* value="Ana"', page)
    assert '<option value="en" selected>' in page
    assert re.search(r'id="text"[^>]*>And to the Canaries\?</textarea>', page)
    assert [(e["text"], e["live"]["parts"]) for e in read_exchanges(page)] == [("How long does it take?", ["Reply 0"])]


def test_a_reply_is_kept_as_a_test_from_where_it_stands(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["¿Cuánto tarda?", "¿Y a Canarias?"], language="es")
    client = make_client("editor")
    page = follow(client, client.get("/conversations/903", headers=EN).text, "Keep as a test")
    card = page[page.index('<details class="card mt-3" id="keep" open>') :]
    data = {name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', card)}
    assert client.post("/test/keep", data=data | {"name": "Canarias", "expected": "entry:faq:envios"}).status_code == 303
    with shop.app_context(), db.engine.connect() as c:
        kept = c.execute(select(KeptTest.lines, KeptTest.situation, KeptTest.expectation)).one()
    assert kept.lines == [["customer", "¿Cuánto tarda?"], ["assistant", "Reply 0"], ["customer", "¿Y a Canarias?"]]
    assert (kept.situation["inbox"], kept.situation["contact"], kept.situation["language"]) == (901, "Ana", "es")
    assert kept.expectation == {"kind": "entry", "value": "faq:envios"}
    with shop.app_context(), db.engine.begin() as c:
        logged = c.execute(select(AuditLine.after).where(AuditLine.act == "test.keep")).scalar_one()
        assert "Canarias" not in json.dumps(logged), "the log outlives what is erased"
        c.execute(delete(Conversation).where(Conversation.id == 903))
        assert c.execute(select(KeptTest.id)).first() is None
    answer = client.post("/test/keep", data=data | {"name": "x", "expected": "entry:faq:envios"}, headers=EN)
    assert answer.status_code == 422
    assert "has been erased meanwhile" in html.unescape(answer.text)


def test_a_trial_begins_where_the_flow_stood(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["quiero una cita", "el martes"], language="es")
    with shop.app_context(), db.engine.begin() as c:
        first, second = c.scalars(select(Turn.id).where(Turn.conversation_id == 903).order_by(Turn.id)).all()
        c.execute(update(Turn).where(Turn.id == first).values(flow_after={"human_seq": 0, "run": {"stack": []}}))
        assert conversations.find_run(c, second) == {"stack": []}
        assert conversations.find_run(c, first) is None
        c.execute(update(Turn).where(Turn.id == second).values(human_seq=1))
        assert conversations.find_run(c, second) is None, "people had it since"


def test_beside_a_reply_one_writes_in_its_language(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["How long does it take?"], language="en")
    client = make_client("editor")
    page = client.get("/conversations/903", headers=EN).text
    assert re.search(r'name="questions_en"[^>]*>How long does it take\?<', follow(client, page, "New FAQ"))
    article = follow(client, page, "New article")
    assert 'name="title" value="How long does it take?"' in article
    assert '<option value="en" selected>' in article


def test_who_may_not_write_is_offered_a_trial_alone(shop: Flask, make_client: Make) -> None:
    add_turn(shop, 903, ["¿Cuánto tarda?"], language="es")
    page = make_client("agent").get("/conversations/903", headers=EN).text
    assert "Try it</a>" in page
    assert not any(f"{label}</a>" in page for label in ("New FAQ", "New article", "Keep as a test"))


@pytest.mark.parametrize("turn", ["x", "-1", "0", "4711", "9" * 30, "902"])
def test_a_trial_of_no_turn_is_an_empty_one(shop: Flask, make_client: Make, turn: str) -> None:
    with shop.app_context(), db.engine.begin() as c:
        c.execute(update(Message).where(Message.id == 902).values(ignore_rule="auto_reply"))
    page = make_client("agent").get("/test", query_string={"turn": turn}, headers=EN)
    assert page.status_code == 200
    assert read_exchanges(page.text) == []


def read_exchanges(page: str) -> list[Any]:
    """What the test bot's form carries along."""
    found = re.search(r'name="trial" value="([^"]*)"', page)
    assert found
    return list(json.loads(html.unescape(found[1])))


def add_turn(app: Flask, conversation: int, asked: list[str], language: str) -> None:
    """A conversation of Ana's that the FAQ «envios» answers a minute after each question: "Reply 0", "Reply 1" and so on."""
    begin = datetime.now(UTC) - timedelta(hours=1)
    with app.app_context(), db.engine.begin() as c:
        row = {"id": conversation, "chatwoot_id": conversation, "inbox_id": 901, "contact_id": 902}
        c.execute(insert(Conversation).values(row))
        for n, question in enumerate(asked):
            number, at = conversation * 10 + n, begin + timedelta(minutes=2 * n)
            turn = {"id": number, "conversation_id": conversation, "epoch": n, "from_seq": n, "to_seq": n + 1, "mode": "live"}
            turn |= {"state": "answered", "responder": "faq", "sources": ["faq:envios"], "language": language}
            c.execute(insert(Turn).values(turn | {"started_at": at, "finished_at": at + timedelta(minutes=1)}))
            message = {"conversation_id": conversation, "chatwoot_id": number, "seq": n + 1, "author": "customer"}
            c.execute(insert(Message).values(message | {"text": question, "arrived_at": at, "turn_id": number}))
            part = {"turn_id": number, "conversation_id": conversation, "ordinal": 0, "mark": f"t{number}", "state": "sent"}
            c.execute(insert(Part).values(part | {"text": f"Reply {n}"}))


def test_a_poll_without_news_changes_nothing(shop: Flask, make_client: Make) -> None:
    client = make_client("agent")
    seen = client.get("/conversations/901").text.split("seen=")[1].split('"')[0]
    assert client.get(f"/conversations/901?seen={seen}").status_code == 204
    with shop.app_context(), db.engine.begin() as c:
        c.execute(insert(Message).values(conversation_id=901, chatwoot_id=990, seq=2, author="customer", text="¿Hola?"))
    assert "¿Hola?" in client.get(f"/conversations/901?seen={seen}").text


def test_only_an_owner_exports_and_erases_a_contact(shop: Flask, make_client: Make) -> None:
    editor, owner = make_client("editor"), make_client("owner")
    assert editor.get("/conversations/contact/901/export").status_code == 403
    assert editor.post("/conversations/contact/901/erase", data={"name": NASTY}).status_code == 403
    found = json.loads(owner.get("/conversations/contact/901/export").text)
    assert found["conversations"][0]["messages"][0]["text"] == "¿Cuánto tarda el envío?"
    with shop.app_context(), db.engine.connect() as c:
        assert c.scalars(select(AuditLine.subject).where(AuditLine.act == "contact.export")).all() == ["contact:901"]


def test_erasing_needs_the_name_and_leaves_nothing(shop: Flask, make_client: Make) -> None:
    owner = make_client("owner")
    assert owner.post("/conversations/contact/901/erase", data={"name": "Ana"}).status_code == 422
    assert owner.post("/conversations/contact/901/erase", data={"name": NASTY}).status_code == 303
    with shop.app_context(), db.engine.connect() as c:
        for column in (Message.conversation_id, Turn.conversation_id, Part.conversation_id, Webhook.conversation_chatwoot_id):
            assert c.scalar(select(func.count()).where(column == 901)) == 0
        line = c.execute(
            select(AuditLine.subject, AuditLine.before, AuditLine.after).where(AuditLine.act == "contact.erase")
        ).one()
        assert tuple(line) == ("contact:901", None, None)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Ana  Gómez", "Ana Gómez"),
        ("Ana\u00a0Gómez ", "Ana Gómez"),
        ("Ana Go\u0301mez", "Ana Gómez"),
        ("Ana Gómez", "Ana Go\u0301mez"),
        ("\u200eAna\u200b Gómez", "Ana Gómez"),
        ("\u2068 \u2069", "901"),
        ("\uff21na", "Ana"),
        ("Ana Go\u200b\u0301\x07mez\t", "Ana Gómez"),
    ],
)
def test_a_contact_is_erased_by_the_name_as_it_looks(shop: Flask, make_client: Make, name: str, typed: str) -> None:
    with shop.app_context(), db.engine.begin() as c:
        c.execute(update(Contact).where(Contact.id == 901).values(name=name))
    owner = make_client("owner")
    shown = re.search(r"<strong>([^<]*)</strong></label>", owner.get("/conversations/contact/901/erase").text)
    assert shown
    assert owner.post("/conversations/contact/901/erase", data={"name": f"{typed}x"}).status_code == 422
    assert owner.post("/conversations/contact/901/erase", data={"name": ""}).status_code == 422
    assert owner.post("/conversations/contact/901/erase", data={"name": typed}).status_code == 303


def explain(app: Flask, statement: Any) -> str:
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with app.app_context(), db.engine.begin() as c:
        c.execute(text("SET LOCAL enable_seqscan = off"))
        c.execute(text("SET LOCAL enable_sort = off"))
        return "\n".join(c.exec_driver_sql(f"EXPLAIN {compiled}".replace("%%", "%").replace("%", "%%")).scalars())


def test_the_list_goes_by_an_index(shop: Flask) -> None:
    statement = conversations.select_ids({}).order_by(Conversation.updated_at.desc(), Conversation.id.desc()).limit(51)
    assert "ix_conversation_updated_at" in explain(shop, statement)


@pytest.mark.parametrize("table", ["message", "part"])
def test_a_search_goes_by_an_index(shop: Flask, table: str) -> None:
    statement = select(column("conversation_id")).select_from(sql_table(table)).where(message_search.matches(table, ["envio"]))
    assert f"ix_{table}_search" in explain(shop, statement)


@pytest.fixture
def small_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three messages are very many, and two ids a window."""
    monkeypatch.setattr(message_search, "MOST", 3)
    monkeypatch.setattr(message_search, "WINDOW", 2)


def add_messages(app: Flask, texts: list[str]) -> None:
    """One a conversation, each a day after the one before. Conversation 1000 is the oldest."""
    begin = datetime.now(UTC) - timedelta(days=len(texts))
    with app.app_context(), db.engine.begin() as c:
        c.execute(update(Message).values(arrived_at=begin - timedelta(days=1)))  # ids are in the order of time
        for n, words in enumerate(texts, start=1000):
            at = begin + timedelta(days=n - 1000)
            c.execute(insert(Conversation).values(id=n, chatwoot_id=n, inbox_id=901, updated_at=at))
            row = {"id": n, "conversation_id": n, "chatwoot_id": n, "seq": 1, "author": "customer", "arrived_at": at}
            c.execute(insert(Message).values(**row, text=words))


def list_found(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'"/conversations/(1\d\d\d)"', page)]


@pytest.mark.usefixtures("small_search")
def test_a_word_of_very_many_messages_finds_the_newest_and_says_so(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["pedido"] * 5 + ["otra cosa"] * 4)
    page = make_client("agent").get("/conversations?q=pedido", headers=EN).text
    assert list_found(page) == [1004, 1003, 1002]
    assert "the newest 3 were searched" in page


@pytest.mark.usefixtures("small_search")
def test_a_last_day_finds_the_older_ones(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["pedido"] * 9)
    until = datetime.now(UTC) - timedelta(days=9 - 2)
    page = make_client("agent").get(f"/conversations?q=pedido&to={until:%Y-%m-%d}", headers=EN).text
    assert set(list_found(page)) >= {1001, 1000}
    assert max(list_found(page)) <= 1003


def test_a_rare_word_finds_all_and_says_nothing(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["pedido"] * 4)
    page = make_client("agent").get("/conversations?q=pedido", headers=EN).text
    assert list_found(page) == [1003, 1002, 1001, 1000]
    assert "were searched" not in page


def test_the_second_page_goes_on_where_the_first_ended(shop: Flask, make_client: Make) -> None:
    add_messages(shop, ["hola"] * 70)
    client = make_client("agent")
    first = client.get("/conversations?q=hola&from=2020-01-01").text
    found = re.search(r'href="([^"]*)" rel="next"', first)
    assert found
    second = client.get(html.unescape(found[1])).text
    assert list_found(first) + list_found(second) == list(range(1069, 999, -1))


def test_a_long_conversation_is_read_page_by_page_without_a_gap(shop: Flask, make_client: Make) -> None:
    """Among messages of one moment, and turns of the same one, nothing is left out or shown twice."""
    begin = datetime.now(UTC) - timedelta(days=1)
    count = 2 * conversations.PAGE_LINES + 7
    with shop.app_context(), db.engine.begin() as c:
        c.execute(insert(Conversation).values(id=1000, chatwoot_id=1000, inbox_id=901))
        for n in range(count):
            at = begin + timedelta(minutes=n // 5)
            message = {"conversation_id": 1000, "chatwoot_id": 5000 + n, "seq": n, "author": "customer", "arrived_at": at}
            c.execute(insert(Message).values(**message, text=f"línea-{n}."))
            turn = {"conversation_id": 1000, "epoch": 1, "from_seq": n, "to_seq": n + 1, "mode": "live", "state": "answered"}
            if n % 4 == 0:
                turn_id = c.execute(insert(Turn).values(**turn, finished_at=at).returning(Turn.id)).scalar_one()
                part = {"turn_id": turn_id, "conversation_id": 1000, "ordinal": 0, "mark": f"k{n}", "state": "sent"}
                c.execute(insert(Part).values(**part, text=f"línea-r{n}."))
    client, address, seen, pages = make_client("agent"), "/conversations/1000", list[str](), 0
    while address:
        page = client.get(address, headers=EN).text
        seen += re.findall(r"línea-(r?\d+)\.", re.sub(r"<(details|a)\b.*?</\1>", "", page, flags=re.DOTALL))
        found = re.search(r'href="([^"]*before=[^"]*)"', page)
        address, pages = html.unescape(found[1]) if found else "", pages + 1
    assert pages == 3
    assert sorted(seen) == sorted([str(n) for n in range(count)] + [f"r{n}" for n in range(0, count, 4)])


@pytest.mark.parametrize("place", ["x", "~~", "2026-01-01~1~1", "2026-01-01T00:00:00+00:00~1~" + "9" * 30])
def test_a_wrong_place_shows_the_newest(shop: Flask, make_client: Make, place: str) -> None:
    page = make_client("agent").get("/conversations/901", query_string={"before": place}).text
    assert "Cinco días" in page
