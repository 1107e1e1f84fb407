"""A backup with vectors is proved and restored by a role that may not make extensions, as the box's is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import migrate
from postgres import GivenPostgres, Postgres
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool
from standins.embedders import EmbeddingStandIn

from chatbot.backup.places import BackupError
from chatbot.knowledge.embedding import embed_missing
from chatbot.settings import Settings
from integration.backups import Shop, fill, open_shop

ROLE = f"plain_{os.getpid()}"


@pytest.fixture
def server(postgres: Postgres | GivenPostgres) -> Iterator[Callable[[str, str], None]]:
    """server(database, statement): as the superuser. There is a role that may make databases, and nothing else."""

    def run(database: str, statement: str) -> None:
        engine = create_engine(postgres.url(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    run("postgres", f"CREATE ROLE {ROLE} LOGIN CREATEDB NOSUPERUSER")
    yield run
    for suffix in ("", "_template", "_proof", "_before_restore", "_cut_off"):
        run("postgres", f"DROP DATABASE IF EXISTS {ROLE}{suffix} WITH (FORCE)")
    run("postgres", f"DROP ROLE {ROLE}")


@pytest.fixture
def shop(server: Callable[[str, str], None], postgres: Postgres | GivenPostgres, tmp_path: Path) -> Shop:
    """Its database and the template beside it as the play makes them, and vectors of its passages."""
    for name in (ROLE, f"{ROLE}_template"):
        server("postgres", f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        server(name, "CREATE EXTENSION vector")
    url = make_url(postgres.url(ROLE)).set(username=ROLE).render_as_string(hide_password=False)
    migrate(url)
    shop = fill(open_shop(url, tmp_path, postgres))
    with EmbeddingStandIn() as stand_in:
        engine = create_engine(url, poolclass=NullPool)
        assert embed_missing(engine, Settings(embeddings_base_url=stand_in.url), float("inf")) > 0
    return shop


def read_vectors(shop: Shop) -> list[str]:
    return shop.run("SELECT vector::text FROM embedding ORDER BY chunk_id")


@pytest.mark.thorough
def test_vectors_come_through_a_backup_and_its_restore(shop: Shop) -> None:
    assert shop.run("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [False]
    vectors = read_vectors(shop)
    bundle = shop.make()
    assert bundle.counts
    shop.run("DELETE FROM embedding")
    shop.restore(bundle, shop.key, replace=True)
    assert read_vectors(shop) == vectors
    assert shop.run("SELECT extname FROM pg_extension WHERE extname = 'vector'") == ["vector"]
    assert shop.make().counts, "the restored one can be backed up in its turn"


def test_without_the_template_it_says_what_to_type(shop: Shop, server: Callable[[str, str], None]) -> None:
    server("postgres", f"DROP DATABASE {ROLE}_template")
    with pytest.raises(BackupError) as caught:
        shop.make()
    told = str(caught.value)
    assert f"createdb --owner={ROLE} --template=template0 --encoding=UTF8 --locale=C {ROLE}_template" in told
    assert f"psql -d {ROLE}_template -c 'CREATE EXTENSION vector'" in told
