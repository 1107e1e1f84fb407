"""What a web server answers, to bytes with a name or a PageError. pages.py has asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from chatbot.errors import PageError

if TYPE_CHECKING:
    import httpx2

BOMB_RATIO = 100
MAX_WAIT_S = 86_400.0
MAX_MARK = 500
KINDS = {401: "forbidden", 404: "not_found", 408: "timeout", 410: "gone", 429: "too_many_requests"}
TEMPORARY = {401, 403, 404, 408, 410, 421, 423, 425, 429}


@dataclass(frozen=True, slots=True)
class Fetched:
    """url: where it was found, after redirects; media_type: the whole Content-Type, its charset included; robots: the
    X-Robots-Tag; is_same: the bytes are those of the last time."""

    url: str
    status: int
    media_type: str
    body: bytes
    etag: str = ""
    last_modified: str = ""
    robots: str = ""

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def read_answer(answer: httpx2.Response, media_types: tuple[str, ...], max_bytes: int) -> Fetched:
    """Raises PageError; what isn't wanted is refused before its body comes."""
    if not 200 <= answer.status_code < 300:
        raise refuse(answer)
    headers = answer.headers
    media_type = headers.get("content-type", "")[:MAX_MARK]
    plain = media_type.split(";")[0].strip().lower()
    if plain and media_types and not plain.startswith(media_types):
        raise PageError("wrong_type", permanent=True, media_type=plain[:80])
    body = _read_body(answer, max_bytes)
    if not body.strip():
        raise PageError("empty", permanent=True)
    etag, last_modified = headers.get("etag", ""), headers.get("last-modified", "")
    return Fetched(
        url=str(answer.url), status=answer.status_code, media_type=media_type, body=body,
        etag=etag if len(etag) <= MAX_MARK else "", last_modified=last_modified if len(last_modified) <= MAX_MARK else "",
        robots=",".join(headers.get_list("x-robots-tag"))[:MAX_MARK],
    )  # fmt: skip


def _read_body(answer: httpx2.Response, max_bytes: int) -> bytes:
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if "," in encoding:  # packed twice: nobody needs that but who wants to burn our time
        raise PageError("bomb", permanent=True)
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise PageError("too_big", permanent=True)
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > max_bytes:
            is_bomb = bool(encoding) and len(body) > BOMB_RATIO * answer.num_bytes_downloaded
            raise PageError("bomb" if is_bomb else "too_big", permanent=True)
    return bytes(body)


def refuse(answer: httpx2.Response) -> PageError:
    """What a status other than 200 says."""
    status = answer.status_code
    kind = KINDS.get(status) or ("refused" if 400 <= status < 500 else "server_error")
    is_permanent = 400 <= status < 500 and status not in TEMPORARY
    wait_s = _read_wait(answer.headers.get("retry-after", "")) if status in (429, 503) else None
    return PageError(kind, f"HTTP {status}", permanent=is_permanent, status=status, retry_after_s=wait_s)


def _read_wait(said: str) -> float | None:
    """Retry-After: seconds or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    if said.isdecimal():
        return min(float(said[:9]), MAX_WAIT_S)
    try:
        left = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(left, 0.0), MAX_WAIT_S)
