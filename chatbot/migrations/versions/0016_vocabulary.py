"""The words of all chunks, for correcting typos, and the trigger that keeps them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

WORDS_OF = """
SELECT DISTINCT word FROM regexp_split_to_table(
  lower(regexp_replace(normalize({text}, NFKD), U&'[\\0300-\\036F]+', '', 'g')), '[^a-z0-9]+') AS word
 WHERE length(word) BETWEEN 4 AND 40 AND word ~ '^[a-z]+$'
"""


def upgrade() -> None:
    op.create_table(
        "vocabulary",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_vocabulary")),
    )
    op.create_index("ix_vocabulary_backwards", "vocabulary", [sa.text("reverse(word)")], unique=False)
    words = WORDS_OF.format(text="c.heading || ' ' || c.text")
    op.execute(f"INSERT INTO vocabulary SELECT DISTINCT w.word FROM chunk c, LATERAL ({words}) w")
    words = WORDS_OF.format(text="NEW.heading || ' ' || NEW.text")
    op.execute(f"""
CREATE FUNCTION note_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7016996016);
  INSERT INTO vocabulary (word) {words} ORDER BY word ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
""")
    op.execute("""
CREATE CONSTRAINT TRIGGER note_words AFTER INSERT ON chunk
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_words()
""")


def downgrade() -> None:
    op.execute("DROP TRIGGER note_words ON chunk")
    op.execute("DROP FUNCTION note_words()")
    op.drop_index("ix_vocabulary_backwards", table_name="vocabulary")
    op.drop_table("vocabulary")
