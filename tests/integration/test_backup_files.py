"""A proof compares the newest uploaded files with their checksums, and a restore doesn't depend on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres import GivenPostgres, Postgres
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from chatbot.backup import proof
from chatbot.backup.places import BackupError
from chatbot.backup.shelf import list_bundles
from integration.backups import Shop, open_shop

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
UPLOAD = text("INSERT INTO stored_file (sha256, name, size, content) VALUES (:sha256, :name, :size, :content)")


@pytest.fixture
def shop(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres | GivenPostgres) -> Iterator[Shop]:
    made = open_shop(make_database(), tmp_path, postgres)
    yield made
    assert made.databases() - {f"{made.database}_before_restore"} == {made.database}, "no scratch database is left behind"


def upload(shop: Shop, name: str, content: bytes) -> None:
    engine = create_engine(shop.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        sha256 = hashlib.sha256(content).hexdigest()
        connection.execute(UPLOAD, {"sha256": sha256, "name": name, "size": len(content), "content": content})


def damage(shop: Shop, name: str) -> None:
    shop.run("UPDATE stored_file SET content = set_byte(content, 0, 0) WHERE name = :name", name=name)


def find_checked(shop: Shop, day: int = 0) -> object:
    return (shop.make(NOW + timedelta(days=day)).proof or {})["files"]


def test_how_many_files_were_compared_is_noted(shop: Shop) -> None:
    assert find_checked(shop) == "none is stored"
    for number in range(proof.MAX_FILES + 1):
        upload(shop, f"{number}.pdf", b"%%PDF %d" % number)
    assert find_checked(shop, 1) == proof.MAX_FILES


def test_a_damaged_file_fails_the_proof_but_no_restore(shop: Shop) -> None:
    upload(shop, "precios.pdf", b"%PDF prices")
    upload(shop, "horario.pdf", b"%PDF hours")
    damage(shop, "precios.pdf")
    with pytest.raises(BackupError, match=r"the document 'precios.pdf' isn't the file that was uploaded") as caught:
        shop.make(NOW)
    (bundle,) = list_bundles(shop.folder)
    assert not bundle.counts
    assert bundle.problem == str(caught.value)
    command = str(caught.value).split('-c "')[1].rstrip('"')
    assert shop.restore(bundle, shop.key, replace=True)["rows"]
    shop.run(command)
    assert shop.run("SELECT name FROM stored_file") == ["horario.pdf"], "what the message says to type mends it"
    assert find_checked(shop, 1) == 1


def test_large_files_are_compared_only_until_they_are_many_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(shop, "older.pdf", b"%PDF of a former year")
    damage(shop, "older.pdf")
    upload(shop, "newest.pdf", b"%PDF" + b"x" * 100)
    monkeypatch.setattr(proof, "MAX_FILES_BYTES", 100)
    assert find_checked(shop) == 1
