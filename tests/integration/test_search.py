"""Passages of a release for a question: right ones first, both languages, nothing from elsewhere, by the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, create_engine, delete, func, insert, select, text, update
from sqlalchemy.pool import NullPool

from chatbot.bodies import Article, Assistant, Content, Document, FaqEntry, Knowledge, address_of, make_content
from chatbot.content import load_content, load_draft, publish, remove_drafts, save_drafts, select_spoken
from chatbot.db import run
from chatbot.knowledge.chunk import chunk_sections
from chatbot.knowledge.extract import Section
from chatbot.knowledge.fusion import Candidate, fuse
from chatbot.knowledge.lexical import Words
from chatbot.knowledge.passages import read_passages
from chatbot.knowledge.search import DRAFT, FIND, Found, Passage, find_passages, look_up, stem_content
from chatbot.models import Chunk, Entry, Page, PageCopy, Release, Revision, release_revision
from chatbot.reply import CustomerMessage, HistoryLine, InboxView, Language, TurnInput
from chatbot.settings import Settings

SHIPPING = Article(
    key="envios",
    title="Envíos",
    text="## Península\n\nEl envío a la península tarda 48 horas y cuesta 4,95 €.\n\n"
    "## Canarias\n\nA Canarias enviamos por barco y tarda entre 5 y 7 días. Los impuestos corren a cargo del cliente.",
    url="https://tienda.example/envios",
)
RETURNS = Article(key="devoluciones", title="Devoluciones", text="Tiene 30 días para devolver un producto sin usar.")
RETURNS_EN = Article(key="returns", title="Returns", text="You have 30 days to return an unused product.", language="en")
ISLANDS = Article(key="isla", title="Sólo para un canal", text="Recogida en barco en la isla de Tabarca.", inboxes=(3,))
PAYMENT = FaqEntry(key="bizum", questions={"es": ("¿Puedo pagar con Bizum?",)}, answers={"es": "Sí, aceptamos Bizum."})
PRICES = Document(key="precios", title="Lista de precios", source="file", file="a" * 64)
SITE = Document(key="web", title="La web", source="site", url="https://tienda.example/")
OFF = Settings(embeddings_base_url="off")


@pytest.fixture
def release_id(connection: Connection) -> int:
    save_drafts(connection, [SHIPPING, RETURNS, RETURNS_EN, ISLANDS, PAYMENT])
    return publish(connection)


def make_turn(
    content: Content, question: str, language: Language = "es", inbox: int = 1, history: tuple[HistoryLine, ...] = ()
) -> TurnInput:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    return TurnInput((CustomerMessage(2, 2, question),), content, language, now, history, inbox=InboxView(inbox))


def ask(connection: Connection, release_id: int | None, question: str, language: Language = "es", inbox: int = 1) -> Found:
    content = select_spoken(load_content(connection, release_id))
    return look_up(connection, make_turn(content, question, language, inbox), OFF)


def find(
    connection: Connection, release_id: int | None, question: str, language: Language = "es", inbox: int = 1
) -> list[Passage]:
    return ask(connection, release_id, question, language, inbox).passages


def keys(passages: list[Passage]) -> list[str]:
    return [passage.entry_key for passage in passages]


def store_page(connection: Connection, document: Document, content: str, address: str = "", state: str = "ready") -> int:
    """A page of a saved document as the indexer leaves it. Returns its copy's id."""
    entry_id = connection.scalars(select(Entry.id).where(Entry.kind == "document", Entry.key == document.key)).one()
    address = address or address_of(document)
    page_id = connection.scalar(select(Page.id).where(Page.entry_id == entry_id, Page.address == address))
    if page_id is None:
        added = insert(Page).values(entry_id=entry_id, address=address).returning(Page.id)
        page_id = connection.execute(added).scalar_one()
    copy = insert(PageCopy).values(page_id=page_id, text_hash=content, language="es", title=document.title, ready_at=func.now())
    copy_id: int = connection.execute(copy.returning(PageCopy.id)).scalar_one()
    drafts = chunk_sections(document.title, (Section(content, 7),), "es")
    rows = [{"copy_id": copy_id, "ordinal": n, **asdict(draft)} for n, draft in enumerate(drafts)]
    connection.execute(insert(Chunk), rows)
    connection.execute(update(Page).where(Page.id == page_id).values(copy_id=copy_id, state=state, due_at=None))
    return copy_id


