"""The crawl as the indexer does it, over a real site on loopback: right pages only, and the second time only what changed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import xlsxwriter
from conftest import make_config
from sqlalchemy import Engine, create_engine, select, text, update
from standins.site import Answer, Site, make_page, split_path

from chatbot import found_pages
from chatbot.bodies import Document
from chatbot.content import publish, remove_drafts, save_drafts
from chatbot.indexer import Done, Indexer
from chatbot.models import Chunk, Page, PageCopy

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><urlset><url><loc>&a;</loc></url></urlset>'


class Desk:
    """An installation with a database of its own, and a site that it may read although it is on loopback."""

    def __init__(self, engine: Engine, site: Site) -> None:
        self.engine = engine
        self.site = site
        self.config = make_config(engine.url.render_as_string(hide_password=False), public_url="https://bot.example")

    def add(self, source: str, url: str | None = None, key: str = "web", **more: Any) -> None:
        body = {"key": key, "title": "La tienda", "source": source, "url": url, **more}
        with self.engine.begin() as connection:
            save_drafts(connection, [Document.model_validate(body)])

    def add_site(self, path: str = "/", **more: Any) -> None:
        self.add("site", self.site.url(path), **more)

    def index(self) -> Done:
        done = Indexer(self.engine, self.config, lambda: False).run()
        assert done is not None
        return done

    def index_again(self) -> Done:
        """As when the schedule has come round for all of them."""
        self.site.forget()
        with self.engine.begin() as connection:
            connection.execute(update(Page).where(Page.state != "gone").values(due_at=text("now()")))
        return self.index()

    def pages(self) -> dict[str, Any]:
        """Rows by path, or by address where it is another host's."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(Page)).all()
        start = self.site.url("")
        return {row.address.removeprefix(start) if row.address.startswith(start) else row.address: row for row in rows}

    def ready(self) -> list[str]:
        """Paths of the pages that answer."""
        return sorted(path for path, row in self.pages().items() if row.copy_id is not None)

    def said(self) -> str:
        """The texts of all passages that may answer."""
        with self.engine.connect() as connection:
            chunks = select(Chunk.text).join(Page, Page.copy_id == Chunk.copy_id).order_by(Page.address, Chunk.ordinal)
            return "\n".join(connection.scalars(chunks))

    def count_copies(self) -> int:
        with self.engine.connect() as connection:
            return len(connection.execute(select(PageCopy.id)).all())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with Site() as site:
        monkeypatch.setenv("CRAWL_PRIVATE_HOSTS", f"127.0.0.1:{site.port},localhost:{site.port}")
        monkeypatch.setenv("EMBEDDINGS_BASE_URL", "off")
        yield site


@pytest.fixture
def desk(make_database: Callable[[], str], site: Site) -> Iterator[Desk]:
    engine = create_engine(make_database())
    yield Desk(engine, site)
    engine.dispose()


def test_a_crawl_takes_the_right_pages_only_and_the_second_one_only_what_changed(desk: Desk) -> None:
    """Loops, doubles, redirects into a private network, fifty broken pages, other sites, and two pages that change."""
    site = desk.site
    with Site() as inside:
        inside.put("/secreto", "Secreto", "La contraseña del almacén.")
        broken = [f"/roto/{n}" for n in range(50)]
        for n, path in enumerate(broken):
            if n % 2:
                site.pages[path] = Answer(b"", (404, 410, 500, 503, 403)[n % 5])
        links = ["/a", "/a/", "/a?utm_source=x", "/A", "/b#x", "https://otra.example/", "mailto:x@y.es", "/foto.jpg"]
        site.put("/", "Inicio", "La tienda de siempre.", *links, "/salida", "/fuera", "/vuelta", "/camino", *broken)
        site.put("/a", "Envíos", "Enviamos en 24 horas.", "/", "/b", "/a/a/a/a", "?page=2", "/c?PHPSESSID=1")
        site.put("/b", "Devoluciones", "Tienes 30 días.", "/a", "/c?PHPSESSID=2", "/d")
        site.put("/c", "Horario", "Abrimos a las nueve.", "/b")
        site.put("/d", "Precios", "El de dos kilos vale 12 euros.", "/c")
        site.put("/a?page=2", "Envíos a islas", "A las islas en 48 horas.", "/a")
        site.redirect("/salida", inside.url("/secreto"))
        site.redirect("/fuera", "https://otra.example/", 301)
        site.redirect("/vuelta", "/vuelta")
        site.redirect("/camino", "/d", 301)
        desk.add_site()
        first = desk.index()
        assert desk.ready() == ["/", "/a", "/a?page=2", "/b", "/c", "/d"]
        assert inside.asked == []
        assert "contraseña" not in desk.said()
        assert first.read == 6
        assert site.paths.count("/a") == 1
        assert len(site.paths) == len(set(site.paths)) + site.paths.count("/vuelta") - 1 + site.paths.count("/d") - 1
        assert site.most_at_once == 1
        assert {asked.headers["user-agent"].rpartition(" ")[2] for asked in site.asked} == {"(+https://bot.example)"}
        states = {path: desk.pages()[path].state for path in broken}
        assert all(states[path] == "gone" for n, path in enumerate(broken) if n % 2 == 0)
        told = {row.problem for row in desk.pages().values() if row.state == "failed"}
        assert told == {"server_error", "refused", "too_many_redirects"}
        assert [desk.pages()[path].state for path in ("/salida", "/fuera", "/camino")] == ["gone"] * 3

        site.etags = True
        desk.index_again()
        copies = desk.count_copies()
        site.put("/b", "Devoluciones", "Ahora tienes 60 días.", "/a", "/nuevo")
        site.put("/nuevo", "Regalos", "Envolvemos regalos.")
        second = desk.index_again()
        assert second.read == 2
        assert desk.count_copies() == copies + 2
        assert desk.ready() == ["/", "/a", "/a?page=2", "/b", "/c", "/d", "/nuevo"]
        assert "60 días" in desk.said()
        assert "30 días" not in desk.said()
        assert inside.asked == []


