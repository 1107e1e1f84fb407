"""Carries a plan out: every step in its time, then the end of all faults and the wait until everything is settled."""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torture.installation import FROZEN_S, Installation
from torture.plan import WEATHER, Plan, Step

AGENT = 8
LLM_STORMS: dict[str, dict[str, Any]] = {
    "llm_errors": {"mode": "status", "status": 500},
    "llm_half": {"mode": "half_json"},
    "llm_slow": {"delay_s": 2.5},
}
STORMS: dict[str, dict[str, Any]] = {
    "drop_webhooks": {"where": "webhook", "kind": "drop"},
    "drop_echoes": {"where": "echo", "kind": "drop"},
    "api_errors": {"where": "api", "kind": "status", "status": 500, "probability": 0.4},
    "api_limit": {"where": "api", "kind": "status", "status": 429, "probability": 0.6},
    "jitter": {"where": "webhook", "kind": "delay", "delay_s": 1.5, "jitter": True},
}


@dataclass
class Customer:
    """Who they are in Chatwoot, once they have written. said: the ids of their messages."""

    contact: int
    conversation: int
    said: list[int] = field(default_factory=list)


@dataclass
class Outcome:
    """settled_s: from the end of the faults until nothing was left to do; None where that took too long."""

    settled_s: float | None = None
    kills: Counter[str] = field(default_factory=Counter)
    storms: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    late_s: float = 0.0


class Run:
    """do() carries out the plan of an installation that has been started."""

    def __init__(self, plan: Plan, box: Installation) -> None:
        self._plan = plan
        self._box = box
        self._chance = random.Random(plan.seed)
        self._customers: dict[int, Customer] = {}
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self.outcome = Outcome()

    def do(self) -> None:
        for fault in WEATHER:
            self._box.chatwoot.act("fault", **fault)
        begun = time.monotonic()
        for step in self._plan.steps:
            self._later(begun + step.at, self._doer(step))
        last = begun + max([self._plan.seconds, *(s.at for s in self._plan.steps)])
        while self._due:
            at, _, work = heapq.heappop(self._due)
            now = time.monotonic()
            time.sleep(max(at - now, 0))
            self.outcome.late_s = max(self.outcome.late_s, now - at)
            work()
        time.sleep(max(last - time.monotonic(), 0))

    def _later(self, at: float, work: Callable[[], object]) -> None:
        heapq.heappush(self._due, (at, len(self._due) + self._chance.getrandbits(30), work))

    def _doer(self, step: Step) -> Callable[[], object]:
        return lambda: self._take(step)

    def _take(self, step: Step) -> None:
        if step.act == "kill":
            self._kill(**step.facts)
        elif step.act == "storm":
            self._storm(**step.facts)
        else:
            is_done = getattr(self, f"_{step.act}")(step)
            (self.outcome.skipped if is_done is False else self.outcome.acts)[step.act] += 1

    # --- breaking ------------------------------------------------------------------------------------------------

    def _kill(self, kind: str, which: int, pause_s: float) -> None:
        if not self._box.break_one(kind, which, pause_s):
            self.outcome.skipped[f"kill {kind}"] += 1
            return
        self.outcome.kills[kind] += 1
        if kind == "worker_frozen":
            self._later(time.monotonic() + FROZEN_S + pause_s, lambda: self._box.thaw(which))

    def _storm(self, kind: str, for_s: float) -> None:
        self.outcome.storms[kind] += 1
        chatwoot, llm = self._box.chatwoot, self._box.llm
        assert llm is not None
        if kind == "down":
            chatwoot.act("down")
            self._later(time.monotonic() + for_s, lambda: chatwoot.act("up"))
        elif kind in LLM_STORMS:
            llm.plan(**LLM_STORMS[kind])
            self._later(time.monotonic() + for_s, llm.reset)
        else:
            chatwoot.act("fault", **STORMS[kind], for_s=for_s)

    # --- customers -----------------------------------------------------------------------------------------------

    def _say(self, step: Step, **facts: Any) -> None:
        known = self._customers.get(step.who)
        place = {"contact": known.contact} if known else {"inbox": step.facts.get("inbox", 0) + 1, "name": f"Lola {step.who}"}
        said = self._box.chatwoot.act("customer", **place, **facts)
        customer = self._customers.setdefault(step.who, Customer(said["contact"], said["conversation"]))
        customer.conversation = said["conversation"]
        customer.said.append(said["message"])

    def _text(self, step: Step) -> None:
        self._say(step, text=step.facts["word"])

    def _media(self, step: Step) -> None:
        self._say(step, text=None, attachments=[{"file_type": step.facts["word"]}])

    def _press(self, step: Step) -> bool:
        """One of the bot's own buttons, if it has shown any."""
        messages = self._messages(step)
        shown = [m for m in messages if m["content_type"] == "input_select" and m["mark"] and m["status"] != "failed"]
        if not shown:
            return False
        items = shown[-1]["content_attributes"]["items"]
        self._box.chatwoot.act("press", message=shown[-1]["id"], values=items[step.facts["place"] % len(items)]["value"])
        return True

    def _messages(self, step: Step) -> list[dict[str, Any]]:
        known = self._customers.get(step.who)
        return self._box.chatwoot.read("messages", conversation=known.conversation) if known else []

    # --- people --------------------------------------------------------------------------------------------------

    def _person(self, step: Step, act: str, **facts: Any) -> bool:
        known = self._customers.get(step.who)
        if known is None:
            return False
        self._box.chatwoot.act(act, conversation=known.conversation, **facts)
        return True

    def _take_over(self, step: Step) -> bool:
        return self._person(step, "take_over", agent=AGENT)

    def _reply(self, step: Step) -> bool:
        return self._person(step, "agent_reply", text="Le atiendo yo.", agent=AGENT)

    def _bot_off(self, step: Step) -> bool:
        return self._person(step, "note", text="/bot off")

    def _bot_on(self, step: Step) -> bool:
        return self._person(step, "note", text="/bot on")

    def _assign(self, step: Step) -> bool:
        return self._person(step, "assign", agent=AGENT)

    def _resolve(self, step: Step) -> bool:
        return self._person(step, "resolve")

    def _hand_back(self, step: Step) -> bool:
        return self._person(step, "hand_back")

    def _delete_customers(self, step: Step) -> bool:
        known = self._customers.get(step.who)
        if known is None:
            return False
        self._box.chatwoot.act("delete_message", message=known.said[-1])
        return True

    def _newest_reply(self, step: Step, content_type: str) -> int | None:
        replies = [m for m in self._messages(step) if m["mark"] and not m["private"] and m["content_type"] == content_type]
        return replies[-1]["id"] if replies else None

    def _delete_bots(self, step: Step) -> bool:
        message = self._newest_reply(step, "text")  # with buttons, a press that no webhook told would be wiped too
        if message is None:
            return False
        self._box.chatwoot.act("delete_message", message=message)
        return True

    def _fail(self, step: Step) -> bool:
        """The channel says later that a message of the bot never arrived."""
        message = self._newest_reply(step, "text")  # nobody presses a button that never arrived
        if message is None:
            return False
        self._box.chatwoot.act("set_message_status", message=message, status="failed", error="131026: Message undeliverable")
        return True


