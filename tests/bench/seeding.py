"""Customers who wait for an answer: their conversations in the pretend Chatwoot, and as intake would have stored them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from bench.site import OURS, Site
from bench.table import percentile

BATCH = 500
LEAD_S = 2.5  # from the seeding's end to the first due time: a bare loop starts within it

SEED = text("""
WITH given AS (
  SELECT * FROM unnest(CAST(:conversations AS bigint[]), CAST(:messages AS bigint[]), CAST(:dues AS float8[]))
    AS g (conversation, message, due)
), c AS (
  INSERT INTO conversation (chatwoot_id, inbox_id, has_bot, in_seq, answer_due_at)
  SELECT conversation, (SELECT id FROM inbox WHERE chatwoot_id = 1), true, 1, to_timestamp(due) FROM given
  RETURNING id, chatwoot_id
)
INSERT INTO message (conversation_id, chatwoot_id, seq, author, text, sent_at)
SELECT c.id, message, 1, 'customer', :text, now() FROM c JOIN given ON given.conversation = c.chatwoot_id
""")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Conversations, each with one waiting message, and when each answer is due (Unix seconds)."""

    due: dict[int, float]

    @property
    def first_due(self) -> float:
        return min(self.due.values())


def create_conversations(site: Site, count: int, words: str) -> list[tuple[int, int]]:
    """(conversation, message) of new customers in the pretend Chatwoot; nobody is told."""
    made: list[dict[str, int]] = []
    for begin in range(0, count, BATCH):
        messages = [{"text": words}] * min(BATCH, count - begin)
        made += site.chatwoot.act("customer_many", messages=messages)
    return [(m["conversation"], m["message"]) for m in made]


def seed_crowd(site: Site, count: int, words: str, *, rate: float | None = None, database: str = OURS) -> Crowd:
    """rate: so many become due each second; None: all at once."""
    made = create_conversations(site, count, words)
    begin = time.time() + LEAD_S
    crowd = Crowd({conversation: begin + (n / rate if rate else 0) for n, (conversation, _) in enumerate(made)})
    conversations, messages = [c for c, _ in made], [m for _, m in made]
    with site.engine(database).begin() as connection:
        values = {"conversations": conversations, "messages": messages, "dues": list(crowd.due.values()), "text": words}
        connection.execute(SEED, values)
    return crowd


def wait_until_answered(site: Site, timeout_s: float, database: str = OURS) -> None:
    statement = "SELECT EXISTS (SELECT FROM conversation WHERE in_seq > answered_seq)"
    site.wait(lambda: not site.rows(statement, database)[0][0], "all are answered", timeout_s)


def read_posted(site: Site, crowd: Crowd) -> dict[int, float]:
    """conversation -> when the stand-in stored its first reply. Raises RuntimeError where there isn't exactly one."""
    found: dict[int, list[float]] = {conversation: [] for conversation in crowd.due}
    for message in site.chatwoot.read("messages"):
        if message["mark"] and message["conversation_id"] in found:
            found[message["conversation_id"]].append(message["created_at"])
    wrong = [conversation for conversation, times in found.items() if len(times) != 1]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(found)} conversations without exactly one reply, such as {wrong[0]}")
    return {conversation: times[0] for conversation, times in found.items()}


def read_started(site: Site, crowd: Crowd) -> dict[int, float]:
    """conversation -> when its turn was opened, right after the claim."""
    rows = site.rows(
        "SELECT c.chatwoot_id, extract(epoch FROM min(t.started_at))::float FROM turn t JOIN conversation c"
        " ON c.id = t.conversation_id WHERE c.chatwoot_id = ANY(:ids) GROUP BY 1",
        ids=list(crowd.due),
    )
    return {row[0]: row[1] for row in rows}


def lags_ms(since: dict[int, float], until: dict[int, float]) -> dict[str, float]:
    lags = [(until[name] - at) * 1000 for name, at in since.items()]
    return {"p50": percentile(lags, 50), "p99": percentile(lags, 99)}


def pick_kinds(site: Site, crowd: Crowd) -> Sequence[str]:
    """Which responders answered, so that a measurement can say that it measured what it meant to."""
    rows = site.rows(
        "SELECT DISTINCT coalesce(t.responder, t.state) FROM turn t JOIN conversation c ON c.id = t.conversation_id"
        " WHERE c.chatwoot_id = ANY(:ids)",
        ids=list(crowd.due),
    )
    return [row[0] for row in rows]
