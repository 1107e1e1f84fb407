"""The bound of the acknowledgement: a Flask view that does the same writes in one statement, and little else."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from typing import Any

import psycopg
from flask import Flask, request

STORE = """
WITH c AS (
  INSERT INTO conversation (chatwoot_id, inbox_id, status, in_seq, answer_due_at)
  VALUES (%(conversation)s, (SELECT id FROM inbox WHERE chatwoot_id = %(inbox)s), %(status)s, 1, now() + interval '6 seconds')
  ON CONFLICT (chatwoot_id) DO UPDATE SET in_seq = conversation.in_seq + 1, answer_due_at = excluded.answer_due_at,
    status = excluded.status, updated_at = now()
  RETURNING id, in_seq
), m AS (
  INSERT INTO message (conversation_id, chatwoot_id, seq, author, text, sent_at)
  SELECT id, %(message)s, in_seq, 'customer', %(text)s, %(sent_at)s FROM c ON CONFLICT DO NOTHING
)
INSERT INTO webhook (delivery, event, conversation_chatwoot_id, outcome, body)
VALUES (%(delivery)s, %(event)s, %(conversation)s, 'input', %(body)s)
"""


def make_app() -> Flask:
    app = Flask(__name__, static_folder=None)
    url = os.environ["DATABASE_URL"].replace("+psycopg", "")
    secret = os.environ["CHATWOOT_WEBHOOK_SECRET"].encode()
    own = threading.local()

    @app.get("/")
    def ready() -> str:
        return "ok"

    @app.post("/webhooks/chatwoot")
    def store() -> tuple[dict[str, Any], int]:
        body = request.get_data()
        stamp = request.headers.get("X-Chatwoot-Timestamp", "").encode()
        wanted = "sha256=" + hmac.new(secret, stamp + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, request.headers.get("X-Chatwoot-Signature", "")):
            return {"error": "not authorized"}, 401
        if not hasattr(own, "connection"):
            own.connection = psycopg.connect(url, autocommit=True)
        own.connection.execute(STORE, _values(body, request.headers.get("X-Chatwoot-Delivery")), prepare=True)
        return {"meaning": "input"}, 200

    return app


def _values(body: bytes, delivery: str | None) -> dict[str, Any]:
    event = json.loads(body)
    return {
        "conversation": event["conversation"]["id"],
        "inbox": event["inbox"]["id"],
        "status": event["conversation"]["status"],
        "message": event["id"],
        "text": event["content"],
        "sent_at": event["created_at"],
        "delivery": delivery,
        "event": event["event"],
        "body": body,
    }
