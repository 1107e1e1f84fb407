"""Vectors of texts over OpenAI's protocol: from the local embedder's socket, or from any server that speaks it.

One call is one HTTP request, never tried again here: a question goes on by words alone, and what is indexed is due again.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import math
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, SecretStr, ValidationError

from chatbot.deadline import deadline, limit
from chatbot.errors import EmbeddingError
from chatbot.local_embedder import MAX_BYTES, MAX_TEXTS, MODEL, Kind

if TYPE_CHECKING:
    import httpx2

LOCAL, OFF = "local", "off"
NO_KEY = SecretStr("")
LOCAL_URL = "http://embedder/v1"
# OpenAI's smallest: 1,536 dimensions
REMOTE_MODEL = "text-embedding-3-small"
CONNECT_TIMEOUT_S = 5.0
# shorter than the local embedder waits for the next request
KEEPALIVE_S = 20.0
# 32 texts of 3,072 dimensions, written out
MAX_ANSWER_BYTES = 8_000_000
REFUSED_TEXT = {400, 413, 422}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom to ask. base_url: "local" or a URL up to /v1; socket: where "local" listens.

    model: {kind} in it becomes "query" or "passage", for servers that tell them apart by the model's name.
    """

    base_url: str
    model: str
    api_key: SecretStr = NO_KEY
    socket: str = ""

    @property
    def is_local(self) -> bool:
        return self.base_url == LOCAL

    @property
    def key_digest(self) -> str:
        """Enough to tell whether the key is the same, and nothing to find it out by."""
        key = self.api_key.get_secret_value()
        return hashlib.sha256(f"embeddings {self.base_url} {key}".encode()).hexdigest()[:16] if key else ""


def choose_model(base_url: str, model: str) -> str:
    return model or (MODEL if base_url == LOCAL else REMOTE_MODEL)


class _Line(BaseModel):
    index: int = Field(ge=0, lt=10_000)
    embedding: list[float] | str


class _Body(BaseModel):
    data: list[_Line]


def embed(endpoint: Endpoint, texts: list[str], kind: Kind, timeout_s: float) -> list[list[float]]:
    """A vector of length 1 for each text, all within timeout_s. Texts: MAX_TEXTS at most; what is too long is cut.

    Raises EmbeddingError. https://platform.openai.com/docs/api-reference/embeddings/create
    """
    if not 0 < len(texts) <= MAX_TEXTS:
        raise ValueError(f"1 to {MAX_TEXTS} texts at a time, not {len(texts)}")
    body: dict[str, Any] = {
        "model": endpoint.model.replace("{kind}", kind),
        "input": [_cut(text, MAX_BYTES[kind]) for text in texts],
        # a third of the bytes, where it is surely known
        "encoding_format": "base64" if endpoint.is_local else "float",
    }
    with _mapped(), deadline(timeout_s, MAX_ANSWER_BYTES):
        answer = _get_client(endpoint).post("/embeddings", json=body, timeout=_timeout(timeout_s))
    if answer.status_code != 200:
        raise _refusal(answer)
    return _read(answer.content, len(texts))


def _cut(text: str, max_bytes: int) -> str:
    """PostgreSQL's texts have no NUL, customers' may."""
    content = text.replace("\0", " ").encode("utf-8", errors="replace")
    return content[:max_bytes].decode("utf-8", errors="ignore").strip() or "-"


def _read(content: bytes, count: int) -> list[list[float]]:
    try:
        lines = sorted(_Body.model_validate_json(content).data, key=lambda line: line.index)
        vectors = [_normalise(_open(line.embedding)) for line in lines]
    except (ValidationError, ValueError):
        raise EmbeddingError("an answer that can't be read", kind="malformed") from None
    if [line.index for line in lines] != list(range(count)) or len({len(vector) for vector in vectors}) != 1:
        raise EmbeddingError(f"an answer with {len(lines)} vectors for {count} texts", kind="malformed")
    return vectors


def _open(embedding: list[float] | str) -> list[float]:
    if not isinstance(embedding, str):
        return embedding
    vector = array("f")
    vector.frombytes(base64.b64decode(embedding, validate=True))
    return vector.tolist()


def _normalise(vector: list[float]) -> list[float]:
    """Of length 1, so that the inner product is the cosine. Raises ValueError where that can't be."""
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not vector or not math.isfinite(length) or length == 0:
        raise ValueError("no direction")
    return vector if abs(length - 1) < 1e-5 else [value / length for value in vector]


@contextmanager
def _mapped() -> Iterator[None]:
    """Foreign exceptions become EmbeddingError, without their texts."""
    import httpx2  # noqa: PLC0415  heavy, and needed only where embeddings are asked for

    try:
        yield
    except httpx2.TimeoutException:
        raise EmbeddingError("no answer in time", kind="timeout") from None
    except (httpx2.TransportError, OSError) as e:
        raise EmbeddingError(f"no connection, or it broke ({type(e).__name__})", kind="away") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as e:
        raise EmbeddingError(f"an answer that can't be read ({type(e).__name__})", kind="malformed") from None


def _refusal(answer: Any) -> EmbeddingError:
    status: int = answer.status_code
    text = f"HTTP {status}"
    if status in (401, 403):
        return EmbeddingError(f"{text}: check the key", kind="auth", permanent=True, status=status)
    if status == 429:
        return EmbeddingError(text, kind="rate_limited", status=status)
    if status in REFUSED_TEXT:
        return EmbeddingError(text, kind="text", permanent=True, status=status)
    if status in (408, 504):
        return EmbeddingError(text, kind="timeout", status=status)
    if status >= 500:
        return EmbeddingError(text, kind="busy" if status == 503 else "server", status=status)
    return EmbeddingError(text, kind="bad_request", permanent=True, status=status)


def _timeout(timeout_s: float) -> httpx2.Timeout:
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))


_clients: dict[Endpoint, httpx2.Client] = {}
_clients_lock = threading.Lock()


def _get_client(endpoint: Endpoint) -> httpx2.Client:
    """One pool of connections per server and key, for as long as the process lives."""
    with _clients_lock:
        if endpoint not in _clients:
            _clients[endpoint] = limit(_make_client(endpoint))
        return _clients[endpoint]


@atexit.register
def close_clients() -> None:
    with _clients_lock:
        while _clients:
            _clients.popitem()[1].close()


def _make_client(endpoint: Endpoint) -> httpx2.Client:
    import httpx2  # noqa: PLC0415

    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=KEEPALIVE_S)
    if endpoint.is_local:
        way = httpx2.HTTPTransport(uds=endpoint.socket, verify=False, trust_env=False, limits=limits)
        return httpx2.Client(base_url=LOCAL_URL, transport=way, trust_env=False)
    key = endpoint.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx2.Client(base_url=endpoint.base_url, headers=headers, limits=limits, follow_redirects=False)
