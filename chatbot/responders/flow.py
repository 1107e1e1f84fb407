"""Replies of guided flows: the messages are understood as commands, the machine moves, its wishes are granted.

Its Reply carries the run after it; a digression is an aside (Reply.is_aside): the pipeline has the others answer first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import regex

from chatbot.db import fetch_value, sql, statements
from chatbot.errors import LLMError
from chatbot.flow_wishes import grant
from chatbot.flow_world import find_book, make_world
from chatbot.flows.asking import find_open, match_offered
from chatbot.flows.commands import Command
from chatbot.flows.definition import Confirm, Flow
from chatbot.flows.machine import advance, resume
from chatbot.flows.model_commands import COMMAND_SCHEMA, build_prompt, check_commands
from chatbot.flows.phrases import SHORT_WORDS, find_triggered, is_question
from chatbot.flows.repair import REPAIR, load_words
from chatbot.flows.run import FlowAct, FlowBook, Moved, Passage, Run, Utterance, World, dump_run, leave, read_run
from chatbot.flows.slots import Heard, SlotSpec, read_slot
from chatbot.flows.spotting import PROSE
from chatbot.flows.understand import YES_NO, understand
from chatbot.flows.walking import list_collected
from chatbot.knowledge.faq import get_index
from chatbot.language import read_courtesies
from chatbot.llm import Means, ask
from chatbot.privacy import Vault
from chatbot.reply import CustomerMessage, Deed, Handoff, Language, Part, Reply, TurnInput
from chatbot.responders.flow_messages import group, list_numbered, split_answers
from chatbot.responders.prompt import make_tag
from chatbot.text import split_words, stem_words, strip_lead_in
from chatbot.texts import get_text
from chatbot.trace import Look

MAX_WISHES = 8
WIDGET = "Channel::WebWidget"
SOURCES: dict[str, Literal["faqs", "canned"]] = {"faq": "faqs", "canned": "canned"}
MAX_OUTPUT_TOKENS = 300
UNSURE = {"digress", "nothing"}
ANSWERS = {"fill", "choose", "confirm", "deny"}
ASKED = regex.compile(r"[^.!?¿\n]+\?")
LEAST_STEM = 4
SHORT_TEXT = 120
OFFERED = "offered"  # in the stored run: titles of buttons that another responder showed in the middle of it
REASONS = {"asked": "asked", "flow": "flow"}
STUCK = "flow_stuck"
# whether a flow was on the way before, in what the customer wants now: what was resolved is another matter
HAS_BEEN_IN = sql("""
SELECT EXISTS (SELECT FROM turn t JOIN conversation c ON c.id = t.conversation_id
 WHERE c.id = :conversation AND t.id <> :turn AND t.state <> 'ignored' AND t.sources ? :source
   AND t.newest_chatwoot_id > c.context_from)
