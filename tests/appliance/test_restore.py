"""6. A backup is proved, and put onto a second, empty machine while the old box still lives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.box import ANSWERS, Box, wait
from appliance.host import Host

BACKUPS = "/var/backups/mostrador"
TABLES = ("contact", "conversation", "message", "turn", "part", "entry", "revision", "release")


@dataclass
class Restored:
    """old and new: the boxes; rows: of the old one's tables when the backup was made; earlier: conversations from before it,
    later: from between the backup and the restore; words: of the restore's command."""

    old: Box
    new: Box
    rows: dict[str, int]
    ids: dict[str, int]
    earlier: list[int]
    later: list[int]
    words: tuple[str, ...]


def newest_bundle(box: Box) -> str:
    return box.host.ssh(f"ls -t {BACKUPS}/*.tar.age | head -n 1").strip()


def count_rows(box: Box, ids: dict[str, int] | None = None) -> dict[str, int]:
    """Per table; up to those ids where they are given."""
    found = {}
    for table in TABLES:
        limit = f" WHERE id <= {ids[table]}" if ids else ""
        found[table] = int(box.sql(f'SELECT count(*) FROM "{table}"{limit}'))
    return found


def highest_ids(box: Box) -> dict[str, int]:
    return {table: int(box.sql(f'SELECT coalesce(max(id), 0) FROM "{table}"')) for table in TABLES}


def settled_rows(box: Box) -> tuple[dict[str, int], dict[str, int]]:
    """The highest ids and the rows, once nothing is written any more: late echoes of what was said are taken in."""
    wait(lambda: box.outside.chatwoot.read("stats")["hooks_waiting"] == 0, 120, "Chatwoot has delivered its webhooks")
    seen: list[tuple[dict[str, int], dict[str, int]]] = []

    def is_settled() -> bool:
        seen.append((highest_ids(box), count_rows(box)))
        return seen[-1:] == seen[-2:-1]

    wait(is_settled, 120, "nothing is written any more", every_s=3)
    return seen[-1]


def test_a_backup_is_proved_and_says_what_was_found(box: Box) -> None:
    box.host.ssh("systemctl start mostrador-backup.service", 300)
    listed = json.loads(box.mostrador("backup list --json"))["backups"]
    assert listed[0]["counts"], listed[0]
    assert box.host.ssh(f"stat --format=%a {newest_bundle(box)}").strip() in {"600", "640"}
    assert b"PGDMP" not in box.host.ssh(f"head -c 4000 {newest_bundle(box)} | base64").encode()


def test_a_backup_with_a_flipped_byte_no_longer_counts(box: Box) -> None:
    box.mostrador("backup make --no-copy")
    before = list_backups(box)
    spoiled = newest_bundle(box)
    name = Path(spoiled).name
    assert before[name]
    box.host.ssh(f"printf x | dd of={spoiled} bs=1 seek=$(($(stat --format=%s {spoiled}) / 2)) conv=notrunc status=none")
    assert box.host.try_ssh(f"/usr/local/bin/mostrador backup prove {name}", 300).returncode != 0
    after = list_backups(box)
    assert after == {**before, name: False}, "only the spoiled one"
    box.host.ssh(f"rm -f {spoiled}*")
    box.mostrador("backup make --no-copy")


def list_backups(box: Box) -> dict[str, bool]:
    """name -> whether it counts."""
    return {row["name"]: row["counts"] for row in json.loads(box.mostrador("backup list --json"))["backups"]}


def test_a_backup_that_would_fill_the_disk_isn_t_made(box: Box) -> None:
    before = newest_bundle(box)
    box.host.ssh("fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 30000000)) /var/filler")
    try:
        done = box.host.try_ssh("/usr/local/bin/mostrador backup make --no-copy", 300)
    finally:
        box.host.ssh("rm /var/filler")
    assert done.returncode != 0
    assert newest_bundle(box) == before


