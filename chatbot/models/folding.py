"""Text without case and accents, said alike in SQL and in Python: an index of it is used only by its very expression."""

from __future__ import annotations

# capitals too: to C collation those with accents have no small letter
ACCENTED = "áàéèíìóòúùüñÁÀÉÈÍÌÓÒÚÙÜÑ"
PLAIN = "aaeeiioouuunaaeeiioouuun"
_TABLE = str.maketrans(ACCENTED, PLAIN)


def fold_sql(expression: str) -> str:
    return f"translate(lower({expression}), '{ACCENTED}', '{PLAIN}')"


def vector_sql(expression: str) -> str:
    """What the full-text indexes hold, as PostgreSQL writes it."""
    return f"to_tsvector('simple', {fold_sql(expression)})"


def fold_words(text: str) -> str:
    return text.lower().translate(_TABLE)
