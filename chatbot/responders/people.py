"""What is a person's from the first word: danger, a label, "I want to talk to somebody", anger, the same question again. First.

The owner's own template for whoever asks for a person is said in the place of our words (pipeline.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz import fuzz

from chatbot.language import read_courtesies
from chatbot.moods import is_one_person, read_mood
from chatbot.reply import Handoff, Part, Reply, TurnInput
from chatbot.settings import Settings
from chatbot.text import fold, split_words
from chatbot.texts import get_text
from chatbot.trace import Look

TIMES = 3
ALIKE = 92.0  # of 100; a typo or a "please" more is the same question
TEXTS = {"asked": "say.handoff", "upset": "say.upset", "repeated": "say.upset", "label": "say.handoff"}


def respond(turn: TurnInput, look: Look, settings: Settings) -> Reply | None:
    """A few words and a handoff, or None."""
    reason, detail = find_reason(turn, settings)
    if not reason:
        look.passed("calm")
        return None
    look.noted(reason=reason)
    text = write_sensitive(turn, settings) if reason == "sensitive" else get_text(TEXTS[reason], turn.language)
    return Reply((Part(text),), turn.language, "people", Handoff(reason, detail))


def find_reason(turn: TurnInput, settings: Settings) -> tuple[str, str]:
    """Why a person goes on, as a code of texts.yaml, and what the note adds; "" where there is no reason."""
    mood = read_mood(turn.text)
    if mood == "sensitive":
        return mood, ""
    if label := find_label(turn, settings):
        return "label", label
    if mood == "asked" and turn.flow_run and turn.flow_run.get("asked") and is_one_person(turn.text):
        return "", ""  # the flow knows whether it asked how many come; if not, it hands over itself
    if mood:
        return mood, ""
    return ("repeated", "") if is_repeated(turn) else ("", "")


def find_label(turn: TurnInput, settings: Settings) -> str:
    wanted = {fold(label) for label in settings.people_labels}
    return next((label for label in turn.labels if fold(label) in wanted), "")


def is_repeated(turn: TurnInput) -> bool:
    """Whether the customer now asks for the third time what was asked before. Pressed buttons, courtesies and answers to a
    flow's questions don't count."""
    if turn.flow_run is not None or any(message.kind == "submitted" for message in turn.messages):
        return False
    said = _spell(turn.text)
    if len(said.split()) < 2 or not read_courtesies(said.split())[1]:
        return False
    return sum(fuzz.ratio(said, before) >= ALIKE for before in _list_said(turn)) >= TIMES - 1


def _list_said(turn: TurnInput) -> Iterator[str]:
    return (_spell(line.text) for line in turn.history if line.who == "customer")


def _spell(text: str) -> str:
    return " ".join(split_words(text[:1_000]))


def write_sensitive(turn: TurnInput, settings: Settings) -> str:
    """The owner's fixed text where there is one; it isn't shortened, and no model has a say in it."""
    own = settings.sensitive_text if turn.language == "es" else settings.sensitive_text_en
    return own or get_text("say.sensitive", turn.language)
