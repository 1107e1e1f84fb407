"""An erased contact stays erased, though Chatwoot has the conversation still and is read for what was missed."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.test_rare_cases import ANSWER, FAQ, HOURS, done, start
from acceptance.test_sabotage import offer_buttons
from chatbot.conversations import erase_contact


@pytest.fixture(scope="module")
def one(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1)


def erase(box: Box, conversation: int) -> bool:
    with box.engine.begin() as connection:
        own = text("SELECT contact_id FROM conversation WHERE chatwoot_id = :id")
        return erase_contact(connection, connection.execute(own, {"id": conversation}).scalar_one())


def wait_for_readings(box: Box) -> None:
    """Two that began after this."""
    for _ in range(3):
        before = box.rows("SELECT reconciled_at FROM instance")
        box.wait(lambda before=before: box.rows("SELECT reconciled_at FROM instance") != before, 10, "a reading")  # type: ignore[misc]


def count_kept(box: Box, conversation: int) -> list[int]:
    tables = (
        f"conversation WHERE chatwoot_id = {conversation}",
        f"contact WHERE chatwoot_id = {box.pretend.world.conversations[conversation].contact.id}",
    )
    return [box.rows(f"SELECT count(*) FROM {table}")[0]["count"] for table in tables]


def test_readings_and_late_events_bring_nothing_back(one: Box) -> None:
    conversation = start(one)
    one.pretend.agent_reply(conversation, "Hola, soy Marta.")
    one.settle()
    assert count_kept(one, conversation) == [1, 1]
    erase(one, conversation)
    one.pretend.set_status(conversation, "resolved")
    wait_for_readings(one)
    assert count_kept(one, conversation) == [0, 0]


def test_what_is_written_later_is_answered_and_nothing_older_again(one: Box) -> None:
    conversation = start(one)
    erase(one, conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    done(one, conversation)
    wait_for_readings(one)
    assert one.texts(conversation) == [HOURS, ANSWER]
    kept = one.rows(
        f"SELECT text FROM message WHERE conversation_id = (SELECT id FROM conversation WHERE chatwoot_id = {conversation})"
    )
    assert [row["text"] for row in kept] == [FAQ]


def test_a_button_of_before_may_be_pressed_later_and_one_press_of_before_is_over(one: Box) -> None:
    pressed, offered = start(one), start(one)
    one.pretend.press(offer_buttons(one, pressed), "h")
    one.wait(lambda: one.texts(pressed).count(HOURS) == 2, 8, "the press is answered")
    button = offer_buttons(one, offered)
    one.settle()
    erase(one, pressed)
    erase(one, offered)
    wait_for_readings(one)
    assert count_kept(one, pressed) == count_kept(one, offered) == [0, 0]
    one.pretend.press(button, "h")
    one.pretend.customer("gracias", conversation=pressed)  # Chatwoot tells no moment of a press but its conversation's
    one.wait(lambda: one.texts(offered).count(HOURS) == 2, 8, "it is answered")
    done(one, pressed)
    wait_for_readings(one)
    assert one.texts(pressed).count(HOURS) == 2


def test_what_people_had_stays_theirs(one: Box) -> None:
    """The person's word is known no more."""
    conversation = start(one)
    one.pretend.agent_reply(conversation, "Hola, soy Marta, se lo miro yo.")
    one.settle()
    erase(one, conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]
    assert one.pretend.status(conversation) == "open"


def test_no_raw_webhook_is_kept_of_what_still_comes(one: Box) -> None:
    conversation = start(one)
    erase(one, conversation)
    one.pretend.set_status(conversation, "resolved")
    receipts = f"SELECT length(body) AS length FROM webhook WHERE conversation_chatwoot_id = {conversation}"
    one.wait(lambda: bool(one.rows(receipts)), 8, "the event comes")
    assert {row["length"] for row in one.rows(receipts)} == {0}


def test_what_is_owed_is_answered_first(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("get_conversation", "status", status=500, conversation=conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: bool(one.rows("SELECT 1 FROM turn WHERE state = 'frozen' AND finished_at IS NULL")), 8, "frozen")
    assert not erase(one, conversation)
    one.pretend.clear_faults()
    done(one, conversation)
    assert one.texts(conversation) == [HOURS, ANSWER]
    assert erase(one, conversation)
