"""A pretend Chatwoot on loopback: its API, its webhooks, its people, and faults to order. For tests and `flask simulate`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chatbot.pretend.api import Api
from chatbot.pretend.control import Control
from chatbot.pretend.faults import Fault, FaultPlan
from chatbot.pretend.history import History
from chatbot.pretend.people import People
from chatbot.pretend.state import AccountWebhook, AgentBot, Inbox, Message, User, World, parse_version
from chatbot.pretend.wire import Answer, HttpServer, Request

ACCOUNT_EVENTS = [
    "message_created",
    "message_updated",
    "conversation_created",
    "conversation_updated",
    "conversation_status_changed",
]


class PretendChatwoot(People):
    """An account with an administrator, an agent, an agent bot and one inbox. start() listens; stop() ends everything.

    outgoing_url: where the agent bot's webhooks go ("" sends none). The API is at `url`; the control API also at
    `control_url`, which stays up while the API is down. first_ids: of conversations, messages and contacts.
    """

    def __init__(  # noqa: PLR0913 - one name per option
        self,
        outgoing_url: str = "",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        version: str = "4.15.1",
        seed: int = 0,
        history_path: str | None = None,
        is_kept: bool = True,
        account_id: int = 1,
        inbox_id: int = 1,
        channel: str = "Channel::WebWidget",
        first_ids: tuple[int, int, int] = (1, 1001, 501),
        keeps_pending: bool = False,
        timeout_s: float = 5,
        retry_s: float = 3,
    ) -> None:
        world = World(account_id, version=parse_version(version), keeps_pending=keeps_pending)
        world.next_conversation, world.next_message, world.next_contact = first_ids
        super().__init__(world, History(history_path, is_kept=is_kept), FaultPlan(seed), timeout_s=timeout_s, retry_s=retry_s)
        self.bot = AgentBot(3, "Mostrador", outgoing_url)
        self.admin = User(7, "Marta Sol", "marta@tienda.example")
        self.agent = User(8, "Nico Mar", "nico@tienda.example", role="agent")
        world.bots[self.bot.id] = self.bot
        world.users = {self.admin.id: self.admin, self.agent.id: self.agent}
        self.inbox = Inbox(inbox_id, "Tienda", channel, self.bot.id)
        world.inboxes[inbox_id] = self.inbox
        self._api = Api(self)
        self._control = Control(self)
        self._server = HttpServer(self._handle, port, host)
        self._control_server = HttpServer(self._control.handle, control_port, host)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def control_url(self) -> str:
        return self._control_server.url

    def start(self, threads: int = 8) -> PretendChatwoot:
        self._server.listen()
        self._control_server.listen()
        self.hooks.start(threads)
        return self

    def stop(self) -> None:
        self.hooks.stop()
        self._server.close_listener()
        self._control_server.close_listener()
        self.history.close()

    def __enter__(self) -> PretendChatwoot:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _handle(self, request: Request) -> Answer:
        if request.path.startswith("/_control/"):
            return self._control.handle(request)
        return self._api.handle(request)

    def access(self) -> dict[str, Any]:
        """What the bot's settings need, by their names, and where to reach this."""
        return {
            "chatwoot_url": self.url,
            "chatwoot_account_id": self.world.account_id,
            "chatwoot_bot_token": self.bot.token,
            "chatwoot_access_token": self.admin.token,
            "chatwoot_webhook_secret": self.bot.secret,
            "control_url": self.control_url,
        }

    # --- going down and misbehaving ------------------------------------------------------------------------------

    def down(self) -> None:
        """Connections are refused until up()."""
        self.history.record("fault", where="api", kind="down")
        self._server.close_listener()

    def up(self) -> None:
        self._server.listen()
        self.history.record("up")

    def fault(self, where: str, kind: str, **facts: Any) -> None:
        """Adds one rule to the fault plan (faults.py)."""
        self.faults.add(Fault.from_json({"where": where, "kind": kind, **facts}))
        self.history.record("fault_set", where=where, kind=kind)

    def clear_faults(self, where: str | None = None) -> None:
        self.faults.clear(where)
        self.history.record("faults_cleared", where=where)

    def add_webhook(self, url: str, subscriptions: list[str] | None = None, secret: str | None = None) -> AccountWebhook:
        """An account webhook, told of messages and conversations unless said otherwise."""
        with self.world.lock:
            number = max(self.world.webhooks, default=0) + 1
            webhook = AccountWebhook(number, url, subscriptions or list(ACCOUNT_EVENTS))
            webhook.secret = secret or webhook.secret
            self.world.webhooks[number] = webhook
            return webhook

    # --- reading back --------------------------------------------------------------------------------------------

    def messages(self, conversation: int | None = None) -> list[Message]:
        with self.world.lock:
            if conversation is not None:
                found = self.world.conversations.get(conversation)
                return list(found.messages) if found else []
            return sorted(self.world.message_by_id.values(), key=lambda m: m.id)

    def replies(self, conversation: int | None = None, *, private: bool = False) -> list[Message]:
        """What bears our mark: public parts, or the private notes."""
        return [m for m in self.messages(conversation) if m.mark is not None and m.private == private]

    def status(self, conversation: int) -> str:
        return self.world.conversations[conversation].status

    def counts(self) -> dict[str, int]:
        with self.world.lock:
            replies = self.replies()
            return {
                "conversations": len(self.world.conversations),
                "messages": len(self.world.message_by_id),
                "replies": len(replies),
                "marks": len({m.mark for m in replies}),
                "hooks_waiting": self.hooks.waiting,
                "seq": self.history.seq,
            }

    def wait_until(self, is_done: Callable[[], bool], timeout_s: float = 10) -> bool:
        """Polls; True as soon as it is done, False at the time-out."""
        end = time.monotonic() + timeout_s
        while not is_done():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True
