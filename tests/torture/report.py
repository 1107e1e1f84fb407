"""The run's table, and for each violation what is needed to understand it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checker import Violation
from figures import count_outcomes, measure_looks

from chatbot.pretend.history import Line
from torture.installation import Installation
from torture.plan import Plan
from torture.run import Outcome

RULES = {"P1": "lost", "P3": "doubled", "P4": "out of order", "P5": "after a visible take-over", "P6": "too many model calls"}
ENDS = {"answered": "answered", "noted": "a note to people", "people": "people had it", "ignored": "by a rule", "": "none"}
SHOWN = 12
NOISE = {"seq", "t", "act", "conversation", "delivery", "to", "attempt"}
BOT_ROWS = {
    "conversation": "SELECT * FROM conversation WHERE chatwoot_id = :c",
    **{
        table: f"SELECT t.* FROM {table} t JOIN conversation c ON c.id = conversation_id WHERE c.chatwoot_id = :c ORDER BY t.id"
        for table in ("message", "turn", "part", "action", "llm_call")
    },
}
UNSETTLED = """
SELECT c.chatwoot_id FROM conversation c WHERE in_seq > answered_seq OR wake_at IS NOT NULL
  OR EXISTS (SELECT FROM turn t WHERE t.conversation_id = c.id AND finished_at IS NULL) ORDER BY 1
"""
PARTS = """
SELECT count(*) FILTER (WHERE unknown_since IS NOT NULL) AS unknown, count(*) FILTER (WHERE state = 'held') AS held,
  count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE attempts > 1) AS again FROM part
"""
CALLS = "SELECT count(*) FROM llm_call GROUP BY conversation_id, answered_seq ORDER BY 1 DESC LIMIT 1"
SOURCES = "SELECT source, count(*) FROM message WHERE seq IS NOT NULL GROUP BY 1"
OUTCOMES = """
SELECT coalesce(t.state || coalesce(':' || t.rule, ''), 'no turn') AS outcome, count(*) FROM message m
LEFT JOIN turn t ON t.id = m.turn_id WHERE m.seq IS NOT NULL GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True)
class Result:
    """A run that has ended."""

    plan: Plan
    box: Installation
    outcome: Outcome
    history: Sequence[Line]
    violations: Sequence[Violation]

    @property
    def is_good(self) -> bool:
        return not self.violations and self.outcome.settled_s is not None


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def make_table(result: Result) -> list[tuple[str, object]]:
    box, outcome = result.box, result.outcome
    by_rule = Counter(v.rule for v in result.violations)
    return [
        ("seed", result.plan.seed),
        *count_messages(result),
        *((RULES.get(rule, rule), by_rule[rule]) for rule in RULES),
        ("kills", list_counts(outcome.kills)),
        ("storms", list_counts(outcome.storms)),
        ("people and presses", list_counts(Counter({k: n for k, n in outcome.acts.items() if k not in {"text", "media"}}))),
        ("not possible at that moment", list_counts(outcome.skipped)),
        ("ended by itself and started again", list_counts(box.keeper.ended)),
        *measure(result),
        ("time to settle", f"{outcome.settled_s:.1f} s" if outcome.settled_s is not None else "NOT SETTLED"),
    ]


def count_messages(result: Result) -> list[tuple[str, object]]:
    """How the customers' messages ended, as Chatwoot has it and by the bot's own rows."""
    history, box = result.history, result.box
    owed = [line for line in history if line["act"] in ("customer_message", "customer_press")]
    acked = {
        (line["event"], line["message"]) for line in history if line["act"] == "webhook_acked" and 200 <= line["status"] < 300
    }
    events = {"customer_message": "message_created", "customer_press": "message_updated"}
    sources = {r["source"]: r["count"] for r in box.ask(SOURCES)}
    ends = count_outcomes(history, box.bot_view())
    rows: list[tuple[str, object]] = [
        ("messages sent", len(owed)),
        ("  accepted by webhook", sum((events[line["act"]], line["message"]) in acked for line in owed)),
        ("  found by reading only", sources.get("reconcile", 0)),
    ]
    rows += [(f"  in Chatwoot: {name}", ends.get(kind, 0)) for kind, name in ENDS.items()]
    return rows + [(f"  by the bot: {r['outcome']}", r["count"]) for r in box.ask(OUTCOMES)]


