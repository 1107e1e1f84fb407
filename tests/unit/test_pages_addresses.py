"""The crawl's pure parts: one form for each address, what belongs to a site, robots.txt, sitemaps, what pages ask."""

from __future__ import annotations

import gzip

import pytest

from chatbot.errors import PageError
from chatbot.knowledge.page_links import find_links, read_asks
from chatbot.knowledge.robots import Pace, Robots
from chatbot.knowledge.sitemap import read_sitemap
from chatbot.knowledge.web_addresses import Site, adopt, is_worth_reading, key_of, normalize


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("HTTPS://Tienda.ES:443/ayuda/../envios#top", "https://tienda.es/envios"),
        ("https://tienda.es", "https://tienda.es/"),
        ("https://tienda.es/?utm_source=x&UTM_Medium=y&gclid=1&fbclid=2", "https://tienda.es/"),
        ("https://tienda.es/p?b=2&a=1&PHPSESSID=f00", "https://tienda.es/p?a=1&b=2"),
        ("https://tienda.es/p;jsessionid=AB1?x=%20y", "https://tienda.es/p?x=%20y"),
        ("https://tienda.es/p?ayuda", "https://tienda.es/p?ayuda"),
        ("https://ñandú.es/año", "https://xn--and-6ma2c.es/a%C3%B1o"),
    ],
)
def test_an_address_has_one_form_however_it_is_written(written: str, normal: str) -> None:
    assert normalize(written) == normal
    assert normalize(normal) == normal


@pytest.mark.parametrize(
    "written", ["mailto:a@b.es", "javascript:x()", "ftp://a.es/", "https://u:p@a.es/", "http:///x", "https://[", "x"]
)
def test_what_is_no_web_address_has_no_form(written: str) -> None:
    assert normalize(written) is None


def test_a_relative_link_is_relative_to_its_page() -> None:
    assert normalize("../b?x=1#y", "https://a.es/x/y/z") == "https://a.es/x/b?x=1"
    assert normalize("//c.es/", "https://a.es/x/") == "https://c.es/"


def test_the_same_page_by_other_addresses_has_one_key() -> None:
    same = ["http://tienda.es/a/", "https://www.tienda.es/a", "https://tienda.es/a/?utm_id=3", "HTTPS://TIENDA.es:443/a#b"]
    other = ["https://tienda.es/a?x=1", "https://tienda.es:8443/a", "https://ayuda.tienda.es/a", "https://tienda.es/A"]
    assert len({key_of(address) for address in same}) == 1
    assert len({key_of(address) for address in [same[0], *other]}) == 5


def test_a_site_is_its_host_and_what_lies_below_its_address() -> None:
    site = Site.of("https://www.tienda.es/ayuda/index.html")
    assert site.has("https://tienda.es/ayuda/envios")
    assert site.has("http://www.tienda.es/ayuda/")
    others = ("tienda.es/", "tienda.es/ayudantes", "blog.tienda.es/ayuda/", "tienda.es:8443/ayuda/", "maltienda.es/ayuda/")
    for outside in (*others, "tienda.es.mal.com/ayuda/"):
        assert not site.has(f"https://{outside}")
    assert Site.of("https://tienda.es").has("https://tienda.es/cualquier/cosa?x=1")
    assert adopt("http://tienda.es/x", "https://www.tienda.es/y") == "https://www.tienda.es/x"


def test_links_that_do_something_or_go_round_are_not_worth_reading() -> None:
    for link in ("/foto.JPG", "/a/b/a/b/a/b", "/p?add-to-cart=3", "/wp-admin/x", "/p?orderby=price", "/logout", "/feed.xml"):
        assert not is_worth_reading(f"https://tienda.es{link}"), link
    for link in ("/", "/precios.xlsx", "/catalogo.pdf", "/p?id=3", "/sharepoint", "/imprenta?page=2"):
        assert is_worth_reading(f"https://tienda.es{link}"), link


def test_robots_of_our_name_count_before_those_of_all() -> None:
    robots = Robots.read(
        b"User-agent: *\nDisallow: /\n\nUser-agent: Mostrador\nDisallow: /privado # nadie\nAllow: /privado/publico\n"
        b"Crawl-delay: 3\nSitemap: https://tienda.es/mapa.xml\n"
    )
    assert robots.allows("https://tienda.es/x")
    assert not robots.allows("https://tienda.es/privado/y")
    assert robots.allows("https://tienda.es/privado/publico/y")
    assert (robots.pause_s, robots.sitemaps) == (3.0, ["https://tienda.es/mapa.xml"])
    assert not Robots.read(b"User-agent: *\nDisallow: /*.pdf$\n").allows("https://tienda.es/a.pdf")
    assert Robots.read(b"User-agent: Otro\nDisallow: /\n").allows("https://tienda.es/x")
    assert Robots.read(b"<html>\x00\xff nothing of the kind").allows("https://tienda.es/x")
    assert Robots.read(b"User-agent: *\nCrawl-delay: 3600").pause_s == 10.0


