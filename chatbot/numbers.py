"""The figures of Analytics and Inicio: rolled up by the hour, then summed over any period in the business's days.

Days that are over are summed once more, every night, so that a page over a year reads a tenth of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from chatbot.chatwoot_rules import CANARY_IDS
from chatbot.text import split_words

BOUNDS_S = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_800, 3_600)
UNKNOWING = ("unsure", "llm_down", "crashed", "stale", "loop")  # handed off because the bot had no answer
TRIAL = "trial"  # beside the outcomes: calls for nobody's message (test bot, kept tests, proposals), which no turn counts
OUTCOMES = ("answered", "handed_off", "unanswered", "suggested", "ignored")
AGAIN = timedelta(hours=2)  # a call is settled and a part sent a little after its turn was counted
STALE = timedelta(minutes=5)
SAMPLE = 1_000
SHORT_CHARS = 150  # what is longer is never asked twice in the same words

CALLS = """
    sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
      sum(coalesce(cost_micros, CASE WHEN state = 'reserved' THEN reserved_micros END)) AS micros,
      count(*) FILTER (WHERE state = 'settled' AND cost_micros IS NULL) AS unpriced
    FROM llm_call"""
HISTOGRAM = ", ".join(f"count(*) FILTER (WHERE bucket = {n})::int" for n in range(len(BOUNDS_S) + 1))
ROLL_UP = text(f"""
WITH t AS (
  SELECT turn.id, turn.conversation_id, date_trunc('hour', turn.finished_at, 'UTC') AS hour,
    conversation.inbox_id, coalesce(turn.responder, '') AS responder,
    coalesce(turn.language, conversation.language, '') AS language,
    CASE WHEN turn.state = 'ignored' THEN 'ignored'
      WHEN turn.handoff_reason = ANY(:unknowing) THEN 'unanswered'
      WHEN turn.state IN ('suggested', 'watched') THEN 'suggested'
      WHEN turn.handoff_reason IS NOT NULL THEN 'handed_off' ELSE 'answered' END AS outcome,
    turn.id = (SELECT min(f.id) FROM turn f WHERE f.conversation_id = turn.conversation_id) AS is_first
  FROM turn JOIN conversation ON conversation.id = turn.conversation_id
  WHERE turn.finished_at >= :start AND turn.finished_at < :until
), f AS (
  SELECT t.*, c.tokens, c.micros, c.unpriced, h.turn_id IS NOT NULL AS is_cached, h.saved_micros, width_bucket(
    extract(epoch FROM (SELECT min(sent_at) FROM part WHERE turn_id = t.id AND NOT is_note)
      - (SELECT min(arrived_at) FROM message WHERE turn_id = t.id))::float8, CAST(:bounds AS float8[])) AS bucket
  FROM t LEFT JOIN LATERAL (SELECT {CALLS} WHERE turn_id = t.id) c ON true LEFT JOIN cache_hit h ON h.turn_id = t.id
)
INSERT INTO hourly
  (hour, inbox_id, responder, language, outcome, turns, conversations, tokens, micros, unpriced, cached, saved_micros, latency)
SELECT hour, inbox_id, responder, language, outcome, count(*), count(*) FILTER (WHERE is_first),
  coalesce(sum(tokens), 0), coalesce(sum(micros), 0), coalesce(sum(unpriced), 0), count(*) FILTER (WHERE is_cached),
  coalesce(sum(saved_micros), 0), ARRAY[{HISTOGRAM}]
FROM f GROUP BY hour, inbox_id, responder, language, outcome
""")
ROLL_UP_TRIALS = text(f"""
INSERT INTO hourly (hour, inbox_id, responder, language, outcome, tokens, micros, unpriced)
SELECT hour, 0, '', '', '{TRIAL}', tokens, coalesce(micros, 0), unpriced FROM (
  SELECT date_trunc('hour', started_at, 'UTC') AS hour, {CALLS}
  WHERE turn_id IS NULL AND started_at >= :start AND started_at < :until GROUP BY 1) c
