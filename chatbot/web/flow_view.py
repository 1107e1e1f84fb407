"""What a flow's page shows: the outline, the picture, what is wrong, and the form for what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import render_template
from flask_babel import get_locale
from flask_babel import gettext as _

from chatbot import content_file, drafts
from chatbot.bodies import make_content
from chatbot.content import load_draft
from chatbot.errors import ContentError
from chatbot.flow_findings import find_in
from chatbot.flow_passages import Ways, read_ways
from chatbot.flow_picture import HEIGHT, WIDTH, Line, lay_out
from chatbot.flows.checks import Finding, explain
from chatbot.flows.definition import END, Choose, Flow, Step, asked_slots
from chatbot.flows.wording import pick
from chatbot.reply import Language
from chatbot.web.content_forms import Field
from chatbot.web.database import reading
from chatbot.web.flow_forms import GOALS, fill_options, show_values
from chatbot.web.flow_ways import find_thickness, tell_ways
from chatbot.web.flow_words import FACTS, RULES, SLOT_FIELDS, SLOT_TYPES, START_FIELDS, STEP_FIELDS, STEPS, say_way
from chatbot.web.reader import panel_settings

SHOWN = 34
SUMMARY = 90


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the form is about. part: step, new, slot, start, add (which kind?) or "" for nothing; do: the step's kind."""

    part: str = ""
    name: str = ""
    do: str = ""
    fields: Sequence[Field] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    after: str = ""


def starter(key: str, title: Mapping[str, str]) -> dict[str, Any]:
    """A new flow that is complete already: it says goodbye."""
    texts = {"es": "¡Gracias! Ya está.", "en": "Thank you! That's all."}
    return {"key": key, "title": dict(title), "steps": [{"id": "fin", "do": "end", "text": texts}]}


def pick_chosen(flow: Flow, body: Mapping[str, Any], asked: Mapping[str, str]) -> Chosen:
    step = next((s for s in body["steps"] if s["id"] == asked.get("step")), None)
    if step is not None:
        fields = list(STEP_FIELDS.get(step["do"], ()))
        return Chosen("step", step["id"], step["do"], fields, show_values(fields, step))
    if (name := asked.get("slot", "")) and (name in flow.slots or name == "_new"):
        values = show_values(SLOT_FIELDS, {**body["slots"].get(name, {"type": "text"}), "name": name if name in flow.slots else ""})  # fmt: skip  # noqa: E501
        return Chosen("slot", name if name in flow.slots else "", "", list(SLOT_FIELDS), values)
    if asked.get("start"):
        return Chosen("start", "", "", list(START_FIELDS), show_values(START_FIELDS, body))
    return Chosen("add", after=asked.get("after", flow.steps[-1].id)) if asked.get("add") else Chosen()


def show_page(row: Any, flow: Flow, chosen: Chosen, theirs: str = "") -> str:
    connection = reading()
    content = load_draft(connection)
    language: Language = "en" if str(get_locale()) == "en" else "es"
    findings = find_in(flow, content, panel_settings())
    fields = fill_options(chosen.fields, list_choices(flow, content.flow, chosen))
    ways = read_ways(connection, flow)
    steps = [describe_step(step, n, findings, language) for n, step in enumerate(flow.steps, 1)]
    return render_template(
        "flows/show.html", row=row, flow=flow, steps=steps, chosen=chosen, fields=fields, theirs=theirs,
        title=pick(flow.title, language), findings=[(f, explain(f)) for f in findings],
        picture=draw(flow, steps, language, ways), told=tell_ways(ways, steps), goals=list_goals(flow), kinds=STEPS,
        kinds_to_add=STEP_FIELDS, rules=RULES,
        abouts=list_abouts(flow), slot_types=dict(SLOT_TYPES), asked=asked_slots(flow), active_page="content.flow",
        changes=drafts.count_changes(connection),
        first_words=next(iter(flow.start.phrases.get(language) or next(iter(flow.start.phrases.values()), ())), ""),
    )  # fmt: skip


def describe_step(step: Step, number: int, findings: Sequence[Finding], language: Language) -> dict[str, Any]:
    """A line of the outline, and a box of the picture."""
    name, _about, icon = STEPS[step.do]
    texts = getattr(step, "text", None)
    about = pick(texts, language) if texts else next(
        (str(getattr(step, n)) for n in ("slot", "url", "flow") if getattr(step, n, None)), ""
    )  # fmt: skip
    found = [f for f in findings if f.step == step.id]
    return {
        "id": step.id, "number": number, "do": step.do, "kind": name, "icon": icon, "about": shorten(about, SUMMARY),
        "problems": [explain(f) for f in found], "is_blocked": any(f.is_blocking for f in found),
        "line": shorten(about or str(name), SHOWN),
    }  # fmt: skip


