"""The file that whoever helps with a fault asks for: versions, findings, counts, times. No secrets, and nobody's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, text

from chatbot import results, vitals
from chatbot.config import Config
from chatbot.logs import mask
from chatbot.settings import Settings

# what findings fill in that is a name of ours, and no answer of a neighbour's, which may quote anything
TOLD = frozenset(
    {"at", "environment", "head", "mode", "models", "names", "newest", "own", "path", "policy", "variable", "version"}
)
CHOICES = frozenset({"mode", "language", "spanish_address", "time_zone", "openai_model"})
BOOT_FACTS = ("environment", "debug", "trusted_proxies", "web_concurrency", "worker_threads", "log_level", "mail_use_tls")

STATE = text("""
SELECT live_release_id, paused_at, paused_until, held_at, restored_at, reconciled_at, reconcile_floor,
  muted_reason IS NOT NULL AS is_muted, reconcile_error IS NOT NULL AS has_reconcile_error FROM instance
""")
TURNS = text("""
SELECT state, coalesce(responder, '') AS responder, coalesce(rule, handoff_reason, '') AS why, count(*) AS count FROM turn
WHERE finished_at > now() - interval '7 days' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 60
""")
CALLS = text("""
SELECT model, state, coalesce(error, '') AS error, count(*) AS count FROM llm_call
WHERE started_at > now() - interval '7 days' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 60
""")
TABLES = text("""
SELECT relname AS table, reltuples::bigint AS rows, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 3 DESC
""")


def write(connection: Connection, config: Config, settings: Settings) -> str:
    """As JSON. What is known of secrets is masked once more in all that isn't a name of ours."""
    found = {
        "versions": vitals.read_versions(connection),
        "boot": _describe_boot(config),
        "settings": _describe_settings(settings),
        "state": _read_all(connection, STATE),
        "checks": _describe_checks(connection),
        "queue": vars_of(vitals.read_queue(connection)),
        "stuck": _pick(vitals.list_stuck(connection), "id", "tries", "crashes", "since", "next_at", "is_under_way"),
        "sends": _pick(
            [*vitals.list_doubtful(connection), *vitals.list_troubled(connection)],
            "id", "conversation_id", "state", "is_note", "attempts", "unknown_since",
        ),
        "dead_letters": _pick(vitals.list_dead_letters(connection), "id", "received_at", "event", "conversation_id"),
        "errors": _pick(vitals.list_faults(connection), "at", "number", "place", "error", "code", "conversation_id"),
        "turns": _read_all(connection, TURNS),
        "model_calls": _read_all(connection, CALLS),
        "tables": _read_all(connection, TABLES),
    }  # fmt: skip
    return json.dumps(_mask_values(found), ensure_ascii=False, indent=1)


def _mask_values(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {name: _mask_values(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [_mask_values(value) for value in given]
    return given if given is None or isinstance(given, bool | int | float) else mask(str(given))


def vars_of(queue: vitals.Queue) -> dict[str, Any]:
    return {name: getattr(queue, name) for name in queue.__slots__}


def _describe_boot(config: Config) -> dict[str, Any]:
    has = {f"has_{name}": bool(getattr(config, name)) for name in ("redis_url", "public_url", "mail_server", "asset_url")}
    return {name: getattr(config, name) for name in BOOT_FACTS} | has


def _describe_settings(settings: Settings) -> dict[str, Any]:
    """Numbers and choices as they are; of texts, addresses and secrets only whether they are set."""
    return {name: _describe_value(name, getattr(settings, name)) for name in Settings.model_fields}


def _describe_value(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr):
        return bool(value.get_secret_value())
    if value is None or isinstance(value, bool | int | float) or name in CHOICES:
        return value
    return len(value) if isinstance(value, list | tuple) else bool(value)


def _describe_checks(connection: Connection) -> dict[str, Any]:
    def describe(kept: results.Kept) -> dict[str, Any]:
        told = {k: v for k, v in kept.finding.values.items() if k in TOLD or isinstance(v, int | float)}
        return {"level": kept.finding.level, "key": kept.finding.key, "since": kept.since, "looked_at": kept.looked_at, **told}

    return {name: describe(kept) for name, kept in sorted(results.read(connection).items())}


def _pick(rows: Any, *names: str) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in names} for row in rows]


def _read_all(connection: Connection, statement: Any) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(statement).mappings()]
