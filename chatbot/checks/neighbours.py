"""Checks of Chatwoot, the model and Redis: each asks its neighbour, within a time-out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from chatbot.answer import make_client
from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.checks.database import FAILS_IN_A_ROW, read_llm_use
from chatbot.clients.openai import check_model
from chatbot.clients.probes import get, read_clock
from chatbot.config import ModelEndpoint
from chatbot.errors import ChatwootError, LLMError
from chatbot.llm import find_listener

REFUSED = {401, 403}
WEBHOOK_PATH = "/webhooks/chatwoot"
MODEL_S = 10.0
CLOCK_WARN_S = 30
CLOCK_FAIL_S = 240  # at 300 s Chatwoot's signed webhooks look old; at 600 s its list of changes has gaps
REDIS_S = 2.0
REDIS_FULL = 0.9
VERSION = re.compile(r"v?[0-9]{1,4}(\.[0-9]{1,4}){1,3}")


def check_chatwoot(at: Surroundings) -> Finding:
    """URL, account and the token that reads, by one small reading."""
    settings = at.settings
    names = ("chatwoot_url", "chatwoot_account_id", "chatwoot_bot_token")
    missing = [name for name in names if not getattr(settings, name) and not (name.endswith("token") and settings.write_token)]
    if missing:
        return warn("unset", names=", ".join(missing))
    try:
        make_client(settings).get_updated_conversations(60)
    except ChatwootError as e:
        key = "refused" if e.status in REFUSED else "no_account" if e.status == 404 else "failed"
        return fail(key, url=settings.chatwoot_url, account=settings.chatwoot_account_id, problem=str(e)[:160])
    return ok(url=settings.chatwoot_url, account=settings.chatwoot_account_id)


def check_webhook_secret(at: Surroundings) -> Finding | None:
    if not at.settings.chatwoot_url:
        return None
    if at.settings.chatwoot_webhook_secret:
        return ok()
    return ok("token") if at.settings.webhook_token.get_secret_value() else fail("missing")


def check_agent_bot(at: Surroundings) -> Finding | None:
    """Whether Chatwoot sends our bot's webhooks to where we listen. Only an administrator's token may know."""
    bot, finding = _find_bot(at)
    if bot is None:
        return finding
    if not at.config.public_url:
        return None
    told, wanted = str(bot.get("outgoing_url") or ""), at.config.public_url.rstrip("/") + WEBHOOK_PATH
    token = at.settings.webhook_token.get_secret_value()
    if told.rstrip("/") == wanted or (token and told == f"{wanted}/{token}"):
        return ok(url=wanted)
    # what stands there may hold another installation's token
    return fail("elsewhere", told=told.partition(WEBHOOK_PATH)[0] or "-", wanted=wanted)


def check_inboxes(at: Surroundings) -> Finding | None:
    """Whether each inbox that is named in the settings has our bot."""
    bot, _ = _find_bot(at)
    if bot is None or not at.settings.chatwoot_inbox_id:
        return None
    chatwoot, foreign = make_client(at.settings), []
    for inbox in at.settings.chatwoot_inbox_id:
        try:
            connected = chatwoot.get_inbox_bot(inbox)
        except ChatwootError as e:
            return fail("failed", inbox=inbox, problem=str(e)[:160])
        if connected is None or connected.get("id") != bot["id"]:
            foreign.append(inbox)
    if foreign:
        return fail("foreign", inboxes=", ".join(map(str, foreign)), bot=bot.get("name") or bot["id"])
    return ok(count=len(at.settings.chatwoot_inbox_id))


def _find_bot(at: Surroundings) -> tuple[dict[str, Any] | None, Finding | None]:
    """Our agent bot as Chatwoot has it, or why there is none."""
    settings = at.settings
    token = settings.chatwoot_bot_token.get_secret_value()
    if not settings.chatwoot_url or settings.chatwoot_account_id is None or not token:
        return None, None
    try:
        bots = make_client(settings).get_agent_bots()
    except ChatwootError as e:
        return None, warn("not_told") if e.status in REFUSED else None  # check_chatwoot tells of the rest
    bot = next((b for b in bots if b.get("access_token") == token), None)
    if bot is None and not any(b.get("access_token") for b in bots):
        return None, warn("not_told")  # others than administrators see bots without their tokens
    return bot, None if bot else fail("unknown_token")


def check_llm(at: Surroundings) -> Finding:
    """Whether each model of the chain exists for its key. Costs nothing."""
    endpoints = at.settings.endpoints
    if not endpoints:
        return warn("unset")
    for endpoint in endpoints:
        problem = _find_model_problem(endpoint)
        if problem is not None:
            return problem
    return ok(models=", ".join(e.model for e in endpoints))


def check_voice(at: Surroundings) -> Finding | None:
    """Whether the provider has the model for voice notes. A refused key is check_llm's to tell."""
    endpoint = find_listener(at.settings)
    if endpoint is None:
        return None
    problem = _find_model_problem(endpoint)
    if problem is not None and problem.key == "no_model":
        return warn("no_model", model=endpoint.model, url=endpoint.base_url)
    return ok(model=endpoint.model) if problem is None else None


