"""Documents indexed beside answering: 200 of every format with hostile ones among them, while customers are answered."""

from __future__ import annotations

import hashlib
import random
import re
import time
from pathlib import Path

import files
import pytest
from sqlalchemy.dialects.postgresql import insert as upsert

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot.bodies import Document
from chatbot.content import publish, save_drafts
from chatbot.models import StoredFile

GOOD = 170
INDEXER_MB = 400
EXTRACTOR_MB = 520


def make_hostile() -> dict[str, tuple[bytes, str]]:
    """The error's code -> the document's content and name."""
    return {
        "scanned": (files.make_pdf([files.image_page()] * 3, with_image=True), "a.pdf"),
        "encrypted": (files.make_pdf([files.text_page(["Nadie lee esto."])], encrypt=True), "a.pdf"),
        "too_many_pages": (files.make_pdf([files.text_page(["Una página más."])] * 501), "a.pdf"),
        "bomb": (files.make_zip_bomb(), "a.docx"),
        "broken": (b"%PDF-1.7\n" + files.make_noise(), "a.pdf"),
        "wrong_extension": (b"MZ\x90\x00" + files.make_noise(), "../../etc/passwd.pdf"),
        "unknown_type": (files.make_zip({"../../../etc/cron.d/x": b"x"}), "a.zip"),
        "too_many_cells": (files.make_wide_sheet(), "a.xlsx"),
        "too_big": (b"una palabra " * 200_000, "a.txt"),
        "empty": (b" \n", "a.txt"),
    }


def make_good(number: int) -> tuple[bytes, str]:
    """A document of one of seven formats that says what its branch is called and what its parcel costs."""
    said = [f"La sucursal Zafiro{number} está en la calle {number} y abre los martes."]
    prices = [["Envase", "Precio"], ["1 kilo", f"{number},10 €"], ["2 kilos", f"{number},95 €"]]
    sheet = "\n".join(";".join(row) for row in [*prices, [f"Zafiro{number}", "0 €"]])
    html = f"<html><body><main><h1>Sucursal</h1><p>{said[0]}</p><p>{said[0]}</p></main></body></html>"
    made = [
        (files.make_pdf([files.text_page(said), files.table_page(prices, said)]), "a.pdf"),
        (files.make_docx([("Heading1", "Sucursal"), *said, prices]), "a.docx"),
        (files.make_xlsx({f"Zafiro{number}": prices}), "a.xlsx"),
        (sheet.encode("cp1252"), "a.csv"),
        (html.encode(), "a.html"),
        (f"# Sucursal\n\n{said[0]}".encode(), "../a.md"),
        (said[0].encode(), "a.txt"),
    ]
    return made[number % len(made)]


def add(box: Box, wanted: dict[str, tuple[bytes, str]]) -> None:
    documents = []
    with box.engine.begin() as connection:
        for key, (content, name) in wanted.items():
            digest = hashlib.sha256(content).hexdigest()
            row = {"sha256": digest, "name": name, "size": len(content), "content": content}
            connection.execute(upsert(StoredFile).values(row).on_conflict_do_nothing())
            documents.append(Document(key=key, title=key, source="file", file=digest))
        save_drafts(connection, documents, "test")
        publish(connection, "test")


def find_memory() -> dict[str, int]:
    """The most that the indexer and what reads for it have had, in MB, by kind."""
    found: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            peak = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
        except OSError:
            continue
        kind = "extractor" if b"/extractor/__main__.py" in command else "indexer" if b"\0index\0--quiet" in command else ""
        if kind and peak:
            found[kind] = max(found.get(kind, 0), int(peak[1]) // 1024)
    return found


@pytest.mark.thorough
def test_two_hundred_documents_with_hostile_ones_among_them(make_box: Maker) -> None:
    box = make_box(workers=1, EMBEDDINGS_BASE_URL="off")
    wanted = {f"bueno-{number}": make_good(number) for number in range(GOOD)}
    for number in range(3):  # each of the hostile ones three times, each with bytes of its own where that changes nothing
        for code, (content, name) in make_hostile().items():
            more = b"\n" * number if code in ("too_big", "empty") else b""
            wanted[f"malo-{number}-{code.replace('_', '-')}"] = (content + more, name)
    keys = list(wanted)
    random.Random(6).shuffle(keys)
    add(box, {key: wanted[key] for key in keys})

    peaks: dict[str, int] = {}
    asked = 0
    end = time.monotonic() + 1_500
    while box.rows("SELECT FROM page WHERE state IN ('waiting', 'reading') LIMIT 1"):
        assert time.monotonic() < end, box.report()
        conversation = box.pretend.customer("¿Hacéis envíos a Canarias?")["conversation"]
        box.settle(30)
        assert any("Canarias" in said for said in box.texts(conversation)), box.report()
        asked += 1
        peaks = {kind: max(peaks.get(kind, 0), mb) for kind, mb in {**peaks, **find_memory()}.items()}
        time.sleep(1)

    assert len(wanted) == 200
    assert asked > 3
    assert peaks["indexer"] < INDEXER_MB
    assert peaks.get("extractor", 0) < EXTRACTOR_MB
    found = box.rows("SELECT e.key, p.state, p.problem FROM page p JOIN entry e ON e.id = p.entry_id")
    for row in found:
        kind, _, code = row["key"].partition("-")
        if kind == "bueno":
            assert (row["state"], row["problem"]) == ("ready", ""), row
        else:
            assert (row["state"], row["problem"]) == ("failed", code.partition("-")[2].replace("-", "_")), row
    named = box.rows(
        "SELECT e.key FROM chunk c JOIN page p ON p.copy_id = c.copy_id JOIN entry e ON e.id = p.entry_id"
        " WHERE c.text || c.heading LIKE '%Zafiro' || substr(e.key, 7) || '%' GROUP BY 1"
    )
    assert len(named) == GOOD
    box.check()


@pytest.mark.thorough
def test_a_price_list_that_was_just_added_is_answered_from(make_box: Maker) -> None:
    box = make_box(workers=1, EMBEDDINGS_BASE_URL="off")
    rows = [["Producto", "Peso", "Precio"], ["Arroz bomba", "1 kilo", "3,95 €"], ["Arroz bomba", "2 kilos", "7,50 €"]]
    add(box, {"arroces": (files.make_xlsx({"Hoja1": [*rows, ["Arroz integral", "2 kilos", "6,25 €"]]}), "arroces.xlsx")})
    box.wait(lambda: bool(box.rows("SELECT FROM page WHERE state = 'ready'")), 120, "the price list is read")
    conversation = box.pretend.customer("¿Cuánto vale el arroz bomba de 2 kilos?")["conversation"]
    box.settle(30)
    assert any("7,50" in said for said in box.texts(conversation)), box.report()


@pytest.mark.thorough
def test_an_indexer_killed_beside_the_worker_is_started_again(make_box: Maker) -> None:
    box = make_box(workers=1, EMBEDDINGS_BASE_URL="off")
    box.crash_at("page_stored", "kill")
    add(box, {"uno": (b"Abrimos de nueve a dos.", "a.txt"), "dos": (b"Cerramos los domingos.", "b.txt")})
    done = "SELECT count(*) FROM page WHERE state = 'ready' AND lease_until IS NULL"
    box.wait(lambda: box.rows(done)[0]["count"] == 2, 150, "both are read")
    assert box.has_crashed("page_stored")
    assert box.rows("SELECT count(*) FROM page_copy")[0]["count"] == 2
