"""The database: one engine, PostgreSQL only. Models are in models/, migrations in migrations/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, ClassVar

import psycopg
from flask_sqlalchemy import SQLAlchemy
from psycopg.rows import dict_row
from sqlalchemy import BigInteger, Connection, DateTime, Engine, Identity, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Big = Annotated[int, mapped_column(BigInteger)]
At = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text, dict[str, Any]: JSONB, list[Any]: JSONB}


db = SQLAlchemy(metadata=Base.metadata)


Row = dict[str, Any]
Raw = psycopg.Connection[Any]
PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


def sql(statement: str) -> bytes:
    """A statement for run(), with its parameters as `:name`."""
    return PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%")).encode()


@contextmanager
def statements(engine: Engine) -> Iterator[Connection]:
    """A connection where each statement is its own transaction: no BEGIN and COMMIT of their own, half the round trips.

    Also for a single reading: a transaction that is rolled back, as SQLAlchemy ends one that only read, makes psycopg forget
    every statement that the connection has prepared.
    """
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def get_raw(connection: Connection) -> Raw:
    """psycopg's own connection below SQLAlchemy's."""
    raw: Any = connection.connection.driver_connection
    return raw  # type: ignore[no-any-return]


def run(connection: Connection, statement: bytes, values: Mapping[str, Any] | None = None) -> psycopg.Cursor[Row]:
    """A statement of sql() on SQLAlchemy's connection, in its transaction, but by psycopg itself: for the path of a turn,
    where SQLAlchemy would cost more than PostgreSQL. Raises psycopg.Error."""
    with _noticing_loss(connection) as raw:
        return raw.cursor(row_factory=dict_row).execute(statement, values or {})


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """The statements run inside go to the database in one round trip. Their rows can be read after the block."""
    with _noticing_loss(connection) as raw:
        try:
            with raw.pipeline():
                yield
        except psycopg.Error:
            # what came after the failed statement was never prepared, though psycopg believes so until a ROLLBACK
            if raw.autocommit:
                connection.invalidate()
            raise


@contextmanager
def _noticing_loss(connection: Connection) -> Iterator[Raw]:
    raw = get_raw(connection)
    try:
        yield raw
    except psycopg.OperationalError:
        if raw.closed and not connection.invalidated:
            connection.invalidate()  # it isn't lent again, nor are the others, which most likely went with it
            connection.engine.dispose()
        raise


def fetch_value(connection: Connection, statement: bytes, values: Mapping[str, Any] | None = None) -> Any:
    """The first column of the first row, or None."""
    row = run(connection, statement, values).fetchone()
    return None if row is None else next(iter(row.values()))
