"""The words of all chunks, so that a word with a typo can be told from one that nobody uses.

A trigger on `chunk` fills it when a transaction commits: whoever stores chunks needs to know nothing of it.
"""

from __future__ import annotations

from sqlalchemy import DDL, Index, Text, event
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.db import Base
from chatbot.models.content import Chunk

# Folded as text.fold does it: decomposed, without marks, in small letters. Figures and short words aren't corrected.
# The lock: two that store many chunks would else wait for each other's words. It is held while a transaction commits only.
WORDS_OF = """
SELECT DISTINCT word FROM regexp_split_to_table(
  lower(regexp_replace(normalize({text}, NFKD), U&'[\\0300-\\036F]+', '', 'g')), '[^a-z0-9]+') AS word
 WHERE length(word) BETWEEN 4 AND 40 AND word ~ '^[a-z]+$'
"""
NOTE_WORDS = f"""
CREATE FUNCTION note_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7016996016);
  INSERT INTO vocabulary (word) {WORDS_OF.format(text="NEW.heading || ' ' || NEW.text")} ORDER BY word ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""
NOTE_WORDS_TRIGGER = """
CREATE CONSTRAINT TRIGGER note_words AFTER INSERT ON chunk
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_words()
"""


class Word(Base):
    """word: folded, not stemmed. Words stay when their chunks go: what isn't in use is never a correction."""

    __tablename__ = "vocabulary"

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)

    __table_args__ = (Index("ix_vocabulary_backwards", sql("reverse(word)")),)


# as migration 0016 does it; SQLAlchemy takes % for its own
for statement in (NOTE_WORDS, NOTE_WORDS_TRIGGER):
    event.listen(Word.__table__, "after_create", DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]
Word.__table__.add_is_dependent_on(Chunk.__table__)  # type: ignore[attr-defined]
