"""`verify` by channel: the number or address that a conversation is written from is proven, not what its contact says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from web.test_security_mail import Post, make_config

from chatbot.bodies import Content
from chatbot.content import publish, save_drafts
from chatbot.flow_wishes import grant
from chatbot.flows.definition import Flow
from chatbot.flows.run import Wish
from chatbot.llm import Means
from chatbot.pretend import payloads
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.reply import TurnInput
from integration.desk import Desk

MAIL, OWN = "lucia@example.com", "+34600111222"
KNOWN, UNKNOWN = "Te conozco.", "No sé quién eres."
FLOW: dict[str, Any] = {
    "key": "datos", "title": {"es": "Mis datos"}, "start": {"phrases": {"es": ["mis datos"]}},
    "slots": {"dato": {"type": "text", "private": True, "label": {"es": "el dato"}}},
    "steps": [
        {"id": "cual", "do": "ask", "slot": "dato", "text": {"es": "¿Correo o teléfono?"}},
        {"id": "quien", "do": "verify", "slot": "dato", "by": "channel", "on_error": "no"},
        {"id": "si", "do": "end", "text": {"es": KNOWN}},
        {"id": "no", "do": "end", "text": {"es": UNKNOWN}},
    ],
}  # fmt: skip
CHANNELS = {21: "Channel::WebWidget", 22: "Channel::Whatsapp", 23: "Channel::Email", 24: "Channel::TwilioSms"}


@pytest.fixture(scope="module")
def desk(make_module_app: Callable[[], Flask]) -> Iterator[Desk]:
    with PretendChatwoot(account_id=9, inbox_id=21) as pretend:
        desk = Desk(make_module_app(), pretend, 9, tuple(CHANNELS))
        with desk.engine.begin() as connection:
            save_drafts(connection, [Flow.model_validate(FLOW)], "test")
            publish(connection, "test")
        for number, channel in list(CHANNELS.items())[1:]:
            pretend.world.inboxes[number] = type(pretend.inbox)(number, channel, channel, pretend.bot.id)
        yield desk


def ask(desk: Desk, inbox: int, told: str, *, source_id: str | None = None, later: str | None = None) -> str:
    """What the flow says in the end. source_id: the conversation's end in place of the pretend's own, "" for one without;
    later: the e-mail and number that the contact has by its second message."""
    desk.clear()
    pretend = desk.pretend
    pretend.world.inboxes[inbox].bot_id = pretend.bot.id
    contact = pretend.world.add_contact("Lucía", email=MAIL, phone=OWN)
    place = None
    for n, words in enumerate(("mis datos", told)):
        if n and later:
            contact.email, contact.phone = (later, contact.phone) if "@" in later else (contact.email, later)
        said = pretend.customer(words, contact=contact.id, inbox=inbox)
        place = pretend.world.conversations[said["conversation"]]
        message = pretend.world.message_by_id[said["message"]]
        body = payloads.message_event(pretend.world, place, message, "message_created")
        if source_id == "":
            del body["conversation"]["contact_inbox"]
        elif source_id is not None:
            body["conversation"]["contact_inbox"]["source_id"] = source_id
        assert desk.post(body) == 200
        desk.work()
    assert place is not None
    return pretend.replies(place.id)[-1].content or ""


@pytest.mark.parametrize(
    ("inbox", "told", "source_id"),
    [(22, OWN, None), (22, OWN, "34600111222"), (24, OWN, None), (24, OWN, f"whatsapp:{OWN}"), (23, MAIL, None),
     (23, MAIL, "Lucia@Example.com")],
)  # fmt: skip
def test_the_conversations_own_end_is_proven(desk: Desk, inbox: int, told: str, source_id: str | None) -> None:
    assert ask(desk, inbox, told, source_id=source_id) == KNOWN


@pytest.mark.parametrize(("inbox", "told"), [(22, OWN), (24, OWN), (23, MAIL)])
def test_what_the_contact_says_is_no_proof_where_another_end_writes(desk: Desk, inbox: int, told: str) -> None:
    """Somebody at the website has given the contact a number or an address that isn't theirs, or the two were merged."""
    other = "attacker@x.es" if inbox == 23 else "34699999999"
    assert ask(desk, inbox, told, source_id=other) == UNKNOWN
    assert ask(desk, inbox, told, source_id="") == UNKNOWN


