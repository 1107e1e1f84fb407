"""The pretend Chatwoot's API: who may call what, and the exact answers. Faults strike here before, around or after the work."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatbot.pretend import admin, help_center, payloads, visitors
from chatbot.pretend.faults import Fault
from chatbot.pretend.people import People
from chatbot.pretend.state import INCOMING, OUTGOING, STATUSES, AgentBot, Conversation, Message, Sender, User, render_liquid
from chatbot.pretend.wire import Answer, Request

Caller = AgentBot | User
NOT_FOUND = Answer(404, {"error": "Resource could not be found"})
BAD_TOKEN = Answer(401, {"error": "Invalid Access Token"})
NO_TOKEN = Answer(401, {"errors": ["You need to sign in or sign up before continuing."]})
NOT_FOR_BOTS = Answer(401, {"error": "Access to this endpoint is not authorized for bots"})
NOT_ALLOWED = Answer(401, {"error": "You are not authorized to do this action"})
MAX_CHARS = 150_000
PAGE = 25
FILES = "/rails/active_storage/"

# (method, path within the account) -> endpoint; "c" is the conversation's display id
ROUTES = [
    (method, re.compile(f"{pattern}/?"), name)
    for method, pattern, name in (
        ("POST", r"/conversations/(?P<c>\d+)/messages", "post_message"),
        ("GET", r"/conversations/(?P<c>\d+)/messages", "get_messages"),
        ("GET", r"/conversations/(?P<c>\d+)", "get_conversation"),
        ("POST", r"/conversations/(?P<c>\d+)/toggle_status", "toggle_status"),
        ("POST", r"/conversations/(?P<c>\d+)/toggle_typing_status", "typing"),
        ("POST", r"/conversations/(?P<c>\d+)/toggle_priority", "priority"),
        ("POST", r"/conversations/(?P<c>\d+)/assignments", "assignments"),
        ("GET", r"/conversations/(?P<c>\d+)/labels", "get_labels"),
        ("POST", r"/conversations/(?P<c>\d+)/labels", "labels"),
        ("POST", r"/conversations/(?P<c>\d+)/custom_attributes", "custom_attributes"),
        ("GET", r"/conversations", "list"),
        ("GET", r"/contacts/(?P<id>\d+)/labels", "contact_labels"),
        ("POST", r"/conversations/filter", "filter"),
        *admin.ROUTES,
        *help_center.ROUTES,
        *visitors.ROUTES,
    )
]
# from which release a bot's token may call it; a missing name: never
BOT_MAY: dict[str, tuple[int, ...]] = {
    "post_message": (0,), "toggle_status": (0,), "priority": (0,), "assignments": (0,), "custom_attributes": (4, 2),
    "typing": (4, 12), "get_conversation": (4, 14, 2), "get_labels": (4, 14, 2), "labels": (4, 14, 2),
}  # fmt: skip


@dataclass(slots=True)
class Call:
    """One API call on its way. age_s: how old the state is that a read shows."""

    endpoint: str
    request: Request
    caller: Caller
    number: int
    conversation: Conversation | None
    path_id: int | None
    age_s: float = 0.0

    @property
    def sender(self) -> Sender:
        return ("AgentBot" if isinstance(self.caller, AgentBot) else "User", self.caller.id)


class Api:
    """handle() answers every request below /api."""

    def __init__(self, desk: People) -> None:
        self.desk = desk
        self.world = desk.world
        self._numbers = itertools.count(1)
        self._prefix = f"/api/v1/accounts/{self.world.account_id}"
        self._work: dict[str, Callable[[Call], Answer]] = {
            name: getattr(self, f"_{name}")
            for name in (
                "post_message", "get_messages", "get_conversation", "toggle_status", "typing", "priority", "assignments",
                "get_labels", "labels", "custom_attributes", "list", "filter", "contact_labels",
            )
        }  # fmt: skip
        self._admin = admin.Admin(desk)
        self._visitors = visitors.Visitors(desk)

    def handle(self, request: Request) -> Answer:
        if request.path.startswith(FILES):
            return self._send_file(request)
        endpoint, found = self._route(request)
        number = next(self._numbers)
        number_c = int(found["c"]) if "c" in found else None
        body = request.json() if endpoint == "post_message" else {}
        if endpoint == "post_message":
            attributes = body.get("content_attributes")
            mark = attributes.get("mostrador") if isinstance(attributes, dict) else None
            is_private = bool(body.get("private"))
            self.desk.history.record("post_received", request=number, conversation=number_c, mark=mark, private=is_private)
        elif endpoint == "toggle_status":
            status = request.json().get("status")
            self.desk.history.record("toggle_received", request=number, conversation=number_c, status=status)
        struck = self.desk.faults.draw(endpoint, "api", conversation=number_c, private=bool(body.get("private")))
        answer = self._suffer(struck, lambda age_s: self._answer(endpoint, request, number, found, age_s), number_c, number)
        if endpoint == "post_message":
            status = answer.status if not answer.ending else None
            self.desk.history.record("post_answered", request=number, conversation=number_c, status=status)
        return answer

    def _send_file(self, request: Request) -> Answer:
        """As Active Storage does: the blob's address redirects to where the bytes are, and needs no token."""
        where, _, rest = request.path.removeprefix(FILES).partition("/")
        token = rest.removeprefix("redirect/").split("/")[0]
        file = self.world.files.get(token)
        if file is None or self.desk.faults.draw("file", "api"):
            return NOT_FOUND if file is None else Answer(ending="close")
        file.asked.append(request.headers)
        if where == "blobs" and file.leads_to:
            disk = f"{FILES}disk/{token}/{file.name}"
            return Answer(302, headers={"Location": disk if file.leads_to == "disk" else file.leads_to})
        return Answer(200, file.content, headers={"Content-Type": file.media_type})

    def _route(self, request: Request) -> tuple[str, dict[str, str]]:
        if name := visitors.OPEN_ROUTES.get((request.method, request.path.rstrip("/"))):
            return name, {}
        if request.path.rstrip("/") == "/api/v1/profile":
            return "profile", {}
        if request.path.startswith(self._prefix + "/"):
            path = request.path[len(self._prefix) :]
            for method, pattern, name in ROUTES:
                if method == request.method and (match := pattern.fullmatch(path)):
                    return name, match.groupdict()
        return "", {}

    def _suffer(self, struck: list[Fault], work: Callable[[float], Answer], conversation: int | None, number: int) -> Answer:
        age_s = 0.0
        for fault in struck:
            self.desk.history.record("fault", where=fault.where, kind=fault.kind, conversation=conversation, request=number)
            if fault.kind == "stale":
                age_s = fault.age_s
                continue
            if fault.kind in ("latency", "late", "hang"):
                time.sleep(fault.delay_s)
            if fault.kind in ("status_after", "late", "reset"):
                work(age_s)
            if fault.kind in ("status", "status_after"):
                return Answer(fault.status, {"error": "fault ordered"})
            if fault.kind != "latency":
                return Answer(ending="reset" if fault.kind == "reset" else "close")
        return work(age_s)

    def _caller(self, request: Request) -> Caller | None:
        token = request.headers.get("api-access-token") or request.headers.get("api_access_token") or ""
        people: list[Caller] = [*self.world.bots.values(), *self.world.users.values()]
        return next((p for p in people if token and p.token == token), None)

    def _answer(self, endpoint: str, request: Request, number: int, found: dict[str, str], age_s: float) -> Answer:
        if endpoint in visitors.OPEN_ROUTES.values():
            with self.world.lock:
                return self._visitors.answer_open(endpoint, request)
        caller = self._caller(request)
        if caller is None:
            has_one = "api-access-token" in request.headers or "api_access_token" in request.headers
            return BAD_TOKEN if has_one else NO_TOKEN
        if not endpoint:
            return NOT_FOUND
        if isinstance(caller, AgentBot) and not (endpoint in BOT_MAY and self.world.version >= BOT_MAY[endpoint]):
            return NOT_FOR_BOTS
        with self.world.lock:
            conversation = self.world.conversations.get(int(found["c"])) if "c" in found else None
            if "c" in found and conversation is None:
                return NOT_FOUND
            call = Call(endpoint, request, caller, number, conversation, int(found["id"]) if "id" in found else None, age_s)
            if endpoint in self._work:
                return self._work[endpoint](call)
            if endpoint in {"add_contact", "add_conversation"}:
                return self._visitors.answer(endpoint, request, caller)
            if endpoint in help_center.ENDPOINTS:
                return help_center.answer(self.world.portals, request)
            return self._admin.answer(endpoint, request, caller, call.path_id)

    # --- messages ------------------------------------------------------------------------------------------------

    def _post_message(self, call: Call) -> Answer:
        conversation, body = _conversation(call), call.request.json()
        content = body.get("content")
        is_incoming = body.get("message_type") == "incoming"
        problem = _refuse_message(content, is_incoming, conversation)
        if problem is None and self.desk.is_flooded(conversation):
            problem = "Too many messages"
        if problem is not None:
            return Answer(422, {"error": problem})
        if isinstance(content, str) and not is_incoming:
            content = render_liquid(content, conversation.contact)
        attributes = body.get("content_attributes")
        message = self.desk.store_post(
            conversation,
            _sender(call, body, is_incoming),
            call.number,
            content=content,
            message_type=INCOMING if is_incoming else OUTGOING,
            private=bool(body.get("private")),
            content_type=body.get("content_type") or "text",
            content_attributes=attributes if isinstance(attributes, dict) else {},
            source_id=body.get("source_id"),
        )
        return Answer(200, payloads.message_answer(self.world, message, body.get("echo_id")))

    def _get_messages(self, call: Call) -> Answer:
        if isinstance(call.caller, User) and not call.caller.may_list:
            return NOT_ALLOWED
        conversation, as_of = _conversation(call), self._as_of(call)
        after, before = _number(call.request.query.get("after")), _number(call.request.query.get("before"))
        found = _select(conversation, as_of, after, before)
        self._looked(call, "messages")
        return Answer(200, payloads.messages_answer(self.world, conversation, found))

    def _get_conversation(self, call: Call) -> Answer:
        self._looked(call, "conversation")
        return Answer(200, payloads.conversation_answer(self.world, _conversation(call), self._as_of(call)))

    def _as_of(self, call: Call) -> float | None:
        return self.desk.history.now() - call.age_s if call.age_s else None

    def _looked(self, call: Call, what: str) -> None:
        """seen_t, of a stale answer only: the moment whose state it shows."""
        number = call.conversation.id if call.conversation else None
        stale = {"seen_t": self.desk.history.now() - call.age_s} if call.age_s else {}
        self.desk.history.record("look_answered", request=call.number, conversation=number, what=what, **stale)

    def _list(self, call: Call) -> Answer:
        query = call.request.query
        within = _number(query.get("updated_within"))
        found = self._chosen(query.get("status", "open"), _number(query.get("inbox_id")), within)
        if within is None:
            page = max(_number(query.get("page")) or 1, 1)
            found = found[(page - 1) * PAGE : page * PAGE]
        counts = {"mine_count": 0, "assigned_count": 0, "unassigned_count": len(found), "all_count": len(found)}
        self._looked(call, "list")
        listed = [payloads.conversation_answer(self.world, c, self._as_of(call)) for c in found]
        return Answer(200, {"data": {"meta": counts, "payload": listed}})

    def _filter(self, call: Call) -> Answer:
        wanted = {q.get("attribute_key"): q.get("values", []) for q in call.request.json().get("payload", [])}
        statuses = [str(s) for s in wanted.get("status", ["all"])]
        inboxes = [int(i) for i in wanted.get("inbox_id", [])]
        found = [c for c in self._chosen("all", None, None) if "all" in statuses or c.status in statuses]
        found = [c for c in found if not inboxes or c.inbox.id in inboxes]
        page = max(_number(call.request.query.get("page")) or 1, 1)
        self._looked(call, "list")
        listed = [payloads.conversation_answer(self.world, c) for c in found[(page - 1) * PAGE : page * PAGE]]
        return Answer(200, {"meta": {"all_count": len(found)}, "payload": listed})

    def _chosen(self, status: str, inbox_id: int | None, within_s: int | None) -> list[Conversation]:
        now = self.desk.history.now()
        found = [
            c
            for c in self.world.conversations.values()
            if status in ("all", c.status)
            and inbox_id in (None, c.inbox.id)
            and (within_s is None or c.updated_at >= now - within_s)
        ]
        return sorted(found, key=lambda c: c.last_activity_at, reverse=True)

    # --- state ---------------------------------------------------------------------------------------------------

    def _toggle_status(self, call: Call) -> Answer:
        conversation, before = _conversation(call), _conversation(call).status
        status = call.request.json().get("status") or ("resolved" if before == "open" else "open")
        if status not in STATUSES:
            return Answer(422, {"error": f"'{status}' is not a valid status"})
        self.desk.change_status(conversation, status, "bot")
        if status == "open" and isinstance(call.caller, User) and call.caller.role == "agent":
            self.desk.change_assignee(conversation, ("User", call.caller.id), "system")
        success = None if isinstance(call.caller, AgentBot) and (before, status) == ("pending", "open") else True
        payload = {"success": success, "conversation_id": conversation.id, "current_status": status, "snoozed_until": None}
        return Answer(200, {"meta": {}, "payload": payload})

    def _typing(self, call: Call) -> Answer:
        conversation, status = _conversation(call), call.request.json().get("typing_status")
        self.desk.history.record("typing", conversation=conversation.id, status=status)
        if status in ("on", "off"):
            event = f"conversation_typing_{status}"
            self.desk.tell(event, payloads.typing_event(self.world, conversation, call.sender, event), conversation)
        return Answer(200)

    def _priority(self, call: Call) -> Answer:
        self.desk.change_priority(_conversation(call), call.request.json().get("priority"), "bot")
        return Answer(200)

    def _assignments(self, call: Call) -> Answer:
        conversation, body = _conversation(call), call.request.json()
        if "team_id" in body:
            self.desk.change_team(conversation, _number(body["team_id"]), "bot")
            return Answer(200, {"id": conversation.team_id} if conversation.team_id else None)
        number = _number(body.get("assignee_id"))
        is_bot = body.get("assignee_type") == "AgentBot" and self.world.is_at_least(4, 8)
        known: Any = self.world.bots if is_bot else self.world.users
        who: Sender = ("AgentBot" if is_bot else "User", number) if number is not None and number in known else None
        self.desk.change_assignee(conversation, who, "bot")
        return Answer(200, payloads.person(self.world, who))

    def _get_labels(self, call: Call) -> Answer:
        return Answer(200, {"payload": list(_conversation(call).labels)})

    def _labels(self, call: Call) -> Answer:
        self.desk.change_labels(_conversation(call), [str(v) for v in call.request.json().get("labels") or []], "bot")
        return self._get_labels(call)

    def _contact_labels(self, call: Call) -> Answer:
        contact = self.world.contacts.get(call.path_id or 0)
        return Answer(200, {"payload": list(contact.labels)}) if contact else Answer(404, {"error": "not found"})

    def _custom_attributes(self, call: Call) -> Answer:
        conversation = _conversation(call)
        conversation.custom_attributes = dict(call.request.json().get("custom_attributes") or {})
        self.desk.tell_updated(conversation)
        return Answer(200, {"custom_attributes": conversation.custom_attributes})


