"""The Chatwoot wizard: address and token in, inboxes chosen, the bot made and connected, and a test conversation through."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

from flask import current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from chatbot import connecting
from chatbot.clients.chatwoot_setup import read_origin
from chatbot.connecting import Bot, BotWish, InboxFound, RoundTrip, Step
from chatbot.errors import ConfigError, SetupError
from chatbot.live_settings import REFRESH_S
from chatbot.models import Inbox
from chatbot.models.inbox import Webhook
from chatbot.settings import Settings, read_environment, to_plain
from chatbot.web.access import allow
from chatbot.web.database import let_go, reading, writing
from chatbot.web.first_steps_frame import bp, is_configured, last_four, save_settings, show
from chatbot.web.first_steps_words import describe, explain_error
from chatbot.web.pages import go
from chatbot.web.reader import panel_settings
from chatbot.web.trial import list_channels

OUTCOMES = text(
    "SELECT outcome FROM webhook WHERE conversation_chatwoot_id = :number AND received_at > now() - interval '5 minutes'"
)
SETTLED = text("SELECT in_seq > 0 AND in_seq <= answered_seq FROM conversation WHERE chatwoot_id = :number")
WORKER_S, MOST_DEBOUNCE_S = 6.0, 10.0
# a test waits for Chatwoot, and the same few threads take what Chatwoot sends
one_test = threading.BoundedSemaphore(1)


def fill() -> dict[str, Any]:
    """What the step shows when it is opened: the address, the inboxes (?choose), or that it is connected."""
    settings = panel_settings()
    token = settings.chatwoot_access_token.get_secret_value()
    if "change" in request.args or not settings.chatwoot_url or not token:
        return {"phase": "address", "last_four": last_four(token)}
    if is_configured(settings) and "choose" not in request.args:
        return {"phase": "connected", **read_connection(settings)}
    try:
        return read_choice(settings)
    except SetupError as e:
        return {"phase": "address", "last_four": last_four(token), "problems": {"chatwoot": explain_error(e)}}


def read_connection(settings: Settings) -> dict[str, Any]:
    """What is known without asking Chatwoot."""
    rows = select(Inbox.name, Inbox.chatwoot_id, Inbox.heard_at).where(Inbox.chatwoot_id > 0, ~Inbox.is_foreign)
    if settings.chatwoot_inbox_id:
        rows = rows.where(Inbox.chatwoot_id.in_(settings.chatwoot_inbox_id))
    return {
        "inboxes": reading().execute(rows.order_by(Inbox.name).limit(50)).all(),
        "heard_at": reading().execute(select(func.max(Webhook.received_at))).scalar(),
        "base": read_base(),
    }


def read_base() -> str:
    """Our address as Chatwoot must reach it: the server's PUBLIC_URL, else the one that this page was opened at."""
    return str(current_app.config["CONFIG"].public_url or request.host_url).rstrip("/")


def read_choice(settings: Settings) -> dict[str, Any]:
    """Accounts and inboxes as Chatwoot has them now. Raises SetupError."""
    origin, token = settings.chatwoot_url, settings.chatwoot_access_token.get_secret_value()
    asked = request.values.get("account", "")
    let_go()
    found = connecting.find(origin, token)
    accounts = [a for a in found.accounts if a.is_administrator]
    wanted = int(asked) if asked.isdecimal() and len(asked) < 16 else settings.chatwoot_account_id
    if "chatwoot_account_id" in read_environment():
        wanted = settings.chatwoot_account_id
        accounts = [a for a in accounts if a.id == wanted]
        if not accounts:
            raise SetupError("agent")
    account = next((a for a in accounts if a.id == wanted), accounts[0] if len(accounts) == 1 else None)
    if account is None:
        return {"phase": "account", "accounts": accounts, "found": found}
    inboxes = connecting.list_inboxes(origin, token, account.id, settings.chatwoot_bot_token.get_secret_value())
    return {
        "phase": "inboxes",
        "found": found,
        "accounts": accounts,
        "account": account,
        "inboxes": inboxes,
        "chosen": choose_first(settings, inboxes, account.id),
        "bot_name": request.form.get("bot_name", "") or settings.business_name or connecting.BOT_NAME,
        "base": read_base(),
        "channels": {**dict(list_channels()), "Channel::Api": "API"},
    }


def choose_first(settings: Settings, inboxes: list[InboxFound], account: int) -> set[int]:
    """Those that are ours already; at the very first, all where nothing stands in the way."""
    if request.form.getlist("inbox"):
        return read_chosen(inboxes)
    if settings.chatwoot_inbox_id and settings.chatwoot_account_id == account:
        return set(settings.chatwoot_inbox_id)
    ours = {i.id for i in inboxes if i.is_ours}
    return ours or {i.id for i in inboxes if "captain" not in i.warnings and not i.bot_id}


