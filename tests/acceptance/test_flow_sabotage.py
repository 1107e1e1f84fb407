"""Every protection is needed with a flow running too: the scenario is green with it, and the checker turns red without it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from checker import Violation
from standins.shop_api import ShopAnswer

from acceptance.box import Box
from acceptance.conftest import Maker
from acceptance.flow_shop import ASKED, BEGIN, NUMBER, ORDER, FlowShop, open_shop
from acceptance.test_sabotage import SCENARIOS as WITHOUT_FLOWS
from acceptance.test_sabotage import find_violations, offer_buttons, settle_or_not

SLOW = [ShopAnswer({"status": "enviado", "email": "ana@example.com"}, wait_s=2.5)]
Make = Callable[..., FlowShop]
Scenario = Callable[[Make], FlowShop]


def _wait_for_act(box: Box, act: str) -> None:
    before = sum(line["act"] == act for line in box.pretend.history.lines())
    box.wait(lambda: sum(line["act"] == act for line in box.pretend.history.lines()) > before, 10, act)


def press_told_twice(make: Make) -> FlowShop:
    """input_key: a press that begins a flow comes by two deliveries, the second when its question has been put."""
    found = make(workers=1)
    box = found.box
    conversation = found.say("hola")
    box.settle()
    box.pretend.fault("webhook", "duplicate", copies=1, delay_s=1.0, event="message_updated")
    box.pretend.press(offer_buttons(box, conversation), "h")
    time.sleep(1.8)
    box.settle()
    return found


def stored_and_reset(make: Make) -> FlowShop:
    """mark_lookup: Chatwoot stored the flow's question, the connection broke, no echo comes."""
    found = make(workers=1, RECONCILE_S="600")
    conversation = found.come_to_the_number()
    found.box.pretend.fault("echo", "drop")
    found.box.pretend.fault("post_message", "reset", times=1)
    found.say(NUMBER, conversation)
    _wait_for_act(found.box, "post_stored")
    found.box.settle(25)
    return found


def zombie_that_began_a_flow(make: Make) -> FlowShop:
    """epoch: a worker freezes with a flow begun by a press, whose marks are new each time; another one goes on, it wakes."""
    found = make(workers=2, LEASE_S="2", POST_TIMEOUT_S="0.6")
    box, conversation = found.box, found.say("hola")
    box.settle()
    items = [{"title": BEGIN, "value": "nota"}]
    message = box.pretend.inject(
        conversation, "¿Qué necesita?", sender=("AgentBot", box.pretend.bot.id), content_type="input_select",
        content_attributes={"items": items, "mostrador": f"{conversation}-1-1-abc"},
    )  # fmt: skip
    box.crash_at("after_decide", "stop")
    box.pretend.press(message, "nota")
    box.wait(lambda: box.has_crashed("after_decide"), 10, "a worker is frozen")
    box.wait(lambda: ASKED in box.texts(conversation), 90, "the other one asks")
    for name in box.processes:
        box.kill(name, signal.SIGCONT)
    time.sleep(1.5)
    return found


def person_while_the_shop_is_asked(make: Make) -> FlowShop:
    """look: somebody takes over while the call waits, and no event of it has reached us."""
    found = make(workers=1)
    conversation = _wait_in_the_call(found)
    found.box.pretend.fault("webhook", "drop")
    found.box.pretend.take_over(conversation)
    time.sleep(0.2)
    found.box.pretend.clear_faults()
    found.box.settle()
    return found


def _wait_in_the_call(found: FlowShop) -> int:
    conversation = found.come_to_the_number()
    found.open(**{ORDER: SLOW})
    found.say(NUMBER, conversation)
    found.box.wait(lambda: bool(found.shop.asked), 10, "the shop is asked")
    return conversation


def second_message_while_the_shop_is_asked(make: Make) -> FlowShop:
    """newer_message: the customer goes on writing while the call waits."""
    found = make(workers=1, DEBOUNCE_MAX_S="20")
    found.say("y otra cosa, es para un regalo", _wait_in_the_call(found))
    found.box.settle(25)
    return found


def message_during_a_flows_turn(make: Make) -> FlowShop:
    """recount and sweep: what comes while the flow's question is posted is due afterwards."""
    found = make(workers=1)
    box, conversation = found.box, found.come_to_the_number()
    box.pretend.fault("post_message", "latency", delay_s=0.8, times=1)
    found.say(NUMBER, conversation)
    _wait_for_act(box, "post_received")
    found.say("no tengo el código", conversation)
    settle_or_not(box)
    return found


