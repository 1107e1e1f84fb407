"""gunicorn's settings: `gunicorn -c python:chatbot.web.server 'wsgi:serve()'`. Where and how many stand in the environment."""

from __future__ import annotations

import gc
from typing import Any

from chatbot.config import load_config_or_exit
from chatbot.web import watchdog

THREADS = 4

_config = load_config_or_exit()
# under systemd the socket is handed over (LISTEN_FDS), and this isn't used
bind = f"[{_config.host}]:{_config.port}" if ":" in _config.host else f"{_config.host}:{_config.port}"
workers = _config.web_concurrency
threads = THREADS
worker_class = "gthread"
# one copy of the imported modules for all workers
preload_app = True
# a look-up of the database may take its whole time-out
timeout = 60
graceful_timeout = 20
# longer than the proxy in front of us keeps a connection, so that it is never us who closes one in use
keepalive = 75
# paths hold the webhook's token; our own lines have a request id instead
accesslog = None
loglevel = "warning"
# it would be made under HOME
control_socket_disable = True
# ProxyFix alone believes X-Forwarded-*, as far as TRUSTED_PROXIES says
forwarded_allow_ips = ""


def when_ready(_server: Any) -> None:
    """gunicorn calls it before the first fork: the collector won't write to what is loaded by then, so it stays shared."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """gunicorn calls it in each web process. systemd hears READY from the arbiter, which gunicorn sees to itself."""
    watchdog.start(worker.sockets[0].sock)
