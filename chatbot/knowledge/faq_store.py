"""Trained models of FAQs as they are stored (models/faq_model.py), and the one that answers, kept in memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock

from sqlalchemy import URL, Connection, Engine

from chatbot.bodies import FaqEntry
from chatbot.clients.embeddings import Endpoint
from chatbot.db import Row, fetch_value, run, sql, statements
from chatbot.knowledge.embedding import embed_for
from chatbot.knowledge.embedding_model import find_endpoint
from chatbot.knowledge.faq import get_index
from chatbot.knowledge.faq_calibration import Calibration
from chatbot.knowledge.faq_model import Embed, FaqModel, Weights, hash_entries
from chatbot.settings import Settings

# how long a missing model isn't looked for again
LOOK_AGAIN_S = 5.0
MODELS_KEPT = 2
# where there is one with meaning, and meaning is wanted, that one
FIND = sql("""
SELECT id, embedder, calibrations, entries, phrasings, took_ms, is_stale, created_at FROM trained_faq
 WHERE faq_hash = :faq_hash AND embedder IN ('', :embedder) ORDER BY embedder = '' LIMIT 1
""")
MARK_STALE = sql("UPDATE trained_faq SET is_stale = true WHERE id = :id")
READ_WEIGHTS = sql("SELECT weights FROM trained_faq WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Trained:
    """A stored model without its weights. embedder: whose vectors it knows, "" for words alone."""

    id: int
    embedder: str
    calibrations: dict[str, Calibration]
    entries: int
    phrasings: int
    took_ms: int
    is_stale: bool
    created_at: datetime

    @property
    def calibration(self) -> Calibration:
        """Of how it answers as long as nothing is away."""
        return self.calibrations.get("hybrid") or self.calibrations["lexical"]


def name_embedder(settings: Settings) -> str:
    """Whose vectors a model would be trained with now; "" where embeddings are off."""
    endpoint = find_endpoint(settings)
    return f"{endpoint.base_url} {endpoint.model}" if endpoint else ""


def find_trained(connection: Connection, settings: Settings, entries: Sequence[FaqEntry]) -> Trained | None:
    """The model of entries that say exactly this."""
    values = {"faq_hash": hash_entries(entries), "embedder": name_embedder(settings)}
    row = run(connection, FIND, values).fetchone()
    return _read(row) if row else None


def mark_stale(connection: Connection, trained: Trained) -> None:
    """Has it trained again in the background; it answers meanwhile."""
    run(connection, MARK_STALE, {"id": trained.id})


def _read(row: Row) -> Trained:
    calibrations = {channel: Calibration.from_json(found) for channel, found in row["calibrations"].items()}
    return Trained(**{**row, "calibrations": calibrations})


@dataclass(frozen=True, slots=True)
class _Kept:
    """id: the stored model's, None where there was none when it was looked for."""

    entries: tuple[FaqEntry, ...]
    url: URL
    id: int | None
    embedder: str
    model: FaqModel | None
    looked_at: float


class _Models:
    """The newest models in use, by the identity of their entries: a release's content is kept and never changes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: list[_Kept] = []

    def get(self, engine: Engine, settings: Settings, entries: tuple[FaqEntry, ...]) -> FaqModel | None:
        wanted = name_embedder(settings)
        with self._lock:
            kept = next((kept for kept in self._kept if kept.entries is entries and kept.url == engine.url), None)
        if kept and ((kept.model and kept.embedder == wanted) or time.monotonic() - kept.looked_at < LOOK_AGAIN_S):
            return kept.model
        kept = _look(engine, settings, entries, kept)
        with self._lock:
            others = [other for other in self._kept if other.entries is not entries]
            self._kept = [kept, *others][:MODELS_KEPT]
        return kept.model


_models = _Models()


def get_model(engine: Engine, settings: Settings, entries: tuple[FaqEntry, ...]) -> FaqModel | None:
    """The trained model of these entries; None until there is one."""
    return _models.get(engine, settings, entries) if entries else None


def _look(engine: Engine, settings: Settings, entries: tuple[FaqEntry, ...], kept: _Kept | None) -> _Kept:
    with statements(engine) as connection:
        found = find_trained(connection, settings, entries)
        if kept and kept.id == (found.id if found else None):
            return replace(kept, looked_at=time.monotonic())
        packed = fetch_value(connection, READ_WEIGHTS, {"id": found.id}) if found else None
    if found is None or packed is None:
        return _Kept(entries, engine.url, None, "", None, time.monotonic())
    model = FaqModel(entries, Weights.open(packed), found.calibrations, index=get_index(entries))
    return _Kept(entries, engine.url, found.id, found.embedder, model, time.monotonic())


def make_embed(settings: Settings, weights: Weights) -> Embed | None:
    """Asks for a question's vector; None where that is off, or the model knows none."""
    endpoint: Endpoint | None = find_endpoint(settings)
    if endpoint is None or not weights.centre:
        return None
    return partial(embed_for, endpoint, len(weights.centre), timeout_s=settings.embeddings_timeout_s)
