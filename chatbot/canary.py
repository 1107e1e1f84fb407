"""A customer's message of our own through the whole path: signed, in by nginx, answered by the worker, and never sent.

Its conversation's number can't be Chatwoot's, and by it turn.py and answer.py throw the frozen reply away at the last step.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine, text

from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.checks import Finding, Surroundings, fail, ok
from chatbot.clients.probes import Answer, ask_loopback

PATH = "/webhooks/chatwoot"
PATIENCE_S = 20.0
POLL_S = 0.25
LEFT_MS = 600_000  # one that is so old was left by a crash; numbers are times
HEADERS = {"Content-Type": "application/json"}
Post = Callable[[str, bytes, Mapping[str, str]], Answer]


def check_canary(at: Surroundings, post: Post | None = None) -> Finding | None:
    """post(path, body, headers): how the webhook goes in; by default through this machine's nginx."""
    settings = at.settings
    has_key = settings.chatwoot_webhook_secret or settings.webhook_token.get_secret_value()
    if not has_key or not settings.chatwoot_url or settings.chatwoot_account_id is None:
        return None
    if post is None:
        if not at.is_own_box or not at.domain:
            return None
        post = _through_nginx(at.domain, at.port)
    if _is_held(at.engine):
        return None
    number = CANARY_IDS + time.time_ns() // 1_000_000
    try:
        return _send(at, post, number)
    finally:
        remove_canaries(at.engine, number)


def _send(at: Surroundings, post: Post, number: int) -> Finding:
    started = time.monotonic()
    body = json.dumps(make_message(number, at.settings.chatwoot_account_id)).encode()
    path, headers = _sign(at, body)
    answer = post(path, body, {**HEADERS, **headers})
    if answer.status != 200:
        return fail("refused", status=answer.status or answer.problem)
    until = started + at.settings.debounce_seconds + PATIENCE_S
    while (found := _read_outcome(at.engine, number)) is None:
        if time.monotonic() > until:
            return fail("unanswered", seconds=round(time.monotonic() - started))
        time.sleep(POLL_S)
    rule, parts = found
    return ok(seconds=round(time.monotonic() - started, 1)) if rule == "canary" and parts else fail("wrong", rule=rule)


def make_message(number: int, account_id: int | None) -> dict[str, Any]:
    """A greeting: it is answered without a model, and costs nothing. No inbox: each one's number would be a real one's."""
    return {
        "event": "message_created",
        "id": number,
        "content": "Hola",
        "content_type": "text",
        "message_type": "incoming",
        "created_at": int(time.time()),
        "account": {"id": account_id},
        "conversation": {"id": number, "status": "pending", "can_reply": True},
    }


def _sign(at: Surroundings, body: bytes) -> tuple[str, dict[str, str]]:
    """The path and headers with which Chatwoot would send it."""
    if not at.settings.chatwoot_webhook_secret:
        return f"{PATH}/{at.settings.webhook_token.get_secret_value()}", {}
    stamp = str(int(time.time()))
    secret = at.settings.chatwoot_webhook_secret[0].get_secret_value().encode()
    digest = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return PATH, {"X-Chatwoot-Timestamp": stamp, "X-Chatwoot-Signature": f"sha256={digest}"}


def _through_nginx(domain: str, port: int) -> Post:
    def post(path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return ask_loopback(domain, port, path, method="POST", body=body, headers=headers)

    return post


OUTCOME = text("""
SELECT coalesce(t.rule, t.state) AS rule, (SELECT count(*) FROM part WHERE turn_id = t.id AND state = 'dropped') AS parts
FROM conversation c JOIN turn t ON t.conversation_id = c.id WHERE c.chatwoot_id = :number AND t.finished_at IS NOT NULL
""")


def _read_outcome(engine: Engine, number: int) -> tuple[str, int] | None:
    with engine.connect() as connection:
        row = connection.execute(OUTCOME, {"number": number}).first()
    return None if row is None else (row.rule, row.parts)


def _is_held(engine: Engine) -> bool:
    """A restored database answers nobody yet; check_answering tells of that."""
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT held_at IS NOT NULL FROM instance")).scalar())


REMOVE = (
    text("DELETE FROM conversation WHERE chatwoot_id = :number OR chatwoot_id BETWEEN :first AND :old"),
    text("""DELETE FROM webhook WHERE received_at > now() - interval '1 day'
         AND (conversation_chatwoot_id = :number OR conversation_chatwoot_id BETWEEN :first AND :old)"""),
    # the inbox of messages that name none; a late one of Chatwoot's makes it anew
    text("DELETE FROM inbox i WHERE chatwoot_id = 0 AND NOT EXISTS (SELECT FROM conversation WHERE inbox_id = i.id)"),
)


def remove_canaries(engine: Engine, number: int) -> None:
    """Nothing of this one stays, nor of those that a crash left: they are no customers, and count nowhere."""
    values = {"number": number, "first": CANARY_IDS, "old": number - LEFT_MS}
    for statement in REMOVE:
        with engine.begin() as connection:
            connection.execute(statement, values if ":number" in statement.text else {})
