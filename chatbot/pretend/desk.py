"""What changes the pretend Chatwoot and whom it tells: storing messages, statuses, assignments, and the webhooks they bring."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from chatbot.pretend import payloads
from chatbot.pretend.faults import FaultPlan
from chatbot.pretend.history import History
from chatbot.pretend.hooks import TRIES, Hook, HookPool, encode
from chatbot.pretend.state import (
    ACTIVITY,
    FAULT_TEXT,
    INCOMING,
    OUTGOING,
    AgentBot,
    Conversation,
    Message,
    Sender,
    World,
)

BOT_EVENTS = {"message_created", "message_updated", "conversation_opened", "conversation_resolved", "webwidget_triggered"}
BOT_EVENTS_4_13 = {"conversation_status_changed", "conversation_updated"}
FAILING_EVENTS = {"message_created", "message_updated"}


class Desk:
    """Every method that changes state holds the world's lock, so that the history's order is the order of the changes.

    `by` in the history: "bot" (an API call), "human:<id>", "customer", "system" (Chatwoot itself).
    """

    def __init__(self, world: World, history: History, faults: FaultPlan, *, timeout_s: float = 5, retry_s: float = 3) -> None:
        self.world = world
        self.history = history
        self.faults = faults
        self.auto_assign_to: int | None = None
        self.hooks = HookPool(history, faults, self._on_hook_failed, timeout_s=timeout_s, retry_s=retry_s)
        self._recent: dict[int, deque[float]] = {}

    # --- telling -------------------------------------------------------------------------------------------------

    def _bot_of(self, conversation: Conversation) -> AgentBot | None:
        assigned = conversation.assignee
        if assigned is not None and assigned[0] == "AgentBot":
            return self.world.bots.get(assigned[1])
        return self.world.bots.get(conversation.inbox.bot_id) if conversation.inbox.bot_id is not None else None

    def tell(self, event: str, body: dict[str, Any], conversation: Conversation | None, message: Message | None = None) -> None:
        """Queues a webhook for everybody who is to hear of the event."""
        world = self.world
        encoded: bytes | None = None
        facts: dict[str, Any] = {
            "conversation": conversation.id if conversation else None,
            "message": message.id if message else None,
            "is_echo": message is not None and message.message_type != INCOMING and message.mark is not None,
        }
        bot = self._bot_of(conversation) if conversation is not None else None
        hears = event in BOT_EVENTS or (event in BOT_EVENTS_4_13 and world.is_at_least(4, 13))
        if bot is not None and bot.outgoing_url and hears:
            encoded = encode(body)
            secret = bot.secret if world.is_at_least(4, 13) else None
            tries = TRIES if world.is_at_least(4, 12) else 1
            url = bot.deliver_to or bot.outgoing_url
            self.hooks.send(Hook("bot", url, encoded, event, secret, tries=tries, **facts))
        for webhook in world.webhooks.values():
            if event in webhook.subscriptions:
                encoded = encoded or encode(body)
                secret = webhook.secret if world.is_at_least(4, 12) else None
                self.hooks.send(Hook("account", webhook.url, encoded, event, secret, **facts))

    def tell_message(self, conversation: Conversation, message: Message, event: str = "message_created") -> None:
        if message.message_type != ACTIVITY:
            body = payloads.message_event(self.world, conversation, message, event)
            self.tell(event, body, conversation, message)

    def tell_conversation(self, conversation: Conversation, event: str, **changed: tuple[Any, Any]) -> None:
        self.tell(event, payloads.conversation_event(self.world, conversation, event, changed), conversation)

    def tell_updated(self, conversation: Conversation, **changed: tuple[Any, Any]) -> None:
        at = (payloads.iso(conversation.updated_at), payloads.iso(self.history.now()))
        self.tell_conversation(conversation, "conversation_updated", **changed, updated_at=at)

    # --- changing ------------------------------------------------------------------------------------------------

    def store(
        self, conversation: Conversation, content: str | None, message_type: int, sender: Sender, **facts: Any
    ) -> Message:
        """Stores a message and keeps the conversation's clocks. Tells nobody."""
        now = self.history.now()
        message = self.world.add_message(conversation, content, message_type, sender, now, **facts)
        if message_type == INCOMING:
            conversation.waiting_since = conversation.waiting_since or now
        elif message_type == OUTGOING and not message.private and conversation.first_reply_at is None and sender is not None:
            conversation.first_reply_at = now if sender[0] == "User" else None
        return message

    def clear_waiting(self, conversation: Conversation) -> None:
        """After a reply, told in a conversation_updated of its own."""
        since, conversation.waiting_since = conversation.waiting_since, None
        if since is not None:
            self.tell_updated(conversation, waiting_since=(payloads.iso(since), None))

    def store_post(self, conversation: Conversation, sender: Sender, request: int, **facts: Any) -> Message:
        """Stores a message that came by the API and tells everybody, the poster's own bot too."""
        message = self.store(conversation, sender=sender, **facts)
        self.history.record(
            "post_stored",
            request=request,
            conversation=conversation.id,
            message=message.id,
            mark=message.mark,
            private=message.private,
            sender=sender[0] if sender else None,
            text=message.content,
        )
        self.tell_message(conversation, message)
        if not message.private and message.message_type == OUTGOING:
            self.clear_waiting(conversation)
        return message

    def change_status(self, conversation: Conversation, status: str, by: str) -> None:
        before = conversation.status
        if before == status:
            return
        now = self.history.now()
        conversation.status = status
        conversation.updated_at = now
        if status == "resolved":
            conversation.waiting_since = None
        conversation.note_standing(now)
        self.history.record("status_changed", conversation=conversation.id, before=before, now=status, by=by)
        if status in ("open", "resolved"):
            self.tell_conversation(conversation, "conversation_opened" if status == "open" else "conversation_resolved")
        self.tell_conversation(conversation, "conversation_status_changed")
        self.tell_updated(conversation, status=(before, status))
        if status == "open" and self.auto_assign_to is not None and conversation.assignee is None:
            self.change_assignee(conversation, ("User", self.auto_assign_to), "system")

    def change_assignee(self, conversation: Conversation, assignee: Sender, by: str) -> None:
        before = conversation.assignee
        if before == assignee:
            return
        conversation.assignee = assignee
        self._touch(conversation)
        kind, number = assignee if assignee is not None else (None, None)
        self.history.record("assigned", conversation=conversation.id, assignee=number, assignee_type=kind, by=by)
        name = "assignee_agent_bot_id" if kind == "AgentBot" else "assignee_id"
        self.tell_updated(conversation, **{name: (before[1] if before else None, number)})

    def change_team(self, conversation: Conversation, team_id: int | None, by: str) -> None:
        before, conversation.team_id = conversation.team_id, team_id
        self._touch(conversation)
        self.history.record("team_changed", conversation=conversation.id, team=team_id, by=by)
        self.tell_updated(conversation, team_id=(before, team_id))

    def change_labels(self, conversation: Conversation, labels: list[str], by: str) -> None:
        before, conversation.labels = list(conversation.labels), tuple(dict.fromkeys(labels))
        self._touch(conversation)
        self.history.record("labels_changed", conversation=conversation.id, labels=list(conversation.labels), by=by)
        self.tell_updated(conversation, label_list=(before, list(conversation.labels)))

    def change_priority(self, conversation: Conversation, priority: str | None, by: str) -> None:
        before, conversation.priority = conversation.priority, priority
        self._touch(conversation)
        self.history.record("priority_changed", conversation=conversation.id, priority=priority, by=by)
        self.tell_updated(conversation, priority=(before, priority))

    def change_can_reply(self, conversation: Conversation, can_reply: bool) -> None:
        conversation.can_reply = can_reply
        self._touch(conversation)

    def _touch(self, conversation: Conversation) -> None:
        now = self.history.now()
        conversation.updated_at = now
        conversation.note_standing(now)

    # --- failing -------------------------------------------------------------------------------------------------

    def _on_hook_failed(self, hook: Hook) -> None:
        """A bot that can't be reached loses a pending conversation, whatever the message was."""
        if hook.receiver != "bot" or hook.event not in FAILING_EVENTS or self.world.keeps_pending:
            return
        with self.world.lock:
            conversation = self.world.conversations.get(hook.conversation or 0)
            if conversation is None or conversation.status != "pending":
                return
            self.store(conversation, FAULT_TEXT, ACTIVITY, None)
            self.history.record("fault_opened", conversation=conversation.id, message=hook.message)
            self.change_status(conversation, "open", "system")

    def is_flooded(self, conversation: Conversation) -> bool:
        """Chatwoot's limit of messages a minute in one conversation, where it is on."""
        limit = self.world.max_messages_per_minute
        if limit is None:
            return False
        recent = self._recent.setdefault(conversation.id, deque())
        now = time.monotonic()
        while recent and now - recent[0] > 60:
            recent.popleft()
        recent.append(now)
        return len(recent) > limit
