"""Chatwoot's own help centre as a document: published articles only, by their public addresses, as they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine
from standins.site import Site

from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.help_center import Portal, PortalArticle
from integration.test_crawl import Desk


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendChatwoot]:
    with PretendChatwoot() as pretend:
        access = pretend.access()
        for name in ("chatwoot_url", "chatwoot_access_token", "chatwoot_bot_token"):
            monkeypatch.setenv(name.upper(), str(access[name]))
        monkeypatch.setenv("CHATWOOT_ACCOUNT_ID", str(pretend.world.account_id))
        monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
        yield pretend


@pytest.fixture
def desk(make_database: Callable[[], str], pretend: PretendChatwoot) -> Iterator[Desk]:
    engine = create_engine(make_database())
    with Site() as site:
        yield Desk(engine, site)
    engine.dispose()


def make_articles(count: int) -> list[PortalArticle]:
    return [
        PortalArticle(n, f"Artículo {n}", f"## Respuesta {n}\n\nLo que dice el {n}.", f"{n}-articulo") for n in range(count)
    ]


def test_published_articles_are_read_and_followed(desk: Desk, pretend: PretendChatwoot) -> None:
    portal = Portal("tienda", articles=make_articles(30))
    portal.articles[3].status = "draft"
    hidden = Portal("vieja", archived=True, articles=[PortalArticle(99, "Vieja", "Nadie la ve.", "vieja")])
    pretend.world.portals += [portal, hidden]
    desk.add("help_center")
    assert desk.index().read == 29
    start = f"{desk_url(pretend)}/hc/tienda/articles"
    assert desk.ready() == sorted(f"{start}/{n}-articulo" for n in range(30) if n != 3)
    assert "Lo que dice el 29." in desk.said()
    assert "Nadie la ve" not in desk.said()

    portal.articles[5].content = "Ahora dice otra cosa."
    portal.articles[5].updated_at += 60
    portal.articles[6].status = "archived"
    portal.articles[3].status = "published"
    done = desk.index_again()
    assert done.read == 2
    assert f"{start}/6-articulo" not in desk.ready()
    assert f"{start}/3-articulo" in desk.ready()
    assert "Ahora dice otra cosa." in desk.said()
    assert "Lo que dice el 5." not in desk.said()


def test_one_portal_of_several_by_its_address(desk: Desk, pretend: PretendChatwoot) -> None:
    for slug in ("uno", "dos"):
        pretend.world.portals.append(Portal(slug, articles=[PortalArticle(1, slug, f"Del portal {slug}.", slug)]))
    desk.add("help_center", f"{desk_url(pretend)}/hc/dos/es")
    desk.index()
    assert desk.ready() == [f"{desk_url(pretend)}/hc/dos/articles/dos"]


def test_a_help_center_with_nothing_published_is_told(desk: Desk, pretend: PretendChatwoot) -> None:
    pretend.world.portals.append(Portal("tienda"))
    desk.add("help_center")
    desk.index()
    page = desk.pages()["chatwoot:help_center"]
    assert (page.state, page.problem) == ("failed", "no_help_center")


def test_without_a_connected_chatwoot_the_owner_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATWOOT_URL")
    desk.add("help_center")
    desk.index()
    assert desk.pages()["chatwoot:help_center"].problem == "not_connected"


def test_a_chatwoot_that_is_away_keeps_what_was_read(desk: Desk, pretend: PretendChatwoot) -> None:
    pretend.world.portals.append(Portal("tienda", articles=make_articles(2)))
    desk.add("help_center")
    desk.index()
    ready = desk.ready()
    assert len(ready) == 2
    token = next(iter(pretend.world.users.values()))
    former, token.token = token.token, "another"
    desk.index_again()
    assert desk.ready() == ready
    assert {row.problem for row in desk.pages().values()} == {"refused"}
    token.token = former


def desk_url(pretend: PretendChatwoot) -> str:
    return str(pretend.access()["chatwoot_url"])
