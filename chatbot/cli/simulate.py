"""`flask simulate`: customers write to the running server, and what would reach Chatwoot is shown, with the reason.

A pretend Chatwoot on loopback takes the place of the real one; the settings that lead to it are lent for the time being.
"""

from __future__ import annotations

import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import Engine, delete, select
from sqlalchemy import text as sql

from chatbot.cli.lending import lend_settings
from chatbot.cli.settings import as_json, current_config, print_json
from chatbot.config import Config
from chatbot.db import db
from chatbot.errors import ConfigError
from chatbot.live_settings import REFRESH_S
from chatbot.models import Contact, Conversation, Instance
from chatbot.pretend.chatwoot import PretendChatwoot
from chatbot.pretend.hooks import Hook, encode, post_signed
from chatbot.settings import Settings, load_settings

WEBHOOK_PATH = "/webhooks/chatwoot"
POLL_S = 0.2
BETWEEN_QUICK_S = 0.4
GOOD = {"answered", "handed_off", "suggested", "watched", "with_people"}
# (customer, browser's language, steps of messages written in one go)
SCRIPT = (
    ("Lucía", "es", (("hola",), ("¿Hacéis envíos a Canarias?",), ("perdona", "otra cosa", "¿puedo pagar con Bizum?"))),
    ("Emily", "en", (("Which payment methods do you accept?",),)),
    ("Jon", "es", (("quiero hablar con una persona",),)),
)
SHOWN_ACTS = {
    "post_stored", "status_changed", "fault_opened", "labels_changed", "priority_changed", "assigned", "team_changed",
}  # fmt: skip
TURN = sql("""
SELECT t.id, t.state, t.rule, t.responder, t.language, t.handoff_reason, t.sources, t.finished_at, r.body AS trace,
  m.ignore_rule, m.turn_id
FROM message m
LEFT JOIN turn t ON t.conversation_id = m.conversation_id AND m.seq > t.from_seq AND m.seq <= t.to_seq
LEFT JOIN turn_trace r ON r.turn_id = t.id
WHERE m.chatwoot_id = :message ORDER BY t.id DESC NULLS LAST LIMIT 1
""")


@dataclass
class Step:
    """Messages written in one go and what came of them. start_seq, end_seq: its lines of the history."""

    texts: tuple[str, ...]
    ids: list[int] = field(default_factory=list)
    start_seq: int = 0
    end_seq: int | None = None
    sent_t: float = 0.0
    outcome: str = "waiting"
    seconds: float = 0.0
    turn: dict[str, Any] = field(default_factory=dict)


@dataclass
class Talk:
    """One customer's conversation."""

    customer: str
    language: str | None
    steps: list[Step]
    conversation: int | None = None
    contact: int | None = None
    at: int = 0

    @property
    def step(self) -> Step | None:
        return self.steps[self.at] if self.at < len(self.steps) else None


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--url", help="The running server, http://HOST:PORT of the settings if not given.")
@click.option("--timeout", "timeout_s", default=60.0, show_default=True, help="Seconds to wait for the outcome of a message.")
@as_json
@with_appcontext
def simulate(texts: tuple[str, ...], url: str | None, timeout_s: float, as_json: bool) -> None:
    """Writes as customers to the RUNNING server and shows what would reach Chatwoot, and why.

    Without TEXTS: a short script in Spanish and English. With them: one conversation, one message after the other's reply.
    Exit code 0: everything was answered or handed off; 1: something wasn't in time; 2: no server, or a real Chatwoot is set.
    """
    config = current_config()
    server = (url or f"http://{'127.0.0.1' if config.host in ('0.0.0.0', '::') else config.host}:{config.port}").rstrip("/")  # noqa: S104
    check_server(server)
    talks = make_talks(texts)
    with _ended_by_signals(), make_pretend(db.engine, config, server) as pretend:
        access = pretend.access()
        control = access.pop("control_url")
        with lend_settings(db.engine, config, access, control):
            wait_until_accepted(pretend, server)
            if not as_json:
                introduce(pretend, server, config)
            try:
                run(talks, pretend, timeout_s, is_shown=not as_json)
            finally:
                clear_unfinished(talks)
        is_good = all(s.outcome in GOOD for talk in talks for s in talk.steps)
        if as_json:
            print_json({"ok": is_good, "server": server, "conversations": [talk_as_json(t, pretend) for t in talks]})
    if not is_good:
        is_waiting = any(s.outcome == "waiting" for talk in talks for s in talk.steps)
        why = "Is the worker running? scripts/run starts both." if is_waiting else "See the outcomes above."
        click.echo(f"Not everything was answered or handed off. {why}", err=True)
        raise click.exceptions.Exit(1)


def check_server(server: str) -> None:
    """Raises ConfigError where no server of ours answers."""
    try:
        with urllib.request.urlopen(f"{server}/readyz", timeout=10):  # noqa: S310  http, on purpose
            return
    except urllib.error.HTTPError as e:
        raise ConfigError("server", f"{server} answers {e.code} to /readyz; see its log") from None
    except (OSError, ValueError) as e:
        raise ConfigError(
            "server", f"nothing answers at {server} ({getattr(e, 'reason', e)}). Start scripts/run first, or give --url."
        ) from None


