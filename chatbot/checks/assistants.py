"""A check of the specialised agents: each may speak, and each piece of knowledge is somebody's."""

from __future__ import annotations

from chatbot.bodies import Content
from chatbot.checks import Finding, Surroundings, ok, warn
from chatbot.content import live_release_id, load_content, select_spoken
from chatbot.settings import Settings
from chatbot.spending import price


def check_assistants(at: Surroundings) -> Finding | None:
    """Of the live release; absent where one speaks and nothing is only for some."""
    with at.engine.connect() as connection:
        content = select_spoken(load_content(connection, live_release_id(connection)))
    if (found := _find_unpriced(content, at.settings)) is not None:
        return warn("unpriced", name=found[0], model=found[1])
    if name := _find_silent(content):
        return warn("silent", name=name)
    if title := _find_unused(content):
        return warn("unused", title=title)
    return ok(count=len(content.assistant)) if len(content.assistant) > 1 else None


def _find_unpriced(content: Content, settings: Settings) -> tuple[str, str] | None:
    """An assistant with a budget, and a model of its own whose price nobody knows."""
    for assistant in content.assistant:
        models = [assistant.model] if assistant.model else [endpoint.model for endpoint in settings.endpoints]
        unknown = next((model for model in models if price(model) is None), None)
        if assistant.daily_budget_micros is not None and settings.endpoints and unknown:
            return assistant.name, unknown
    return None


def _find_silent(content: Content) -> str:
    inboxes = {0, *(inbox for assistant in content.assistant for inbox in assistant.inboxes)}
    heard = {assistant.key for inbox in inboxes for assistant in content.list_speakers(inbox)}
    return next((assistant.name for assistant in content.assistant if assistant.key not in heard), "")


def _find_unused(content: Content) -> str:
    known = {assistant.key for assistant in content.assistant}
    return next((b.title for b in (*content.article, *content.document) if b.assistants and not known & set(b.assistants)), "")
