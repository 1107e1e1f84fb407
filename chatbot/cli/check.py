"""`flask check`: what is watched every minute; alerts and recoveries go out, each once. A timer runs it."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from chatbot.cli.settings import as_json, current_config, print_json
from chatbot.clients.alerts import send_alert
from chatbot.db import db
from chatbot.doctor import describe_word
from chatbot.errors import ConfigError
from chatbot.monitor import gather, read_memory, watch


@click.command()
@click.option("--test-alert", is_flag=True, help="Only sends a test message to each of ALERT_URLS.")
@as_json
@with_appcontext
def check(test_alert: bool, as_json: bool) -> None:
    """Looks, compares with the run before, and tells what changed. Exit code 1: something fails, or couldn't be told."""
    if test_alert:
        _send_test()
        return
    report = watch(db.engine, current_config())
    bad = {name: finding for name, finding in report.findings.items() if finding.level != "ok"}
    told = [{"id": item.check.id, "level": item.level} for item in report.news]
    if as_json:
        found = {name: {"level": f.level, "key": f.key} for name, f in report.findings.items()}
        print_json({"well": report.is_well, "told": told if report.is_told else [], "checks": found})
    elif bad:  # one line a minute in the journal; what was told stands there in full
        click.echo(f"not well: {', '.join(f'{name} ({finding.key})' for name, finding in bad.items())}")
    if not report.is_well:
        raise click.exceptions.Exit(1)


def _send_test() -> None:
    config = current_config()
    at = gather(db.engine, config, read_memory(config))
    urls = [u.get_secret_value() for u in at.settings.alert_urls]
    if not urls:
        raise ConfigError("ALERT_URLS", "isn't set. Type: mostrador settings set alert_urls -")
    language = at.settings.language
    failed = send_alert(
        urls, describe_word("test_title", language, where=at.domain or "Mostrador"), describe_word("test", language)
    )
    click.echo(describe_word("test_sent", language, count=len(urls) - len(failed), failed=", ".join(failed) or "-"))
    if failed:
        raise click.exceptions.Exit(1)
