"""The tables. Every model is imported here, but for people.py: it needs the login's libraries, which a worker does without."""

from chatbot.models.content import Chunk, Entry, Release, Revision, release_revision
from chatbot.models.health import CheckResult, Fault
from chatbot.models.imports import ImportJob
from chatbot.models.inbox import Contact, Conversation, Inbox, Message, Webhook
from chatbot.models.kept_tests import KeptTest
from chatbot.models.numbers import Daily, Hourly
from chatbot.models.state import Instance, Setting
from chatbot.models.teaching import DismissedQuestion
from chatbot.models.turns import Action, LlmCall, Part, Turn, TurnTrace

__all__ = [
    "Action",
    "CheckResult",
    "Chunk",
    "Contact",
    "Conversation",
    "Daily",
    "DismissedQuestion",
    "Entry",
    "Fault",
    "Hourly",
    "ImportJob",
    "Inbox",
    "Instance",
    "KeptTest",
    "LlmCall",
    "Message",
    "Part",
    "Release",
    "Revision",
    "Setting",
    "Turn",
    "TurnTrace",
    "Webhook",
    "release_revision",
]
