"""The promise of docs/delivery.md as a pure function: a history of acts in, the violations out.

The history is what chatbot/pretend/history.py writes, in its order; lines of other processes may be mixed in.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Line = Mapping[str, Any]
MARK = re.compile(r"(\d+)-(\d+)-(n?)(\d+)(?:-(\w+))?")
TROUBLE = {"fault", "up", "faults_cleared", "dropped_webhook", "webhook_failed", "killed", "stopped", "started"}
TURNS = {"status_changed", "assigned", "human_message", "human_note", "take_over"}
SAGA_MAY_IGNORE = {"assigned", "status_changed", "take_over"}


@dataclass(frozen=True)
class Violation:
    """rule: P1 to P6; subject: a message id or a mark."""

    rule: str
    conversation: int | None
    subject: int | str | None
    text: str

    def __str__(self) -> str:
        return f"{self.rule} conversation {self.conversation}, {self.subject}: {self.text}"


@dataclass(frozen=True)
class Stored:
    """One of our messages as it was stored. received: the place of its post_received in the history."""

    at: int
    t: float
    conversation: int
    mark: str
    newest: int
    place: int
    suffix: str
    is_note: bool
    text: str
    received: int
    received_t: float


@dataclass(frozen=True)
class Owed:
    """A customer's message or press that must have an outcome. opened_by: who had opened the conversation at that time."""

    at: int
    t: float
    message: int
    is_press: bool
    status: str
    opened_by: str


@dataclass
class Talk:
    """What happened in one conversation, each with its place in the history. turns: what may change who has it."""

    id: int
    owed: list[Owed] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    looks: list[tuple[int, Line]] = field(default_factory=list)  # those that show the status and the assignee
    openings: list[tuple[int, Line]] = field(default_factory=list)  # our calls to open, as they came
    turns: list[tuple[int, Line]] = field(default_factory=list)
    changes: list[tuple[int, Line]] = field(default_factory=list)
    unmarked: list[Any] = field(default_factory=list)
    presses: Counter[int] = field(default_factory=Counter)
    pressed: set[tuple[int, str]] = field(default_factory=set)
    failures: int = 0

    def status_at(self, at: int) -> tuple[str, str]:
        """The status at a place and who made it so."""
        before = bisect_right(self.changes, at, key=lambda change: change[0])
        if before:
            line = self.changes[before - 1][1]
            return line["now"], line["by"]
        return (self.owed[0].status if self.owed else "pending"), ""


@dataclass(frozen=True)
class Options:
    """reconciled: every stored customer message is owed, not only the accepted ones. within_s: the time for an outcome,
    from the message or the end of the last trouble (None: any). max_look_s: how old the look before a part may be;
    max_stale_s: how long a newer message may have been there when a reply to an older one comes (None: any)."""

    reconciled: bool = False
    within_s: float | None = None
    max_look_s: float = 1.0
    max_stale_s: float | None = None
    max_llm_calls: int = 6


def check(
    history: Iterable[Line],
    bot_view: Mapping[Any, Any] | None = None,
    *,
    llm_calls: Mapping[Any, int] | None = None,
    options: Options | None = None,
) -> list[Violation]:
    """Every breach of the promise.

    bot_view: message id -> "ignored:<rule>", "watched" or {"outcome": ..., "rule": ...}, from the bot's database;
    llm_calls: message id -> how many model calls it cost.
    """
    lines, chosen = list(history), options or Options()
    found: list[Violation] = []
    accepted = _accepted(lines)
    last_trouble = max((line["t"] for line in lines if line["act"] in TROUBLE), default=0.0)
    for talk in read_talks(lines).values():
        found += check_nothing_lost(talk, bot_view or {}, last_trouble, accepted, chosen)
        found += check_nothing_twice(talk)
        found += check_order(talk)
        found += check_humans_first(talk, chosen.max_look_s)
        found += check_newest_first(talk, chosen.max_stale_s)
    for message, count in (llm_calls or {}).items():
        if count > chosen.max_llm_calls:
            found.append(Violation("P6", None, message, f"{count} model calls, at most {chosen.max_llm_calls}"))
    return found


