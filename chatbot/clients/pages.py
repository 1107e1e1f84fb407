"""The one way out to addresses that people or documents name. Nothing else in the product fetches those.

A name is resolved once for each connection, what it leads to is checked (addresses.py), and that very address is connected
to, while TLS and Host keep the name. Redirects are followed here, each under the same rules. No proxies, no cookies, no
credentials; limits on time and size hold for the whole, after unpacking too.
"""

from __future__ import annotations

import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpcore2
import httpx2

from chatbot.clients.addresses import is_public
from chatbot.clients.page_answers import Fetched, read_answer
from chatbot.deadline import deadline, limit
from chatbot.errors import PageError

MAX_BYTES = 20 * 1024 * 1024
HEADS_BYTES = 1024 * 1024  # what heads and redirects may take besides
TIMEOUT_S = 30.0
CONNECT_S = 8.0
READ_S = 15.0
MAX_REDIRECTS = 5
MAX_ADDRESSES = 4
MAX_URL = 2_000
REDIRECTS = {301, 302, 303, 307, 308}
LANGUAGES = "es, en;q=0.8, *;q=0.5"
# nothing but the web's own: 25 is a mail server that can be talked into something by HTTP, 22, 6379 and others too
WEB_PORTS = {80, 443}
FIRST_FREE_PORT, LAST_PORT = 1_024, 65_535
NAME = "Mostrador"

HOST = re.compile(r"[A-Za-z0-9._:-]+")

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Rules:
    """allowed: "host:port" of an owner's own machines, which may be private; contact: the installation's address, told to
    sites; media_types: beginnings of what is taken, empty for all; stays: which addresses a redirect may lead to."""

    allowed: frozenset[str] = frozenset()
    contact: str = ""
    media_types: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES
    timeout_s: float = TIMEOUT_S
    stays: Callable[[str], bool] | None = None


def resolve_name(host: str, port: int) -> list[str]:
    """The addresses of a name, best first. Raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def fetch(
    url: str, rules: Rules, *, etag: str = "", last_modified: str = "", resolve: Resolve = resolve_name
) -> Fetched | None:  # fmt: skip
    """What stands at a web address, None where it is still what etag or last_modified say. Raises PageError."""
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = {name: value for name, value in conditions.items() if value and value.isascii() and value.isprintable()}
    with _mapped(), deadline(rules.timeout_s, rules.max_bytes + HEADS_BYTES), _open(rules, resolve) as http:
        address = parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            check_port(address, rules.allowed)
            with http.stream("GET", address, headers=headers) as answer:
                if answer.status_code not in REDIRECTS:
                    is_same = answer.status_code == 304 and bool(headers)
                    return None if is_same else read_answer(answer, rules.media_types, rules.max_bytes)
                address = _follow(address, answer)
            if rules.stays and not rules.stays(str(address)):
                raise PageError("elsewhere", permanent=True, to=str(address))
    raise PageError("too_many_redirects", permanent=True)


def exchange(
    method: str, url: str, rules: Rules, *, headers: dict[str, str], body: bytes | None, resolve: Resolve = resolve_name
) -> Fetched:  # fmt: skip
    """One request to a server of the owner's, for a flow. A redirect isn't followed. Raises PageError; sent is False where
    the request never left."""
    with _mapped(), deadline(rules.timeout_s, rules.max_bytes + HEADS_BYTES), _open(rules, resolve) as http:
        address = parse(url)
        check_port(address, rules.allowed)
        with http.stream(method, address, headers=headers, content=body) as answer:
            if answer.status_code in REDIRECTS:
                raise PageError("elsewhere", permanent=True, to=answer.headers.get("location", "")[:MAX_URL])
            return read_answer(answer, rules.media_types, rules.max_bytes)


def name_agent(contact: str = "") -> str:
    """What sites see of us: a name, a version and where to ask."""
    try:
        number = version("mostrador")
    except PackageNotFoundError:
        number = "0"
    is_plain = contact.isascii() and contact.isprintable() and not set(contact) & set("() ")
    return f"{NAME}/{number} (+{contact})" if contact and is_plain else f"{NAME}/{number}"


def parse(url: str) -> httpx2.URL:
    """Raises PageError for what is no plain web address. Names in any script become ASCII ones."""
    try:
        found = httpx2.URL(url)
        host = found.raw_host.decode("ascii")
    except (httpx2.InvalidURL, ValueError, TypeError) as e:
        raise PageError("bad_address", permanent=True) from e
    is_plain = HOST.fullmatch(host) and not found.userinfo and len(str(found)) <= MAX_URL
    if found.scheme not in ("http", "https") or not is_plain:
        raise PageError("bad_address", permanent=True)
    return found.copy_with(fragment=None)


def check_port(address: httpx2.URL, allowed: frozenset[str]) -> None:
    port = port_of(address)
    is_web = port in WEB_PORTS or FIRST_FREE_PORT <= port <= LAST_PORT
    if not is_web and name_of(address.raw_host.decode("ascii"), port) not in allowed:
        raise PageError("bad_address", f"port {port}", permanent=True)


def port_of(address: httpx2.URL) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


def name_of(host: str, port: int) -> str:
    """As crawl_private_hosts has it."""
    return f"{host.lower().rstrip('.')}:{port}"


def _follow(address: httpx2.URL, answer: httpx2.Response) -> httpx2.URL:
    """Where a redirect leads. What was encrypted doesn't go on without: whoever listens could change it."""
    location = answer.headers.get("location", "")
    if not location:
        raise PageError("server_error", "a redirect to nowhere", status=answer.status_code)
    try:
        target = parse(str(address.join(location)))
    except httpx2.InvalidURL as e:
        raise PageError("bad_address", permanent=True) from e
    if address.scheme == "https" and target.scheme == "http":
        raise PageError("downgrade", permanent=True)
    return target


