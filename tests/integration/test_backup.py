"""A backup counts once it was proved from its own file, and nothing that isn't right counts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from conftest import thorough
from postgres import GivenPostgres, Postgres
from pyrage import x25519
from sqlalchemy import make_url

from chatbot.backup.making import prove_again
from chatbot.backup.places import BackupError
from chatbot.backup.shelf import Bundle, list_bundles
from chatbot.cli.backup import upgrade
from chatbot.errors import ConfigError
from integration.backups import Shop, fill, open_shop, repack, unpack

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture
def shop(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres | GivenPostgres) -> Iterator[Shop]:
    made = fill(open_shop(make_database(), tmp_path, postgres))
    yield made
    assert made.databases() == {made.database}, "no scratch database is left behind"
    assert not (made.folder / ".work").exists(), "nothing is left in the folder of backups"


def prove(shop: Shop, bundle: Bundle, key: x25519.Identity | None = None, *, smaller_is_right: bool = False) -> dict[str, Any]:
    keys = [key or shop.key]
    return prove_again(bundle.name, keys, shop.config, shop.places, upgrade, smaller_is_right=smaller_is_right)


def test_a_backup_is_proved_and_says_what_was_found(shop: Shop) -> None:
    bundle = shop.make(NOW)
    assert bundle.name == "mostrador-20261125T030000Z.tar.age"
    proof = bundle.proof
    assert proof is not None
    assert proof["bundle"] == bundle.name
    assert proof["bytes"] == bundle.path.stat().st_size
    assert proof["secrets"] == 2
    assert proof["rows"] == sum(shop.run(f"SELECT count(*) FROM {name}")[0] for name in tables(shop))
    assert proof["faq"]["question"]
    assert proof["faq"]["answer"]
    assert proof["faq"]["source"].startswith("faq:")
    assert proof["copied_at"] is None


def tables(shop: Shop) -> list[str]:
    return shop.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def test_the_bundle_holds_the_settings_but_not_the_key_that_opens_it(shop: Shop) -> None:
    members = unpack(shop.make(NOW), shop.key)
    assert list(members) == [
        "manifest.json",
        "etc/mostrador.env",
        "etc/secret_key",
        "etc/webhook_token",
        "database.dump",
    ]
    assert str(shop.key).encode() not in b"".join(members.values())


def test_nothing_of_it_can_be_read_without_the_key(shop: Shop) -> None:
    content = shop.make(NOW).path.read_bytes()
    for known in (b"secret_key", b"PGDMP", b"hola", b"mostrador.env"):
        assert known not in content
    assert shop.make(NOW + timedelta(days=1)).path.stat().st_mode & 0o077 == 0


def test_without_content_the_proof_says_so(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres) -> None:
    empty = open_shop(make_database(), tmp_path, postgres)
    proof = empty.make(NOW).proof
    assert proof is not None
    assert proof["faq"] == "no content is published"
    assert proof["secrets"] == "none is stored"


@pytest.mark.thorough
def test_what_is_written_during_the_dump_is_in_neither_the_dump_nor_the_manifest(shop: Shop) -> None:
    writing = subprocess_writer(shop)
    try:
        for day in range(2):
            assert shop.make(NOW + timedelta(days=day)).counts
    finally:
        writing.kill()
        writing.wait()


def subprocess_writer(shop: Shop) -> subprocess.Popen[bytes]:
    """Somebody who goes on writing."""
    url = make_url(shop.config.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    code = f"""
import psycopg
with psycopg.connect({url!r}, autocommit=True) as c:
    while True:
        c.execute("INSERT INTO webhook (event, body) VALUES ('message_created', '')")
