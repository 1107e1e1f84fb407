"""A throw-away installation to measure on: PostgreSQL with the product's tables, and the local embedder where it can run."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import flask_migrate
from local_postgres import LocalPostgres, die_with_parent
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, update

from chatbot import create_app
from chatbot.bodies import Document, address_of
from chatbot.config import load_config
from chatbot.content import save_drafts
from chatbot.db import statements
from chatbot.knowledge.chunk import chunk_sections
from chatbot.knowledge.embedding import active_model, embed_missing
from chatbot.knowledge.extract import Section
from chatbot.local_embedder import SAID, find_obstacle
from chatbot.models import Chunk, Entry, Page, PageCopy, Release, Revision, release_revision
from chatbot.reply import Language
from chatbot.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 3_600.0
POSTGRES = {"fsync": "off", "shared_buffers": "256MB", "jit": "off"}


@dataclass(frozen=True, slots=True)
class Store:
    """An installation's database and settings. obstacle: why there are no embeddings, where they were wanted."""

    engine: Engine
    settings: Settings
    obstacle: str = ""

    @property
    def is_dense(self) -> bool:
        return self.settings.embeddings_base_url != "off"

    def add_paragraphs(self, name: str, paragraphs: Sequence[str], language: Language) -> list[str]:
        """Each as a document of its own, read and cut as a file is. Returns their keys, in order."""
        documents = [
            Document(
                key=f"{name}-{number}", title="-", source="file", file=hashlib.sha256(f"{name} {number}".encode()).hexdigest()
            )
            for number in range(len(paragraphs))
        ]
        with self.engine.begin() as connection:
            save_drafts(connection, documents)
            for document, text in zip(documents, paragraphs, strict=True):
                _store_copy(connection, document, text, language)
        return [document.key for document in documents]

    def embed(self) -> bool:
        """All that lacks vectors. Whether there are any."""
        if not self.is_dense:
            return False
        embed_missing(self.engine, self.settings, time.monotonic() + LONGEST_S)
        with statements(self.engine) as connection:
            return active_model(connection, self.settings) is not None

    def release(self, keys: Sequence[str]) -> int:
        """A release of these documents' revisions: their chunks and vectors are shared by all releases."""
        with self.engine.begin() as connection:
            release_id: int = connection.execute(insert(Release).returning(Release.id)).scalar_one()
            own = select(Revision.id).join(Entry, Entry.id == Revision.entry_id).where(Entry.key.in_(keys))
            rows = [{"release_id": release_id, "revision_id": id_} for id_ in connection.scalars(own)]
            connection.execute(insert(release_revision), rows)
        return release_id


@contextmanager
def open_store(*, is_dense: bool = True) -> Iterator[Store]:
    """A store of its own, gone afterwards. is_dense: with the local embedder, where it can run."""
    folder = Path(tempfile.mkdtemp(prefix="mostrador-eval-", dir="/tmp"))
    folder.chmod(0o755)
    obstacle = SAID[find_obstacle()] if is_dense and find_obstacle() else ""
    base_url = "local" if is_dense and not obstacle else "off"
    settings = Settings(embeddings_base_url=base_url, embedder_socket=str(folder / "embedder.sock"), embeddings_timeout_s=30)
    postgres = LocalPostgres(folder / "pg", POSTGRES)
    try:
        postgres.start()
        postgres.create_database("eval")
        engine = make_engine(postgres.url("eval"))
        with ExitStack() as stack:
            stack.callback(engine.dispose)
            if base_url == "local":
                stack.enter_context(running_embedder(settings.embedder_socket))
            yield Store(engine, settings, obstacle)
    finally:
        postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)


def make_engine(url: str) -> Engine:
    config = load_config(database_url=url, secret_key="only-for-an-evaluation-0123456789-abcdef", environment="test")
    with create_app(config).app_context():
        flask_migrate.upgrade()
    return create_engine(url)


@contextmanager
def running_embedder(address: str) -> Iterator[None]:
    command = [sys.executable, "embedder.py", "--listen", address]
    environment = {**os.environ, "PYTHONPATH": ""}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=die_with_parent(signal.SIGTERM))  # noqa: PLW1509
    try:
        end = time.monotonic() + 60
        while not Path(address).exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the embedder doesn't start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _store_copy(connection: Connection, document: Document, text: str, language: Language) -> None:
    """As the indexer leaves a page that was read. A paragraph has no heading."""
    at_page = (Page.address == address_of(document), Page.entry_id == Entry.id, Entry.key == document.key)
    page_id = connection.scalars(select(Page.id).join(Entry, Entry.id == Page.entry_id).where(*at_page)).one()
    copy = {"page_id": page_id, "text_hash": document.file, "language": language, "chars": len(text), "ready_at": func.now()}
    copy_id = connection.execute(insert(PageCopy).values(copy).returning(PageCopy.id)).scalar_one()
    drafts = chunk_sections("", (Section(text),), language)
    rows = [{"copy_id": copy_id, "ordinal": ordinal, **asdict(draft)} for ordinal, draft in enumerate(drafts)]
    connection.execute(insert(Chunk), rows)
    read = {"copy_id": copy_id, "state": "ready", "due_at": None, "checked_at": func.now()}
    connection.execute(update(Page).where(Page.id == page_id).values(read))
