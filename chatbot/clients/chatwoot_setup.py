"""Chatwoot's API as its administrator sees it: accounts, inboxes, agent bots, and a visitor's side for a test conversation.

Only an owner of the panel says which address is asked; it is asked over http(s) only, nothing is followed, and every call has
a limit of time and size. Source: Chatwoot 4.15's routes and views. What answers is read leniently.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from chatbot.deadline import deadline, limit
from chatbot.errors import SetupError

CALL_S = 8.0
CONNECT_S = 4.0
SESSION_S = 40.0  # somebody waits for a page
SESSION_BYTES = 20_000_000  # WhatsApp's inboxes come with all their templates
MAX_DETAIL = 160
ELSEWHERE = {"missing", "rights", "token", "refused"}  # no Chatwoot answers so at its open address


def read_origin(typed: str) -> str:
    """ "chat.tienda.es/app/accounts/1" -> "https://chat.tienda.es". Raises SetupError for what isn't a web address."""
    text = typed.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SetupError("address") from None
    host = parts.hostname or ""
    is_whole = parts.scheme in {"http", "https"} and "@" not in parts.netloc and port != 0
    if not is_whole or not host or any(c.isspace() or c in "\\<>\"'" for c in parts.netloc):
        raise SetupError("address")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}"


class ChatwootSetup:
    """One Chatwoot with one person's token, for one `with` of SESSION_S at most. Every method raises SetupError."""

    def __init__(self, origin: str, token: str) -> None:
        timeout = httpx2.Timeout(CALL_S, connect=CONNECT_S)
        try:
            client = httpx2.Client(base_url=origin, timeout=timeout, follow_redirects=False)
        except httpx2.InvalidURL:
            raise SetupError("address") from None
        self._http = limit(client)
        self._token = token
        self._session = deadline(SESSION_S, SESSION_BYTES)

    def __enter__(self) -> ChatwootSetup:
        self._session.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._session.__exit__(None, None, None)
        self._http.close()

    def get_version(self) -> str:
        """What Chatwoot says at /api, where nobody needs a token. SetupError "not_chatwoot" where something else answers."""
        try:
            found = self._call("GET", "/api", token="")
        except SetupError as e:
            raise SetupError("not_chatwoot", status=e.status) if e.kind in ELSEWHERE else e from None
        version = found.get("version") if isinstance(found, dict) else None
        if not isinstance(version, str):
            raise SetupError("not_chatwoot")
        return version[:40]

    def get_profile(self) -> dict[str, Any]:
        found = self._call("GET", "/api/v1/profile")
        if not isinstance(found, dict) or not isinstance(found.get("accounts"), list):
            raise SetupError("not_chatwoot")
        return found

    def list_inboxes(self, account: int) -> list[dict[str, Any]]:
        return _read_list(self._call("GET", f"/api/v1/accounts/{account}/inboxes"))

    def get_inbox_bot(self, account: int, inbox: int) -> dict[str, Any] | None:
        found = self._call("GET", f"/api/v1/accounts/{account}/inboxes/{inbox}/agent_bot")
        bot = found.get("agent_bot") if isinstance(found, dict) else None
        return bot if isinstance(bot, dict) and isinstance(bot.get("id"), int) else None

    def set_inbox_bot(self, account: int, inbox: int, bot: int | None) -> None:
        self._call("POST", f"/api/v1/accounts/{account}/inboxes/{inbox}/set_agent_bot", {"agent_bot": bot})

    def list_bots(self, account: int) -> list[dict[str, Any]]:
        return _read_list(self._call("GET", f"/api/v1/accounts/{account}/agent_bots"))

    def save_bot(self, account: int, bot: int | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """Makes an agent bot (None), or changes one; the answer is the bot as it is now, with what only administrators see."""
        path = f"/api/v1/accounts/{account}/agent_bots"
        found = self._call("POST", path, body) if bot is None else self._call("PATCH", f"{path}/{bot}", body)
        if not isinstance(found, dict) or not isinstance(found.get("id"), int):
            raise SetupError("not_chatwoot")
        return found

    def list_captain_inboxes(self, account: int) -> set[int]:
        """The inboxes where Captain, Chatwoot's own AI, answers. Only paid editions have it: elsewhere nothing is there."""
        path = f"/api/v1/accounts/{account}/captain/assistants"
        try:
            assistants = _read_list(self._call("GET", path))
            inboxes = [_read_list(self._call("GET", f"{path}/{a['id']}/inboxes")) for a in assistants[:20]]
        except SetupError as e:
            if e.status is None or e.status >= 500:
                raise
            return set()
        return {inbox["id"] for found in inboxes for inbox in found}

    # --- a test conversation ---------------------------------------------------------------------------------------

    def write_as_visitor(self, website_token: str, name: str, text: str) -> int:
        """A website's visitor opens the chat and writes; returns the conversation's number."""
        query = {"website_token": website_token}
        config = self._call("POST", "/api/v1/widget/config", {}, query=query, token="")
        visitor = (config.get("website_channel_config") or {}).get("auth_token") if isinstance(config, dict) else None
        body = {"contact": {"name": name}, "message": {"content": text, "referer_url": "", "timestamp": ""}}
        headers = {"X-Auth-Token": str(visitor)}
        found = self._call("POST", "/api/v1/widget/conversations", body, query=query, headers=headers, token="")
        return _read_id(found)

    def write_as_contact(self, account: int, inbox: int, name: str, text: str) -> int:
        """The same in an API inbox, where the application itself brings customers' messages."""
        base = f"/api/v1/accounts/{account}"
        made = self._call("POST", f"{base}/contacts", {"name": name, "inbox_id": inbox})
        payload = made.get("payload") if isinstance(made, dict) else None
        contact = (payload or {}).get("contact") if isinstance(payload, dict) else None
        number = _read_id(self._call("POST", f"{base}/conversations", {"inbox_id": inbox, "contact_id": _read_id(contact)}))
        body = {"content": text, "message_type": "incoming"}
        self._call("POST", f"{base}/conversations/{number}/messages", body)
        return number

    def get_conversation(self, account: int, number: int, token: str | None = None) -> dict[str, Any]:
        found = self._call("GET", f"/api/v1/accounts/{account}/conversations/{number}", token=token)
        return found if isinstance(found, dict) else {}

    def get_messages(self, account: int, number: int) -> list[dict[str, Any]]:
        return _read_list(self._call("GET", f"/api/v1/accounts/{account}/conversations/{number}/messages"))

    def post_note(self, account: int, number: int, text: str, mark: str, token: str) -> int:
        """A private note with our mark, written with the bot's own token."""
        body = {"content": text, "private": True, "message_type": "outgoing", "content_attributes": {"mostrador": mark}}
        return _read_id(self._call("POST", f"/api/v1/accounts/{account}/conversations/{number}/messages", body, token=token))

    def resolve(self, account: int, number: int) -> None:
        self._call("POST", f"/api/v1/accounts/{account}/conversations/{number}/toggle_status", {"status": "resolved"})

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Any:
        """token: None is this person's, "" none."""
        sent = {"Accept": "application/json", **(headers or {})}
        if token != "":
            sent["Api-Access-Token"] = self._token if token is None else token
        with _mapped():
            answer = self._http.request(method, path, params=query or {}, headers=sent, json=body)
        return _checked(answer)


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout) as e:
        raise SetupError("unreachable") from e
    except httpx2.TimeoutException as e:
        raise SetupError("timeout") from e
    except httpx2.ConnectError as e:
        raise SetupError("tls" if _is_tls(e) else "unreachable") from e
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as e:
        raise SetupError("address") from e
    except httpx2.HTTPError as e:
        raise SetupError("cut") from e


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error) or "[SSL" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _checked(answer: httpx2.Response) -> Any:
    """The JSON of an answer. Nothing of another kind of answer is ever shown: whoever asks may not be meant to see it."""
    status, is_json = answer.status_code, "json" in answer.headers.get("content-type", "")
    if 300 <= status < 400:
        raise SetupError("redirect", _read_target(answer), status=status)
    if status >= 500:
        raise SetupError("broken", str(status), status=status)
    if status >= 400 and not is_json and answer.content:
        raise SetupError("not_chatwoot", status=status)
    if status in {401, 403}:
        is_token = "invalid access token" in answer.text.lower() or "sign in" in answer.text.lower()
        raise SetupError("token" if is_token else "rights", status=status)
    if status == 404:
        raise SetupError("missing", status=status)
    if status == 429:
        raise SetupError("too_many", status=status)
    if status >= 400:
        raise SetupError("refused", _read_reason(answer), status=status)
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError:
        raise SetupError("not_chatwoot", status=status) from None


def _read_target(answer: httpx2.Response) -> str:
    """Where a redirect leads, without path: what to type instead."""
    try:
        return read_origin(answer.headers.get("location", ""))[:MAX_DETAIL]
    except SetupError:
        return ""


def _read_reason(answer: httpx2.Response) -> str:
    """Chatwoot's own words."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    text = (found.get("error") or found.get("message") or "") if isinstance(found, dict) else ""
    return text[:MAX_DETAIL] if isinstance(text, str) else ""


def _read_list(found: Any) -> list[dict[str, Any]]:
    payload = found.get("payload") if isinstance(found, dict) else found
    if not isinstance(payload, list):
        raise SetupError("not_chatwoot")
    return [item for item in payload if isinstance(item, dict) and isinstance(item.get("id"), int)]


def _read_id(found: Any) -> int:
    number = found.get("id") if isinstance(found, dict) else None
    if not isinstance(number, int):
        raise SetupError("not_chatwoot")
    return number
