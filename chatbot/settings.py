"""Business settings: defaults, then the `setting` table, then the environment, which wins.

Read a snapshot with load_settings(); change one with save_setting(). Secrets are encrypted at rest with keys derived
from SECRET_KEY and SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from chatbot import logs
from chatbot.config import Config, FromEnvironment, ModelEndpoint, first_problem, read_environment_as
from chatbot.errors import ConfigError
from chatbot.hours import read_holidays
from chatbot.hours_reading import read_closure, read_week, write_week
from chatbot.models import Instance, Setting
from chatbot.reply import Language

WEBHOOK_TOKEN = re.compile(r"[A-Za-z0-9_-]{24,200}")
REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
URL_SEPARATOR = re.compile(r"\s+|\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
Mode = Literal["live", "suggest", "watch", "off"]
NAMED_SECRET = re.compile(r"[a-z][a-z0-9_]{0,49}=[!-~ ]{1,2000}")
KNOWN_TEXT = b"mostrador"
Phrases = Annotated[tuple[Annotated[str, Field(min_length=2, max_length=200)], ...], Field(max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]


class Settings(BaseModel):
    """One consistent reading of every business setting. Names ending in _s are seconds."""

    model_config = ConfigDict(frozen=True)

    openai_api_key: SecretStr = SecretStr("")
    openai_model: str = "gpt-4o-mini"
    openai_base_url: str = "https://api.openai.com/v1"
    openai_limit_confirmed: bool = False
    model_chain: tuple[ModelEndpoint, ...] = ()
    llm_timeout_s: Seconds = 20
    llm_calls_per_message: int = Field(default=6, ge=1, le=50)
    transcription_model: str = Field(default="gpt-4o-mini-transcribe", max_length=200)
    vision: bool = True
    voice_max_s: Seconds = 300
    media_max_mb: float = Field(default=10, gt=0, le=20)
    media_timeout_s: Seconds = 20
    answer_cache_s: int = Field(default=86_400, ge=0, le=30 * 86_400)
    embeddings_base_url: str = "local"
    embeddings_model: str = Field(default="", max_length=200)
    embeddings_api_key: SecretStr = SecretStr("")
    embeddings_timeout_s: Seconds = 2
    faq_false_answers: float = Field(default=0.05, ge=0.01, le=0.05)
    embedder_socket: str = "/run/mostrador-embedder/socket"
    crawl_private_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    flow_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    flow_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    flow_timeout_s: Seconds = 10
    flow_silence_min: float = Field(default=30, ge=0, le=7 * 1_440)
    chatwoot_url: str = ""
    chatwoot_access_token: SecretStr = SecretStr("")
    chatwoot_bot_token: SecretStr = SecretStr("")
    chatwoot_account_id: int | None = None
    chatwoot_inbox_id: Annotated[tuple[int, ...], NoDecode] = ()
    chatwoot_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_token: SecretStr = SecretStr("")
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    ping_url: SecretStr = SecretStr("")
    releases_url: str = ""
    handoff_assignee_id: int | None = None
    handoff_team_id: int | None = None
    handoff_labels: Annotated[tuple[str, ...], NoDecode] = ()
    handoff_priority: Literal["", "low", "medium", "high", "urgent"] = ""
    people_labels: Annotated[tuple[str, ...], NoDecode] = ()
    bot_labels: Annotated[tuple[str, ...], NoDecode] = ()
    hours: Annotated[tuple[str, ...], NoDecode] = ()
    closures: Annotated[tuple[str, ...], NoDecode] = ()
    holidays: str = ""
    holidays_open: Annotated[tuple[str, ...], NoDecode] = ()
    sensitive_text: str = Field(default="", max_length=2_000)
    sensitive_text_en: str = Field(default="", max_length=2_000)
    agent_silence_min: float = Field(default=30, ge=0, le=7 * 1_440)
    auto_resolve_h: float = Field(default=0, ge=0, le=365 * 24)

    mode: Mode = "suggest"
    language: Language = "es"
    spanish_address: Literal["tu", "usted"] = "tu"
    time_zone: str = "Europe/Madrid"
    business_name: str = Field(default="", max_length=200)
    resend: bool = False
    take_back_after_fault: bool = True
    max_replies_per_10_min: int = Field(default=30, ge=1, le=1_000)
    never_say: Annotated[Phrases, NoDecode] = ()
    handoff_topics: Annotated[Phrases, NoDecode] = ()
    messages_kept_days: int = Field(default=730, ge=30, le=36_500)
    traces_kept_days: int = Field(default=30, ge=1, le=3_650)

    debounce_seconds: float = Field(default=6, ge=0, le=120)
    debounce_max_s: Seconds = 30
    fresh_s: Seconds = 3_600
    lease_s: Seconds = 90
    sweep_s: Seconds = 5
    connect_timeout_s: Seconds = 5
    post_timeout_s: Seconds = 15
    quiet_s: Seconds = 20
    unknown_hold_s: Seconds = 180
    own_act_s: Seconds = 60
    backoff_s: Seconds = 2
    backoff_max_s: Seconds = 60
    reconcile_s: Seconds = 60
    reconcile_overlap_s: Seconds = 600
    rival_check_s: Seconds = 60
    stop_grace_s: Seconds = 20

    @field_validator(
        "chatwoot_inbox_id",
        "chatwoot_webhook_secret",
        "handoff_labels",
        "people_labels",
        "bot_labels",
        "crawl_private_hosts",
        "flow_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, int):
            return (value,)
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("never_say", "handoff_topics", mode="before")
    @classmethod
    def _split_lines(cls, value: object) -> object:
        """One phrase a line: they have commas inside."""
        return tuple(" ".join(v.split()) for v in value.splitlines() if v.strip()) if isinstance(value, str) else value

    @field_validator("flow_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        """One `name=value` a line."""
        return tuple(v.strip() for v in value.splitlines() if v.strip()) if isinstance(value, str) else value

    @field_validator("flow_secrets")
    @classmethod
    def _check_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(NAMED_SECRET.fullmatch(line.get_secret_value()) for line in value):
            raise ValueError("must be name=value, one a line; a name has small letters, digits and _")
        return value

    @field_validator("flow_hosts")
    @classmethod
    def _check_flow_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?", host) for host in value):
            raise ValueError("must be names of servers, separated by commas, such as api.example.com")
        return tuple(host.lower() for host in value)

    @field_validator("hours", "closures", "holidays_open", mode="before")
    @classmethod
    def _split_rows(cls, value: object) -> object:
        return tuple(v.strip() for v in re.split(r"[\n;]", value) if v.strip()) if isinstance(value, str) else value

    @field_validator("hours")
    @classmethod
    def _check_week(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return write_week(read_week(value))

    @field_validator("closures", "holidays_open")
    @classmethod
    def _check_days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(read_closure(line)) for line in value)

    @field_validator("holidays")
    @classmethod
    def _check_region(cls, value: str) -> str:
        if value and not REGION.fullmatch(value.upper()):
            raise ValueError("must be a country, such as ES, or a part of one, such as ES-MD")
        return value.upper()

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        """apprise's URLs have commas inside: they are separated by blanks, or by a comma before the next one."""
        return tuple(v for v in URL_SEPARATOR.split(value) if v) if isinstance(value, str) else value

    @field_validator("openai_api_key", "embeddings_api_key", "chatwoot_access_token", "chatwoot_bot_token", "webhook_token")
    @classmethod
    def _check_token(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        text = value.get_secret_value()
        if not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
            raise ValueError("has a blank or a letter that no token has; copy it again")
        if info.field_name == "webhook_token" and text and not WEBHOOK_TOKEN.fullmatch(text):
            raise ValueError("must be 24 or more of the letters A-Z a-z 0-9 - _ ; make one with: openssl rand -hex 24")
        return value

    @field_validator("chatwoot_url", "openai_base_url", "releases_url", "embeddings_base_url")
    @classmethod
    def _strip_slash(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "embeddings_base_url" and value in {"local", "off"}:
            return value
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// (or http://)")
        if "@" in value.split("://", 1)[-1].split("/", 1)[0]:
            raise ValueError("must not hold a user or a password")
        return value.rstrip("/")

    @field_validator("crawl_private_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9.:_-]+:[0-9]{1,5}", host) for host in value):
            raise ValueError("must be host:port, separated by commas, such as intranet.example:443")
        return tuple(host.lower() for host in value)

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone; it looks like Europe/Madrid or America/Mexico_City") from None
        return value

    @property
    def write_token(self) -> str:
        return (self.chatwoot_bot_token or self.chatwoot_access_token).get_secret_value()

    @property
    def read_token(self) -> str:
        return (self.chatwoot_access_token or self.chatwoot_bot_token).get_secret_value()

    @property
    def endpoints(self) -> tuple[ModelEndpoint, ...]:
        """The models to ask, best first: OPENAI_MODEL, then model_chain. Those without any key are left out."""
        first = ModelEndpoint(model=self.openai_model)
        filled = (
            ModelEndpoint(
                model=e.model,
                base_url=e.base_url or self.openai_base_url,
                api_key=e.api_key if e.api_key.get_secret_value() else self.openai_api_key,
            )
            for e in (first, *self.model_chain)
        )
        return tuple(e for e in filled if e.api_key.get_secret_value())


class EnvironmentSettings(Settings, FromEnvironment):  # type: ignore[misc]  # pydantic merges both configs
    """The same names, upper-case, in the environment."""


SECRET_NAMES = frozenset(
    {
        "openai_api_key",
        "embeddings_api_key",
        "chatwoot_access_token",
        "chatwoot_bot_token",
        "chatwoot_webhook_secret",
        "webhook_token",
        "flow_secrets",
        "model_chain",
        "alert_urls",
        "ping_url",
    }
)


def read_environment() -> dict[str, Any]:
    """The settings that the environment sets. Raises ConfigError naming the variable."""
    found = read_environment_as(EnvironmentSettings)
    return {name: getattr(found, name) for name in found.model_fields_set}


def make_cipher(config: Config) -> MultiFernet:
    """Encrypts with SECRET_KEY's key, decrypts with the fallbacks' too."""
    return MultiFernet([Fernet(key) for key in derive_keys(config)])


def derive_keys(config: Config) -> list[bytes]:
    """Fernet's keys, SECRET_KEY's first."""
    return [_derive_key(s.get_secret_value()) for s in (config.secret_key, *config.secret_key_fallbacks)]


def _derive_key(secret: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=b"mostrador", info=b"secrets at rest").derive(secret.encode())
    return base64.urlsafe_b64encode(key)


def load_settings(connection: Connection, config: Config) -> Settings:
    """The settings as they are now. Raises ConfigError where a stored one can't be read."""
    values: dict[str, Any] = {}
    cipher = make_cipher(config)
    for row in connection.execute(select(Setting.key, Setting.value, Setting.secret)):
        if row.key in Settings.model_fields:
            values[row.key] = row.value if row.secret is None else json.loads(_decrypt(cipher, row.key, row.secret))
    values.update(read_environment())
    try:
        settings = Settings.model_validate(values)
    except ValidationError as e:
        raise first_problem(e) from None
    logs.hide(_find_secrets([getattr(settings, name) for name in SECRET_NAMES]))
    return settings


def _find_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, ModelEndpoint):
        yield value.api_key.get_secret_value()
    elif isinstance(value, list | tuple):
        for v in value:
            yield from _find_secrets(v)


