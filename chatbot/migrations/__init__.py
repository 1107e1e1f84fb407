"""Alembic's migrations (`flask db ...`), and which of them the database should be at."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

FOLDER = Path(__file__).parent
REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"', re.MULTILINE)


@cache
def find_head() -> str:
    """The newest migration of this release. Read from the files, because importing alembic costs the web processes 15 MB."""
    files = (FOLDER / "versions").glob("*.py")
    found: list[dict[str, str]] = [dict(REVISION.findall(path.read_text("utf-8"))) for path in files]
    heads = {f["revision"] for f in found} - {f["down_revision"] for f in found if "down_revision" in f}
    if len(heads) != 1:
        raise RuntimeError(f"there must be one newest migration, not {sorted(heads)}")
    return heads.pop()


def is_behind(revision: str | None) -> bool:
    """Whether a database at that migration has to be upgraded first. They are numbered in order, and a newer release's only
    add: going back to this one touches no schema."""
    return revision is None or revision < find_head()


def read_revision(connection: Connection) -> str | None:
    """The migration that the database is at, None for one without any. The transaction is over afterwards."""
    try:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
    except ProgrammingError:
        return None
    finally:
        connection.rollback()