""")


@dataclass(frozen=True, slots=True)
class Flows:
    """What a turn needs to move in its flows. run: where it stands, None outside of any."""

    book: FlowBook
    world: World
    run: Run | None


def open_flows(turn: TurnInput, means: Means) -> Flows | None:
    """None where there is no flow to be in."""
    run = read_run(turn.flow_run)
    if run is None and not turn.content.flow:
        return None
    return Flows(find_book(turn, run, means.engine), make_world(turn, means.settings), run)


def respond(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    flows = open_flows(turn, means)
    if flows is None:
        look.passed("no_flows")
        return None
    if _has_mute_files(turn, flows):
        if flows.run is not None and all(m.seen and not m.text.strip() for m in turn.messages):
            # what it shows is answered like any other digression, and then the question is put again
            return _reply(turn, look, _move(turn, means, flows, (Command("digress"),), 0)[0], flows)
        look.passed("files")
        return None
    if flows.run is None and _is_in_faq(turn):
        look.passed("faq_question")
        return None
    moved = _hear(turn, means, flows, look)
    if flows.run is None and not moved.says and not moved.ended and (begins := _find_event(turn, means, flows)):
        moved = _move(turn, means, flows, (begins,), 0)[0]
    return _reply(turn, look, moved, flows)


def _is_in_faq(turn: TurnInput) -> bool:
    """A question in the very words of an FAQ entry is that entry's, even where it holds a flow's phrase."""
    if not turn.content.faq or not is_question(turn.text):
        return False
    index, inbox = get_index(turn.content.faq), turn.inbox.chatwoot_id
    exact = (index.entries[number] for number in index.exact.get(index.read(turn.text).words, ()))
    return any(not entry.inboxes or inbox in entry.inboxes for entry in exact)


def read_offered(turn: TurnInput, means: Means) -> TurnInput:
    """With the title of what was offered in the middle of a flow, or listed before without buttons, where the customer picks it
    by its number or nearly."""
    offered = _list_offered(turn) or (list_numbered(turn) if turn.flow_run is None else [])
    if not offered or len(turn.messages) != 1 or turn.messages[0].kind == "submitted":
        return turn
    title = match_offered(tuple((t, t) for t in offered), turn.text, make_world(turn, means.settings).where)
    return replace(turn, messages=(replace(turn.messages[0], text=title, kind="submitted"),)) if title else turn


def keep_offered(run: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """The run with what another responder has just offered."""
    return {**run, OFFERED: [title for part in reply.parts for title, _ in part.choices]}


def _list_offered(turn: TurnInput) -> list[str]:
    return list((turn.flow_run or {}).get(OFFERED, ()))


def answer_aside(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    """What nobody could answer: said so where it is a question, else taken as the answer to the flow's own."""
    flows = open_flows(turn, means)
    if flows is None or flows.run is None:
        return None
    if turn.text in _list_offered(turn):
        return _reply(turn, look, _move(turn, means, flows, (Command("old_button"),), 0)[0], flows)
    command = next((c for c in understand(turn.text, flows.book, flows.run, flows.world) if c.do == "digress"), None)
    if command and is_question(turn.text) and not _takes_any_text(flows):
        moved = _move(turn, means, flows, (command,), 0)[0]
        unsure = Utterance(get_text("say.flow_unsure", turn.language))
        return _reply(turn, look, replace(moved, says=(unsure, *moved.says), is_digression=False), flows)
    said = Command("fill", slot=command.slot, text=turn.text) if command and command.slot else Command("nothing")
    moved = _move(turn, means, flows, (said,), 0)[0]
    return _reply(turn, look, moved, flows)


def _find_spec(flows: Flows) -> SlotSpec | None:
    """Of the flow's open question."""
    opened = find_open(flows.book, flows.run, below_repair=True) if flows.run else None
    return opened.spec if opened else None


def _takes_any_text(flows: Flows) -> bool:
    """A comment may be a question, a name can't."""
    spec = _find_spec(flows)
    return spec is not None and spec.type in PROSE and (spec.max_chars or SHORT_TEXT + 1) > SHORT_TEXT


def _has_mute_files(turn: TurnInput, flows: Flows) -> bool:
    """A voice note or a picture without words that no question asked for: pipeline.respond_to_media says what fits it."""
    spec = _find_spec(flows)
    is_asked = spec is not None and spec.type == "file"
    return not is_asked and any(m.attachments and not m.text.strip() for m in turn.messages)


def start_instead(turn: TurnInput, look: Look, means: Means, reply: Reply) -> Reply | None:
    """The flow that begins where this FAQ entry or canned response would have answered."""
    flows = open_flows(turn, means)
    if flows is None or flows.run is not None:
        return None
    for source in reply.sources:
        kind, _, key = source.partition(":")
        trigger = SOURCES.get(kind)
        if trigger and (keys := find_triggered(flows.book.list_startable(turn.inbox.chatwoot_id), trigger, key)):
            return _reply(turn, look, _move(turn, means, flows, (Command("start", flow=keys[0]),), 0)[0], flows)
    return None


