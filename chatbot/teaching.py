"""Questions that the bot couldn't answer, or not surely, alike ones together, with what a person then wrote as the answer to
propose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from chatbot.alike import load_draft_cached
from chatbot.answer_cache import LEAST_CONFIDENCE
from chatbot.bodies import Content, FaqEntry
from chatbot.models import DismissedQuestion
from chatbot.reply import Language
from chatbot.text import split_words, stem_words, strip_lead_in

SAMPLE = 1_000
KEPT_DAYS = 90
NEWEST_TURNS = 3_000
QUESTION_CHARS = 500
MOST_KEY_CHARS = 4_000
UNTAUGHT = ("unsure", "llm_down")

# the longest of what people wrote within a day: the first is mostly a greeting
ASKED = f"""
m.id, left(m.text, {QUESTION_CHARS}) AS question, m.conversation_id, m.arrived_at, t.language, (
  SELECT left(a.text, 5000) FROM message a WHERE a.conversation_id = m.conversation_id AND a.author = 'agent'
    AND a.text <> '' AND a.arrived_at >= m.arrived_at AND a.arrived_at < m.arrived_at + interval '1 day'
    ORDER BY length(a.text) DESC, a.id LIMIT 1) AS answer
"""
FOUND = text(f"""
SELECT {ASKED}, '' AS guess
FROM turn t JOIN message m ON m.turn_id = t.id
WHERE t.finished_at > now() - make_interval(days => {KEPT_DAYS}) AND t.handoff_reason IN {UNTAUGHT} AND m.text <> ''
ORDER BY t.finished_at DESC, m.id DESC LIMIT {SAMPLE}
""")
# what the AI answered while it said itself that it wasn't sure; traces are many, so only the newest turns are looked at
GUESSED = text(f"""
SELECT {ASKED}, (SELECT string_agg(p.text, E'\n' ORDER BY p.ordinal) FROM part p WHERE p.turn_id = t.id) AS guess
FROM (SELECT * FROM turn WHERE finished_at > now() - make_interval(days => {KEPT_DAYS})
      ORDER BY finished_at DESC LIMIT {NEWEST_TURNS}) t
  JOIN turn_trace tt ON tt.turn_id = t.id JOIN message m ON m.turn_id = t.id
WHERE t.responder = 'assistant' AND t.handoff_reason IS NULL AND m.text <> ''
  AND jsonb_path_exists(tt.body, '$.looks[*] ? (@.responder == "assistant" && @.outcome == "replied"
    && @.saw.kind == "answer" && @.saw.confidence < {LEAST_CONFIDENCE})')
ORDER BY t.finished_at DESC, m.id DESC LIMIT {SAMPLE}
""")


@dataclass(slots=True)
class Untaught:
    """question: as it was asked last; answer: the newest that a person wrote, "" where nobody did; guess: what the AI answered
    to it, "" where it wasn't answered."""

    key: str
    question: str
    language: str
    message_id: int
    conversation_id: int
    asked_at: datetime
    answer: str = ""
    guess: str = ""
    count: int = 0


@lru_cache(2 * SAMPLE)  # the same ones are stemmed for each look at the page
def find_key(question: str, language: str | None) -> str:
    """The same for questions that differ in case, accents, signs, courtesy, order and endings."""
    words = strip_lead_in(split_words(question[:QUESTION_CHARS]))
    known: Language = "en" if language == "en" else "es"
    return " ".join(sorted(set(stem_words(" ".join(words), known))))


def list_keys(entry: FaqEntry) -> set[str]:
    """Of the questions that an FAQ answers in so many words."""
    return {find_key(question, language) for language, asked in entry.questions.items() for question in asked}


_taught: dict[str, tuple[Content, frozenset[str]]] = {}


def _list_taught(draft: Content) -> frozenset[str]:
    """Of all FAQs of the draft that are switched on, made once for each draft that load_draft_cached() gives."""
    kept = _taught.get("draft")
    if kept is None or kept[0] is not draft:
        find = find_key.__wrapped__  # they would drive the questions out of its memory
        asked = ((q, language) for entry in draft.faq if entry.enabled for language, qs in entry.questions.items() for q in qs)
        kept = _taught["draft"] = (draft, frozenset(find(question, language) for question, language in asked))
    return kept[1]


def find_untaught(connection: Connection, message_id: int) -> Untaught | None:
    """By the message that a question is listed with. None where it is settled by now."""
    return next((q for q in list_untaught(connection) if q.message_id == message_id), None)


def list_untaught(connection: Connection) -> list[Untaught]:
    """The most frequent first, then the newest; without those dismissed and those that an FAQ of the draft has by now."""
    groups: dict[str, Untaught] = {}
    for row in chain(connection.execute(FOUND).all(), connection.execute(GUESSED).all()):
        key, question = find_key(row.question, row.language), " ".join(row.question.split())
        new = Untaught(key, question, row.language or "", row.id, row.conversation_id, row.arrived_at)
        group = groups.setdefault(key, new)
        group.count += 1
        group.answer = group.answer or row.answer or ""
        group.guess = group.guess or row.guess or ""
    settled = {"", *connection.scalars(select(DismissedQuestion.question_key))}
    settled |= _list_taught(load_draft_cached(connection))
    return sorted((group for key, group in groups.items() if key not in settled), key=lambda g: (-g.count, -g.message_id))


def dismiss(connection: Connection, key: str, question: str, who: str) -> None:
    values = {"question_key": key, "question": question, "who": who}
    connection.execute(insert(DismissedQuestion).values(values).on_conflict_do_nothing())


def restore(connection: Connection, key: str) -> None:
    connection.execute(delete(DismissedQuestion).where(DismissedQuestion.question_key == key))
