"""The one way out to the web: which addresses are never asked, what is followed, and what bounds an answer."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from standins.site import Answer, Site

from chatbot.clients import pages
from chatbot.clients.addresses import is_public
from chatbot.clients.page_answers import Fetched
from chatbot.clients.pages import Rules, fetch, name_agent
from chatbot.errors import PageError

NAME = "shop.example"
DAY = timedelta(1)
# in the part of IPv6 that is given out, but given to nobody
NOBODY = "2fff:ffff::1"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def local(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def read(site: Site, path: str = "/", host: str = NAME, **rules: Any) -> Fetched | None:
    """A fetch of a name that the stand-in resolver leads to the site, on the list of the owner's own machines."""
    ours = Rules(allowed=frozenset({f"{host}:{site.port}"}), **rules)
    return fetch(site.url(path, host), ours, resolve=local)


def fail(url: str, rules: Rules | None = None, **more: Any) -> PageError:
    with pytest.raises(PageError) as caught:
        fetch(url, rules or Rules(timeout_s=2), **more)
    return caught.value


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1",
        "2002:c0a8:101::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
        "2606:4700::1111%1", "4000::1", "", "shop.example", "0x7f.1", "2130706433",
    ],
)  # fmt: skip
def test_addresses_of_no_single_machine_on_the_open_internet_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4003::200e", "64:ff9b::808:808"]
)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)
    assert ip_address(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
     "[::ffff:7f00:1]", "127.0.0.1.", "①②⑦.0.0.1"],
)  # fmt: skip
def test_no_way_to_write_a_private_address_reaches_it(site: Site, host: str) -> None:
    error = fail(f"http://{host}:{site.port}/")
    assert error.kind in ("private_address", "bad_address", "dns")
    assert site.asked == []


