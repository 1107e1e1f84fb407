"""One connection a request: the login's reading of the account and a page's own statements share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from chatbot.db import db


def reading() -> Connection:
    """For a page that only reads. The request's end gives it back."""
    return db.session.connection()


@contextmanager
def writing() -> Iterator[Connection]:
    """Commits at the end of the block, or takes all of it back."""
    try:
        yield db.session.connection()
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


def let_go() -> None:
    """Gives the connection back before a call over the network. Objects read so far are detached."""
    db.session.expunge_all()
    db.session.close()
