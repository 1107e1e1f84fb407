"""Trains the FAQ's model beside answering: a process of its own when what is published, or the draft, has none yet.

The worker starts it (Trainer); `flask faq train` is that process. Only there numpy is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine

from chatbot.bodies import FaqEntry
from chatbot.clients.embeddings import Endpoint, embed
from chatbot.content import live_release_id, load_content, load_draft, select_spoken
from chatbot.crash_points import crash_point
from chatbot.db import fetch_value, run, sql, statements
from chatbot.errors import EmbeddingError
from chatbot.knowledge.embedding_model import find_endpoint
from chatbot.knowledge.faq_model import FaqModel, hash_entries
from chatbot.knowledge.faq_store import Trained, find_trained, name_embedder
from chatbot.privacy import Vault, mask
from chatbot.settings import Settings

log = structlog.get_logger()
WAKE_S = 5.0
# a draft is trained once nobody has saved for so long, so that it is ready when it is published
QUIET_S = 20
# a model without meaning is trained again with it, once the embedder is back
AGAIN_S, MOST_AGAIN_S = 60.0, 3_600.0
MOST_S = 900.0
EMBED_TIMEOUT_S = 60.0
NICE = 15
MODELS_STORED = 20
COMMAND = (sys.executable, "-m", "flask", "--app", "wsgi", "faq", "train", "--missing", "--quiet")
STORE = sql("""
INSERT INTO trained_faq (faq_hash, embedder, weights, calibrations, entries, phrasings, took_ms)
VALUES (:faq_hash, :embedder, :weights, cast(:calibrations AS jsonb), :entries, :phrasings, :took_ms)
ON CONFLICT (faq_hash, embedder) DO UPDATE
SET weights = excluded.weights, calibrations = excluded.calibrations, took_ms = excluded.took_ms, created_at = now(),
  is_stale = false
""")
FORGET = sql(f"""
DELETE FROM trained_faq WHERE faq_hash <> ALL (cast(:needed AS text[]))
   AND id NOT IN (SELECT id FROM trained_faq ORDER BY created_at DESC, id DESC LIMIT {MODELS_STORED})
""")
STATE = sql(f"""
SELECT n.live_release_id, r.id AS revision_id, coalesce(r.created_at < now() - interval '{QUIET_S} s', true) AS is_quiet,
  (SELECT count(*) FROM trained_faq WHERE is_stale) AS stale
  FROM instance n LEFT JOIN LATERAL (SELECT id, created_at FROM revision ORDER BY id DESC LIMIT 1) r ON true
""")
TRY_LOCK = sql("SELECT pg_try_advisory_lock(hashtext('mostrador faq training'))")
UNLOCK = sql("SELECT pg_advisory_unlock(hashtext('mostrador faq training'))")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A FAQ without a model. name: "live" or "draft"."""

    name: str
    entries: tuple[FaqEntry, ...]


def list_faqs(connection: Connection) -> list[Wanted]:
    """What is published and the draft, where they have FAQs."""
    live = load_content(connection, live_release_id(connection))
    faqs = [Wanted(name, select_spoken(content).faq) for name, content in (("live", live), ("draft", load_draft(connection)))]
    return [faq for faq in faqs if faq.entries]


def list_wanted(connection: Connection, settings: Settings) -> list[Wanted]:
    """What has no model yet, or one without the meaning that it could have."""
    wanted: dict[str, Wanted] = {}
    for faq in list_faqs(connection):
        found = find_trained(connection, settings, faq.entries)
        if found is None or found.is_stale or found.embedder != name_embedder(settings):
            wanted.setdefault(hash_entries(faq.entries), faq)
    return list(wanted.values())


@contextmanager
def alone(engine: Engine) -> Iterator[bool]:
    """Whether no other process trains: each worker would start one."""
    with statements(engine) as connection:
        is_alone = bool(fetch_value(connection, TRY_LOCK))
        try:
            yield is_alone
        finally:
            if is_alone:
                run(connection, UNLOCK)


def train_and_store(engine: Engine, settings: Settings, entries: tuple[FaqEntry, ...]) -> Trained | None:
    """A few seconds of one core. Where the embedder is away, words alone are learned, and meaning once it is back.

    None: what could be learned is stored already, or was taken away meanwhile.
    """
    begun = time.monotonic()
    with statements(engine) as connection:
        stored = find_trained(connection, settings, entries)
    learned = _train(settings, entries, has_words=stored is not None and not stored.is_stale)
    if learned is None:
        return None
    model, embedder = learned
    calibrations = {channel: found.to_json() for channel, found in model.calibrations.items()}
    row = {
        "faq_hash": hash_entries(entries),
        "embedder": embedder,
        "weights": model.weights.pack(),
        "calibrations": json.dumps(calibrations),
        "entries": len(entries),
        "phrasings": len(model.index.phrasings),
        "took_ms": round((time.monotonic() - begun) * 1000),
    }
    crash_point("faq_trained")
    with engine.begin() as connection:
        run(connection, STORE, row)
        run(connection, FORGET, {"needed": [hash_entries(faq.entries) for faq in list_faqs(connection)]})
        found = find_trained(connection, settings, entries)
    log.info("faq_trained", entries=len(entries), phrasings=row["phrasings"], ms=row["took_ms"], with_meaning=bool(embedder))
    return found


def _train(settings: Settings, entries: tuple[FaqEntry, ...], *, has_words: bool) -> tuple[FaqModel, str] | None:
    # one core is enough, and the others answer customers; numpy reads it when it is imported
    os.putenv("OPENBLAS_NUM_THREADS", "1")
    from chatbot.knowledge.faq_fit import train  # noqa: PLC0415

    endpoint = find_endpoint(settings)
    if endpoint:
        try:
            return train(entries, lambda texts: _embed(endpoint, texts)), name_embedder(settings)
        except EmbeddingError as e:
            log.warning("faq_without_meaning", problem=str(e))
            if has_words:
                return None
    return train(entries), ""


def _embed(endpoint: Endpoint, texts: list[str]) -> list[list[float]]:
    asked = texts if endpoint.is_local else [mask(text, Vault()) for text in texts]
    return embed(endpoint, asked, "query", EMBED_TIMEOUT_S)


class Trainer:
    """Called every few seconds by the worker. What it costs while nothing has changed is one statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.child: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._settled: tuple[object, ...] = ()
        self._look_at = 0.0
        self._pause_s = AGAIN_S

    def __call__(self, settings: Settings) -> None:
        if self._is_running():
            return
        with statements(self._engine) as connection:
            row = run(connection, STATE).fetchone() or {}
            is_quiet = row["is_quiet"]
            state = (*row.values(), name_embedder(settings))
            if state == self._settled and time.monotonic() < self._look_at:
                return
            wanted = list_wanted(connection, settings)
        if not [faq for faq in wanted if faq.name == "live" or is_quiet]:
            self._settled, self._look_at, self._pause_s = state, float("inf"), AGAIN_S
        else:
            # it may not succeed (the embedder is away): not tried again at once unless something changed
            self._pause_s = min(self._pause_s * 2, MOST_AGAIN_S) if state == self._settled else AGAIN_S
            self._settled, self._look_at = state, time.monotonic() + self._pause_s
            self._start()

    def _is_running(self) -> bool:
        if self.child is None or self.child.poll() is not None:
            return False
        if time.monotonic() - self._started_at > MOST_S:
            log.warning("faq_training_too_slow")
            self.child.kill()
        return True

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self.child = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL)  # noqa: S603  a command of constants