def read_talks(lines: list[Line]) -> dict[int, Talk]:
    talks: dict[int, Talk] = {}
    received: dict[Any, tuple[int, float]] = {}
    for at, line in enumerate(lines):
        number = line.get("conversation")
        if number is None:
            continue
        talk = talks.setdefault(number, Talk(number))
        act = line["act"]
        if act in TURNS:
            talk.turns.append((at, line))
        if act == "post_received":
            received[line["request"]] = (at, line["t"])
        elif act == "post_stored":
            _read_stored(talk, at, line, received.get(line.get("request"), (at, line["t"])))
        elif act == "look_answered" and line.get("what") == "conversation":
            talk.looks.append((at, line))
        elif act == "toggle_received" and line.get("status") == "open":
            talk.openings.append((at, line))
        elif act == "status_changed":
            talk.changes.append((at, line))
        elif act == "message_status":
            talk.failures += line.get("status") == "failed"
        elif act in ("customer_message", "customer_press"):
            _read_owed(talk, at, line)
    return talks


def _read_owed(talk: Talk, at: int, line: Line) -> None:
    is_press = line["act"] == "customer_press"
    press = (line["message"], repr(line.get("values")))
    if is_press and line.get("values") is not None and press in talk.pressed:
        return  # the same button again is the same input
    talk.pressed.add(press)
    status, by = talk.status_at(at)
    talk.owed.append(Owed(at, line["t"], line["message"], is_press, line.get("status", status), by))
    talk.presses[line["message"]] += is_press


def _read_stored(talk: Talk, at: int, line: Line, received: tuple[int, float]) -> None:
    mark = str(line.get("mark") or "")
    found = MARK.fullmatch(mark)
    if not found:
        talk.unmarked.append(line.get("message"))
        return
    is_note = bool(line.get("private") or found[3])
    text = str(line.get("text") or "").strip()
    newest, place, suffix = int(found[2]), int(found[4]), found[5] or ""
    talk.stored.append(Stored(at, line["t"], talk.id, mark, newest, place, suffix, is_note, text, *received))


def _accepted(lines: list[Line]) -> set[tuple[str, int]]:
    """(event, message) that were answered 2xx."""
    return {
        (line["event"], line["message"])
        for line in lines
        if line["act"] == "webhook_acked" and 200 <= line["status"] < 300 and line.get("message") is not None
    }


# --- P1: nothing lost ------------------------------------------------------------------------------------------------


def check_nothing_lost(
    talk: Talk, view: Mapping[Any, Any], last_trouble: float, accepted: set[tuple[str, int]], options: Options
) -> list[Violation]:
    found = []
    for owed in talk.owed:
        event = "message_updated" if owed.is_press else "message_created"
        if not options.reconciled and (event, owed.message) not in accepted:
            continue
        outcome, t = find_outcome(talk, owed, view)
        late = t - max(owed.t, last_trouble) if t is not None else 0.0
        if not outcome:
            found.append(Violation("P1", talk.id, owed.message, "was accepted and never had an outcome"))
        elif options.within_s is not None and late > options.within_s:
            found.append(Violation("P1", talk.id, owed.message, f"{outcome} only after {late:.0f} s"))
    return found


def find_outcome(talk: Talk, owed: Owed, view: Mapping[Any, Any]) -> tuple[str, float | None]:
    """("answered" | "noted" | "people" | "ignored" | "", when it came if that is known)."""
    for part in talk.stored:
        if part.at < owed.at or part.newest < owed.message:
            continue
        if not part.is_note:
            return "answered", part.t
        opened = (line["now"] for at, line in talk.changes if at > part.at)
        if talk.status_at(part.at)[0] != "pending" or any(status != "pending" for status in opened):
            return "noted", part.t
    if owed.status not in ("pending", "") and owed.opened_by != "system":
        return "people", None
    if _is_taken(talk, owed):
        return "people", None
    return ("ignored", None) if _is_excused(view.get(owed.message, view.get(str(owed.message)))) else ("", None)