def _find_event(turn: TurnInput, means: Means, flows: Flows) -> Command | None:
    """What begins without a word about it: a label of the conversation, once; its beginning, where no more than a greeting
    was said. A widget that was opened is heard of with its first message: before it there is no conversation to write into."""
    startable = flows.book.list_startable(turn.inbox.chatwoot_id)
    labelled = dict.fromkeys(key for label in turn.labels for key in find_triggered(startable, "labels", label))
    keys = [key for key in labelled if not _has_been_in(turn, means, key)]
    if turn.is_first and not read_courtesies(split_words(turn.text))[1]:
        keys += find_triggered(startable, "events", "new_conversation")
        keys += find_triggered(startable, "events", "widget_opened") if turn.inbox.channel == WIDGET else ()
    return Command("start", flow=keys[0]) if keys else None


def _has_been_in(turn: TurnInput, means: Means, key: str) -> bool:
    """Whether this flow has begun in this conversation already: its label says so again with each message."""
    if turn.conversation_id is None or turn.turn_id is None:
        return False
    values = {"conversation": turn.conversation_id, "turn": turn.turn_id, "source": f"flow:{key}"}
    with statements(means.engine) as connection:
        return bool(fetch_value(connection, HAS_BEEN_IN, values))


def tell_collected(turn: TurnInput, means: Means, reply: Reply) -> Reply:
    """Where others than the flow hand over in the middle of it, the team is told what was said so far, as the flow would."""
    handoff = reply.handoff
    if handoff is None or (reply.responder == "flow" and handoff.reason in {*REASONS.values(), STUCK}):
        return reply
    turn = replace(turn, flow_run=reply.run or turn.flow_run)
    flows = open_flows(turn, means)
    if flows is None or flows.run is None:
        return reply
    lines = list_collected(flows.book, flows.run, flows.world)
    return replace(reply, handoff=replace(handoff, detail="\n".join(line for line in (handoff.detail, *lines) if line)))


def remind(turn: TurnInput, look: Look, means: Means) -> Reply | None:
    """Nobody answered the open question: one reminder, then the run is closed."""
    flows = open_flows(turn, means)
    if flows is None or flows.run is None:
        return None
    reply = _reply(turn, look, _move(turn, means, flows, (Command("silence"),), 0)[0], flows)
    if reply is None or not reply.parts:
        return reply
    one = Part("\n\n".join(part.text for part in reply.parts), reply.parts[-1].choices)
    return replace(reply, parts=(one,))


def _hear(turn: TurnInput, means: Means, flows: Flows, look: Look) -> Moved:
    """Message by message where buttons were pressed, or where each is an answer of its own."""
    said: list[Utterance] = []
    acts: list[FlowAct] = []
    walked: list[Passage] = []
    moved, granted, has_acted = Moved(run=flows.run), 0, False
    todo = list(group(turn.messages))
    while todo:
        now = replace(flows, run=moved.run)
        messages, *split = split_answers(todo.pop(0), now.book, now.run, now.world)
        todo = [*split, *todo]
        commands = _understand(messages, now, turn, means, look)
        look.noted(commands=[c.do for c in commands])
        if now.run is None and flows.run is not None and not commands and any(is_question(m.text) for m in messages):
            moved = replace(moved, is_digression=True)  # a question after the flow's end is the other responders'
            break
        said += [utterance for utterance in moved.says if not utterance.asks]
        acts += moved.acts
        walked += moved.walked
        has_acted = has_acted or moved.has_acted
        moved, granted = _move(turn, means, now, commands, granted)
        if moved.ended == "handoff":
            break
    return replace(
        moved,
        says=(*said, *moved.says),
        acts=(*acts, *moved.acts),
        walked=(*walked, *moved.walked),
        has_acted=has_acted or moved.has_acted,
    )