ON CONFLICT DO NOTHING
""")
# any earlier one will do: its hour has a row unless a release counted it that knew no trials
UNCOUNTED = text(f"""
SELECT FROM (SELECT started_at FROM llm_call WHERE turn_id IS NULL AND started_at < :start LIMIT 1) c
WHERE NOT EXISTS (SELECT FROM hourly WHERE hour = date_trunc('hour', started_at, 'UTC') AND outcome = '{TRIAL}')
""")
SUMMED = ("turns", "conversations", "tokens", "micros", "unpriced", "cached", "saved_micros")
SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMMED)
LATENCY = ", ".join(f"coalesce(sum(latency[{n + 1}]), 0)::int" for n in range(len(BOUNDS_S) + 1))
# hourly rows as daily ones, once for each kind
AS_DAYS = f"""(
  SELECT (hour AT TIME ZONE :zone)::date AS day, kind, name, outcome, {", ".join(SUMMED)},
    CASE WHEN kind = 'total' THEN latency END AS latency
  FROM hourly CROSS JOIN LATERAL (VALUES ('total', ''), ('hour', to_char(hour AT TIME ZONE :zone, 'HH24')),
    ('inbox', inbox_id::text), ('responder', responder), ('language', language)) v (kind, name)
  WHERE hour >= :rest AND hour < :end AND (kind = 'total' OR outcome <> '{TRIAL}'))
"""
ROLL_UP_DAYS = text(f"""
INSERT INTO daily (day, kind, name, outcome, zone, {", ".join(SUMMED)}, latency)
SELECT day, kind, name, outcome, :zone, {SUMS}, CASE WHEN kind = 'total' THEN ARRAY[{LATENCY}] END
FROM {AS_DAYS} h GROUP BY day, kind, name, outcome
""")
FIRST_HOUR = text("SELECT min(hour) FROM hourly")
FIRST_TURN = text(f"SELECT min(hour) FROM hourly WHERE outcome <> '{TRIAL}'")
NEWEST_DAY = text("SELECT day, zone FROM daily ORDER BY day DESC LIMIT 1")
FIRST = text("""
SELECT date_trunc('hour', least(
  (SELECT min(finished_at) FROM turn), (SELECT min(started_at) FROM llm_call WHERE turn_id IS NULL)), 'UTC')
""")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('mostrador hourly'))")
NEWEST = text("SELECT hour, rolled_at FROM hourly ORDER BY hour DESC LIMIT 1")


def roll_up(connection: Connection, until: datetime) -> None:
    """Counts what finished before `until` and isn't counted yet, and the last hours anew: safe to repeat.

    A day at a time, so that no statement is long even where nothing was ever counted.
    """
    connection.execute(LOCK)
    newest = connection.execute(NEWEST).first()
    if newest:
        start = newest.hour - AGAIN
        _count_old_trials(connection, start)
    else:
        start = connection.execute(FIRST).scalar()
    while start is not None and start < until:
        end = min(start + timedelta(days=1), until)
        connection.execute(text("DELETE FROM hourly WHERE hour >= :start AND hour < :end"), {"start": start, "end": end})
        values = {"start": start, "until": end, "unknowing": list(UNKNOWING), "bounds": list(BOUNDS_S)}
        connection.execute(ROLL_UP, values)
        connection.execute(ROLL_UP_TRIALS, {"start": start, "until": end})
        start = end


def _count_old_trials(connection: Connection, until: datetime) -> None:
    """Once, where a release before this one counted: the days that are over are then summed anew from their hours."""
    if connection.execute(UNCOUNTED, {"start": until}).first() is not None:
        connection.execute(ROLL_UP_TRIALS, {"start": LONG_AGO, "until": until})
        connection.execute(text("DELETE FROM daily"))


def roll_up_days(connection: Connection, until: datetime, zone: ZoneInfo) -> None:
    """Sums the days that were over some hours before `until`, a month in a statement. Those of another zone are made anew."""
    connection.execute(LOCK)
    newest = connection.execute(NEWEST_DAY).first()
    if newest and newest.zone != zone.key:
        connection.execute(text("DELETE FROM daily"))
        newest = None
    first = connection.execute(FIRST_HOUR).scalar()
    if first is None:
        return
    day = newest.day + timedelta(days=1) if newest else first.astimezone(zone).date()
    last = (until - 2 * AGAIN).astimezone(zone).date()
    while day < last:
        end = min(day + timedelta(days=31), last)
        values = {"rest": datetime.combine(day, time(), zone), "end": datetime.combine(end, time(), zone), "zone": zone.key}
        connection.execute(ROLL_UP_DAYS, values)
        day = end


def is_stale(connection: Connection, now: datetime) -> bool:
    """Whether a page should roll up before it shows the current hours."""
    newest = connection.execute(NEWEST).first()
    return newest is None or newest.rolled_at < now - STALE


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the business, both ends included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def before(self) -> Period:
        """As many days, right before."""
        return Period(self.first - timedelta(days=len(self.days)), self.first - timedelta(days=1), self.zone)


@dataclass(frozen=True, slots=True)
class Figures:
    """One group's sums. counts: turns by outcome; cached: answers from the cache, saved_micros: what they had cost before;
    trial_micros: of micros, what calls for nobody's message cost (in the totals alone)."""

    counts: Counter[str]
    conversations: int = 0
    tokens: int = 0
    micros: int = 0
    unpriced: int = 0
    cached: int = 0
    saved_micros: int = 0
    trial_micros: int = 0

    @property
    def turns(self) -> int:
        return self.counts.total()

    @property
    def micros_per_answer(self) -> int | None:
        return round(self.turn_micros / self.counts["answered"]) if self.counts["answered"] else None

    @property
    def turn_micros(self) -> int:
        return self.micros - self.trial_micros