def _is_taken(talk: Talk, owed: Owed) -> bool:
    """People had it when the message came, or took it afterwards."""
    active: list[tuple[int, Line]] = []
    for at, line in talk.turns:
        if _is_take_over(line) or (_is_by_human(line) and line.get("now") in ("resolved", "snoozed")):
            if at > owed.at:
                return True
            active.append((at, line))
        elif _is_handback(line):
            if at > owed.at:
                break
            active.clear()
        elif _is_unassigned(line) and at < owed.at:
            active = [(place, taken) for place, taken in active if taken["act"] != "assigned"]
    return bool(active)


def _is_excused(outcome: Any) -> bool:
    if isinstance(outcome, Mapping):
        outcome = f"{outcome.get('outcome')}:{outcome.get('rule') or ''}"
    name, _, rule = str(outcome or "").partition(":")
    return name == "watched" or (name == "ignored" and bool(rule))


# --- P3, P4: nothing twice, in order ---------------------------------------------------------------------------------


def check_nothing_twice(talk: Talk) -> list[Violation]:
    found = [
        Violation("P3", talk.id, mark, f"was stored {count} times")
        for mark, count in Counter(s.mark for s in talk.stored).items()
        if count > 1
    ]
    found += [Violation("P3", talk.id, message, "was posted without a mark") for message in talk.unmarked]
    places: defaultdict[Any, set[str]] = defaultdict(set)
    texts: defaultdict[Any, set[str]] = defaultdict(set)
    for s in talk.stored:
        places[(s.newest, s.is_note, s.place, bool(s.suffix))].add(s.mark)
        texts[(s.newest, s.is_note, s.text)].add(s.mark)
    for (newest, _, place, has_suffix), marks in places.items():
        if len(marks) > (max(talk.presses[newest], 1) + talk.failures if has_suffix else 1):
            found.append(Violation("P3", talk.id, newest, f"part {place} was said under {', '.join(sorted(marks))}"))
    for (newest, _, _), marks in texts.items():
        if len(marks) > max(talk.presses[newest], 1) + talk.failures * all(mark.count("-") > 2 for mark in marks):
            found.append(Violation("P3", talk.id, newest, f"the same text was said under {', '.join(sorted(marks))}"))
    return found


def check_order(talk: Talk) -> list[Violation]:
    found = []
    newest = 0
    places: dict[tuple[int, bool, str], int] = {}
    for s in talk.stored:
        reply = (s.newest, s.is_note, s.suffix)
        if places.get(reply, 0) > s.place:
            found.append(Violation("P4", talk.id, s.mark, f"came after part {places[reply]} of the same reply"))
        places[reply] = max(places.get(reply, 0), s.place)
        if s.is_note or s.suffix:
            continue
        if s.newest < newest:
            found.append(Violation("P4", talk.id, s.mark, f"came after a reply to the newer message {newest}"))
        newest = max(newest, s.newest)
    return found


def check_newest_first(talk: Talk, max_stale_s: float | None) -> list[Violation]:
    """A reply that nothing of was sent yet when the customer wrote again should have been thrown away."""
    if max_stale_s is None:
        return []
    return [
        Violation("P4", talk.id, s.mark, f"came though message {owed.message} had been there for {s.received_t - owed.t:.1f} s")
        for s in talk.stored
        if s.place == 1 and not s.is_note
        for owed in talk.owed
        if owed.message > s.newest and s.received_t - owed.t > max_stale_s
    ]


# --- P5: humans first ------------------------------------------------------------------------------------------------


