"""Every payload does what its file's first word says: the fixtures are the specification, and this is their one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask
from sqlalchemy import text

from chatbot.marks import read_mark
from chatbot.pretend.chatwoot import PretendChatwoot
from integration.desk import Desk, read_payloads

OWN = ROOT / "tests" / "fixtures" / "payloads"
SHARED = ROOT.parent / "shared" / "payloads"
SHOPS = {OWN: (9, (21, 22, 23, 24)), SHARED: (123, (456, 457, 458, 459, 460))}
CASES = [(folder, name, body) for folder in SHOPS for name, body in read_payloads(folder).items()]
SHARED_HINT = "../shared/payloads isn't there: only the project's own fixtures were tried"


@pytest.fixture(scope="module")
def desks(make_module_app: Callable[[], Flask]) -> Iterator[Callable[[Path], Desk]]:
    made: dict[Path, Desk] = {}
    pretends: list[PretendChatwoot] = []

    def get(folder: Path) -> Desk:
        if folder not in made:
            account, inboxes = SHOPS[folder]
            pretends.append(PretendChatwoot(account_id=account, inbox_id=inboxes[0]).start())
            made[folder] = Desk(make_module_app(), pretends[-1], account, inboxes)
        return made[folder]

    yield get
    for pretend in pretends:
        pretend.stop()


@pytest.mark.skipif(not SHARED.is_dir(), reason=SHARED_HINT)
def test_shared_payloads_are_tried() -> None:
    assert sum(folder == SHARED for folder, _, _ in CASES) > 60


@pytest.mark.parametrize(("folder", "name", "body"), CASES, ids=[f"{f.parent.name}-{n}" for f, n, _ in CASES])
def test_a_payload_does_what_its_name_says(
    desks: Callable[[Path], Desk], folder: Path, name: str, body: dict[str, Any]
) -> None:
    desk = desks(folder)
    desk.clear()
    desk.stand(body)
    if name.startswith("update") and "failed" in name:
        remember_part(desk, body)
    if name.startswith("update") and ("voice" in name or "transcribed" in name):
        desk.post({**body, "event": "message_created", "attachments": [{"file_type": "audio", "transcribed_text": ""}]})
    assert desk.post(body) == 200
    EXPECTED[name.split("-", 1)[0]](desk, name, body)
    before = read_state(desk)
    assert desk.post(body) == 200, "the same again"
    desk.work()
    assert read_state(desk) == before, "a duplicate changes nothing"


def read_state(desk: Desk) -> tuple[object, ...]:
    """What customers and agents see, and who has it."""
    posts = [(m.mark, m.content) for m in desk.pretend.replies()] + [m.mark for m in desk.pretend.replies(private=True)]
    return posts, desk.rows("SELECT chatwoot_id, owner, in_seq FROM conversation"), desk.rows("SELECT state, rule FROM turn")


def conversation_of(desk: Desk) -> dict[str, Any]:
    (row,) = desk.rows("SELECT * FROM conversation")
    return row


def expect_answer(desk: Desk, name: str, body: dict[str, Any]) -> None:
    (outcome,) = desk.work()
    assert outcome in {"answered", "handed_off"}
    assert len(desk.pretend.replies()) == 1
    assert (outcome == "handed_off") == (desk.pretend.status(body["conversation"]["id"]) == "open")


def expect_ignored(desk: Desk, name: str, body: dict[str, Any]) -> None:
    outcomes = desk.work()
    assert desk.pretend.replies() == desk.pretend.replies(private=True) == []
    if body["message_type"] == "incoming":
        assert outcomes == ["ignored"]
        assert desk.rows("SELECT rule FROM turn WHERE rule IS NULL") == []
    else:
        assert outcomes == []
        assert desk.rows("SELECT 1 FROM conversation WHERE owner = 'people'") == []


def expect_silence(desk: Desk, name: str, body: dict[str, Any]) -> None:
    assert conversation_of(desk)["owner"] == "people"
    customer = {**body, "id": body["id"] + 1, "message_type": "incoming", "content": "¿Y entonces?", "content_attributes": {}}
    customer["created_at"] = body["created_at"]
    desk.post(customer)
    desk.work()
    assert desk.pretend.replies() == []


def expect_command(desk: Desk, name: str, body: dict[str, Any]) -> None:
    desk.work()
    if name.endswith("off"):
        assert conversation_of(desk)["owner"] == "people"
        assert desk.pretend.status(body["conversation"]["id"]) == "open"
    else:
        assert conversation_of(desk)["owner"] == "bot"
    assert desk.pretend.replies() == desk.pretend.replies(private=True) == []


def expect_update(desk: Desk, name: str, body: dict[str, Any]) -> None:
    desk.work()
    if "failed" in name:
        (note,) = desk.pretend.replies(private=True)
        assert body["content_attributes"]["external_error"] in (note.content or "")
        assert desk.pretend.status(body["conversation"]["id"]) == "open"
    elif "voice" in name or "transcribed" in name:
        assert len(desk.pretend.replies()) == 1
        said = desk.rows("SELECT attachments FROM message WHERE kind = 'created'")[0]["attachments"][0]["transcript"]
        assert said == body["attachments"][0]["transcribed_text"]
    else:
        assert desk.pretend.replies() == desk.pretend.replies(private=True) == []


def expect_state(desk: Desk, name: str, body: dict[str, Any]) -> None:
    assert desk.work() == []
    row = conversation_of(desk)
    assert row["status"] == body["status"]
    assignee = body["meta"].get("assignee") or {}
    has_person = bool(assignee) and body["meta"].get("assignee_type") != "AgentBot" and assignee.get("type") != "agent_bot"
    assert (row["owner"] == "people") == has_person or body["status"] != "pending"
    assert desk.pretend.replies() == desk.pretend.replies(private=True) == []


def expect_nothing(desk: Desk, name: str, body: dict[str, Any]) -> None:
    assert desk.work() == []
    assert desk.rows("SELECT 1 FROM conversation") == []
    assert len(desk.rows("SELECT 1 FROM webhook")) == 1


EXPECTED = {
    "answer": expect_answer,
    "ignore": expect_ignored,
    "silence": expect_silence,
    "note": expect_command,
    "update": expect_update,
    "state": expect_state,
    "event": expect_nothing,
    "other": expect_nothing,
}


def remember_part(desk: Desk, body: dict[str, Any]) -> None:
    """The part of ours whose failure the payload tells."""
    mark = body["content_attributes"]["mostrador"]
    found = read_mark(mark)
    assert found is not None
    desk.post({**body, "event": "message_created", "content_attributes": {"mostrador": mark}})
    with desk.engine.begin() as connection:
        turn = connection.execute(
            text(
                "INSERT INTO turn (conversation_id, epoch, from_seq, to_seq, mode, state, newest_chatwoot_id, finished_at)"
                " SELECT id, 1, 0, 0, 'live', 'answered', :newest, now() FROM conversation RETURNING id, conversation_id"
            ),
            {"newest": found.newest},
        ).one()
        connection.execute(
            text(
                "INSERT INTO part (turn_id, conversation_id, ordinal, mark, text, state)"
                " VALUES (:turn, :conversation, 1, :mark, 'Sí, enviamos a Canarias.', 'sent')"
            ),
            {"turn": turn.id, "conversation": turn.conversation_id, "mark": mark},
        )