"""
    return subprocess.Popen([os.sys.executable, "-c", code])  # type: ignore[attr-defined]


def flip(bundle: Bundle, position: float) -> None:
    content = bytearray(bundle.path.read_bytes())
    content[int(len(content) * position)] ^= 1
    bundle.path.write_bytes(content)


@pytest.mark.parametrize("position", [0.003, 0.5, *thorough(0.1, 0.9, 0.9999)])
def test_a_flipped_bit_is_noticed(shop: Shop, position: float) -> None:
    bundle = shop.make(NOW)
    flip(bundle, position)
    with pytest.raises(BackupError, match=r"damaged"):
        prove(shop, bundle)
    assert not bundle.counts
    assert "damaged" in (bundle.problem or "")


@pytest.mark.parametrize("rest", [0.3, *thorough(0.0, 0.99, -1)])
def test_a_cut_file_is_noticed(shop: Shop, rest: float) -> None:
    bundle = shop.make(NOW)
    content = bundle.path.read_bytes()
    bundle.path.write_bytes(content[:-1] if rest < 0 else content[: int(len(content) * rest)])
    with pytest.raises(BackupError, match=r"damaged"):
        prove(shop, bundle)
    assert not bundle.counts


def test_another_key_opens_nothing(shop: Shop) -> None:
    bundle = shop.make(NOW)
    with pytest.raises(BackupError, match="can't be opened with this key"):
        prove(shop, bundle, x25519.Identity.generate())


def test_a_dump_of_an_older_state_is_noticed(shop: Shop) -> None:
    """Even where somebody made all checksums right again."""
    older = unpack(shop.make(NOW), shop.key)["database.dump"]
    shop.talk()
    bundle = shop.make(NOW + timedelta(days=1))
    repack(bundle, shop.key, {**unpack(bundle, shop.key), "database.dump": older}, is_consistent=True)
    with pytest.raises(BackupError, match="conversation has 40 rows instead of 41"):
        prove(shop, bundle)
    assert not bundle.counts


@pytest.mark.thorough
def test_a_change_without_a_new_row_is_noticed_too(shop: Shop) -> None:
    older = unpack(shop.make(NOW), shop.key)["database.dump"]
    shop.run("UPDATE conversation SET updated_at = now() + interval '1 minute' WHERE chatwoot_id = 1")
    bundle = shop.make(NOW + timedelta(days=1))
    repack(bundle, shop.key, {**unpack(bundle, shop.key), "database.dump": older}, is_consistent=True)
    with pytest.raises(BackupError, match="conversation's newest times"):
        prove(shop, bundle)


def test_a_member_that_isnt_the_manifests_is_noticed(shop: Shop) -> None:
    bundle = shop.make(NOW)
    members = unpack(bundle, shop.key)
    repack(bundle, shop.key, {**members, "etc/webhook_token": b"another"}, is_consistent=False)
    with pytest.raises(BackupError, match="not as its manifest says: etc/webhook_token"):
        prove(shop, bundle)
    repack(bundle, shop.key, {k: v for k, v in members.items() if k != "etc/webhook_token"}, is_consistent=False)
    with pytest.raises(BackupError, match="not as its manifest says: etc/webhook_token"):
        prove(shop, bundle)


@pytest.mark.thorough
def test_an_older_bundle_under_a_new_name_is_noticed(shop: Shop) -> None:
    older = shop.make(NOW)
    renamed = Bundle(shop.folder / "mostrador-20261126T030000Z.tar.age")
    renamed.path.write_bytes(older.path.read_bytes())
    with pytest.raises(BackupError, match="holds the backup of 2026-11-25 03:00:00"):
        prove(shop, renamed)


def test_a_bundle_whose_key_cant_open_the_stored_secrets_doesnt_count(shop: Shop) -> None:
    (shop.places.backup_settings_folder / "secret_key").write_text("another-key-that-stored-nothing-here-123")
    with pytest.raises(BackupError, match="can't decrypt the stored"):
        shop.make(NOW)
    (bundle,) = list_bundles(shop.folder)
    assert not bundle.counts


def test_content_that_no_longer_answers_doesnt_count(shop: Shop) -> None:
    shop.run("UPDATE revision SET body = body || '{\"questions\": {}}' WHERE body ? 'questions'")
    with pytest.raises(BackupError, match="can't answer from the restored database"):
        shop.make(NOW)


@pytest.mark.thorough
def test_a_sudden_shrink_is_kept_but_doesnt_count_until_somebody_says_that_it_is_right(shop: Shop) -> None:
    shop.run(
        "INSERT INTO webhook (body) SELECT decode(md5(n::text) || md5((n + 1)::text), 'hex') FROM generate_series(1, 20000) n"
    )
    first = shop.make(NOW)
    shop.run("DELETE FROM webhook")
    with pytest.raises(BackupError, match="less than half"):
        shop.make(NOW + timedelta(days=1))
    newest, _ = list_bundles(shop.folder)
    assert newest.path.exists()
    assert not newest.counts
    assert first.counts
    assert newest.name in (newest.problem or "")
    prove(shop, newest, smaller_is_right=True)
    assert newest.counts
    assert newest.problem is None
    assert shop.make(NOW + timedelta(days=2)).counts, "the next one is measured by the one that counts"


def test_refused_where_it_could_fill_the_disk(shop: Shop) -> None:
    def nearly_full(_: Path) -> Any:
        return SimpleNamespace(total=25 << 30, free=(1 << 30) + (1 << 20))

    with pytest.raises(BackupError, match="could fill the disk"):
        shop.make(NOW, read_room=nearly_full)
    assert list_bundles(shop.folder) == []


@pytest.mark.thorough
def test_a_disk_that_fills_up_all_the_same_leaves_no_half_bundle(shop: Shop) -> None:
    """A limit on the size of files stands for the disk: the dump can't be written to its end."""
    first = shop.make(NOW)
    limit = first.path.stat().st_size // 4

    def limited() -> None:
        import resource  # noqa: PLC0415

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with shop.start("make", preexec_fn=limited) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "failed" in err or "can't be written" in err
    assert "Traceback" not in err
    assert [b.name for b in list_bundles(shop.folder)] == [first.name]