def _find_model_problem(endpoint: ModelEndpoint) -> Finding | None:
    try:
        check_model(endpoint, MODEL_S)
    except LLMError as e:
        key = "refused" if e.kind == "auth" else "no_model" if e.status == 404 else "failed"
        return fail(key, model=endpoint.model, url=endpoint.base_url, problem=str(e)[:160])
    return None


def check_llm_use(at: Surroundings) -> Finding | None:
    """The newest calls; where they failed, whether that has ended, which no customer needs to find out."""
    used = read_llm_use(at)
    if used is None or not at.settings.endpoints:
        return None
    in_a_row, error = used
    is_refused = in_a_row > 0 and error == "auth"
    if not is_refused and in_a_row < FAILS_IN_A_ROW:
        return ok()
    if _find_model_problem(at.settings.endpoints[0]) is None:
        return ok("again")
    return fail("failed", is_sure=is_refused, count=in_a_row, problem=error)


def check_clock(at: Surroundings) -> Finding | None:
    """Our clock against Chatwoot's Date header."""
    if not at.settings.chatwoot_url:
        return None
    theirs = read_clock(f"{at.settings.chatwoot_url}/api")
    if theirs is None:
        return None  # check_chatwoot_use tells of that
    off_s = round(abs((datetime.now(UTC) - theirs).total_seconds()))
    if off_s > CLOCK_WARN_S:
        return fail("far", off_s=off_s) if off_s > CLOCK_FAIL_S else warn("off", off_s=off_s)
    return ok(off_s=off_s)


def check_redis(at: Surroundings) -> Finding | None:
    """Absent where none is set; check_limits tells whether one is needed."""
    if not at.config.redis_url:
        return None
    import redis  # noqa: PLC0415  20 MB that a process without Redis does without

    try:
        with redis.Redis.from_url(at.config.redis_url, socket_connect_timeout=REDIS_S, socket_timeout=REDIS_S) as client:
            memory: dict[str, Any] = client.info("memory")
            keyspace: dict[str, Any] = client.info("keyspace")
    except (redis.RedisError, ValueError) as e:
        # of one that isn't judged below no recovery could be told
        return (warn if _is_shared(at) else fail)("away", problem=type(e).__name__)
    limit, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", ""))
    lasting = sum(int(db["keys"]) - int(db["expires"]) for db in keyspace.values())
    if _is_shared(at) and (not limit or policy != "noeviction" or lasting):
        return None  # others' settings and others' keys: neither well nor ill, and not ours to change
    if not limit:
        return warn("unlimited")
    if policy != "noeviction":  # what is in there are counters of limits: one that is evicted is a limit lifted
        return warn("policy", policy=policy)
    if lasting:
        return warn("lasting", count=lasting)
    used = int(memory["used_memory"]) / limit
    return warn("full", used=round(100 * used)) if used > REDIS_FULL else ok(policy=policy, mb=limit // 2**20)


def _is_shared(at: Surroundings) -> bool:
    """Root's reader tells of the firewall unless others live on the box too (mostrador_coexist)."""
    return bool(at.facts) and "firewall" not in (at.facts or {})


def check_limits(at: Surroundings) -> Finding:
    """Limits per address are on in every process; shared between processes only by Redis."""
    if at.config.redis_url or at.config.web_concurrency == 1:
        return ok()
    return warn("not_shared", count=at.config.web_concurrency)


def check_release(at: Surroundings) -> Finding | None:
    """RELEASES_URL's first line is the newest release's version. A box says that nobody looks where none is set."""
    if not at.settings.releases_url:
        return ok("unset") if at.is_own_box else None
    answer = get(at.settings.releases_url)
    newest = answer.body.decode("utf-8", "replace").split("\n", 1)[0].strip()
    if answer.status != 200 or not VERSION.fullmatch(newest):
        return warn("not_told", url=at.settings.releases_url, status=answer.status or answer.problem)
    try:
        own = version("mostrador")
    except PackageNotFoundError:
        return None  # run from its source: no release is installed over it
    return warn("newer", newest=newest, own=own) if _order(newest) > _order(own) else ok(own=own)


def _order(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", name))
