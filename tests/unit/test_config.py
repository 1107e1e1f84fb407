"""Boot facts and business settings from the environment: what is taken, what is refused, and that no secret is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT, SECRET_KEY

from chatbot.config import Config, ModelEndpoint, load_config
from chatbot.errors import ConfigError
from chatbot.settings import EnvironmentSettings, Settings, make_cipher, parse_setting, read_environment

STRONG = "8f0c2b7d5e914a36b1d07f6c3e92a458"


@pytest.fixture(autouse=True)
def boot_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db/shop")
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)


def test_the_defaults_are_the_documented_ones() -> None:
    config = load_config()
    assert (config.environment, config.host, config.port, config.redis_url) == ("development", "127.0.0.1", 8000, "")
    assert config.database_url == "postgresql+psycopg://u:p@db/shop"


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_a_missing_boot_fact_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match="is missing") as caught:
        load_config()
    assert caught.value.variable == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "brief"),
        ("SECRET_KEY", "please-change-this-to-a-long-random-text"),
        ("SECRET_KEY", "a" * 64),
        ("DEBUG", "true"),
        ("DATABASE_URL", "sqlite:///shop.db"),
        ("DATABASE_URL", "mysql://u:p@db/shop"),
        ("DATABASE_URL", "postgresql://u:p@ss@db/shop"),
        ("DATABASE_URL", "postgresql://u:1234/x@db/shop"),
        ("DATABASE_URL", "postgresql://u:p#x@db/shop"),
        ("DATABASE_URL", "postgresql://u:p@db:port/shop"),
        ("ALLOWED_ORIGINS", "https://shop.example,*"),
        ("ALLOWED_ORIGINS", "https://*.example"),
        ("ENVIRONMENT", "live"),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for known, given in {"ENVIRONMENT": "production", "SECRET_KEY": STRONG, name: value}.items():
        monkeypatch.setenv(known, given)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert caught.value.variable == name
    assert value not in str(caught.value)


def test_production_accepts_a_generated_key_and_no_webhook_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("SECRET_KEY", STRONG)
    assert load_config().environment == "production"


def test_a_wrong_value_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mssql://sa:hunter2222@db/x")
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert "hunter2222" not in str(caught.value)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{STRONG}\n")
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load_config().secret_key.get_secret_value() == STRONG
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    assert load_config().secret_key.get_secret_value() == SECRET_KEY


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ConfigError) as caught:
        read_environment()
    assert caught.value.variable == "OPENAI_API_KEY_FILE"


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "older-key, oldest-key")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example, https://b.example")
    config = load_config()
    assert [s.get_secret_value() for s in config.secret_key_fallbacks] == ["older-key", "oldest-key"]
    assert config.allowed_origins == ("https://a.example", "https://b.example")
    (tmp_path / "secrets").write_text("one,two")
    monkeypatch.setenv("CHATWOOT_WEBHOOK_SECRET_FILE", str(tmp_path / "secrets"))
    monkeypatch.setenv("CHATWOOT_INBOX_ID", "1, 2")
    found = read_environment()
    assert [s.get_secret_value() for s in found["chatwoot_webhook_secret"]] == ["one", "two"]
    assert found["chatwoot_inbox_id"] == (1, 2)


def test_no_secret_is_in_a_printed_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2222")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", STRONG)
    shown = repr(load_config())
    for secret in (SECRET_KEY, STRONG, "hunter2222"):
        assert secret not in shown


def test_only_what_is_set_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_environment() == {}
    monkeypatch.setenv("DEBOUNCE_SECONDS", "0.5")
    monkeypatch.setenv("CHATWOOT_URL", "https://chat.example/")
    monkeypatch.setenv("OPENAI_MODEL", "")
    assert read_environment() == {"debounce_seconds": 0.5, "chatwoot_url": "https://chat.example"}


def test_a_wrong_business_setting_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "loud")
    with pytest.raises(ConfigError) as caught:
        read_environment()
    assert caught.value.variable == "MODE"


def test_a_model_chain_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CHAIN", "gpt-4o")
    with pytest.raises(ConfigError, match="must be JSON") as caught:
        read_environment()
    assert caught.value.variable == "MODEL_CHAIN"


def test_the_model_chain_is_json_in_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CHAIN", '[{"model": "m", "base_url": "http://llm", "api_key": "k-123456"}]')
    (endpoint,) = read_environment()["model_chain"]
    assert isinstance(endpoint, ModelEndpoint)
    assert endpoint.api_key.get_secret_value() == "k-123456"


@pytest.mark.parametrize("name", ["mode", "debounce_seconds", "chatwoot_url", "model_chain", "lease_s", "language"])
def test_a_bad_setting_names_itself(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_setting(name, "[-1")
    assert caught.value.variable.lower() == name


def test_a_rotated_key_still_reads_what_was_stored() -> None:
    before = load_config()
    token = make_cipher(before).encrypt(b"secret")
    after = load_config(secret_key=STRONG, secret_key_fallbacks=SECRET_KEY)
    assert make_cipher(after).decrypt(token) == b"secret"


def test_env_example_has_every_variable() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in (*Config.model_fields, *Settings.model_fields):
        assert f"{name.upper()}=" in example, f"{name.upper()} is missing in .env.example"


def test_env_example_has_no_unknown_variable_and_its_defaults_are_true() -> None:
    given = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    fields = {**Config.model_fields, **Settings.model_fields}
    assert {name.lower() for name in given} == set(fields)
    for name, value in given.items():
        default = fields[name.lower()].default
        if value:
            assert value.lower() == str(default).lower(), name


def test_no_two_meanings_for_one_variable() -> None:
    assert not set(Config.model_fields) & set(EnvironmentSettings.model_fields)
