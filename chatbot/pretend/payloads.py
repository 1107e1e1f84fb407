"""Chatwoot's JSON, built from state: webhook bodies and API answers, key for key as 4.15 writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chatbot.pretend.state import (
    ACTIVITY,
    Contact,
    Conversation,
    Inbox,
    Message,
    Sender,
    Standing,
    World,
)

Json = dict[str, Any]
WORDS = ("incoming", "outgoing", "activity", "template")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def account_brief(world: World) -> Json:
    return {"id": world.account_id, "name": world.account_name}


def contact_brief(contact: Contact) -> Json:
    return {
        "additional_attributes": contact.additional_attributes,
        "custom_attributes": contact.custom_attributes,
        "email": contact.email,
        "id": contact.id,
        "identifier": None,
        "name": contact.name,
        "phone_number": contact.phone,
        "thumbnail": "",
        "blocked": contact.is_blocked,
    }


def contact_full(world: World, contact: Contact) -> Json:
    """A contact as the sender at the top of a message webhook: it has no type."""
    return {"account": account_brief(world), "avatar": "", **contact_brief(contact)}


def person(world: World, sender: Sender) -> Json | None:
    """An assignee or a sender inside a conversation. None for nobody."""
    if sender is None:
        return None
    kind, number = sender
    if kind == "Contact":
        return {**contact_brief(world.contacts[number]), "type": "contact"}
    if kind == "AgentBot":
        return {"id": number, "name": world.sender_name(sender), "avatar_url": "", "type": "agent_bot"}
    name = world.sender_name(sender)
    return {
        "id": number,
        "name": name,
        "available_name": name.split(" ", maxsplit=1)[0],
        "avatar_url": "",
        "type": "user",
        "availability_status": "online",
        "thumbnail": "",
    }


def webhook_sender(world: World, sender: Sender) -> Json | None:
    """The sender at the top of a message webhook."""
    if sender is None:
        return None
    kind, number = sender
    if kind == "Contact":
        return contact_full(world, world.contacts[number])
    if kind == "AgentBot":
        return {"id": number, "name": world.sender_name(sender), "type": "agent_bot"}
    user = world.users.get(number)
    return {"id": number, "name": world.sender_name(sender), "email": user.email if user else None, "type": "user"}


def message_push(world: World, conversation: Conversation, message: Message) -> Json:
    """A message inside `conversation.messages`."""
    body: Json = {
        "id": message.id,
        "content": message.content,
        "account_id": world.account_id,
        "inbox_id": message.inbox_id,
        "conversation_id": conversation.id,
        "message_type": message.message_type,
        "created_at": int(message.created_at),
        "updated_at": iso(message.updated_at),
        "private": message.private,
        "status": message.status,
        "source_id": message.source_id,
        "content_type": message.content_type,
        "content_attributes": message.content_attributes,
        "sender_type": message.sender[0] if message.sender else None,
        "sender_id": message.sender[1] if message.sender else None,
        "external_source_ids": {},
        "additional_attributes": message.additional_attributes,
        "processed_message_content": message.content,
        "sentiment": {},
        "conversation": {
            "assignee_id": _user_id(conversation.assignee),
            "unread_count": unread_count(conversation),
            "last_activity_at": int(conversation.last_activity_at),
            "contact_inbox": {"source_id": source_id(conversation)},
        },
    }
    if message.attachments:
        body["attachments"] = message.attachments
    if message.sender is not None:
        body["sender"] = person(world, message.sender)
    return body


def _user_id(sender: Sender) -> int | None:
    return sender[1] if sender is not None and sender[0] == "User" else None


def unread_count(conversation: Conversation) -> int:
    """Messages of the customer that no agent has seen, as far as the last ten tell."""
    return sum(m.message_type == 0 and m.created_at > conversation.agent_seen_at for m in conversation.messages[-10:])


def source_id(conversation: Conversation) -> str:
    return conversation.contact.find_end(conversation.inbox.id, conversation.inbox.channel)


def _contact_inbox(conversation: Conversation) -> Json:
    at = iso(conversation.created_at)
    return {
        "id": conversation.contact.id * 10 + 1,
        "contact_id": conversation.contact.id,
        "inbox_id": conversation.inbox.id,
        "source_id": source_id(conversation),
        "created_at": at,
        "updated_at": at,
        "hmac_verified": False,
        "pubsub_token": "pubsub-pretend",
    }


def _meta(world: World, conversation: Conversation, standing: Standing) -> Json:
    return {
        "sender": person(world, ("Contact", conversation.contact.id)),
        "assignee": person(world, standing.assignee),
        "assignee_type": standing.assignee[0] if standing.assignee else None,
        "team": {"id": standing.team_id, "name": f"team {standing.team_id}"} if standing.team_id else None,
        "hmac_verified": False,
    }


def _times(conversation: Conversation) -> Json:
    return {
        "agent_last_seen_at": int(conversation.agent_seen_at),
        "contact_last_seen_at": int(conversation.last_activity_at) if conversation.inbox.channel.endswith("Widget") else 0,
        "last_activity_at": int(conversation.last_activity_at),
        "timestamp": int(conversation.last_activity_at),
        "created_at": int(conversation.created_at),
        "updated_at": round(conversation.updated_at, 2),
        "waiting_since": int(conversation.waiting_since or 0),
        "first_reply_created_at": iso(conversation.first_reply_at) if conversation.first_reply_at else None,
    }


def conversation_push(world: World, conversation: Conversation) -> Json:
    """The conversation in every webhook. Its one message is the newest public one, whatever the event is about."""
    standing = conversation.standing()
    newest = next((m for m in reversed(conversation.messages) if m.message_type != ACTIVITY and not m.private), None)
    body = {
        "additional_attributes": conversation.additional_attributes,
        "can_reply": conversation.can_reply,
        "channel": conversation.inbox.channel,
        "contact_inbox": _contact_inbox(conversation),
        "id": conversation.id,
        "inbox_id": conversation.inbox.id,
        "messages": [message_push(world, conversation, newest)] if newest else [],
        "labels": list(conversation.labels),
        "meta": _meta(world, conversation, standing),
        "status": conversation.status,
        "custom_attributes": conversation.custom_attributes,
        "snoozed_until": None,
        "unread_count": unread_count(conversation),
        "priority": conversation.priority,
        **_times(conversation),
    }
    if world.is_at_least(4, 14, 2):
        body["account"] = account_brief(world)
    return body


def message_event(world: World, conversation: Conversation, message: Message, event: str) -> Json:
    """`message_created` and `message_updated`."""
    body: Json = {
        "account": account_brief(world),
        "additional_attributes": message.additional_attributes,
        "content_attributes": message.content_attributes,
        "content_type": message.content_type,
        "content": message.content,
        "conversation": conversation_push(world, conversation),
        "created_at": iso(message.created_at),
        "id": message.id,
        "inbox": {"id": message.inbox_id, "name": conversation.inbox.name},
        "message_type": WORDS[message.message_type],
        "private": message.private,
        "sender": webhook_sender(world, message.sender),
        "source_id": message.source_id,
    }
    if message.attachments:
        body["attachments"] = message.attachments
    return {**body, "event": event}


def conversation_event(world: World, conversation: Conversation, event: str, changed: Json | None = None) -> Json:
    """Conversation events. changed: name -> (before, now); it is null in conversation_status_changed."""
    body = {**conversation_push(world, conversation), "event": event}
    if event == "conversation_status_changed":
        body["changed_attributes"] = None
    elif event == "conversation_updated":
        body["changed_attributes"] = [
            {name: {"previous_value": before, "current_value": now}} for name, (before, now) in (changed or {}).items()
        ]
    return body


def contact_event(world: World, contact: Contact, event: str) -> Json:
    return {**contact_full(world, contact), "event": event}


def typing_event(world: World, conversation: Conversation, sender: Sender, event: str) -> Json:
    return {
        "event": event,
        "user": webhook_sender(world, sender),
        "conversation": conversation_push(world, conversation),
        "is_private": False,
    }


def message_answer(world: World, message: Message, echo_id: Any = None) -> Json:
    """A message as the API shows it: the type is a number, the time Unix seconds."""
    body: Json = {
        "id": message.id,
        "content": message.content,
        "inbox_id": message.inbox_id,
        "conversation_id": message.conversation_id,
        "message_type": message.message_type,
        "content_type": message.content_type,
        "status": message.status,
        "content_attributes": message.content_attributes,
        "created_at": int(message.created_at),
        "private": message.private,
        "source_id": message.source_id,
    }
    if echo_id is not None:
        body["echo_id"] = echo_id
    if message.sender is not None:
        body["sender"] = person(world, message.sender)
    if message.attachments:
        body["attachments"] = message.attachments
    return body


def conversation_answer(world: World, conversation: Conversation, as_of: float | None = None) -> Json:
    """GET conversation: messages holds only the newest of any kind."""
    standing = conversation.standing(as_of)
    messages = conversation.seen_messages(as_of)
    spoken = next((m for m in reversed(messages) if m.message_type != ACTIVITY), None)
    return {
        "meta": {**_meta(world, conversation, standing), "channel": conversation.inbox.channel},
        "id": conversation.id,
        "messages": [message_push(world, conversation, messages[-1])] if messages else [],
        "account_id": world.account_id,
        "uuid": f"00000000-0000-4000-8000-{conversation.id:012d}",
        "additional_attributes": conversation.additional_attributes,
        "can_reply": standing.can_reply,
        "custom_attributes": conversation.custom_attributes,
        "inbox_id": conversation.inbox.id,
        "labels": list(standing.labels),
        "muted": False,
        "snoozed_until": None,
        "status": standing.status,
        "unread_count": unread_count(conversation),
        "last_non_activity_message": message_push(world, conversation, spoken) if spoken else None,
        "priority": standing.priority,
        "sla_policy_id": None,
        **_times(conversation),
    }


def messages_answer(world: World, conversation: Conversation, messages: list[Message]) -> Json:
    standing = conversation.standing()
    return {
        "meta": {
            "labels": list(standing.labels),
            "additional_attributes": conversation.additional_attributes,
            "contact": contact_brief(conversation.contact),
            "assignee": person(world, standing.assignee),
            "agent_last_seen_at": iso(conversation.agent_seen_at) if conversation.agent_seen_at else None,
            "assignee_last_seen_at": None,
        },
        "payload": [message_answer(world, m) for m in messages],
    }


def inbox_answer(inbox: Inbox) -> Json:
    body: Json = {
        "id": inbox.id,
        "channel_id": inbox.id,
        "name": inbox.name,
        "channel_type": inbox.channel,
        "greeting_enabled": bool(inbox.greeting),
        "greeting_message": inbox.greeting or None,
        "working_hours_enabled": bool(inbox.out_of_office),
        "out_of_office_message": inbox.out_of_office or None,
        "enable_auto_assignment": False,
        "enable_email_collect": inbox.asks_email,
        "csat_survey_enabled": False,
        "allow_messages_after_resolved": True,
        "lock_to_single_conversation": inbox.is_single,
        "timezone": "Europe/Madrid",
    }
    if inbox.channel == "Channel::WebWidget":
        body["website_token"] = inbox.website_token
    return body
