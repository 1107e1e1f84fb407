"""The web: `python -m chatbot.web.server` becomes gunicorn, with as many processes as WEB_CONCURRENCY says.

Several share what gunicorn imports before it forks (`gunicorn -c python:chatbot.web.server 'wsgi:serve()'`). One alone imports
it itself, and gunicorn's own process stays at 20 MB: on the smallest server that is a tenth of what the product takes.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from chatbot.config import load_config_or_exit
from chatbot.web import gunicorn_settings
from chatbot.web.gunicorn_settings import (  # noqa: F401  gunicorn reads them here
    accesslog,
    control_socket_disable,
    forwarded_allow_ips,
    graceful_timeout,
    keepalive,
    loglevel,
    post_worker_init,
    threads,
    timeout,
    worker_class,
)

_config = load_config_or_exit()
# under systemd the socket is handed over (LISTEN_FDS), and this isn't used
bind = f"[{_config.host}]:{_config.port}" if ":" in _config.host else f"{_config.host}:{_config.port}"
workers = _config.web_concurrency
preload_app = True


def when_ready(_server: Any) -> None:
    """gunicorn calls it before the first fork: the collector won't write to what is loaded by then, so it stays shared."""
    gc.collect()
    gc.freeze()


def become_gunicorn() -> None:
    """Ends the process with 2 where the only web process couldn't start: gunicorn would start it again and again."""
    settings, app = ["python:chatbot.web.server"], "wsgi:serve()"
    if workers == 1:
        import wsgi  # noqa: PLC0415  an entrance of its own

        wsgi.check()
        settings, app = [gunicorn_settings.__file__, "--bind", bind, "--workers", "1"], "wsgi:serve_alone()"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", *settings, app])  # noqa: S606


if __name__ == "__main__":
    become_gunicorn()
