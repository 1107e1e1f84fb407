"""The newest errors that nobody expected, by the id that a person was shown: for the panel's Health. The log has all of it."""

from __future__ import annotations

import traceback
from pathlib import Path

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatbot.db import run, sql

log = structlog.get_logger(__name__)
KEPT_OF_A_PLACE = 100  # so that one that comes every few seconds drives out none of another place
PACKAGE = Path(__file__).parent

KEEP = sql("""
INSERT INTO fault (number, place, error, code, conversation_id) VALUES (:number, :place, :error, :code, :conversation)
""")
FORGET = sql(f"""
DELETE FROM fault WHERE place = :place
AND id <= (SELECT id FROM fault WHERE place = :place ORDER BY id DESC OFFSET {KEPT_OF_A_PLACE} LIMIT 1)
""")


def keep(engine: Engine, number: str, place: str, error: BaseException, conversation_id: int | None = None) -> None:
    """Never raises: an error about an error helps nobody. Not its text, which may quote a customer."""
    if _is_database_away(error):
        return  # it couldn't be kept, and the doctor says so
    values = {
        "number": number,
        "place": place,
        "error": type(error).__name__,
        "code": find_line(error),
        "conversation": conversation_id,
    }
    try:
        with engine.begin() as connection:
            run(connection, KEEP, values)
            run(connection, FORGET, {"place": place})
    except (SQLAlchemyError, psycopg.Error) as e:
        log.warning("fault_not_kept", number=number, error=type(e).__name__)


def find_line(error: BaseException) -> str:
    """Where it happened, by the innermost line of ours: "web/release.py:41 publish"."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(PACKAGE)]
    if not ours:
        return ""
    return f"{Path(ours[-1].filename).relative_to(PACKAGE)}:{ours[-1].lineno} {ours[-1].name}"


def _is_database_away(error: BaseException) -> bool:
    cause = getattr(error, "orig", None) or error
    return (
        isinstance(error, PoolTimeout)
        or isinstance(cause, psycopg.InterfaceError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or (isinstance(cause, psycopg.OperationalError) and not isinstance(cause, psycopg.errors.QueryCanceled))
    )
