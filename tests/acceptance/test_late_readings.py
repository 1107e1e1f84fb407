"""What a reading, or a turn, would believe of Chatwoot though it has changed since, and what only a later reading can mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import make_url, text

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.test_after_mishaps import open_by_fault
from acceptance.test_rare_cases import ANSWER, FAQ, HOURS, done, start
from acceptance.test_restore import copy_database, pause_processes


@pytest.fixture(scope="module")
def shared(make_shared_box: Maker) -> Box:
    return make_shared_box(workers=1, AUTO_RESOLVE_H="1", POST_TIMEOUT_S="5", LEASE_S="20")


@pytest.fixture
def one(shared: Box) -> Iterator[Box]:
    yield shared
    shared.pretend.clear_faults()


def wait_for_fault(box: Box, conversation: int, where: str) -> None:
    """A call that an ordered latency holds up is under way."""
    wanted = {"act": "fault", "where": where, "conversation": conversation}
    box.wait(lambda: any(wanted.items() <= line.items() for line in box.pretend.history.lines()), 10, f"{where} is under way")


def wait_for_first_reading(box: Box) -> None:
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")


def set_last_reading(box: Box) -> None:
    """Two hours ago, by its own notes."""
    with box.engine.begin() as connection:
        connection.execute(
            text("UPDATE instance SET reconciled_at = now() - interval '2 h', reconcile_floor = now() - interval '3 h'")
        )


def miss(box: Box, conversation: int) -> None:
    """The customer wrote two minutes ago, beyond the overlap of two readings, and no webhook told of it."""
    box.pretend.fault("webhook", "drop", conversation=conversation)
    said = box.pretend.customer(FAQ, conversation=conversation)
    with box.pretend.world.lock:
        box.pretend.world.message_by_id[said["message"]].created_at -= 120


def hide(box: Box, conversation: int) -> None:
    """No webhook tells what happens there, and no reading finds it."""
    box.pretend.fault("webhook", "drop", conversation=conversation)
    box.pretend.fault("get_messages", "status", status=500, conversation=conversation)


def tell_resolved(box: Box, conversation: int, message: int) -> None:
    """The webhook of a message, with another status than its conversation has."""
    event: dict[str, Any] = {
        "event": "message_created", "id": message, "message_type": "incoming", "content": FAQ,
        "conversation": {"id": conversation, "inbox_id": 1, "status": "resolved"},
    }  # fmt: skip
    assert box.post_webhook(event) == 200


def test_a_reading_after_a_long_gap_that_fails_once_is_done_again(make_box: Maker) -> None:
    box = make_box(workers=1)
    conversation = start(box)
    wait_for_first_reading(box)
    box.kill("worker0")
    set_last_reading(box)
    miss(box, conversation)
    box.pretend.fault("get_messages", "status", status=500, conversation=conversation, times=1)
    box.start_worker(0)
    box.wait(lambda: box.texts(conversation) == [HOURS, ANSWER], 12, "the second reading finds it")


def test_a_restored_database_whose_first_reading_fails_stays_silent(make_box: Maker) -> None:
    box = make_box(workers=1)
    conversation = start(box)
    wait_for_first_reading(box)
    set_last_reading(box)
    pause_processes(box)
    old = copy_database(box.database_url, f"{make_url(box.database_url).database}_old")
    box.pretend.fault("get_messages", "status", status=500, conversation=conversation)
    restored = make_box(database_url=old, pretend=box.pretend, seeds=False, workers=1)
    instance = "SELECT held_at, reconcile_error FROM instance"
    restored.wait(lambda: restored.rows(instance)[0]["reconcile_error"] is not None, 12, "a reading has failed")
    assert restored.rows(instance)[0]["held_at"] is not None
    restored.pretend.clear_faults()
    restored.wait(lambda: restored.rows(instance)[0]["held_at"] is None, 12, "one that is complete lets it speak")


def test_who_writes_between_a_readings_list_and_its_messages_is_not_taken_for_resolved(one: Box) -> None:
    conversation = start(one)
    one.pretend.resolve(conversation)
    done(one, conversation)
    one.pretend.fault("get_messages", "latency", delay_s=2.0, conversation=conversation, times=1)
    wait_for_fault(one, conversation, "get_messages")
    one.pretend.fault("webhook", "drop", conversation=conversation)
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: one.texts(conversation) == [HOURS, ANSWER], 12, "it is answered")


def test_an_event_with_a_status_of_before_leaves_nobody_in_pending(one: Box) -> None:
    conversation = start(one)
    one.pretend.resolve(conversation)
    done(one, conversation)
    hide(one, conversation)
    said = one.pretend.customer(FAQ, conversation=conversation)["message"]
    tell_resolved(one, conversation, said)
    one.wait(lambda: one.pretend.status(conversation) == "open", 10, "it is opened")


@pytest.mark.parametrize("age_min", [0, 30])
def test_a_customers_deletion_whose_webhook_was_lost_is_found(one: Box, age_min: int) -> None:
    conversation = start(one)
    wait_for_first_reading(one)
    with one.engine.begin() as connection:  # installed before it was written
        connection.execute(text("UPDATE instance SET reconcile_floor = now() - interval '1 hour'"))
    said = next(m for m in one.pretend.messages(conversation) if m.mark is None)
    with one.pretend.world.lock:
        said.created_at -= age_min * 60
    one.pretend.fault("webhook", "drop", conversation=conversation)
    one.pretend.delete_message(said.id)
    stored = "SELECT ignore_rule, text FROM message WHERE chatwoot_id = :id"
    one.wait(lambda: one.rows(stored, id=said.id) == [{"ignore_rule": "deleted", "text": ""}], 10, "nothing of it is kept")


def test_an_older_fault_is_not_believed_where_our_reply_to_it_was_deleted(one: Box) -> None:
    conversation = start(one)
    one.pretend.fault("webhook", "drop", conversation=conversation)
    open_by_fault(one, conversation)
    one.pretend.clear_faults()
    one.pretend.customer(FAQ, conversation=conversation)
    one.wait(lambda: one.texts(conversation) == [HOURS, ANSWER], 10, "it is taken back")
    done(one, conversation)
    one.pretend.delete_message(one.pretend.replies(conversation)[-1].id)
    one.pretend.set_status(conversation, "open")
    opened = "SELECT 1 FROM conversation WHERE chatwoot_id = :c AND owner = 'people'"
    one.wait(lambda: one.rows(opened, c=conversation) != [], 10, "people have it")
    one.pretend.customer("¿Cómo devuelvo un pedido?", conversation=conversation)
    done(one, conversation)
    assert one.texts(conversation) == [HOURS]
    assert one.pretend.status(conversation) == "open"


@pytest.mark.parametrize("by", ["webhook", "reading", "late_webhook"])
def test_who_writes_in_the_second_of_our_resolving_is_not_left_there(one: Box, by: str) -> None:
    """Told before it was resolved, found afterwards, or told as it was afterwards."""
    conversation = start(one)
    one.pretend.fault("toggle_status", "latency", delay_s=1.0, conversation=conversation, times=1)
    with one.engine.begin() as connection:
        due = "UPDATE timer SET due_at = now() FROM conversation c WHERE c.id = conversation_id AND c.chatwoot_id = :c"
        assert connection.execute(text(due), {"c": conversation}).rowcount == 1
    wait_for_fault(one, conversation, "toggle_status")
    if by == "reading":
        one.pretend.fault("webhook", "drop", conversation=conversation, event="message_created")
    elif by == "late_webhook":
        hide(one, conversation)
    said = one.pretend.customer(FAQ, conversation=conversation)["message"]
    if by == "late_webhook":
        one.wait(lambda: one.pretend.status(conversation) == "resolved", 8, "it is resolved")
        tell_resolved(one, conversation, said)
    one.wait(lambda: said in one.bot_view(), 12, "it has an outcome")
    done(one, conversation)
    assert one.pretend.status(conversation) == "open" or ANSWER in one.texts(conversation)
    one.check(conversation)
