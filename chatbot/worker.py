"""The worker: one timer loop that claims what is due, a pool of threads that answer it, and a few slow loops beside them.

Its life is an advisory lock on a connection of its own: when that goes, claims stop and others may take its leases.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatbot import faults, queue, systemd_notify
from chatbot.answer import answer
from chatbot.config import Config
from chatbot.crash_points import crash_point, is_protected
from chatbot.db import statements
from chatbot.errors import ConfigError, Interrupted, LostLease
from chatbot.faq_training import WAKE_S as TRAIN_S
from chatbot.faq_training import Trainer
from chatbot.indexing import WAKE_S, Waker
from chatbot.live_settings import LiveSettings
from chatbot.llm import Means
from chatbot.queue import LIFE_CLASS, SUSPECT_CRASHES, Lease
from chatbot.reconcile import reconcile
from chatbot.restore import is_held, notice_restore
from chatbot.rivals import check_rivals

log = structlog.get_logger()
IDLE_S = 1.0
LOCKED_S = 0.02
GATHER_S = 0.01  # how long a full worker lets more of its threads come free: one claim for several conversations
LOOP_PAUSE_S = 5.0
SUSPECT_PATIENCE_S = 60.0
DATABASE_AWAY = (
    OperationalError,
    InterfaceError,
    InternalError,
    PoolTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
)
DATABASE_TRIES = 60


class Worker:
    """threads: how many conversations are answered at once."""

    def __init__(self, engine: Engine, config: Config, threads: int) -> None:
        self._engine = engine
        self._config = config
        self._settings = LiveSettings(engine, config)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="turn")
        self._threads = threads
        self._active: dict[int, Lease] = {}
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._stopping = threading.Event()
        self._number = 0
        self._swept_at = 0.0
        self._is_draining = False
        self._has_loops = False

    def stop(self) -> None:
        """Stops claiming; run() returns once what is under way has ended or was put back."""
        self._stopping.set()
        self._room.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._live() as life:
                    self._start_slow_loops()
                    self._claim_until_stopped(life)
                    self._finish()  # while our life lasts: nobody may take what is being ended
            except (psycopg.Error, SQLAlchemyError, ConfigError) as e:
                log.warning("database_away", error=type(e).__name__)
                systemd_notify.alive()  # waiting for the database is work: a restart wouldn't bring it back
                self._stopping.wait(IDLE_S)
        self._finish()

    def _start_slow_loops(self) -> None:
        if not self._has_loops:
            self._has_loops = True
            for name, loop, every in self._slow_loops():
                threading.Thread(target=self._repeat, args=(name, loop, every), name=name, daemon=True).start()

    def _slow_loops(self) -> list[tuple[str, Callable[[], object], Callable[[], float]]]:
        waker, trainer = Waker(self._engine, self._config), Trainer(self._engine)
        return [
            ("indexing", lambda: waker(self._settings()), lambda: WAKE_S),
            ("faq_training", lambda: trainer(self._settings()), lambda: TRAIN_S),
            ("renew", self._renew, lambda: self._settings().lease_s / 4),
            ("rivals", lambda: check_rivals(self._means(), self._config), lambda: self._settings().rival_check_s),
            ("reconcile", lambda: reconcile(self._means()), lambda: self._settings().reconcile_s),
        ]

    def _means(self) -> Means:
        return Means(self._engine, self._settings())

    def _repeat(self, name: str, loop: Callable[[], object], every: Callable[[], float]) -> None:
        while not self._stopping.is_set():
            try:
                loop()
                self._stopping.wait(every())
            except Exception as e:  # a loop that ends would be missed only when it is needed
                number = secrets.token_hex(8)
                log.exception("loop_failed", loop=name, error=str(e)[:300], fault=number)
                faults.keep(self._engine, number, name, e)
                self._stopping.wait(LOOP_PAUSE_S)

    def _live(self) -> psycopg.Connection[Any]:
        """A connection of our own that holds the lock which is this worker's life, under a new number."""
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        life = psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="mostrador-worker-life")
        self._number = secrets.randbelow(2**31 - 1) + 1
        life.execute("SELECT pg_advisory_lock(%s, %s)", [LIFE_CLASS, self._number])
        with self._engine.begin() as connection:
            notice_restore(connection, is_start=not self._has_loops)  # also one that happened under a running worker
        life.execute("LISTEN mostrador")
        log.info("worker_ready", worker=self._number, threads=self._threads)
        systemd_notify.ready()
        return life

    def _claim_until_stopped(self, life: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            settings = self._settings()
            life.execute("SELECT 1")  # losing this connection must stop claims at once
            with statements(self._engine) as connection:
                self._sweep(connection, settings.sweep_s)
                held = is_held(connection)
            if held or not self._claim(settings):
                self._wait(life, held=held)

    def _sweep(self, connection: Any, every_s: float) -> None:
        if time.monotonic() - self._swept_at >= every_s:
            self._swept_at = time.monotonic()
            if is_protected("sweep"):
                queue.sweep(connection)
            self._is_draining = queue.has_overdue_suspect(connection, SUSPECT_PATIENCE_S)
            systemd_notify.alive()

    def _claim(self, settings: Any) -> bool:
        """True where more may be due than there was room for."""
        with self._lock:
            free = self._threads - len(self._active)
            runs_suspect = any(lease.crashes >= SUSPECT_CRASHES for lease in self._active.values())
        if free <= 0 or runs_suspect or (self._is_draining and free < self._threads):
            return False
        with statements(self._engine) as connection:
            is_idle = free == self._threads  # a suspect runs alone: if it breaks the process, nothing else breaks
            leases = queue.claim(connection, self._number, settings, 1, suspects=True) if is_idle and self._is_draining else []
            leases = leases or queue.claim(connection, self._number, settings, free)
            if not leases and is_idle:
                leases = queue.claim(connection, self._number, settings, 1, suspects=True)
        crash_point("after_claim_commit")
        for lease in leases:
            with self._lock:
                self._active[lease.conversation_id] = lease
            self._pool.submit(self._answer, lease)
        return len(leases) >= free

    def _wait(self, life: psycopg.Connection[Any], *, held: bool) -> None:
        """Until something is due, a notification came, or a second has passed."""
        self._room.clear()  # before the look: who ends after it sets it again
        with self._lock:
            is_idle = not self._active
            runs_suspect = any(lease.crashes >= SUSPECT_CRASHES for lease in self._active.values())
            is_full = len(self._active) >= self._threads or runs_suspect or (self._is_draining and not is_idle)
        if is_full:
            if self._room.wait(IDLE_S) and self._threads > 1:
                self._stopping.wait(GATHER_S)
            return
        due_s: float | None = None
        if not held:
            with statements(self._engine) as connection:
                due_s = queue.next_due_in_s(connection, is_idle=is_idle)
        # what is due and still can't be claimed is locked by somebody: not asked for again at once
        wait_s = IDLE_S if due_s is None else min(due_s if due_s > 0 else LOCKED_S, IDLE_S)
        for _ in life.notifies(timeout=wait_s, stop_after=1):
            pass

    def _answer(self, lease: Lease) -> None:
        try:
            self._answer_or_put_back(lease)
        except Exception:
            log.exception("turn_lost", conversation=lease.conversation_id)
        finally:
            with self._lock:
                if self._active.get(lease.conversation_id) is lease:
                    del self._active[lease.conversation_id]
            self._room.set()

    def _answer_or_put_back(self, lease: Lease) -> None:
        settings = self._settings()
        try:
            if self._stopping.is_set():
                raise Interrupted("stopping")
            answer(Means(self._engine, settings, self._config.redis_url, self._config), lease)
        except LostLease as e:
            log.warning("lease_lost", problem=str(e))
        except Interrupted as e:
            log.info("put_back", conversation=lease.conversation_id, reason=e.reason)
            delay_s = e.delay_s or self._backoff_s(settings, lease)
            self._until_written(lambda c: queue.put_back(c, lease, delay_s))
        except DATABASE_AWAY as e:
            log.warning("put_back", conversation=lease.conversation_id, reason=type(e).__name__)
            self._until_written(lambda c: queue.put_back(c, lease, self._backoff_s(settings, lease)))
        except Exception as e:
            number = secrets.token_hex(8)
            log.exception("turn_broke", conversation=lease.conversation_id, error=str(e)[:300], fault=number)
            delay_s = min(settings.backoff_s * 2 ** min(lease.crashes, 10), settings.backoff_max_s)
            self._until_written(lambda c: queue.release_broken(c, lease, delay_s))
            faults.keep(self._engine, number, "turn", e, lease.conversation_id)

    def _backoff_s(self, settings: Any, lease: Lease) -> float:
        return float(min(settings.backoff_s * 2 ** min(lease.tries, 10), settings.backoff_max_s))

    def _until_written(self, work: Callable[[Any], object]) -> None:
        """Tries while the database is away; after that the freed life lock lets another worker take the lease."""
        for _ in range(DATABASE_TRIES):
            try:
                with self._engine.begin() as connection:
                    work(connection)
            except DATABASE_AWAY:
                time.sleep(IDLE_S / 2)
            else:
                return

    def _renew(self) -> None:
        with self._lock:
            ids = list(self._active)
        if ids:
            with self._engine.begin() as connection:
                queue.renew(connection, self._number, ids, self._settings())

    def _finish(self) -> None:
        """What is under way may end within the grace; the rest is put back."""
        systemd_notify.stopping()
        deadline = time.monotonic() + self._settings().stop_grace_s
        renewed_at = time.monotonic()
        while self._active and time.monotonic() < deadline:
            time.sleep(0.05)
            if time.monotonic() - renewed_at > self._settings().lease_s / 4:
                renewed_at = time.monotonic()
                self._renew()
        with self._lock:
            left = list(self._active.values())
        for lease in left:
            self._until_written(lambda c, lease=lease: queue.put_back(c, lease, 0.0, is_try=False))  # type: ignore[misc]
        log.info("worker_stopped", put_back=len(left))
        if left:
            os._exit(0)  # threads that hang in a call would keep the process