@contextmanager
def _open(rules: Rules, resolve: Resolve) -> Iterator[httpx2.Client]:
    """A client for one fetch: no connection that was checked for one is ever used by another."""
    transport = httpx2.HTTPTransport(verify=_tls(), trust_env=False, limits=httpx2.Limits(max_connections=4))
    checked: Any = _CheckedBackend(rules.allowed, resolve)
    transport._pool._network_backend = checked
    headers = {
        "User-Agent": name_agent(rules.contact), "Accept": "text/html, */*;q=0.5", "Accept-Language": LANGUAGES,
        "Accept-Encoding": "gzip, deflate",
    }  # fmt: skip
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    with httpx2.Client(
        transport=transport, trust_env=False, follow_redirects=False, timeout=timeout, headers=headers, cookies=jar
    ) as http:
        limit(http)
        yield http


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes a tenth of a second."""
    return httpx2.create_ssl_context()


class _CheckedBackend:
    """Makes connections to checked addresses only; whatever httpx2 does, its connections come from here."""

    def __init__(self, allowed: frozenset[str], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
        end = time.monotonic() + (timeout or CONNECT_S)
        problem: Exception = httpcore2.ConnectError("no address")
        for address in self._find(host, port, end)[:MAX_ADDRESSES]:
            if (left := end - time.monotonic()) <= 0:
                raise httpcore2.ConnectTimeout("the time is over")
            try:
                return self._backend.connect_tcp(address, port, left, **options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as e:
                problem = e
        raise problem

    def connect_unix_socket(self, *_: Any, **__: Any) -> Any:
        raise httpcore2.ConnectError("no sockets here")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _find(self, host: str, port: int, end: float) -> list[str]:
        """What a name leads to, all of it checked: one private address among public ones is no accident."""
        found = _resolve_until(self._resolve, host, port, end)
        if name_of(host, port) not in self._allowed and not all(is_public(address) for address in found):
            raise PageError("private_address", permanent=True)
        return found


def _resolve_until(resolve: Resolve, host: str, port: int, end: float) -> list[str]:
    """The system's resolver has no time limit, so it is asked by a thread that may be left behind."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except (OSError, ValueError) as e:  # UnicodeError is a ValueError: a name that no resolver takes
            answers.put(e)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    with suppress(queue.Empty):
        found = answers.get(timeout=max(end - time.monotonic(), 0))
        if isinstance(found, list) and found:
            return found
        is_unknown = not (isinstance(found, socket.gaierror) and found.errno == socket.EAI_AGAIN)
        raise PageError("dns", permanent=is_unknown and isinstance(found, socket.gaierror))
    raise PageError("dns", "no answer in time")


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as e:
        raise PageError("timeout") from e
    except httpx2.InvalidURL as e:
        raise PageError("bad_address", permanent=True) from e
    except httpx2.DecodingError as e:
        raise PageError("broken", "it can't be unpacked") from e
    except httpx2.HTTPError as e:
        if "too long" in str(e):  # deadline.py's words
            raise PageError("too_big", permanent=True) from e
        is_tls = any(isinstance(cause, ssl.SSLError) for cause in _causes(e))
        raise PageError("tls" if is_tls else "unreachable", type(e).__name__) from e


def _causes(error: BaseException) -> Iterable[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
