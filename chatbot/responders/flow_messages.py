"""What the messages of one turn are to a flow: one saying, or an answer each; and what was listed before without buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chatbot.flows.asking import OpenQuestion, find_open
from chatbot.flows.machine import advance
from chatbot.flows.run import FlowBook, Moved, Run, World
from chatbot.flows.slots import Heard, read_slot
from chatbot.flows.spotting import PROSE
from chatbot.flows.understand import understand
from chatbot.length import CHANNELS, UNKNOWN_CHANNEL
from chatbot.reply import CustomerMessage, TurnInput
from chatbot.text import split_words

ANSWERS = {"fill", "choose", "confirm", "deny"}
NUMBERED = re.compile(r"^(\d{1,2})\. (\S.*)$")
# types of which a word or a figure anywhere is one; the others say themselves what they are
ANYWHERE = {"number", "yes_no"}
LEAST_LISTED = 2
LONGEST_PICK = 4


def group(messages: Sequence[CustomerMessage]) -> Iterator[list[CustomerMessage]]:
    """Button by button; what was only written in between belongs together."""
    written: list[CustomerMessage] = []
    for message in messages:
        if message.kind == "submitted":
            if written:
                yield written
            yield [message]
            written = []
        else:
            written.append(message)
    if written:
        yield written


def split_answers(
    written: list[CustomerMessage], book: FlowBook, run: Run | None, world: World
) -> Iterator[list[CustomerMessage]]:
    """Each by itself where every one is sure to answer a question of its own ("Ana", "ana@x.es"); else all are one saying
    ("mañana", "a las 5" to one question, or an afterthought)."""
    is_plain = all(message.text.strip() and not message.attachments for message in written)
    if run is not None and len(written) > 1 and is_plain and _answer_each(written, book, run, world):
        yield from ([message] for message in written)
    else:
        yield written


def _answer_each(written: Sequence[CustomerMessage], book: FlowBook, run: Run, world: World) -> bool:
    """Tried on the machine, which is pure. Who hasn't seen a question yet answers it only by what nothing else would be."""
    first = find_open(book, run)
    now: Run | None = run
    for n, message in enumerate(written):
        opened = find_open(book, now) if now is not None else None
        if now is None or opened is None or first is None or (n and not _is_plainly_for(opened, first, message.text, world)):
            return False
        commands = understand(message.text, book, now, world)
        moved = advance(book, now, commands, world)
        is_last = n == len(written) - 1
        if not commands or {c.do for c in commands} - ANSWERS or not _is_taken(now, moved) or (moved.wish and not is_last):
            return False
        now = moved.run
    return True


def _is_plainly_for(opened: OpenQuestion, first: OpenQuestion, text: str, world: World) -> bool:
    """Any words would do for a name, and a second number may put the first one right. Behind prose a number or a yes may be
    more of it ("necesito sillas", "tengo 3 hijos")."""
    if opened.spec is None or opened.spec.type in PROSE:
        return False
    is_open_to_all = first.spec is not None and first.spec.type in PROSE
    if is_open_to_all and opened.spec.type in ANYWHERE:
        return False
    return is_open_to_all or first.spec is None or not isinstance(read_slot(first.spec, text, world.where), Heard)


def _is_taken(before: Run, moved: Moved) -> bool:
    """Nothing was asked back, called wrong or mended, and the flow is further."""
    is_smooth = "tries" not in moved.notes and moved.notes.get("repair", "resumed") == "resumed"
    return is_smooth and (moved.run is None or moved.run.asked != before.asked)


def list_numbered(turn: TurnInput) -> list[str]:
    """The titles that the message before this turn listed with numbers, where the channel has no buttons."""
    is_pick = len(split_words(turn.text)) <= LONGEST_PICK and "?" not in turn.text  # more says more than which one
    if CHANNELS.get(turn.inbox.channel, UNKNOWN_CHANNEL).has_buttons or not turn.history or not is_pick:
        return []
    last = turn.history[-1]
    found = [match for line in last.text.splitlines() if (match := NUMBERED.match(line))] if last.who == "assistant" else []
    is_list = len(found) >= LEAST_LISTED and [int(match[1]) for match in found] == list(range(1, len(found) + 1))
    return [match[2].strip() for match in found] if is_list and last.text.rstrip().endswith(found[-1][0]) else []