def question_committed_late(make: Make) -> FlowShop:
    """quiet: the POST of the flow's question timed out, and Chatwoot stores it a little later."""
    found = make(workers=1, POST_TIMEOUT_S="0.5", QUIET_S="2.5", RECONCILE_S="600")
    conversation = found.come_to_the_number()
    found.box.pretend.fault("echo", "drop")
    found.box.pretend.fault("post_message", "late", delay_s=2.0, times=1)
    found.say(NUMBER, conversation)
    _wait_for_act(found.box, "post_stored")
    time.sleep(2.5)
    found.box.settle(25)
    return found


def own_opening_of_a_flow(make: Make) -> FlowShop:
    """own_act_filter: the event of the flow's own handoff, told before we knew that it was done, is no take-over."""
    found = make(workers=1)
    conversation = found.come_to_the_code()
    found.box.pretend.fault("toggle_status", "status_after", status=500, times=1)
    found.say(found.read_code(), conversation)
    found.box.settle(25)
    time.sleep(0.5)
    return found


def crash_after_the_flows_model(make: Make) -> FlowShop:
    """reservation: the call of the model that understands a message for the flow counts, whatever crashes after it."""
    found = make(workers=1, use_llm=True, LLM_CALLS_PER_MESSAGE="1")
    box, conversation = found.box, found.come_to_the_number()
    box.crash_at("llm_answered", "kill")
    found.say("pues el que os mandé la otra tarde por aquí mismo", conversation)
    box.wait(lambda: box.has_crashed("llm_answered"), 10, "the worker dies")
    box.start_worker(0)
    box.settle(25)
    return found


def crash_after_the_call(make: Make) -> FlowShop:
    """flow_call: the worker dies when the shop has changed something, and before anybody knows."""
    found = make(workers=1)
    box, conversation = found.box, found.come_to_the_code()
    box.crash_at("flow_call_made", "kill")
    found.say(found.read_code(), conversation)
    box.wait(lambda: box.has_crashed("flow_call_made"), 15, "the worker dies")
    box.start_worker(0)
    box.settle(25)
    return found


SCENARIOS: dict[str, tuple[tuple[str, ...], Scenario, str]] = {
    "input_key": (("input_key",), press_told_twice, "P3"),
    "mark_lookup": (("mark_lookup",), stored_and_reset, "P3"),
    "epoch": (("epoch",), zombie_that_began_a_flow, "P3"),
    "look": (("look",), person_while_the_shop_is_asked, "P5"),
    "newer_message": (("newer_message",), second_message_while_the_shop_is_asked, "P4"),
    "recount": (("recount", "sweep"), message_during_a_flows_turn, "P1"),
    "quiet": (("quiet",), question_committed_late, "P3"),
    "own_act_filter": (("own_act_filter",), own_opening_of_a_flow, "P5"),
    "reservation": (("reservation",), crash_after_the_flows_model, "P6"),
    "flow_call": (("flow_call",), crash_after_the_call, "P3"),
}


@pytest.fixture
def make_shop(make_box: Maker) -> Iterator[Make]:
    with open_shop() as (shop, post):

        def make(**options: Any) -> FlowShop:
            return FlowShop(make_box, shop, post, **options)

        yield make


def find_all(found: FlowShop) -> set[str]:
    doubled: list[Violation] = list(found.list_doubled())
    return find_violations(found.box) | {violation.rule for violation in doubled}


def test_the_protections_are_those_of_the_other_tests() -> None:
    """But one that only another installation's answer needs, and with the one of calls."""
    assert set(SCENARIOS) == set(WITHOUT_FLOWS) - {"echo_witness"} | {"flow_call"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCENARIOS)
def test_with_all_protections_the_checker_is_green(make_shop: Make, name: str) -> None:
    assert find_all(SCENARIOS[name][1](make_shop)) == set()


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCENARIOS)
def test_without_a_protection_the_checker_turns_red(make_shop: Make, name: str) -> None:
    protections, scenario, rule = SCENARIOS[name]

    def make_sabotaged(**options: Any) -> FlowShop:
        return make_shop(sabotage=protections, **options)

    assert rule in find_all(scenario(make_sabotaged))
