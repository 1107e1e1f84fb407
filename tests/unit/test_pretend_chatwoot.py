"""The pretend Chatwoot behaves as Chatwoot 4.15 does: its webhooks, its API, its people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT
from standins.bot import Bot, call, say, settle, standing_bot

from chatbot.pretend import PretendChatwoot
from chatbot.pretend.hooks import sign


@pytest.fixture
def bot() -> Iterator[Bot]:
    with standing_bot() as bot:
        yield bot


@pytest.fixture
def make(bot: Bot) -> Iterator[Callable[..., PretendChatwoot]]:
    made: list[PretendChatwoot] = []

    def make(**options: Any) -> PretendChatwoot:
        made.append(PretendChatwoot(bot.url, **{"retry_s": 0.05, "timeout_s": 1, **options}).start())
        return made[-1]

    yield make
    for pretend in made:
        pretend.stop()


@pytest.fixture
def pretend(make: Callable[..., PretendChatwoot]) -> PretendChatwoot:
    return make()


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_a_customers_message_arrives_signed(pretend: PretendChatwoot, bot: Bot) -> None:
    made = pretend.customer("¿Hacéis envíos? 🏝️")
    settle(pretend)
    (request,) = bot.requests
    body = request.json()
    assert (body["event"], body["message_type"], body["id"]) == ("message_created", "incoming", made["message"])
    assert body["conversation"]["status"] == "pending"
    assert "type" not in body["sender"]
    assert body["conversation"]["messages"][0]["message_type"] == 0
    stamp = request.headers["x-chatwoot-timestamp"]
    assert request.headers["x-chatwoot-signature"] == sign(pretend.bot.secret, stamp, request.body)
    assert request.headers["x-chatwoot-delivery"]


def test_before_4_13_a_bots_webhooks_are_unsigned_and_fewer(make: Callable[..., PretendChatwoot], bot: Bot) -> None:
    pretend = make(version="4.12.0")
    number = pretend.customer("hola")["conversation"]
    pretend.set_status(number, "open")
    settle(pretend)
    assert "x-chatwoot-signature" not in bot.requests[0].headers
    assert sorted(bot.events()) == ["conversation_opened", "message_created"]
    assert "account" not in bot.newest("message_created")["conversation"]


def test_the_bots_own_post_comes_back_as_a_webhook(pretend: PretendChatwoot, bot: Bot) -> None:
    number = pretend.customer("hola")["conversation"]
    status, answer = say(pretend, number, echo_id="x1")
    settle(pretend)
    assert (status, answer["message_type"], answer["echo_id"]) == (200, 1, "x1")
    echo = next(b for b in bot.bodies if b.get("id") == answer["id"])
    assert echo["sender"] == {"id": 3, "name": "Mostrador", "type": "agent_bot"}
    assert echo["content_attributes"] == {"mostrador": "1-1001-1"}
    assert [m.mark for m in pretend.replies(number)] == ["1-1001-1"]


def test_a_status_change_brings_three_deliveries(pretend: PretendChatwoot, bot: Bot) -> None:
    number = pretend.customer("hola")["conversation"]
    settle(pretend)
    status, answer = call(pretend, "POST", f"/conversations/{number}/toggle_status", {"status": "open"})
    settle(pretend)
    assert (status, answer["payload"]["current_status"], answer["payload"]["success"]) == (200, "open", None)
    assert sorted(bot.events()[1:]) == ["conversation_opened", "conversation_status_changed", "conversation_updated"]
    changed = next(b for b in bot.bodies if b["event"] == "conversation_updated")["changed_attributes"]
    assert changed[0] == {"status": {"previous_value": "pending", "current_value": "open"}}
    assert next(b for b in bot.bodies if b["event"] == "conversation_status_changed")["changed_attributes"] is None


def test_an_account_webhook_hears_too_with_its_own_secret(pretend: PretendChatwoot, bot: Bot) -> None:
    webhook = pretend.add_webhook(bot.url + "/account", secret="s2")
    pretend.customer("hola")
    settle(pretend)
    mine = [r for r in bot.requests if r.path.endswith("/account")]
    assert sorted(r.json()["event"] for r in mine) == ["conversation_created", "message_created"]
    stamp = mine[0].headers["x-chatwoot-timestamp"]
    assert mine[0].headers["x-chatwoot-signature"] == sign(webhook.secret, stamp, mine[0].body)


@pytest.mark.parametrize(("statuses", "tries"), [([500, 429, 200], 3), ([503], 1), ([401], 1), ([500, 500, 500], 3)])
def test_webhooks_are_retried_only_after_429_and_500(
    pretend: PretendChatwoot, bot: Bot, statuses: list[int], tries: int
) -> None:
    bot.statuses = list(statuses)
    number = pretend.customer("hola")["conversation"]
    pretend.wait_until(lambda: len(list(pretend.history.acts("webhook_acked"))) >= tries)
    settle(pretend)
    first = [r for r in bot.requests if r.json()["event"] == "message_created"]
    assert len(first) == tries
    assert len({r.headers["x-chatwoot-delivery"] for r in first}) == 1
    assert pretend.status(number) == ("pending" if statuses[-1] == 200 else "open")


def test_a_failed_webhook_takes_the_conversation_from_the_bot(pretend: PretendChatwoot, bot: Bot) -> None:
    bot.statuses = [503]
    number = pretend.customer("hola")["conversation"]
    settle(pretend)
    newest = pretend.messages(number)[-1]
    assert (newest.message_type, newest.content) == (
        2,
        "Conversation was marked open by system due to an error with the agent bot.",
    )
    assert "activity" not in [b.get("message_type") for b in bot.bodies]
    _, shown = call(pretend, "GET", f"/conversations/{number}")
    assert shown["messages"][0]["id"] == newest.id
    assert shown["last_non_activity_message"]["id"] == newest.id - 1


def test_an_account_may_keep_conversations_pending(make: Callable[..., PretendChatwoot], bot: Bot) -> None:
    pretend = make(keeps_pending=True)
    bot.statuses = [503]
    number = pretend.customer("hola")["conversation"]
    settle(pretend)
    assert pretend.status(number) == "pending"


FREE = {"additional_attributes", "content_attributes", "custom_attributes", "changed_attributes"}


def keys_of(value: Any, path: str = "") -> set[str]:
    """Every key's path, but those below keys whose content is anybody's."""
    if isinstance(value, list):
        return set().union(*(keys_of(v, path + "[]") for v in value))
    if not isinstance(value, dict):
        return set()
    own = {f"{path}.{k}" for k in value}
    return own.union(*(keys_of(v, f"{path}.{k}") for k, v in value.items() if k not in FREE))


def test_its_webhooks_have_the_very_keys_of_chatwoots(pretend: PretendChatwoot, bot: Bot) -> None:
    folder = ROOT.parent / "shared" / "payloads"
    if not folder.exists():
        pytest.skip("compares with ../shared/payloads, which isn't here")
    number = pretend.customer("hola")["conversation"]
    _, reply = say(pretend, number)
    note = pretend.note(number, "ojo")
    settle(pretend)
    pretend.set_status(number, "open")
    settle(pretend)
    built = {
        "answer-incoming-text": next(b for b in bot.bodies if b["id"] == 1001),
        "ignore-own-reply-echo": next(b for b in bot.bodies if b["id"] == reply["id"]),
        "ignore-private-note": next(b for b in bot.bodies if b["id"] == note),
        "state-conversation-opened": bot.newest("conversation_opened"),
        "state-conversation-status-changed": bot.newest("conversation_status_changed"),
        "state-conversation-updated-status": bot.newest("conversation_updated"),
    }
    for name, body in built.items():
        theirs = json.loads((folder / f"{name}.json").read_text())
        assert strip_sender(keys_of(body)) == strip_sender(keys_of(theirs)), name


def strip_sender(keys: set[str]) -> set[str]:
    """Whose the newest message is differs between the cases, and with it the sender's keys."""
    return {k for k in keys if ".messages[].sender." not in k}


