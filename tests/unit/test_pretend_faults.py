"""The pretend Chatwoot fails as ordered, and obeys other processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.bot import Bot, call, say, settle, standing_bot

from chatbot.pretend import Fault, PretendChatwoot, Remote, read_history
from chatbot.pretend.faults import FaultPlan


@pytest.fixture
def bot() -> Iterator[Bot]:
    with standing_bot() as bot:
        yield bot


@pytest.fixture
def pretend(bot: Bot) -> Iterator[PretendChatwoot]:
    with PretendChatwoot(bot.url, retry_s=0.05, timeout_s=1) as pretend:
        yield pretend


# --- faults ----------------------------------------------------------------------------------------------------------


def test_failing_before_stores_nothing_and_failing_after_does(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.fault("post_message", "status", times=1, status=500)
    pretend.fault("post_message", "status_after", times=1, status=422)
    assert (say(pretend, number, "1-1-1")[0], pretend.replies(number)) == (500, [])
    assert (say(pretend, number, "1-1-2")[0], [m.mark for m in pretend.replies(number)]) == (422, ["1-1-2"])
    assert say(pretend, number, "1-1-3")[0] == 200


@pytest.mark.parametrize(("kind", "stored"), [("refuse", 0), ("reset", 1), ("hang", 0), ("late", 1)])
def test_a_call_may_end_without_an_answer(pretend: PretendChatwoot, kind: str, stored: int) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.fault("post_message", kind, times=1, delay_s=0.1)
    with pytest.raises(OSError):  # noqa: PT011  closed, reset: each is one
        say(pretend, number)
    assert len(pretend.replies(number)) == stored
    acts = [line["act"] for line in pretend.history.acts("post_received", "fault", "post_stored", "post_answered")]
    assert acts == ["post_received", "fault", *["post_stored"] * stored, "post_answered"]


def test_a_late_post_is_stored_after_the_caller_has_gone(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.fault("post_message", "late", times=1, delay_s=0.4)
    request = urllib.request.Request(
        f"{pretend.url}/api/v1/accounts/1/conversations/{number}/messages",
        b'{"content": "x", "content_attributes": {"mostrador": "1-1-1"}}',
        {"Api-Access-Token": pretend.bot.token},
    )
    with pytest.raises(OSError):  # noqa: PT011  a time-out
        urllib.request.urlopen(request, timeout=0.1)
    assert pretend.replies(number) == []
    assert pretend.wait_until(lambda: len(pretend.replies(number)) == 1, 2)


def test_a_stale_read_shows_the_state_of_a_moment_ago(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    time.sleep(1.2)
    pretend.take_over(number)
    pretend.fault("get_conversation", "stale", times=1, age_s=1.0)
    _, stale = call(pretend, "GET", f"/conversations/{number}")
    _, fresh = call(pretend, "GET", f"/conversations/{number}")
    assert (stale["status"], stale["meta"]["assignee"]) == ("pending", None)
    assert fresh["status"] == "open"
    assert ["seen_t" in line for line in pretend.history.acts("look_answered")] == [True, False]


def test_down_refuses_connections_while_the_control_api_stays(pretend: PretendChatwoot) -> None:
    remote = Remote(pretend.control_url)
    remote.act("down")
    with pytest.raises(urllib.error.URLError, match="refused"):
        call(pretend, "GET", "/conversations/0")
    remote.act("up")
    assert call(pretend, "GET", "/conversations/0")[0] == 404


def test_an_act_may_take_an_argument_called_name(pretend: PretendChatwoot) -> None:
    assert Remote(pretend.control_url).act("add_inbox", name="WhatsApp", channel="Channel::Whatsapp") == 2


def test_webhooks_are_dropped_doubled_and_delayed_as_ordered(pretend: PretendChatwoot, bot: Bot) -> None:
    pretend.fault("webhook", "drop", times=1, event="message_created")
    number = pretend.customer("1")["conversation"]
    pretend.fault("webhook", "duplicate", times=1, copies=2)
    pretend.customer("2", conversation=number)
    settle(pretend)
    assert [b["content"] for b in bot.bodies] == ["2", "2", "2"]
    assert len({r.headers["x-chatwoot-delivery"] for r in bot.requests}) == 1
    pretend.fault("webhook", "delay", times=1, delay_s=0.5)
    pretend.customer("3", conversation=number)
    pretend.customer("4", conversation=number)
    settle(pretend)
    assert [b["content"] for b in bot.bodies[3:]] == ["4", "3"]


def test_only_our_own_echoes_may_be_dropped(pretend: PretendChatwoot, bot: Bot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.fault("echo", "drop")
    say(pretend, number)
    settle(pretend)
    assert [b["event"] for b in bot.bodies if b.get("message_type") != "incoming"] == ["conversation_updated"]


def test_a_seed_fixes_what_strikes() -> None:
    def draws(seed: int) -> list[bool]:
        plan = FaultPlan(seed)
        plan.add(Fault("api", "status", probability=0.5))
        return [bool(plan.draw("api")) for _ in range(40)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)


def test_a_fault_may_skip_some_be_for_one_conversation_and_end() -> None:
    plan = FaultPlan()
    plan.add(Fault("api", "status", skip=1, times=1, conversation=5))
    assert [bool(plan.draw("api", conversation=c)) for c in (5, 4, 5, 5)] == [False, False, True, False]
    plan.add(Fault("api", "status", for_s=-1))
    assert plan.draw("api") == []
    with pytest.raises(ValueError, match="delay"):
        Fault.from_json({"where": "webhook", "kind": "hang"})


# --- from outside ----------------------------------------------------------------------------------------------------


def test_the_control_api_does_and_shows_everything(pretend: PretendChatwoot, bot: Bot) -> None:
    remote = Remote(pretend.control_url)
    made = remote.act("customer", text="hola")
    remote.act("customer_many", messages=[{"text": "a", "conversation": made["conversation"]}] * 2)
    remote.act("faults", faults=[{"where": "post_message", "kind": "status", "status": 429, "times": 1}])
    assert say(pretend, made["conversation"])[0] == 429
    assert [m["content"] for m in remote.read("messages", conversation=made["conversation"])] == ["hola", "a", "a"]
    assert remote.read("conversations")[0]["status"] == "pending"
    assert remote.read("stats")["messages"] == 3
    assert remote.read("history")[0]["act"] == "customer_message"
    assert remote.act("configure", may_list=False) == {"may_list": False}
    with pytest.raises(urllib.error.HTTPError, match="422"):
        remote.act("drop_all_tables")


def test_the_process_writes_its_history_and_says_how_to_reach_it(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    command = [sys.executable, "-m", "chatbot.pretend", "--history", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        access = json.loads(process.stdout.readline())
        assert Remote(access["control_url"]).act("customer", text="¿hola?")["message"] == 1001
        process.terminate()
        assert process.wait(30) == 0
    lines = read_history(str(path))
    assert [(line["seq"], line["act"], line["text"]) for line in lines] == [(1, "customer_message", "¿hola?")]
