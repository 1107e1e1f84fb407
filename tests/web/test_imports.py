"""Import of content from what people have, with a dry run and an undo; export that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import stream_encode_multipart

from chatbot.bodies import Content, FaqEntry
from chatbot.content import load_draft, publish, save_drafts
from chatbot.db import db
from chatbot.models.people import AuditLine
from chatbot.web.database import writing

WINDOWS_CSV = """Clave;Pregunta;Respuesta;Idioma
envios;¿Cuánto tarda el envío?|¿Cuándo llega?;De 2 a 3 días. Cuesta 4 €.;español
pagos;¿Cómo puedo pagar?;Con tarjeta o Bizum.;es
sin-respuesta;¿Tenéis tienda física?;;es
MAL CLAVE!;¿Hacéis facturas?;Sí, siempre.;es
idioma;¿Abrís en agosto?;Sí.;klingon
,;;;
"""


@pytest.fixture
def client(app: Flask, make_client: Callable[[str], FlaskClient]) -> FlaskClient:
    """An editor's, reading in English, in a shop whose draft has one FAQ."""
    made = make_client("editor")
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    with app.app_context(), writing() as connection:
        save_drafts(connection, [make_faq("pagos", "¿Cómo pago?", "Como tú quieras.")])
    return made


def make_faq(key: str, question: str, answer: str) -> FaqEntry:
    return FaqEntry(key=key, questions={"es": (question,)}, answers={"es": answer})


def read_draft(app: Flask) -> Content:
    with app.app_context():
        return load_draft(db.session.connection())


def upload(client: FlaskClient, content: bytes, name: str, kind: str = "faq") -> Any:
    form = {"kind": kind, "file": FileStorage(io.BytesIO(content), filename=name)}
    # encoded here: the client would leave its own temporary file open
    stream, _, boundary = stream_encode_multipart(form, use_tempfile=False)
    return client.post("/imports", data=stream.read(), content_type=f"multipart/form-data; boundary={boundary}")


def read_counts(page: str) -> list[int]:
    """New, changed, the same, rejected."""
    return [int(n.replace(",", "")) for n in re.findall(r'<div class="value">([\d,]+)</div>', page)]


def read_csv(answer: Any) -> list[list[str]]:
    text = answer.data.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ","))


def test_a_windows_csv_with_bad_rows_goes_in_without_them_and_comes_out_again(app: Flask, client: FlaskClient) -> None:
    before = read_draft(app)
    sent = upload(client, WINDOWS_CSV.replace(",;;;\n", "").encode("cp1252"), "preguntas.csv")
    page = client.get(sent.location)
    assert read_counts(page.text) == [1, 1, 0, 3]
    assert "Answer is missing." in page.text
    assert "klingon" in page.text
    assert read_draft(app) == before, "the dry run changes nothing"

    rejected = read_csv(client.get(f"{sent.location}/rejected.csv"))
    assert [row[4] for row in rejected] == ["Row", "4", "5", "6"]
    assert rejected[2][:4] == ["MAL CLAVE!", "¿Hacéis facturas?", "Sí, siempre.", "es"]

    client.post(f"{sent.location}/run")
    faq = {entry.key: entry for entry in read_draft(app).faq}
    assert sorted(faq) == ["envios", "pagos"]
    assert faq["envios"].questions == {"es": ("¿Cuánto tarda el envío?", "¿Cuándo llega?")}
    assert faq["envios"].answers == {"es": "De 2 a 3 días. Cuesta 4 €."}
    assert faq["pagos"].answers == {"es": "Con tarjeta o Bizum."}

    client.post(f"{sent.location}/undo")
    assert read_draft(app) == before
    with app.app_context():
        acts = db.session.execute(select(AuditLine.act, AuditLine.after).order_by(AuditLine.id)).all()
    assert ("content.import", {"new": 1, "changed": 1, "same": 0, "wrong": 3}) in [tuple(row) for row in acts]
    assert ("content.import_undo", {"restored": 2, "left": 0}) in [tuple(row) for row in acts]