def _decrypt(cipher: MultiFernet, key: str, token: bytes) -> bytes:
    try:
        return cipher.decrypt(token)
    except InvalidToken as e:
        raise ConfigError("SECRET_KEY", f"can't decrypt the stored {key}. Put the former key into SECRET_KEY_FALLBACKS.") from e


def check_secrets(connection: Connection, config: Config) -> None:
    """Refuses a SECRET_KEY that can't read what is stored. The first start writes the text that later ones must read."""
    stored = connection.scalar(select(Instance.secrets_check))
    if stored is None:
        connection.execute(update(Instance).values(secrets_check=make_cipher(config).encrypt(KNOWN_TEXT)))
        return
    try:
        make_cipher(config).decrypt(stored)
    except InvalidToken:
        raise ConfigError(
            "SECRET_KEY",
            "isn't the one that this database's secrets were stored with. Set the former one, or put it into "
            "SECRET_KEY_FALLBACKS beside the new one.",
        ) from None


def save_setting(connection: Connection, config: Config, name: str, text: str | None, who: str = "") -> None:
    """Stores one setting as given in text (None: back to its default); who: shown beside it.

    Raises ConfigError for a bad name or value.
    """
    if name not in Settings.model_fields:
        raise ConfigError(name, "is no setting. `flask settings list` shows them all.")
    if text is None:
        connection.execute(delete(Setting).where(Setting.key == name))
        return
    value = parse_setting(name, text)
    is_secret = name in SECRET_NAMES
    row = {
        "key": name,
        "value": None if is_secret else value,
        "secret": make_cipher(config).encrypt(json.dumps(value).encode()) if is_secret else None,
        "updated_by": who,
    }
    statement = insert(Setting).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={**row, "updated_at": func.now()}))


def parse_setting(name: str, text: str) -> Any:
    """One setting's text as plain JSON data. Raises ConfigError naming it."""
    try:
        value: Any = json.loads(text) if name == "model_chain" else text
        checked = getattr(Settings.model_validate({name: value}), name)
    except (ValidationError, json.JSONDecodeError) as e:
        raise (first_problem(e) if isinstance(e, ValidationError) else ConfigError(name, "must be JSON")) from None
    if name == "holidays" and checked:
        _check_holidays(checked)
    return to_plain(checked)


def _check_holidays(region: str) -> None:
    """Only where it is changed: asking costs memory."""
    try:
        read_holidays(region, datetime.now(UTC).year)
    except ValueError as e:
        raise ConfigError("holidays", str(e)) from None


def to_plain(value: Any) -> Any:
    """Pydantic values, secrets opened, as JSON data."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: to_plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [to_plain(v) for v in value]
    return value
