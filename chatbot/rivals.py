"""Two boxes with one bot: an installation is mute while another one is the bot's. A failed look-up changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import text

from chatbot.answer import make_client
from chatbot.clients.installations import get_installation
from chatbot.config import Config
from chatbot.errors import ChatwootError, Interrupted
from chatbot.llm import Means
from chatbot.settings import Settings

log = structlog.get_logger()


def check_rivals(means: Means, config: Config) -> None:
    """Mutes or unmutes this installation, and notes which inboxes are another bot's."""
    bot = _find_own_bot(means.settings)
    if bot is not None:
        _check_inboxes(means, int(bot["id"]))
    if not config.public_url:
        return
    ours = read_origin(config.public_url)
    told = _read_bot_origin(bot)
    with means.engine.connect() as connection:
        own_id, muted = connection.execute(text("SELECT installation_id::text, muted_reason FROM instance")).one()
    served = get_installation(told or ours)
    if served is not None:
        _set_muted(means, muted, None if served == own_id else f"{told or ours} serves another installation")


def read_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _find_own_bot(settings: Settings) -> dict[str, Any] | None:
    """Our agent bot as Chatwoot has it; None where the token may not know."""
    try:
        bots = make_client(settings).get_agent_bots()
    except (ChatwootError, Interrupted):
        return None
    token = settings.chatwoot_bot_token.get_secret_value()
    return next((b for b in bots if token and b.get("access_token") == token and isinstance(b.get("id"), int)), None)


def _read_bot_origin(bot: Mapping[str, Any] | None) -> str | None:
    """Where Chatwoot sends our bot's webhooks."""
    url = bot.get("outgoing_url") if bot else None
    return read_origin(url) if isinstance(url, str) and url else None


def _check_inboxes(means: Means, bot_id: int) -> None:
    """An account's webhook and a user's token see inboxes that have another bot, or none: those aren't ours to answer."""
    with means.engine.connect() as connection:
        inboxes = connection.execute(text("SELECT chatwoot_id, is_foreign FROM inbox WHERE chatwoot_id > 0")).all()
    for inbox, was_foreign in inboxes:
        try:
            bot = make_client(means.settings).get_inbox_bot(inbox)
        except (ChatwootError, Interrupted):
            continue
        is_foreign = bot is None or bot.get("id") != bot_id
        if is_foreign != was_foreign:
            log.warning("inbox_checked", inbox=inbox, is_foreign=is_foreign)
            with means.engine.begin() as connection:
                connection.execute(
                    text("UPDATE inbox SET is_foreign = :foreign WHERE chatwoot_id = :id"), {"foreign": is_foreign, "id": inbox}
                )


def _set_muted(means: Means, before: str | None, reason: str | None) -> None:
    if reason == before:
        return
    with means.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET muted_reason = :reason"), {"reason": reason})
    if reason:
        log.error("muted", reason=reason)
    else:
        log.info("unmuted")
