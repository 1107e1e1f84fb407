"""A bundle proved from its own file: decrypted, restored into a database of its own, counted, its secrets opened, a FAQ asked.

A restore does the very same and then keeps that database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import SecretStr, ValidationError
from pyrage import x25519
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from chatbot.backup import postgres
from chatbot.backup.bundle import DUMP, MANIFEST, SETTINGS, Digesting, Readable, open_bundle, read_small
from chatbot.backup.manifest import Kept, Manifest, check_stored_secrets, count_tables, find_differences
from chatbot.backup.places import ENVIRONMENT_FILE, BackupError, Places, read_environment_file
from chatbot.backup.postgres import Database
from chatbot.backup.shelf import Bundle, find_counted_before, show_bytes
from chatbot.bodies import Content
from chatbot.config import Config
from chatbot.content import forget_content, live_release_id, load_content
from chatbot.errors import ChatbotError
from chatbot.llm import Means
from chatbot.migrations import find_head, is_behind
from chatbot.rehearse import rehearse
from chatbot.settings import load_settings

MAX_ASKED = 20
MAX_FILES, MAX_FILES_BYTES = 5, 40 << 20
# the newest uploaded files, until they are many bytes, and whether each still is what it was
FILES = """
SELECT f.name, f.sha256 = encode(sha256(f.content), 'hex')
FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) - size AS before
      FROM (SELECT id, size FROM stored_file ORDER BY id DESC LIMIT %s) AS newest) AS summed
JOIN stored_file f USING (id) WHERE before < %s ORDER BY id DESC
"""
# brings the database of the given Config to the newest migration
Upgrade = Callable[[Config], None]


@dataclass(frozen=True)
class Restored:
    """A bundle's database as it stands beside the product's. settings: the files of the settings folder by name;
    config: with that database and the bundle's own keys; findings: what a proof says."""

    database: Database
    manifest: Manifest
    settings: dict[str, bytes]
    config: Config
    findings: dict[str, Any]


def prove(bundle: Bundle, keys: list[x25519.Identity], config: Config, places: Places, upgrade: Upgrade) -> dict[str, Any]:
    """What was found, as `.proved` keeps it. Raises BackupError. Doesn't say yet whether the size is plausible."""
    with restored(bundle.path, keys, config, places, upgrade) as found:
        if found.manifest.made_at != bundle.made_at:
            raise BackupError(f"{bundle.name} holds the backup of {found.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC")
        files = _check_files(found.database, postgres.make_database(config, places).name)
        return {"bundle": bundle.name, "bytes": bundle.path.stat().st_size, **found.findings, "files": files}


def _check_files(restored_database: Database, product: str) -> int | str:
    """How many of the uploaded files were compared with their checksums. Only a proof asks: one damaged file is no reason
    against a restore."""
    with restored_database.connected() as connection:
        files = connection.execute(FILES, [MAX_FILES, MAX_FILES_BYTES]).fetchall()
    if damaged := next((name for name, is_whole in files if not is_whole), None):
        raise BackupError(
            f"restored, the document {damaged[:60]!r} isn't the file that was uploaded: its checksum differs. Where it is "
            f"damaged in the product's database too, take it out and upload it again: sudo -u postgres psql -d {product} -c "
            "\"DELETE FROM stored_file WHERE sha256 <> encode(sha256(content), 'hex')\""
        )
    return len(files) or "none is stored"


def check_shrink(bundle: Bundle, folder: Path) -> None:
    """Raises BackupError where it has less than half of the size of the one before it that counts."""
    before = find_counted_before(folder, bundle.made_at)
    size, former = bundle.path.stat().st_size, before.path.stat().st_size if before else 0
    if before and 2 * size < former:
        raise BackupError(
            f"{bundle.name} has {show_bytes(size)}, less than half of the {show_bytes(former)} of {before.name}: it is kept "
            f"but doesn't count. If that is right, type: mostrador backup prove {bundle.name} --smaller-is-right"
        )


@contextmanager
def restored(path: Path, keys: list[x25519.Identity], config: Config, places: Places, upgrade: Upgrade) -> Iterator[Restored]:
    """The bundle restored and examined beside the product's database; dropped at the end, whatever happens, unless it was
    given the product's name by then."""
    product = postgres.make_database(config, places)
    scratch = product.beside("proof")
    postgres.drop(scratch, product)
    postgres.create(scratch, product)
    try:
        manifest, settings = _restore(path, keys, scratch)
        yield _examine(manifest, settings, scratch, config, upgrade)
    finally:
        postgres.drop(scratch, product)


def _restore(path: Path, keys: list[x25519.Identity], scratch: Database) -> tuple[Manifest, dict[str, bytes]]:
    """Reads the bundle once, from its first byte to its last; the dump goes through to pg_restore."""
    settings: dict[str, bytes] = {}
    seen: dict[str, Kept] = {}
    with open_bundle(path, keys) as members:
        manifest = _read_manifest(members)
        for name, content in members:
            counted = Digesting(content)
            if name == DUMP:
                scratch.restore(counted)
            elif PurePosixPath(name).parts[0] == SETTINGS:
                settings[name.removeprefix(f"{SETTINGS}/")] = read_small(name, counted)
            counted.drain()
            seen[name] = Kept(bytes=counted.size, sha256=counted.sha256)
    wrong = sorted(name for name in manifest.files.keys() | seen.keys() if manifest.files.get(name) != seen.get(name))
    if wrong:
        raise BackupError(f"{path.name}: not as its manifest says: {', '.join(wrong)}")
    return manifest, settings