def test_a_name_that_leads_into_a_private_network_is_refused(site: Site) -> None:
    for address in ("127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        error = fail(site.url("/", NAME), resolve=lambda _h, _p, a=address: [a])
        assert (error.kind, error.permanent) == ("private_address", True)
    assert site.asked == []


def test_one_private_address_among_public_ones_is_refused(site: Site) -> None:
    assert fail(site.url("/", NAME), resolve=lambda *_: [NOBODY, "127.0.0.1"]).kind == "private_address"
    assert site.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(site: Site) -> None:
    """DNS rebinding: whoever asks twice gets a public address first and a private one then."""
    answers = [[NOBODY], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebind(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    assert fail(site.url("/", NAME), Rules(timeout_s=1), resolve=rebind).kind in ("unreachable", "timeout")
    assert (asked, site.asked) == ([NAME], [])


def test_a_second_fetch_never_uses_a_connection_that_another_was_allowed(site: Site) -> None:
    site.put("/", "Tienda")
    assert read(site) is not None
    assert fail(site.url("/", NAME), resolve=local).kind == "private_address"
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_a_private_network_is_not_followed(site: Site, status: int) -> None:
    with Site() as inside:
        inside.put("/secret", "Secreto")
        site.redirect("/", inside.url("/secret", "inside.example"), status)
        with pytest.raises(PageError) as caught:
            read(site)
    assert caught.value.kind == "private_address"
    assert (len(site.asked), inside.asked) == (1, [])


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("file:///etc/passwd", "bad_address"), ("gopher://127.0.0.1/x", "bad_address"),
        ("http://u:p@a.example/", "bad_address"),
        ("http://shop.example:25/", "bad_address"), ("http://shop.example:99999/", "bad_address"),
        ("http://[::1", "bad_address"), ("http://" + "a" * 3000, "bad_address"), ("", "server_error"),
    ],
)  # fmt: skip
def test_a_redirect_to_what_is_no_plain_web_address_is_not_followed(site: Site, target: str, kind: str) -> None:
    site.redirect("/", target)
    with pytest.raises(PageError) as caught:
        read(site)
    assert caught.value.kind == kind


def test_redirects_are_followed_five_times_and_not_round_in_circles(site: Site) -> None:
    for n in range(5):
        site.redirect(f"/{n}", f"/{n + 1}")
    site.put("/5", "Llegamos")
    found = read(site, "/0")
    assert found is not None
    assert found.url == site.url("/5", NAME)
    site.redirect("/loop", "/loop")
    with pytest.raises(PageError) as caught:
        read(site, "/loop")
    assert caught.value.kind == "too_many_redirects"
    assert site.paths.count("/loop") == 6


def test_the_name_stays_in_host_and_nothing_of_ours_goes_along(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/"] = Answer(b"", 302, headers={"Location": "/b", "Set-Cookie": "a=1; Path=/"})
    site.put("/b", "Tienda")
    assert read(site, contact="https://bot.example") is not None
    first, second = site.asked
    assert first.headers["host"] == f"{NAME}:{site.port}"
    assert first.headers["user-agent"] == name_agent("https://bot.example")
    assert first.headers["user-agent"].startswith("Mostrador/")
    assert first.headers["user-agent"].endswith(" (+https://bot.example)")
    assert not {"cookie", "authorization", "referer", "if-none-match"} & (set(first.headers) | set(second.headers))


def test_a_name_in_any_script_is_asked_by_its_ascii_form(site: Site) -> None:
    site.put("/", "Tienda")
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    allowed = frozenset({f"xn--caf-dma.example:{site.port}"})
    assert fetch(f"http://CAFÉ.example:{site.port}/", Rules(allowed), resolve=resolve) is not None
    assert asked == ["xn--caf-dma.example"]
    assert site.asked[0].headers["host"] == f"xn--caf-dma.example:{site.port}"


def test_what_did_not_change_is_not_sent_again(site: Site) -> None:
    site.etags = True
    site.put("/", "Tienda")
    found = read(site)
    assert found is not None
    assert found.etag
    rules = Rules(frozenset({f"{NAME}:{site.port}"}))
    assert fetch(site.url("/", NAME), rules, etag=found.etag, resolve=local) is None
    assert fetch(site.url("/", NAME), rules, etag='"other"', resolve=local) is not None


def test_a_large_answer_ends_at_its_limit(site: Site) -> None:
    site.pages["/told"] = Answer(b"x" * 10, headers={"Content-Length": "99999999999"})
    site.pages["/sent"] = Answer([b"x" * 100_000] * 100, drip_s=0.0001)
    for path in ("/told", "/sent"):
        with pytest.raises(PageError) as caught:
            read(site, path, max_bytes=200_000)
        assert caught.value.kind == "too_big"


def test_a_packed_bomb_ends_at_the_limit(site: Site) -> None:
    site.pages["/"] = Answer(gzip.compress(b"0" * 300_000_000), headers={"Content-Encoding": "gzip"})
    before = memory_kb()
    with pytest.raises(PageError) as caught:
        read(site)
    assert (caught.value.kind, caught.value.permanent) == ("bomb", True)
    assert memory_kb() - before < 120_000
    site.pages["/twice"] = Answer(gzip.compress(gzip.compress(b"0" * 10_000_000)), headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(PageError) as caught:
        read(site, "/twice")
    assert caught.value.kind == "bomb"


def test_a_packed_page_is_unpacked_and_a_broken_one_is_told(site: Site) -> None:
    site.pages["/"] = Answer(gzip.compress(b"<p>hola"), headers={"Content-Encoding": "gzip"})
    found = read(site)
    assert found is not None
    assert found.body == b"<p>hola"
    site.pages["/"] = Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"})
    with pytest.raises(PageError) as caught:
        read(site)
    assert caught.value.kind == "broken"


def test_a_server_that_drips_ends_with_the_time_for_the_whole(site: Site) -> None:
    site.pages["/"] = Answer([b"x"] * 1_000, drip_s=0.05)
    start = time.monotonic()
    with pytest.raises(PageError) as caught:
        read(site, timeout_s=0.5)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - start < 10
    site.pages["/silent"] = Answer(b"x", wait_s=3)
    with pytest.raises(PageError) as caught:
        read(site, "/silent", timeout_s=0.3)
    assert (caught.value.kind, caught.value.permanent) == ("timeout", False)


def test_a_resolver_that_never_answers_ends_too() -> None:
    def sleep(_host: str, _port: int) -> list[str]:
        time.sleep(30)
        return []

    start = time.monotonic()
    assert fail("http://shop.example/", Rules(timeout_s=0.3), resolve=sleep).kind == "dns"
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [(401, "forbidden", False), (403, "refused", False), (404, "not_found", False), (410, "gone", False),
     (451, "refused", True), (429, "too_many_requests", False), (500, "server_error", False), (503, "server_error", False),
     (304, "server_error", False)],
)  # fmt: skip
def test_each_refusal_has_its_name(site: Site, status: int, kind: str, permanent: bool) -> None:
    site.pages["/"] = Answer(b"no", status, headers={"Retry-After": "120"})
    with pytest.raises(PageError) as caught:
        read(site)
    assert (caught.value.kind, caught.value.permanent, caught.value.status) == (kind, permanent, status)
    assert caught.value.retry_after_s == (120 if status in (429, 503) else None)


def test_other_media_types_are_refused_before_their_bodies(site: Site) -> None:
    site.pages["/"] = Answer([b"x" * 1_000] * 1_000, media_type="video/mp4", drip_s=0.05)
    with pytest.raises(PageError) as caught:
        read(site, media_types=("text/", "application/pdf"))
    assert caught.value.kind == "wrong_type"
    site.pages["/"] = Answer(b" \n", media_type="")
    with pytest.raises(PageError) as caught:
        read(site, media_types=("text/",))
    assert caught.value.kind == "empty"


def test_a_closed_port_and_an_unknown_name_are_told(site: Site) -> None:
    rules = Rules(frozenset({"127.0.0.1:9"}), timeout_s=5)
    assert fail("http://127.0.0.1:9/", rules).kind in ("bad_address", "unreachable")
    assert fail("http://nobody.invalid/").kind == "dns"
    for address in ("shop.example", "ftp://shop.example/", "https://", "javascript:alert(1)", "http://a b/"):
        error = fail(address)
        assert (error.kind, error.permanent) == ("bad_address", True)


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Path]]:
    """With a certificate for shop.example. The path is the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )  # fmt: skip
    path, key_path = tmp_path / "cert.pem", tmp_path / "key.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    pages._tls.cache_clear()
    with Site(context) as site:
        yield site, path
    pages._tls.cache_clear()


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    tls_site: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, trusted = tls_site
    site.put("/", "Tienda")
    with pytest.raises(PageError) as caught:
        read(site)
    assert caught.value.kind == "tls"
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    pages._tls.cache_clear()
    assert read(site) is not None
    with pytest.raises(PageError) as caught:
        read(site, host="other.example")
    assert caught.value.kind == "tls"


def test_what_was_encrypted_does_not_go_on_without(tls_site: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    site, trusted = tls_site
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    pages._tls.cache_clear()
    site.redirect("/", f"http://{NAME}:{site.port}/")
    with pytest.raises(PageError) as caught:
        read(site)
    assert caught.value.kind == "downgrade"


def memory_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