# --- API -------------------------------------------------------------------------------------------------------------


def test_tokens_open_what_they_open_in_chatwoot(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    not_for_bots = (401, {"error": "Access to this endpoint is not authorized for bots"})
    assert call(pretend, "GET", "/conversations/0", token="wrong") == (401, {"error": "Invalid Access Token"})
    assert call(pretend, "GET", "/conversations/0")[0] == 404
    for path in (f"/conversations/{number}/messages", "/conversations", "/agent_bots", "/webhooks", "/api/v1/profile"):
        assert call(pretend, "GET", path) == not_for_bots
        assert call(pretend, "GET", path, token=pretend.admin.token)[0] == 200
    assert call(pretend, "GET", "/webhooks", token=pretend.agent.token)[0] == 401
    assert call(pretend, "GET", "/api/v1/profile", token=pretend.agent.token)[1]["role"] == "agent"
    assert "secret" not in call(pretend, "GET", "/agent_bots", token=pretend.agent.token)[1][0]
    assert call(pretend, "GET", "/agent_bots", token=pretend.admin.token)[1][0]["secret"] == pretend.bot.secret


def test_before_4_14_2_a_bot_may_not_read_a_conversation(make: Callable[..., PretendChatwoot]) -> None:
    old, new = make(version="4.14.1"), make(version="4.14.2")
    for pretend, expected in ((old, 401), (new, 200)):
        number = pretend.customer("hola")["conversation"]
        assert call(pretend, "GET", f"/conversations/{number}")[0] == expected
        assert call(pretend, "GET", f"/conversations/{number}/labels")[0] == expected
        assert say(pretend, number)[0] == 200


def test_a_token_may_be_kept_from_listing_messages(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.admin.may_list = False
    assert call(pretend, "GET", f"/conversations/{number}/messages", token=pretend.admin.token)[0] == 401
    assert call(pretend, "GET", f"/conversations/{number}", token=pretend.admin.token)[0] == 200


def test_messages_are_paged_as_chatwoot_does(pretend: PretendChatwoot) -> None:
    number = pretend.customer("0")["conversation"]
    first = 1001
    for n in range(1, 130):
        pretend.customer(str(n), conversation=number)

    def ids(query: str) -> list[int]:
        path = f"/conversations/{number}/messages{query}"
        return [m["id"] for m in call(pretend, "GET", path, token=pretend.admin.token)[1]["payload"]]

    assert ids("") == list(range(first + 110, first + 130))
    assert ids(f"?before={first + 50}") == list(range(first + 30, first + 50))
    assert ids(f"?after={first}") == list(range(first + 1, first + 101))
    assert ids(f"?after={first + 2}&before={first + 5}") == [first + 2, first + 3, first + 4]


def test_conversations_are_listed_by_status_page_and_change(pretend: PretendChatwoot) -> None:
    numbers = [pretend.customer("hola")["conversation"] for _ in range(30)]
    pretend.set_status(numbers[0], "open")

    def listed(query: str) -> list[int]:
        return [
            c["id"] for c in call(pretend, "GET", f"/conversations{query}", token=pretend.admin.token)[1]["data"]["payload"]
        ]

    assert listed("") == [numbers[0]]
    assert (len(listed("?status=all")), len(listed("?status=all&page=2"))) == (25, 5)
    assert len(listed("?status=all&updated_within=60")) == 30
    assert listed("?status=all&inbox_id=99") == []


def test_labels_attributes_priority_and_assignee_are_replaced_whole(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    path = f"/conversations/{number}"
    assert call(pretend, "POST", path + "/labels", {"labels": ["a", "b"]}) == (200, {"payload": ["a", "b"]})
    assert call(pretend, "POST", path + "/labels", {"labels": ["c"]})[1] == {"payload": ["c"]}
    call(pretend, "POST", path + "/custom_attributes", {"custom_attributes": {"x": 1}})
    call(pretend, "POST", path + "/toggle_priority", {"priority": "high"})
    assert call(pretend, "POST", path + "/assignments", {"assignee_id": 7})[1]["name"] == "Marta Sol"
    _, shown = call(pretend, "GET", path)
    assert (shown["labels"], shown["priority"], shown["custom_attributes"]) == (["c"], "high", {"x": 1})
    assert (shown["meta"]["assignee"]["id"], shown["meta"]["assignee_type"]) == (7, "User")
    call(pretend, "POST", path + "/assignments", {"assignee_id": None})
    assert call(pretend, "GET", path)[1]["meta"]["assignee"] is None


def test_an_agents_token_that_opens_also_takes_the_conversation(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    call(pretend, "POST", f"/conversations/{number}/toggle_status", {"status": "open"}, token=pretend.agent.token)
    assert pretend.world.conversations[number].assignee == ("User", pretend.agent.id)


def test_outgoing_text_runs_through_liquid(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola", name="Ana")["conversation"]
    assert say(pretend, number, content="Hola {{ contact.name }}{% if x %}, {{ secret }}")[1]["content"] == "Hola Ana, "


def test_too_long_too_many_and_unknown_are_refused(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    assert say(pretend, number, content="x" * 150_001)[0] == 422
    assert say(pretend, 999)[0] == 404
    pretend.world.max_messages_per_minute = 2
    assert [say(pretend, number, f"1-1-{n}")[0] for n in (1, 2, 3)] == [200, 200, 422]


def test_the_wizards_calls_attach_the_bot_and_make_a_webhook(pretend: PretendChatwoot) -> None:
    admin = pretend.admin.token
    made = call(pretend, "POST", "/agent_bots", {"name": "Otro", "outgoing_url": "http://x"}, admin)[1]
    assert made["access_token"]
    assert call(pretend, "POST", "/inboxes/1/set_agent_bot", {"agent_bot": made["id"]}, admin)[0] == 200
    assert call(pretend, "GET", "/inboxes/1/agent_bot", token=admin)[1]["agent_bot"]["name"] == "Otro"
    body = {"webhook": {"url": "http://y", "subscriptions": ["message_created"]}}
    assert call(pretend, "POST", "/webhooks", body, admin)[1]["payload"]["webhook"]["secret"]
    assert call(pretend, "POST", "/webhooks", body, admin)[0] == 422


# --- people ----------------------------------------------------------------------------------------------------------


def test_a_resolved_conversation_comes_back_pending_in_the_widget_and_anew_elsewhere(pretend: PretendChatwoot) -> None:
    here = pretend.customer("hola")
    pretend.resolve(here["conversation"])
    again = pretend.customer("otra vez", contact=here["contact"])
    assert again["conversation"] == here["conversation"]
    assert pretend.status(again["conversation"]) == "pending"
    whatsapp = pretend.add_inbox("WhatsApp", "Channel::Whatsapp")
    there = pretend.customer("hola", inbox=whatsapp)
    pretend.resolve(there["conversation"])
    assert pretend.customer("otra", contact=there["contact"], inbox=whatsapp)["conversation"] != there["conversation"]


def test_a_take_over_opens_and_assigns_and_a_reply_leaves_pending(pretend: PretendChatwoot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.agent_reply(number, "Hola, soy Marta")
    assert pretend.status(number) == "pending"
    pretend.take_over(number)
    assert pretend.status(number) == "open"
    assert [line["act"] for line in pretend.history.acts("take_over", "assigned", "human_message")] == [
        "human_message",
        "take_over",
        "assigned",
    ]
    pretend.hand_back(number)
    assert pretend.status(number) == "pending"


def test_presses_deletions_and_failures_come_as_updates(pretend: PretendChatwoot, bot: Bot) -> None:
    number = pretend.customer("hola")["conversation"]
    items = [{"title": "Devolución", "value": "return"}, {"title": "Pedido", "value": "order"}]
    attributes = {"mostrador": "1-1001-1", "items": items}
    _, asked = say(pretend, number, content_type="input_select", content_attributes=attributes)
    pretend.press(asked["id"], "return")
    settle(pretend)
    pressed = bot.newest("message_updated")
    assert pressed["content_attributes"]["submitted_values"] == [{"title": "Devolución", "value": "return"}]
    pretend.set_message_status(asked["id"], "failed", "24 h are over")
    settle(pretend)
    failed = bot.newest("message_updated")
    assert failed["content_attributes"]["external_error"] == "24 h are over"
    assert failed["conversation"]["messages"][0]["status"] == "failed"
    pretend.delete_message(asked["id"])
    settle(pretend)
    assert bot.newest("message_updated")["content_attributes"] == {"deleted": True}


def test_a_private_note_is_not_the_conversations_newest_message(pretend: PretendChatwoot, bot: Bot) -> None:
    made = pretend.customer("hola")
    note = pretend.note(made["conversation"], "/bot off")
    settle(pretend)
    body = next(b for b in bot.bodies if b["id"] == note)
    assert (body["private"], body["sender"]["type"]) == (True, "user")
    assert body["conversation"]["messages"][0]["id"] == made["message"]


def test_templates_and_paired_phones_have_no_sender(pretend: PretendChatwoot, bot: Bot) -> None:
    number = pretend.customer("hola")["conversation"]
    pretend.inject(number, "Gracias por escribir", "template")
    pretend.inject(number, "Te llamo", content_attributes={"external_echo": True})
    settle(pretend)
    template = next(b for b in bot.bodies if b["message_type"] == "template")
    assert template["sender"] is None
    assert [line["by"] for line in pretend.history.acts("human_message")] == ["human:phone"]
