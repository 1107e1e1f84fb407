"""Behind scripts/run, which holds the lock: PostgreSQL, migrations, the sample shop, then web and worker until Ctrl-C."""

from __future__ import annotations

import errno
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flask_migrate
from flask import Flask
from local_postgres import LocalPostgres, LocalPostgresError, die_with_parent
from pydantic import Field, SecretStr
from sqlalchemy import select

import chatbot
from chatbot.config import ENV_FILES, FromEnvironment, exit_with, load_config, read_environment_as
from chatbot.content_file import load_sample
from chatbot.db import db
from chatbot.errors import ChatbotError, ConfigError
from chatbot.models import Instance
from chatbot.settings import save_setting

ROOT = Path(__file__).resolve().parent.parent
LOCAL_FILE, OWN_FILE = ENV_FILES
VAR = LOCAL_FILE.parent
DATABASE = "mostrador"
READY_WITHIN_S = 90
STOP_WITHIN_S = 60


class Facts(FromEnvironment, env_file=OWN_FILE):
    """What somebody has set, without what the last run left in var/local.env."""

    database_url: str = ""
    secret_key: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)


class Stopped(BaseException):
    """Ctrl-C, or a signal that means the same."""


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    started = time.monotonic()
    try:
        facts = read_environment_as(Facts)
        check_port(facts)
        os.chdir(ROOT)
        with local_postgres(facts) as url:
            write_local_file(facts, url)
            prepare()
            return run(facts, started)
    except ConfigError as e:
        exit_with(e)
    except (LocalPostgresError, ChatbotError) as e:
        say(f"scripts/run: {e}", sys.stderr)
        return 1
    except Stopped:
        say("stopped")
        return 0


def check_port(facts: Facts) -> None:
    """Before anything slow. Raises ConfigError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(facts.host, facts.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            other = f"another program listens on {facts.host}:{facts.port}. Choose a free one: PORT=8001 scripts/run"
            raise ConfigError("PORT", other) from None
        where = "PORT" if e.errno == errno.EACCES else "HOST"
        raise ConfigError(where, f"can't listen on {facts.host}:{facts.port}: {e.strerror}") from None


@contextmanager
def local_postgres(facts: Facts) -> Iterator[str]:
    """Our own PostgreSQL where DATABASE_URL is unset. Gives its URL, empty where there is another one."""
    if facts.database_url:
        yield ""
        return
    if os.geteuid() == 0:
        VAR.chmod(VAR.stat().st_mode | 0o011)  # PostgreSQL runs as another user and has to get through
    server = LocalPostgres(VAR / "pg")
    say("Making a PostgreSQL in var/pg ..." if server.is_new else "Starting PostgreSQL ...")
    try:
        server.start()
        server.create_database(DATABASE)
        yield server.url(DATABASE)
    finally:
        server.stop()


def write_local_file(facts: Facts, url: str) -> None:
    """What nobody has set, where `flask` commands in another terminal find it too."""
    lines = {"HOST": facts.host, "PORT": str(facts.port)}
    if url:
        lines["DATABASE_URL"] = url
    if not facts.secret_key:
        lines["SECRET_KEY"] = read_secret_key(VAR / "secret_key")
    text = "# Written by scripts/run at each start. What you set in .env or the environment wins.\n"
    write_private(LOCAL_FILE, text + "".join(f"{name}='{value}'\n" for name, value in lines.items()))


def read_secret_key(path: Path) -> str:
    """The one made at the first start. Without it, what is stored encrypted can't be read any more."""
    if not path.exists():
        write_private(path, secrets.token_hex(32))
        say(f"SECRET_KEY isn't set: made one, kept in {path}")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def prepare() -> None:
    """Migrates, loads the sample shop into a new database, and makes every check of a start. Raises ConfigError."""
    app = chatbot.create_app(load_config())
    with app.app_context():
        chatbot.check_reachable(app)
        say("Migrating ...")
        flask_migrate.upgrade()
        chatbot.boot(app)
        load_sample_once(app)
        db.engine.dispose()


def load_sample_once(app: Flask) -> None:
    """A sample that was changed, or taken away, is never loaded again."""
    if app.config["CONFIG"].environment == "production":
        return
    with db.engine.begin() as connection:
        if connection.scalar(select(Instance.live_release_id)) is None and load_sample(connection) is not None:
            save_setting(connection, app.config["CONFIG"], "mode", "live")
            say("Loaded the sample shop, in mode live")


def run(facts: Facts, started: float) -> int:
    environment = {**os.environ, "ROOT": str(ROOT), "PYTHON": sys.executable, "VAR_DIR": str(VAR)}
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(ROOT / "scripts/supervisord.conf")]
    supervisor = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  no thread runs yet
    )
    assert supervisor.stdout is not None
    copier = threading.Thread(target=copy_lines, args=(supervisor.stdout,), daemon=True)
    copier.start()
    try:
        if not wait_until_ready(facts, supervisor):
            say("scripts/run: it doesn't get ready; the lines above say why", sys.stderr)
            return 1
        say(f"Mostrador is ready after {time.monotonic() - started:.0f} s: {make_address(facts)}")
        say("Try it in another terminal: .venv/bin/flask simulate    Stop it with Ctrl-C.")
        supervisor.wait()
        say("scripts/run: supervisord has ended by itself", sys.stderr)
        return 1
    finally:
        stop(supervisor)
        copier.join(2)


def stop(supervisor: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it is under way
    if supervisor.poll() is not None:
        return
    say("Stopping ...")
    supervisor.terminate()
    try:
        supervisor.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()


def copy_lines(lines: IO[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def wait_until_ready(facts: Facts, supervisor: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and supervisor.poll() is None:
        connection = http.client.HTTPConnection(find_own_host(facts.host), facts.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    return False


def find_own_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def make_address(facts: Facts) -> str:
    host = find_own_host(facts.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{facts.port}"


def say(line: str, stream: IO[str] = sys.stdout) -> None:
    print(line, file=stream, flush=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
