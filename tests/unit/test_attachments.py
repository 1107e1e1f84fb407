"""Attachments: from Chatwoot's host, on to a storage by the checked way only, within limits, and never with its credentials."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from standins.site import Answer, Site
from standins.voice import PNG, make_ogg

from chatbot.clients.attachments import File, Place, Way, fetch_attachment
from chatbot.errors import PageError
from chatbot.media_kinds import Kind, estimate_seconds, is_too_long, measure_seconds, sniff

CHATWOOT, STORAGE = "chatwoot.example", "storage.example"
# in the part of IPv6 that is given out, but given to nobody
NOBODY = "2fff:ffff::1"


OGG = make_ogg()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def resolve(host: str, _port: int) -> list[str]:
    """Both names lead to the stand-in: the one is Chatwoot, the other one's address is private for everybody else."""
    return ["127.0.0.1"] if host in {CHATWOOT, STORAGE, "127.0.0.1"} else [host]


def read(site: Site, path: str = "/nota.oga", family: str = "audio", **more: Any) -> File:
    place = more.pop("place", Place(site.url("", CHATWOOT).rstrip("/")))
    values: dict[str, Any] = {"max_bytes": 100_000, "timeout_s": 3.0, "resolve": resolve, **more}
    return fetch_attachment(path if "://" in path else site.url(path, CHATWOOT), place, family, **values)


def fail(site: Site, *given: Any, **more: Any) -> PageError:
    with pytest.raises(PageError) as caught:
        read(site, *given, **more)
    return caught.value


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(b"", status, headers={"Location": to})


def test_a_file_of_a_private_chatwoot_is_read_without_credentials(site: Site) -> None:
    site.pages["/nota.oga"] = Answer(OGG, media_type="audio/ogg")
    found = read(site)
    assert (found.kind.extension, found.body) == ("ogg", OGG)
    (asked,) = site.asked
    assert not {"api-access-token", "api_access_token", "authorization", "cookie"} & set(asked.headers)


def test_a_redirect_within_chatwoot_is_followed(site: Site) -> None:
    """Where it keeps files on its own disk."""
    site.pages["/nota.oga"] = redirect("/rails/active_storage/disk/x/nota.oga")
    site.pages["/rails/active_storage/disk/x/nota.oga"] = Answer(OGG, media_type="audio/ogg")
    assert read(site).body == OGG


@pytest.mark.parametrize(
    "url",
    ["http://elsewhere.example/nota.oga", f"http://{CHATWOOT}.evil.example/n", f"http://{CHATWOOT}:1/n", "file:///etc/passwd",
     f"http://u:p@{CHATWOOT}/n", "http://169.254.169.254/latest/meta-data", "http://"],
)  # fmt: skip
def test_what_is_not_on_chatwoots_host_is_never_asked(site: Site, url: str) -> None:
    assert fail(site, url).kind in {"elsewhere", "bad_address"}
    assert site.asked == []


def test_a_chatwoot_that_calls_itself_by_another_name_is_asked_at_the_one_we_know(site: Site) -> None:
    """Set as http://rails:3000 inside a network, and known to customers as https://chat.example."""
    site.pages["/rails/active_storage/blobs/redirect/x/nota.oga?disposition=inline"] = Answer(OGG, media_type="audio/ogg")
    url = "https://chat.example/rails/active_storage/blobs/redirect/x/nota.oga?disposition=inline"
    assert read(site, url, resolve=lambda host, port: resolve(host, port) if host != "chat.example" else [NOBODY]).body == OGG
    assert [asked.headers["host"] for asked in site.asked] == [f"{CHATWOOT}:{site.port}"]


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://10.0.0.5/x"])
def test_a_redirect_into_a_private_network_is_refused(site: Site, to: str) -> None:
    site.pages["/nota.oga"] = redirect(to)
    error = fail(site)
    assert (error.kind, error.permanent) == ("private_address", True)


def test_a_redirect_to_a_private_storage_is_refused_unless_its_owner_named_it(site: Site) -> None:
    site.pages["/nota.oga"] = redirect(site.url("/bucket/nota.oga", STORAGE))
    site.pages["/bucket/nota.oga"] = Answer(OGG, media_type="binary/octet-stream")
    assert fail(site).kind == "private_address"
    assert site.paths == ["/nota.oga"]
    place = Place(site.url("", CHATWOOT).rstrip("/"), frozenset({f"{STORAGE}:{site.port}"}))
    assert read(site, place=place).body == OGG


def test_a_storage_cannot_lead_back_to_a_private_chatwoot(site: Site) -> None:
    site.pages["/nota.oga"] = redirect(site.url("/bucket", STORAGE))
    site.pages["/bucket"] = redirect(site.url("/super_admin", CHATWOOT))
    site.pages["/super_admin"] = Answer(OGG, media_type="audio/ogg")
    place = Place(site.url("", CHATWOOT).rstrip("/"), frozenset({f"{STORAGE}:{site.port}"}))
    assert fail(site, place=place).kind == "elsewhere"
    assert "/super_admin" not in site.paths


