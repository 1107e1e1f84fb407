"""A private machine that the owner allowed for one document is read for that one, whatever another's page leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine
from standins.site import Answer, Site

from integration.test_crawl import Desk

SECRET = "La clave del almacén es 4711."


@pytest.fixture
def intranet() -> Iterator[Site]:
    with Site() as site:
        site.put("/normas", "Normas", SECRET)
        yield site


@pytest.fixture
def desk(make_database: Callable[[], str], intranet: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Both are on loopback, so both are named; what they are for is another matter."""
    engine = create_engine(make_database())
    with Site() as site:
        named = [f"{host}:{port}" for host in ("127.0.0.1", "localhost") for port in (site.port, intranet.port)]
        monkeypatch.setenv("CRAWL_PRIVATE_HOSTS", ",".join(named))
        monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
        yield Desk(engine, site)
    engine.dispose()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_does_not_lead_into_a_private_machine_of_another_documents(desk: Desk, intranet: Site, host: str) -> None:
    desk.site.redirect("/precios", intranet.url("/normas", host))
    desk.add("page", desk.site.url("/precios"))
    desk.index()
    page = desk.pages()["/precios"]
    assert (page.state, page.problem, page.copy_id) == ("failed", "private_address", None)
    assert desk.said() == ""
    assert intranet.asked == []


@pytest.mark.parametrize("path", ["/robots.txt", "/mapa.xml"])
def test_neither_do_a_sites_rules_nor_its_sitemap(desk: Desk, intranet: Site, path: str) -> None:
    desk.site.redirect(path, intranet.url(path))
    desk.site.put("/", "Inicio", "La tienda.")
    desk.add("sitemap", desk.site.url("/mapa.xml"))
    desk.index()
    assert intranet.asked == []


def test_the_document_that_names_it_reads_it_and_what_it_leads_to_on_itself(desk: Desk, intranet: Site) -> None:
    intranet.redirect("/viejas", intranet.url("/normas"))
    desk.add("page", intranet.url("/viejas"))
    desk.index()
    assert SECRET in desk.said()


def test_a_page_that_moves_on_its_own_machine_is_read(desk: Desk) -> None:
    desk.site.put("/nueva", "Precios", "El café cuesta 3 €.")
    desk.site.pages["/precios"] = Answer(b"", 301, headers={"Location": "/nueva"})
    desk.add("page", desk.site.url("/precios"))
    desk.index()
    assert "El café cuesta 3 €." in desk.said()