def shorten(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def draw(flow: Flow, steps: Sequence[Mapping[str, Any]], language: Any, ways: Ways) -> dict[str, Any]:
    """The picture's numbers as its SVG wants them. ways: how many went each way, on the lines."""
    picture, by_id = lay_out(flow), {step["id"]: step for step in steps}
    boxes = [
        {"x": b.x, "y": b.y, "step": by_id.get(b.step), "lost": ways.steps[b.step].lost if b.step in by_id else 0}
        for b in picture.boxes
    ]
    most = max(ways.taken.values(), default=0)
    lines = [
        {
            "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points),
            "label": shorten(name_ways(flow, line, language), 26),
            "n": (n := ways.taken[line.source, line.goal]), "thickness": find_thickness(n, most), **_find_middle(line),
        }
        for line in picture.lines
    ]  # fmt: skip
    return {"width": picture.width, "height": picture.height, "boxes": boxes, "lines": lines, "w": WIDTH, "h": HEIGHT}


def _find_middle(line: Line) -> dict[str, float]:
    """Where its words stand: near the end, since lines that leave together part there."""
    (x1, y1), (x2, y2) = line.points[-2], line.points[-1]
    return {"x": (x1 + x2) / 2, "y": (y1 + y2) / 2}


def name_ways(flow: Flow, line: Line, language: Any) -> str:
    step = flow.find_step(line.source)
    titles = {f"option:{o.value}": pick(o.title, language) for o in step.options} if isinstance(step, Choose) else {}
    return " / ".join(name for why in line.whys if (name := titles.get(why) or say_way(why)))


def list_goals(flow: Flow) -> tuple[tuple[str, Any], ...]:
    named = ((step.id, f"{n}. {step.id}") for n, step in enumerate(flow.steps, 1))
    return (("", _("the next step of the list")), *named, (END, _("the end of the flow")))


def list_abouts(flow: Flow) -> tuple[tuple[str, Any], ...]:
    return (*((name, name) for name in flow.slots), *FACTS)


def list_choices(flow: Flow, flows: Sequence[Flow], chosen: Chosen) -> dict[str, tuple[tuple[str, Any], ...]]:
    """The options of the fields that name something of this flow; what a field holds already stays among them."""
    goals, slots = list_goals(flow), tuple((name, name) for name in flow.slots)
    none = ("", _("nothing of its own: as if it had worked"))
    found = {name: goals if name not in {"on_error", "on_missing"} else (none, *goals[1:]) for name in GOALS}
    found |= {"slot": slots, "slots": slots, "flow": tuple((f.key, f.key) for f in flows if f.key != flow.key)}
    for name, options in list(found.items()):
        held = chosen.values.get(name) or ()
        held = [held] if isinstance(held, str) else held
        found[name] = (*options, *((value, value) for value in held if value not in dict(options)))
    return found


# as YAML


def write_yaml(flow: Flow) -> str:
    return content_file.dump(make_content([flow]))


def read_yaml(text: str, key: str) -> Flow:
    """Raises ContentError, with lines."""
    bodies = content_file.parse(text, "YAML")
    if len(bodies) != 1 or not isinstance(bodies[0], Flow) or bodies[0].key != key:
        raise ContentError(_("Here stands one flow, whose `key` is %(key)s: it can't be changed.", key=key))
    return bodies[0]


def show_yaml_page(
    row: Any, flow: Flow, text: str, problems: Sequence[str] = (), theirs: str = "", changed: Flow | None = None
) -> str:
    findings = find_in(changed or flow, load_draft(reading()), panel_settings())
    pieces = list(drafts.diff_words(write_yaml(flow), write_yaml(changed))) if changed else []
    return render_template(
        "flows/yaml.html", row=row, flow=flow, text=text, problems=problems, theirs=theirs, pieces=pieces,
        findings=[(f, explain(f)) for f in findings], active_page="content.flow", rows=min(40, text.count("\n") + 3),
        title=pick(flow.title, "en" if str(get_locale()) == "en" else "es"),
    )  # fmt: skip
