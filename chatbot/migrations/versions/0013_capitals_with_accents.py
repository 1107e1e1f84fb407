"""Messages are found by words that begin with an accented capital: C collation has no small letter for those."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

FORMER = "to_tsvector('simple', translate(lower(text), 'áàéèíìóòúùüñ', 'aaeeiioouuun'))"
FOLDED = "to_tsvector('simple', translate(lower(text), 'áàéèíìóòúùüñÁÀÉÈÍÌÓÒÚÙÜÑ', 'aaeeiioouuunaaeeiioouuun'))"


def upgrade() -> None:
    _index(FOLDED)


def downgrade() -> None:
    _index(FORMER)


def _index(expression: str) -> None:
    for table in ("message", "part"):
        op.execute(f"DROP INDEX ix_{table}_search")
        op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin ({expression})")
