"""The "is typing" sign while a live turn runs: best effort, only for turns that take a moment, always switched off again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chatbot.clients.chatwoot import Chatwoot
from chatbot.errors import ChatwootError

AFTER_S = 0.8


@contextmanager
def show_typing(chatwoot: Chatwoot, conversation: int, *, is_on: bool) -> Iterator[None]:
    """Shown once the block has lasted AFTER_S seconds; errors of the sign never reach the turn."""
    if not is_on:
        yield
        return
    shown = threading.Event()

    def switch_on() -> None:
        shown.set()
        with suppress(ChatwootError):
            chatwoot.set_typing(conversation, is_on=True)

    timer = threading.Timer(AFTER_S, switch_on)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if shown.is_set():
            timer.join()
            with suppress(ChatwootError):
                chatwoot.set_typing(conversation, is_on=False)