def _read_manifest(members: Iterator[tuple[str, Readable]]) -> Manifest:
    name, content = next(members, (None, None))
    if name != MANIFEST or content is None:
        raise BackupError("the bundle doesn't begin with its manifest")
    try:
        return Manifest.model_validate_json(read_small(name, content))
    except ValidationError:
        raise BackupError("the bundle's manifest isn't one that this release can read") from None


def _examine(manifest: Manifest, settings: dict[str, bytes], scratch: Database, config: Config, upgrade: Upgrade) -> Restored:
    keyed = config.model_copy(update={**read_bundle_secrets(settings), "database_url": _url_of(scratch)})
    with scratch.connected() as connection:
        if differences := find_differences(manifest.tables, count_tables(connection)):
            raise BackupError(f"restored, the database isn't what was backed up: {'; '.join(differences[:5])}")
        secrets = check_stored_secrets(connection, manifest, keyed)
    if is_behind(manifest.revision):
        _upgrade(manifest, keyed, upgrade)
    findings = {
        "made_at": manifest.made_at.isoformat(),
        "product": manifest.product,
        "tables": len(manifest.tables),
        "rows": sum(table.rows for table in manifest.tables.values()),
        "secrets": secrets or "none is stored",
        "faq": _ask_a_faq(keyed),
    }
    return Restored(scratch, manifest, settings, keyed, findings)


def _url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def _upgrade(manifest: Manifest, config: Config, upgrade: Upgrade) -> None:
    """An older release's backup is brought to today's tables, as a restore of it must be."""
    try:
        upgrade(config)
    except Exception as e:  # alembic has many, and none of them is ours
        raise BackupError(
            f"it was made by release {manifest.product} at migration {manifest.revision}, which this release can't "
            f"bring to {find_head()} ({e if isinstance(e, ChatbotError) else type(e).__name__})"
        ) from e


def read_bundle_secrets(settings: dict[str, bytes]) -> dict[str, Any]:
    """Config's secret_key and secret_key_fallbacks as the settings in the bundle have them. Raises BackupError."""
    values = read_bundle_settings(settings)
    key = values.get("SECRET_KEY", "")
    if not key:
        raise BackupError("the bundle has no SECRET_KEY, so what is stored encrypted couldn't be read after a restore")
    fallbacks = [SecretStr(v.strip()) for v in values.get("SECRET_KEY_FALLBACKS", "").split(",") if v.strip()]
    return {"secret_key": SecretStr(key), "secret_key_fallbacks": tuple(fallbacks)}


def read_bundle_settings(settings: dict[str, bytes]) -> dict[str, str]:
    """The environment that the bundle's mostrador.env makes; NAME_FILE stands for that file of the bundle."""
    try:
        lines = read_environment_file(settings.get(ENVIRONMENT_FILE, b"").decode())
        values = {name: value for name, value in lines.items() if not name.endswith("_FILE")}
        for name, value in lines.items():
            file = PurePosixPath(value).name
            if name.endswith("_FILE") and file in settings:
                values.setdefault(name.removesuffix("_FILE"), settings[file].decode().strip())
    except UnicodeDecodeError:
        raise BackupError(f"{ENVIRONMENT_FILE} in the bundle isn't text") from None
    return values


def _ask_a_faq(config: Config) -> dict[str, str] | str:
    """A question of the restored content and the product's answer to it, over the path of `flask ask` but without a model."""
    engine = create_engine(
        config.database_url, poolclass=NullPool, connect_args={"connect_timeout": postgres.CONNECT_TIMEOUT_S}
    )
    forget_content()
    try:
        with engine.connect() as connection:
            settings = load_settings(connection, config)
            content = load_content(connection, live_release_id(connection))
        if not any(content.entries()):
            return "no content is published"
        if not content.faq:
            return "the published content has no FAQ"
        without_model = settings.model_copy(update={"openai_api_key": SecretStr(""), "model_chain": ()})
        return _find_answered(Means(engine, without_model), content)
    except BackupError:
        raise
    except Exception as e:  # whatever the product breaks with, it would break with after a restore
        raise BackupError(f"the product can't answer from the restored database: {type(e).__name__}: {str(e)[:300]}") from e
    finally:
        engine.dispose()
        forget_content()


def _find_answered(means: Means, content: Content) -> dict[str, str]:
    """The first FAQ that is answered: a canned response or a near entry may rightly come before one."""
    asked = [(entry.key, spoken[0]) for entry in content.faq for spoken in entry.questions.values() if spoken][:MAX_ASKED]
    for key, question in asked:
        reply, parts, _ = rehearse(means, content, question)
        if reply.responder == "faq" and f"faq:{key}" in reply.sources and parts and parts[0].text:
            return {"question": question, "answer": parts[0].text, "source": f"faq:{key}"}
    raise BackupError(f"the product answers none of {len(asked)} FAQs from the restored database")
