"""Questions' vectors. The passages' are made by embed_missing() (filling.py), by the model that embedding_model.py chooses.

All vectors are of length 1, so a passage is as near as the inner product says:
  -(e.vector::vector(384) <#> cast(:vector AS vector(384)))   is 1 for the same direction
With the numbers of dimensions and model (e.model_id = 1) written out, PostgreSQL may use the index that filling.py makes where
there are many.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from chatbot.clients.embeddings import OFF, Endpoint, embed
from chatbot.errors import EmbeddingError
from chatbot.knowledge.embedding_model import Model, active_model, read_active
from chatbot.knowledge.filling import Progress, embed_missing, needs_filling, read_progress
from chatbot.models.embedding import write_vector
from chatbot.privacy import Vault, mask
from chatbot.settings import Settings

__all__ = [
    "Progress",
    "Sought",
    "Vector",
    "active_model",
    "embed_for",
    "embed_missing",
    "embed_query",
    "needs_filling",
    "read_progress",
]

log = structlog.get_logger()
KEPT_QUESTIONS = 256
LONGEST_QUESTION = 1_000
# after a time-out nobody waits for the next one at once
REST_S = 15.0


@dataclass(frozen=True, slots=True)
class Vector:
    """A question as the model with that id sees it; values: as PostgreSQL reads a vector."""

    model_id: int
    dimensions: int
    values: str


@dataclass(frozen=True, slots=True)
class Sought:
    """vector None: the lexical channel alone, and the trace says why: "off", "none" (nothing is embedded yet), "empty" (no
    question), "resting" (a time-out a moment ago), or the kind of the EmbeddingError."""

    vector: Vector | None
    reason: str = ""


def embed_query(connection: Connection, settings: Settings, text: str) -> Sought:
    """A question's vector, within EMBEDDINGS_TIMEOUT_S. Never raises EmbeddingError: a question is answered without, too.

    connection: one of db.statements(), so that no transaction stays open meanwhile.
    """
    text = " ".join(text.split())[:LONGEST_QUESTION]
    if settings.embeddings_base_url == OFF or not text:
        return Sought(None, "empty" if not text else "off")
    model = read_active(connection, settings)
    if model is None:
        return Sought(None, "none")
    try:
        return Sought(Vector(model.id, model.dimensions, _questions.embed(model, text, settings.embeddings_timeout_s)))
    except EmbeddingError as e:
        return Sought(None, e.kind)


def embed_for(endpoint: Endpoint, dimensions: int, text: str, *, timeout_s: float) -> list[float] | None:
    """A question's vector from this very endpoint, whatever passages have; None where it can't be had just now."""
    text = " ".join(text.split())[:LONGEST_QUESTION]
    try:
        values = _questions.embed(Model(0, dimensions, endpoint), text, timeout_s) if text else ""
    except EmbeddingError:
        return None
    return [float(value) for value in values[1:-1].split(",")] if values else None


class _Questions:
    """The newest questions' vectors, and a rest for a server that kept one waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str, str, str], str] = OrderedDict()
        self._rests: dict[str, float] = {}

    def embed(self, model: Model, text: str, timeout_s: float) -> str:
        """Raises EmbeddingError."""
        endpoint = model.endpoint
        name = (model.id, endpoint.base_url, endpoint.model, text)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            if time.monotonic() < self._rests.get(endpoint.base_url, 0):
                raise EmbeddingError("it kept a question waiting a moment ago", kind="resting")
        values = self._ask(endpoint, model.dimensions, text, timeout_s)
        with self._lock:
            self._kept[name] = values
            while len(self._kept) > KEPT_QUESTIONS:
                self._kept.popitem(last=False)
        return values

    def _ask(self, endpoint: Endpoint, dimensions: int, text: str, timeout_s: float) -> str:
        # what leaves the machine has no personal data in it
        asked = text if endpoint.is_local else mask(text, Vault())
        try:
            vector = embed(endpoint, [asked], "query", timeout_s)[0]
        except EmbeddingError as e:
            if e.kind == "timeout":
                with self._lock:
                    self._rests[endpoint.base_url] = time.monotonic() + REST_S
            log.warning("question_not_embedded", problem=str(e), kind=e.kind)
            raise
        if len(vector) != dimensions:
            raise EmbeddingError(f"{len(vector)} dimensions instead of {dimensions}", kind="malformed")
        return write_vector(vector)


_questions = _Questions()
