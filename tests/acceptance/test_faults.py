"""Chatwoot, the model, Redis, the database and our own processes fail; nothing is lost and nothing said twice."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import find_free_port, thorough, wait_for_port

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot.pretend.state import DELETED_TEXT, OUTGOING

FAQ = "¿Hacéis envíos a Canarias?"
ANSWER = "Sí, enviamos a Canarias en 5 días."
ECHO_LOST = {"where": "echo", "kind": "drop"}


def faulty(box: Box, *faults: dict[str, object], settle_s: float = 25.0) -> int:
    """A question while these faults are in force. Returns the conversation once all is settled, without violations."""
    for fault in faults:
        box.pretend.fault(**fault)  # type: ignore[arg-type]
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.texts(conversation) != [] or box.notes(conversation) != [], settle_s, "there is an outcome")
    box.settle(settle_s)
    box.pretend.clear_faults()
    box.check()
    return conversation


def hear(box: Box) -> None:
    """A first webhook: from then on the inbox counts as ours."""
    box.pretend.customer("horario")
    box.settle()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status_after", "status": 500},
        {"kind": "reset"},
        *thorough({"kind": "status_after", "status": 422}, {"kind": "late", "delay_s": 1.5}),
    ],
    ids=["500-after-storing", "reset-after-storing", "422-after-storing", "committed-late"],
)
@pytest.mark.parametrize("echo", [(), (ECHO_LOST,)], ids=["with-echo", "echo-never"])
def test_accepted_and_then_failed_is_not_said_again_fazer_ai_499(
    box: Box, fault: dict[str, object], echo: tuple[dict[str, object], ...]
) -> None:
    conversation = faulty(box, {"where": "post_message", "times": 1, **fault}, *echo)
    assert box.texts(conversation) == [ANSWER]


def act_on_unknown(box: Box, act: Callable[[int], None]) -> list[str | None]:
    """A reply is stored though its answer is lost, and a person does something to it before we look for it.
    Returns what the conversation's outgoing messages say then."""
    box.pretend.fault("post_message", "reset", times=1)
    box.pretend.fault("echo", "drop")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.texts(conversation) != [], 10, "it is stored")
    act(box.pretend.replies(conversation)[0].id)
    box.settle(25)
    box.pretend.clear_faults()
    box.check()
    return [m.content for m in box.pretend.messages(conversation) if m.message_type == OUTGOING]


def test_what_a_person_deleted_before_it_was_found_is_not_said_again(box: Box) -> None:
    assert act_on_unknown(box, box.pretend.delete_message) == [DELETED_TEXT]


def test_what_a_person_sent_again_before_it_was_found_is_not_said_twice(box: Box) -> None:
    """Chatwoot's "retry" of a message wipes its attributes, our mark among them."""
    assert act_on_unknown(box, lambda message: box.pretend.edit(message, content_attributes={})) == [ANSWER]


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 500}, *thorough({"kind": "refuse"}, {"kind": "status", "status": 429})]
)
def test_not_accepted_is_tried_again(box: Box, fault: dict[str, object]) -> None:
    conversation = faulty(box, {"where": "post_message", "times": 2, **fault})
    assert box.texts(conversation) == [ANSWER]


@pytest.mark.thorough
def test_a_late_echo_changes_nothing(box: Box) -> None:
    conversation = faulty(box, {"where": "echo", "kind": "delay", "delay_s": 2.0})
    assert box.texts(conversation) == [ANSWER]


def test_a_part_refused_for_good_is_handed_off(box: Box) -> None:
    conversation = faulty(box, {"where": "post_message", "kind": "status", "status": 400, "times": 1})
    assert box.pretend.status(conversation) == "open"
    assert len(box.notes(conversation)) == 1


def test_a_deleted_conversation_ends_by_a_rule(box: Box) -> None:
    box.pretend.fault("api", "status", status=404)
    said = box.pretend.customer(FAQ)
    box.settle()
    box.pretend.clear_faults()
    assert box.bot_view()[said["message"]] == "ignored:conversation_gone"


def test_duplicates_and_disorder_of_webhooks(box: Box) -> None:
    box.pretend.fault("webhook", "duplicate", copies=3)
    box.pretend.fault("webhook", "delay", delay_s=0.6, jitter=True)
    said = [box.pretend.customer(FAQ) for _ in range(5)]
    for s in said:
        box.pretend.customer("horario", conversation=s["conversation"])
    time.sleep(1)
    box.settle()
    box.pretend.clear_faults()
    box.check()


def test_the_same_webhook_fifty_times_at_once(box: Box) -> None:
    box.pretend.fault("webhook", "duplicate", copies=49, times=1, event="message_created")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.settle()
    box.pretend.clear_faults()
    assert box.texts(conversation) == [ANSWER]
    assert box.rows("SELECT in_seq FROM conversation WHERE chatwoot_id = :c", c=conversation) == [{"in_seq": 1}]


