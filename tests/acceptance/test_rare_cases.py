"""Rare orders of events, each of which once broke the promise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import thorough
from sqlalchemy import create_engine, text

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot import intake, queue
from chatbot.chatwoot_events import read_event
from chatbot.chatwoot_rules import read_meaning
from chatbot.settings import Settings
from chatbot.turn import fenced

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."
HOURS = "Abrimos de 9 a 14."


@pytest.fixture(scope="module")
def one(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1, HANDOFF_LABELS="bot")


def is_done(box: Box, conversation: int) -> bool:
    found = box.rows(
        "SELECT c.in_seq = c.answered_seq AND c.wake_at IS NULL AND NOT EXISTS"
        " (SELECT FROM turn t WHERE t.conversation_id = c.id"
        " AND t.finished_at IS NULL) AS done FROM conversation c WHERE chatwoot_id = :c",
        c=conversation,
    )
    return bool(found and found[0]["done"])


def done(box: Box, conversation: int, timeout_s: float = 8.0) -> None:
    box.wait(lambda: box.pretend.hooks.waiting == 0 and is_done(box, conversation), timeout_s, f"{conversation} has an outcome")


def start(box: Box, words: str = "horario") -> int:
    conversation = box.pretend.customer(words)["conversation"]
    done(box, conversation)
    return conversation


def test_an_older_message_that_arrives_after_a_newer_one_was_answered(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("webhook", "delay", delay_s=1.6, times=1, event="message_created", conversation=conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    one.pretend.customer("horario", conversation=conversation)
    time.sleep(2.2)
    done(one, conversation)
    assert ANSWER in one.texts(conversation)


def test_a_person_who_answers_while_pending_is_not_talked_over_at_the_next_message(one: Box) -> None:
    conversation = start(one)
    one.pretend.agent_reply(conversation, "Le atiendo yo, ¿qué talla?")
    time.sleep(0.5)
    one.pretend.customer(FAQ, conversation=conversation)
    time.sleep(0.5)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]


def test_an_unreadable_event_in_a_conversation_that_people_have(one: Box) -> None:
    conversation = start(one)
    one.pretend.take_over(conversation)
    one.pretend.agent_reply(conversation, "Le atiendo yo.")
    one.pretend.customer("gracias", conversation=conversation)
    time.sleep(0.5)
    done(one, conversation)
    body = b'{"event":"message_created","message_type":"incoming","conversation_id":%d,"content":"x' % conversation
    assert one.post_webhook(body) == 200
    time.sleep(0.5)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]


def test_bot_on_in_a_conversation_that_a_person_has_assigned(one: Box) -> None:
    conversation = start(one)
    one.pretend.take_over(conversation)
    time.sleep(0.5)
    one.pretend.note(conversation, "/bot on")
    time.sleep(0.8)
    done(one, conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    time.sleep(0.5)
    done(one, conversation)
    assert one.pretend.status(conversation) == "open" or one.texts(conversation) == [HOURS, ANSWER]


def test_a_failed_delivery_whose_note_had_an_unknown_outcome_is_noted_once(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("post_message", "reset", times=1, conversation=conversation, private=True)
    part = one.pretend.replies(conversation)[0]
    one.pretend.set_message_status(part.id, "failed", "131026: Message undeliverable")
    one.wait(lambda: one.notes(conversation) != [], 8, "a note")
    time.sleep(2.5)
    done(one, conversation)
    assert len(one.notes(conversation)) == 1


def test_a_pending_conversation_of_an_inbox_without_our_bot(one: Box) -> None:
    inbox = one.pretend.add_inbox("Solo personas", has_bot=False)
    conversation = one.pretend.customer("hola", inbox=inbox)["conversation"]
    one.pretend.set_status(conversation, "pending")
    one.pretend.customer(FAQ, conversation=conversation)
    time.sleep(6)
    assert one.texts(conversation) == []


def test_a_label_that_the_token_may_not_set_does_not_block_the_conversation(one: Box) -> None:
    one.pretend.fault("labels", "status", status=401)
    try:
        conversation = one.pretend.customer("quiero hablar con una persona")["conversation"]
        time.sleep(1)
        done(one, conversation, 6)
    finally:
        one.pretend.clear_faults()


@pytest.mark.thorough
def test_a_message_that_chatwoot_never_takes_is_handed_off(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("post_message", "status", status=422, conversation=conversation, private=False)
    try:
        one.pretend.customer(FAQ, conversation=conversation)
        one.wait(lambda: one.pretend.status(conversation) == "open", 15, "it is handed off")
    finally:
        one.pretend.clear_faults()


def test_a_person_takes_over_while_our_opening_fails(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("toggle_status", "status", status=500, conversation=conversation)
    one.pretend.customer("quiero hablar con una persona", conversation=conversation)
    one.wait(lambda: any(r["where"] == "toggle_status" for r in one.pretend.history.lines() if r["act"] == "fault"), 8, "tried")
    one.pretend.take_over(conversation)
    time.sleep(1)
    one.pretend.clear_faults()
    time.sleep(1)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]


@pytest.mark.parametrize("is_at_once", [True, False])
def test_a_person_who_speaks_after_bot_on_keeps_it(one: Box, is_at_once: bool) -> None:
    """Before the worker looks at the command, or while it takes the conversation back."""
    conversation = start(one)
    one.pretend.take_over(conversation)
    one.settle()
    one.pretend.fault("toggle_status", "latency", delay_s=0.7, conversation=conversation)
    one.pretend.note(conversation, "/bot on")
    if not is_at_once:
        faults = {"act": "fault", "where": "toggle_status", "conversation": conversation}
        one.wait(lambda: any(faults.items() <= r.items() for r in one.pretend.history.lines()), 8, "it is tried")
    one.pretend.agent_reply(conversation, "Espera, sigo yo.")
    time.sleep(2)
    one.pretend.clear_faults()
    one.pretend.customer(FAQ, conversation=conversation)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]
    assert one.pretend.status(conversation) == "open"


@pytest.mark.parametrize("stamp", ["9999-12-31T23:59:59-12:00", *thorough("0001-01-01T00:00:00+12:00")])
def test_a_time_that_python_cannot_read_back(one: Box, stamp: str) -> None:
    conversation = start(one)
    body = {
        "event": "message_created", "id": 900_000 + conversation, "message_type": "incoming", "content": "horario",
        "created_at": stamp, "conversation": {"id": conversation, "inbox_id": 1, "status": "pending"},
    }  # fmt: skip
    assert one.post_webhook(body) == 200
    time.sleep(1)
    done(one, conversation, 6)


@pytest.mark.parametrize(
    "fault",
    [
        {"where": "get_conversation", "kind": "status", "status": 500},
        {"where": "get_conversation", "kind": "latency", "delay_s": 0.8},  # between the last look and the post
        {"where": "post_message", "kind": "status", "status": 429},  # posted, and surely not taken
    ],
)
def test_paused_stops_a_frozen_reply_of_which_nothing_was_said(one: Box, fault: dict[str, Any]) -> None:
    conversation = start(one)
    one.pretend.fault(conversation=conversation, **fault)
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: bool(one.rows("SELECT 1 FROM turn WHERE state = 'frozen' AND finished_at IS NULL")), 8, "frozen")
    with one.engine.begin() as c:
        c.execute(text("UPDATE instance SET paused_at = now(), pause_reason = 'by_owner'"))
    try:
        time.sleep(0.5)  # a post that was marked before the pause is under way
        one.pretend.clear_faults()
        done(one, conversation, 8)
        assert one.texts(conversation) == [HOURS]
    finally:
        with one.engine.begin() as c:
            c.execute(text("UPDATE instance SET paused_at = NULL, pause_reason = NULL"))


@pytest.mark.thorough
def test_a_message_from_before_the_installation_is_never_answered(make_box: Maker) -> None:
    from chatbot.pretend.chatwoot import PretendChatwoot  # noqa: PLC0415

    pretend = PretendChatwoot(timeout_s=2, retry_s=0.2)
    pretend.start()
    try:
        old = pretend.customer(FAQ)["conversation"]
        box = make_box(pretend=pretend, workers=1)
        time.sleep(7)
        assert box.texts(old) == []
    finally:
        pretend.stop()


@pytest.mark.thorough
def test_bot_on_while_bot_off_is_being_done(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("toggle_status", "latency", delay_s=0.8, times=1, conversation=conversation)
    one.pretend.note(conversation, "/bot off")
    time.sleep(0.4)
    one.pretend.note(conversation, "/bot on")
    time.sleep(2)
    done(one, conversation)
    assert one.pretend.status(conversation) == "pending"


def test_one_conversation_that_cannot_be_read_does_not_stop_reconciliation(one: Box) -> None:
    bad, good = start(one), start(one)
    one.pretend.fault("get_messages", "status", status=500, conversation=bad)
    one.pretend.fault("webhook", "drop", conversation=good, event="message_created")
    one.pretend.customer(FAQ, conversation=good)
    time.sleep(0.1)
    one.pretend.customer("horario", conversation=bad)  # the list begins with the one that was active last
    try:
        one.wait(lambda: ANSWER in one.texts(good), 10, "found by reading")
    finally:
        one.pretend.clear_faults()


@pytest.mark.thorough
def test_a_frozen_reply_that_became_stale_is_not_sent(one: Box) -> None:
    with one.engine.begin() as c:
        c.execute(text("INSERT INTO setting (key, value) VALUES ('fresh_s', '3')"))
    time.sleep(2.2)
    try:
        conversation = start(one)
        one.pretend.fault("get_conversation", "status", status=500, conversation=conversation)
        one.pretend.customer(FAQ, conversation=conversation)
        time.sleep(5)
        one.pretend.clear_faults()
        done(one, conversation, 8)
        assert ANSWER not in one.texts(conversation)
    finally:
        with one.engine.begin() as c:
            c.execute(text("DELETE FROM setting"))


def test_settle_sees_the_message_whose_intake_it_waited_for(make_database: Callable[[], str]) -> None:
    """READ COMMITTED: an UPDATE that waited for a row reads that row anew, but other tables by its old snapshot."""
    settings, engine = Settings(), create_engine(make_database())
    body = {
        "event": "message_created", "id": 10, "message_type": "incoming", "content": "x",
        "conversation": {"id": 5, "inbox_id": 1, "status": "pending"},
    }  # fmt: skip
    intake.accept(engine, settings, json.dumps(body).encode(), None)
    with engine.begin() as c:
        c.execute(text("UPDATE conversation SET answer_due_at = now()"))
        (lease,) = queue.claim(c, 1, settings, 1)
    with engine.connect() as writer, ThreadPoolExecutor() as pool:
        event = read_event(json.dumps({**body, "id": 11}).encode())
        raw: Any = writer.connection.driver_connection
        with raw.transaction():
            intake.store(raw, event, read_meaning(event, intake.make_scope(settings)), settings)

            def settle() -> None:
                with engine.begin() as c, fenced(c, lease):
                    queue.settle(c, lease, 1, settings)

            waiting = pool.submit(settle)
            time.sleep(0.7)
        waiting.result(5)
    with engine.connect() as c:
        row = c.execute(text("SELECT in_seq, answered_seq, answer_due_at FROM conversation")).one()
    engine.dispose()
    assert (row.in_seq, row.answered_seq) == (2, 1)
    assert row.answer_due_at is not None


NO_TIMES = [
    {"message_type": "outgoing", "content": "a", "sender": {"id": 1, "type": "user"}},
    {"message_type": "outgoing", "content": "a"},
    {"message_type": "outgoing", "private": True, "content": "/bot off", "sender": {"id": 1, "type": "user"}},
    {"message_type": "outgoing", "private": True, "content": "/bot on", "sender": {"id": 1, "type": "user"}},
    {"message_type": "outgoing", "content": "a", "content_attributes": {"mostrador": "5-10-1"}},
    {"message_type": "template", "content": "a"},
    {"message_type": "incoming"},
    {"event": "message_updated", "message_type": "incoming", "content_attributes": {"deleted": True}},
    {"event": "message_updated", "message_type": "outgoing", "content_attributes": {"mostrador": "x", "external_error": "e"}},
    {"event": "message_updated", "message_type": "incoming", "attachments": [{"file_type": "audio", "transcribed_text": "t"}]},
]


def test_no_statement_fails_where_times_and_contacts_are_missing(make_database: Callable[[], str]) -> None:
    settings, engine = Settings(), create_engine(make_database())
    for n, facts in enumerate(NO_TIMES):
        for again in range(2):
            given = {"event": "message_created", "id": 10 + n, "conversation": {"id": 5 + n * (1 - again)}, **facts}
            intake.accept(engine, settings, json.dumps(given).encode(), None)
    for status in ("open", "pending", "snoozed", "resolved"):
        for meta in ({}, {"assignee": {"id": 3}}):
            state = {"event": "conversation_updated", "id": 5, "status": status, "meta": meta}
            intake.accept(engine, settings, json.dumps(state).encode(), None)
    engine.dispose()


def test_unsigned_requests_do_not_shut_out_signed_ones(one: Box) -> None:
    from chatbot.pretend.hooks import post  # noqa: PLC0415

    for _ in range(200):
        post(f"{one.url}/webhooks/chatwoot", b"{}", {"Content-Type": "application/json"}, 5)
    assert one.post_webhook({"event": "unknown"}) == 200
