"""What flows wish for of the world: calls to the owner's servers, and codes by mail. Each is done at most once.

The row is written before the request leaves (flow_call). Where a crash leaves its outcome unknown, what only reads is done
again, and what may have changed something is not: the step's `on_error` goes on. Where nothing can have been changed, by a
reading or a code, the row is "harmless": the reply may still be thrown away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from pydantic_core import from_json

from chatbot.clients import mail, pages
from chatbot.config import Config
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import Row, fetch_value, run, sql, statements
from chatbot.errors import Interrupted, LostLease, MailError, PageError
from chatbot.flows.calls import CallRequest, make_request
from chatbot.flows.definition import Call
from chatbot.flows.run import Wish, WishResult
from chatbot.llm import Means
from chatbot.models.state import STOPPED
from chatbot.reply import TurnInput
from chatbot.settings import Settings
from chatbot.texts import get_text

log = structlog.get_logger()
MAX_ANSWER_BYTES = 256 * 1024
MAX_STORED_CHARS = 64 * 1024
CODE_MINUTES = 15
MOST_CODES = 5

BEGIN = sql(f"""
INSERT INTO flow_call (conversation_id, answered_seq, place, outcome)
SELECT c.id, :seq, :place, CAST(:outcome AS jsonb) FROM conversation c, instance n
WHERE c.id = :conversation AND (c.epoch = :epoch OR NOT :fenced) AND NOT (:waits AND {STOPPED})
ON CONFLICT (conversation_id, answered_seq, place) DO NOTHING RETURNING id
""")
IS_STOPPED = sql(f"SELECT {STOPPED} FROM instance n")
FIND = sql("""
SELECT id, state, outcome FROM flow_call WHERE conversation_id = :conversation AND answered_seq = :seq AND place = :place
""")
END = sql("UPDATE flow_call SET state = :state, outcome = CAST(:outcome AS jsonb), finished_at = now() WHERE id = :id")
NEWEST_CODE = sql(f"""
SELECT outcome ->> 'code' AS code, outcome ->> 'to' AS sent_to,
  created_at <= now() - interval '{CODE_MINUTES} minutes' AS is_old FROM flow_call
WHERE conversation_id = :conversation AND outcome ? 'code'
ORDER BY id DESC LIMIT 1
""")
COUNT_CODES = sql("""
SELECT count(*) FILTER (WHERE conversation_id = :conversation AND created_at > now() - interval '1 hour') AS here,
  count(*) FILTER (WHERE outcome ->> 'to' = :to) AS there
FROM flow_call WHERE outcome ? 'code' AND created_at > now() - interval '1 day'
""")


def grant(means: Means, turn: TurnInput, wish: Wish, number: int) -> WishResult:
    """Does it, or says why not. number: how many wishes this turn had before. In a rehearsal nothing is changed anywhere, nor
    for a reply that is only suggested or recorded: there the step's `on_error` goes on. Raises LostLease, and Interrupted where
    everything was paused meanwhile."""
    if wish.kind == "check_code":
        return _check_code(means, turn, wish)
    is_safe = wish.call is not None and wish.call.is_safe
    if turn.conversation_id is None:
        return _perform(means, turn, wish)[0] if is_safe else WishResult("ok", {})
    key = {"conversation": turn.conversation_id, "seq": turn.answered_seq, "place": f"{wish.flow}/{wish.step}/{number}"}
    asked = _digest(wish, means.settings)
    marks = {"asked": asked, **({"harmless": True} if is_safe or wish.kind == "send_code" else {})}
    begun, found = _begin(means, turn, key, marks, is_safe=is_safe)
    if found is None:
        return WishResult("error", error="not_live")
    stored = found.get("outcome") or {}
    is_other = begun is None and stored.get("asked", asked) != asked  # the customer changed what they had written
    if begun is None and found["state"] != "sent" and not is_other:
        return WishResult(stored["outcome"], stored.get("payload"), stored.get("error", ""))
    if begun is None and not is_safe and is_protected("flow_call"):
        log.warning("flow_call_unknown", place=key["place"])
        return WishResult("error", error="unknown")
    crash_point("flow_call_begun")
    result, facts = _perform(means, turn, wish)
    crash_point("flow_call_made")
    outcome = {**marks, "outcome": result.outcome, "payload": result.payload, "error": result.error, **facts}
    values = {"id": found["id"], "state": "done" if result.outcome != "error" else "failed", "outcome": _write(outcome)}
    with statements(means.engine) as connection:
        run(connection, END, values)
    return result


def _begin(
    means: Means, turn: TurnInput, key: Mapping[str, Any], marks: Mapping[str, Any], *, is_safe: bool
) -> tuple[Row | None, Row | None]:
    """The row that stands for the wish: (made now, made now or before). None, None where this turn may change nothing."""
    values = {**key, "outcome": json.dumps(marks), "epoch": turn.epoch, "fenced": is_protected("epoch"), "waits": not is_safe}
    with statements(means.engine) as connection:
        begun = run(connection, BEGIN, values).fetchone() if turn.may_act or is_safe else None
        found = begun or run(connection, FIND, key).fetchone()
        is_stopped = found is None and bool(fetch_value(connection, IS_STOPPED))
    if found is not None or not (turn.may_act or is_safe):
        return begun, found
    if is_stopped:
        raise Interrupted("paused, or another installation's, while a flow was about to change something")
    raise LostLease(f"conversation {turn.conversation_id} at epoch {turn.epoch}")


def _digest(wish: Wish, settings: Settings) -> str:
    """What tells one request of a step from another: a message may be changed between two tries of a turn."""
    request: object = wish.address
    if wish.call is not None:
        with suppress(KeyError):  # a secret that is missing is told when the request is made
            made = make_request(wish, read_secrets(settings))
            request = (made.method, made.url, made.body)
    return hashlib.sha256(repr(request).encode()).hexdigest()[:32]


def _write(outcome: Mapping[str, Any]) -> str:
    """PostgreSQL stores no NUL; an answer too long to be kept isn't given again after a crash."""
    text = json.dumps(outcome, default=str).replace("\\u0000", "")
    return text if len(text) <= MAX_STORED_CHARS else json.dumps({**outcome, "payload": None})


