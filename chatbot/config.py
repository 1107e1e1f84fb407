"""Boot facts from the environment and `.env`: what must be known before the database is reached.

Every variable may also be given as NAME_FILE, the path of a file that holds its value. Business facts are in settings.py.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from chatbot.errors import ConfigError

SAMPLE_SECRETS = {"change-me", "changeme", "secret", "dev", "please-change-this-to-a-long-random-text"}
MIN_SECRET_CHARS = 32
MISSING = "is missing. See .env.example for what it should look like."
# the later one wins; the first is written by scripts/run, so that `flask` commands find its database
ENV_FILES = (Path(os.environ.get("VAR_DIR") or "var") / "local.env", Path(os.environ.get("ENV_FILE") or ".env"))


class FileSource(EnvSettingsSource):
    """Reads NAME_FILE where NAME itself isn't set."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        variable = f"{field_name}_FILE".upper()
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(
                variable, f"can't read {path}: {e.__class__.__name__}. Check the path and its permissions."
            ) from e


class FromEnvironment(BaseSettings):
    """Base of Config and of the business settings' environment side: environment, then NAME_FILE, then `.env`."""

    model_config = SettingsConfigDict(env_file=ENV_FILES, env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls), dotenv_settings


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.netloc.count("@") < 2 and "@" not in parts.path and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError(
            "can't be read. It must look like postgresql://user:password@host:5432/database,"
            " with the password's special characters escaped (@ is %40, / is %2F, : is %3A, # is %23)"
        )
    return value


Model = TypeVar("Model", bound=FromEnvironment)
UNREADABLE = re.compile(r'for field "(\w+)"')
CommaList = Annotated[tuple[str, ...], NoDecode]


class Config(FromEnvironment):
    """hosts and origins are comma-separated. trusted_proxies: how many proxies in front of us set X-Forwarded-*."""

    environment: Literal["development", "production", "test"] = "development"
    debug: bool = False
    secret_key: SecretStr = SecretStr("")
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    database_url: str = Field(default="", validate_default=True)
    redis_url: str = ""
    public_url: str = ""
    allowed_origins: CommaList = ()
    asset_url: str = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    web_concurrency: int = Field(default=2, ge=1, le=64)
    worker_threads: int = Field(default=16, ge=1, le=256)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # on a box of the playbook: what root saw, what `check` remembers (the second where the disk is full), what was backed up
    facts_dir: str = "/var/lib/mostrador-facts"
    state_dir: str = "/var/lib/mostrador"
    runtime_dir: str = "/run/mostrador-check"
    web_runtime_dir: str = "/run/mostrador-web"  # the only folder that the web may write to; systemd looks there for its wishes
    worker_runtime_dir: str = "/run/mostrador-worker"  # the same for the worker: its wish for the indexer
    backup_folder: str = "/var/backups/mostrador"
    mail_server: str = ""
    mail_port: int = Field(default=587, ge=1, le=65_535)
    mail_username: str = ""
    mail_password: SecretStr = SecretStr("")
    mail_use_tls: bool = True
    mail_sender: str = ""

    @field_validator("secret_key_fallbacks", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _use_psycopg(cls, value: str) -> str:
        if not value:
            raise ValueError(MISSING)
        for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                return _check_url("postgresql+psycopg://" + value.removeprefix(prefix))
        raise ValueError("must start with postgresql:// (PostgreSQL is the only database that works)")

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Config:
        secret = self.secret_key.get_secret_value()
        if self.environment == "production":
            if len(secret) < MIN_SECRET_CHARS or secret.lower() in SAMPLE_SECRETS or len(set(secret)) < 8:
                raise ConfigError("SECRET_KEY", "is missing, too short or the sample. Make one with: openssl rand -hex 32")
            if self.debug:
                raise ConfigError("DEBUG", "must be off in production")
            if any("*" in origin for origin in self.allowed_origins):
                raise ConfigError("ALLOWED_ORIGINS", "must name the origins; a wildcard lets any site in")
        elif not secret:
            raise ConfigError("SECRET_KEY", "is missing. Make one with: openssl rand -hex 32")
        return self


def load_config(**overrides: Any) -> Config:
    """Config from the environment. Raises ConfigError naming the variable; no value of a secret is ever in its text."""
    return read_environment_as(Config, **overrides)


def read_environment_as(model: type[Model], **overrides: Any) -> Model:
    """Raises ConfigError naming the variable that is missing or wrong."""
    try:
        return model(**overrides)
    except ValidationError as e:
        raise first_problem(e) from None
    except SettingsError as e:
        if isinstance(e.__cause__, ConfigError):
            raise e.__cause__ from None
        name = UNREADABLE.search(str(e))
        raise ConfigError(name[1].upper() if name else "SETTINGS", "must be JSON") from None


def load_config_or_exit() -> Config:
    """For entrances: a wrong setting ends the process with 2 and one line."""
    try:
        return load_config()
    except ConfigError as e:
        exit_with(e)


def exit_with(error: ConfigError) -> NoReturn:
    print(error, file=sys.stderr)  # noqa: T201  logging may not be set up yet
    raise SystemExit(2)


def first_problem(error: ValidationError) -> ConfigError:
    """The first problem as a ConfigError, without the given value (it may be a secret)."""
    problem = error.errors(include_input=False, include_url=False)[0]
    name = str(problem["loc"][0]).upper() if problem["loc"] else "SETTINGS"
    return ConfigError(name, problem["msg"].removeprefix("Value error, "))


class ModelEndpoint(BaseModel):
    """One model of the fallback chain. Empty base_url and api_key take OPENAI_BASE_URL and OPENAI_API_KEY."""

    model: str = Field(min_length=1, max_length=200)
    base_url: str = ""
    api_key: SecretStr = SecretStr("")

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// (or http://)")
        return value.rstrip("/")
