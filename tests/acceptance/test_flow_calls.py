"""A flow's call to the shop, with the worker killed around it: what changes something is asked for once at most, what only
reads is read again, and the customer is answered or handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import thorough
from sqlalchemy import text
from standins.shop_api import ShopAnswer, ShopApi

from acceptance.box import Box
from acceptance.conftest import _box_maker
from acceptance.test_crashes import heal
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow

FAILED = "No he podido hacerlo. Lo paso a una persona del equipo."
DONE = "Hecho: R-77."
DEED = "reservar-post/pide"
PATHS = {"POST": "/api/reservas", "GET": "/api/reservas/2"}


def make_flow(method: str, url: str) -> Flow:
    call: dict[str, Any] = {"id": "pide", "do": "call", "method": method, "url": url + PATHS[method]}
    call |= {"takes": {"reserva": "id"}, "on_error": "falla", "timeout_s": 2}
    if method == "POST":
        call["body"] = {"plazas": "{{slot.plazas}}"}
    return Flow.model_validate({
        "key": f"reservar-{method.lower()}",
        "title": {"es": f"Reservar con {method}"},
        "start": {"phrases": {"es": [f"reserva con {method.lower()}"]}},
        "slots": {"plazas": {"type": "number", "label": {"es": "las plazas"}}, "reserva": {"type": "text"}},
        "steps": [
            {"id": "cuantas", "do": "ask", "slot": "plazas", "text": {"es": "¿Cuántas plazas?"}},
            call,
            {"id": "di", "do": "end", "text": {"es": "Hecho: {{slot.reserva}}."}},
            {"id": "falla", "do": "handoff", "text": {"es": FAILED}},
        ],
    })  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Iterator[ShopApi]:
    with ShopApi() as shop:
        yield shop


@pytest.fixture(scope="module")
def flow_box(
    make_database_for_session: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, shop: ShopApi
) -> Iterator[Box]:
    folder: Path = tmp_path_factory.mktemp("flows")
    makers = _box_maker(make_database_for_session, folder)
    box = next(makers)(LEASE_S="3", RECONCILE_S="600", FLOW_HOSTS=shop.host)
    with box.engine.begin() as connection:
        save_drafts(connection, [make_flow(method, shop.url) for method in PATHS], "test")
        publish(connection, "test")
    yield box
    next(makers, None)


def say(box: Box, text: str, conversation: int | None = None) -> int:
    return box.pretend.customer(text, conversation=conversation)["conversation"]


def come_to_the_call(box: Box, shop: ShopApi, method: str) -> int:
    shop.asked.clear()
    shop.answers = {path: [ShopAnswer({"id": "R-77"})] for path in PATHS.values()}
    conversation = say(box, f"quiero una reserva con {method.lower()}")
    box.settle()
    assert box.texts(conversation) == ["¿Cuántas plazas?"]
    return conversation


def crash_in_the_call(box: Box, shop: ShopApi, method: str, point: str, mode: str) -> tuple[int, list[str]]:
    """The conversation, and what it was told after its answer."""
    conversation = come_to_the_call(box, shop, method)
    box.crash_at(point, mode)
    say(box, "2", conversation)
    box.wait(lambda: box.has_crashed(point), 15, f"a worker comes by {point}")
    heal(box, mode)
    box.settle(25)
    return conversation, box.texts(conversation)[1:]


def crash_after_the_call(box: Box, shop: ShopApi, point: str = "after_flow") -> tuple[int, int]:
    """The conversation, its worker killed there, and the message by whose word the shop was asked.

    No other worker goes on before heal().
    """
    conversation = come_to_the_call(box, shop, "POST")
    box.kill("worker1")
    box.crash_at(point, "kill")
    said = box.pretend.customer("2", conversation=conversation)
    box.wait(lambda: box.has_crashed(point), 15, "a worker dies")
    return conversation, said["message"]


MODES = ["kill", pytest.param("stop", marks=pytest.mark.thorough), pytest.param("raise", marks=pytest.mark.thorough)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", ["flow_call_begun", "flow_call_made"])
def test_a_call_that_changes_something_is_made_once_at_most(flow_box: Box, shop: ShopApi, point: str, mode: str) -> None:
    conversation, told = crash_in_the_call(flow_box, shop, "POST", point, mode)
    assert len(shop.asked) <= 1
    # one that was only frozen may still tell what it was answered
    is_known = mode == "stop" and len(shop.asked) == 1 and told == [DONE]
    assert told == [FAILED] or is_known
    assert flow_box.pretend.status(conversation) == ("pending" if is_known else "open")
    flow_box.check(conversation)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", ["flow_call_begun", "flow_call_made"])
def test_a_call_that_only_reads_is_made_again_and_answered(flow_box: Box, shop: ShopApi, point: str, mode: str) -> None:
    conversation, told = crash_in_the_call(flow_box, shop, "GET", point, mode)
    assert len(shop.asked) <= 2
    # on a busy machine a frozen worker's lease may end again and again: then a person goes on
    is_given_up = mode == "stop" and told and told != [DONE]
    assert is_given_up or (told == [DONE] and shop.asked), told
    assert flow_box.pretend.status(conversation) == ("open" if is_given_up else "pending")
    flow_box.check(conversation)


@pytest.mark.thorough
@pytest.mark.parametrize("point", ["after_flow", "after_freeze", "before_record"])
def test_a_call_whose_outcome_is_known_is_not_made_again(flow_box: Box, shop: ShopApi, point: str) -> None:
    conversation, told = crash_in_the_call(flow_box, shop, "POST", point, "kill")
    assert [asked.body for asked in shop.asked] == [{"plazas": 2}]
    assert told == [DONE]
    flow_box.check(conversation)


SLOW = ShopAnswer({"id": "R-77"}, wait_s=1.2)


def test_what_is_deleted_while_a_call_is_under_way_is_answered_as_it_was_done(flow_box: Box, shop: ShopApi) -> None:
    """Thrown away, the next "2" would make the call a second time, and nobody would have been told of the first."""
    box = flow_box
    conversation = come_to_the_call(box, shop, "POST")
    shop.answers[PATHS["POST"]] = [SLOW]
    said = box.pretend.customer("2", conversation=conversation)
    box.wait(lambda: bool(shop.asked), 10, "the shop is asked")
    box.pretend.delete_message(said["message"])
    box.settle()
    assert box.texts(conversation)[1:] == [DONE]
    assert len(shop.asked) == 1
    box.check(conversation)


SLOWER = ShopAnswer({"id": "R-77"}, wait_s=0.6)


def test_what_is_written_while_a_call_is_under_way_is_answered_after_it(flow_box: Box, shop: ShopApi) -> None:
    """Taken together with the first answer, it would be asked back which of the two is meant, and the call made again."""
    box = flow_box
    conversation = come_to_the_call(box, shop, "POST")
    shop.answers[PATHS["POST"]] = [SLOWER]
    say(box, "2", conversation)
    box.wait(lambda: bool(shop.asked), 10, "the shop is asked")
    say(box, "perdona, 3", conversation)
    box.settle()
    assert box.texts(conversation)[1] == DONE
    assert [asked.body for asked in shop.asked] == [{"plazas": 2}]
    box.check(conversation)


@pytest.mark.parametrize("point", ["after_flow", *thorough("flow_call_made", "after_freeze")])
def test_what_is_written_after_a_call_and_a_crash_is_answered_after_it(flow_box: Box, shop: ShopApi, point: str) -> None:
    box = flow_box
    conversation, _ = crash_after_the_call(box, shop, point)
    say(box, "perdona, 3", conversation)
    heal(box, "kill")
    box.settle(25)
    assert box.texts(conversation)[1] == (FAILED if point == "flow_call_made" else DONE)
    assert [asked.body for asked in shop.asked] == [{"plazas": 2}]
    box.check(conversation)


@pytest.mark.parametrize("takes", ["assign", "write"])
def test_who_takes_over_while_a_call_is_under_way_is_told_of_it(flow_box: Box, shop: ShopApi, takes: str) -> None:
    """The customer isn't talked over; but the person would do again what is done already."""
    box = flow_box
    conversation, _ = begin_the_call(box, shop)
    if takes == "assign":
        box.pretend.assign(conversation, 8)
    else:
        box.pretend.agent_reply(conversation, "Sigo yo.")
    box.settle()
    assert DONE not in box.texts(conversation)
    assert any(DEED in note for note in box.notes(conversation))
    assert len(shop.asked) == 1
    box.check(conversation)


