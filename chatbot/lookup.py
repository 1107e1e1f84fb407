"""Finds entries, conversations and people by how a word begins, by indexes only: what the command palette asks at each key."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Row, text

from chatbot.models.content import NAMES
from chatbot.models.folding import fold_words
from chatbot.models.inbox import FOLDED_PERSON

WORD = re.compile(r"\w+")
MOST_WORDS = 8
MOST_READ = 200  # of what a short word finds, before the best are chosen

# what was edited since is found by its newest words, and what was taken out isn't
ENTRIES = text(f"""
SELECT e.kind, e.key, revision.body FROM revision JOIN entry e ON e.id = revision.entry_id
WHERE {NAMES} @@ to_tsquery('simple', :words) AND revision.body IS NOT NULL
  AND NOT EXISTS (SELECT FROM revision n WHERE n.entry_id = revision.entry_id AND n.id > revision.id)
LIMIT {MOST_READ}
""")
BY_PERSON = text(f"""
SELECT c.id, c.chatwoot_id, p.name, p.email, i.name AS inbox, c.updated_at
FROM (SELECT id, name, email FROM contact WHERE {FOLDED_PERSON} @@ to_tsquery('simple', :words) LIMIT {MOST_READ}) p
CROSS JOIN LATERAL (SELECT * FROM conversation WHERE contact_id = p.id ORDER BY updated_at DESC LIMIT 1) c
JOIN inbox i ON i.id = c.inbox_id ORDER BY c.updated_at DESC LIMIT :most
""")
BY_NUMBER = text("""
SELECT c.id, c.chatwoot_id, p.name, p.email, i.name AS inbox, c.updated_at FROM conversation c
JOIN inbox i ON i.id = c.inbox_id LEFT JOIN contact p ON p.id = c.contact_id WHERE c.chatwoot_id = :number
""")


def split_folded(asked: str) -> list[str]:
    """Words without case and accents. Of an e-mail address its first part, which is how the index holds it."""
    folded = fold_words(asked)
    return [word for part in folded.split() for word in WORD.findall(part.split("@")[0])][:MOST_WORDS]


def fits(words: list[str], said: str) -> bool:
    """Whether each of the words begins one of what is said."""
    there = split_folded(said)
    return all(any(begun.startswith(word) for begun in there) for word in words)


def find_entries(connection: Connection, words: list[str], most: int) -> list[Row[Any]]:
    """(kind, key, body) of the draft; those that are named by the words before those that have them somewhere."""
    rows = connection.execute(ENTRIES, {"words": _query(words)}).all()
    return sorted(rows, key=lambda row: (not fits(words, str(row.body.get("title") or row.key)), len(row.key)))[:most]


def find_conversations(connection: Connection, words: list[str], most: int) -> list[Row[Any]]:
    """By Chatwoot's number, or the newest of each contact by name, e-mail address or telephone."""
    found = list(connection.execute(BY_PERSON, {"words": _query(words), "most": most}))
    number = words[0] if len(words) == 1 else ""
    if number.isascii() and number.isdecimal() and len(number) < 16:
        found = [*connection.execute(BY_NUMBER, {"number": int(number)}), *found]
    return found[:most]


def _query(words: list[str]) -> str:
    """For to_tsquery. The words are letters, digits and _ only."""
    return " & ".join(f"'{word}':*" for word in words)