def _understand(
    messages: Sequence[CustomerMessage], flows: Flows, turn: TurnInput, means: Means, look: Look
) -> tuple[Command, ...]:
    """By rules; by a model too where they aren't sure and there is one."""
    text = " ".join(m.text.strip() for m in messages if m.text.strip())
    files = tuple(a.title or a.file_type for m in messages for a in m.attachments)
    if messages[0].kind == "submitted":
        if text in _list_offered(turn):
            return (Command("digress", text=text),)
        return understand(text, flows.book, flows.run, flows.world, pressed=text)
    commands = understand(_cut_undo(text, flows), flows.book, flows.run, flows.world, files=files)
    if flows.run is not None and flows.run.done and _wants_undone(text, commands, flows):
        return (Command("cancel"),)
    if not text or not turn.llm_allowed or not means.settings.endpoints or not _is_unsure(text, commands, flows):
        return commands
    try:
        messages_to_model = build_prompt(text, flows.book, flows.run, flows.world, make_tag())
        answer = ask(means, turn, "flow", messages_to_model, COMMAND_SCHEMA, MAX_OUTPUT_TOKENS, Vault())
    except LLMError as e:
        look.noted(model=e.kind)
        return commands
    proposed = check_commands(answer.value, text, flows.book, flows.run, flows.world)
    look.noted(model=answer.model, proposed=[c.do for c in proposed])
    return proposed or commands


def _wants_undone(text: str, commands: Sequence[Command], flows: Flows) -> bool:
    """Whether what a call of the run has changed already is to be undone: "cancela la reserva", no question about it, and no
    answer to the flow's own question."""
    spec = _find_spec(flows)
    if any(c.do in ANSWERS for c in commands) and ((spec and spec.type == "choice") or _asks_about_undoing(flows)):
        return False
    words, language = split_words(text[:1_000]), flows.world.where.language
    verbs = _find_undo(words)
    if not verbs or len(words) > SHORT_WORDS or is_question(text):
        return False
    is_comment = spec is not None and spec.type in PROSE and not _asks_at_once(words)
    if is_comment or load_words("negations").intersection(words[max(0, verbs[0] - 3) : verbs[0]]):
        return False
    known = flows.book.list_known(flows.run) if flows.run else []
    named = _stems_of(" ".join(load_words("booked")), language).union(*(_list_stems(flow, language) for flow in known))
    return not named.isdisjoint(stem_words(text[:1_000], language))


def _find_undo(words: Sequence[str]) -> list[int]:
    return [n for n, word in enumerate(words) if word.startswith(tuple(load_words("undo")))]


def _asks_about_undoing(flows: Flows) -> bool:
    """ "¿Cancelo la reserva anterior?", to be answered with yes or no: the flow's own matter, not what was done."""
    opened = find_open(flows.book, flows.run, below_repair=True) if flows.run else None
    if opened is None or not (isinstance(opened.step, Confirm) or (opened.spec and opened.spec.type == "yes_no")):
        return False
    return any(_find_undo(split_words(asked)) for asked in ASKED.findall("\n".join((opened.step.text or {}).values())))


def _cut_undo(text: str, flows: Flows) -> str:
    """Yes or no, where it comes before the question's own verb: "sí, cancela la reserva anterior"."""
    words = split_words(text[:1_000])
    head = " ".join(words[: (_find_undo(words) or [0])[0]])
    is_answer = head and isinstance(read_slot(YES_NO, head, flows.world.where), Heard) and not is_question(text)
    return head if is_answer and _asks_about_undoing(flows) else text


def _asks_at_once(words: list[str]) -> bool:
    """Where any words are an answer, only what begins with it asks for it: "traeré la reserva cancelada" is a comment."""
    said = strip_lead_in(strip_lead_in(read_courtesies(words)[1]))
    return any(not said[n].endswith(("ado", "ada", "ados", "adas", "ed")) for n in _find_undo(said[:3]))


