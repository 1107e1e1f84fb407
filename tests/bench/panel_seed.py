"""A shop's two years: messages, turns, parts, costs and traces, made in SQL; the product's own roll-up counts them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from bench.panel_words import make_sentences
from bench.site import Site
from chatbot.bodies import FaqEntry
from chatbot.content import publish, save_drafts
from chatbot.numbers import roll_up, roll_up_days

DAYS = 720
MEAN_LINES = 5  # of a conversation
LONGEST = 5_000
FAQS = 2_000
FIRST = 10_000_000  # above whatever stands in for Chatwoot hands out
SEARCH_INDEXES = ("ix_message_search", "ix_part_search", "ix_contact_search")

NAMES = "Ana Luis Marta Jorge Lucía Pablo Carmen Diego Elena Raúl Nuria Óscar Irene Hugo Sara Iván Paula Álvaro Rosa Tomás"
SURNAMES = "García López Martín Sánchez Pérez Gómez Ruiz Díaz Moreno Muñoz Álvarez Romero Alonso Núñez Torres Ramos Gil Vega"

CONVERSATIONS = """
CREATE UNLOGGED TABLE seed_conversation AS
SELECT n, CASE WHEN n = :longest_at THEN :longest WHEN n % 20000 = 77 THEN 400
  ELSE least(1 + floor(-ln(1 - random()) * (:mean - 0.5)), 60) END::int AS lines,
  -- grows, and more is written by day than by night
  date_trunc('day', now()) - make_interval(days => 1 + floor(:days * (1 - sqrt(n / CAST(:count AS float8))))::int)
    + make_interval(secs => 86400 * (0.3 + 0.6 * (random() + random()) / 2)) AS begins,
  random() AS luck
FROM generate_series(1, :count) n
"""
# the same number is a message's and, where the customer wrote it, its turn's
LINES = """
CREATE UNLOGGED TABLE seed_line AS
SELECT row_number() OVER (ORDER BY begins + j * interval '4 minutes', n, j) AS id, n, j,
  begins + j * interval '4 minutes' AS at, j > 1 AND random() < 0.14 AS by_agent, random() AS luck,
  1 + floor(random() * :sentences)::int AS s
FROM seed_conversation CROSS JOIN generate_series(1, lines) j
WHERE begins + j * interval '4 minutes' < now() OR j = 1
"""
TURNS = """
CREATE UNLOGGED TABLE seed_turn AS
SELECT id, n, j, at, s, CASE WHEN luck < 0.68 THEN 'answered' WHEN luck < 0.80 THEN 'handed_off' WHEN luck < 0.95 THEN 'ignored'
    WHEN at < now() - make_interval(days => :days - 40) AND luck > 0.995 THEN 'watched' ELSE 'suggested' END AS state,
  CASE WHEN luck BETWEEN 0.80 AND 0.95 THEN NULL ELSE (ARRAY['faq','faq','faq','canned','assistant','assistant','fallback',
    'media'])[1 + (id * 7919 % 8)::int] END AS responder, CASE WHEN id % 13 = 0 THEN 'en' ELSE 'es' END AS language