def test_undo_leaves_what_was_edited_since_and_says_so(app: Flask, client: FlaskClient) -> None:
    sent = upload(client, WINDOWS_CSV.encode("cp1252"), "preguntas.csv")
    client.post(f"{sent.location}/run")
    with app.app_context(), writing() as connection:
        save_drafts(connection, [make_faq("envios", "¿Y los envíos?", "Mañana mismo.")])
    page = client.post(f"{sent.location}/undo", follow_redirects=True)
    assert "left as they are: envios" in page.text
    answers = {entry.key: entry.answers["es"] for entry in read_draft(app).faq}
    assert answers == {"envios": "Mañana mismo.", "pagos": "Como tú quieras."}
    again = client.post(f"{sent.location}/undo", follow_redirects=True)
    assert "nothing to undo" in again.text


def test_the_same_file_again_is_all_the_same(client: FlaskClient) -> None:
    cells = "¿Abrís en agosto?\tSí, por las mañanas.\n¿Hacéis facturas?\tSiempre.\n¿Dais factura?\tSiempre."
    first = client.post("/imports", data={"kind": "faq", "cells": cells})
    assert read_counts(client.get(first.location).text) == [2, 0, 0, 0]
    client.post(f"{first.location}/run")
    second = client.post("/imports", data={"kind": "faq", "cells": cells})
    assert read_counts(client.get(second.location).text) == [0, 0, 2, 0]


def test_pasted_rows_with_the_same_answer_are_one_entry(app: Flask, client: FlaskClient) -> None:
    cells = (
        "Pregunta\tRespuesta\n¿Dónde estáis?\tEn Valencia.\n¿Cuál es la dirección?\tEn Valencia.\n¿Dónde estáis?\tEn Madrid."
    )
    sent = client.post("/imports", data={"kind": "faq", "cells": cells})
    page = client.get(sent.location).text
    assert read_counts(page) == [1, 0, 0, 1]
    assert "It differs from row 2" in page
    client.post(f"{sent.location}/run")
    found = next(entry for entry in read_draft(app).faq if entry.key == "donde-estais")
    assert found.questions["es"] == ("¿Dónde estáis?", "¿Cuál es la dirección?")


def test_columns_can_be_told_otherwise(client: FlaskClient) -> None:
    sent = client.post("/imports", data={"kind": "faq", "cells": "Sí.\t¿Abrís?\nNo.\t¿Cerráis?"})
    form = {"table": "0", "column_0": "answer", "column_1": "question", "language": "en"}
    page = client.post(f"{sent.location}/columns", data=form, follow_redirects=True).text
    assert '<strong class="d-block">¿Abrís?</strong>' in page
    assert read_counts(page) == [2, 0, 0, 0]


