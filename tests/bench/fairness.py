"""Whether one contact's flood delays the others: from due to the start of their turns, without and with it."""

from __future__ import annotations

import time

from sqlalchemy import text

from bench.seeding import create_conversations, lags_ms, read_started, seed_crowd, wait_until_answered
from bench.site import Site
from bench.table import Figure, make_figure
from bench.turns import RATE, SETTINGS, THREADS, WORDS

FLOOD = 5_000

SEED_FLOOD = text("""
WITH c AS (
  INSERT INTO conversation (chatwoot_id, inbox_id, has_bot, in_seq, answer_due_at)
  VALUES (:conversation, (SELECT id FROM inbox WHERE chatwoot_id = 1), true, :count, to_timestamp(:due)) RETURNING id
)
INSERT INTO message (conversation_id, chatwoot_id, seq, author, text, sent_at)
SELECT c.id, :message + n, n, 'customer', :text, now() FROM c, generate_series(1, :count) n
""")


def measure(seconds: float, rounds: int) -> list[Figure]:
    lags: dict[str, list[dict[str, float]]] = {"calm": [], "flooded": []}
    with Site(**SETTINGS) as site:
        site.start_workers(1, THREADS)
        seed_crowd(site, 2 * RATE, WORDS, rate=RATE)
        wait_until_answered(site, 60)
        for number in range(rounds):
            for kind, found in lags.items():
                if kind == "flooded":
                    seed_flood(site, (number + 1) * 10_000_000)
                crowd = seed_crowd(site, round(RATE * seconds), WORDS, rate=RATE)
                wait_until_answered(site, 120)
                found.append(lags_ms(crowd.due, read_started(site, crowd)))
    return [
        make_figure(f"due to started beside {FLOOD:,} waiting of one contact, {name}", "ms",
                    [r[name] for r in lags["flooded"]], [r[name] for r in lags["calm"]])
        for name in ("p50", "p99")
    ]  # fmt: skip


def seed_flood(site: Site, first_message: int) -> None:
    """Due a little before the others. first_message: ids above all that the pretend Chatwoot gives."""
    [(conversation, _)] = create_conversations(site, 1, WORDS)
    values = {"conversation": conversation, "message": first_message, "count": FLOOD, "due": time.time() + 2.5, "text": WORDS}
    with site.engine().begin() as connection:
        connection.execute(SEED_FLOOD, values)