def measure(result: Result) -> list[tuple[str, object]]:
    windows = [s * 1000 for s in measure_looks(result.history)]
    parts = result.box.ask(PARTS)[0]
    calls = result.box.ask(CALLS)
    shown = ", ".join(f"{name} {percentile(windows, share):.0f}" for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)))
    return [
        ("take-over window, ms", shown),
        ("parts sent", parts["sent"]),
        ("parts once unknown / held / tried again", f"{parts['unknown']} / {parts['held']} / {parts['again']}"),
        ("model calls per message, at most", calls[0]["count"] if calls else 0),
        ("plan behind its time, at most", f"{result.outcome.late_s:.1f} s"),
    ]


def list_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "none"


def show_table(table: list[tuple[str, object]]) -> str:
    width = max(len(name) for name, _ in table) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in table)


def find_forgotten(history: Iterable[Line], inputs: Mapping[tuple[int, str], bool]) -> list[Violation]:
    """What the bot never stored, or never took into a turn. In Chatwoot alone a later reply would hide that."""
    kinds = {"customer_message": "created", "customer_press": "submitted"}
    found = []
    for line in history:
        if line["act"] in kinds:
            has_turn = inputs.get((line["message"], kinds[line["act"]]))
            if not has_turn:
                why = "was never stored by the bot" if has_turn is None else "never got a turn"
                found.append(Violation("P1", line["conversation"], line["message"], f"{line['act']} {why}"))
    return found


# --- violations ------------------------------------------------------------------------------------------------------


def explain(result: Result) -> str:
    """Every violation, and the whole story of the first conversations."""
    lines = [str(v) for v in result.violations]
    found = list(dict.fromkeys(v.conversation for v in result.violations if v.conversation is not None))
    if result.outcome.settled_s is None:
        found += [r["chatwoot_id"] for r in result.box.ask(UNSETTLED)]
    for conversation in found[:SHOWN]:
        lines += ["", f"=== conversation {conversation}", *tell(result, conversation)]
    left = len(found) - SHOWN
    return "\n".join([*lines, f"... and {left} more conversations" if left > 0 else ""])


def tell(result: Result, conversation: int) -> list[str]:
    """What happened in it, kills between, then the bot's rows."""
    own = [line for line in result.history if line.get("conversation") == conversation]
    begin = own[0]["t"] if own else 0.0
    end = own[-1]["t"] if own else 0.0
    requests = {line["request"] for line in own if "request" in line}
    lines = []
    for line in result.history:
        if not begin - 1 <= line["t"] <= end + 1:
            continue
        is_ours = line.get("conversation") == conversation or line.get("request") in requests
        if is_ours or line["act"] in ("killed", "started", "stopped", "up") or line.get("kind") == "down":
            facts = " ".join(f"{k}={v}" for k, v in line.items() if k not in NOISE and v is not None)
            lines.append(f"{line['t'] - begin:8.3f} {line['act']} {facts}")
    for name, statement in BOT_ROWS.items():
        for row in result.box.ask(statement, c=conversation):
            lines.append(f"  {name}: " + " ".join(f"{k}={show(v, begin)}" for k, v in row.items() if v is not None))
    return lines


def show(value: Any, begin: float) -> str:
    """Times as seconds from the conversation's first act."""
    if hasattr(value, "timestamp"):
        return f"@{value.timestamp() - begin:.3f}"
    return repr(value)[:80] if isinstance(value, str) else str(value)[:80]


def to_json(table: list[tuple[str, object]]) -> str:
    return json.dumps({name.strip(): value for name, value in table}, ensure_ascii=False, indent=1, default=str)
