"""Documents for tests: files stored and saved as the panel does it, and a run of the indexer in this process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

from conftest import ROOT, SECRET_KEY, make_config
from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql import insert as upsert

from chatbot.bodies import Document
from chatbot.content import save_drafts
from chatbot.indexer import Done, Indexer
from chatbot.models import StoredFile


def add_file(engine: Engine, key: str, content: bytes, name: str, **fields: Any) -> str:
    """Returns its SHA-256."""
    digest = hashlib.sha256(content).hexdigest()
    row = {"sha256": digest, "name": name, "size": len(content), "content": content}
    with engine.begin() as connection:
        connection.execute(upsert(StoredFile).values(row).on_conflict_do_nothing())
        save_drafts(connection, [Document(key=key, title=fields.pop("title", key), source="file", file=digest, **fields)])
    return digest


def read_all(engine: Engine) -> Done:
    """What is due, in this process; without embeddings, as the environment says."""
    config = make_config(engine.url.render_as_string(hide_password=False))
    done = Indexer(engine, config, lambda: False).run()
    assert done is not None, "another one is running"
    return done


def start_index(engine: Engine, **environment: str) -> subprocess.Popen[bytes]:
    """`flask index` as a process of its own."""
    given = {
        "PATH": "/usr/bin:/bin", "ENV_FILE": "/dev/null", "VAR_DIR": "/dev/null", "ENVIRONMENT": "test",
        "SECRET_KEY": SECRET_KEY, "EMBEDDINGS_BASE_URL": "off",
        "DATABASE_URL": engine.url.render_as_string(hide_password=False), **environment,
    }  # fmt: skip
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "index"]
    return subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def rows(engine: Engine, statement: str, **values: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(statement), values))


def find_page(engine: Engine, key: str) -> Any:
    """The newest page of a document."""
    (row, *_) = rows(
        engine, "SELECT p.* FROM page p JOIN entry e ON e.id = p.entry_id WHERE e.key = :key ORDER BY p.id DESC", key=key
    )
    return row


def find_chunks(engine: Engine, key: str) -> list[Any]:
    """What answers of a document, in order."""
    return rows(
        engine,
        "SELECT c.* FROM chunk c JOIN page p ON p.copy_id = c.copy_id JOIN entry e ON e.id = p.entry_id"
        " WHERE e.key = :key ORDER BY p.id, c.ordinal",
        key=key,
    )
