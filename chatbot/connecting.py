"""Connecting a Chatwoot: look at it, make our agent bot there, give it the inboxes, and prove it with a test conversation.

Nothing is stored here: whoever calls writes the settings, between make_bot() and attach(), so that no inbox sends to a bot
whose secret isn't known yet. Each step says how it went; its words are the panel's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from chatbot.clients.chatwoot_setup import ChatwootSetup
from chatbot.errors import SetupError
from chatbot.marks import Mark, make_suffix

WEBHOOK_PATH = "/webhooks/chatwoot"
BOT_NAME = "Mostrador"
TESTED = ("Channel::Api", "Channel::WebWidget")  # where a customer's message can be made without a customer
MAX_LOOKED = 30  # inboxes whose bot is asked for, one call each
LOOK_S = 15.0
PATIENCE_S = 12.0
POLL_S = 0.15


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    name: str
    is_administrator: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What an address and a token turned out to be."""

    version: str
    person: str
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class InboxFound:
    """bot_id, bot_name: the agent bot that it has now, 0 for none, None where that wasn't asked; is_ours: it is us.

    warnings: greeting, out_of_office, email_prompt, captain: what would talk beside the bot.
    """

    id: int
    name: str
    channel: str
    bot_id: int | None
    bot_name: str
    is_ours: bool
    website_token: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a result. key names the text, facts fill it in."""

    key: str
    state: Literal["ok", "warn", "failed"] = "ok"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bot:
    """Our agent bot in Chatwoot. secret: "" where this Chatwoot doesn't sign. is_new: it was made just now."""

    id: int
    name: str
    token: str
    secret: str
    url: str
    is_new: bool


def find(origin: str, token: str) -> Found:
    """Raises SetupError: what is at the address, or who the token is, isn't what it takes."""
    with ChatwootSetup(origin, token) as chatwoot:
        version = chatwoot.get_version()
        profile = chatwoot.get_profile()
    accounts = [a for a in profile["accounts"] if isinstance(a, dict) and isinstance(a.get("id"), int)]
    found = tuple(Account(a["id"], str(a.get("name") or a["id"])[:80], a.get("role") == "administrator") for a in accounts)
    if not found:
        raise SetupError("no_account")
    if not any(account.is_administrator for account in found):
        raise SetupError("agent")
    return Found(version, str(profile.get("name") or profile.get("email") or "")[:80], found)


def list_inboxes(origin: str, token: str, account: int, bot_token: str) -> list[InboxFound]:
    """bot_token: of the bot that we are, "" for none yet. Raises SetupError, also where there are none."""
    until = time.monotonic() + LOOK_S
    with ChatwootSetup(origin, token) as chatwoot:
        rows = chatwoot.list_inboxes(account)
        if not rows:
            raise SetupError("no_inbox")
        captain = chatwoot.list_captain_inboxes(account)
        bots: dict[int, dict[str, Any] | None] = {}
        for row in rows[:MAX_LOOKED]:
            if time.monotonic() > until:
                break
            bots[row["id"]] = chatwoot.get_inbox_bot(account, row["id"])
    return [_read_inbox(row, bots, captain, bot_token) for row in rows]


def _read_inbox(
    row: Mapping[str, Any], bots: Mapping[int, dict[str, Any] | None], captain: Collection[int], bot_token: str
) -> InboxFound:
    number = int(row["id"])
    bot = bots.get(number)
    warnings = [name for name, is_on in _list_warnings(row, captain) if is_on]
    return InboxFound(
        id=number,
        name=str(row.get("name") or number)[:120],
        channel=str(row.get("channel_type") or ""),
        bot_id=None if number not in bots else int(bot["id"]) if bot else 0,
        bot_name=str(bot.get("name") or "")[:80] if bot else "",
        is_ours=bool(bot and bot_token and _read_token(bot) == bot_token),
        website_token=str(row.get("website_token") or ""),
        warnings=tuple(warnings),
    )


def _list_warnings(row: Mapping[str, Any], captain: Collection[int]) -> list[tuple[str, bool]]:
    return [
        ("captain", row["id"] in captain),
        ("greeting", bool(row.get("greeting_enabled"))),
        ("out_of_office", bool(row.get("working_hours_enabled") and row.get("out_of_office_message"))),
        ("email_prompt", bool(row.get("enable_email_collect")) and row.get("channel_type") == "Channel::WebWidget"),
    ]


def make_url(base: str, webhook_token: str) -> str:
    """Where Chatwoot sends to. The token in the path serves releases that don't sign."""
    return f"{base.rstrip('/')}{WEBHOOK_PATH}{f'/{webhook_token}' if webhook_token else ''}"


