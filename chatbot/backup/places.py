"""Where backups and what belongs to them lie, the recovery key, and the error that a backup ends with."""

from __future__ import annotations

import re
from pathlib import Path

import pyrage
from pyrage import x25519

from chatbot.config import FromEnvironment
from chatbot.errors import ChatbotError, ConfigError

ENVIRONMENT_FILE = "mostrador.env"
KEY_FILE = "backup.key"
RESTIC_FILE = "restic.env"
LINE = re.compile(r"\s*([A-Za-z_]\w*)=(.*?)\s*")
ESCAPED = re.compile(r"\\([\"\\`$])")


class BackupError(ChatbotError):
    """A backup that wasn't made, doesn't count or can't be restored. The text says what to do."""


class Places(FromEnvironment):
    """backup_settings_folder: goes into the bundle, but for the key; pg_bin: PostgreSQL's programs, empty for the PATH's."""

    backup_folder: Path = Path("/var/backups/mostrador")
    backup_settings_folder: Path = Path("/etc/mostrador")
    pg_bin: str = ""

    @property
    def work_folder(self) -> Path:
        """Emptied by every run; nothing in it outlives one."""
        return self.backup_folder / ".work"

    @property
    def key_file(self) -> Path:
        return self.backup_settings_folder / KEY_FILE


def read_keys(text: str, name: str) -> list[x25519.Identity]:
    """The age identities of a key file: the first one is what new bundles are encrypted to. Raises ConfigError."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        keys = [x25519.Identity.from_str(line) for line in lines]
    except pyrage.IdentityError:
        raise ConfigError(name, "is no recovery key: that is one line, AGE-SECRET-KEY-1... Copy the whole of it.") from None
    if not keys:
        raise ConfigError(name, "is empty; the recovery key is one line, AGE-SECRET-KEY-1...")
    return keys


def read_key_file(path: Path) -> list[x25519.Identity]:
    try:
        return read_keys(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(
            str(path), "there is no recovery key. To make one, type in the folder with Mostrador's files: sudo scripts/install"
        ) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(str(path), f"can't be read: {type(e).__name__}") from None


def read_environment_file(text: str) -> dict[str, str]:
    """NAME=VALUE lines as systemd reads them; the values may stand in quotes."""
    found = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line):
            name, value = match.groups()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = ESCAPED.sub(r"\1", value[1:-1]) if value[0] == '"' else value[1:-1]
            found[name] = value
    return found
