"""The tables. Every model is imported here, but for people.py: it needs the login's libraries, which a worker does without."""

from chatbot.models.content import Chunk, Entry, Release, Revision, release_revision
from chatbot.models.embedding import Embedding, EmbeddingModel
from chatbot.models.faq_model import TrainedFaq
from chatbot.models.flows import FlowCall, FlowPassage
from chatbot.models.health import CheckResult, Fault
from chatbot.models.imports import ImportJob
from chatbot.models.inbox import Contact, Conversation, ErasedConversation, Inbox, Message, Webhook
from chatbot.models.kept_tests import KeptTest
from chatbot.models.knowledge import Page, PageCopy, StoredFile
from chatbot.models.numbers import CacheHit, Daily, Hourly
from chatbot.models.proposals import Drafting, Proposal
from chatbot.models.search import Word
from chatbot.models.state import Instance, Setting
from chatbot.models.teaching import DismissedQuestion
from chatbot.models.timers import Timer
from chatbot.models.turns import Action, LlmCall, Part, Turn, TurnTrace

__all__ = [
    "Action",
    "CacheHit",
    "CheckResult",
    "Chunk",
    "Contact",
    "Conversation",
    "Daily",
    "DismissedQuestion",
    "Drafting",
    "Embedding",
    "EmbeddingModel",
    "Entry",
    "ErasedConversation",
    "Fault",
    "FlowCall",
    "FlowPassage",
    "Hourly",
    "ImportJob",
    "Inbox",
    "Instance",
    "KeptTest",
    "LlmCall",
    "Message",
    "Page",
    "PageCopy",
    "Part",
    "Proposal",
    "Release",
    "Revision",
    "Setting",
    "StoredFile",
    "Timer",
    "TrainedFaq",
    "Turn",
    "TurnTrace",
    "Webhook",
    "Word",
    "release_revision",
]
