"""The indexer killed at every point of its way: nothing is lost, nothing is there twice, and the next run goes on."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import files
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from integration.documents import add_file, find_chunks, find_page, read_all, rows, start_index

POINTS = ["page_claimed", "page_extracted", "page_stored", "page_embedded", "page_switched"]


@pytest.fixture
def own(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine on a database of its own."""
    monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
    engine = create_engine(make_database(), poolclass=NullPool)
    yield engine
    engine.dispose()


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    said, errors = process.communicate(timeout=120)
    return process.returncode, (said + errors).decode()


@pytest.mark.thorough
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_next_run_goes_on(own: Engine, tmp_path: Path, point: str) -> None:
    for key in ("a", "b", "c"):
        add_file(own, key, f"# Horario\n\nAbrimos de nueve a dos, sucursal {key}.".encode(), f"{key}.md")
    (tmp_path / f"crash-{point}").write_text("kill")
    code, said = finish(start_index(own, FAULTS_DIR=str(tmp_path)))
    assert code == -9, said
    code, said = finish(start_index(own, FAULTS_DIR=str(tmp_path)))
    assert code == 0, said
    assert [len(find_chunks(own, key)) for key in ("a", "b", "c")] == [1, 1, 1]
    assert len(rows(own, "SELECT FROM page_copy")) == len(rows(own, "SELECT FROM chunk")) == 3
    assert rows(own, "SELECT FROM page WHERE lease_until IS NOT NULL OR due_at IS NOT NULL OR state <> 'ready'") == []


@pytest.mark.thorough
@pytest.mark.parametrize("point", POINTS[1:4])
def test_killed_while_a_changed_file_is_read_the_former_copy_answers(own: Engine, tmp_path: Path, point: str) -> None:
    digest = add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    read_all(own)
    with own.begin() as connection:  # as if other bytes stood at the same address, like a page on the web
        connection.execute(text("UPDATE stored_file SET content = :c"), {"c": b"Abrimos de diez a tres."})
        connection.execute(text("UPDATE page SET due_at = now()"))
    (tmp_path / f"crash-{point}").write_text("kill")
    finish(start_index(own, FAULTS_DIR=str(tmp_path)))
    assert [chunk.text for chunk in find_chunks(own, "a")] == ["Abrimos de nueve a dos."], digest
    read_all(own)
    assert [chunk.text for chunk in find_chunks(own, "a")] == ["Abrimos de diez a tres."]
    assert len(rows(own, "SELECT FROM page_copy")) == 2


@pytest.mark.thorough
def test_killed_at_any_moment_again_and_again(own: Engine, tmp_path: Path) -> None:
    """Real kills, wherever they fall: each run gets a little further, and in the end each document is there once."""
    for number in range(12):
        page = files.text_page([f"La sucursal número {number} abre de nueve a dos todos los martes."])
        add_file(own, f"d{number}", files.make_pdf([page] * 2), f"{number}.pdf")
    kills = 0
    for delay_s in (1.5, 2.0, 2.3, 2.6, 2.9, 3.2, 3.7, 4.4):
        process = start_index(own)
        time.sleep(delay_s)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate(timeout=60)
    assert kills
    finish(start_index(own))
    with own.begin() as connection:  # what several dead runs held waits for minutes; as if they had passed
        connection.execute(text("UPDATE page SET due_at = now() WHERE due_at > now()"))
    code, said = finish(start_index(own))
    assert code == 0, said
    assert rows(own, "SELECT count(*), count(DISTINCT page_id) FROM page_copy") == [(12, 12)]
    found = rows(own, "SELECT copy_id, ordinal FROM chunk")
    assert len(found) == len(set(found))
    assert [len(find_chunks(own, f"d{number}")) for number in range(12)] == [1] * 12


@pytest.mark.thorough
def test_an_indexer_that_is_asked_to_stop_ends_the_page_it_is_at(own: Engine) -> None:
    for number in range(30):
        add_file(own, f"d{number}", f"La sucursal {number} abre de nueve a dos.".encode(), f"{number}.txt")
    process = start_index(own)
    end = time.monotonic() + 60
    while not rows(own, "SELECT FROM page_copy") and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    code, said = finish(process)
    assert code == 0, said
    read = len(rows(own, "SELECT FROM page WHERE state = 'ready'"))
    assert 0 < read < 30
    assert rows(own, "SELECT FROM page WHERE lease_until IS NOT NULL") == []
    assert read_all(own).read == 30 - read


def test_the_command_tells_what_it_did(own: Engine) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    add_file(own, "b", files.make_entity_bomb(), "b.docx")
    code, said = finish(start_index(own))
    assert code == 0, said
    assert "1 read, 0 unchanged, 1 couldn't be read" in said
    assert "bomb: 1" in said
    assert find_page(own, "b").problem == "bomb"


@pytest.mark.thorough
def test_a_page_that_breaks_the_run_each_time_waits_longer_and_longer(own: Engine, tmp_path: Path) -> None:
    add_file(own, "a", b"Abrimos de nueve a dos.", "a.txt")
    for _ in range(3):
        (tmp_path / "crash-page_claimed").write_text("kill")
        assert finish(start_index(own, FAULTS_DIR=str(tmp_path)))[0] == -9
    assert finish(start_index(own))[0] == 0
    (row,) = rows(own, "SELECT tries, due_at > now() + interval '5 minutes' AS is_later, state FROM page")
    assert (row.tries, row.is_later) == (3, True), json.dumps(row._asdict())