def test_a_workbook_is_read_and_written(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing() as connection:
        save_drafts(connection, [make_faq("suma", "=1+1", "-dos- o @tres")])
    sheet = client.get("/imports/export/faq.xlsx").data
    rows = CalamineWorkbook.from_filelike(io.BytesIO(sheet)).get_sheet_by_index(0).to_python()
    assert ["suma", "'=1+1", "", "'-dos- o @tres", "", "no", "", "yes"] in rows
    sent = upload(client, sheet, "faq.xlsx")
    assert read_counts(client.get(sent.location).text) == [0, 0, 2, 0], "what comes back is what went out"


def test_formulas_are_defused_on_export_and_in_rejected_rows(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing() as connection:
        save_drafts(connection, [make_faq("suma", '=HYPERLINK("http://x")', "+34 600")])
        publish(connection)
    for of in ("draft", "live"):
        row = next(r for r in read_csv(client.get(f"/imports/export/faq.csv?of={of}")) if r[0] == "suma")
        assert (row[1], row[3]) == ('\'=HYPERLINK("http://x")', "'+34 600")
    sent = client.post("/imports", data={"kind": "faq", "cells": "question\tanswer\n=cmd()\t"})
    assert read_csv(client.get(f"{sent.location}/rejected.csv"))[1][0] == "'=cmd()"


def test_everything_goes_out_and_in_as_yaml(app: Flask, client: FlaskClient) -> None:
    whole = client.get("/imports/export/all.yaml").data
    before = read_draft(app)
    with app.app_context(), writing() as connection:
        save_drafts(connection, [make_faq("pagos", "¿Cómo pago?", "De otra manera.")])
    sent = upload(client, whole, "todo.yaml")
    assert read_counts(client.get(sent.location).text) == [0, 1, 0, 0]
    client.post(f"{sent.location}/run")
    assert read_draft(app) == before


def test_an_older_bots_sqlite_gives_its_plain_tables_only(client: FlaskClient, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.executescript("""
            CREATE TABLE a_log (at TEXT); INSERT INTO a_log VALUES ('ayer');
            CREATE TABLE faqs (id INTEGER, question TEXT, answer TEXT);
            INSERT INTO faqs VALUES (1, '¿Abrís?', 'Sí.'), (2, '¿Cerráis?', 'No.');
            CREATE VIEW secret_view AS SELECT * FROM faqs;
            CREATE TRIGGER t AFTER INSERT ON faqs BEGIN DELETE FROM faqs; END;
        """)
    old.close()
    sent = upload(client, path.read_bytes(), "old.db")
    page = client.get(sent.location).text
    assert re.findall(r'<option value="\d"[^>]*>(\w+)</option>', page) == ["a_log", "faqs"]
    chosen = client.post(f"{sent.location}/columns", data={"table": "1"}, follow_redirects=True).text
    assert read_counts(chosen) == [2, 0, 0, 0]


def make_zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"a,b\n" * 1_400_000, "large.csv", "larger than 5 MB"),
        (b"question,answer\n" + b"a,b\n" * 5_001, "long.csv", "more than 5,000 rows"),
        (make_zip({"xl/worksheets/sheet1.xml": b" " * 30_000_000}), "bomb.xlsx", "too much room"),
        (make_zip({"xl/worksheets/sheet1.xml": b'<c r="XFD1048576"><v>1</v></c>'}), "far.xlsx", "too much room"),
        (make_zip({"hello.txt": b"hello"}), "not.xlsx", "damaged"),
        (b"SQLite format 3\x00" + b"\x07" * 4_000, "broken.db", "damaged"),
        (b"\xd0\xcf\x11\xe0 and so on", "old.xls", "old Excel"),
        (b"version: 1\nfaq:\n  - key: UPPER\n", "bad.yaml", "line 3"),
        (b"\x00\x01\x02", "image.png", "No table"),
        (b"", "empty.csv", "nothing in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_plainly(client: FlaskClient, content: bytes, name: str, said: str) -> None:
    answer = upload(client, content, name)
    assert answer.status_code == 422
    assert said in answer.text


def test_long_pasted_cells_are_taken(client: FlaskClient) -> None:
    cells = "question\tanswer\n" + "\n".join(f"pregunta {n}\t{'x' * 900} {n}" for n in range(1_000))
    sent = client.post("/imports", data={"kind": "faq", "cells": cells})
    assert read_counts(client.get(sent.location).text) == [1000, 0, 0, 0]


def test_agents_do_not_import(make_client: Callable[[str], FlaskClient]) -> None:
    agent = make_client("agent")
    assert agent.get("/imports").status_code == 403
    assert agent.post("/imports", data={"kind": "faq", "cells": "a\tb"}).status_code == 403
    assert agent.get("/imports/export/faq.csv").status_code == 403


def test_what_is_in_a_file_is_never_markup(client: FlaskClient) -> None:
    cells = "<img src=x onerror=alert(1)>\tanswer\n¿Hola?\t<script>alert(2)</script>"
    page = client.get(client.post("/imports", data={"kind": "faq", "cells": cells}).location).text
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_a_wrong_content_file_is_explained_in_spanish(make_client: Callable[[str], FlaskClient]) -> None:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"
    faq = "version: 1\nfaq:\n  - key: Envios\n    preguntas: a\n    answer: b\n"
    broken = f"{faq}canned:\n  - key: hola\n    text: a\n    patterns: '(x'\n".encode()
    page = client.post("/imports", data={"kind": "faq", "file": (io.BytesIO(broken), "bot.yaml")}).text
    for said in (
        "bot.yaml, línea 3",
        "solo puede llevar letras minúsculas",
        "campo desconocido",
        "falta; añádelo",
        "no es una expresión regular",
    ):
        assert said in page, said
    for english in ("line 3", "unknown field", "is missing", "is not a regular"):
        assert english not in page, english
    page = client.post("/imports", data={"kind": "faq", "file": (io.BytesIO(b"version: 1\nfaq: [a\n"), "bot.yaml")}).text
    assert "no es YAML válido" in page
