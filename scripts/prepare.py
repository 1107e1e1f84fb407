"""A step of scripts/run: every check of a start, migrations, and the sample shop into a new database."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flask_migrate
from flask import Flask
from sqlalchemy import select

import chatbot
from chatbot.config import exit_with
from chatbot.content_file import load_sample
from chatbot.db import db
from chatbot.errors import ChatbotError, ConfigError
from chatbot.models import Instance
from chatbot.settings import save_setting


def main() -> int:
    try:
        app = chatbot.create_app()
        chatbot.check_reachable(app)
        print("Migrating ...", flush=True)
        with app.app_context():
            flask_migrate.upgrade()
            chatbot.boot(app)
            load_sample_once(app)
    except ConfigError as e:
        exit_with(e)
    except ChatbotError as e:
        print(e, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def load_sample_once(app: Flask) -> None:
    """A sample that was changed, or taken away, is never loaded again."""
    if app.config["CONFIG"].environment == "production":
        return
    with db.engine.begin() as connection:
        if connection.scalar(select(Instance.live_release_id)) is None and load_sample(connection) is not None:
            save_setting(connection, app.config["CONFIG"], "mode", "live")
            print("Loaded the sample shop, in mode live", flush=True)


if __name__ == "__main__":
    sys.exit(main())
