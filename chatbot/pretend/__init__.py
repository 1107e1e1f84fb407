"""A pretend Chatwoot: a faithful HTTP server on loopback with a memory, that can be told to fail. Needs nothing but Python."""

from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.control import Remote
from chatbot.pretend.faults import Fault
from chatbot.pretend.history import read_history

__all__ = ["Fault", "PretendChatwoot", "Remote", "read_history"]
