"""Checks of what finds passages by their meaning: pgvector, the embedder, and how far the passages are embedded."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import make_url

from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.clients.embeddings import embed
from chatbot.db import statements
from chatbot.errors import EmbeddingError
from chatbot.knowledge.embedding import read_progress
from chatbot.knowledge.embedding_model import find_endpoint
from chatbot.local_embedder import find_obstacle

PATIENCE_S = 10.0
EXTENSION = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")


def check_pgvector(at: Surroundings) -> Finding:
    with at.engine.connect() as connection:
        version = connection.execute(EXTENSION).scalar()
    return ok(version=version) if version else fail("missing", database=make_url(at.config.database_url).database)


def check_embedder(at: Surroundings) -> Finding:
    """One question embedded. Without, customers are answered by words alone."""
    endpoint = find_endpoint(at.settings)
    if endpoint is None:
        return ok("off")
    if endpoint.is_local and (obstacle := find_obstacle()):
        return warn("no_avx2") if obstacle == "no_avx2" else warn("not_installed")
    try:
        embed(endpoint, ["ok"], "query", PATIENCE_S)
    except EmbeddingError as e:
        problem = str(e)[:160]
        if endpoint.is_local:
            # elsewhere than on a box it may never have been started, and customers are answered all the same
            judge = fail if at.is_own_box else warn
            return judge("away", socket=endpoint.socket, problem=problem)
        key = "refused" if e.kind == "auth" else "failed"
        return fail(key, model=endpoint.model, url=endpoint.base_url, problem=problem)
    return ok("local") if endpoint.is_local else ok(model=endpoint.model, url=endpoint.base_url)


def check_embedded(at: Surroundings) -> Finding | None:
    """How many passages have vectors of the model that is set; absent where it is off."""
    with statements(at.engine) as connection:
        progress = read_progress(connection, at.settings)
    if progress is None:
        return None
    if progress.missing:
        return ok("going_on", done=progress.done, count=progress.done + progress.missing)
    return ok(count=progress.done)
