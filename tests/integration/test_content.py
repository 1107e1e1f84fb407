"""Revisions, releases and the way back, on PostgreSQL; and the commands on top of them."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from unittest.mock import ANY

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, func, select, update

from chatbot.bodies import Article, Content, FaqEntry, make_content
from chatbot.body_types import Body
from chatbot.content import (
    forget_content,
    list_releases,
    live_release_id,
    load_content,
    load_draft,
    publish,
    remove_drafts,
    roll_back,
    save_drafts,
)
from chatbot.content_file import dump, load_sample
from chatbot.db import db
from chatbot.errors import ContentError
from chatbot.models import Chunk, Entry, Instance, Revision, release_revision


def faq(key: str, answer: str = "Sí.") -> FaqEntry:
    return FaqEntry(key=key, questions={"es": ("¿Sí?",)}, answers={"es": answer})


ARTICLE = Article(key="envios", title="Envíos", text="Antes.\n\n## Canarias\n\nLos pedidos tardan diez días.")


def count(connection: Connection, column: object) -> int:
    return connection.execute(select(func.count()).select_from(column)).scalar_one()  # type: ignore[call-overload,no-any-return]


def test_saving_the_same_again_makes_no_revision(connection: Connection) -> None:
    assert save_drafts(connection, [faq("a"), faq("b")], "ana") == 2
    assert save_drafts(connection, [faq("a"), faq("b")], "ana") == 0
    assert save_drafts(connection, [faq("a", "No."), faq("b")], "ana") == 1
    assert count(connection, Revision) == 3
    assert count(connection, Entry) == 2
    assert load_draft(connection) == make_content([faq("a", "No."), faq("b")])


def test_a_field_that_came_later_makes_no_revision(connection: Connection) -> None:
    save_drafts(connection, [faq("a")])
    connection.execute(update(Revision).values(body=Revision.body.op("-")("handoff")))
    assert save_drafts(connection, [faq("a")]) == 0


def test_one_key_may_stand_in_several_kinds(connection: Connection) -> None:
    both: list[Body] = [faq("envios"), ARTICLE]
    assert save_drafts(connection, both) == 2
    assert load_draft(connection) == make_content(both)


def test_publishing_without_a_change_gives_the_live_release(connection: Connection) -> None:
    assert live_release_id(connection) is None
    save_drafts(connection, [faq("a")])
    first = publish(connection, "ana", "primera")
    assert live_release_id(connection) == first
    assert publish(connection, "ana", "otra vez") == first
    save_drafts(connection, [faq("a", "No.")])
    assert live_release_id(connection) == first
    assert publish(connection) != first


def test_a_draft_changes_no_release(connection: Connection) -> None:
    save_drafts(connection, [faq("a")])
    release_id = publish(connection)
    save_drafts(connection, [faq("a", "No."), faq("b")])
    remove_drafts(connection, [("faq", "a")])
    assert load_content(connection, release_id) == make_content([faq("a")], release_id)


def test_what_was_removed_comes_back_by_rolling_back_or_saving(connection: Connection) -> None:
    save_drafts(connection, [faq("a"), faq("b")])
    first = publish(connection)
    assert remove_drafts(connection, [("faq", "a"), ("faq", "never"), ("faq", "a")]) == 1
    assert remove_drafts(connection, [("faq", "a")]) == 0
    second = publish(connection)
    assert [f.key for f in load_content(connection, second).faq] == ["b"]
    roll_back(connection, first)
    assert live_release_id(connection) == first
    assert [f.key for f in load_draft(connection).faq] == ["b"]
    assert save_drafts(connection, [faq("a")]) == 1
    assert load_draft(connection) == make_content([faq("a"), faq("b")])


def test_an_unknown_release_is_said(connection: Connection) -> None:
    with pytest.raises(ContentError, match="no release 987654"):
        roll_back(connection, 987654)
    with pytest.raises(ContentError, match="no release 987654"):
        load_content(connection, 987654)


def test_no_release_is_empty_content_and_so_is_an_empty_release(connection: Connection) -> None:
    assert load_content(connection, None) == Content()
    release_id = publish(connection)
    assert load_content(connection, release_id) == Content(release_id=release_id)


def test_a_release_is_read_once(connection: Connection) -> None:
    forget_content()
    save_drafts(connection, [faq("a")])
    release_id = publish(connection)
    assert load_content(connection, release_id) is load_content(connection, release_id)


def test_releases_are_listed_with_the_live_one_marked(connection: Connection) -> None:
    save_drafts(connection, [faq("a")])
    first = publish(connection, "ana", "primera")
    save_drafts(connection, [faq("b")])
    second = publish(connection, "eva", "segunda")
    roll_back(connection, first)
    listed = [(r.id, r.author, r.note, r.entries, r.is_live) for r in list_releases(connection)]
    assert listed[:2] == [(second, "eva", "segunda", 2, False), (first, "ana", "primera", 1, True)]


def test_chunks_come_with_the_revision_and_publishing_makes_none(connection: Connection) -> None:
    save_drafts(connection, [ARTICLE, faq("a")])
    rows = connection.execute(select(Chunk.ordinal, Chunk.heading, Chunk.text).order_by(Chunk.ordinal)).all()
    assert [tuple(r) for r in rows] == [(0, "Envíos", "Antes."), (1, "Envíos > Canarias", "Los pedidos tardan diez días.")]
    publish(connection)
    save_drafts(connection, [ARTICLE, faq("a", "No.")])
    publish(connection)
    assert count(connection, Chunk) == 2
    found = select(Chunk.ordinal).where(Chunk.lexemes.op("@@")(func.to_tsquery("simple", "canari")))
    assert connection.execute(found).scalars().all() == [1]


def test_saves_at_the_same_time_lose_and_double_nothing(make_database: object) -> None:
    engine: Engine = create_engine(make_database())  # type: ignore[operator]

    def save(number: int) -> None:
        with engine.begin() as connection:
            save_drafts(connection, [faq("shared"), faq(f"own-{number}")])
            publish(connection)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert count(connection, Revision) == 9
        assert len(load_content(connection, live_release_id(connection)).faq) == 9
    engine.dispose()


def test_the_sample_is_loaded_only_where_there_is_nothing(connection: Connection) -> None:
    release_id = load_sample(connection)
    assert release_id == live_release_id(connection)
    assert count(connection, release_revision) == 65
    assert load_sample(connection) is None
    assert connection.execute(select(Instance.live_release_id)).scalar() == release_id


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["content", *arguments])


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "bot.yaml"
    path.write_text(dump(make_content([faq("a"), faq("b")])), "utf-8")
    return path


def test_import_is_idempotent_and_ends_in_a_live_release(app: Flask, bot: Path) -> None:
    first = json.loads(run(app, "import", str(bot), "--json").stdout)
    assert first == {"release": ANY, "entries": 2, "saved": 2, "removed": 0, "kept": []}
    second = json.loads(run(app, "import", str(bot), "--json").stdout)
    assert second == {**first, "saved": 0}
    assert run(app, "export").stdout == bot.read_text("utf-8")


def test_import_keeps_what_the_file_lacks_unless_told_otherwise(app: Flask, bot: Path) -> None:
    run(app, "import", str(bot))
    bot.write_text(dump(make_content([faq("b")])), "utf-8")
    difference = run(app, "diff", str(bot))
    assert (difference.exit_code, difference.stdout) == (3, "- faq a\n")
    kept = run(app, "import", str(bot))
    assert "faq:a" in kept.stdout
    assert run(app, "diff", str(bot)).exit_code == 3
    run(app, "import", str(bot), "--remove-missing")
    assert run(app, "diff", str(bot)).exit_code == 0


def test_a_bad_file_changes_nothing_and_exits_with_1(app: Flask, bot: Path) -> None:
    run(app, "import", str(bot))
    bot.write_text(bot.read_text("utf-8").replace("Sí.", "No.", 1) + "wat: 1\n", "utf-8")
    result = run(app, "import", str(bot))
    assert result.exit_code == 1
    assert "unknown field `wat`" in result.stderr
    with app.app_context(), db.engine.connect() as connection:
        assert load_draft(connection) == make_content([faq("a"), faq("b")])


def test_wrong_usage_exits_with_2(app: Flask) -> None:
    assert run(app, "import", "/nowhere/bot.yaml").exit_code == 2
    assert run(app, "rollback", "first").exit_code == 2


def test_rollback_moves_the_pointer_and_releases_shows_it(app: Flask, bot: Path) -> None:
    first = json.loads(run(app, "import", str(bot), "--json").stdout)["release"]
    bot.write_text(dump(make_content([faq("a", "No.")])), "utf-8")
    run(app, "import", str(bot))
    assert run(app, "rollback", str(first)).exit_code == 0
    assert [r["is_live"] for r in json.loads(run(app, "releases", "--json").stdout)] == [False, True]
    assert "No." in run(app, "export", "--draft").stdout
    assert "No." not in run(app, "export", "--live").stdout
    assert run(app, "rollback", "999").exit_code == 1


def test_the_sample_is_refused_in_production(app: Flask, bot: Path) -> None:
    bot.write_text("sample: true\n" + bot.read_text("utf-8"), "utf-8")
    app.config["CONFIG"] = app.config["CONFIG"].model_copy(update={"environment": "production"})
    result = run(app, "import", str(bot))
    assert result.exit_code == 2
    assert "sample" in result.stderr