def test_robots_of_thousands_of_names_and_rules_take_no_memory() -> None:
    names = b"".join(b"User-agent: a%d\n" % n for n in range(15_000))
    rules = b"".join(b"Disallow: /%d\n" % n for n in range(15_000))
    assert Robots.read(names + b"User-agent: *\n" + rules).allows("https://tienda.es/x")


def test_a_host_is_asked_once_in_a_while_and_others_meanwhile() -> None:
    now = [100.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(lambda: now[0], sleep)
    pace.wait("https://a.es/1", 1)
    pace.wait("https://b.es/1", 1)
    pace.wait("https://a.es/2", 5)
    pace.wait("https://a.es/3", 1)
    assert slept == [1.0, 5.0]
    pace.hold("https://a.es/", 600)
    assert pace.held_s("https://a.es/x") > 500
    assert pace.held_s("https://b.es/x") == 0


LIST = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    b"<url><loc> https://a.es/1 </loc><lastmod>2026-01-01</lastmod></url><url><loc>https://a.es/2</loc></url><url/></urlset>"
)


def test_sitemaps_are_read_packed_nested_and_as_text() -> None:
    for body in (LIST, gzip.compress(LIST), b"\xef\xbb\xbfhttps://a.es/1\r\nhttps://a.es/2\n"):
        found = read_sitemap(body)
        assert found is not None
        assert found.pages == ("https://a.es/1", "https://a.es/2")
    index = read_sitemap(b"<sitemapindex><sitemap><loc>https://a.es/s.xml.gz</loc></sitemap></sitemapindex>")
    assert index is not None
    assert (index.pages, index.lists) == ((), ("https://a.es/s.xml.gz",))
    for body in (b"<!doctype html><html><p>hola", b"<rss><url><loc>x</loc></url></rss>", b"hola"):
        assert read_sitemap(body) is None


def test_a_sitemap_with_a_bomb_is_refused_and_a_torn_one_counts_up_to_the_tear() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    file = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>'
    for body in (bomb, file, gzip.compress(b"<" * 30_000_000)):
        with pytest.raises(PageError) as caught:
            read_sitemap(body)
        assert caught.value.kind == "bomb"
    with pytest.raises(PageError) as caught:
        read_sitemap(b"<urlset><url")
    assert caught.value.kind == "broken"
    torn = read_sitemap(LIST[:-15] + b"<")
    assert torn is not None
    assert torn.pages == ("https://a.es/1", "https://a.es/2")


def test_a_page_tells_its_links_and_what_it_asks() -> None:
    body = (
        '<html><head><base href="/x/"><link rel="canonical" href="/y?utm_source=1"><meta name=robots content="NOINDEX"></head>'
        '<a href="a">1</a><a href="b#c">2</a><a href=d rel="nofollow ugc">3</a><a href="//ñandú.es/ñ">4</a><a href="tel:1">5'
        '<script>document.write("<a href=/z>")</script><!-- <a href="/w"> -->'
    ).encode()
    found = find_links(body, "text/html; charset=utf-8", "https://a.es/y", "nofollow")
    assert found.links == ("https://a.es/x/a", "https://a.es/x/b", "https://xn--and-6ma2c.es/%C3%B1")
    assert found.canonical == "https://a.es/y"
    assert (found.may_index, found.may_follow) == (False, False)
    assert find_links(b"%PDF-1.4", "application/pdf", "https://a.es/").links == ()
    assert find_links(b"", "text/html", "https://a.es/").links == ()
    assert find_links(b"\x00\xff<a href='/x", "text/html", "https://a.es/") is not None


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("noindex, nofollow", {"noindex", "nofollow"}),
        ("googlebot: noindex", set()),
        ("googlebot: noindex, mostrador: nofollow", {"nofollow"}),
        ("max-snippet:-1, noindex", {"max-snippet:-1", "noindex"}),
        ("", set()),
    ],
)
def test_what_is_asked_of_another_program_is_not_for_us(said: str, asks: set[str]) -> None:
    assert read_asks(said) == asks
