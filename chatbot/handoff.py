"""What a reply means in calls to Chatwoot, in order: the handoff saga, suggestions, and plain answers. Pure.

Open first; then the private note; assign if still nobody; then the customer's text, which is true by then; labels and
priority last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatbot.channel_text import defuse
from chatbot.length import FittedPart, fit
from chatbot.reply import Deed, Handoff, Language, Reply, TurnInput
from chatbot.settings import Settings
from chatbot.texts import get_text


@dataclass(frozen=True, slots=True)
class Act:
    """One step. kind: say, note, open, pending, resolved, assign, labels, remove_labels, priority or attributes;
    is_recorded_only: kept, never to be sent."""

    kind: str
    text: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    value: list[object] = field(default_factory=list)
    is_recorded_only: bool = False


def add_note(acts: Sequence[Act], note: str) -> list[Act]:
    """With a note to the team before anything that a person's word would stop."""
    at = next((n for n, act in enumerate(acts) if act.kind not in {"pending", "open", "note", "assign"}), len(acts))
    return [*acts[:at], Act("note", note), *acts[at:]]


def plan_reply(mode: str, reply: Reply, given: TurnInput, settings: Settings) -> list[Act]:
    """The acts of a reply, fitted."""
    return plan_answer(mode, fit_reply(reply, given), reply.handoff, settings, reply.deeds)


def fit_reply(reply: Reply, given: TurnInput) -> tuple[FittedPart, ...]:
    """What is said, within its assistant's length and as the inbox's channel has it."""
    persona = given.content.pick_assistant(reply.assistant or given.assistant, given.inbox.chatwoot_id)
    return fit(reply, persona.length if persona else "short", given.inbox.channel)


def plan_answer(
    mode: str, fitted: tuple[FittedPart, ...], handoff: Handoff | None, settings: Settings, deeds: Sequence[Deed] = ()
) -> list[Act]:
    """The acts of a reply in this mode ("live", "suggest", "watch"), its parts already fitted to the channel. What a flow
    sets on the conversation is only set live."""
    says = [Act("say", p.text, p.choices) for p in fitted]
    if mode == "watch":
        return [Act("open"), *(Act("say", a.text, a.choices, is_recorded_only=True) for a in says)]
    if mode == "suggest":
        return [Act("open"), Act("note", _suggestion(says, handoff, settings.language))]
    done = [_plan_deed(deed) for deed in deeds]
    notes, sets = [a for a in done if a.kind == "note"], [a for a in done if a.kind != "note"]
    if handoff is None:
        return [*notes, *says, *sets]
    return [*plan_handoff(handoff, settings), *notes, *says, *sets, *plan_after(settings)]


def _plan_deed(deed: Deed) -> Act:
    match deed.kind:
        case "note":
            return Act("note", defuse(str(deed.value)))
        case "assignee":
            return Act("assign", value=[deed.value, None])
        case "team":
            return Act("assign", value=[None, deed.value])
        case "labels" | "remove_labels":
            return Act(deed.kind, value=list(deed.value))
    return Act(deed.kind, value=[deed.value])


def plan_handoff(handoff: Handoff, settings: Settings) -> list[Act]:
    """Open, say why in a private note, and assign where settings name somebody."""
    acts = [Act("open"), Act("note", write_note(handoff, settings.language))]
    if settings.handoff_assignee_id or settings.handoff_team_id:
        acts.append(Act("assign", value=[settings.handoff_assignee_id, settings.handoff_team_id]))
    return acts


def plan_after(settings: Settings) -> list[Act]:
    acts = [Act("labels", value=list(settings.handoff_labels))] if settings.handoff_labels else []
    if settings.handoff_priority:
        acts.append(Act("priority", value=[settings.handoff_priority]))
    return acts


def write_note(handoff: Handoff, language: Language) -> str:
    """The private note in the agents' language."""
    note = get_text("note.handoff", language, reason=get_text(f"reason.{handoff.reason}", language))
    return f"{note}\n\n{defuse(handoff.detail)}" if handoff.detail else note


def _suggestion(says: list[Act], handoff: Handoff | None, language: Language) -> str:
    text = "\n\n".join(a.text for a in says)
    note = get_text("note.suggestion", language, text=text) if text else ""
    return "\n\n".join(p for p in (note, write_note(handoff, language) if handoff else "") if p)
