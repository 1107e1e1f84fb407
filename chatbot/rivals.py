"""Two boxes with one bot: an installation is mute while another one is the bot's. A failed look-up changes nothing."""

from __future__ import annotations

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
    """Mutes or unmutes this installation."""
    if not config.public_url:
        return
    ours = read_origin(config.public_url)
    told = _ask_bot_origin(means.settings)
    with means.engine.connect() as connection:
        own_id, muted = connection.execute(text("SELECT installation_id::text, muted_reason FROM instance")).one()
    if told is not None and told != ours:
        _set_muted(means, muted, f"the agent bot's webhook goes to {told}")
        return
    served = get_installation(told or ours)
    if served is not None:
        _set_muted(means, muted, None if served == own_id else f"{told or ours} serves another installation")


def read_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _ask_bot_origin(settings: Settings) -> str | None:
    """Where Chatwoot sends our bot's webhooks; None where the token may not know."""
    try:
        bots = make_client(settings).get_agent_bots()
    except (ChatwootError, Interrupted):
        return None
    token = settings.chatwoot_bot_token.get_secret_value()
    urls = [b.get("outgoing_url") for b in bots if token and b.get("access_token") == token]
    return read_origin(urls[0]) if urls and isinstance(urls[0], str) and urls[0] else None


def _set_muted(means: Means, before: str | None, reason: str | None) -> None:
    if reason == before:
        return
    with means.engine.begin() as connection:
        connection.execute(text("UPDATE instance SET muted_reason = :reason"), {"reason": reason})
    if reason:
        log.error("muted", reason=reason)
    else:
        log.info("unmuted")