def read_chosen(inboxes: list[InboxFound]) -> set[int]:
    fixed = read_environment().get("chatwoot_inbox_id")
    allowed = {i.id for i in inboxes} if fixed is None else {i.id for i in inboxes} & set(fixed)
    return {i for i in allowed if str(i) in request.form.getlist("inbox")}


def find_usable(inboxes: list[InboxFound], chosen: set[int]) -> set[int]:
    """Where Captain answers, two bots would: those stay as they are."""
    return {i.id for i in inboxes if i.id in chosen and "captain" not in i.warnings}


@bp.post("/chatwoot/address")
@allow("owner", fresh=True)
def save_address() -> ResponseReturnValue:
    """Stored only once it has proved to be a Chatwoot that knows the token as an administrator's."""
    settings, fixed = panel_settings(), read_environment()
    stored = settings.chatwoot_access_token.get_secret_value()
    typed_url, typed = request.form.get("chatwoot_url", "").strip(), request.form.get("chatwoot_access_token", "").strip()
    try:
        origin = read_origin(settings.chatwoot_url if "chatwoot_url" in fixed else typed_url)
        is_moved = bool(settings.chatwoot_url) and read_origin(settings.chatwoot_url) != origin
        # a stored token is told to nobody but the Chatwoot that it came from
        token = stored if "chatwoot_access_token" in fixed else typed or ("" if is_moved else stored)
        if not token or not token.isascii() or any(c.isspace() for c in token):
            raise SetupError("token")
        let_go()
        found = connecting.find(origin, token)
    except SetupError as e:
        where = "chatwoot_access_token" if e.kind in {"token", "agent", "no_account", "rights"} else "chatwoot_url"
        shown = {"phase": "address", "last_four": last_four(stored), "typed": {"chatwoot_url": typed_url}}
        return show("chatwoot", **shown, problems={where: explain_error(e)}), 422
    values: dict[str, str | None] = {"chatwoot_url": origin, "chatwoot_access_token": token}
    if is_moved:  # nothing of another Chatwoot's is good here
        names = ("chatwoot_account_id", "chatwoot_bot_token", "chatwoot_webhook_secret", "chatwoot_inbox_id")
        values |= dict.fromkeys(names)
    accounts = [a for a in found.accounts if a.is_administrator]
    if len(accounts) == 1 and "chatwoot_account_id" not in values:
        values["chatwoot_account_id"] = str(accounts[0].id)
    save_settings(values)
    return go("wizard.step", name="chatwoot", choose=1)


@bp.post("/chatwoot/connect")
@allow("owner", fresh=True)
def connect() -> ResponseReturnValue:
    settings = panel_settings()
    if not settings.chatwoot_url or not settings.chatwoot_access_token.get_secret_value():
        return go("wizard.step", name="chatwoot")
    try:
        choice = read_choice(settings)
        if choice["phase"] != "inboxes":
            return show("chatwoot", **choice), 422
        chosen = read_chosen(choice["inboxes"])
        if not chosen:
            return show("chatwoot", **choice, problems={"inbox": _("Choose at least one inbox.")}), 422
        if not find_usable(choice["inboxes"], chosen):
            problem = _("Captain answers in all of these. Choose another one, or take Captain out of it in Chatwoot first.")
            return show("chatwoot", **choice, problems={"inbox": problem}), 422
        steps = connect_all(settings, choice, chosen)
    except SetupError as e:
        return show("chatwoot", phase="result", lines=[("failed", explain_error(e), "")], is_connected=False), 422
    lines = [(step.state, *describe(step)) for step in steps]
    is_connected = any(step.key == "attached" for step in steps)
    return show("chatwoot", phase="result", lines=lines, is_connected=is_connected), 200 if is_connected else 422


def connect_all(settings: Settings, choice: dict[str, Any], chosen: set[int]) -> list[Step]:
    """The bot, then the settings that its messages are checked with, then the inboxes that send them. Raises SetupError."""
    origin, token, account = settings.chatwoot_url, settings.chatwoot_access_token.get_secret_value(), choice["account"].id
    wish = BotWish(
        account=account,
        name=" ".join(choice["bot_name"].split())[:60],
        base=read_base(),
        webhook_token=settings.webhook_token.get_secret_value(),
        bot_token=settings.chatwoot_bot_token.get_secret_value(),
        is_fixed="chatwoot_bot_token" in read_environment(),
        make_token=lambda: secrets.token_urlsafe(32),
    )
    bot, path_token = connecting.make_bot(origin, token, wish)
    if store(settings, choice, bot, path_token, chosen):
        time.sleep(REFRESH_S + 0.3)  # until every process knows the secret: what comes before would be refused
    steps = [Step("bot_made" if bot.is_new else "bot_kept", "ok", {"bot": bot.name}), *([Step("secret")] if bot.secret else [])]
    steps += connecting.attach(origin, token, account, bot, choice["inboxes"], chosen)
    note_inboxes(choice["inboxes"], find_usable(choice["inboxes"], chosen))
    found = choice["found"]
    return [*steps, *connecting.list_limits(found.version, found.person, bot, account, origin, token)]