@pytest.mark.thorough
def test_a_second_run_waits_and_a_proof_or_restore_is_refused_while_one_is_at_work(shop: Shop) -> None:
    bundle = shop.make(NOW)
    with blocked_at(shop, "LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE"):
        first = shop.start("make")
        wait_until((shop.folder / ".work").exists)
        second = shop.start("make", "--json")
        assert second.stderr is not None
        line = second.stderr.readline()
        assert line == "another backup, proof or restore is running: this one waits for its end, up to ten minutes\n"
        for words in (("prove",), ("restore", str(bundle.path), "--replace")):
            code, _, err = shop.command(*words)
            assert code == 1
            assert "refused: another backup, proof or restore is running" in err
    with first:
        _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    with second:
        out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    made = json.loads(out)
    assert made["counts"]
    assert made["name"] in {b.name for b in list_bundles(shop.folder)}


class blocked_at:
    """Holds a lock in the shop's database, so that a backup stands still."""

    def __init__(self, shop: Shop, statement: str) -> None:
        url = make_url(shop.config.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(url)
        self._connection.execute(statement)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


STAGES = {
    "dumping": lambda shop: (shop.folder / ".work/database.dump").exists(),
    "packing": lambda shop: any((shop.folder / ".work").glob("*.tar.age")),
    "named": lambda shop: bool(list_bundles(shop.folder)),
    "restoring": lambda shop: f"{shop.database}_proof" in shop.databases(),
}


@pytest.mark.thorough
@pytest.mark.parametrize("stage", ["restoring", *thorough("dumping", "packing", "named")])
def test_a_killed_run_leaves_nothing_that_counts_and_the_next_one_cleans_up(shop: Shop, stage: str) -> None:
    for _ in range(10):  # a stage may pass between two looks
        shutil.rmtree(shop.folder, ignore_errors=True)
        shop.folder.mkdir(mode=0o700)
        with shop.start("make", start_new_session=True) as process:
            wait_until(lambda: STAGES[stage](shop) or process.poll() is not None)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == -signal.SIGKILL:
            break
    assert process.returncode == -signal.SIGKILL
    assert [b.name for b in list_bundles(shop.folder) if b.counts] == []
    for bundle in list_bundles(shop.folder):
        assert len(unpack(bundle, shop.key)) == 5, "what has the name is whole"
    assert shop.make(datetime.now(UTC) + timedelta(seconds=5)).counts


@pytest.mark.thorough
def test_being_told_to_end_leaves_nothing(shop: Shop) -> None:
    with blocked_at(shop, "LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE"):
        process = shop.start("make")
        wait_until(lambda: bool(shop.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'")))
        process.terminate()
        with process:
            process.communicate(timeout=60)
    assert process.returncode == 143
    assert list_bundles(shop.folder) == []


@pytest.mark.thorough
def test_older_ones_go_after_a_proof_and_none_after_a_failure(shop: Shop) -> None:
    for day in range(9):
        shop.make(NOW + timedelta(days=day))
    kept = [b.name for b in list_bundles(shop.folder)]
    assert len(kept) == 8
    (shop.places.backup_settings_folder / "secret_key").write_text("another-key-that-stored-nothing-here-123")
    with pytest.raises(BackupError):
        shop.make(NOW + timedelta(days=9))
    assert {b.name for b in list_bundles(shop.folder) if b.counts} == set(kept)


def test_without_a_key_nothing_is_made(shop: Shop) -> None:
    shop.places.key_file.unlink()
    with pytest.raises(ConfigError, match="there is no recovery key"):
        shop.make(NOW)


@pytest.mark.thorough
def test_the_commands_in_order(shop: Shop) -> None:
    code, out, err = shop.command("make", "--json")
    assert code == 0, err
    made = json.loads(out)
    assert made["counts"] is True
    assert made["proof"]["faq"]["answer"]
    code, out, err = shop.command("prove", made["name"])
    assert code == 0, err
    assert "it counts" in out
    flip(Bundle(shop.folder / made["name"]), 0.5)
    code, out, err = shop.command("prove")
    assert code == 1
    assert "damaged" in err
    code, out, _ = shop.command("list", "--json")
    (row,) = json.loads(out)["backups"]
    assert (row["name"], row["counts"]) == (made["name"], False)
    assert "damaged" in row["problem"]
    code, out, _ = shop.command("list")
    assert code == 0
    assert "doesn't count" in out


@pytest.mark.thorough
def test_the_key_is_shown_with_what_it_is_for_and_a_new_one_fits_a_key_file(shop: Shop) -> None:
    code, out, _ = shop.command("key")
    assert code == 0
    assert str(shop.key) in out
    assert "outside the box" in out
    code, out, _ = shop.command("key", "--new")
    shop.places.key_file.write_text(out)
    assert shop.make(NOW).counts


@pytest.mark.thorough
def test_a_bundle_of_another_key_is_proved_with_the_key_from_standard_input(shop: Shop) -> None:
    bundle, old = shop.make(NOW), shop.key
    shop.places.key_file.write_text(f"{x25519.Identity.generate()}\n")
    code, _, err = shop.command("prove", bundle.name, "--key", "-", given=f"{old}\n")
    assert code == 0, err
    code, _, err = shop.command("prove", bundle.name, "--key", "-", given="no key at all\n")
    assert code == 2
    assert "no recovery key" in err
