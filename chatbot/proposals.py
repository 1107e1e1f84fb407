"""FAQs that wait for a person's yes, and the draftings that make them: asked for, claimed, saved step by step, decided on.

drafting.py does the work, in the indexer's process. Nothing here is published: a yes is an entry of the draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, true, update

from chatbot.bodies import FaqEntry
from chatbot.content import remove_drafts, save_drafts
from chatbot.documents import pick_key
from chatbot.drafts import newest
from chatbot.models import Drafting, Entry, Proposal
from chatbot.reply import Language

WANTED_FAQS = 20
# runs that may die at one step
MOST_TRIES = 3
MOST_SHOWN = 60
OPEN = ("waiting", "working")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A Drafting's columns as they are while this run works on it."""

    id: int
    language: Language
    done_steps: int
    tries: int


def find_newest(connection: Connection) -> Row[Any] | None:
    """The newest drafting, whatever became of it."""
    return connection.execute(select(Drafting.__table__).order_by(Drafting.id.desc()).limit(1)).first()


def is_open(drafting: Row[Any] | None) -> bool:
    return drafting is not None and drafting.state in OPEN


def ask_for(connection: Connection, language: Language, who: str) -> bool:
    """A drafting from all that was or is being read. False where one is under way."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("mostrador drafting"))))
    if is_open(find_newest(connection)):
        return False
    connection.execute(insert(Drafting).values(who=who, language=language))
    return True


def try_again(connection: Connection, drafting_id: int) -> bool:
    """Lets a failed one go on at the step that it was at. False where it isn't the newest, or didn't fail."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("mostrador drafting"))))
    newest = find_newest(connection)
    if newest is None or newest.id != drafting_id or newest.state != "failed":
        return False
    values = {"state": "waiting", "problem": "", "tries": 0, "finished_at": None}
    connection.execute(update(Drafting).where(Drafting.id == drafting_id).values(values))
    return True


def free(connection: Connection) -> None:
    """Takes back what a run that died worked on; the third one that dies at a step was the last. Only for the one run."""
    held = update(Drafting).where(Drafting.state == "working")
    connection.execute(
        held.where(Drafting.tries >= MOST_TRIES).values(state="failed", problem="died", finished_at=func.now())
    )  # fmt: skip
    connection.execute(held.values(state="waiting"))


def claim(connection: Connection) -> Claimed | None:
    """The open drafting, for one step."""
    waiting = select(Drafting.id).where(Drafting.state == "waiting").order_by(Drafting.id).limit(1).with_for_update()
    columns = (Drafting.id, Drafting.language, Drafting.done_steps, Drafting.tries)
    statement = update(Drafting).where(Drafting.id.in_(waiting.scalar_subquery())).returning(*columns)
    row = connection.execute(statement.values(state="working", tries=Drafting.tries + 1)).first()
    return Claimed(row.id, "en" if row.language == "en" else "es", row.done_steps, row.tries) if row else None


def save_step(
    connection: Connection, claimed: Claimed, steps: int, proposals: Sequence[Mapping[str, Any]], cost_micros: int | None
) -> bool:
    """What a step made, and that it is done, together. False where somebody else has the drafting now: nothing is saved.

    proposals: columns of Proposal; cost_micros: None where the price isn't known.
    """
    done = claimed.done_steps + 1
    values = {
        "done_steps": done,
        "steps": steps,
        "tries": 0,
        "cost_micros": Drafting.cost_micros + cost_micros,
        "state": "waiting",
    }
    if not connection.execute(_mine(claimed).values(values)).rowcount:
        return False
    if proposals:
        rows = [{**row, "drafting_id": claimed.id, "language": claimed.language} for row in proposals]
        connection.execute(insert(Proposal), rows)
    if done >= steps or count_faqs(connection, claimed.id) >= WANTED_FAQS:
        over = {"state": "done", "done_steps": steps, "finished_at": func.now()}
        connection.execute(update(Drafting).where(Drafting.id == claimed.id).values(over))
    return True


def fail(connection: Connection, claimed: Claimed, problem: str) -> None:
    connection.execute(_mine(claimed).values(state="failed", problem=problem, tries=0, finished_at=func.now()))


