"""The worker as a process of its own, without what only commands and migrations import. `flask worker` becomes it."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType

from chatbot import boot, create_app
from chatbot.config import Config, exit_with
from chatbot.db import db
from chatbot.errors import ConfigError
from chatbot.worker import Worker


def main() -> None:
    try:
        app = create_app(role="worker")
        boot(app)
    except ConfigError as e:
        exit_with(e)
    gc.collect()  # 5 MB that importing and starting left
    config: Config = app.config["CONFIG"]
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else config.worker_threads
    with app.app_context():
        running = Worker(db.engine, config, threads)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            running.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        running.run()


if __name__ == "__main__":
    main()
