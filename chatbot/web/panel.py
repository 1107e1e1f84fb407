"""The panel: its pages on top of the login. Imported only where pages are served: a worker does without its libraries."""

from __future__ import annotations

from flask import Flask
from flask_bootstrap import Bootstrap5

from chatbot.config import Config
from chatbot.web import (
    access,
    account,
    analytics,
    assets,
    audit,
    content,
    conversations,
    imports,
    login,
    operations,
    overview,
    pages,
    people,
    reader,
    release,
    settings_page,
    teaching,
    testbot,
    webhook,
    welcome,
)

BLUEPRINTS = (
    account.bp,
    analytics.bp,
    audit.bp,
    content.bp,
    conversations.bp,
    imports.bp,
    operations.bp,
    overview.bp,
    people.bp,
    release.bp,
    settings_page.bp,
    teaching.bp,
    testbot.bp,
    welcome.bp,
)


def init_app(app: Flask, config: Config) -> None:
    """In this order: the gate asks whoever the login found."""
    login.init_app(app, config)
    login.csrf.exempt(webhook.bp)  # signed by Chatwoot instead
    access.init_app(app)
    assets.init_app(app)
    reader.init_app(app)
    pages.init_app(app)
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
