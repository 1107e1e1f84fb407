"""The way back: the same rows, secrets and answers on another box, held until Chatwoot was read, and nothing lost before."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import thorough
from postgres import GivenPostgres, Postgres
from pydantic import SecretStr
from pyrage import x25519
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from chatbot.backup.making import make_backup
from chatbot.backup.places import BackupError
from chatbot.content import live_release_id, load_content
from chatbot.llm import Means
from chatbot.rehearse import rehearse
from chatbot.restore import is_held, notice_restore
from chatbot.settings import check_secrets, load_settings
from integration.backups import Shop, fill, open_shop, repack, unpack

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
QUESTIONS = (
    "¿Hacéis envíos a Canarias?",
    "¿Puedo pagar con Bizum?",
    "¿Cómo devuelvo un pedido?",
    "horario",
    "quiero hablar con una persona",
    "Which payment methods do you accept?",
    "hola",
    "¿Cuánto tarda el envío?",
    "¿Tenéis tienda física?",
    "xyzzy",
)
# what a restore changes on purpose: who this installation is
OWN = {"instance"}

MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(make_database: Callable[[], str], tmp_path: Path, postgres: Postgres | GivenPostgres) -> Iterator[MakeShop]:
    made: list[Shop] = []

    def make(secret_key: str = "the-secret-key-of-one-box-1234567890") -> Shop:
        made.append(open_shop(make_database(), tmp_path / f"box{len(made)}", postgres, secret_key))
        return made[-1]

    yield make
    for shop in made:
        for name in shop.databases() - {shop.database}:
            shop.run_outside(f'DROP DATABASE "{name}" WITH (FORCE)')


def read_rows(shop: Shop) -> dict[str, list[object]]:
    names = shop.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name: shop.run(f"SELECT t::text FROM {name} t ORDER BY 1") for name in names if name not in OWN}


def ask(shop: Shop, questions: tuple[str, ...] = QUESTIONS) -> list[object]:
    engine = create_engine(shop.config.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        settings = load_settings(connection, shop.config).model_copy(update={"openai_api_key": SecretStr("")})
        content = load_content(connection, live_release_id(connection))
    return [rehearse(Means(engine, settings), content, question)[1] for question in questions]


def on_box_with_the_bundles_key(shop: Shop, like: Shop) -> Shop:
    """As the play leaves it: the bundle's secret_key is the box's."""
    config = shop.config.model_copy(update={"secret_key": like.config.secret_key})
    return Shop(config, shop.places)


def test_round_trip_onto_an_empty_box_with_another_key(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop("quite-another-key-of-another-box-0987")
    found = new.restore(bundle, old.key)
    new = on_box_with_the_bundles_key(new, old)
    assert found["rows"] > 300
    rows = read_rows(new)
    before = read_rows(old)
    assert len(rows.pop("setting")) == len(before.pop("setting")) + len(found["settings_carried"])
    assert rows == before
    assert ask(new) == ask(old)
    engine = create_engine(new.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        check_secrets(connection, new.config)
        settings = load_settings(connection, new.config)
    assert settings.openai_api_key.get_secret_value() == "sk-stored-secret"
    assert settings.chatwoot_url == "https://chat.example.org", "a business setting of the old box's environment holds"
    assert found["settings_carried"] == ["CHATWOOT_URL", "WEBHOOK_TOKEN"]
    assert new.databases() == {new.database}


@pytest.mark.thorough
def test_what_a_former_key_encrypted_needs_it_no_longer(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    former, newer = old.config.secret_key.get_secret_value(), "the-newer-secret-key-of-that-box-123456"
    (old.places.backup_settings_folder / "secret_key").write_text(newer)
    with (old.places.backup_settings_folder / "mostrador.env").open("a") as file:
        file.write(f'SECRET_KEY_FALLBACKS="{former}"\n')
    new = make_shop()
    found = new.restore(old.make(NOW), old.key)
    assert found["needs_its_key"]
    config = new.config.model_copy(update={"secret_key": SecretStr(newer), "secret_key_fallbacks": ()})
    engine = create_engine(new.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        check_secrets(connection, config)
        assert load_settings(connection, config).openai_api_key.get_secret_value() == "sk-stored-secret"


def test_it_starts_held_as_another_installation(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    new = make_shop()
    new.restore(old.make(NOW), old.key)
    (old_id,), (new_id,) = (shop.run("SELECT installation_id FROM instance") for shop in (old, new))
    assert old_id != new_id
    engine = create_engine(new.config.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        assert is_held(connection)
        assert not notice_restore(connection), "a worker's start finds it noticed already, and the same installation"
        assert is_held(connection)
    assert new.run("SELECT installation_id FROM instance") == [new_id]


@pytest.mark.thorough
def test_also_the_own_backup_put_back_is_another_installation_and_held(make_shop: MakeShop) -> None:
    shop = fill(make_shop())
    bundle = shop.make(NOW)
    (before,) = shop.run("SELECT installation_id FROM instance")
    shop.talk(3)
    found = shop.restore(bundle, shop.key, replace=True)
    assert shop.run("SELECT count(*) FROM conversation") == [40]
    assert shop.run("SELECT installation_id FROM instance") != [before]
    assert shop.run("SELECT held_at = restored_at FROM instance") == [True]
    assert found["former_database"] == f"{shop.database}_before_restore"
    assert found["former_database"] in shop.databases(), "what was there is put aside, not away"


@pytest.mark.thorough
def test_a_restore_that_was_cut_off_and_begins_again_keeps_what_the_first_one_replaced(make_shop: MakeShop) -> None:
    shop = fill(make_shop())
    bundle = shop.make(NOW)
    shop.talk(3)
    shop.restore(bundle, shop.key, replace=True, again=True)  # the first one was cut off before it had replaced anything
    assert count_former(shop) == 43
    found = shop.restore(bundle, shop.key, replace=True, again=True)  # and this one after it had
    assert found["former_database"] == f"{shop.database}_before_restore"
    assert shop.databases() == {shop.database, found["former_database"]}
    assert shop.run("SELECT count(*) FROM conversation") == [40]
    assert count_former(shop) == 43
    shop.run("UPDATE instance SET held_at = NULL")
    shop.talk(2)
    shop.restore(bundle, shop.key, replace=True, again=True)
    assert count_former(shop) == 42, "what was in use since is never thrown away"


def count_former(shop: Shop) -> int:
    url = make_url(shop.config.database_url).set(database=f"{shop.database}_before_restore")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM conversation")) or 0)


@pytest.mark.thorough
def test_what_was_on_its_way_at_the_backup_is_in_doubt(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    old.run(
        """
        WITH t AS (INSERT INTO turn (conversation_id, epoch, from_seq, to_seq, mode, state)
                   SELECT id, 1, 0, 1, 'live', 'frozen' FROM conversation LIMIT 1 RETURNING id, conversation_id)
        INSERT INTO part (turn_id, conversation_id, ordinal, mark, text, state)
        SELECT id, conversation_id, 1, '1-1-1', 'hola', 'sending' FROM t
        """
    )
    new = make_shop()
    new.restore(old.make(NOW), old.key)
    assert new.run("SELECT state FROM part") == ["unknown"]


def test_a_database_with_content_is_refused(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop()
    new.run("INSERT INTO setting (key, value) VALUES ('mode', '\"live\"')")
    before = read_rows(new)
    with pytest.raises(BackupError, match=r"has content \(1 rows of setting.*--replace"):
        new.restore(bundle, old.key)
    assert read_rows(new) == before


@pytest.mark.thorough
def test_what_came_in_while_a_new_box_waited_for_its_backup_is_put_aside(make_shop: MakeShop) -> None:
    """The domain leads to it already; Chatwoot is read for what came since the backup."""
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop()
    new.talk(2)
    found = new.restore(bundle, old.key)
    assert found["former_database"] == f"{new.database}_before_restore"
    assert len(read_rows(new)["conversation"]) == 40
    new.restore(bundle, old.key, replace=True)
    assert new.run("SELECT count(*) FROM conversation") == [40]


@pytest.mark.thorough
def test_a_database_in_use_is_refused_and_stays(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop()
    engine = create_engine(new.config.database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        with pytest.raises(BackupError, match=r"is in use; stop the product first: sudo systemctl stop mostrador\.target"):
            new.restore(bundle, old.key)
    engine.dispose()
    assert new.databases() == {new.database}
    assert new.run("SELECT count(*) FROM conversation") == [0]


@pytest.mark.parametrize("harm", ["flipped", *thorough("cut", "wrong key", "older dump")])
def test_a_spoiled_bundle_touches_nothing(make_shop: MakeShop, harm: str) -> None:
    old = fill(make_shop())
    first, key = old.make(NOW), old.key
    old.talk()
    bundle = old.make(NOW + timedelta(days=1))
    content = bundle.path.read_bytes()
    if harm == "flipped":
        bundle.path.write_bytes(content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:])
    elif harm == "cut":
        bundle.path.write_bytes(content[:-100])
    elif harm == "wrong key":
        key = x25519.Identity.generate()
    else:
        older = unpack(first, key)["database.dump"]
        repack(bundle, key, {**unpack(bundle, key), "database.dump": older}, is_consistent=True)
    new = make_shop()
    with pytest.raises(BackupError):
        new.restore(bundle, key)
    assert new.databases() == {new.database}
    assert new.run("SELECT count(*) FROM conversation") == [0]


def wait_until_free(shop: Shop) -> None:
    """Until the last of a killed command's children is gone, and the lock with it."""
    with (shop.places.backup_folder / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.thorough
def test_a_killed_restore_leaves_the_database_as_it_was(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop()
    with new.start("restore", str(bundle.path), "--key", str(old.places.key_file), start_new_session=True) as process:
        # asked beside it: it refuses a database that somebody is connected to
        while f"{new.database}_proof" not in old.run("SELECT datname FROM pg_database"):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    wait_until_free(new)
    assert new.run("SELECT count(*) FROM conversation") == [0]
    new.restore(bundle, old.key)
    assert new.run("SELECT count(*) FROM conversation") == [40]
    assert new.databases() == {new.database}


@pytest.mark.thorough
def test_the_command_with_the_key_from_standard_input_and_the_settings_files(make_shop: MakeShop, tmp_path: Path) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    new = make_shop()
    words = ("restore", str(bundle.path), "--key", "-", "--settings-to", str(tmp_path / "taken"), "--json")
    code, out, err = new.command(*words, given=f"{old.key}\n")
    assert code == 0, err
    assert json.loads(out)["rows"] > 300
    taken = tmp_path / "taken"
    assert {p.name: p.read_text() for p in taken.iterdir()} == {
        p.name: p.read_text() for p in old.places.backup_settings_folder.iterdir() if p.name != "backup.key"
    }
    assert {p.stat().st_mode & 0o077 for p in (taken, *taken.iterdir())} == {0}
    code, _, err = new.command(*words, given=f"{old.key}\n")
    assert code == 1
    assert "has content" in err
    assert "mostrador_restore_replace" in err


@pytest.mark.thorough
def test_a_setting_of_the_environment_here_isnt_overwritten(make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fill(make_shop())
    new = make_shop()
    monkeypatch.setenv("CHATWOOT_URL", "https://new.example.org")
    monkeypatch.setenv("WEBHOOK_TOKEN_FILE", str(new.places.backup_settings_folder / "webhook_token"))
    assert new.restore(old.make(NOW), old.key)["settings_carried"] == []


@pytest.mark.thorough
def test_after_going_back_to_a_release_its_backups_count_on_the_newer_schema(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    old.run("UPDATE alembic_version SET version_num = '9999'")
    assert old.make(NOW).counts


@pytest.mark.thorough
def test_the_backup_of_an_older_release_is_brought_to_todays_tables_before_anything_is_asked(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    old.run("UPDATE alembic_version SET version_num = '0000'")
    upgraded: list[str] = []
    proof = make_backup(old.config, old.places, lambda config: upgraded.append(config.database_url), NOW)
    assert [make_url(url).database for url in upgraded] == [f"{old.database}_proof"]
    assert proof["faq"]["answer"]


def test_a_file_that_cant_be_read_isnt_called_damaged(make_shop: MakeShop) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    bundle.path.unlink()
    with pytest.raises(BackupError, match="can't be read by the product's user"):
        old.restore(bundle, old.key, replace=True)


@pytest.mark.parametrize("name", ["etc/../../x", *thorough("etc//srv/x")])
def test_the_path_of_a_bundle_tells_nothing_to_the_tar(make_shop: MakeShop, name: str) -> None:
    old = fill(make_shop())
    bundle = old.make(NOW)
    repack(bundle, old.key, {**unpack(bundle, old.key), name: b"out"}, is_consistent=True)
    new = make_shop()
    with pytest.raises(BackupError, match="which no backup of ours does"):
        new.restore(bundle, old.key)