def test_chatwoot_down_for_a_while(make_box: Maker) -> None:
    box = make_box()
    box.pretend.fault("api", "refuse")
    said = [box.pretend.customer(FAQ) for _ in range(8)]
    time.sleep(4)
    assert not box.is_settled()
    box.pretend.clear_faults()
    box.settle(20)
    assert all(box.texts(s["conversation"]) == [ANSWER] for s in said)
    box.check()


@pytest.mark.thorough
def test_what_became_stale_meanwhile_is_handed_off(make_box: Maker) -> None:
    box = make_box(workers=1, FRESH_S="3")
    box.pretend.fault("api", "status", status=500)
    box.worker_count = 0
    conversation = box.pretend.customer("¿algo que nadie sabe?")["conversation"]
    box.kill("worker0")
    time.sleep(4)
    box.pretend.clear_faults()
    box.start_worker(0)
    box.settle(20)
    assert box.pretend.status(conversation) == "open"
    box.check()


def test_dropped_webhooks_are_found_by_reading(make_box: Maker) -> None:
    box = make_box()
    hear(box)
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 10, "a first reading")
    box.pretend.fault("webhook", "drop")
    said = [box.pretend.customer(FAQ) for _ in range(5)]
    time.sleep(3)
    box.pretend.clear_faults()
    box.wait(lambda: all(box.texts(s["conversation"]) == [ANSWER] for s in said), 15, "all are answered")
    box.settle()
    box.check(reconciled=True)


@pytest.mark.thorough
def test_a_token_that_cannot_list_messages(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.pretend.admin.may_list = False
    conversation = faulty(box, {"where": "post_message", "kind": "reset", "times": 1}, ECHO_LOST)
    assert box.texts(conversation) == [ANSWER]


@pytest.mark.thorough
def test_unknown_for_too_long_tells_the_agents_instead_of_saying_it_twice(make_box: Maker) -> None:
    box = make_box(workers=1, UNKNOWN_HOLD_S="2", RECONCILE_S="600")
    hear(box)
    box.pretend.fault("get_messages", "status", status=500, skip=1)
    conversation = faulty(box, {"where": "post_message", "kind": "status", "status": 500, "times": 1, "private": False})
    assert box.texts(conversation) == []
    assert ANSWER in box.notes(conversation)[0]
    assert box.pretend.status(conversation) == "open"


@pytest.mark.thorough
def test_our_failing_webhook_does_not_take_the_conversation_from_us_for_good(make_box: Maker) -> None:
    # the next reading comes when the web is up again: one before it would answer, and that answer's own webhook fail
    box = make_box(workers=1, RECONCILE_S="10")
    hear(box)
    box.wait(lambda: box.rows("SELECT reconciled_at FROM instance")[0]["reconciled_at"] is not None, 25, "a first reading")
    box.kill("web")
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: box.pretend.status(conversation) == "open", 10, "Chatwoot takes it from the bot")
    box.start_web()
    box.wait(lambda: box.texts(conversation) == [ANSWER], 30, "it is taken back while fresh")
    assert box.pretend.status(conversation) == "pending"


def test_worker_killed_while_a_post_is_held_open(make_box: Maker) -> None:
    box = make_box(workers=1)
    box.pretend.fault("post_message", "late", delay_s=1.5, times=1)
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: any(line["act"] == "post_received" for line in box.pretend.history.lines()), 10, "the post is open")
    box.kill("worker0")
    time.sleep(1)
    box.start_worker(0)
    box.settle(25)
    assert box.texts(conversation) == [ANSWER]
    box.check()


def test_a_restart_in_mid_turn_loses_nothing(make_box: Maker) -> None:
    box = make_box(workers=1, use_llm=True)
    assert box.llm is not None
    box.llm.plan(delay_s=1.0)
    said = [box.pretend.customer("¿Qué jabón va bien para las colchas?") for _ in range(6)]
    time.sleep(0.8)
    box.kill("worker0", signal.SIGTERM)
    box.processes["worker0"].wait(10)
    box.start_worker(0)
    box.settle(25)
    assert all(len(box.texts(s["conversation"])) == 1 for s in said)
    box.check()


def test_redis_unplugged_under_load(make_box: Maker, tmp_path: Path) -> None:
    port = find_free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    wait_for_port(port)
    box = make_box(workers=1, redis_url=f"redis://127.0.0.1:{port}/0")
    first = box.pretend.customer(FAQ)["conversation"]
    box.settle()
    server.kill()
    server.wait()
    second = box.pretend.customer(FAQ)["conversation"]
    box.settle()
    assert box.texts(first) == box.texts(second) == [ANSWER]
    box.check()
