"""Every protection is needed: the same scenario is green with it and turns the checker red without it."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from checker import Violation
from conftest import ROOT, thorough

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot.clients.chatwoot import Chatwoot

FAQ = "¿Hacéis envíos a Canarias?"
Scenario = Callable[[Maker], Box]


def press_told_twice(make_box: Maker) -> Box:
    """input_key: a button's press comes by two deliveries, the second after the first was answered."""
    box = make_box(workers=1)
    conversation = box.pretend.customer("hola")["conversation"]
    box.settle()
    press(box, conversation)
    box.settle()
    return box


def press(box: Box, conversation: int) -> None:
    box.pretend.fault("webhook", "duplicate", copies=1, delay_s=1.0, event="message_updated")
    message = offer_buttons(box, conversation)
    box.pretend.press(message, "h")
    time.sleep(1.8)


def offer_buttons(box: Box, conversation: int) -> int:
    box.pretend.inject(
        conversation,
        "¿Qué necesita?",
        sender=("AgentBot", box.pretend.bot.id),
        content_type="input_select",
        content_attributes={"items": [{"title": "horario", "value": "h"}], "mostrador": f"{conversation}-1-1-abc"},
    )
    return box.pretend.messages(conversation)[-1].id


def stored_and_reset(make_box: Maker) -> Box:
    """mark_lookup: Chatwoot stored the part, the connection broke, no echo comes."""
    box = make_box(workers=1, RECONCILE_S="600")
    box.pretend.fault("echo", "drop")
    box.pretend.fault("post_message", "reset", times=1)
    box.pretend.customer(FAQ)
    box.wait(lambda: any(line["act"] == "post_stored" for line in box.pretend.history.lines()), 10, "the part is stored")
    box.settle()
    return box


def answered_by_another_installation(make_box: Maker) -> Box:
    """echo_witness: a message with our kind of mark shows that somebody else has answered."""
    box = make_box(workers=1, DEBOUNCE_SECONDS="1")
    said = box.pretend.customer(FAQ)
    mark = f"{said['conversation']}-{said['message']}-1"
    access = box.pretend.access()
    other = Chatwoot(
        access["chatwoot_url"], access["chatwoot_account_id"], read_token=access["chatwoot_access_token"],
        write_token=access["chatwoot_bot_token"], connect_s=1, total_s=2,
    )  # fmt: skip
    other.post_message(said["conversation"], {"content": "Sí, enviamos.", "content_attributes": {"mostrador": mark}})
    other.close()
    time.sleep(1.5)
    box.settle()
    return box


def zombie_after_a_press(make_box: Maker) -> Box:
    """epoch: a worker freezes beyond its lease while another one answers, then wakes and goes on."""
    box = make_box(workers=2, LEASE_S="2", POST_TIMEOUT_S="0.6")
    conversation = box.pretend.customer("hola")["conversation"]
    box.settle()
    message = offer_buttons(box, conversation)
    box.crash_at("after_decide", "stop")
    box.pretend.press(message, "h")
    box.wait(lambda: box.has_crashed("after_decide"), 10, "a worker is frozen")
    # another of its threads may have frozen inside a transaction: PostgreSQL ends that after a minute
    box.wait(lambda: "Abrimos de 9 a 14." in box.texts(conversation), 90, "the other one answers")
    for name in box.processes:
        box.kill(name, signal.SIGCONT)
    time.sleep(1.5)
    return box


def person_while_the_model_thinks(make_box: Maker) -> Box:
    """look: somebody takes over, and no event of it has reached us."""
    box = make_box(workers=1, use_llm=True)
    assert box.llm is not None
    box.llm.plan(delay_s=1.2)
    conversation = box.pretend.customer("¿Qué jabón va bien para las colchas?")["conversation"]
    box.wait(lambda: len(box.llm.requests) > 0, 10, "the model is asked")
    box.pretend.fault("webhook", "drop")
    box.pretend.take_over(conversation)
    time.sleep(0.2)
    box.pretend.clear_faults()
    box.settle()
    return box


def second_message_while_the_model_thinks(make_box: Maker) -> Box:
    """newer_message: the customer goes on writing; the reply to the first half is thrown away."""
    box = make_box(workers=1, use_llm=True, DEBOUNCE_MAX_S="20", LLM_TIMEOUT_S="10")
    assert box.llm is not None
    box.llm.plan(delay_s=2.5)
    conversation = box.pretend.customer("¿Qué jabón va bien para las colchas?")["conversation"]
    box.wait(lambda: len(box.llm.requests) > 0, 10, "the model is asked")
    box.pretend.customer("las de lino, digo", conversation=conversation)
    box.settle(25)
    return box


