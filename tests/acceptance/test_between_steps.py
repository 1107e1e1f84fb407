"""Something happens between two steps that belong together: a look and a call, two parts of a reply, dropping and recording."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot import sending
from chatbot.bodies import CannedResponse
from chatbot.chatwoot_look import Look
from chatbot.content import publish, save_drafts
from chatbot.errors import Interrupted
from chatbot.outgoing import Progress

FAQ = "¿Hacéis envíos a Canarias?"
PERSON = "quiero hablar con una persona"
PROMISE = "Enseguida le atiende alguien."
SENTENCES = [f"El lavado {n} de una colcha es a treinta grados, con jabón neutro, sin lejía y por separado." for n in range(14)]
NOBODY = "http://127.0.0.1:1/webhooks/chatwoot"


@pytest.fixture(scope="module")
def one(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1)


def has(box: Box, conversation: int, **facts: Any) -> bool:
    facts["conversation"] = conversation
    return any(facts.items() <= line.items() for line in box.pretend.history.lines())


def done(box: Box, conversation: int) -> None:
    box.settle(25)
    box.pretend.clear_faults()
    box.check(conversation)


def act_while_it_opens(box: Box, act: Callable[[int], None]) -> int:
    """A person acts after our last look, before our call to open has come to Chatwoot."""
    conversation = box.pretend.customer("hola")["conversation"]
    box.settle()
    box.pretend.fault("toggle_status", "latency", delay_s=0.5, times=1, conversation=conversation)
    box.pretend.customer(PERSON, conversation=conversation)
    box.wait(lambda: has(box, conversation, act="fault", where="toggle_status"), 10, "our call is on its way")
    act(conversation)
    done(box, conversation)
    return conversation


def test_a_person_who_takes_over_while_our_opening_is_on_its_way_is_not_talked_over(one: Box) -> None:
    conversation = act_while_it_opens(one, one.pretend.take_over)
    assert PROMISE not in one.texts(conversation)
    assert one.notes(conversation) == []
    found = one.rows("SELECT owner, owner_reason FROM conversation WHERE chatwoot_id = :c", c=conversation)
    assert found[0]["owner"] == "people"
    assert found[0]["owner_reason"] in {"assigned", "open"}


def test_an_assignment_while_our_opening_is_on_its_way_costs_one_part_at_most(one: Box) -> None:
    conversation = act_while_it_opens(one, lambda c: one.pretend.assign(c, 8))
    assert one.texts(conversation).count(PROMISE) <= 1
    assert one.pretend.status(conversation) == "open"


def test_chatwoots_own_opening_while_ours_is_on_its_way_is_told_to_the_team(one: Box) -> None:
    conversation = act_while_it_opens(one, lambda c: fail(one, c))
    assert PROMISE in one.texts(conversation)
    assert len(one.notes(conversation)) == 1


def fail(box: Box, conversation: int) -> None:
    """As if a webhook of this conversation had failed for good."""
    from chatbot.pretend.hooks import Hook  # noqa: PLC0415

    box.pretend._on_hook_failed(Hook("bot", "", b"", "message_created", None, conversation))


def test_with_a_users_token_an_automatic_assignment_does_not_stop_the_words(make_box: Maker) -> None:
    """Of such a token Chatwoot doesn't tell whether it was its call that opened."""
    box = make_box(workers=1, CHATWOOT_BOT_TOKEN="")
    box.pretend.auto_assign_to = 8
    conversation = box.pretend.customer(PERSON)["conversation"]
    done(box, conversation)
    assert box.texts(conversation) == [PROMISE]
    assert len(box.notes(conversation)) == 1


def test_a_person_who_assigns_right_before_our_call_is_seen(one: Box) -> None:
    conversation = one.pretend.customer("hola")["conversation"]
    one.settle()
    looks = count_looks(one, conversation)
    one.pretend.fault("get_conversation", "latency", delay_s=0.3, conversation=conversation)
    one.pretend.customer(PERSON, conversation=conversation)
    one.wait(lambda: count_looks(one, conversation) > looks, 10, "it has looked")
    one.pretend.assign(conversation, 8)
    done(one, conversation)
    assert PROMISE not in one.texts(conversation)


def count_looks(box: Box, conversation: int) -> int:
    looks = {"act": "look_answered", "what": "conversation", "conversation": conversation}
    return sum(looks.items() <= line.items() for line in box.pretend.history.lines())


@pytest.mark.parametrize("state", ["refused", "held"])
@pytest.mark.parametrize("mode", ["kill", "raise"])
def test_a_crash_between_giving_a_part_up_and_handing_over_tells_the_team(make_box: Maker, mode: str, state: str) -> None:
    box = make_box(workers=1, UNKNOWN_HOLD_S="1", RECONCILE_S="600")
    box.pretend.customer("horario")
    box.settle()
    box.crash_at("before_divert", mode)
    if state == "refused":
        box.pretend.fault("post_message", "status", status=400, private=False)
    else:
        box.pretend.fault("post_message", "status", status=500, private=False)
        box.pretend.fault("get_messages", "status", status=500, skip=1)
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.has_crashed("before_divert"), 15, "it crashes there")
    if mode == "kill":
        time.sleep(0.3)
        box.start_worker(0)
    box.wait(lambda: box.pretend.status(conversation) == "open", 15, "it is handed off")
    done(box, conversation)
    assert box.texts(conversation) == []
    assert len(box.notes(conversation)) == 1


