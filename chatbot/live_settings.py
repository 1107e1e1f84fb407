"""The settings as they are now, read again every couple of seconds so that a change needs no restart."""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chatbot.config import Config
from chatbot.db import statements
from chatbot.errors import ConfigError
from chatbot.settings import Settings, load_settings

log = structlog.get_logger()
REFRESH_S = 2.0


class LiveSettings:
    """Call it for a snapshot. Where the database is away, or a setting became wrong, the last one that was read is kept."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._settings: Settings | None = None

    def __call__(self) -> Settings:
        with self._lock:
            if self._settings is None or time.monotonic() - self._read_at > REFRESH_S:
                self._settings = self._read()
                self._read_at = time.monotonic()
            return self._settings

    def _read(self) -> Settings:
        try:
            with statements(self._engine) as connection:
                return load_settings(connection, self._config)
        except (SQLAlchemyError, ConfigError) as e:
            if self._settings is None:
                raise
            log.error("settings_not_refreshed", problem=str(e) if isinstance(e, ConfigError) else type(e).__name__)
            return self._settings
