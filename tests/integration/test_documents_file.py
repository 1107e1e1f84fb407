"""Documents in the content file: out and in again, and a file that isn't there is a clear error."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import text

from chatbot.bodies import Document, make_content
from chatbot.content_file import dump, parse
from chatbot.db import db

DIGEST = "ab" * 32
DOCUMENTS = (
    Document(key="ayuda", title="Ayuda", source="site", url="https://azahar.example/ayuda", read_every_h=168, max_depth=2),
    Document(key="centro", title="Centro de ayuda", source="help_center", assistants=("ana",), show_link=False),
    Document(
        key="tarifa", title="Tarifa", source="file", file=DIGEST, language="es", inboxes=(3,), valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
    ),
)  # fmt: skip


def test_documents_come_back_as_they_went_out() -> None:
    written = dump(make_content(DOCUMENTS))
    assert parse(written) == list(DOCUMENTS)
    assert "documents:" in written
    assert DIGEST in written


def test_short_forms_are_understood() -> None:
    (document,) = parse(
        "version: 1\ndocuments:\n  - key: ayuda\n    title: Ayuda\n    source: page\n    url: https://azahar.example/ayuda\n"
        "    assistants: ana\n    show_link: sí\n"
    )
    assert isinstance(document, Document)
    assert document.assistants == ("ana",)
    assert document.show_link


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("source: file", "a file needs `file`"),
        ("source: page", "needs `url`"),
        ("source: file\n    file: abc", "file"),
    ],
)
def test_half_a_document_is_told_with_its_line(lines: str, problem: str) -> None:
    with pytest.raises(Exception, match="line") as wrong:
        parse(f"version: 1\ndocuments:\n  - key: a\n    title: A\n    {lines}\n")
    assert problem in str(wrong.value)


def test_a_file_that_isnt_in_the_installation_is_a_clear_error(app: Flask, tmp_path: object) -> None:
    path = f"{tmp_path}/content.yaml"
    with open(path, "w") as out:
        out.write(dump(make_content(DOCUMENTS[2:])))
    refused = app.test_cli_runner().invoke(args=["content", "import", path])
    assert refused.exit_code == 1
    assert "document tarifa (abababababab...): its file isn't in this installation" in refused.output
    with app.app_context(), db.engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM revision")) == 0
        connection.execute(
            text("INSERT INTO stored_file (sha256, name, size, content) VALUES (:digest, 'a.txt', 1, 'a')"), {"digest": DIGEST}
        )
    taken = app.test_cli_runner().invoke(args=["content", "import", path])
    assert taken.exit_code == 0, taken.output
    again = app.test_cli_runner().invoke(args=["content", "export", "-"])
    assert DIGEST in again.output