@dataclass(frozen=True, slots=True)
class BotWish:
    """How our agent bot is to be. base: our own address; webhook_token: in its path; bot_token: of the bot that we have been.

    is_fixed: that one must stay; make_token: makes a path's token where this Chatwoot turns out not to sign.
    """

    account: int
    name: str
    base: str
    webhook_token: str
    bot_token: str
    is_fixed: bool
    make_token: Callable[[], str]


def make_bot(origin: str, token: str, wish: BotWish) -> tuple[Bot, str]:
    """Our agent bot, made or brought up to date, and the token in its path ("" for none). Raises SetupError."""
    path_token, account = wish.webhook_token, wish.account
    url = make_url(wish.base, path_token)
    with ChatwootSetup(origin, token) as chatwoot:
        own = _find_own(chatwoot.list_bots(account), account, url, wish.bot_token)
        if wish.is_fixed and (own is None or _read_token(own) != wish.bot_token):
            raise SetupError("other_bot")
        body = {"name": wish.name or BOT_NAME, "outgoing_url": url}
        if own is None:
            saved = chatwoot.save_bot(account, None, {**body, "description": BOT_NAME, "bot_type": 0})
        else:
            saved = chatwoot.save_bot(account, own["id"], body)
        if not _read_secret(saved) and not path_token:
            path_token = wish.make_token()
            url = make_url(wish.base, path_token)
            saved = chatwoot.save_bot(account, saved["id"], {"outgoing_url": url})
    if not _read_token(saved):
        raise SetupError("no_bot_token")
    name = str(saved.get("name") or "")
    return Bot(saved["id"], name, _read_token(saved), _read_secret(saved), url, own is None), path_token


def _find_own(bots: list[dict[str, Any]], account: int, url: str, bot_token: str) -> dict[str, Any] | None:
    """The account's bot whose token we have, else the one that already sends to us."""
    bots = [bot for bot in bots if bot.get("account_id") == account and not bot.get("system_bot")]
    for bot in bots:
        if bot_token and _read_token(bot) == bot_token:
            return bot
    place = url.partition(WEBHOOK_PATH)[0] + WEBHOOK_PATH
    return next((bot for bot in bots if str(bot.get("outgoing_url") or "").startswith(place)), None)


def _read_token(bot: Mapping[str, Any]) -> str:
    """As text, or as the object that some releases answer with."""
    found = bot.get("access_token")
    if isinstance(found, dict):
        found = found.get("token")
    return found if isinstance(found, str) else ""


def _read_secret(bot: Mapping[str, Any]) -> str:
    found = bot.get("secret")
    return found if isinstance(found, str) else ""


def attach(origin: str, token: str, account: int, bot: Bot, inboxes: list[InboxFound], chosen: Collection[int]) -> list[Step]:
    """The bot gets the chosen inboxes, and leaves those that it had and that aren't chosen any more."""
    steps: list[Step] = []
    with ChatwootSetup(origin, token) as chatwoot:
        for inbox in inboxes:
            facts = {"inbox": inbox.name}
            if inbox.id in chosen and "captain" in inbox.warnings:
                steps.append(Step("captain", "failed", facts))
                continue
            if inbox.id not in chosen and inbox.bot_id != bot.id:
                continue
            try:
                chatwoot.set_inbox_bot(account, inbox.id, bot.id if inbox.id in chosen else None)
            except SetupError as e:
                steps.append(Step("not_attached", "failed", {**facts, "kind": e.kind, "detail": e.detail}))
                continue
            steps.append(Step("attached" if inbox.id in chosen else "detached", "ok", facts))
            if inbox.id in chosen:
                steps += [Step(name, "warn", facts) for name in inbox.warnings]
    return steps


def list_limits(version: str, person: str, bot: Bot, account: int, origin: str, token: str) -> list[Step]:
    """What the two tokens can't do, asked rather than guessed."""
    steps = [] if bot.secret else [Step("unsigned", "warn", {"version": version})]
    with ChatwootSetup(origin, token) as chatwoot:
        try:
            chatwoot.get_conversation(account, 0, bot.token)
        except SetupError as e:
            if e.kind in {"token", "rights"}:
                steps.append(Step("bot_reads_not", "ok", {"version": version}))
    return [*steps, Step("person", "ok", {"person": person})]