def test_the_owners_own_machines_lead_to_each_other(site: Site) -> None:
    stores = ("one.example", "two.example")
    site.pages["/nota.oga"] = redirect(site.url("/first", stores[0]))
    site.pages["/first"] = redirect(site.url("/second", stores[1]))
    site.pages["/second"] = Answer(OGG, media_type="audio/ogg")
    place = Place(site.url("", CHATWOOT).rstrip("/"), frozenset(f"{name}:{site.port}" for name in stores))
    assert read(site, place=place, resolve=lambda _host, _port: ["127.0.0.1"]).body == OGG


def test_a_foreign_server_cannot_lead_to_the_owners_own_machines() -> None:
    """The rule alone: no server here has an address that is foreign."""
    way = Way(Place("http://chat.example", frozenset({"storage.example:9000"})))
    assert way.may_go_on("http://storage.example:9000/first")
    assert way.may_go_on("http://abroad.example/nota")
    assert not way.may_go_on("http://storage.example:9000/second")
    assert not way.may_go_on("http://chat.example/nota")
    assert way.may_go_on("http://abroad.example/other")


def test_the_address_of_a_storage_that_was_checked_is_the_one_that_is_asked(site: Site) -> None:
    """DNS rebinding: a public address for the check, a private one for whoever asks again."""
    asked: list[str] = []

    def rebind(host: str, port: int) -> list[str]:
        if host != STORAGE:
            return resolve(host, port)
        asked.append(host)
        return [NOBODY] if len(asked) == 1 else ["127.0.0.1"]

    site.pages["/nota.oga"] = redirect(site.url("/bucket", STORAGE))
    site.pages["/bucket"] = Answer(OGG, media_type="audio/ogg")
    assert fail(site, resolve=rebind, timeout_s=1.0).kind in {"unreachable", "timeout"}
    assert (asked, site.paths) == ([STORAGE], ["/nota.oga"])


def test_a_ring_of_redirects_ends(site: Site) -> None:
    site.pages["/nota.oga"] = redirect("/nota.oga")
    assert fail(site).kind == "too_many_redirects"
    assert len(site.asked) < 10


def test_what_is_too_big_is_cut_off(site: Site) -> None:
    site.pages["/nota.oga"] = Answer([OGG, bytes(60_000), bytes(60_000)], media_type="audio/ogg")
    assert fail(site).kind == "too_big"


def test_a_file_that_drips_has_a_time_limit(site: Site) -> None:
    site.pages["/nota.oga"] = Answer([OGG, *[b"x"] * 50], media_type="audio/ogg", drip_s=0.2)
    assert fail(site, timeout_s=0.6).kind == "timeout"


@pytest.mark.parametrize(
    ("family", "told", "body"),
    [("audio", "text/html", OGG), ("audio", "audio/ogg", b"<html>log in</html>"), ("audio", "audio/ogg", PNG),
     ("image", "image/png", OGG), ("image", "image/svg+xml", b"<svg/>"), ("image", "image/png", b"%PDF-1.7"),
     ("audio", "audio/amr", b"#!AMR\n" + bytes(50))],
)  # fmt: skip
def test_name_and_content_must_both_be_what_is_expected(site: Site, family: str, told: str, body: bytes) -> None:
    site.pages["/nota.oga"] = Answer(body, media_type=told)
    assert fail(site, "/nota.oga", family).kind == "wrong_type"


@pytest.mark.parametrize(
    ("body", "extension"),
    [(OGG, "ogg"), (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"), (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "webp"),
     (b"\x00\x00\x00\x20ftypM4A ", "m4a"), (b"\x00\x00\x00\x20ftypheic", ""), (b"ID3\x04", "mp3"), (b"\xff\xfb\x90\x64", "mp3"),
     (b"\xff\xf1\x50\x80", ""), (b"\xff\xd8\xff\xe0", "jpg"), (PNG, "png"), (b"GIF89a", "gif"), (b"\x1aE\xdf\xa3", "webm"),
     (b"", ""), (b"MZ\x90", ""), (b"<svg", "")],
)  # fmt: skip
def test_what_a_file_is_stands_in_its_first_bytes(body: bytes, extension: str) -> None:
    found = sniff(body)
    assert (found.extension if found else "") == extension


def test_how_long_a_voice_note_lasts_is_read_where_it_is_told() -> None:
    def measure(body: bytes) -> float | None:
        kind = sniff(body)
        assert isinstance(kind, Kind)
        return measure_seconds(body, kind)

    wav = b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(12) + struct.pack("<I", 16_000) + bytes(31_968)
    mp4 = b"\x00\x00\x00\x20ftypM4A " + bytes(20) + b"mvhd" + bytes(12) + struct.pack(">II", 1_000, 7_500)
    assert measure(make_ogg(61.5)) == 61.5
    assert measure(wav) == 2.0
    assert measure(mp4) == 7.5
    for broken in (OGG[:20], b"RIFF\x00\x00\x00\x00WAVE", b"\x00\x00\x00\x20ftypM4A mvhd", b"ID3\x04"):
        assert measure(broken) is None


def test_how_long_a_note_may_last_is_told_by_its_size_where_its_word_is_too_little() -> None:
    assert estimate_seconds(bytes(10_000_000), 1.0) == 5_000
    assert estimate_seconds(bytes(10_000), 60.0) == 60
    assert estimate_seconds(bytes(4_000), None) == 2
    assert not is_too_long(bytes(80_000), None, 10)
    assert is_too_long(bytes(80_001), None, 10)
    assert not is_too_long(bytes(80_001), 10.0, 10)
    assert is_too_long(b"", 10.1, 10)