def _perform(means: Means, turn: TurnInput, wish: Wish) -> tuple[WishResult, dict[str, Any]]:
    """The result, and what is to be remembered beside it."""
    if wish.kind == "send_code":
        return _send_code(means, turn, wish.address)
    assert wish.call is not None  # noqa: S101  the other kinds were dealt with
    try:
        request = make_request(wish, read_secrets(means.settings))
    except KeyError as e:
        return WishResult("error", error=f"no secret {e.args[0]}"), {}
    return _call(means.settings, wish.call, request), {}


def read_secrets(settings: Settings) -> dict[str, str]:
    return dict(line.get_secret_value().split("=", 1) for line in settings.flow_secrets)


def is_allowed(url: str, settings: Settings) -> bool:
    """Whether flows may call this server: it, or it with its port, is in flow_hosts."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{host}:{port}" in settings.flow_hosts or (host in settings.flow_hosts and port in pages.WEB_PORTS)


def _call(settings: Settings, call: Call, request: CallRequest) -> WishResult:
    if not is_allowed(request.url, settings):
        return WishResult("error", error="host_not_allowed")
    body = None if request.body is None else json.dumps(request.body).encode()
    headers = {"Accept": "application/json", **request.headers}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    own = frozenset(host for host in settings.flow_hosts if ":" in host)
    rules = pages.Rules(own, max_bytes=MAX_ANSWER_BYTES, timeout_s=min(call.timeout_s, settings.flow_timeout_s))
    tries = 1 + (call.retries if call.is_safe else 0)
    result = WishResult("error")
    for _ in range(tries):
        try:
            return _read(pages.exchange(request.method, request.url, rules, headers=headers, body=body).body)
        except PageError as e:
            if e.kind == "empty":
                return WishResult("ok")
            result = WishResult("missing" if e.status in {404, 410} else "error", error=e.kind)
            if e.permanent or result.outcome == "missing":
                break
    return result


def _read(body: bytes) -> WishResult:
    try:
        return WishResult("ok", from_json(body))
    except (ValueError, RecursionError):
        return WishResult("error", error="not_json")


def _send_code(means: Means, turn: TurnInput, address: str) -> tuple[WishResult, dict[str, Any]]:
    """Six digits to an address; only keyed hashes are kept. Five an hour in a conversation, five a day to an address."""
    config = means.config
    if config is None or not mail.can_send(config):
        return WishResult("error", error="no_mail"), {}
    to = _hash(config, address.casefold())
    with statements(means.engine) as connection:
        sent = run(connection, COUNT_CODES, {"conversation": turn.conversation_id, "to": to}).fetchone()
    if sent is None or max(sent["here"], sent["there"]) >= MOST_CODES:
        return WishResult("error", error="too_many_codes"), {}
    code = f"{secrets.randbelow(1_000_000):06d}"
    name = means.settings.business_name
    subject = get_text("mail.code_subject", turn.language, name=name).strip()
    try:
        mail.send(config, address, subject, get_text("mail.code", turn.language, code=code, minutes=str(CODE_MINUTES)))
    except MailError as e:
        return WishResult("error", error=f"mail {e}"), {}
    return WishResult("ok"), {"code": _hash(config, f"{turn.conversation_id}:{code}"), "to": to}


def _check_code(means: Means, turn: TurnInput, wish: Wish) -> WishResult:
    if means.config is None or turn.conversation_id is None:
        return WishResult("error", error="no_mail")
    with statements(means.engine) as connection:
        row = run(connection, NEWEST_CODE, {"conversation": turn.conversation_id}).fetchone()
    digits = "".join(c for c in wish.code if c.isdigit())
    if row is None:
        return WishResult("missing")
    is_right = hmac.compare_digest(row["code"], _hash(means.config, f"{turn.conversation_id}:{digits}"))
    is_right = is_right and row["sent_to"] == _hash(means.config, wish.address.casefold())  # a code proves its own address only
    if is_right and row is not None and row["is_old"]:
        return WishResult("missing", error="expired")
    return WishResult("ok" if is_right else "missing")


def _hash(config: Config, text: str) -> str:
    """Of a code in its conversation, or of an address: nothing that could be read back."""
    return hmac.new(config.secret_key.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()