def _is_unsure(text: str, commands: Sequence[Command], flows: Flows) -> bool:
    """Whether the rules may have missed something. Outside a flow a model is asked only where the words are near one."""
    if flows.run is not None:
        return not commands or any(c.do in UNSURE for c in commands)
    if commands:
        return False
    language = flows.world.where.language
    said = set(stem_words(text, language))
    return any(said & _list_stems(flow, language) for flow in flows.book.list_startable(flows.world.inbox))


@lru_cache(maxsize=200)
def _stems_of(text: str, language: Language) -> frozenset[str]:
    return frozenset(stem for stem in stem_words(text, language) if len(stem) >= LEAST_STEM)


def _list_stems(flow: Flow, language: Language) -> frozenset[str]:
    """What its title and phrases are about."""
    phrases = " ".join(flow.start.phrases.get(language, ()))
    return _stems_of(f"{flow.title.get(language, '')} {phrases}", language)


def _move(turn: TurnInput, means: Means, flows: Flows, commands: Sequence[Command], granted: int) -> tuple[Moved, int]:
    """The machine, and the world where it wishes for something. granted: wishes of this turn so far."""
    moved = advance(flows.book, flows.run, commands, flows.world)
    while moved.wish is not None and moved.run is not None and granted < MAX_WISHES:
        granted += 1
        acts = moved.wish.kind == "send_code" or (moved.wish.call is not None and not moved.wish.call.is_safe)
        moved = moved.then(resume(flows.book, moved.run, grant(means, turn, moved.wish, granted), flows.world))
        moved = replace(moved, has_acted=moved.has_acted or acts)
    if moved.wish is not None:
        given_up = FlowAct("handoff", ("flow_loop", ""))
        walked = (*moved.walked, *leave(moved.run, "handoff")) if moved.run else moved.walked
        moved = replace(moved, acts=(*moved.acts, given_up), run=None, wish=None, ended="handoff", walked=walked)
    return moved, granted


def _reply(turn: TurnInput, look: Look, moved: Moved, flows: Flows) -> Reply | None:
    look.noted(**moved.notes)
    if not moved.says and not moved.acts and moved.run is None and not moved.ended:
        look.passed("no_flow_begun" if flows.run is None else "run_ended")
        return None
    handoff = next((_hand_over(act) for act in moved.acts if act.kind == "handoff"), None)
    parts = tuple(Part(_with_media(u), u.choices) for u in moved.says)
    if handoff is not None and not parts:
        parts = (Part(get_text("say.handoff", turn.language)),)
    return Reply(
        parts=parts,
        language=turn.language,
        responder="flow",
        handoff=handoff,
        sources=tuple(f"flow:{key}" for key in _list_used(moved, flows)),
        run=dump_run(moved.run) if moved.run is not None and handoff is None else {},
        deeds=tuple(Deed(act.kind, act.value) for act in moved.acts if act.kind != "handoff"),
        is_aside=moved.is_digression and handoff is None,
        has_acted=moved.has_acted,
        told=tuple(Part(_with_media(u), u.choices) for u in moved.says if not u.asks) if moved.has_acted else (),
        walked=moved.walked,
    )


def _list_used(moved: Moved, flows: Flows) -> Iterator[str]:
    """The keys of the customers' flows on the way: before, after, and those that ended at once."""
    stack = (moved.run or flows.run or Run(())).stack
    keys = dict.fromkeys([*(place.flow for place in stack), *(way.flow for way in moved.walked)])
    return (key for key in keys if not key.startswith(REPAIR))


def _hand_over(act: FlowAct) -> Handoff:
    code, note = act.value
    return Handoff(REASONS.get(code, STUCK), note)


def _with_media(utterance: Utterance) -> str:
    """A picture or file is told by its address: channels show it, or make it a link."""
    return "\n\n".join(t for t in (utterance.text, utterance.image, utterance.file) if t)
