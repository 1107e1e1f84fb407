"""Looks at a web server as a customer or Chatwoot would: status, headers, the certificate that is really served, its clock."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import httpx2
from cryptography import x509

from chatbot.deadline import deadline, limit

TIMEOUT_S = 5.0
LOOPBACK = "127.0.0.1"
MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Headers have lower-case names. problem: why there is no answer; status is 0 then."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    starts_at: datetime
    ends_at: datetime
    is_self_signed: bool
    names: tuple[str, ...]

    def left(self, now: datetime) -> float:
        """The fraction of its life that is left: lifetimes go from 90 days to 45 and fewer."""
        return (self.ends_at - now) / max(self.ends_at - self.starts_at, timedelta(seconds=1))


def get(url: str) -> Answer:
    """One GET by name, with the system's trust, following nothing."""
    try:
        with deadline(TIMEOUT_S), limit(httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False)) as client:
            found = client.get(url)
    except (httpx2.HTTPError, httpx2.InvalidURL) as e:
        return Answer(0, {}, problem=_name(e.__cause__ or e))
    return Answer(found.status_code, {k.lower(): v for k, v in found.headers.items()}, found.content[:MAX_BYTES])


def ask_loopback(
    domain: str,
    port: int,
    path: str,
    *,
    is_tls: bool = True,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Asks this machine's own web server for `domain`, whatever DNS says. Who signed the certificate isn't judged here."""
    connection = _Loopback(domain, port) if is_tls else HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body=body, headers={"Host": domain, **(headers or {})})
        found = connection.getresponse()
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read(MAX_BYTES))
    except (OSError, HTTPException) as e:
        return Answer(0, {}, problem=_name(e))
    finally:
        connection.close()


def read_certificate(domain: str, port: int) -> Certificate | None:
    """What is served on this machine for `domain`; None where nothing is."""
    try:
        with _connect_tls(domain, port) as stream:
            content = stream.getpeercert(binary_form=True)
        return _parse(content) if content else None
    except (OSError, ValueError):
        return None


def read_clock(url: str) -> datetime | None:
    """What time it is over there, by the Date header of any answer."""
    stamp = get(url).headers.get("date", "")
    try:
        return parsedate_to_datetime(stamp).astimezone(UTC)
    except (ValueError, TypeError):
        return None


def _parse(content: bytes) -> Certificate:
    found = x509.load_der_x509_certificate(content)
    names: tuple[str, ...] = ()
    with contextlib.suppress(x509.ExtensionNotFound):
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(extension.value.get_values_for_type(x509.DNSName))
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc, found.issuer == found.subject, names)


@contextlib.contextmanager
def _connect_tls(domain: str, port: int) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_S) as plain,
        _trusting_all().wrap_socket(plain, server_hostname=domain) as stream,
    ):
        yield stream


class _Loopback(HTTPSConnection):
    """HTTPS to this machine under another name."""

    def __init__(self, domain: str, port: int) -> None:
        super().__init__(LOOPBACK, port, timeout=TIMEOUT_S, context=_trusting_all())
        self._domain = domain

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), timeout=TIMEOUT_S)
        self.sock = _trusting_all().wrap_socket(plain, server_hostname=self._domain)


def _trusting_all() -> ssl.SSLContext:
    """For loopback only, where nobody stands in between: a self-signed certificate must not hide whether we are up."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _name(error: BaseException) -> str:
    """The error's kind and first line, without anything that was sent."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120]}" if str(error) else type(error).__name__