def test_the_passage_that_answers_comes_first(connection: Connection, release_id: int) -> None:
    best = find(connection, release_id, "¿Cuánto tarda un envio a canarias?")[0]
    assert (best.entry_key, best.title, best.heading) == ("envios", "Envíos", "Envíos > Canarias")
    assert best.url == "https://tienda.example/envios"
    assert best.source == "article:envios"
    assert best.coverage == 1
    assert best.matched == 3
    assert best.lexical > 0
    assert best.dense is None


def test_accents_case_and_endings_do_not_matter(connection: Connection, release_id: int) -> None:
    for question in ("DEVOLUCIÓN de productos", "devolucion producto", "devolver un producto"):
        assert find(connection, release_id, question)[0].entry_key == "devoluciones", question


def test_what_the_question_asks_and_no_text_has_lowers_coverage(connection: Connection, release_id: int) -> None:
    (best, *_) = find(connection, release_id, "¿Hacéis envíos a Portugal?")
    assert best.coverage < 0.5


def test_the_other_language_is_searched_and_comes_after(connection: Connection, release_id: int) -> None:
    spanish = find(connection, release_id, "product producto 30")
    assert keys(spanish)[:2] == ["devoluciones", "returns"]
    english = find(connection, release_id, "product producto 30", "en")
    assert keys(english)[:2] == ["returns", "devoluciones"]


def test_only_function_words_find_nothing(connection: Connection, release_id: int) -> None:
    assert find(connection, release_id, "¿y para qué es esto?") == []
    assert find(connection, release_id, "") == []
    assert ask(connection, None, "envíos a Canarias") == Found(notes={"why": "no_release"})


@pytest.mark.parametrize(
    "question",
    [
        "'; drop table chunk; --",
        "a' | 'b & !c:* <-> ()",
        "\\ ' '' envíos",
        "10x 3,5 ñandú 中文 🙂",
        "x" * 5_000,
        "a b " * 5_000,
        "zzzz _%_% %%%%",
    ],
)
def test_no_text_breaks_the_query(connection: Connection, release_id: int, question: str) -> None:
    assert ask(connection, release_id, question).verdict in ("answer", "ask_back", "dont_know")


def test_limited_articles_are_found_in_their_inbox_only(connection: Connection, release_id: int) -> None:
    assert "isla" not in keys(find(connection, release_id, "isla de Tabarca"))
    assert "isla" not in keys(find(connection, release_id, "isla de Tabarca", inbox=4))
    assert keys(find(connection, release_id, "isla de Tabarca", inbox=3))[0] == "isla"


def test_only_the_revisions_of_the_release_are_searched(connection: Connection, release_id: int) -> None:
    save_drafts(connection, [RETURNS.model_copy(update={"text": "Ahora son 60 días con garantía ampliada."})])
    assert find(connection, release_id, "garantía ampliada") == []
    newer = publish(connection)
    assert find(connection, newer, "garantía ampliada")[0].entry_key == "devoluciones"
    remove_drafts(connection, [("article", "devoluciones")])
    assert find(connection, publish(connection), "garantía ampliada") == []


def test_the_draft_is_searched_before_it_is_published(connection: Connection, release_id: int) -> None:
    save_drafts(connection, [RETURNS.model_copy(update={"text": "Ahora son 60 días con garantía ampliada."})])
    content = load_draft(connection).model_copy(update={"release_id": DRAFT})
    found = look_up(connection, make_turn(content, "garantía ampliada"), OFF)
    assert keys(found.passages) == ["devoluciones"]


DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("limits", "is_found"),
    [
        ({"valid_from": DAY, "valid_until": DAY}, True),
        ({"valid_from": date(2026, 11, 25)}, False),
        ({"valid_until": date(2026, 11, 23)}, False),
        ({"assistants": ("ventas",)}, True),
        ({"assistants": ("otra",)}, False),
        ({"enabled": False}, False),
    ],
)
@pytest.mark.parametrize("kind", ["article", "document"])
def test_dates_assistants_and_switches_limit_what_is_found(
    connection: Connection, kind: str, limits: dict[str, object], is_found: bool
) -> None:
    body: Knowledge = (RETURNS if kind == "article" else PRICES).model_copy(update=limits)
    save_drafts(connection, [body, Assistant(key="ventas", name="Vera", instructions="Ayuda.")])
    if isinstance(body, Document):
        store_page(connection, body, "Tiene 30 días para devolver un producto.")
    assert bool(find(connection, publish(connection), "devolver un producto")) is is_found


def test_a_day_is_the_businesss_own(connection: Connection) -> None:
    save_drafts(connection, [RETURNS.model_copy(update={"valid_from": date(2026, 11, 25)})])
    content = load_content(connection, publish(connection))
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # half past midnight in Madrid
    turn = TurnInput((CustomerMessage(1, 1, "devolver un producto"),), content, "es", late, inbox=InboxView(1))
    assert look_up(connection, turn, OFF).passages
    assert look_up(connection, turn, OFF.model_copy(update={"time_zone": "Atlantic/Canary"})).passages == []


def test_a_file_answers_with_the_very_bytes_of_its_release(connection: Connection) -> None:
    save_drafts(connection, [PRICES])
    store_page(connection, PRICES, "El saco de dos kilos vale 12 euros.")
    first = publish(connection)
    newer = PRICES.model_copy(update={"file": "b" * 64})
    save_drafts(connection, [newer])
    store_page(connection, newer, "El saco de dos kilos vale 15 euros.")
    second = publish(connection)
    for release, price in ((first, "12 euros"), (second, "15 euros")):
        (passage,) = find(connection, release, "¿Cuánto vale el saco de 2 kilos?")
        assert (passage.source, passage.title, passage.page_number) == ("document:precios", "Lista de precios", 7)
        assert price in passage.text
        assert passage.url is None  # nobody can open "sha256:..."


def test_pages_of_a_site_answer_with_their_newest_copy_and_their_address(connection: Connection) -> None:
    save_drafts(connection, [SITE])
    store_page(connection, SITE, "Abrimos de lunes a viernes.", "https://tienda.example/horario")
    release = publish(connection)
    assert find(connection, release, "lunes")[0].url == "https://tienda.example/horario"
    store_page(connection, SITE, "Abrimos todos los domingos.", "https://tienda.example/horario", state="failed")
    assert find(connection, release, "lunes") == []
    assert keys(find(connection, release, "domingos")) == ["web"]
    connection.execute(update(Page).values(state="reading"))
    assert keys(find(connection, release, "domingos")) == ["web"]
    connection.execute(update(Page).values(state="gone"))
    assert find(connection, release, "domingos") == []


def test_no_address_where_the_owner_does_not_want_it(connection: Connection) -> None:
    hidden = SITE.model_copy(update={"show_link": False})
    save_drafts(connection, [hidden, SHIPPING.model_copy(update={"show_link": False})])
    store_page(connection, hidden, "Abrimos de lunes a viernes.", "https://tienda.example/horario")
    release = publish(connection)
    assert [p.url for p in find(connection, release, "lunes barco")] == [None, None]


def test_a_document_taken_out_of_the_release_is_not_found(connection: Connection) -> None:
    save_drafts(connection, [PRICES, RETURNS])
    store_page(connection, PRICES, "El saco de dos kilos vale 12 euros.")
    release = publish(connection)
    assert find(connection, release, "saco de dos kilos")
    remove_drafts(connection, [("document", "precios")])
    assert find(connection, publish(connection), "saco de dos kilos") == []


