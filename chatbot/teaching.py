"""Questions that the bot couldn't answer, alike ones together, with what a person then wrote as the answer to propose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from chatbot.models import DismissedQuestion
from chatbot.reply import Language
from chatbot.text import split_words, stem_words, strip_lead_in

SAMPLE = 1_000
KEPT_DAYS = 90
QUESTION_CHARS = 500
UNTAUGHT = ("unsure", "llm_down")

# the longest of what people wrote within a day: the first is mostly a greeting
FOUND = text(f"""
SELECT m.id, left(m.text, {QUESTION_CHARS}) AS question, m.conversation_id, m.arrived_at, t.language, (
  SELECT left(a.text, 5000) FROM message a WHERE a.conversation_id = m.conversation_id AND a.author = 'agent'
    AND a.text <> '' AND a.arrived_at >= m.arrived_at AND a.arrived_at < m.arrived_at + interval '1 day'
    ORDER BY length(a.text) DESC, a.id LIMIT 1) AS answer
FROM turn t JOIN message m ON m.turn_id = t.id
WHERE t.finished_at > now() - make_interval(days => {KEPT_DAYS}) AND t.handoff_reason IN {UNTAUGHT} AND m.text <> ''
ORDER BY t.finished_at DESC LIMIT {SAMPLE}
""")


@dataclass(slots=True)
class Untaught:
    """question: as it was asked last; answer: the newest that a person wrote, "" where nobody did."""

    key: str
    question: str
    language: str
    conversation_id: int
    asked_at: datetime
    answer: str = ""
    count: int = 0


@lru_cache(2_000)  # the same ones are stemmed for each look at the page
def find_key(question: str, language: str | None) -> str:
    """The same for questions that differ in case, accents, signs, courtesy, order and endings."""
    words = strip_lead_in(split_words(question[:QUESTION_CHARS]))
    known: Language = "en" if language == "en" else "es"
    return " ".join(sorted(set(stem_words(" ".join(words), known))))


def list_untaught(connection: Connection, limit: int = 50) -> list[Untaught]:
    """The most frequent first, without those dismissed."""
    dismissed = set(connection.scalars(select(DismissedQuestion.question_key)))
    groups: dict[str, Untaught] = {}
    for row in connection.execute(FOUND):
        key = find_key(row.question, row.language)
        if not key or key in dismissed:
            continue
        question = " ".join(row.question.split())
        group = groups.setdefault(key, Untaught(key, question, row.language or "", row.conversation_id, row.arrived_at))
        group.count += 1
        group.answer = group.answer or row.answer or ""
    return sorted(groups.values(), key=lambda g: -g.count)[:limit]


def dismiss(connection: Connection, key: str, question: str, who: str) -> None:
    values = {"question_key": key, "question": question, "who": who}
    connection.execute(insert(DismissedQuestion).values(values).on_conflict_do_nothing())


def restore(connection: Connection, key: str) -> None:
    connection.execute(delete(DismissedQuestion).where(DismissedQuestion.question_key == key))
