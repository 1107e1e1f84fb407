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
    dashboard_app,
    first_steps,
    imports,
    login,
    login_audit,
    operations,
    overview,
    pages,
    palette,
    passkeys,
    people,
    reader,
    readiness,
    release,
    second_factor,
    settings_page,
    system,
    teaching,
    testbot,
    views,
    webhook,
    welcome,
)

BLUEPRINTS = (
    account.bp,
    analytics.bp,
    audit.bp,
    content.bp,
    conversations.bp,
    dashboard_app.bp,
    first_steps.bp,
    imports.bp,
    operations.bp,
    overview.bp,
    palette.bp,
    passkeys.bp,
    people.bp,
    readiness.bp,
    release.bp,
    second_factor.bp,
    settings_page.bp,
    system.bp,
    teaching.bp,
    testbot.bp,
    views.bp,
    welcome.bp,
)


def init_app(app: Flask, config: Config) -> None:
    """In this order: the gate asks whoever the login found."""
    login.init_app(app, config)
    login.csrf.exempt(webhook.bp)  # signed by Chatwoot instead
    for view in (dashboard_app.open_tab, dashboard_app.act):  # by a key and a token instead
        login.csrf.exempt(view)
    login_audit.init_app(app)
    access.init_app(app)
    assets.init_app(app)
    reader.init_app(app)
    pages.init_app(app)
    system.init_app(app)
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