def choose_tested(inboxes: list[InboxFound], chosen: Collection[int]) -> InboxFound | None:
    """Where a test conversation can be made: an API inbox or a website's chat."""
    found = [i for i in inboxes if i.id in chosen and i.channel in TESTED and (i.website_token or i.channel == TESTED[0])]
    return min(found, key=lambda i: TESTED.index(i.channel), default=None)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What a test conversation needs. heard(number): the outcomes of what Chatwoot told us of a conversation.

    is_settled(number): whether a worker has dealt with the customer's message, for which settle_s are given.
    """

    origin: str
    token: str
    account: int
    bot_token: str
    url: str
    inbox: InboxFound
    customer: str
    says: str
    note: str
    heard: Callable[[int], set[str]]
    is_settled: Callable[[int], bool]
    settle_s: float


def try_round_trip(given: RoundTrip) -> list[Step]:
    """A customer's message made in Chatwoot, told to us, answered with a marked note, read back, and closed.

    The note comes as soon as we have the message: its mark says that it is answered, so that the bot leaves it alone.
    """
    with ChatwootSetup(given.origin, given.token) as chatwoot:
        try:
            number = _write(chatwoot, given)
        except SetupError as e:
            return [Step("test_not_made", "failed", {"inbox": given.inbox.name, "kind": e.kind, "detail": e.detail})]
        heard = _wait_for(given, number, "input", "heard")
        steps = [Step("test_made", "ok", {"inbox": given.inbox.name, "number": number}), heard]
        with suppress(SetupError):
            status = chatwoot.get_conversation(given.account, number).get("status")
            if heard.state == "ok" and status == "open":
                steps.append(Step("test_open", "warn", {"inbox": given.inbox.name}))
            elif status == "open":  # Chatwoot tried to tell us, couldn't, and gave the conversation to people
                steps[-1] = Step("heard_broken", "failed", heard.facts)
        marked = _prove_mark(chatwoot, given, number)
        steps += marked
        if heard.state == "ok":
            steps += _wait_for_ours(given, number, is_marked=marked[-1].state == "ok")
        try:
            chatwoot.resolve(given.account, number)
        except SetupError:
            steps.append(Step("test_left_open", "warn", {"number": number}))
    return steps


def _write(chatwoot: ChatwootSetup, given: RoundTrip) -> int:
    if given.inbox.channel == "Channel::Api":
        return chatwoot.write_as_contact(given.account, given.inbox.id, given.customer, given.says)
    return chatwoot.write_as_visitor(given.inbox.website_token, given.customer, given.says)


def _wait_for(given: RoundTrip, number: int, outcome: str, key: str) -> Step:
    """Until Chatwoot has told us, signed, and we took it."""
    started = time.monotonic()
    while True:
        heard = given.heard(number)
        seconds = round(time.monotonic() - started, 1)
        if outcome in heard:
            return Step(key, "ok", {"seconds": seconds})
        foreign = heard & {"other_account", "other_inbox"}
        if foreign:
            return Step("heard_foreign", "failed", {"why": min(foreign)})
        if seconds > PATIENCE_S:
            return Step(f"{key}_not", "failed", {"url": given.url, "seconds": round(PATIENCE_S)})
        time.sleep(POLL_S)


def _prove_mark(chatwoot: ChatwootSetup, given: RoundTrip, number: int) -> list[Step]:
    try:
        newest = max((m["id"] for m in chatwoot.get_messages(given.account, number)), default=1)
        mark = str(Mark(number, newest, "n1", make_suffix()))
        note = chatwoot.post_note(given.account, number, given.note, mark, given.bot_token)
        found = next((m for m in chatwoot.get_messages(given.account, number) if m["id"] == note), {})
    except SetupError as e:
        return [Step("note_not", "failed", {"kind": e.kind, "detail": e.detail})]
    attributes = found.get("content_attributes")
    is_same = isinstance(attributes, dict) and attributes.get("mostrador") == mark
    return [Step("note"), Step("mark") if is_same else Step("mark_not", "failed")]


def _wait_for_ours(given: RoundTrip, number: int, *, is_marked: bool) -> list[Step]:
    """The note's echo, and then a worker, so that nothing of the bot's comes after the conversation is resolved."""
    steps = []
    if is_marked:
        echo = _wait_for(given, number, "echo", "echo")
        steps.append(echo if echo.state == "ok" else Step("echo_not", "warn", echo.facts))
    until = time.monotonic() + given.settle_s
    while not given.is_settled(number):
        if time.monotonic() > until:
            return [*steps, Step("worker_not", "warn")]
        time.sleep(POLL_S)
    return [*steps, Step("worker")]
