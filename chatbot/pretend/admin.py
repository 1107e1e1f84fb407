"""The account's own endpoints of the pretend API: profile, agent bots, inboxes, account webhooks. A bot's token opens none."""

from __future__ import annotations

from typing import Any

from chatbot.pretend import payloads
from chatbot.pretend.desk import Desk
from chatbot.pretend.state import AccountWebhook, AgentBot, User
from chatbot.pretend.wire import Answer, Request

ROUTES = (
    ("GET", r"/agent_bots", "list_bots"),
    ("POST", r"/agent_bots", "add_bot"),
    ("GET", r"/agent_bots/(?P<id>\d+)", "show_bot"),
    ("PATCH", r"/agent_bots/(?P<id>\d+)", "change_bot"),
    ("GET", r"/inboxes", "list_inboxes"),
    ("GET", r"/inboxes/(?P<id>\d+)", "show_inbox"),
    ("GET", r"/inboxes/(?P<id>\d+)/agent_bot", "inbox_bot"),
    ("POST", r"/inboxes/(?P<id>\d+)/set_agent_bot", "set_inbox_bot"),
    ("GET", r"/captain/assistants", "captain"),
    ("GET", r"/captain/assistants/(?P<id>\d+)/inboxes", "captain_inboxes"),
    ("GET", r"/webhooks", "list_webhooks"),
    ("POST", r"/webhooks", "add_webhook"),
    ("DELETE", r"/webhooks/(?P<id>\d+)", "remove_webhook"),
)
ADMINISTRATORS = {"add_bot", "change_bot", "set_inbox_bot", "list_webhooks", "add_webhook", "remove_webhook"}
MISSING = Answer(404, {"error": "Resource could not be found"})
FORBIDDEN = Answer(401, {"error": "You are not authorized to do this action"})


class Admin:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.world = desk.world

    def answer(self, endpoint: str, request: Request, caller: AgentBot | User, number: int | None) -> Answer:
        if not isinstance(caller, User) or (endpoint in ADMINISTRATORS and caller.role != "administrator"):
            return FORBIDDEN
        if endpoint == "profile":
            return Answer(200, self._profile(caller))
        if "captain" in endpoint:
            return self._captain(endpoint)
        if "bot" in endpoint:
            return self._bots(endpoint, request.json(), caller, number)
        if "inbox" in endpoint:
            return self._inboxes(number)
        return self._webhooks(endpoint, request.json(), number)

    def _profile(self, user: User) -> dict[str, Any]:
        account = {"id": self.world.account_id, "name": self.world.account_name, "status": "active", "role": user.role}
        return {
            "id": user.id,
            "uid": user.email,
            "name": user.name,
            "email": user.email,
            "account_id": self.world.account_id,
            "role": user.role,
            "access_token": user.token,
            "accounts": [account],
        }

    def _bot(self, bot: AgentBot, user: User) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": bot.id,
            "name": bot.name,
            "description": bot.description,
            "outgoing_url": bot.outgoing_url,
            "bot_type": "webhook",
            "bot_config": {},
            "account_id": self.world.account_id,
            "system_bot": False,
        }
        if user.role == "administrator":
            shown["access_token"] = bot.token
            if self.world.is_at_least(4, 13):
                shown["secret"] = bot.secret
        return shown

    def _bots(self, endpoint: str, body: dict[str, Any], user: User, number: int | None) -> Answer:
        bots = self.world.bots
        if endpoint == "list_bots":
            return Answer(200, [self._bot(b, user) for b in bots.values()])
        if endpoint == "add_bot":
            added = AgentBot(max(bots, default=0) + 1, str(body.get("name")), str(body.get("outgoing_url")))
            bots[added.id] = added
            return Answer(200, self._bot(added, user))
        if endpoint in ("inbox_bot", "set_inbox_bot"):
            return self._inbox_bot(endpoint, body, user, number)
        bot = bots.get(number or 0)
        if bot is None:
            return MISSING
        for name in ("name", "description", "outgoing_url"):
            if endpoint == "change_bot" and name in body:
                setattr(bot, name, body[name])
        return Answer(200, self._bot(bot, user))

    def _inbox_bot(self, endpoint: str, body: dict[str, Any], user: User, number: int | None) -> Answer:
        inbox = self.world.inboxes.get(number or 0)
        if inbox is None:
            return MISSING
        if endpoint == "set_inbox_bot":
            chosen = body.get("agent_bot")
            if chosen is not None and chosen not in self.world.bots:
                return MISSING
            inbox.bot_id = chosen
            return Answer(200)
        bot = self.world.bots.get(inbox.bot_id or 0)
        return Answer(200, {"agent_bot": self._bot(bot, user) if bot else {}})

    def _inboxes(self, number: int | None) -> Answer:
        if number is None:
            return Answer(200, {"payload": [payloads.inbox_answer(i) for i in self.world.inboxes.values()]})
        inbox = self.world.inboxes.get(number)
        return Answer(200, payloads.inbox_answer(inbox)) if inbox else MISSING

    def _captain(self, endpoint: str) -> Answer:
        """The paid editions' own AI: where none has it, the community edition, which has no such address."""
        found = [i for i in self.world.inboxes.values() if i.has_captain]
        if not found:
            return MISSING
        listed = [{"id": 1, "name": "Captain"}] if endpoint == "captain" else [payloads.inbox_answer(i) for i in found]
        return Answer(200, {"payload": listed, "meta": {"total_count": len(listed), "page": 1}})

    def _webhooks(self, endpoint: str, body: dict[str, Any], number: int | None) -> Answer:
        webhooks = self.world.webhooks
        if endpoint == "list_webhooks":
            return Answer(200, {"payload": {"webhooks": [self._webhook(w) for w in webhooks.values()]}})
        if endpoint == "remove_webhook":
            return Answer(200) if webhooks.pop(number or 0, None) else MISSING
        wanted = body.get("webhook") or {}
        if any(w.url == wanted.get("url") for w in webhooks.values()):
            return Answer(422, {"message": "Url has already been taken", "attributes": ["url"]})
        added = AccountWebhook(max(webhooks, default=0) + 1, str(wanted.get("url")), list(wanted.get("subscriptions") or []))
        webhooks[added.id] = added
        return Answer(200, {"payload": {"webhook": self._webhook(added)}})

    def _webhook(self, webhook: AccountWebhook) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": webhook.id,
            "url": webhook.url,
            "account_id": self.world.account_id,
            "subscriptions": webhook.subscriptions,
        }
        if self.world.is_at_least(4, 12):
            shown["secret"] = webhook.secret
        return shown