def test_a_page_that_vanished_twice_answers_no_more_and_a_failing_one_goes_on(desk: Desk) -> None:
    site = desk.site
    site.put("/", "Inicio", "La tienda.", "/a", "/b")
    site.put("/a", "Rebajas", "Todo a mitad de precio.")
    site.put("/b", "Envíos", "Enviamos en 24 horas.")
    desk.add_site()
    desk.index()
    site.pages["/a"] = Answer(b"", 404)
    site.pages["/b"] = Answer(b"", 500)
    desk.index_again()
    rows = desk.pages()
    assert (rows["/a"].state, rows["/a"].problem, rows["/b"].state, rows["/b"].problem) == (
        "failed", "not_found", "failed", "server_error",
    )  # fmt: skip
    assert "mitad de precio" in desk.said()
    desk.index_again()
    assert desk.pages()["/a"].state == "gone"
    assert desk.ready() == ["/", "/b"]
    assert "mitad de precio" not in desk.said()
    assert "24 horas" in desk.said()


def test_a_start_page_that_is_gone_is_told_and_not_hidden(desk: Desk) -> None:
    desk.site.put("/", "Inicio", "La tienda.")
    desk.add("page", desk.site.url("/"))
    desk.index()
    desk.site.pages["/"] = Answer(b"", 410)
    desk.index_again()
    assert desk.ready() == ["/"]
    desk.index_again()
    page = desk.pages()["/"]
    assert (page.state, page.problem, page.copy_id) == ("failed", "gone", None)


def test_a_site_whose_robots_forbid_is_not_read_and_the_owner_hears_why(desk: Desk) -> None:
    site = desk.site
    site.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /privado\nDisallow: /casa/x", media_type="text/plain")
    site.put("/casa", "Casa", "Muebles de casa.", "/casa/x", "/casa/y")
    site.put("/casa/y", "Mesas", "Mesas de madera.")
    site.put("/casa/x", "Privado", "Nadie debe leerlo.")
    site.put("/privado", "Privado", "Nadie debe leerlo.")
    desk.add("page", site.url("/privado"), key="forbidden")
    desk.add_site("/casa")
    desk.index()
    page = desk.pages()["/privado"]
    assert (page.state, page.problem, page.copy_id) == ("failed", "robots", None)
    assert desk.ready() == ["/casa", "/casa/y"]
    assert not {"/privado", "/casa/x"} & set(site.paths)
    assert site.paths.count("/robots.txt") == 1


def test_a_site_that_can_not_say_its_rules_is_not_read_for_now(desk: Desk) -> None:
    desk.site.pages["/robots.txt"] = Answer(b"", 503)
    desk.site.put("/", "Inicio", "La tienda.")
    desk.add_site()
    desk.index()
    assert (desk.pages()["/"].state, desk.pages()["/"].problem) == ("failed", "server_error")
    assert desk.site.paths == ["/robots.txt"]
    desk.site.pages["/robots.txt"] = Answer(b"", 404)
    desk.index_again()
    assert desk.ready() == ["/"]


