"""A clock that tests move: the database's now() for every statement, and the pretend Chatwoot's with it.

Nothing of the product is replaced. It takes the time from PostgreSQL's now(), a name like any other: a schema before
pg_catalog has one that adds a shift, and the columns' defaults are pointed at it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from chatbot.db import get_raw
from chatbot.pretend.chatwoot import PretendChatwoot

INSTALL = """
CREATE SCHEMA clock;
CREATE TABLE clock.shift (seconds double precision NOT NULL);
INSERT INTO clock.shift VALUES (0);
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT pg_catalog.now() + make_interval(secs => seconds) FROM clock.shift';
DO $do$
DECLARE place record;
BEGIN
  FOR place IN SELECT table_schema, table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_default = 'now()'
  LOOP
    EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT clock.now()',
      place.table_schema, place.table_name, place.column_name);
  END LOOP;
  EXECUTE format('ALTER DATABASE %I SET search_path = clock, pg_catalog, public', current_database());
END
$do$;
"""


class Clock:
    """Of one database of its own, before anybody else is connected to it."""

    def __init__(self, engine: Engine, pretend: PretendChatwoot) -> None:
        self.engine, self._shift = engine, 0.0
        with engine.begin() as connection:
            get_raw(connection).execute(INSTALL)
        engine.dispose()  # a connection takes its search path when it is made
        real = pretend.history.now
        pretend.history.now = lambda: real() + self._shift  # type: ignore[method-assign]

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._shift)

    def set(self, moment: datetime) -> None:
        """moment: aware."""
        self._shift += (moment - self.now).total_seconds()
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE clock.shift SET seconds = :seconds"), {"seconds": self._shift})

    def advance(self, by: timedelta) -> None:
        self.set(self.now + by)
