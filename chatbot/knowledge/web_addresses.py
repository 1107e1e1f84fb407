"""Addresses on the web as the crawl tells them apart: one form for each page, and what belongs to a site. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import httpx2

MAX_ADDRESS = 2_000
MOST_REPEATS = 2  # of one folder's name in an address: /a/b/a/b/a/b is a link that goes round
TRACKING = re.compile(
    r"utm_.*|(?:g|fb|y|d|tw|tt)clid|msclkid|[gw]braid|mc_[ce]id|_ga|_gl|igshid|_hs(?:enc|mi)|mkt_tok|srsltid|oly_\w+_id"
    r"|phpsessid|jsessionid|aspsessionid.*|cfid|cftoken|oscsid|zenid|sid|sess(?:ion)?_?id|s_?id",
    re.IGNORECASE,
)
HOST = re.compile(r"[A-Za-z0-9._:-]+")
SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)
# what does something, or says the same in another order
ACTS = re.compile(r"add[-_]to[-_](?:cart|wishlist|compare)|remove_item|replytocom|orderby|sort(?:_by|by)?|print|share", re.I)
ACT_PATHS = re.compile(r"/(?:wp-(?:admin|login|json)|xmlrpc\.php|cdn-cgi|logout|signout|cart/add)(?:[/.?]|$)", re.IGNORECASE)
NO_TEXT = re.compile(
    r".*\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|mp[34]|m4[av]|mov|avi|webm|ogg|wav|woff2?|ttf|otf|eot|css|m?js|map|json"
    r"|xml|rss|atom|zip|gz|tgz|rar|7z|tar|exe|dmg|apk|msi|iso|ics|vcf|doc|xls|pptx?|od[tsp]|epub|psd|ai|eps|swf|wasm|bin)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Site:
    """What belongs to the address where a crawl begins: its host, with or without www, and what lies below its path."""

    host: str
    port: int | None
    folder: str

    @classmethod
    def of(cls, start: str) -> Site:
        """Of an address that normalize() takes, else of nothing."""
        found = httpx2.URL(normalize(start) or "http://invalid./")
        path = found.path
        is_file = "." in PurePosixPath(path).name and not path.endswith("/")
        folder = path.rpartition("/")[0] if is_file else path.rstrip("/")
        return cls(_plain_host(found), found.port, f"{folder}/")

    def has(self, address: str) -> bool:
        try:
            found = httpx2.URL(address)
        except httpx2.InvalidURL:
            return False
        is_below = f"{found.path}/".startswith(self.folder)
        return found.scheme in ("http", "https") and is_below and (_plain_host(found), found.port) == (self.host, self.port)

    def has_host(self, address: str) -> bool:
        """The same machine's name, wherever on it."""
        return Site(self.host, self.port, "/").has(address)


def normalize(url: str, base: str = "") -> str | None:
    """One form for all the ways to write an address: without fragment, tracking and session ids, its query in order.

    base: what a relative one is relative to. None for what is no web address.
    """
    try:
        found = httpx2.URL(base).join(url.strip()) if base else httpx2.URL(url.strip())
        if found.scheme not in ("http", "https") or found.userinfo or not HOST.fullmatch(found.raw_host.decode("ascii")):
            return None
        path, _, query = found.raw_path.decode("ascii").partition("?")
        wanted = sorted((p for p in query.split("&") if p and not TRACKING.fullmatch(_name(p))), key=_name)
        raw = (SESSION_IN_PATH.sub("", path) or "/") + (f"?{'&'.join(wanted)}" if wanted else "")
        address = str(found.copy_with(raw_path=raw.encode(), fragment=None))
    except (httpx2.InvalidURL, ValueError, UnicodeError):
        return None
    return address if len(address) <= MAX_ADDRESS else None


def key_of(address: str) -> str:
    """The same for addresses that are the same page nearly everywhere: http or https, www or not, a slash at the end or not."""
    try:
        found = httpx2.URL(normalize(address) or address)
    except httpx2.InvalidURL:
        return address
    path, _, query = found.raw_path.decode("ascii").partition("?")
    return f"{_plain_host(found)}:{found.port or ''}{path.rstrip('/')}{'?' if query else ''}{query}"


def adopt(address: str, page: str) -> str:
    """An address of the same site with the scheme and the host of the page that names it: fewer redirects, fewer doubles."""
    found, own = httpx2.URL(address), httpx2.URL(page)
    if (_plain_host(found), found.port) != (_plain_host(own), own.port):
        return address
    return str(found.copy_with(scheme=own.scheme, host=own.host))


def is_worth_reading(address: str) -> bool:
    """Whether there may be text: no picture, no link that does something, none that goes round in circles."""
    found = httpx2.URL(address)
    if NO_TEXT.fullmatch(found.path) or ACT_PATHS.search(found.path):
        return False
    names = Counter(name for name in found.path.split("/") if name)
    return max(names.values(), default=0) <= MOST_REPEATS and not any(ACTS.fullmatch(name) for name in found.params)


def origin_of(address: str) -> str:
    """Scheme, host and port: what a robots.txt is for."""
    found = httpx2.URL(address)
    port = f":{found.port}" if found.port else ""
    host = found.raw_host.decode("ascii")
    return f"{found.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def host_of(address: str) -> str:
    """host:port, as settings.crawl_private_hosts has it."""
    found = httpx2.URL(address)
    return f"{found.raw_host.decode('ascii').lower()}:{found.port or (443 if found.scheme == 'https' else 80)}"


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _plain_host(address: httpx2.URL) -> str:
    return address.raw_host.decode("ascii").lower().rstrip(".").removeprefix("www.")
