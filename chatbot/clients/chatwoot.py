"""Chatwoot's API, as far as the bot calls it. Every call has a time-out; failures say whether Chatwoot may have acted.

Source: Chatwoot 4.15 application API; headers and rights as in docs/chatwoot.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from chatbot.deadline import deadline, limit
from chatbot.errors import ChatwootError

PAGE = 100
POOL_WAIT_S = 1.0
LIST_S = 120.0
LIST_BYTES = 100_000_000
MAX_PAGES = 50
SURE_REFUSALS = frozenset(range(400, 500)) - {408, 422, 429}


class Chatwoot:
    """One account's API with a token to read and a token to write. Safe to share between threads."""

    def __init__(
        self, url: str, account_id: int, *, read_token: str, write_token: str, connect_s: float, total_s: float
    ) -> None:
        timeout = httpx2.Timeout(total_s, connect=min(connect_s, total_s), pool=min(POOL_WAIT_S, total_s))
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=64)
        self._http = limit(httpx2.Client(base_url=f"{url}/api/v1/accounts/{account_id}", timeout=timeout, limits=limits))
        self._total_s = total_s
        self._read = {"Api-Access-Token": read_token}
        self._write = {"Api-Access-Token": write_token}

    def get_conversation(self, conversation: int) -> dict[str, Any]:
        found = self._get(f"/conversations/{conversation}")
        if not isinstance(found, dict) or not isinstance(found.get("id"), int):
            raise ChatwootError("the answer isn't a conversation")
        return found

    def get_messages_after(self, conversation: int, after: int) -> list[dict[str, Any]]:
        """Every message with an id above `after`, oldest first: a complete read, or an error."""
        found: list[dict[str, Any]] = []
        for _ in range(MAX_PAGES):
            page = self._get_messages(conversation, {"after": str(after)})
            page = [m for m in page if m["id"] > after]
            found += page
            if len(page) < PAGE:
                return found
            after = max(m["id"] for m in page)
        raise ChatwootError(f"more than {MAX_PAGES * PAGE} messages after {after} in conversation {conversation}")

    def get_messages_before(self, conversation: int, before: int | None = None) -> list[dict[str, Any]]:
        """The newest 20 messages, or the 20 before an id; oldest first."""
        return self._get_messages(conversation, {"before": str(before)} if before else {})

    def get_contact_labels(self, contact: int) -> list[str]:
        """Only a person's token may ask. Raises ChatwootError."""
        found = self._get(f"/contacts/{contact}/labels")
        labels = found.get("payload") if isinstance(found, dict) else None
        return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []

    def get_updated_conversations(self, within_s: int) -> list[dict[str, Any]]:
        """Conversations that changed in the last `within_s` seconds, unpaged."""
        with deadline(LIST_S, LIST_BYTES):  # after a long absence this is a large answer
            found = self._get("/conversations", {"status": "all", "updated_within": str(within_s)})
        inner = found.get("data") if isinstance(found, dict) else None
        return _read_list(inner if isinstance(inner, dict) else found)

    def get_agent_bots(self) -> list[dict[str, Any]]:
        """The account's agent bots; only administrators' tokens may. Raises ChatwootError."""
        found = self._get("/agent_bots")
        return found if isinstance(found, list) else []

    def get_inbox_bot(self, inbox: int) -> dict[str, Any] | None:
        """The agent bot that is connected to an inbox; only administrators' tokens may ask. Raises ChatwootError."""
        found = self._get(f"/inboxes/{inbox}/agent_bot")
        if not isinstance(found, dict) or "agent_bot" not in found:
            raise ChatwootError("the answer doesn't tell the inbox's bot")
        bot = found["agent_bot"]
        return bot if isinstance(bot, dict) and bot else None

    def post_message(self, conversation: int, body: Mapping[str, Any]) -> int:
        """Posts a message and returns its id. ChatwootError.sent is None where it may have been stored all the same."""
        answer = self._send("POST", f"/conversations/{conversation}/messages", body)
        message_id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(message_id, int):
            raise ChatwootError("the answer to a message has no id", sent=None)
        return message_id

    def set_status(self, conversation: int, status: str) -> bool:
        """True where it was not this call that opened it, or a user's token asked: of a bot's that opens a pending one Chatwoot
        says no "success"."""
        answer = self._send("POST", f"/conversations/{conversation}/toggle_status", {"status": status})
        payload = answer.get("payload") if isinstance(answer, dict) else None
        return isinstance(payload, dict) and payload.get("success") is True

    def set_typing(self, conversation: int, *, is_on: bool) -> None:
        self._send("POST", f"/conversations/{conversation}/toggle_typing_status", {"typing_status": "on" if is_on else "off"})

    def set_priority(self, conversation: int, priority: str) -> None:
        self._send("POST", f"/conversations/{conversation}/toggle_priority", {"priority": priority})

    def assign(self, conversation: int, *, assignee_id: int | None = None, team_id: int | None = None) -> None:
        body = {"assignee_id": assignee_id} if assignee_id else {"team_id": team_id}
        self._send("POST", f"/conversations/{conversation}/assignments", body)

    def unassign(self, conversation: int) -> None:
        self._send("POST", f"/conversations/{conversation}/assignments", {"assignee_id": None})

    def set_labels(self, conversation: int, labels: list[str]) -> None:
        """Replaces the whole set."""
        self._send("POST", f"/conversations/{conversation}/labels", {"labels": labels})

    def set_attributes(self, conversation: int, attributes: Mapping[str, Any]) -> None:
        """The conversation's own attributes. Replaces the whole set."""
        self._send("POST", f"/conversations/{conversation}/custom_attributes", {"custom_attributes": dict(attributes)})

    def close(self) -> None:
        self._http.close()

    def _get_messages(self, conversation: int, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return _read_list(self._get(f"/conversations/{conversation}/messages", query))

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        with _mapped(), deadline(self._total_s):
            answer = self._http.get(path, params=query or {}, headers=self._read)
        return _checked(answer)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        with _mapped(), deadline(self._total_s):
            answer = self._http.request(method, path, json=body, headers=self._write)
        return _checked(answer)


@contextmanager
def _mapped() -> Iterator[None]:
    """Foreign errors as ChatwootError: a connection that never stood surely did nothing, everything else is unknown."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as e:
        raise ChatwootError(f"no connection ({type(e).__name__})", sent=False) from e
    except httpx2.HTTPError as e:
        raise ChatwootError(f"no answer ({type(e).__name__})", sent=None) from e


def _read_list(found: Any) -> list[dict[str, Any]]:
    """The things with an id in an answer's payload. Raises ChatwootError where the answer has another shape."""
    payload = found.get("payload") if isinstance(found, dict) else None
    if not isinstance(payload, list):
        raise ChatwootError("the answer has no list")
    return [m for m in payload if isinstance(m, dict) and isinstance(m.get("id"), int)]


def _checked(answer: httpx2.Response) -> Any:
    status = answer.status_code
    if status >= 300:
        is_sure = status in SURE_REFUSALS or status == 429
        raise ChatwootError(
            f"answered {status}: {answer.text[:200]!r}",
            permanent=status in SURE_REFUSALS and (status != 404 or _is_own_error(answer)),
            sent=False if is_sure else None,
            status=status,
        )
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError as e:
        raise ChatwootError("the answer isn't JSON", sent=None) from e


def _is_own_error(answer: httpx2.Response) -> bool:
    """Whether Chatwoot itself says so: a proxy answers 404 too while Chatwoot is being deployed."""
    return "json" in answer.headers.get("content-type", "")


_clients: dict[tuple[Any, ...], Chatwoot] = {}
_lock = threading.Lock()


def get_chatwoot(url: str, account_id: int, read_token: str, write_token: str, connect_s: float, total_s: float) -> Chatwoot:
    """A client for these facts, made once per process: its connections are kept."""
    key = (url, account_id, read_token, write_token, connect_s, total_s)
    with _lock:
        if key not in _clients:
            _clients[key] = Chatwoot(
                url, account_id, read_token=read_token, write_token=write_token, connect_s=connect_s, total_s=total_s
            )
        return _clients[key]