def make_talks(texts: tuple[str, ...]) -> list[Talk]:
    if texts:
        return [Talk("Lucía", None, [Step((t,)) for t in texts])]
    return [Talk(name, language, [Step(s) for s in steps]) for name, language, steps in SCRIPT]


def make_pretend(engine: Engine, config: Config, server: str) -> PretendChatwoot:
    """Its ids start at the present second, so that no run repeats those of another."""
    with engine.connect() as connection:
        wanted = load_settings(connection, config).chatwoot_inbox_id
    now = int(time.time())
    shown = (config.public_url or server).rstrip("/") + WEBHOOK_PATH
    inbox_id = wanted[0] if wanted else 1
    pretend = PretendChatwoot(shown, inbox_id=inbox_id, first_ids=(now, now * 10, now), keeps_pending=True)
    pretend.bot.deliver_to = server + WEBHOOK_PATH
    return pretend


def wait_until_accepted(pretend: PretendChatwoot, server: str, timeout_s: float = 20) -> None:
    """Until every process of the server has read the lent settings. Raises ConfigError."""
    probe = encode({"event": "simulate_probe", "account": {"id": pretend.world.account_id}})
    end = time.monotonic() + timeout_s
    time.sleep(REFRESH_S + 0.5)
    while True:
        try:
            status = post_signed(Hook("bot", server + WEBHOOK_PATH, probe, "simulate_probe", pretend.bot.secret), 5)
        except OSError:
            status = 0
        if status == 200:
            return
        if time.monotonic() > end:
            why = "Does it use the same DATABASE_URL and SECRET_KEY as this command?"
            raise ConfigError("server", f"{server}{WEBHOOK_PATH} answers {status or 'nothing'} to a signed webhook. {why}")
        time.sleep(1.5)


def introduce(pretend: PretendChatwoot, server: str, config: Config) -> None:
    with db.engine.connect() as connection:
        settings: Settings = load_settings(connection, config)
        state = connection.execute(select(Instance.paused_at, Instance.muted_reason)).first()
    click.echo(f"server {server}, pretend Chatwoot {pretend.url}, mode {settings.mode}")
    click.echo(f"A reply waits {settings.debounce_seconds:g} s for more messages of its customer (setting debounce_seconds).")
    if state and state.paused_at:
        click.echo("Everything is paused: nothing will be said. `flask resume` ends that.")
    if state and state.muted_reason:
        click.echo(f"This installation is mute ({state.muted_reason}): nothing will be said.")


# --- running ---------------------------------------------------------------------------------------------------------


def run(talks: list[Talk], pretend: PretendChatwoot, timeout_s: float, *, is_shown: bool) -> None:
    """All conversations side by side, each one's steps one after the other."""
    while any(talk.step for talk in talks):
        for talk in talks:
            step = talk.step
            if step is None:
                continue
            if not step.ids:
                write_step(talk, step, pretend)
            elif follow(step, talk, pretend) or pretend.history.now() - step.sent_t > timeout_s:
                step.seconds = round(pretend.history.now() - step.sent_t, 1)
                step.end_seq = pretend.history.seq
                if is_shown:
                    show_step(talk, step, pretend)
                talk.at = talk.at + 1 if step.outcome != "waiting" else len(talk.steps)
        time.sleep(POLL_S)
    pretend.wait_until(lambda: pretend.hooks.waiting == 0, 3)


def write_step(talk: Talk, step: Step, pretend: PretendChatwoot) -> None:
    step.start_seq = pretend.history.seq
    for n, text in enumerate(step.texts):
        if n:
            time.sleep(BETWEEN_QUICK_S)
        made = pretend.customer(text, contact=talk.contact, name=talk.customer, language=talk.language)
        talk.conversation, talk.contact = made["conversation"], made["contact"]
        step.ids.append(made["message"])
    step.sent_t = pretend.history.now()


def follow(step: Step, talk: Talk, pretend: PretendChatwoot) -> bool:
    """Reads the turn of the newest message; True once it has an outcome."""
    with db.engine.connect() as connection:
        row = connection.execute(TURN, {"message": step.ids[-1]}).mappings().first()
    if row is None:
        return False
    step.turn = dict(row)
    if row["finished_at"] is None and not (row["id"] is None and row["ignore_rule"]):
        return False
    step.outcome = judge(step, talk, pretend)
    return True


def judge(step: Step, talk: Talk, pretend: PretendChatwoot) -> str:
    """By what Chatwoot received; the turn's own word only where nothing was to be said."""
    number = talk.conversation or 0
    ours = [m for m in pretend.messages(number) if m.mark and int(m.mark.split("-")[1]) >= step.ids[-1]]
    is_open = pretend.status(number) == "open"
    if any(m.private for m in ours) and is_open:
        return "suggested" if step.turn.get("state") == "suggested" else "handed_off"
    if any(not m.private for m in ours):
        return "answered"
    if step.turn.get("state") == "watched":
        return "watched"
    rule = step.turn.get("rule") or step.turn.get("ignore_rule") or step.turn.get("state")
    return "with_people" if is_open and talk.at else f"ignored:{rule}"


