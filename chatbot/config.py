"""Boot facts from the environment and `.env`: what must be known before the database is reached.

Every variable may also be given as NAME_FILE, the path of a file that holds its value. Business facts are in settings.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from chatbot.errors import ConfigError

SAMPLE_SECRETS = {"change-me", "changeme", "secret", "dev", "please-change-this-to-a-long-random-text"}
MIN_SECRET_CHARS = 32


class FileSource(EnvSettingsSource):
    """Reads NAME_FILE where NAME itself isn't set."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
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

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls), dotenv_settings


CommaList = Annotated[tuple[str, ...], NoDecode]


class Config(FromEnvironment):
    """hosts and origins are comma-separated. trusted_proxies: how many proxies in front of us set X-Forwarded-*."""

    environment: Literal["development", "production", "test"] = "development"
    debug: bool = False
    secret_key: SecretStr = SecretStr("")
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    database_url: str = ""
    redis_url: str = ""
    public_url: str = ""
    allowed_origins: CommaList = ()
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    web_concurrency: int = Field(default=2, ge=1, le=64)
    worker_threads: int = Field(default=16, ge=1, le=256)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
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
        for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
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
    try:
        return Config(**overrides)
    except ValidationError as e:
        raise first_problem(e) from None


def first_problem(error: ValidationError) -> ConfigError:
    """The first problem as a ConfigError, without the given value (it may be a secret)."""
    problem = error.errors(include_input=False, include_url=False)[0]
    name = str(problem["loc"][0]).upper() if problem["loc"] else "SETTINGS"
    if problem["type"] == "missing" or (name == "DATABASE_URL" and not os.environ.get(name)):
        return ConfigError(name, "is missing. See .env.example for what it should look like.")
    return ConfigError(name, problem["msg"].removeprefix("Value error, "))


class ModelEndpoint(BaseModel):
    """One model of the fallback chain. Empty base_url and api_key take OPENAI_BASE_URL and OPENAI_API_KEY."""

    model: str
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