@pytest.mark.parametrize(("inbox", "changed"), [(22, "+34611222333"), (23, "victima@y.es")])
def test_a_contact_that_changes_in_the_middle_proves_nothing_new(desk: Desk, inbox: int, changed: str) -> None:
    assert ask(desk, inbox, changed, later=changed) == UNKNOWN


def test_a_visitor_of_the_website_is_never_proven_by_it(desk: Desk) -> None:
    for told in (MAIL, OWN):
        assert ask(desk, 21, told) == UNKNOWN
        assert ask(desk, 21, told, source_id=told) == UNKNOWN


def test_a_conversation_of_before_learns_its_end_with_the_next_webhook(desk: Desk) -> None:
    desk.clear()
    pretend = desk.pretend
    contact = pretend.world.add_contact("Lucía", email=MAIL, phone=OWN)
    for words in ("mis datos", OWN):
        with desk.engine.begin() as connection:
            connection.execute(text("UPDATE conversation SET source_id = ''"))
        said = pretend.customer(words, contact=contact.id, inbox=22)
        place, message = pretend.world.conversations[said["conversation"]], pretend.world.message_by_id[said["message"]]
        assert desk.post(payloads.message_event(pretend.world, place, message, "message_created")) == 200
        assert desk.rows("SELECT source_id FROM conversation") == [{"source_id": "34600111222"}]
        desk.work()
    assert pretend.replies(place.id)[-1].content == KNOWN


def test_an_event_that_does_not_tell_the_end_leaves_it(desk: Desk) -> None:
    desk.clear()
    pretend = desk.pretend
    contact = pretend.world.add_contact("Lucía", email=MAIL, phone=OWN)
    for is_told in (True, False):
        said = pretend.customer("hola", contact=contact.id, inbox=22)
        place, message = pretend.world.conversations[said["conversation"]], pretend.world.message_by_id[said["message"]]
        body = payloads.message_event(pretend.world, place, message, "message_created")
        if not is_told:
            with desk.engine.begin() as connection:  # so that the event has something else to tell of the conversation
                connection.execute(text("UPDATE conversation SET contact_id = NULL"))
            del body["conversation"]["contact_inbox"]
        assert desk.post(body) == 200
    assert desk.rows("SELECT source_id FROM conversation") == [{"source_id": "34600111222"}]


def test_a_code_proves_the_address_that_it_was_sent_to_and_no_other(desk: Desk) -> None:
    desk.clear()
    said = desk.pretend.customer("hola", inbox=21)
    world = desk.pretend.world
    place, message = world.conversations[said["conversation"]], world.message_by_id[said["message"]]
    assert desk.post(payloads.message_event(world, place, message, "message_created")) == 200
    (row,) = desk.rows("SELECT id FROM conversation")
    turn = TurnInput((), Content(), "es", datetime.now(UTC), conversation_id=row["id"])
    mailbox = Post()
    means = Means(desk.engine, desk.settings, config=make_config("postgresql://unused/unused", mailbox.port))
    assert grant(means, turn, Wish("send_code", "datos", "quien", address=MAIL), 0).outcome == "ok"
    found = re.search(r"\b[0-9]{6}\b", mailbox.wait().get_content())
    mailbox.listener.close()
    assert found
    for address, outcome in (("victima@y.es", "missing"), ("", "missing"), (MAIL.upper(), "ok")):
        assert grant(means, turn, Wish("check_code", "datos", "quien", address=address, code=found[0]), 1).outcome == outcome