def begin_the_call(box: Box, shop: ShopApi) -> tuple[int, int]:
    """The conversation and the message by whose word the shop is being asked just now."""
    conversation = come_to_the_call(box, shop, "POST")
    shop.answers[PATHS["POST"]] = [SLOWER]
    said = box.pretend.customer("2", conversation=conversation)
    box.wait(lambda: bool(shop.asked), 10, "the shop is asked")
    return conversation, said["message"]


def test_what_is_deleted_while_somebody_takes_over_ends_and_is_told_to_the_team(flow_box: Box, shop: ShopApi) -> None:
    box = flow_box
    conversation, message = begin_the_call(box, shop)
    box.pretend.assign(conversation, 8)
    box.pretend.delete_message(message)
    box.settle(25)
    assert DONE not in box.texts(conversation)
    assert [DEED in note for note in box.notes(conversation)] == [True]
    assert len(shop.asked) == 1


def test_where_the_channel_lets_nobody_write_any_more_the_team_is_told_what_was_done(flow_box: Box, shop: ShopApi) -> None:
    box = flow_box
    conversation, _ = begin_the_call(box, shop)
    box.pretend.set_can_reply(conversation, False)
    box.settle(25)
    assert DONE not in box.texts(conversation)
    assert any(DEED in note for note in box.notes(conversation))
    box.check(conversation)