NOTHING = Figures(Counter())
# days from where they are summed, and the hours since then
COLUMNS = f"day, kind, name, outcome, {', '.join(SUMMED)}, latency"
SOURCE = f"""(
  SELECT {COLUMNS} FROM daily WHERE day >= :first AND day <= :last AND zone = :zone
  UNION ALL SELECT {COLUMNS} FROM {AS_DAYS} h) s
"""
BY_KIND = text(f"SELECT kind, name, outcome, {SUMS} FROM {SOURCE} GROUP BY 1, 2, 3 ORDER BY 2")
BY_DAY = text(f"SELECT day::text AS name, outcome, {SUMS} FROM {SOURCE} WHERE kind = 'total' GROUP BY 1, 2 ORDER BY 1")
TOTAL = text(f"SELECT outcome, {SUMS} FROM {SOURCE} WHERE kind = 'total' GROUP BY 1")
HISTOGRAM_OF = text(f"SELECT {LATENCY} FROM {SOURCE} WHERE kind = 'total' AND outcome <> 'ignored'")


def _bounds(connection: Connection, period: Period) -> dict[str, Any]:
    newest = connection.execute(NEWEST_DAY).first()
    rest = period.start
    if newest and newest.zone == period.zone.key:
        rest = max(rest, datetime.combine(newest.day + timedelta(days=1), time(), period.zone))
    return {"first": period.first, "last": period.last, "zone": period.zone.key, "rest": rest, "end": period.end}


@dataclass(frozen=True, slots=True)
class Report:
    """All that Analytics counts in a period. by: "day" (in ISO's way, those without a turn are left out), "hour" of the day,
    "inbox", "responder", "language"; histogram: one number for each of BOUNDS_S, and one beyond."""

    total: Figures
    by: dict[str, dict[str, Figures]]
    histogram: list[int]

    @property
    def cached_share(self) -> float:
        """How many of the AI's answers came from the cache, 0 to 1."""
        written = self.by.get("responder", {}).get("assistant", NOTHING).turns
        return self.total.cached / written if written else 0.0


def read_report(connection: Connection, period: Period) -> Report:
    rows: dict[str, list[Row[Any]]] = {kind: [] for kind in ("total", "hour", "inbox", "responder", "language")}
    for row in connection.execute(BY_KIND, _bounds(connection, period)):
        rows[row.kind].append(row)
    by = {kind: _add_up_by_name(of_kind) for kind, of_kind in rows.items()}
    total = by.pop("total").get("", NOTHING)
    return Report(total, by | {"day": sum_by_day(connection, period)}, read_latency(connection, period))


def sum_by_day(connection: Connection, period: Period) -> dict[str, Figures]:
    return _add_up_by_name(connection.execute(BY_DAY, _bounds(connection, period)).all())


def sum_total(connection: Connection, period: Period) -> Figures:
    return _add_up(connection.execute(TOTAL, _bounds(connection, period)).all())


def _add_up_by_name(rows: Sequence[Row[Any]]) -> dict[str, Figures]:
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    return {name: _add_up(of_name) for name, of_name in found.items()}


