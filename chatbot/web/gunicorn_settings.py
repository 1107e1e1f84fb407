"""gunicorn's settings that don't depend on the environment. Read as a file too, by an arbiter that must stay small: nothing of
the product is imported before a web process starts.
"""

from __future__ import annotations

import gc
from typing import Any

threads = 4
worker_class = "gthread"
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


def post_worker_init(worker: Any) -> None:
    """gunicorn calls it in each web process. systemd hears READY from the arbiter, which gunicorn sees to itself."""
    from chatbot.web import watchdog  # noqa: PLC0415  see above

    gc.collect()  # what importing and starting left
    watchdog.start(worker.sockets[0].sock)
