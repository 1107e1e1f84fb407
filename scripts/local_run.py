"""Behind scripts/run, which holds the lock: PostgreSQL, migrations, the sample shop, then web and worker until Ctrl-C."""

from __future__ import annotations

import errno
import hashlib
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
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from dotenv import dotenv_values
from local_postgres import MAX_SOCKET_PATH, LocalPostgres, LocalPostgresError, die_with_parent

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ["VAR_DIR"])
LOCAL_FILE = VAR / "local.env"
SOCKET = VAR / "embedder.sock"
DATABASE = "mostrador"
READY_WITHIN_S = 90
STOP_WITHIN_S = 60


@dataclass(frozen=True)
class Facts:
    """What somebody has set (environment, NAME_FILE, .env), without what the last run left in var/local.env."""

    database_url: str
    secret_key: str
    host: str
    port: int


class WrongSetting(Exception):
    """Its text starts with the variable."""


def read_facts() -> Facts:
    """The same order as chatbot/config.py, which isn't imported here: 100 MB that this process would keep."""
    written = dotenv_values(os.environ.get("ENV_FILE") or ".env", interpolate=False)

    def read(name: str, default: str = "") -> str:
        path = os.environ.get(f"{name}_FILE")
        return os.environ.get(name) or (Path(path).read_text().strip() if path else written.get(name)) or default

    port = read("PORT", "8000")
    if not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise WrongSetting(f"PORT: {port!r} isn't a number from 1 to 65535")
    try:
        return Facts(read("DATABASE_URL"), read("SECRET_KEY"), read("HOST", "127.0.0.1"), int(port))
    except OSError as e:
        raise WrongSetting(f"DATABASE_URL_FILE or SECRET_KEY_FILE: can't read {e.filename}: {e.strerror}") from None


class Stopped(BaseException):
    """Ctrl-C, or a signal that means the same."""


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    started = time.monotonic()
    try:
        os.chdir(ROOT)
        facts = read_facts()
        check_port(facts)
        with local_postgres(facts) as server:
            write_local_file(facts, server.url(DATABASE) if server else "")
            return prepare() or run(facts, server, started)
    except WrongSetting as e:
        say(str(e), sys.stderr)
        return 2
    except LocalPostgresError as e:
        say(f"scripts/run: {e}", sys.stderr)
        return 1
    except Stopped:
        say("stopped")
        return 0


def check_port(facts: Facts) -> None:
    """Before anything slow."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(facts.host, facts.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            other = f"another program listens on {facts.host}:{facts.port}. Choose a free one: PORT=8001 scripts/run"
            raise WrongSetting(f"PORT: {other}") from None
        name = "PORT" if e.errno == errno.EACCES else "HOST"
        raise WrongSetting(f"{name}: can't listen on {facts.host}:{facts.port}: {e.strerror}") from None


@contextmanager
def local_postgres(facts: Facts) -> Iterator[LocalPostgres | None]:
    """Our own PostgreSQL where DATABASE_URL is unset, started and with its database."""
    if facts.database_url:
        yield None
        return
    if os.geteuid() == 0:
        VAR.chmod(VAR.stat().st_mode | 0o011)  # PostgreSQL runs as another user and has to get through
    server = LocalPostgres(VAR / "pg")
    say("Making a PostgreSQL in var/pg ..." if server.is_new else "Starting PostgreSQL ...")
    try:
        server.start()
        server.create_database(DATABASE)
        yield server
    finally:
        server.close()


def write_local_file(facts: Facts, url: str) -> None:
    """What nobody has set, where `flask` commands in another terminal find it too."""
    lines = {"HOST": facts.host, "PORT": str(facts.port), "EMBEDDER_SOCKET": find_socket()}
    if url:
        lines["DATABASE_URL"] = url
    if not facts.secret_key:
        lines["SECRET_KEY"] = read_secret_key(VAR / "secret_key")
    text = "# Written by scripts/run at each start. What you set in .env or the environment wins.\n"
    write_private(LOCAL_FILE, text + "".join(f"{name}='{value}'\n" for name, value in lines.items()))


def find_socket() -> str:
    """Where the embedder listens: in var/, or in /tmp where that name is too long for a socket."""
    if len(os.fsencode(SOCKET)) <= MAX_SOCKET_PATH:
        return str(SOCKET)
    digest = hashlib.sha256(os.fsencode(VAR)).hexdigest()[:16]
    folder = Path(f"/tmp/mostrador-{os.getuid()}-{digest}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise WrongSetting(f"VAR_DIR: {VAR} is too long for a socket's name, and {folder} is another user's")
    return str(folder / "embedder.sock")


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


WATCH_S = 2.0


def prepare() -> int:
    """Exit code of scripts/prepare.py. A process of its own: what it imports would stay in this one until the end."""
    return subprocess.run([sys.executable, ROOT / "scripts/prepare.py"], check=False).returncode


def run(facts: Facts, server: LocalPostgres | None, started: float) -> int:
    environment = {**os.environ, "ROOT": str(ROOT), "PYTHON": sys.executable, "VAR_DIR": str(VAR)}
    environment["EMBEDDER_SOCKET"] = find_socket()
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
        watch(supervisor, server)
        say("scripts/run: supervisord has ended by itself", sys.stderr)
        return 1
    finally:
        stop(supervisor)
        copier.join(2)


def watch(supervisor: subprocess.Popen[bytes], server: LocalPostgres | None) -> None:
    """Until supervisord ends. It restarts web and worker; PostgreSQL, which isn't its child, is started again here."""
    while True:
        try:
            supervisor.wait(WATCH_S)
        except subprocess.TimeoutExpired:
            if server is not None and not server.is_alive:
                say("PostgreSQL has ended by itself (out of memory?); starting it again ...", sys.stderr)
                server.start()
        else:
            return


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
            connection.request("GET", "/readyz")
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
