"""Where gunicorn and `flask` start. A wrong setting ends the process with 2 and one line, "VARIABLE: problem"."""

from __future__ import annotations

from flask import Flask

import chatbot
from chatbot import logs
from chatbot.config import exit_with
from chatbot.errors import ConfigError


def create_app() -> Flask:
    """For `flask` commands, which find it by its name. Asks for no migrated database: `flask db upgrade` is one of them."""
    try:
        return chatbot.create_app()
    except ConfigError as e:
        exit_with(e)


def check() -> None:
    """What serve() would end the process for, asked before gunicorn is."""
    try:
        chatbot.boot(chatbot.create_app(role="web"))
    except ConfigError as e:
        exit_with(e)


def serve() -> Flask:
    """For gunicorn (chatbot/web/server.py)."""
    try:
        app = chatbot.create_app(role="web")
        chatbot.boot(app)
        chatbot.report_redis(app.config["CONFIG"])
    except ConfigError as e:
        exit_with(e)
    logs.adopt("gunicorn.error")
    return app


def serve_alone() -> Flask:
    """serve() for a gunicorn that hasn't called it before it forked. At 3 it ends itself too, so that its supervisor paces the
    next try; at anything else it would start the process again at once, and again.
    """
    try:
        return serve()
    except SystemExit:
        raise SystemExit(3) from None