@pytest.fixture(scope="module")
def restored(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    folder = tmp_path_factory.mktemp("restore")
    earlier = [box.write(question) for question in ANSWERS]
    wait(lambda: not box.unanswered(earlier), 120, "everybody got an answer before the backup")
    with box.without_checks():
        ids, rows = settled_rows(box)
        fetched = box.play("backup.yml", "-e", f"mostrador_fetch_to={folder}")
    assert fetched.is_good, fetched.output[-3000:]
    bundle = next(folder.glob("*.tar.age"))
    key = folder / "recovery.key"
    key.write_text(box.mostrador("backup key"))
    later = [box.write("horario") for _ in range(3)]
    for conversation in earlier[:2]:
        box.outside.chatwoot.act("customer", text="horario", conversation=conversation)
    wait(
        lambda: not box.unanswered(later) and all(len(box.said(c)) == 2 for c in earlier[:2]), 120, "the old box answered them"
    )
    with Host("second", dns=box.outside.address) as host:
        box.outside.befriend(host)
        box.outside.point(host.address)
        new = Box(host, box.outside, Path(box.variables["mostrador_release"]))
        words = ("-e", f"mostrador_bundle={bundle}", "-e", f"mostrador_key_file={key}")
        played = new.play("restore.yml", *words)
        assert played.is_good, played.output[-4000:]
        yield Restored(box, new, rows, ids, earlier, later, words)
        box.outside.point(box.host.address)


def test_the_restored_box_has_the_same_rows(restored: Restored) -> None:
    assert count_rows(restored.new, restored.ids) == restored.rows


def test_it_resumes_by_itself_once_it_has_read_what_happened_since(restored: Restored) -> None:
    wait(lambda: restored.new.sql("SELECT held_at IS NULL FROM instance") == "t", 300, "it has caught up", every_s=2)
    wait(restored.new.is_well, 60, "it is well")


def test_the_old_box_goes_mute(restored: Restored) -> None:
    wait(
        lambda: restored.old.sql("SELECT muted_reason IS NOT NULL FROM instance") == "t", 300, "the old one is mute", every_s=2
    )
    both = {box.sql("SELECT installation_id FROM instance") for box in (restored.old, restored.new)}
    assert len(both) == 2


def test_ten_questions_get_the_same_answers(restored: Restored) -> None:
    assert {question: restored.new.ask(question, 120) for question in ANSWERS} == ANSWERS


def test_nothing_is_said_twice(restored: Restored) -> None:
    time.sleep(5)
    assert [restored.new.said(c) for c in restored.later] == [[ANSWERS["horario"]]] * len(restored.later)
    said = [restored.new.said(c) for c in restored.earlier]
    assert said[2:] == [[answer] for answer in list(ANSWERS.values())[2:]]
    assert said[:2] == [[answer, ANSWERS["horario"]] for answer in list(ANSWERS.values())[:2]]


def test_the_old_box_says_nothing_even_when_it_is_told_of_a_message(restored: Restored) -> None:
    conversation = restored.new.write("horario")
    wait(lambda: bool(restored.new.said(conversation)), 120, "the new box answers")
    message = restored.old.outside.chatwoot.read("messages", conversation=conversation)[0]
    body = {
        "event": "message_created", "id": message["id"], "content": "horario", "message_type": "incoming", "private": False,
        "created_at": "2026-01-01T00:00:00Z", "conversation": {"id": conversation, "status": "pending", "inbox_id": 1},
        "account": {"id": 1}, "inbox": {"id": 1}, "sender": {"id": 501, "type": "contact"},
    }  # fmt: skip
    assert restored.old.post_webhook(body) == 200
    time.sleep(8)
    assert restored.new.said(conversation) == [ANSWERS["horario"]]


def test_the_recovery_key_stays_the_owner_s(restored: Restored) -> None:
    assert restored.new.mostrador("backup key").split()[-1] == restored.old.mostrador("backup key").split()[-1]


def test_its_copy_off_the_box_can_be_fetched_back(restored: Restored) -> None:
    """From the new box, which was told of a place for copies: what lies there is what was proved."""
    new = restored.new
    new.mostrador("backup make")
    name = Path(newest_bundle(new)).name
    restic = "set -a; . /etc/mostrador/restic.env; RESTIC_PASSWORD=$(grep ^AGE /etc/mostrador/backup.key) restic --no-cache"
    new.host.ssh(f"{restic} restore latest --target /root/fetched --include {name}")
    assert new.host.ssh(f"find /root/fetched -name {name} -exec cmp {{}} {BACKUPS}/{name} \\; -print").strip().endswith(name)


def test_a_restore_that_was_cut_between_the_database_and_the_keys_is_finished_by_the_same_command(restored: Restored) -> None:
    """The power fails while the new box's database is that of the backup and its keys aren't yet."""
    new, words = restored.new, (*restored.words, "-e", "mostrador_restore_replace=true")
    kept = new.host.ssh("sha256sum /etc/mostrador/secret_key /etc/mostrador/webhook_token")
    new.host.ssh("cd /etc/mostrador && openssl rand -hex 24 > secret_key && mount --bind secret_key secret_key")
    cut = new.play("restore.yml", *words)
    assert not cut.is_good
    assert new.host.ssh("cat /opt/mostrador/restoring").strip().endswith(".tar.age")
    new.host.cut_power()
    new.host.boot()
    finished = new.play("restore.yml", *words)
    assert finished.is_good, finished.output[-4000:]
    assert new.host.ssh("sha256sum /etc/mostrador/secret_key /etc/mostrador/webhook_token") == kept
    assert new.host.ssh("ls /opt/mostrador/restoring 2>/dev/null; true") == ""
    assert count_rows(new, restored.ids) == restored.rows
    wait(lambda: new.sql("SELECT held_at IS NULL FROM instance") == "t", 300, "it has caught up", every_s=2)
    wait(new.is_well, 60, "it is well")
    assert new.ask("horario", 120) == ANSWERS["horario"]
    assert [new.said(c) for c in restored.later] == [[ANSWERS["horario"]]] * len(restored.later), "nothing twice"