def message_during_a_turn(make_box: Maker) -> Box:
    """recount and sweep: a message that comes while a turn runs is due afterwards."""
    box = make_box(workers=1)
    box.pretend.fault("post_message", "latency", delay_s=0.8, times=1)
    conversation = box.pretend.customer(FAQ)["conversation"]
    box.wait(lambda: any(line["act"] == "post_received" for line in box.pretend.history.lines()), 10, "the post is under way")
    box.pretend.customer("horario", conversation=conversation)
    settle_or_not(box)
    return box


def settle_or_not(box: Box) -> None:
    """Without the protections it never settles, and that is for the checker to say."""
    with suppress(AssertionError):
        box.settle(10)


def committed_late(make_box: Maker) -> Box:
    """quiet: the POST timed out, and Chatwoot stores it a little later."""
    box = make_box(workers=1, POST_TIMEOUT_S="0.5", QUIET_S="2.5", RECONCILE_S="600")
    box.pretend.fault("echo", "drop")
    box.pretend.fault("post_message", "late", delay_s=2.0, times=1)
    box.pretend.customer(FAQ)
    box.wait(lambda: any(line["act"] == "post_stored" for line in box.pretend.history.lines()), 10, "it is stored")
    time.sleep(2.5)
    box.settle()
    return box


def own_opening(make_box: Maker) -> Box:
    """own_act_filter: the event of our own opening, told before we knew that it was done, is no take-over."""
    box = make_box(workers=1)
    box.pretend.fault("toggle_status", "status_after", status=500, times=1)
    box.pretend.customer("quiero hablar con una persona")
    box.settle()
    time.sleep(0.5)
    return box


def crash_after_the_model(make_box: Maker) -> Box:
    """reservation: what a crashed turn has spent counts."""
    box = make_box(workers=1, use_llm=True, LLM_CALLS_PER_MESSAGE="1")
    box.crash_at("after_assistant", "kill")
    box.pretend.customer("¿Qué jabón va bien para las colchas?")
    box.wait(lambda: box.has_crashed("after_assistant"), 10, "the worker dies")
    box.start_worker(0)
    box.settle()
    return box


SCENARIOS: dict[str, tuple[tuple[str, ...], Scenario, str]] = {
    "input_key": (("input_key",), press_told_twice, "P3"),
    "mark_lookup": (("mark_lookup",), stored_and_reset, "P3"),
    "echo_witness": (("echo_witness", "mark_lookup"), answered_by_another_installation, "P3"),
    "epoch": (("epoch",), zombie_after_a_press, "P3"),
    "look": (("look",), person_while_the_model_thinks, "P5"),
    "newer_message": (("newer_message",), second_message_while_the_model_thinks, "P4"),
    "recount": (("recount", "sweep"), message_during_a_turn, "P1"),
    "quiet": (("quiet",), committed_late, "P3"),
    "own_act_filter": (("own_act_filter",), own_opening, "P5"),
    "reservation": (("reservation",), crash_after_the_model, "P6"),
}


# one for each line of the promise is always seen to turn red
QUICK = ("recount", "mark_lookup", "newer_message", "look", "reservation")


def find_violations(box: Box) -> set[str]:
    options = {"max_stale_s": 0.9, "max_llm_calls": int(box.settings.get("LLM_CALLS_PER_MESSAGE", 6))}
    found = box.violations(**options)
    if box.rows("SELECT 1 FROM conversation WHERE human_seq > 0") and not acts_of_people(box):
        found.append(Violation("P5", None, None, "a take-over was recorded that no person made"))
    return {v.rule for v in found}


def acts_of_people(box: Box) -> list[object]:
    return [line for line in box.pretend.history.lines() if line["act"] in {"take_over", "human_message", "human_note"}]


def test_every_protection_of_the_source_has_a_scenario() -> None:
    found = {
        name
        for path in (ROOT / "chatbot").rglob("*.py")
        for name in re.findall(r'is_protected\("([a-z_]+)"\)', path.read_text())
    }
    assert found - {"restore_notice", "flow_call"} == {name for names, _, _ in SCENARIOS.values() for name in names}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCENARIOS)
def test_with_all_protections_the_checker_is_green(make_box: Maker, name: str) -> None:
    assert find_violations(SCENARIOS[name][1](make_box)) == set()


@pytest.mark.parametrize("name", [*QUICK, *thorough(*(name for name in SCENARIOS if name not in QUICK))])
def test_without_a_protection_the_checker_turns_red(make_box: Maker, name: str) -> None:
    protections, scenario, rule = SCENARIOS[name]

    def make_sabotaged_box(**options: object) -> Box:
        return make_box(sabotage=protections, **options)

    assert rule in find_violations(scenario(make_sabotaged_box))
