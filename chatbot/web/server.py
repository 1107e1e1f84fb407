"""gunicorn's settings: `gunicorn -c python:chatbot.web.server 'wsgi:serve()'`. Where and how many stand in the environment."""

from __future__ import annotations

from chatbot.config import load_config_or_exit

THREADS = 4

_config = load_config_or_exit()
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