FROM seed_line WHERE NOT by_agent
"""
FILL = (
    """INSERT INTO contact (id, chatwoot_id, name, email, phone) SELECT k, :first + k,
       (CAST(:names AS text[]))[1 + k % 20] || ' ' || (CAST(:surnames AS text[]))[1 + k / 20 % 18],
         'cliente' || k || '@example.com', '+346' || k
       FROM generate_series(1, :contacts) k""",
    """INSERT INTO conversation (id, chatwoot_id, inbox_id, contact_id, status, language, in_seq, answered_seq, created_at,
         updated_at, last_state, last_responder)
       SELECT c.n, :first + c.n, (SELECT id FROM inbox WHERE chatwoot_id = 1 + CASE WHEN c.luck < 0.7 THEN 0 WHEN c.luck < 0.97
         THEN 1 ELSE 2 END), 1 + c.n % :contacts, CASE WHEN c.luck < 0.9 THEN 'resolved' ELSE 'pending' END, t.language,
         l.seq, l.seq, c.begins, l.at, t.state, t.responder
       FROM seed_conversation c
       JOIN (SELECT n, max(at) AS at, count(*) FILTER (WHERE NOT by_agent) AS seq FROM seed_line GROUP BY n) l USING (n)
       JOIN (SELECT DISTINCT ON (n) n, state, responder, language FROM seed_turn ORDER BY n, id DESC) t USING (n)""",
    """INSERT INTO turn (id, conversation_id, release_id, epoch, from_seq, to_seq, newest_chatwoot_id, mode, state, rule,
         language, responder, handoff_reason, sources, started_at, frozen_at, finished_at)
       SELECT id, n, (SELECT live_release_id FROM instance), 1, j - 1, j, :first + id, 'live', state,
         CASE WHEN state = 'ignored' THEN 'people_have_it' END, language, responder,
         CASE WHEN state = 'handed_off' THEN CASE WHEN id % 4 = 0 THEN 'unsure' WHEN id % 3 = 0 THEN 'model_asked'
           ELSE 'faq_handoff' END END,
         CASE WHEN responder = 'faq' THEN jsonb_build_array('faq:pregunta-' || 1 + id % :faqs) ELSE '[]' END,
         at + interval '6 s', at + interval '7 s', at + interval '8 s'
       FROM seed_turn ORDER BY id""",
    """INSERT INTO message (id, conversation_id, chatwoot_id, seq, author, text, sent_at, arrived_at, turn_id)
       SELECT id, n, :first + id, CASE WHEN NOT by_agent THEN j END, CASE WHEN by_agent THEN 'agent' ELSE 'customer' END,
         sentence.text || CASE WHEN luck < 0.12 THEN ' ' || 100000 + id ELSE '' END, at, at, CASE WHEN NOT by_agent THEN id END
       FROM seed_line JOIN seed_sentence sentence USING (s) ORDER BY id""",
    """INSERT INTO part (turn_id, conversation_id, ordinal, mark, is_note, text, state, chatwoot_id, sent_at)
       SELECT id, n, 1, 'bench-' || id, state IN ('suggested', 'watched'), sentence.text,
         CASE WHEN state IN ('suggested', 'watched') THEN 'dropped' WHEN id % 5000 = 0 THEN 'failed' ELSE 'sent' END,
         2 * :first + id, at + (0.5 + random() * random() * 20) * interval '1 s'
       FROM seed_turn JOIN seed_sentence sentence ON sentence.s = 1 + (seed_turn.s * 31 + 17) % :sentences
       WHERE state <> 'ignored' ORDER BY id""",
    """INSERT INTO llm_call (turn_id, conversation_id, purpose, model, state, cost_micros, input_tokens, output_tokens,
         started_at, finished_at)
       SELECT id, n, 'assistant', 'gpt-4o-mini', 'settled', 200 + id % 400, 1200 + id % 900, 60 + id % 120, at, at
       FROM seed_turn WHERE responder = 'assistant' ORDER BY id""",
    """INSERT INTO turn_trace (turn_id, created_at, body)
       SELECT id, at, jsonb_build_object('version', 1, 'language', language, 'language_by', 'words', 'notes', '{}'::jsonb,
         'looks', (SELECT jsonb_agg(jsonb_build_object('responder', r, 'outcome', CASE WHEN r = responder THEN 'replied'
           ELSE 'passed' END, 'why', 'no_match', 'ms', 1.5, 'saw', jsonb_build_object('candidates', jsonb_build_array(
             jsonb_build_array('pregunta-12', 0.61), jsonb_build_array('pregunta-77', 0.58), jsonb_build_array('hola', 0.2)))))
         FROM unnest(ARRAY['media', 'topics', 'canned', 'faq', 'assistant', 'fallback']) r))
       FROM seed_turn WHERE at > now() - interval '30 days' ORDER BY id""",
)  # fmt: skip


def seed(site: Site, messages: int) -> int:
    """Returns the id of the longest conversation."""
    count = messages // MEAN_LINES
    values = {
        "count": count, "days": DAYS, "mean": MEAN_LINES, "longest": min(LONGEST, messages // 20), "longest_at": count // 2,
        "contacts": count * 3 // 4, "first": FIRST, "faqs": FAQS, "names": NAMES.split(), "surnames": SURNAMES.split(),
    }  # fmt: skip
    with site.engine().begin() as connection:
        save_faqs(connection)
        connection.execute(text("INSERT INTO inbox (chatwoot_id, name, channel) VALUES (2, 'WhatsApp', ''), (3, 'Correo', '')"))
        values["sentences"] = copy_sentences(connection)
        definitions = drop_indexes(connection)
        connection.execute(text("SET LOCAL work_mem = '256MB'"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys are right by making
        connection.execute(text("SELECT setseed(0.5)"))
        for statement in (CONVERSATIONS, LINES, TURNS, *FILL):
            connection.execute(text(statement), values)
        for statement in definitions:
            connection.execute(text(statement))
        for table in ("contact", "conversation", "turn", "message"):
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))
        connection.execute(text("DROP TABLE seed_conversation, seed_line, seed_turn, seed_sentence"))
    with site.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    with site.engine().begin() as connection:
        now = datetime.now(UTC)
        roll_up(connection, now)
        roll_up_days(connection, now, ZoneInfo("Europe/Madrid"))
    with site.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE hourly, daily"))
    return count // 2


def save_faqs(connection: Connection) -> None:
    chance, sentences = random.Random(3), make_sentences(FAQS * 3)
    faqs = [
        FaqEntry(
            key=f"pregunta-{n + 1}",
            questions={"es": tuple(f"¿{words} {n}?" for words in sentences[3 * n : 3 * n + 2])},
            answers={"es": f"{sentences[3 * n + 2]}. " * chance.randrange(1, 5)},
        )
        for n in range(FAQS)
    ]
    save_drafts(connection, faqs, "bench")
    publish(connection, "bench")


def copy_sentences(connection: Connection) -> int:
    sentences = make_sentences()
    connection.execute(text("CREATE UNLOGGED TABLE seed_sentence (s int, text text)"))
    raw = connection.connection.driver_connection
    assert raw is not None
    with raw.cursor().copy("COPY seed_sentence FROM STDIN") as copy:
        for number, words in enumerate(sentences, start=1):
            copy.write_row((number, words))
    return len(sentences)


def drop_indexes(connection: Connection) -> list[str]:
    """How to make them again: filled at the end, they take a tenth of the time."""
    found = connection.execute(
        text("SELECT indexdef FROM pg_indexes WHERE indexname = ANY(:names)"), {"names": list(SEARCH_INDEXES)}
    )
    definitions = list(found.scalars())
    for name in SEARCH_INDEXES:
        connection.execute(text(f"DROP INDEX {name}"))
    return definitions