def store(settings: Settings, choice: dict[str, Any], bot: Bot, path_token: str, chosen: set[int]) -> bool:
    """Returns whether what messages are checked with has changed. Raises SetupError where the server fixes another secret."""
    kept = [s.get_secret_value() for s in settings.chatwoot_webhook_secret]
    if bot.secret and bot.secret not in kept:
        if "chatwoot_webhook_secret" in read_environment() and not path_token:
            raise SetupError("other_secret")
        kept = [bot.secret, *kept]
    account, inboxes = choice["account"].id, sorted(find_usable(choice["inboxes"], chosen))
    values: dict[str, str | None] = {
        "chatwoot_account_id": str(account),
        "chatwoot_bot_token": bot.token,
        "chatwoot_webhook_secret": ",".join(kept) or None,
        "chatwoot_inbox_id": ",".join(map(str, inboxes)),
    }
    if path_token and path_token != settings.webhook_token.get_secret_value():
        values["webhook_token"] = path_token
    proofs = ("chatwoot_account_id", "chatwoot_inbox_id", "chatwoot_webhook_secret", "webhook_token")
    before = [to_plain(getattr(settings, name)) for name in proofs]
    try:
        save_settings(values, "chatwoot.connect", {"account": account, "bot": bot.id, "inboxes": inboxes})
    except ConfigError:
        raise SetupError("no_bot_token") from None
    has_changed = before != [to_plain(getattr(panel_settings(), name)) for name in proofs]
    let_go()
    return has_changed


def note_inboxes(inboxes: list[InboxFound], ours: set[int]) -> None:
    """So that the settings and the test bot know them before the first customer writes."""
    with writing() as connection:
        for inbox in inboxes:
            row = {"chatwoot_id": inbox.id, "name": inbox.name, "channel": inbox.channel, "is_foreign": inbox.id not in ours}
            connection.execute(insert(Inbox).values(row).on_conflict_do_update(index_elements=["chatwoot_id"], set_=row))
    let_go()


@bp.post("/chatwoot/test")
@allow("owner")
def send_test() -> ResponseReturnValue:
    settings = panel_settings()
    if not is_configured(settings) or not settings.chatwoot_access_token.get_secret_value():
        return go("wizard.step", name="chatwoot")
    if not one_test.acquire(blocking=False):
        lines = [("warn", _("Another test is on its way. Wait until it is through."), "")]
        return show("chatwoot", phase="result", lines=lines, is_connected=True, is_tested=True), 429
    try:
        lines = [(step.state, *describe(step)) for step in run_test(settings)]
    except SetupError as e:
        lines = [("failed", explain_error(e), "")]
    finally:
        one_test.release()
    is_good = all(line[0] != "failed" for line in lines)
    return show("chatwoot", phase="result", lines=lines, is_connected=True, is_tested=True, is_good=is_good)


def run_test(settings: Settings) -> list[Step]:
    origin, token = settings.chatwoot_url, settings.chatwoot_access_token.get_secret_value()
    account, base = settings.chatwoot_account_id or 0, read_base()
    let_go()
    inboxes = connecting.list_inboxes(origin, token, account, settings.chatwoot_bot_token.get_secret_value())
    tested = connecting.choose_tested(inboxes, set(settings.chatwoot_inbox_id) or {i.id for i in inboxes})
    if tested is None:
        return [Step("untestable", "warn")]
    return connecting.try_round_trip(
        RoundTrip(
            origin=origin,
            token=token,
            account=account,
            bot_token=settings.chatwoot_bot_token.get_secret_value(),
            url=connecting.make_url(base, ""),
            inbox=tested,
            customer=_("Mostrador (test)"),
            says=_("This is a test of the connection. Nobody has to answer."),
            note=_("The connection works: Mostrador wrote this note."),
            heard=read_outcomes,
            is_settled=is_settled,
            settle_s=min(settings.debounce_seconds, MOST_DEBOUNCE_S) + WORKER_S,
        )
    )


def read_outcomes(number: int) -> set[str]:
    """What became of all that Chatwoot told us of a conversation. The connection is given back while we wait."""
    found = {row.outcome for row in reading().execute(OUTCOMES, {"number": number})}
    let_go()
    return found


def is_settled(number: int) -> bool:
    """Whether a worker has dealt with it."""
    found = bool(reading().execute(SETTLED, {"number": number}).scalar())
    let_go()
    return found
