"""Where customers come in: the website's chat, which needs no token, and contacts and conversations that the API makes."""

from __future__ import annotations

import secrets

from chatbot.pretend import payloads
from chatbot.pretend.people import People
from chatbot.pretend.state import User
from chatbot.pretend.wire import Answer, Request

OPEN_ROUTES = {
    ("GET", "/api"): "version",
    ("POST", "/api/v1/widget/config"): "widget_config",
    ("POST", "/api/v1/widget/conversations"): "widget_conversation",
}
ROUTES = (("POST", r"/contacts", "add_contact"), ("POST", r"/conversations", "add_conversation"))
MISSING = Answer(404, {"error": "Resource could not be found"})
MADE_BY_API = {"Channel::Api", "Channel::WebWidget"}


class Visitors:
    def __init__(self, desk: People) -> None:
        self.desk = desk
        self.world = desk.world

    def answer_open(self, endpoint: str, request: Request) -> Answer:
        """What anybody may ask."""
        if endpoint == "version":
            version = ".".join(map(str, self.world.version))
            return Answer(200, {"version": version, "queue_services": "ok", "data_services": "ok"})
        token = request.query.get("website_token")
        inbox = next((i for i in self.world.inboxes.values() if i.website_token == token), None)
        if inbox is None or inbox.channel != "Channel::WebWidget":
            return MISSING
        if endpoint == "widget_config":
            visitor = secrets.token_urlsafe(18)
            self.world.visitors[visitor] = inbox.id
            return Answer(200, {"website_channel_config": {"auth_token": visitor, "website_token": token}, "contact": {}})
        if self.world.visitors.get(request.headers.get("x-auth-token", "")) != inbox.id:
            return MISSING
        body = request.json()
        name, text = (body.get("contact") or {}).get("name"), (body.get("message") or {}).get("content")
        said = self.desk.customer(text, inbox=inbox.id, name=name or "silent-sun-12")
        conversation = self.world.conversations[said["conversation"]]
        shown = [payloads.message_push(self.world, conversation, m) for m in conversation.messages]
        return Answer(200, {"id": conversation.id, "inbox_id": inbox.id, "status": conversation.status, "messages": shown})

    def answer(self, endpoint: str, request: Request, caller: object) -> Answer:
        body = request.json()
        inbox = self.world.inboxes.get(int(body.get("inbox_id") or 0))
        if not isinstance(caller, User):
            return Answer(401, {"error": "Access to this endpoint is not authorized for bots"})
        if inbox is None:
            return MISSING
        if inbox.channel not in MADE_BY_API:
            return Answer(500, {"status": 500, "error": f"Unsupported operation for this channel: {inbox.channel}"})
        if endpoint == "add_contact":
            contact = self.world.add_contact(str(body.get("name")))
            there = {"contact": payloads.contact_brief(contact), "contact_inbox": {"source_id": contact.source_id}}
            return Answer(200, {"payload": there})
        found = self.world.contacts.get(int(body.get("contact_id") or 0))
        if found is None:
            return MISSING
        conversation = self.world.add_conversation(inbox, found, self.desk.history.now())
        self.desk.tell_conversation(conversation, "conversation_created")
        return Answer(200, payloads.conversation_answer(self.world, conversation))