def test_what_a_page_asks_is_heeded(desk: Desk) -> None:
    site = desk.site
    site.put("/", "Inicio", "La tienda.", "/noindex", "/nofollow", "/head", "/doble", "/mentira")
    site.put("/noindex", "Uno", "No me guardes.", "/desde-noindex", head='<meta name="robots" content="noindex">')
    site.put("/nofollow", "Dos", "Guárdame.", "/desde-nofollow", head='<meta name="robots" content="nofollow">')
    site.put("/head", "Tres", "No me guardes tampoco.", headers={"X-Robots-Tag": "noindex"})
    site.put("/doble", "Cuatro", "Soy la misma.", head='<link rel="canonical" href="/cuatro">')
    site.put("/mentira", "Cinco", "Todas dicen que son la portada.", head='<link rel="canonical" href="/">')
    site.put("/cuatro", "Cuatro", "Soy la misma.", head='<link rel="canonical" href="/doble">')
    for path in ("/desde-noindex", "/desde-nofollow"):
        site.put(path, "Otra", f"Encontrada en {path}.")
    desk.add_site()
    desk.index()
    assert desk.ready() == ["/", "/cuatro", "/desde-noindex", "/mentira", "/nofollow"]


@pytest.mark.thorough
def test_limits_of_depth_and_pages_hold(desk: Desk) -> None:
    for n in range(30):
        desk.site.put(f"/{n}" if n else "/", f"Página {n}", f"Texto {n}.", f"/{n + 1}", f"/{n + 1}?x=1")
    desk.add_site(max_depth=3)
    desk.index()
    assert desk.ready() == ["/", "/1", "/2", "/3"]
    desk.add_site(max_depth=20, max_pages=6)
    desk.index_again()
    assert len(desk.ready()) <= 6
    assert "/4" in desk.ready()


@pytest.mark.thorough
def test_a_trap_without_end_ends(desk: Desk) -> None:
    """A calendar whose every page leads to a new one."""

    class Trap(dict[str, Answer]):
        def get(self, path: str, default: Any = None) -> Any:
            number = int(path.rpartition("=")[2]) if "=" in path else 0
            if path == "/robots.txt":
                return default
            return Answer(
                make_page(f"Día {number}", f"Día {number} del calendario.", *(f"/?d={number + n}" for n in range(1, 9)))
            )

    desk.site.pages = Trap()
    desk.add_site(max_pages=12)
    desk.index()
    assert len(desk.ready()) == 12
    assert len(desk.site.asked) <= 20


def test_a_sitemap_is_read_through_its_lists(desk: Desk) -> None:
    site = desk.site
    lists = "".join(f"<sitemap><loc>{site.url(f'/{n}.xml')}</loc></sitemap>" for n in ("uno", "dos", "bomba", "falta"))
    site.pages["/mapa.xml"] = Answer(f"<sitemapindex>{lists}</sitemapindex>".encode(), media_type="application/xml")
    site.pages["/uno.xml"] = Answer(f"<urlset><url><loc>{site.url('/a')}</loc></url></urlset>".encode(), media_type="text/xml")
    others = f"{site.url('/b')}\n{site.url('/a/')}\nhttps://otra.example/x\n{site.url('/foto.png')}\n"
    site.pages["/bomba.xml"] = Answer(BOMB, media_type="text/xml")
    site.pages["/dos.xml"] = Answer(others.encode(), media_type="text/plain")
    for path in ("/a", "/b", "/c"):
        site.put(path, path, f"El texto de {path}.", "/c")
    desk.add("sitemap", site.url("/mapa.xml"))
    desk.index()
    assert desk.ready() == ["/a", "/b"]
    assert desk.pages()["/mapa.xml"].state == "ready"


def test_a_sites_address_takes_the_sitemaps_that_its_robots_name(desk: Desk) -> None:
    site = desk.site
    site.pages["/robots.txt"] = Answer(f"User-agent: *\nSitemap: {site.url('/m.txt')}\n".encode(), media_type="text/plain")
    site.pages["/m.txt"] = Answer(site.url("/a").encode(), media_type="text/plain")
    site.put("/", "Inicio", "La portada.", "/b")
    site.put("/a", "Envíos", "Enviamos en 24 horas.")
    desk.add("sitemap", site.url("/"))
    desk.index()
    assert desk.ready() == ["/a"]


