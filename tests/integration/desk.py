"""The whole path in this process: a test client for webhooks, the pretend Chatwoot, and work() instead of a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acceptance.box import CONTENT
from flask import Flask
from sqlalchemy import Engine, text

from chatbot import queue
from chatbot.answer import answer
from chatbot.bodies import Body
from chatbot.content import publish, save_drafts
from chatbot.db import db
from chatbot.llm import Means
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.hooks import sign
from chatbot.pretend.state import Conversation, Inbox
from chatbot.settings import Settings

SECRET = "the-webhooks-secret"
WORKER = 7


class Desk:
    """account_id, inbox_ids: what is ours. post() answers the status; work() answers all that is due."""

    def __init__(
        self, app: Flask, pretend: PretendChatwoot, account_id: int | None, inbox_ids: tuple[int, ...],
        content: Sequence[Body] = CONTENT,
    ) -> None:  # fmt: skip
        self.app, self.pretend = app, pretend
        access = pretend.access()
        self.settings = Settings(
            chatwoot_url=access["chatwoot_url"],
            chatwoot_account_id=account_id,
            chatwoot_inbox_id=inbox_ids,
            chatwoot_bot_token=access["chatwoot_bot_token"],
            chatwoot_access_token=access["chatwoot_access_token"],
            chatwoot_webhook_secret=(SECRET,),  # type: ignore[arg-type]
            mode="live",
            debounce_seconds=0,
            fresh_s=7 * 86_400,
        )
        app.extensions["mostrador_settings"] = lambda: self.settings
        with app.app_context():
            self.engine: Engine = db.engine
        with self.engine.begin() as connection:
            save_drafts(connection, content, "test")
            publish(connection, "test")

    def clear(self) -> None:
        """Forgets all conversations, here and there."""
        with self.engine.begin() as connection:
            connection.execute(text("TRUNCATE conversation, contact, inbox, message, turn, part, action, webhook CASCADE"))
        world = self.pretend.world
        with world.lock:
            for memory in (world.conversations, world.message_by_id, world.newest_of_contact, world.contacts):
                memory.clear()
        self.pretend.history.lines().clear()

    def post(self, body: bytes | dict[str, Any], *, secret: str = SECRET, **headers: str) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        stamp = str(int(time.time()))
        signed = {"X-Chatwoot-Timestamp": stamp, "X-Chatwoot-Signature": sign(secret, stamp, raw), **headers}
        return self.app.test_client().post("/webhooks/chatwoot", data=raw, headers=signed).status_code

    def work(self) -> list[str]:
        """Claims and answers until nothing is due. Returns the outcomes."""
        outcomes = []
        while True:
            with self.engine.begin() as connection:
                leases = queue.claim(connection, WORKER, self.settings, 20)
            if not leases:
                return outcomes
            outcomes += [answer(Means(self.engine, self.settings), lease) for lease in leases]

    def stand(self, payload: dict[str, Any]) -> Conversation | None:
        """Gives the pretend Chatwoot the conversation that a payload is about, as the payload shows it."""
        given = payload.get("conversation") or (payload if "meta" in payload else {})
        if not given.get("id"):
            return None
        world = self.pretend.world
        inbox = world.inboxes.setdefault(
            given["inbox_id"], Inbox(given["inbox_id"], "Tienda", given.get("channel") or "Channel::Api", self.pretend.bot.id)
        )
        world.next_conversation = given["id"]
        found = world.add_conversation(inbox, world.add_contact("Lucía Peña"), time.time())
        assignee = (given.get("meta") or {}).get("assignee")
        found.status = given.get("status") or "pending"
        found.can_reply = given.get("can_reply") is not False
        if assignee and (given["meta"].get("assignee_type") or "User") == "User":
            found.assignee = ("User", self.pretend.agent.id)
        found.note_standing(time.time())
        return found

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(r) for r in connection.execute(text(statement), values).mappings()]


def read_payloads(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}