def _conversation(call: Call) -> Conversation:
    if call.conversation is None:
        raise LookupError("routed without a conversation")
    return call.conversation


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _refuse_message(content: Any, is_incoming: bool, conversation: Conversation) -> str | None:
    """Why this post isn't taken, as Chatwoot says it; None where it is."""
    if is_incoming and conversation.inbox.channel != "Channel::Api":
        return "Incoming messages are only allowed in Api inboxes"
    if content is not None and not isinstance(content, str):
        return "Content is invalid"
    if content is not None and len(content) > MAX_CHARS:
        return f"Validation failed: Content is too long (maximum is {MAX_CHARS} characters)"
    return None


def _sender(call: Call, body: dict[str, Any], is_incoming: bool) -> Sender:
    """A user's token may speak for a bot."""
    if is_incoming:
        return ("Contact", _conversation(call).contact.id)
    if isinstance(call.caller, User) and body.get("sender_type") == "AgentBot":
        number = _number(body.get("sender_id"))
        if number is not None:
            return ("AgentBot", number)
    return call.sender


def _select(conversation: Conversation, as_of: float | None, after: int | None, before: int | None) -> list[Message]:
    """Chatwoot's paging: newest 20; 20 before an id; 100 after one; 1,000 from `after` to below `before`."""
    if after is not None and before is not None:
        return [m for m in conversation.messages_after(after - 1, as_of) if m.id < before][:1000]
    if after is not None:
        return conversation.messages_after(after, as_of)[:100]
    seen = conversation.seen_messages(as_of)
    return ([m for m in seen if m.id < before] if before is not None else seen)[-20:]