def clear_unfinished(talks: list[Talk]) -> None:
    """What is still owed an answer would later be sent to a real Chatwoot: it goes, with everything that hangs on it."""
    left = [t for t in talks if t.conversation is not None and any(s.outcome == "waiting" and s.ids for s in t.steps)]
    with db.engine.begin() as connection:
        for talk in left:
            connection.execute(delete(Conversation).where(Conversation.chatwoot_id == talk.conversation))
            connection.execute(delete(Contact).where(Contact.chatwoot_id == talk.contact))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the command like Ctrl-C: what was lent goes back."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- showing ---------------------------------------------------------------------------------------------------------


def show_step(talk: Talk, step: Step, pretend: PretendChatwoot) -> None:
    click.echo(f"\n{click.style(talk.customer, bold=True)}, conversation {talk.conversation}")
    for text in step.texts:
        click.echo(f"  {'':>8}  {'customer':<9} {text}")
    for got in read_received(talk, step, pretend):
        lines = str(got["text"]).splitlines() or [""]
        click.echo(f"  {got['after_s']:+7.1f}s  {click.style(format(got['kind'], '<9'), fg='green')} {lines[0]}")
        for line in lines[1:]:
            click.echo(f"  {'':>8}  {'':<9} {line}")
    if step.outcome not in GOOD:
        click.echo(f"  {'':>8}  {'outcome':<9} {click.style(step.outcome, fg='red')} after {step.seconds:g} s")
    for line in explain(step.turn):
        click.echo(f"  {'':>8}  {'why':<9} {click.style(line, dim=True)}")


def read_received(talk: Talk, step: Step, pretend: PretendChatwoot) -> list[dict[str, Any]]:
    """What the pretend Chatwoot received in this step, in its order, with the seconds since the customer's last message."""
    received = []
    for line in pretend.history.lines(step.start_seq):
        if step.end_seq is not None and line["seq"] > step.end_seq:
            break
        if line.get("conversation") != talk.conversation or line["act"] not in SHOWN_ACTS or line.get("by") == "customer":
            continue
        kind, text = describe(line)
        received.append({"after_s": round(line["t"] - step.sent_t, 1), "kind": kind, "text": text, "mark": line.get("mark")})
    return received


def describe(line: dict[str, Any]) -> tuple[str, str]:
    act = line["act"]
    if act == "post_stored":
        return ("note" if line["private"] else "reply"), line["text"] or ""
    if act == "status_changed":
        return "status", f"{line['before']} -> {line['now']}"
    if act == "fault_opened":
        return "fault", "a webhook failed, and Chatwoot opened the conversation"
    name = act.removesuffix("_changed")
    value = line.get({"assigned": "assignee"}.get(name, name))
    return name, ", ".join(value) if isinstance(value, list) else str(value)


def explain(turn: dict[str, Any]) -> list[str]:
    """The trace in short: each responder that was asked and its reason, then how the language was found."""
    trace = turn.get("trace") or {}
    lines = []
    for look in trace.get("looks", []):
        saw = "; ".join(f"{name} {show_seen(value)}" for name, value in look.get("saw", {}).items())
        reason = " ".join(filter(None, [look.get("why"), f"({saw})" if saw else ""]))
        lines.append(f"{look['responder']} {look['outcome']}{f': {reason}' if reason else ''}, {look.get('ms', 0):.0f} ms")
    if trace.get("language"):
        lines.append(f"language {trace['language']} by {trace.get('language_by') or 'default'}")
    if turn.get("sources"):
        lines.append(f"sources {', '.join(turn['sources'])}")
    if turn.get("handoff_reason"):
        lines.append(f"handed off: {turn['handoff_reason']}")
    return lines


def show_seen(value: Any) -> str:
    """Ids and scores in short: [["a", 0.91], ["b", 0.4]] as "a 0.91, b 0.4", the first four."""
    if not isinstance(value, list):
        return str(value)
    shown = [" ".join(str(v) for v in item if v != "") if isinstance(item, list) else str(item) for item in value[:4]]
    return ", ".join([*shown, "..."] if len(value) > 4 else shown)


def talk_as_json(talk: Talk, pretend: PretendChatwoot) -> dict[str, Any]:
    steps = [
        {
            "messages": [{"id": i, "text": t} for i, t in zip(step.ids, step.texts, strict=False)],
            "outcome": step.outcome,
            "seconds": step.seconds,
            "received": read_received(talk, step, pretend),
            "turn": {
                k: step.turn.get(k) for k in ("id", "state", "rule", "responder", "language", "sources", "handoff_reason")
            },
            "trace": step.turn.get("trace"),
        }
        for step in talk.steps
    ]
    return {"conversation": talk.conversation, "customer": talk.customer, "steps": steps}