def check_humans_first(talk: Talk, max_look_s: float) -> list[Violation]:
    """No public part after a take-over that the last look showed, or could have shown had it been taken in time."""
    found = []
    unseen: Counter[int] = Counter()
    for part in talk.stored:
        if part.is_note:
            continue
        look = last_look(talk, part.received)
        for at, take_over, is_in_moment in _active_take_overs(talk, part, max_look_s):
            problem = ""
            if look is None:
                problem = "without any look"
            elif not is_in_moment and _shows(look, at, take_over):
                problem = "which the last look had shown"
            elif not is_in_moment and part.received_t - look[1]["t"] > max_look_s:
                problem = f"with a look {part.received_t - look[1]['t']:.1f} s old"
            elif unseen[at]:
                problem = "as the second part since"
            if problem:
                what = f"was said after a {take_over['act']} by {take_over.get('by')}, {problem}"
                found.append(Violation("P5", talk.id, part.mark, what))
                break
            unseen[at] += 1
    return found


def last_look(talk: Talk, before: int) -> tuple[int, Line] | None:
    at = bisect_left(talk.looks, before, key=lambda look: look[0])
    return talk.looks[at - 1] if at else None


def _moment_of_opening(talk: Talk, opened_at: int, max_look_s: float) -> range:
    """Between our last look and our own opening: after that nothing tells a person's assignment from Chatwoot's own."""
    call = max((call for call in talk.openings if call[0] < opened_at), default=None, key=lambda call: call[0])
    look = last_look(talk, call[0]) if call else None
    if call is None or look is None or "seen_t" in look[1] or call[1]["t"] - look[1]["t"] > max_look_s:
        return range(0)
    return range(look[0], opened_at)


def _shows(look: tuple[int, Line], at: int, take_over: Line) -> bool:
    seen_t = look[1].get("seen_t")
    return bool(take_over["t"] <= seen_t) if seen_t is not None else at < look[0]


def _active_take_overs(talk: Talk, part: Stored, max_look_s: float) -> list[tuple[int, Line, bool]]:
    """Those in force when the part was received, without what doesn't stop our own handoff's text; whether in its moment."""
    active: list[tuple[int, Line]] = []
    opened_at: int | None = None
    answered = [o.at for o in talk.owed if o.message <= part.newest and o.at < part.received]
    for at, line in talk.turns:
        if at >= part.received:
            break
        if _is_take_over(line):
            active.append((at, line))
        elif _is_handback(line):
            active.clear()
        elif _is_unassigned(line):
            active = [(place, taken) for place, taken in active if taken["act"] != "assigned"]
        if line["act"] == "status_changed":
            opened_at = at if (line["now"], line["by"]) == ("open", "bot") else None
    if opened_at is None or not answered or max(answered) > opened_at:
        return [(*taken, False) for taken in active]
    moment = _moment_of_opening(talk, opened_at, max_look_s)
    ignores = SAGA_MAY_IGNORE
    return [(at, t, at in moment and t["act"] in ignores) for at, t in active if at < opened_at or t["act"] not in ignores]


def _is_by_human(line: Line) -> bool:
    return str(line.get("by", "")).startswith("human")


def _is_take_over(line: Line) -> bool:
    act = line["act"]
    if act == "assigned":
        return _is_by_human(line) and line.get("assignee_type") == "User"
    if act == "status_changed":
        return _is_by_human(line) and line["now"] == "open"
    if act == "human_note":
        return str(line.get("text", "")).strip().lower() == "/bot off"
    return bool(act in ("human_message", "take_over"))


def _is_handback(line: Line) -> bool:
    """Pending again by anybody but us, or the command."""
    if line["act"] == "status_changed":
        return bool(line["now"] == "pending" and line["by"] != "bot")
    return line["act"] == "human_note" and str(line.get("text", "")).strip().lower() == "/bot on"


def _is_unassigned(line: Line) -> bool:
    """Ends what an assignment alone had said; opening or answering holds on."""
    return bool(line["act"] == "assigned" and line.get("assignee_type") is None)
