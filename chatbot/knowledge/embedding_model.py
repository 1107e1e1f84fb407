"""Which model's vectors answer: the one that is set, or the one before it until its are complete; and whom to ask for more."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import Connection

from chatbot.clients.embeddings import OFF, Endpoint, choose_model
from chatbot.db import Row, run, sql
from chatbot.settings import Settings

ACTIVE = sql("SELECT id, base_url, name, dimensions, key_digest FROM embedding_model WHERE state = 'active'")


@dataclass(frozen=True, slots=True)
class Model:
    """Whose vectors answer, and whom to ask for a question's."""

    id: int
    dimensions: int
    endpoint: Endpoint


def find_endpoint(settings: Settings) -> Endpoint | None:
    """Whom the settings name; None where embeddings are off."""
    base_url = settings.embeddings_base_url
    if base_url == OFF:
        return None
    key = settings.embeddings_api_key
    if not key.get_secret_value() and base_url == settings.openai_base_url:
        key = settings.openai_api_key
    return Endpoint(base_url, choose_model(base_url, settings.embeddings_model), key, settings.embedder_socket)


def active_model(connection: Connection, settings: Settings) -> tuple[int, int] | None:
    """(id, dimensions) of the model whose vectors answer."""
    model = read_active(connection, settings)
    return (model.id, model.dimensions) if model else None


def read_active(connection: Connection, settings: Settings) -> Model | None:
    """None where embeddings are off, or there is nothing to find by them yet."""
    wanted = find_endpoint(settings)
    row = run(connection, ACTIVE).fetchone() if wanted else None
    return Model(row["id"], row["dimensions"], _endpoint_of(row, wanted, settings)) if row and wanted else None


def _endpoint_of(row: Row, wanted: Endpoint, settings: Settings) -> Endpoint:
    """A former model's server gets the key that it was asked with before, and no other's."""
    if (wanted.base_url, wanted.model) == (row["base_url"], row["name"]):
        return wanted
    keys = (settings.embeddings_api_key, settings.openai_api_key, SecretStr(""))
    tried = [Endpoint(row["base_url"], row["name"], key, wanted.socket) for key in keys]
    return next((endpoint for endpoint in tried if endpoint.key_digest == row["key_digest"]), tried[-1])