def test_a_faq_is_found_beside_articles(connection: Connection, release_id: int) -> None:
    best = find(connection, release_id, "pagar por bizum")[0]
    assert (best.source, best.text, best.coverage, best.matched) == ("faq:bizum", "Sí, aceptamos Bizum.", 1, 2)
    limited = make_content([PAYMENT.model_copy(update={"inboxes": (3,)})], release_id)
    assert look_up(connection, make_turn(limited, "pagar por bizum", inbox=4), OFF).passages == []
    assert look_up(connection, make_turn(limited, "pagar por bizum", inbox=3), OFF).passages


def test_a_short_question_is_searched_with_the_one_before(connection: Connection, release_id: int) -> None:
    history = (HistoryLine("customer", "¿Cuánto tarda el envío?"), HistoryLine("assistant", "48 horas"))
    turn = make_turn(load_content(connection, release_id), "¿y a Canarias?", history=history)
    assert find_passages(connection, turn, with_history=True)[0].matched == 3
    assert find_passages(connection, turn, with_history=False)[0].matched == 1


def test_stems_leave_out_function_words_and_repeats() -> None:
    stems = stem_content("¿Cuánto cuesta el envío del envío a Canarias?")
    assert len(stems["es"]) == 3
    assert len(stem_content("palabra " + " ".join(f"w{n}" for n in range(500)))["es"]) == 40


def test_typos_are_put_right_by_the_words_that_are_there(connection: Connection, release_id: int) -> None:
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # as a commit does
    for question, corrected in {
        "la peninusla": {"peninusla": "peninsula"},
        "los inpuestos de canarais": {"inpuestos": "impuestos", "canarais": "canarias"},
        "zdevolver algo": {"zdevolver": "devolver"},
        "el impuesto": {},
        "el xylofono": {},
    }.items():
        assert ask(connection, release_id, question).notes["corrected"] == corrected, question
    assert find(connection, release_id, "los inpuestos de canarais")[0].heading == "Envíos > Canarias"


def test_a_word_that_only_a_former_revision_had_is_no_correction(connection: Connection) -> None:
    save_drafts(connection, [RETURNS.model_copy(update={"text": "Se paga con criptomonedas."})])
    save_drafts(connection, [RETURNS])
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    assert ask(connection, publish(connection), "criptomonedes").notes["corrected"] == {}


def test_words_are_noted_when_a_transaction_commits(make_database: Callable[[], str]) -> None:
    engine = create_engine(make_database(), poolclass=NullPool)
    with engine.begin() as connection:
        save_drafts(connection, [RETURNS.model_copy(update={"text": "Ñandúes: ÁRBOL 3x pie 12345."})])
        assert connection.scalar(text("SELECT count(*) FROM vocabulary")) == 0
    with engine.begin() as connection:
        assert list(connection.scalars(text("SELECT word FROM vocabulary ORDER BY word"))) == [
            "arbol",
            "devoluciones",
            "nandues",
        ]


def test_former_revisions_make_no_word_common(connection: Connection) -> None:
    """The words of an article that was edited often weigh as much as those of one that wasn't."""
    for number in range(30):
        save_drafts(connection, [RETURNS.model_copy(update={"text": f"Devolver cuesta {number} euros."})])
    save_drafts(connection, [SHIPPING])
    release = publish(connection)
    first, second = find(connection, release, "devolver barco")
    assert first.coverage == pytest.approx(second.coverage)


