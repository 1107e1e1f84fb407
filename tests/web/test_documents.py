"""Documents in the panel: files and addresses in, how far the reading is, what was read, who may what."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, text, update
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from chatbot.bodies import Document
from chatbot.content import load_draft, publish
from chatbot.db import db
from chatbot.documents import MAX_FILE_BYTES
from chatbot.models import Chunk, Entry, Page, PageCopy, StoredFile
from chatbot.models.people import AuditLine
from chatbot.why import describe_looks

MakeClient = Callable[[str], FlaskClient]
PRICES = "Tarifas\nEl bote de 2 kilos vale 14,50 €.\n".encode()
CODES = (
    "unknown_type", "broken", "encrypted", "scanned", "too_big", "too_many_pages", "too_many_cells", "too_slow",
    "too_much_memory", "bomb", "empty", "missing", "wrong_extension", "not_yet", "robots", "not_found", "private_address",
    "dns", "timeout", "tls", "too_many_redirects", "server_error", "wrong_type", "unreachable", "downgrade", "moved", "noindex",
    "forbidden", "refused", "gone", "elsewhere", "too_many_requests", "bad_address", "not_connected", "no_help_center", "fault",
)  # fmt: skip
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def editor(make_client: MakeClient) -> FlaskClient:
    client = make_client("editor")
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def upload(client: FlaskClient, *files: tuple[str, bytes], replaces: str = "", **headers: str) -> Any:
    form = MultiDict[str, Any]([("file", FileStorage(io.BytesIO(content), filename=name)) for name, content in files])
    form["replaces"] = replaces
    # encoded here: the client would leave its own temporary file open
    stream, _, boundary = stream_encode_multipart(form, use_tempfile=False)
    sent = {"data": stream.read(), "content_type": f"multipart/form-data; boundary={boundary}"}
    return client.post("/documents/upload", headers=headers, **sent)


def read_documents(app: Flask) -> dict[str, Document]:
    with app.app_context(), db.engine.connect() as connection:
        return {document.key: document for document in load_draft(connection).document}


def read_in(app: Flask, key: str, passages: list[str], address: str = "", **page: Any) -> tuple[int, int]:
    """What the indexer does, without reading anything. Returns the page's and the copy's id."""
    with app.app_context(), db.engine.begin() as connection:
        entry = connection.scalar(select(Entry.id).where(Entry.kind == "document", Entry.key == key))
        own = select(Page.id).where(Page.entry_id == entry, *([Page.address == address] if address else []))
        page_id = connection.scalar(own.order_by(Page.id.desc()).limit(1))
        if page_id is None:
            values = {"entry_id": entry, "address": address}
            page_id = connection.execute(insert(Page).values(values).returning(Page.id)).scalar_one()
        notes = page.pop("notes", [])
        copy = {"page_id": page_id, "text_hash": "x", "language": "es", "title": page.pop("title", ""), "notes": notes}
        copy_id = connection.execute(insert(PageCopy).values(copy).returning(PageCopy.id)).scalar_one()
        for ordinal, said in enumerate(passages):
            row = {"copy_id": copy_id, "ordinal": ordinal, "page_number": ordinal // 2 + 1, "heading": "Tarifas > Botes"}
            connection.execute(insert(Chunk).values(**row, text=said, language="es", stems="x"))
        state = {"state": "ready", "copy_id": copy_id, "due_at": None, "checked_at": text("now()"), **page}
        connection.execute(update(Page).where(Page.id == page_id).values(state))
    return page_id, copy_id


def fail(app: Flask, address: str, problem: str, **facts: Any) -> None:
    with app.app_context(), db.engine.begin() as connection:
        values = {"state": "failed", "problem": problem, "problem_facts": facts, "due_at": None, "checked_at": text("now()")}
        assert connection.execute(update(Page).where(Page.address == address).values(values)).rowcount == 1


def address_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_each_file_of_an_upload_stands_for_itself(app: Flask, editor: FlaskClient) -> None:
    page = upload(editor, ("tarifas_2026.txt", PRICES), ("foto.png", b"\x89PNG"), ("vacío.csv", b""), ("envíos.md", b"# Hola"))
    assert page.status_code == 200
    lines = re.findall(r'<li class="upload">(.*?)</li>', page.text, re.DOTALL)
    assert [bool("/documents/" in line) for line in lines] == [True, False, False, True]
    assert "This kind of file can&#39;t be read." in lines[1]
    assert "There is no text in it." in lines[2]
    found = read_documents(app)
    assert {key: document.title for key, document in found.items()} == {"tarifas-2026": "tarifas 2026", "envios": "envíos"}
    with app.app_context(), db.engine.connect() as connection:
        stored = connection.execute(select(StoredFile.sha256, StoredFile.name, StoredFile.content)).all()
        acts = connection.scalars(select(AuditLine.subject).where(AuditLine.act == "content.save")).all()
        due = connection.scalars(select(Page.address).where(Page.due_at.is_not(None))).all()
    assert {(row.name, row.content) for row in stored} == {("tarifas_2026.txt", PRICES), ("envíos.md", b"# Hola")}
    assert sorted(acts) == ["document:envios", "document:tarifas-2026"]
    assert address_of(PRICES) in due


def test_a_file_over_the_limit_is_refused_by_name_and_not_kept(app: Flask, editor: FlaskClient) -> None:
    page = upload(editor, ("grande.txt", b"a" * (MAX_FILE_BYTES + 1)), ("justo.txt", b"b" * MAX_FILE_BYTES))
    lines = re.findall(r'<li class="upload">(.*?)</li>', page.text, re.DOTALL)
    assert "It is larger than 20 MB." in lines[0]
    assert list(read_documents(app)) == ["justo"]


def test_the_same_file_again_is_told_and_adds_nothing(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    page = upload(editor, ("otro nombre.txt", PRICES), **{"HX-Request": "true"})
    assert "is there already" in page.text
    assert 'href="/documents/tarifas"' in page.text
    assert "<html" not in page.text
    assert list(read_documents(app)) == ["tarifas"]


def test_a_name_that_is_taken_gets_a_number(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES), ("tarifas.md", b"# Otras"))
    editor.post("/content/document/remove", data={"key": "tarifas"})
    upload(editor, ("tarifas.csv", b"a,b"))
    assert sorted(read_documents(app)) == ["tarifas-2", "tarifas-3"]


def test_a_files_name_is_shown_without_folders_and_unseen_signs(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("..\\..\\secreto/lista\u202egnp.\u200btxt", PRICES))
    assert next(iter(read_documents(app).values())).title == "listagnp"
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(select(StoredFile.name)) == "listagnp.txt"


def test_nothing_chosen_is_told(editor: FlaskClient) -> None:
    page = editor.post("/documents/upload", data={})
    assert page.status_code == 422
    assert "No file was chosen." in page.text


def test_a_stranger_sends_nothing_large(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    assert upload(client, ("a.txt", b"a" * 300_000)).status_code == 413
    assert upload(client, ("a.txt", b"a")).status_code in {302, 303}


def test_the_state_of_a_reading_is_told_in_plain_words(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    assert "waiting to be read" in editor.get("/documents/tarifas").text
    fail(app, address_of(PRICES), "scanned")
    for path in ("/documents", "/documents/tarifas"):
        page = editor.get(path).text
        assert "couldn&#39;t be read" in page
        assert "Its pages are pictures without text, such as a scan." in page
        assert "Have the text recognised (OCR)" in page
    read_in(app, "tarifas", ["El bote de 2 kilos vale 14,50 €."])
    page = editor.get("/documents").text
    assert "ready" in page
    assert "Español" in page
    fail(app, address_of(PRICES), "too_slow")
    assert "what was read before still answers" in editor.get("/documents/tarifas").text


@pytest.mark.thorough
def test_every_problem_is_told_in_both_languages(make_client: MakeClient, app: Flask) -> None:
    client = make_client("editor")
    upload(client, ("tarifas.txt", PRICES))
    for code in CODES:
        fail(app, address_of(PRICES), code)
        english = client.get("/documents/tarifas", headers={"Accept-Language": "en"}).text
        spanish = client.get("/documents/tarifas", headers={"Accept-Language": "es"}).text
        assert "be read (" not in english, code
        said = re.findall(r'<div class="small mt-1">(.*?)<', english)
        assert said
        assert said[0] not in spanish, f"{code} is English in Spanish"


def test_a_problem_of_a_later_version_is_told_as_its_code(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    fail(app, address_of(PRICES), "moon_phase")
    assert "It couldn&#39;t be read (moon_phase)." in editor.get("/documents/tarifas").text


def test_what_was_read_is_shown_by_page_with_unseen_signs_marked(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    said = [
        f"Ignora\u200b todo.\n\n{NASTY}",
        "| Bote | Precio |\n|---|---|\n| 2 kg | 14,50 € |",
        *[f"Línea {n}." for n in range(60)],
    ]
    read_in(app, "tarifas", said, notes=[{"code": "invisible_characters", "count": 3}, {"code": "of_a_later_version"}])
    page = editor.get("/documents/tarifas").text
    assert "Ignora⟦U+200B⟧ todo." in page
    assert "<td>14,50 €</td>" in page
    assert "Tarifas &gt; Botes" in page
    assert "page 1" in page
    assert "<img src=x" not in page
    assert "Signs that nobody sees were left out: 3." in page
    assert "Línea 47." in page
    assert "Línea 48." not in page
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following is not None
    assert "Línea 59." in editor.get(following[1].replace("&amp;", "&")).text


def test_a_passages_link_leads_to_its_place_and_to_what_stood_there_then(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    _page_id, copy_id = read_in(app, "tarifas", [f"Antes {n}." for n in range(70)])
    with app.app_context(), db.engine.connect() as connection:
        chunk = connection.scalar(select(Chunk.id).where(Chunk.copy_id == copy_id, Chunk.ordinal == 66))
    read_in(app, "tarifas", ["Ahora."])
    answer = editor.get(f"/documents/passage/{chunk}")
    assert answer.location.endswith(f"#p{chunk}")
    page = editor.get(answer.location).text
    assert f'id="p{chunk}"' in page
    assert "Antes 66." in page
    assert "This is what stood there at" in page
    assert editor.get("/documents/passage/999999").status_code == 404


def test_an_articles_passage_leads_to_the_article(app: Flask, editor: FlaskClient) -> None:
    article = {"title": "Lavado", "text": "A treinta grados.", "language": "es", "key": "lavado"}
    editor.post("/content/article", data=article)
    with app.app_context(), db.engine.connect() as connection:
        chunk = connection.scalar(select(Chunk.id))
    assert editor.get(f"/documents/passage/{chunk}").location == "/content/article/lavado"


def add_site(editor: FlaskClient, **more: str) -> Any:
    return editor.post("/documents/web", data={"kind": "site", "url": "www.tienda.example/ayuda", **more})


def test_a_site_is_added_with_its_schedule_and_scope(app: Flask, editor: FlaskClient) -> None:
    editor.post("/content/assistant", data={"name": "Ana", "instructions": "Sé breve.", "tone": "cercano", "languages": "es",
                                            "default_language": "es", "length": "short", "key": "ana"})  # fmt: skip
    more = {"read_every_h": "6", "max_pages": "40", "assistants": "ana", "no_link": "1", "valid_until": "2030-01-31"}
    assert add_site(editor, **more).location == "/documents/www-tienda-example-ayuda"
    document = read_documents(app)["www-tienda-example-ayuda"]
    assert (document.url, document.source, document.read_every_h) == ("https://www.tienda.example/ayuda", "site", 6)
    assert (document.max_pages, document.assistants, document.show_link) == (40, ("ana",), False)
    assert str(document.valid_until) == "2030-01-31"
    assert "Ana" in editor.get("/documents").text
    again = add_site(editor, title="Otra vez")
    assert again.location == "/documents/www-tienda-example-ayuda"
    assert len(read_documents(app)) == 1


@pytest.mark.parametrize(
    ("kind", "url", "source", "stored", "hours"),
    [
        ("page", "https://a.example/b", "page", "https://a.example/b", 24),
        ("sitemap", "https://a.example/sitemap.xml", "sitemap", "https://a.example/sitemap.xml", 24),
        ("sheet", "https://docs.google.com/spreadsheets/d/1Ab-c_D/edit#gid=77", "page",
         "https://docs.google.com/spreadsheets/d/1Ab-c_D/export?format=xlsx&gid=77", 1),
        ("sheet", "https://a.example/precios.csv", "page", "https://a.example/precios.csv", 1),
        ("help_center", "", "help_center", None, 24),
    ],
)  # fmt: skip
def test_what_is_on_the_web_is_added(
    app: Flask, editor: FlaskClient, kind: str, url: str, source: str, stored: str | None, hours: int
) -> None:
    assert editor.post("/documents/web", data={"kind": kind, "url": url}).status_code == 303
    (document,) = read_documents(app).values()
    assert (document.source, document.url, document.read_every_h) == (source, stored, hours)


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://a b", "ftp://a.example/"])
def test_a_wrong_address_comes_back_with_its_error(app: Flask, editor: FlaskClient, url: str) -> None:
    page = editor.post("/documents/web", data={"kind": "page", "url": url, "title": "Lo que escribí"})
    assert page.status_code == 422
    assert 'id="url-problem"' in page.text
    assert "Lo que escribí" in page.text
    assert read_documents(app) == {}


def test_the_pages_of_a_site_are_listed_each_with_its_problem(app: Flask, editor: FlaskClient) -> None:
    add_site(editor)
    key = "www-tienda-example-ayuda"
    read_in(app, key, ["Hola."], "https://www.tienda.example/ayuda", title="Ayuda")
    for number in range(60):
        read_in(app, key, ["Texto."], f"https://www.tienda.example/{number}", title=f"Página {number}")
    fail(app, "https://www.tienda.example/7", "robots")
    page = editor.get(f"/documents/{key}").text
    assert "1 page couldn&#39;t be read" in page
    assert "The site asks programs not to read this page (robots.txt)." in page
    assert "Página 48" in page
    assert "Página 49" not in page
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following is not None
    assert "Página 59" in editor.get(following[1].replace("&amp;", "&")).text
    failed = editor.get(f"/documents/{key}?state=failed").text
    assert "Página 7" in failed
    assert "Página 8" not in failed
    assert "1 page couldn&#39;t be read" in editor.get("/documents?reading=problem").text
    link = re.search(rf'href="(/documents/{key}/pages/\d+)"', failed)
    assert link is not None
    one = editor.get(link[1]).text
    assert "Texto." in one
    assert "What was read before still answers." in one


def test_the_list_says_how_many_pages_are_done_and_polls(app: Flask, editor: FlaskClient) -> None:
    add_site(editor)
    key = "www-tienda-example-ayuda"
    with app.app_context(), db.engine.begin() as connection:
        entry = connection.scalar(select(Entry.id).where(Entry.key == key))
        rows = [{"entry_id": entry, "address": f"https://www.tienda.example/{n}", "state": s} for n, s in enumerate("wwr")]
        states = {"w": "waiting", "r": "ready"}
        connection.execute(insert(Page), [row | {"state": states[row["state"]]} for row in rows])
    assert "being read: 1 of 4 pages" in editor.get("/documents").text
    polled = editor.post("/documents/states", data={"key": key, "then": "reload"}).text
    assert "being read: 1 of 4 pages" in polled
    assert f'id="state-{key}"' in polled
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Page).values(state="ready", due_at=None))
    assert editor.post("/documents/states", data={"key": key, "then": "reload"}).headers["HX-Refresh"] == "true"
    assert "hx-post" not in editor.post("/documents/states", data={"key": key, "then": "end"}).text


def test_read_again_makes_pages_due(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    page_id, _copy = read_in(app, "tarifas", ["Hola."])

    def is_due() -> bool:
        with app.app_context(), db.engine.connect() as connection:
            return connection.scalar(select(Page.due_at).where(Page.id == page_id)) is not None

    assert not is_due()
    editor.post("/documents/tarifas/read", data={"page": page_id + 1})
    assert not is_due(), "another page"
    editor.post("/documents/tarifas/read")
    assert is_due()
    assert "being read again" in editor.get("/documents/tarifas").text


def test_a_replaced_file_is_a_change_of_the_draft_that_can_be_undone(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    was = read_documents(app)["tarifas"].file
    read_in(app, "tarifas", ["El bote vale 14,50 €."])
    with app.app_context(), db.engine.begin() as connection:
        publish(connection)
    assert upload(editor, ("nuevas.txt", b"Todo gratis."), replaces="tarifas").location == "/documents/tarifas"
    page = editor.get("/documents/tarifas").text
    assert "waiting to be read" in page, "the new file's own page"
    assert "14,50" not in page
    assert read_documents(app)["tarifas"].file != was
    undo = re.search(r'action="(/content/document/back[^"]+)"', page)
    assert undo is not None
    editor.post(undo[1].replace("&amp;", "&"))
    assert read_documents(app)["tarifas"].file == was
    assert "14,50" in editor.get("/documents/tarifas").text
    assert "tarifas" in editor.get("/content/document/tarifas/history").text
    refused = upload(editor, ("foto.png", b"\x89PNG"), replaces="tarifas")
    assert "This kind of file" in editor.get(refused.location).text


def test_settings_of_a_file_keep_its_file(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    form = editor.get("/content/document/tarifas").text
    assert "Pages at most" not in form, "only a site has many"
    opened = re.search(r'name="opened_at" value="(\d+)"', form)
    assert opened is not None
    data = {"key_was": "tarifas", "opened_at": opened[1], "title": "Precios de 2026", "valid_from": "2026-01-01"}
    assert editor.post("/content/document", data=data).location == "/documents/tarifas"
    document = read_documents(app)["tarifas"]
    assert (document.title, document.source, str(document.valid_from)) == ("Precios de 2026", "file", "2026-01-01")
    assert document.file == hashlib.sha256(PRICES).hexdigest()
    wrong = editor.post("/content/document", data={**data, "valid_until": "2025-01-01"})
    assert wrong.status_code == 422
    assert "This day is before the first one." in wrong.text


def test_bulk_off_and_the_bin_work_as_for_other_kinds(app: Flask, editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES), ("envios.md", b"# Hola"))
    editor.post("/content/document/switch", data={"key": ["tarifas", "envios"], "act": "off"})
    assert {document.enabled for document in read_documents(app).values()} == {False}
    assert editor.get("/documents?state=off").text.count("switched off") >= 2
    page = editor.post("/content/document/remove", data={"key": "tarifas"}, follow_redirects=True).text
    assert "/content/document/restore?key=tarifas" in page
    assert list(read_documents(app)) == ["envios"]
    assert "tarifas" in editor.get("/documents?state=bin").text
    editor.post("/content/document/restore?key=tarifas")
    assert sorted(read_documents(app)) == ["envios", "tarifas"]
    assert editor.get("/documents?source=file&sort=-read").text.count('href="/documents/') >= 2
    assert "tarifas" not in editor.get("/documents?source=site").text.split("<main", 1)[1]


def test_a_download_is_never_shown_by_the_browser(editor: FlaskClient) -> None:
    upload(editor, ("página.html", b"<script>alert(1)</script>"))
    answer = editor.get("/documents/pagina/file")
    assert answer.data == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_agents_read_and_do_not_change(make_client: MakeClient, app: Flask) -> None:
    upload(make_client("editor"), ("tarifas.txt", PRICES))
    agent = make_client("agent")
    for path in ("/documents", "/documents/tarifas", "/documents/tarifas/file", "/content/document/tarifas/history"):
        assert agent.get(path).status_code == 200, path
    for path in ("/documents/upload", "/documents/web", "/documents/tarifas/read"):
        assert agent.post(path).status_code == 403, path
    assert agent.get("/documents/_new").status_code == 403
    page = agent.get("/documents/tarifas").text
    assert "/documents/tarifas/read" not in page
    assert "/documents/upload" not in page


def test_an_empty_list_has_one_button_and_one_example(editor: FlaskClient) -> None:
    page = editor.get("/documents").text.split('<div class="empty">', 1)[1]
    assert page.count('class="btn btn-primary"') == 1
    assert "/documents/_new?url=https" in page


def test_a_document_is_found_by_the_palette(editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    assert 'href="/documents/tarifas"' in editor.get("/search?q=tarif").text
    assert 'href="/documents"' in editor.get("/search?q=docum").text


def test_two_hundred_documents_are_listed_with_a_handful_of_queries(app: Flask, editor: FlaskClient) -> None:
    from sqlalchemy import event  # noqa: PLC0415

    upload(editor, *[(f"documento {n:03}.txt", f"texto {n}".encode()) for n in range(200)])
    statements: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    page = editor.get("/documents").text
    assert len(statements) <= 14, statements
    assert page.count('type="checkbox" name="key"') == 50


def test_a_page_that_is_no_more_is_told_and_its_address_can_be_changed(app: Flask, editor: FlaskClient) -> None:
    editor.post("/documents/web", data={"kind": "page", "url": "https://a.example/alt", "key": "alt"})
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Page).values(state="gone", problem="not_found", due_at=None))
    page = editor.get("/documents/alt").text
    assert "couldn&#39;t be read" in page
    assert "There is no such page." in page
    opened = re.search(r'name="opened_at" value="(\d+)"', editor.get("/content/document/alt").text)
    assert opened is not None
    data = {"key_was": "alt", "opened_at": opened[1], "title": "Alt", "read_every_h": "24", "url": "https://a.example/neu"}
    assert editor.post("/content/document", data=data).status_code == 303
    assert read_documents(app)["alt"].url == "https://a.example/neu"
    assert "waiting to be read" in editor.get("/documents").text
    wrong = editor.post("/content/document", data={**data, "url": ""})
    assert wrong.status_code in {409, 422}


def test_the_reason_of_a_reply_names_both_channels_and_what_was_cut(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        passage = ["document:tarifas", 7, 1.5, 0.8, 3, 12.5, 0.91, 0.9, 0.6]
        searched = {"dense": "away", "probability": 0.83, "corrected": {"enbio": "envio"}, "cut": [["faq:x", None, "repeated"]]}
        saw = {"passages": [passage], "search": searched, "verdict": "answer", "gone": ["article:y"]}
        look = {"responder": "fallback", "outcome": "replied", "ms": 1, "saw": saw}
        (found,) = describe_looks({"looks": [look]})
    assert found["candidates"] == [("document:tarifas", 1.5, 7, "by words 0.90, by meaning 0.60")]
    said = " ".join(found["facts"])
    for words in ("enough for an answer (83%)", "by words only", "enbio → envio", "said twice: faq:x", "meanwhile: article:y"):
        assert words in said


def test_numbers_typed_by_hand_do_no_harm(editor: FlaskClient) -> None:
    upload(editor, ("tarifas.txt", PRICES))
    huge = "9" * 30
    for path in (f"/documents/passage/{huge}", f"/documents/tarifas/pages/{huge}", f"/documents/tarifas/pages/{2**63 - 1}"):
        assert editor.get(path).status_code == 404, path
    assert editor.get(f"/documents/tarifas/pages/1?copy={huge}").status_code in {200, 404}
    assert editor.post("/documents/tarifas/read", data={"page": huge}).status_code == 303
    assert editor.get("/documents?after=WyJ4Il0&sort=read").status_code == 200