def end_faults(box: Installation) -> float:
    """Nothing is broken any more. Returns when that was, once every program runs again."""
    box.chatwoot.act("clear_faults")
    box.chatwoot.act("up")
    assert box.llm is not None
    box.llm.reset()
    end = time.monotonic() + 30
    while not (box.keeper.all_alive() and box.is_ready()) and time.monotonic() < end:
        time.sleep(0.1)
    box.record("faults_cleared", by="torture")
    return time.time()


OPEN = """
SELECT (SELECT count(*) FROM conversation WHERE in_seq > answered_seq OR wake_at IS NOT NULL) AS owed,
  (SELECT count(*) FROM turn WHERE finished_at IS NULL) AS turns,
  (SELECT reconciled_at > to_timestamp(:since) FROM instance) AS is_reconciled
"""


def wait_until_settled(box: Installation, since: float, limit_s: float) -> float | None:
    """Seconds until everything was read, told and answered, and stayed so for a moment; None after the limit."""
    quiet_since: float | None = None
    while time.time() - since < limit_s:
        rows = box.ask(OPEN, since=since)
        is_done = bool(rows) and rows[0]["is_reconciled"] and rows[0]["owed"] + rows[0]["turns"] == 0
        is_quiet = is_done and box.chatwoot.waiting == 0
        if not is_quiet:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.time()
        elif time.time() - quiet_since > 1.0:
            return quiet_since - since
        time.sleep(0.1)
    return None
