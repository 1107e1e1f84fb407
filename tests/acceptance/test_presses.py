"""A press has its button's number and moment in Chatwoot, which tells neither when it was made nor opens anything for it."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.test_rare_cases import FAQ, HOURS, done, start
from acceptance.test_restore import copy_database, pause_processes
from acceptance.test_sabotage import offer_buttons


@pytest.fixture(scope="module")
def one(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1)


def offer_earlier(box: Box, conversation: int, minutes: int) -> int:
    """A button that has stood there for a while."""
    button = offer_buttons(box, conversation)
    box.settle()
    with box.pretend.world.lock:
        box.pretend.world.message_by_id[button].created_at -= minutes * 60
    return button


def test_an_old_button_that_is_pressed_now_is_answered_now(one: Box) -> None:
    """What waited for an hour goes to a person; this hasn't waited."""
    conversation = start(one)
    one.pretend.press(offer_earlier(one, conversation, 120), "h")
    done(one, conversation)
    assert one.texts(conversation).count(HOURS) == 2
    assert one.pretend.status(conversation) == "pending"


def test_a_lost_press_on_an_older_button_is_found(one: Box) -> None:
    conversation = start(one)
    one.wait(lambda: one.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    with one.engine.begin() as connection:  # installed before the button was sent
        connection.execute(text("UPDATE instance SET reconcile_floor = now() - interval '1 hour'"))
    button = offer_earlier(one, conversation, 30)
    one.pretend.fault("webhook", "drop", conversation=conversation)
    one.pretend.press(button, "h")
    one.pretend.customer(FAQ, conversation=conversation)  # by this the conversation is seen to have changed
    one.settle()
    one.pretend.clear_faults()
    stored = "SELECT turn_id FROM message WHERE chatwoot_id = :button AND kind = 'submitted'"
    one.wait(lambda: any(row["turn_id"] for row in one.rows(stored, button=button)), 10, "it is found, and a turn takes it")


def test_a_press_where_all_is_resolved_opens_it_for_the_team(one: Box) -> None:
    """Chatwoot opens a resolved conversation for a message, but for no press."""
    conversation = start(one)
    button = offer_buttons(one, conversation)
    one.pretend.resolve(conversation)
    one.settle()
    one.pretend.press(button, "h")
    done(one, conversation)
    assert one.texts(conversation).count(HOURS) == 1
    assert one.pretend.status(conversation) == "open"
    assert ["«h»" in note or "«horario»" in note for note in one.notes(conversation)] == [True]


@pytest.mark.parametrize("beside", [(), (FAQ,)])
def test_a_restored_database_answers_no_press_again(make_box: Maker, beside: tuple[str, ...]) -> None:
    """Nor one that was answered together with what was written beside it."""
    box = make_box(workers=1, DEBOUNCE_SECONDS="1", DEBOUNCE_MAX_S="3")
    conversation = start(box)
    button = offer_buttons(box, conversation)
    box.settle()
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    pause_processes(box)
    old = copy_database(box.database_url, f"{make_url(box.database_url).database}_old")
    box.start_web()
    box.start_worker(0)
    for words in beside:
        box.pretend.customer(words, conversation=conversation)
    box.pretend.press(button, "h")
    box.wait(lambda: box.texts(conversation).count(HOURS) == 2, 10, "the press is answered")
    box.settle()
    said = len(box.texts(conversation))
    pause_processes(box)
    restored = make_box(database_url=old, pretend=box.pretend, seeds=False, workers=1)
    restored.pretend.bot.outgoing_url = f"{restored.url}/webhooks/chatwoot"
    restored.wait(lambda: restored.rows("SELECT held_at FROM instance")[0]["held_at"] is None, 20, "it has caught up")
    restored.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    restored.wait(lambda: len(restored.texts(conversation)) == said + 1, 10, "what comes now is answered")
    restored.settle()
    assert restored.texts(conversation).count(HOURS) == 2
