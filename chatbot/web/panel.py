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
    calibration,
    content,
    conversations,
    dashboard_app,
    documents,
    first_steps,
    flow_ways,
    flows,
    imports,
    login,
    login_audit,
    operations,
    overview,
    pages,
    palette,
    passkeys,
    people,
    proposals,
    reader,
    readiness,
    release,
    retrieval,
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
    calibration.bp,
    content.bp,
    conversations.bp,
    dashboard_app.bp,
    documents.bp,
    first_steps.bp,
    flows.bp,
    flow_ways.bp,
    imports.bp,
    operations.bp,
    overview.bp,
    palette.bp,
    passkeys.bp,
    people.bp,
    proposals.bp,
    readiness.bp,
    release.bp,
    retrieval.bp,
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
