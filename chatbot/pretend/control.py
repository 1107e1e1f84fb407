"""The control API, for other processes: what people do, faults, and everything that was posted. JSON below /_control/."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chatbot.pretend.faults import Fault
from chatbot.pretend.wire import Answer, Request

if TYPE_CHECKING:
    from chatbot.pretend.chatwoot import PretendChatwoot

ACTS = {
    "customer", "customer_many", "press", "inject", "agent_reply", "note", "take_over", "assign", "set_status", "resolve",
    "hand_back", "delete_message", "set_message_status", "edit", "set_can_reply", "set_blocked", "add_inbox",
    "fault", "clear_faults", "down", "up",
}  # fmt: skip


class Control:
    """POST /_control/<act> takes the method's arguments by name and answers {"result": ...}."""

    def __init__(self, pretend: PretendChatwoot) -> None:
        self._pretend = pretend

    def handle(self, request: Request) -> Answer:
        name = request.path.removeprefix("/_control/").rstrip("/")
        try:
            if request.method == "GET":
                return self._read(name, request.query)
            return Answer(200, {"result": self._act(name, request.json())})
        except (KeyError, TypeError, ValueError) as e:
            return Answer(422, {"error": f"{e.__class__.__name__}: {e}"})

    def _act(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == "faults":
            self._pretend.faults.add(*(Fault.from_json(f) for f in arguments["faults"]))
            return len(self._pretend.faults.listed())
        if name == "configure":
            return self._configure(arguments)
        if name not in ACTS:
            raise ValueError(f"no act {name!r}; there are {', '.join(sorted(ACTS))}")
        return getattr(self._pretend, name)(**arguments)

    def _configure(self, values: dict[str, Any]) -> dict[str, Any]:
        """Changes what is fixed in a real one: outgoing_url, may_list, keeps_pending, auto_assign_to, the minute's limit."""
        pretend = self._pretend
        places: dict[str, tuple[object, str]] = {
            "outgoing_url": (pretend.bot, "outgoing_url"),
            "deliver_to": (pretend.bot, "deliver_to"),
            "may_list": (pretend.admin, "may_list"),
            "keeps_pending": (pretend.world, "keeps_pending"),
            "max_messages_per_minute": (pretend.world, "max_messages_per_minute"),
            "auto_assign_to": (pretend, "auto_assign_to"),
        }
        for name, value in values.items():
            place, attribute = places[name]
            setattr(place, attribute, value)
        return values

    def _read(self, name: str, query: dict[str, str]) -> Answer:
        pretend = self._pretend
        number = int(query["conversation"]) if "conversation" in query else None
        if name == "messages":
            return Answer(200, [{**asdict(m), "mark": m.mark} for m in pretend.messages(number)])
        if name == "conversations":
            with pretend.world.lock:
                return Answer(200, [_brief(c) for c in pretend.world.conversations.values() if number in (None, c.id)])
        if name == "history":
            return Answer(200, pretend.history.lines(int(query.get("after", 0))))
        if name == "faults":
            return Answer(200, [f.to_json() for f in pretend.faults.listed()])
        if name == "stats":
            return Answer(200, pretend.counts())
        if name == "access":
            return Answer(200, pretend.access())
        return Answer(404, {"error": f"nothing to read at {name!r}"})


def _brief(conversation: Any) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "inbox": conversation.inbox.id,
        "contact": conversation.contact.id,
        "status": conversation.status,
        "assignee": conversation.assignee,
        "team": conversation.team_id,
        "labels": list(conversation.labels),
        "priority": conversation.priority,
        "can_reply": conversation.can_reply,
        "custom_attributes": conversation.custom_attributes,
    }


class Remote:
    """The control API of a pretend Chatwoot in another process: remote.act("customer", text="hola"), remote.read("stats")."""

    def __init__(self, control_url: str, timeout_s: float = 30) -> None:
        self.control_url = control_url.rstrip("/")
        self._timeout_s = timeout_s

    def act(self, name: str, /, **arguments: Any) -> Any:
        return self._call("POST", name, json.dumps(arguments).encode())["result"]

    def read(self, name: str, **query: Any) -> Any:
        return self._call("GET", name + "?" + "&".join(f"{k}={v}" for k, v in query.items()), None)

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(f"{self.control_url}/_control/{path}", body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
            return json.load(answer)