def _add_up(rows: Sequence[Row[Any]]) -> Figures:
    return Figures(
        Counter({row.outcome: row.turns for row in rows}),
        sum(row.conversations for row in rows),
        sum(row.tokens for row in rows),
        sum(row.micros for row in rows),
        sum(row.unpriced for row in rows),
        sum(row.cached for row in rows),
        sum(row.saved_micros for row in rows),
        sum(row.micros for row in rows if row.outcome == TRIAL),
    )


def read_latency(connection: Connection, period: Period) -> list[int]:
    """The period's histogram: one number for each of BOUNDS_S, and one beyond."""
    return list(connection.execute(HISTOGRAM_OF, _bounds(connection, period)).one())


def find_quantile(histogram: Sequence[int], share: float) -> float | None:
    """Seconds within which this share was, straight inside its bucket. None where nothing was counted."""
    left = sum(histogram) * share
    if not left:
        return None
    edges = (0, *BOUNDS_S, BOUNDS_S[-1])
    for n, count in enumerate(histogram):
        if count and left <= count:
            return edges[n] + (edges[n + 1] - edges[n]) * left / count
        left -= count
    return float(BOUNDS_S[-1])


def forecast_month(connection: Connection, today: date, zone: ZoneInfo) -> int:
    """The month's cost in micro-dollars if answering goes on as in the last 7 whole days, or in those since the first turn; as
    today goes, where there are none. Trials count as far as they were made: nobody knows that they go on."""
    so_far = sum_total(connection, Period(today.replace(day=1), today, zone)).micros
    first: datetime | None = connection.execute(FIRST_TURN).scalar()
    days = min((today - first.astimezone(zone).date()).days, 7) if first else 0
    lately = Period(today - timedelta(days=days), today - timedelta(days=1), zone) if days > 0 else Period(today, today, zone)
    next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    return so_far + sum_total(connection, lately).turn_micros * ((next_month - today).days - 1) // max(days, 1)


@dataclass(frozen=True, slots=True)
class AskedOften:
    """question: as it was asked last."""

    question: str
    count: int


ASKED = f"""
SELECT message.text FROM (
  SELECT id, finished_at FROM turn WHERE finished_at >= :start AND finished_at < :end AND state <> 'ignored' {{only}}
  ORDER BY finished_at DESC LIMIT {SAMPLE}) newest
JOIN message ON message.turn_id = newest.id WHERE length(message.text) BETWEEN 1 AND {SHORT_CHARS}
ORDER BY newest.finished_at DESC
"""


@lru_cache(4_000)  # the newest ones are asked for with each look at the page
def _fold(said: str) -> str:
    return " ".join(split_words(said))


def list_asked(connection: Connection, period: Period, only_unanswered: bool = False, limit: int = 10) -> list[AskedOften]:
    """What was asked most among the period's newest SAMPLE turns, alike but for case, accents and signs."""
    # literally, so that a prepared statement finds the index of these alone
    only = f"AND handoff_reason IN {UNKNOWING}" if only_unanswered else ""
    values = {"start": period.start, "end": period.end}
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for said in connection.execute(text(ASKED.format(only=only)), values).scalars():
        if key := _fold(said):
            counts[key] += 1
            shown.setdefault(key, " ".join(said.split()))
    return [AskedOften(shown[key], count) for key, count in counts.most_common(limit)]


@dataclass(frozen=True, slots=True)
class Attention:
    """What waits for a person: messages not delivered and held back in the last 7 days, and who waits for an answer."""

    failed: int
    held: int
    waiting: int
    oldest_at: datetime | None


# an index of states would make each change of a part's state cost all of its indexes: so a range of the turns' own
ATTENTION = text("""
SELECT p.failed, p.held, w.waiting, w.oldest_at FROM (
  SELECT count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'held') AS held
  FROM part WHERE state IN ('failed', 'held') AND turn_id >=
    (SELECT id FROM turn WHERE finished_at > now() - interval '7 days' ORDER BY finished_at LIMIT 1)) p,
 (SELECT count(*) AS waiting, min(answer_due_at) AS oldest_at FROM conversation
   WHERE in_seq > answered_seq AND chatwoot_id < :canary) w
""")


def read_attention(connection: Connection) -> Attention:
    row = connection.execute(ATTENTION, {"canary": CANARY_IDS}).one()
    return Attention(row.failed, row.held, row.waiting, row.oldest_at)