def test_what_was_tried_and_then_left_to_people_is_no_answer_after_a_crash(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.pretend.fault("post_message", "status", status=429)
    said = box.pretend.customer(FAQ)
    conversation = said["conversation"]
    box.wait(lambda: has(box, conversation, act="fault", where="post_message"), 10, "it was tried")
    box.crash_at("before_record", "kill")
    box.pretend.take_over(conversation)
    box.wait(lambda: box.has_crashed("before_record"), 10, "the rest was dropped")
    time.sleep(0.3)
    box.start_worker(0)
    done(box, conversation)
    assert box.texts(conversation) == []
    assert box.bot_view()[said["message"]] == "ignored:people_have_it"


@pytest.fixture(scope="module")
def sms(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1, RECONCILE_S="600")


def ask_for_a_long_reply(box: Box) -> int:
    """What an SMS is too short for, so that it is said in five parts; each post takes a moment."""
    with box.engine.begin() as connection:
        save_drafts(connection, (CannedResponse(key="colchas", texts={"es": " ".join(SENTENCES)}, exact=("colchas",)),), "test")
        publish(connection, "test")
    channel = box.pretend.add_inbox("SMS", "Channel::Sms")
    box.pretend.fault("post_message", "latency", delay_s=0.4)
    return box.pretend.customer("colchas", inbox=channel)["conversation"]


def reply_whose_webhook_fails(box: Box, meanwhile: Callable[[int], None] = lambda _: None) -> int:
    """The webhook of its first part finds nobody, so that Chatwoot opens the conversation."""
    conversation = ask_for_a_long_reply(box)
    box.wait(lambda: has(box, conversation, act="post_received"), 10, "the first part is on its way")
    box.pretend.bot.deliver_to = NOBODY
    try:
        box.wait(lambda: has(box, conversation, act="fault_opened"), 10, "Chatwoot opens it")
        meanwhile(conversation)
    finally:
        box.pretend.bot.deliver_to = ""
    done(box, conversation)
    return conversation


def count_parts(box: Box, conversation: int) -> tuple[int, int]:
    """How many there are, and how many were sent."""
    rows = box.rows(
        "SELECT p.state FROM part p JOIN conversation c ON c.id = p.conversation_id WHERE c.chatwoot_id = :c AND NOT p.is_note",
        c=conversation,
    )
    return len(rows), sum(row["state"] == "sent" for row in rows)


def test_a_reply_that_chatwoots_fault_cuts_short_is_taken_back_and_goes_on(sms: Box) -> None:
    conversation = reply_whose_webhook_fails(sms)
    planned, sent = count_parts(sms, conversation)
    assert planned == sent == len(sms.texts(conversation)) > 2
    assert sms.pretend.status(conversation) == "pending"
    assert sms.notes(conversation) == []


@pytest.mark.parametrize(("has_spoken", "goes_on"), [(True, True), (False, False)])
def test_a_fault_that_opens_between_the_look_and_the_mark_stops_no_reply_that_has_begun(
    monkeypatch: pytest.MonkeyPatch, has_spoken: bool, goes_on: bool
) -> None:
    opened = Look(0.0, "open", False, True, 9, "", 0, True, (), {})
    monkeypatch.setattr(sending, "look_again", lambda _: opened)
    monkeypatch.setattr(sending, "_has_fault_opened", lambda _, look: look is opened)
    monkeypatch.setattr(sending, "fence", MagicMock())
    monkeypatch.setattr(sending, "run", MagicMock())
    delivery = MagicMock()
    delivery.turn.newest_chatwoot_id = 5
    row = {"is_long_enough": True, "is_muted": False, "is_paused": False, "spoken_seq": 0, "human_seq": 1, "in_seq": 1}
    values = {"is_note": False, "spoken_seq": 0, "human_seq": 0, "has_opened": False, "may_discard": False}
    progress = Progress(({"kind": "say", "state": "sent" if has_spoken else "frozen", "attempts": 0},))
    if goes_on:
        with pytest.raises(Interrupted):
            sending._judge(delivery, row, values, progress)
    else:
        assert not sending._judge(delivery, row, values, progress)


def test_a_person_who_takes_what_a_fault_had_opened_between_two_parts_has_it(sms: Box) -> None:
    conversation = reply_whose_webhook_fails(sms, lambda c: sms.pretend.assign(c, 8))
    planned, sent = count_parts(sms, conversation)
    assert 0 < sent < planned


def test_a_reply_cut_short_that_may_not_be_taken_back_is_told_to_the_team(make_box: Maker) -> None:
    box = make_box(workers=1, RECONCILE_S="600", TAKE_BACK_AFTER_FAULT="false")
    conversation = reply_whose_webhook_fails(box)
    planned, sent = count_parts(box, conversation)
    assert 0 < sent < planned
    assert box.pretend.status(conversation) == "open"
    (note,) = box.notes(conversation)
    assert SENTENCES[-1] in note