def _mine(claimed: Claimed) -> Any:
    """Whoever lost it, since another run began, changes nothing."""
    return update(Drafting).where(
        Drafting.id == claimed.id,
        Drafting.state == "working",
        Drafting.done_steps == claimed.done_steps,
        Drafting.tries == claimed.tries,
    )


def count_faqs(connection: Connection, drafting_id: int) -> int:
    counted = select(func.count()).where(Proposal.drafting_id == drafting_id, Proposal.topic == "faq")
    return connection.scalar(counted) or 0


def list_known(connection: Connection) -> list[Row[Any]]:
    """Everything that was ever proposed, also what was decided on."""
    columns = (Proposal.language, Proposal.question, Proposal.phrasings, Proposal.answer)
    return list(connection.execute(select(*columns).order_by(Proposal.id)))


def list_open(connection: Connection) -> list[Row[Any]]:
    """Those to decide on: what every business is asked first, then as they were drafted."""
    is_faq = Proposal.topic == "faq"
    statement = _of_the_draft(select(Proposal.__table__)).order_by(is_faq, Proposal.id).limit(MOST_SHOWN)
    return list(connection.execute(statement))


def count_open(connection: Connection) -> int:
    return connection.scalar(_of_the_draft(select(func.count()).select_from(Proposal))) or 0


def _of_the_draft(statement: Select[Any]) -> Select[Any]:
    """Open ones whose document is still there: what was taken out isn't taken from."""
    is_source = (Entry.kind == "document") & (Entry.key == Proposal.source_key)
    there = statement.join(Entry, is_source).join(newest, true())
    return there.where(Proposal.state == "open", newest.c.body.is_not(None))


def find(connection: Connection, proposal_id: int) -> Row[Any] | None:
    return connection.execute(select(Proposal.__table__).where(Proposal.id == proposal_id)).first()


def accept(connection: Connection, proposal_id: int, wished_key: str, who: str) -> FaqEntry | None:
    """Makes an FAQ of the draft from it. None where it isn't open any more."""
    row = _hold(connection, proposal_id, "open")
    if row is None:
        return None
    # one that was taken back before has its entry in the bin
    key = row.entry_key or pick_key(connection, wished_key, "faq")
    entry = make_entry(key, row.language, row.question, row.phrasings, row.answer)
    save_drafts(connection, [entry], who)
    _decide(connection, proposal_id, "accepted", who, entry_key=key)
    return entry


def dismiss(connection: Connection, proposal_id: int, who: str) -> Row[Any] | None:
    """Returns it as it was, None where it isn't open any more."""
    row = _hold(connection, proposal_id, "open")
    if row is not None:
        _decide(connection, proposal_id, "dismissed", who)
    return row


def restore(connection: Connection, proposal_id: int, who: str) -> Row[Any] | None:
    """An undo: open again, and the entry that it became out of the draft. Returns it as it was; None where it is open."""
    row = _hold(connection, proposal_id, "accepted", "dismissed")
    if row is None:
        return None
    if row.state == "accepted":
        remove_drafts(connection, [("faq", row.entry_key)], who)
    values = {"state": "open", "who": "", "decided_at": None}
    connection.execute(update(Proposal).where(Proposal.id == proposal_id).values(values))
    return row


def make_entry(key: str, language: Language, question: str, phrasings: Sequence[str], answer: str) -> FaqEntry:
    """Raises pydantic's ValidationError where it can't be one."""
    return FaqEntry(key=key, questions={language: (question, *phrasings)}, answers={language: answer})


def _hold(connection: Connection, proposal_id: int, *states: str) -> Row[Any] | None:
    statement = select(Proposal.__table__).where(Proposal.id == proposal_id, Proposal.state.in_(states))
    return connection.execute(statement.with_for_update()).first()


def _decide(connection: Connection, proposal_id: int, state: str, who: str, **more: str) -> None:
    values = {"state": state, "who": who, "decided_at": func.now(), **more}
    connection.execute(update(Proposal).where(Proposal.id == proposal_id).values(values))
