"""Customers and agents of the pretend Chatwoot: everything that people do, as methods that tests and the control API call."""

from __future__ import annotations

from typing import Any

from chatbot.pretend import payloads
from chatbot.pretend.desk import Desk
from chatbot.pretend.state import (
    DELETED_TEXT,
    INCOMING,
    OUTGOING,
    TEMPLATE,
    Contact,
    Conversation,
    File,
    Inbox,
    Message,
    Sender,
)

TYPES = {"incoming": INCOMING, "outgoing": OUTGOING, "template": TEMPLATE}
KEEPING_CHANNELS = ("Channel::WebWidget", "Channel::Email")


class People(Desk):
    """Conversations and messages are named by their ids; agents too (the first user where none is given)."""

    def customer(
        self,
        text: str | None,
        *,
        conversation: int | None = None,
        contact: int | None = None,
        inbox: int | None = None,
        name: str = "Lola Vidal",
        language: str | None = None,
        **facts: Any,
    ) -> dict[str, int]:
        """A customer writes: in a conversation, or as a contact (their newest one), or else as somebody new.

        language: the browser's, of a new conversation. facts: attachments, content_attributes, content_type, source_id.
        Answers message, conversation and contact ids.
        """
        with self.world.lock:
            place = self._place(conversation, contact, inbox, name)
            if place.inbox.channel == "Channel::WebWidget":
                facts.setdefault("content_attributes", {"in_reply_to": None})
            is_new = not place.messages
            if is_new and language is not None:
                place.additional_attributes = {"browser_language": language}
            message = self.store(place, text, INCOMING, ("Contact", place.contact.id), **facts)
            self._reopen(place)
            self.history.record("customer_message", conversation=place.id, message=message.id, status=place.status, text=text)
            if is_new:
                self.tell_conversation(place, "conversation_created")
            self.tell_message(place, message)
            return {"message": message.id, "conversation": place.id, "contact": place.contact.id}

    def add_file(self, base_url: str, name: str, content: bytes, media_type: str, leads_to: str = "") -> dict[str, Any]:
        """A file that can be fetched, as the attachment that customer() takes. leads_to: state.File."""
        with self.world.lock:
            token = f"muestra--{len(self.world.files) + 1}"
            self.world.files[token] = File(name, content, media_type, leads_to)
            family = media_type.split("/", maxsplit=1)[0]
            return {
                "id": len(self.world.files),
                "file_type": family if family in {"audio", "image", "video"} else "file",
                "extension": name.rsplit(".", 1)[-1],
                "data_url": f"{base_url}/rails/active_storage/blobs/redirect/{token}/{name}",
                "thumb_url": "",
                "file_size": len(content),
                **({"transcribed_text": ""} if family == "audio" else {}),
            }

    def customer_many(self, messages: list[dict[str, Any]]) -> list[dict[str, int]]:
        return [self.customer(**m) for m in messages]

    def _place(self, conversation: int | None, contact: int | None, inbox: int | None, name: str) -> Conversation:
        world = self.world
        if conversation is not None:
            found = world.conversations[conversation]
        else:
            chosen = world.inboxes[inbox] if inbox is not None else next(iter(world.inboxes.values()))
            person = world.contacts[contact] if contact is not None else self._new_contact(name)
            newest = world.newest_of_contact.get((chosen.id, person.id))
            if newest is None:
                return world.add_conversation(chosen, person, self.history.now())
            found = world.conversations[newest]
        keeps = found.inbox.is_single or found.inbox.channel in KEEPING_CHANNELS
        if found.status == "resolved" and not keeps and not found.contact.is_blocked:
            return world.add_conversation(found.inbox, found.contact, self.history.now())
        return found

    def _new_contact(self, name: str) -> Contact:
        contact = self.world.add_contact(name)
        contact.email = f"cliente{contact.id}@example.com"
        self.tell("contact_created", payloads.contact_event(self.world, contact, "contact_created"), None)
        return contact

    def _reopen(self, conversation: Conversation) -> None:
        if conversation.contact.is_blocked:
            return
        if conversation.status == "resolved":
            self.change_status(conversation, "pending" if conversation.inbox.bot_id is not None else "open", "customer")
        elif conversation.status == "snoozed":
            self.change_status(conversation, "open", "customer")

    def press(self, message: int, values: Any) -> None:
        """The widget's visitor presses a button (its value) or fills in a form (Chatwoot's own list of values)."""
        with self.world.lock:
            pressed = self.world.message_by_id[message]
            if isinstance(values, str):
                items = pressed.content_attributes.get("items") or []
                values = [{"title": i["title"], "value": i["value"]} for i in items if i["value"] == values]
            pressed.content_attributes = {**pressed.content_attributes, "submitted_values": values}
            self.history.record("customer_press", conversation=pressed.conversation_id, message=message, values=values)
            self._updated(pressed)

    def _updated(self, message: Message) -> None:
        message.updated_at = self.history.now()
        self.tell_message(self.world.conversations[message.conversation_id], message, "message_updated")

    def inject(self, conversation: int, text: str | None, kind: str = "outgoing", **facts: Any) -> int:
        """Any other message: a template, a campaign, an automation, a paired phone. facts: sender, private, attributes ..."""
        with self.world.lock:
            place = self.world.conversations[conversation]
            given = facts.pop("sender", None)
            sender: Sender = (given[0], given[1]) if given else None
            message = self.store(place, text, TYPES[kind], sender, **facts)
            is_phone = bool(message.content_attributes.get("external_echo"))
            self.history.record(
                "human_message" if is_phone else "injected",
                conversation=conversation, message=message.id, by="human:phone" if is_phone else "system", text=text,
            )  # fmt: skip
            self.tell_message(place, message)
            return message.id

    def _agent(self, agent: int | None) -> tuple[str, int]:
        return ("User", agent if agent is not None else next(iter(self.world.users)))

    def agent_reply(self, conversation: int, text: str, agent: int | None = None) -> int:
        """A person answers. The status stays as it is."""
        with self.world.lock:
            place, who = self.world.conversations[conversation], self._agent(agent)
            place.agent_seen_at = self.history.now()
            message = self.store(place, text, OUTGOING, who)
            self.history.record("human_message", conversation=conversation, message=message.id, by=f"human:{who[1]}", text=text)
            self.tell_message(place, message)
            self.clear_waiting(place)
            return message.id

    def note(self, conversation: int, text: str, agent: int | None = None) -> int:
        """A person's private note, also the commands "/bot on" and "/bot off"."""
        with self.world.lock:
            place, who = self.world.conversations[conversation], self._agent(agent)
            message = self.store(place, text, OUTGOING, who, private=True)
            self.history.record("human_note", conversation=conversation, message=message.id, by=f"human:{who[1]}", text=text)
            self.tell_message(place, message)
            return message.id

    def take_over(self, conversation: int, agent: int | None = None) -> None:
        """The dashboard's button: open and mine."""
        with self.world.lock:
            place, who = self.world.conversations[conversation], self._agent(agent)
            self.history.record("take_over", conversation=conversation, by=f"human:{who[1]}")
            self.change_status(place, "open", f"human:{who[1]}")
            self.change_assignee(place, who, f"human:{who[1]}")

    def assign(self, conversation: int, agent: int | None) -> None:
        """A person assigns somebody, or (None) nobody."""
        with self.world.lock:
            who = ("User", agent) if agent is not None else None
            self.change_assignee(self.world.conversations[conversation], who, f"human:{self._agent(None)[1]}")

    def set_status(self, conversation: int, status: str, agent: int | None = None) -> None:
        """A person opens, resolves, snoozes, or hands back (pending)."""
        with self.world.lock:
            self.change_status(self.world.conversations[conversation], status, f"human:{self._agent(agent)[1]}")

    def label(self, conversation: int, *labels: str) -> None:
        """A person changes which labels it has."""
        with self.world.lock:
            self.change_labels(self.world.conversations[conversation], list(labels), f"human:{self._agent(None)[1]}")

    def resolve(self, conversation: int) -> None:
        self.set_status(conversation, "resolved")

    def hand_back(self, conversation: int) -> None:
        with self.world.lock:
            self.assign(conversation, None)
            self.set_status(conversation, "pending")

    def delete_message(self, message: int) -> None:
        """A delete wipes the attributes, our mark among them."""
        with self.world.lock:
            deleted = self.world.message_by_id[message]
            deleted.content, deleted.content_attributes, deleted.attachments = DELETED_TEXT, {"deleted": True}, []
            self.history.record("message_deleted", conversation=deleted.conversation_id, message=message)
            self._updated(deleted)

    def set_message_status(self, message: int, status: str, error: str | None = None) -> None:
        """What the channel says later: delivered, read, or failed with its reason."""
        with self.world.lock:
            changed = self.world.message_by_id[message]
            changed.status = status
            if error is not None:
                changed.content_attributes = {**changed.content_attributes, "external_error": error}
            self.history.record(
                "message_status", conversation=changed.conversation_id, message=message, mark=changed.mark, status=status
            )
            self._updated(changed)

    def edit(self, message: int, **facts: Any) -> None:
        """Any later change of a message, such as a transcription in its attachments."""
        with self.world.lock:
            changed = self.world.message_by_id[message]
            for name, value in facts.items():
                setattr(changed, name, value)
            self._updated(changed)

    def set_can_reply(self, conversation: int, can_reply: bool) -> None:
        with self.world.lock:
            self.change_can_reply(self.world.conversations[conversation], can_reply)

    def set_blocked(self, contact: int, is_blocked: bool = True) -> None:
        with self.world.lock:
            self.world.contacts[contact].is_blocked = is_blocked

    def add_inbox(
        self, name: str, channel: str = "Channel::WebWidget", *, is_single: bool = False, has_bot: bool = True
    ) -> int:
        """One more inbox, with the first agent bot."""
        with self.world.lock:
            number = max(self.world.inboxes, default=0) + 1
            bot_id = next(iter(self.world.bots)) if has_bot else None
            self.world.inboxes[number] = Inbox(number, name, channel, bot_id, is_single)
            return number
