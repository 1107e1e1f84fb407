"""Settings that lead to a pretend Chatwoot for a while. What the owner has set is never touched.

A row `simulate` in the setting table remembers what was lent, so that the next run gives back what a crash left behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.postgresql import insert

from chatbot.config import Config
from chatbot.errors import ConfigError
from chatbot.models import Setting
from chatbot.pretend.control import Remote
from chatbot.settings import load_settings, read_environment, save_setting, to_plain

MARKER = "simulate"


@contextmanager
def lend_settings(engine: Engine, config: Config, values: Mapping[str, Any], control_url: str) -> Iterator[None]:
    """Sets the given settings and takes them back at the end. Raises ConfigError where one is set already."""
    with engine.begin() as connection:
        lend(connection, config, values, control_url)
    try:
        yield
    finally:
        with engine.begin() as connection:
            give_back(connection, config, is_ours=True)


def lend(connection: Connection, config: Config, values: Mapping[str, Any], control_url: str) -> None:
    give_back(connection, config)
    check_unset(connection, values)
    digests = {}
    for name, value in values.items():
        save_setting(connection, config, name, str(value))
        digests[name] = _digest(load_settings(connection, config), name)
    connection.execute(insert(Setting).values(key=MARKER, value={"control_url": control_url, "digests": digests}))


def give_back(connection: Connection, config: Config, *, is_ours: bool = False) -> None:
    """Removes what was lent and is still as it was lent. Raises ConfigError while another run is using it."""
    lent = connection.scalar(select(Setting.value).where(Setting.key == MARKER).with_for_update())
    if lent is None:
        return
    if not is_ours and _is_answering(lent["control_url"]):
        raise ConfigError("simulate", "another `flask simulate` is running; wait for it or end it")
    settings = load_settings(connection, config)
    for name, digest in lent["digests"].items():
        if _digest(settings, name) == digest:
            save_setting(connection, config, name, None)
    connection.execute(delete(Setting).where(Setting.key == MARKER))


def check_unset(connection: Connection, names: Mapping[str, Any]) -> None:
    """Raises ConfigError where the owner has set one of them, in the database or the environment."""
    stored = set(connection.scalars(select(Setting.key).where(Setting.key.in_(names))))
    taken = sorted(stored | (set(names) & set(read_environment())))
    if taken:
        why = "is set, so this installation has a real Chatwoot, which simulate never touches. To try a question: flask ask"
        raise ConfigError(taken[0].upper(), why)


def _is_answering(control_url: str) -> bool:
    try:
        Remote(control_url, timeout_s=2).read("stats")
    except (OSError, ValueError):
        return False
    return True


def _digest(settings: Any, name: str) -> str:
    return hashlib.sha256(json.dumps(to_plain(getattr(settings, name))).encode()).hexdigest()