def test_the_same_words_are_said_once_and_the_newer_ones_stay(connection: Connection) -> None:
    copied = Article(key="copia", title="Devoluciones", text=RETURNS.text)
    save_drafts(connection, [RETURNS, SHIPPING])
    connection.execute(update(Revision).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    save_drafts(connection, [copied])
    found = ask(connection, publish(connection), "devolver un producto")
    assert keys(found.passages)[0] == "copia"
    assert "devoluciones" not in keys(found.passages)
    assert [(source, why) for source, _, why in found.notes["cut"]] == [("article:devoluciones", "repeated")]


def test_what_finds_no_room_is_cut_and_neighbours_come_where_there_is_room(connection: Connection) -> None:
    sentence = "Esta frase habla de otra cosa y solo llena sitio. "
    long = f"## Uno\n\n{sentence * 30}\n\n## Dos\n\nEl catamarán sale a las nueve.\n\n## Tres\n\nEl billete se paga a bordo."
    save_drafts(
        connection, [Article(key="barcos", title="Barcos", text=long), Article(key="otro", title="Otro", text=sentence * 29)]
    )
    turn = make_turn(load_content(connection, publish(connection)), "¿A qué hora sale el catamarán?")
    narrow = look_up(connection, turn, OFF).passages[0]
    assert narrow.text == "El catamarán sale a las nueve."
    wide = look_up(connection, turn, OFF, is_wide=True, max_tokens=100).passages[0]
    assert wide.text == "El catamarán sale a las nueve.\n\nEl billete se paga a bordo."
    assert look_up(connection, turn, OFF, is_wide=True).passages[0].text.startswith("Esta frase")
    several = look_up(connection, make_turn(turn.content, "frase que llena sitio"), OFF, max_tokens=450)
    assert len(several.passages) == 1
    assert [why for _, _, why in several.notes["cut"]] == ["no_room"]


def test_what_went_between_finding_and_reading_is_left_out(connection: Connection, release_id: int) -> None:
    before = find(connection, release_id, "devolver un producto")
    connection.execute(delete(Chunk).where(Chunk.id == before[0].chunk_id))
    assert before[0].chunk_id not in [p.chunk_id for p in find(connection, release_id, "devolver un producto")]


def test_a_copy_that_was_replaced_after_it_was_found_is_not_read(connection: Connection) -> None:
    save_drafts(connection, [SITE])
    copy_id = store_page(connection, SITE, "Abrimos de lunes a viernes.", "https://tienda.example/horario")
    ids = connection.scalars(select(Chunk.id).where(Chunk.copy_id == copy_id)).all()
    fused = fuse([Candidate(ids[0], "es", Words(1, 1, 1, 1))], "es")
    assert len(read_passages(connection, fused, frozenset())) == 1
    store_page(connection, SITE, "Abrimos todos los domingos.", "https://tienda.example/horario")
    assert read_passages(connection, fused, frozenset()) == []


def test_a_large_release_is_searched_by_the_index(connection: Connection) -> None:
    release = connection.execute(insert(Release).returning(Release.id)).scalar_one()
    entry = connection.execute(insert(Entry).values(kind="article", key="big").returning(Entry.id)).scalar_one()
    bodies = [{"entry_id": entry, "body": {"title": "T", "inboxes": []}} for _ in range(500)]
    revisions = connection.execute(insert(Revision).returning(Revision.id), bodies).scalars().all()
    connection.execute(insert(release_revision), [{"release_id": release, "revision_id": r} for r in revisions])
    rows = [
        {
            "revision_id": r,
            "ordinal": n,
            "text": "x",
            "language": "es",
            "stems": f"comun palabra{r} otra{n} frase{(r * n) % 997}",
        }
        for r in revisions
        for n in range(20)
    ]
    connection.execute(insert(Chunk), rows)
    connection.execute(text("SELECT gin_clean_pending_list('ix_chunk_lexemes')"))  # as autovacuum does
    connection.execute(text("ANALYZE chunk, release_revision, revision"))
    scope = {"revisions": str(set(revisions)), "copies": "{}"}
    values = {"languages": ["es", "es"], "stems": ["frase7", "otra999"], "weights": [3.0, 2.0], "hits": 4000, "candidates": 300}
    found = run(connection, b"EXPLAIN " + FIND, scope | values)
    plan = "\n".join(row["QUERY PLAN"] for row in found)
    assert "ix_chunk_lexemes" in plan, plan