def test_a_sitemap_that_is_none_is_told(desk: Desk) -> None:
    desk.site.pages["/mapa.xml"] = Answer(BOMB, media_type="application/xml")
    desk.add("sitemap", desk.site.url("/mapa.xml"))
    desk.index()
    assert (desk.pages()["/mapa.xml"].state, desk.pages()["/mapa.xml"].problem) == ("failed", "bomb")


def make_sheet(*rows: tuple[str, str]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Precios")
        for n, row in enumerate([("Producto", "Precio"), *rows]):
            sheet.write_row(n, 0, row)
    return made.getvalue()


def test_a_price_list_at_an_address_is_read_again_by_its_schedule(desk: Desk) -> None:
    site = desk.site
    site.pages["/precios"] = Answer(make_sheet(("Café de 2 kilos", "31 €")), media_type="application/octet-stream")
    desk.add("page", site.url("/precios"), read_every_h=1)
    desk.index()
    assert "31 €" in desk.said()
    site.pages["/precios"] = Answer(make_sheet(("Café de 2 kilos", "34 €")), media_type="application/octet-stream")
    assert desk.index_again().read == 1
    assert "34 €" in desk.said()
    assert "31 €" not in desk.said()
    with desk.engine.connect() as connection:
        due = connection.scalar(text("SELECT due_at BETWEEN now() AND now() + interval '61 minutes' FROM page"))
    assert due is True


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(b"\x89PNG", media_type="image/png"), "wrong_type"),
        (Answer(b""), "empty"),
        (Answer(b"x", headers={"Content-Length": "999999999"}), "too_big"),
        (Answer(b"", 401), "forbidden"),
        (Answer(b"", 302, headers={"Location": "http://169.254.169.254/latest/meta-data"}), "private_address"),
        (Answer(make_page("No", head='<meta name="robots" content="none">')), "noindex"),
    ],
)
def test_a_page_that_can_not_be_read_says_why(desk: Desk, answer: Answer, problem: str) -> None:
    desk.site.pages["/x"] = answer
    desk.add("page", desk.site.url("/x"))
    desk.index()
    page = desk.pages()["/x"]
    assert (page.state, page.problem, page.copy_id) == ("failed", problem, None)


def test_a_site_that_leads_elsewhere_names_the_other_address(desk: Desk) -> None:
    desk.site.put("/otra/ayuda", "Ayuda", "Aquí está la ayuda.")
    desk.site.redirect("/ayuda", desk.site.url("/otra/ayuda", "localhost"))
    desk.add_site("/ayuda")
    desk.index()
    page = desk.pages()["/ayuda"]
    assert (page.problem, split_path(page.problem_facts["to"])) == ("moved", "/otra/ayuda")


def test_another_address_takes_the_former_pages_away(desk: Desk) -> None:
    site = desk.site
    site.put("/uno", "Uno", "La primera ayuda.", "/uno/a")
    site.put("/uno/a", "Uno a", "La primera página.")
    site.put("/dos", "Dos", "La segunda ayuda.")
    desk.add_site("/uno")
    desk.index()
    assert desk.ready() == ["/uno", "/uno/a"]
    desk.add_site("/dos")
    desk.index()
    assert desk.ready() == ["/dos"]


def test_a_site_that_becomes_one_page_keeps_that_one(desk: Desk) -> None:
    desk.site.put("/", "Inicio", "La tienda.", "/a")
    desk.site.put("/a", "Envíos", "Enviamos en 24 horas.")
    desk.add_site()
    desk.index()
    assert desk.ready() == ["/", "/a"]
    desk.add("page", desk.site.url("/"))
    desk.index()
    assert desk.ready() == ["/"]


def test_pages_of_a_removed_document_rest_until_it_is_back(desk: Desk) -> None:
    desk.site.put("/", "Inicio", "La tienda.")
    desk.add_site()
    with desk.engine.begin() as connection:
        live = publish(connection)
        remove_drafts(connection, [("document", "web")])
    desk.index()
    assert desk.ready() == ["/"], "it is live still"
    with desk.engine.begin() as connection:
        assert publish(connection) != live
    desk.index_again()
    assert (desk.site.paths, desk.pages()["/"].due_at) == ([], None)
    desk.add_site()
    for state in ("ready", "failed", "waiting"):
        with desk.engine.begin() as connection:
            connection.execute(update(Page).values(due_at=None, state=state))
            found_pages.rest_unwanted(connection)
        assert desk.pages()["/"].due_at is not None