def test_a_call_that_was_made_live_is_suggested_as_done_where_the_mode_changed(flow_box: Box, shop: ShopApi) -> None:
    box = flow_box
    conversation, _ = begin_the_call(box, shop)
    box.pretend.fault("list", "status", status=500)
    box.pretend.fault("get_messages", "status", status=500)
    box.wait(lambda: bool(box.rows("SELECT FROM turn WHERE finished_at IS NULL AND state = 'frozen'")), 10, "it is frozen")
    try:
        with box.engine.begin() as connection:
            connection.execute(text("UPDATE inbox SET mode = 'suggest'"))
        box.pretend.clear_faults()
        box.settle(25)
        assert any(DONE in note for note in box.notes(conversation))
        assert not any(FAILED in note for note in box.notes(conversation))
        assert len(shop.asked) == 1
    finally:
        with box.engine.begin() as connection:
            connection.execute(text("UPDATE inbox SET mode = NULL"))


def test_after_a_call_a_pause_and_a_handback_the_flow_does_not_go_on_from_before_the_call(flow_box: Box, shop: ShopApi) -> None:
    """Its question would be answered a second time, and the call made again."""
    box = flow_box
    conversation, _ = crash_after_the_call(box, shop)
    pause = "UPDATE instance SET paused_at = {}, pause_reason = {}"
    with box.engine.begin() as connection:
        connection.execute(text(pause.format("now()", "'by_owner'")))
    try:
        heal(box, "kill")
        box.settle(25)
    finally:
        with box.engine.begin() as connection:
            connection.execute(text(pause.format("NULL", "NULL")))
    assert box.pretend.status(conversation) == "open"
    assert any(DEED in note for note in box.notes(conversation))
    box.pretend.hand_back(conversation)
    box.settle()
    say(box, "3", conversation)
    box.settle(25)
    assert len(shop.asked) == 1


@pytest.mark.thorough
def test_what_is_deleted_after_a_call_and_a_crash_goes_to_a_person(flow_box: Box, shop: ShopApi) -> None:
    box = flow_box
    conversation, message = crash_after_the_call(box, shop)
    box.pretend.delete_message(message)
    heal(box, "kill")
    box.settle(25)
    assert len(shop.asked) == 1
    assert box.pretend.status(conversation) == "open"
    assert box.notes(conversation)
    box.check(conversation)


def test_what_is_understood_otherwise_after_a_call_and_a_crash_goes_to_a_person(flow_box: Box, shop: ShopApi) -> None:
    """Asked again from before the call, the customer's next answer would make it a second time."""
    box = flow_box
    conversation, message = crash_after_the_call(box, shop)
    box.pretend.edit(message, content="las que haya")
    heal(box, "kill")
    box.settle(25)
    assert box.pretend.status(conversation) == "open"
    assert [DEED in note for note in box.notes(conversation)].count(True) == 1
    assert len(shop.asked) == 1
    box.check(conversation)


@pytest.mark.thorough
def test_what_is_changed_after_a_call_and_a_crash_gets_nobody_elses_answer(flow_box: Box, shop: ShopApi) -> None:
    """The stored answer is that of the former request, and another request can't be made without knowing what became of it."""
    box = flow_box
    conversation, message = crash_after_the_call(box, shop)
    box.pretend.edit(message, content="3")
    heal(box, "kill")
    box.settle(25)
    assert [asked.body for asked in shop.asked] == [{"plazas": 2}]
    assert box.texts(conversation)[1:] == [FAILED]
    assert box.pretend.status(conversation) == "open"
    box.check(conversation)
