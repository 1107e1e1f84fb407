"""A flow's pages: its steps with a form for the chosen one, the picture beside them, and all of it as YAML.

Every act is a POST that saves the draft's next revision; content.py has the list, the history and the bin.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from chatbot import drafts
from chatbot.audit import record
from chatbot.bodies import dump_body
from chatbot.content import save_drafts
from chatbot.errors import ContentError
from chatbot.flows.definition import Flow
from chatbot.web import flow_forms
from chatbot.web.access import allow
from chatbot.web.content_forms import make_key
from chatbot.web.database import reading, writing
from chatbot.web.flow_view import Chosen, pick_chosen, read_yaml, show_page, show_yaml_page, starter, write_yaml
from chatbot.web.flow_words import SLOT_FIELDS, START_FIELDS, STEP_FIELDS, STEPS
from chatbot.web.pages import actor, go, say

bp = Blueprint("flows", __name__, url_prefix="/flows")
Raw = dict[str, Any]


def find_flow(key: str) -> tuple[Any, Flow]:
    """The draft's newest revision. 404 where there is none."""
    row = drafts.read_newest(reading(), "flow", key)
    if row is None or row.body is None:
        abort(404)
    return row, Flow.model_validate(row.body)


def store(flow: Flow, row: Any) -> int:
    """The number of entries that this changed."""
    with writing() as connection:
        count = save_drafts(connection, [flow], actor().who)
        before = row.body if row is not None else None
        record(connection, actor(), "content.save", f"flow:{flow.key}", before, dump_body(flow))
    return count


def leave(flow: Flow, row: Any, said: str, **chosen: str) -> ResponseReturnValue:
    """Saves, and shows the page again; the message has an undo."""
    count = store(flow, row)
    undo = url_for("content.back", kind="flow", was=row.id) if count and row is not None else ""
    say(said, undo_url=undo)
    return go("flows.show", key=flow.key, _anchor="form" if chosen else None, **chosen)


@bp.get("/_new")
@allow("editor")
def new() -> ResponseReturnValue:
    """A key never begins with a low line, so no flow has this address."""
    return render_template("flows/new.html", values={"es": "", "en": ""}, errors={}, active_page="content.flow")


@bp.post("/_new")
@allow("editor")
def create() -> ResponseReturnValue:
    title = {code: " ".join(request.form.get(code, "").split())[:200] for code in ("es", "en")}
    given = {code: text for code, text in title.items() if text}
    wished = make_key("flow", {"title": next(iter(given.values()), "")})
    key = next(k for n in range(1, 1_000) if drafts.read_newest(reading(), "flow", k := wished if n == 1 else f"{wished}-{n}") is None)  # fmt: skip  # noqa: E501
    flow, _errors = flow_forms.check(starter(key, given)) if given else (None, {})
    if flow is None:
        errors = {"es": _("This is needed.") if not given else _("This has a sign that can't be used; take it out.")}
        return render_template("flows/new.html", values=title, errors=errors, active_page="content.flow"), 422
    return leave(flow, None, _("In the draft. Now add the steps."), add="1")


@bp.get("/<key>")
@allow("agent")
def show(key: str) -> ResponseReturnValue:
    """?step=, ?slot=, ?start=1 and ?add=1 (after ?after=) choose what the form is about."""
    row, flow = find_flow(key)
    return show_page(row, flow, pick_chosen(flow, dump_body(flow), request.args))


@bp.post("/<key>/copy")
@allow("editor")
def copy(key: str) -> ResponseReturnValue:
    _row, flow = find_flow(key)
    copied = next(k for n in range(2, 1_000) if drafts.read_newest(reading(), "flow", k := f"{key[:45]}-{n}") is None)
    # what starts the first one would be asked about if it started both
    return leave(flow.model_copy(update={"key": copied, "start": type(flow.start)()}), None, _("Copied. Give it another name and its own first words."), start="1")  # fmt: skip  # noqa: E501


@bp.post("/<key>/steps")
@allow("editor")
def add_step(key: str) -> ResponseReturnValue:
    """do: the kind; after: the step before it, none for the beginning."""
    row, flow = find_flow(key)
    body, do = dump_body(flow), request.form.get("do", "")
    if do not in STEP_FIELDS:
        abort(400)
    at = flow_forms.find_place(body, request.form.get("after", ""))
    values = flow_forms.show_values(STEP_FIELDS[do], {"do": do, "returns": True})
    return show_page(row, flow, Chosen("new", "", do, list(STEP_FIELDS[do]), values, after=body["steps"][at]["id"] if at is not None else ""))  # fmt: skip  # noqa: E501


@bp.post("/<key>/steps/_new")
@allow("editor")
def create_step(key: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    body, do, after = dump_body(flow), request.form.get("do", ""), request.form.get("after", "")
    if do not in STEP_FIELDS:
        abort(400)
    fields = list(STEP_FIELDS[do])
    values = flow_forms.read_values(fields, request.form)
    raw, errors = flow_forms.to_raw(fields, values, {"do": do})
    taken = {step["id"] for step in body["steps"]}
    if not raw.get("id"):
        raw["id"] = flow_forms.pick_name(values.get("text_es") or values.get("text_en") or str(STEPS[do][0]), taken)
    at = flow_forms.find_place(body, after)
    place = 0 if at is None else at + 1
    changed, more = flow_forms.check(flow_forms.insert(body, place - 1, raw), ("steps", place), fields)
    if changed is None or errors:
        return show_page(row, flow, Chosen("new", "", do, fields, values, errors | more, after)), 422
    return leave(changed, row, _("The step is in the draft."), step=raw["id"])


@bp.post("/<key>/steps/<step_id>")
@allow("editor")
def save_step(key: str, step_id: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    body = dump_body(flow)
    at = flow_forms.find_place(body, step_id)
    if at is None or body["steps"][at]["do"] not in STEP_FIELDS:
        abort(404)
    before, fields = body["steps"][at], list(STEP_FIELDS[body["steps"][at]["do"]])
    values = flow_forms.read_values(fields, request.form)
    raw, errors = flow_forms.to_raw(fields, values, before)
    changed, more = flow_forms.check(flow_forms.put_step(body, at, raw), ("steps", at), fields)
    chosen = Chosen("step", step_id, before["do"], fields, values, errors | more)
    if changed is None or errors:
        return show_page(row, flow, chosen), 422
    if is_overtaken(key, row, before, lambda was: next((s for s in was["steps"] if s["id"] == step_id), None)):
        return show_page(row, flow, chosen, theirs=row.author), 409
    return leave(changed, row, _("Saved in the draft. Customers get it once it is published."), step=raw["id"])


def is_overtaken(key: str, row: Any, now: Any, find: Any) -> bool:
    """Whether somebody has saved this very part since the form was opened."""
    typed = request.form.get("opened_at", "")
    opened_at = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else 0
    if opened_at == row.id:
        return False
    was = drafts.read_revision_body(reading(), "flow", key, opened_at)
    return was is None or find(dump_body(Flow.model_validate(was))) != now


@bp.post("/<key>/steps/<step_id>/act")
@allow("editor")
def act_on_step(key: str, step_id: str) -> ResponseReturnValue:
    """act: up, down, copy or delete."""
    row, flow = find_flow(key)
    body, act = dump_body(flow), request.form.get("act", "")
    at = flow_forms.find_place(body, step_id)
    if at is None or act not in {"up", "down", "copy", "delete"}:
        abort(404)
    if act == "delete" and len(body["steps"]) == 1:
        say(_("A flow needs one step at least."), "danger")
        return go("flows.show", key=key, step=step_id)
    shown = step_id
    if act == "delete":
        body, shown = flow_forms.take_out(body, at), ""
    elif act == "copy":
        shown = flow_forms.pick_name(step_id, {step["id"] for step in body["steps"]})
        body = flow_forms.insert(body, at, {**body["steps"][at], "id": shown})
    else:
        body = flow_forms.move(body, at, -1 if act == "up" else 1)
    said = {"delete": _("The step is deleted."), "copy": _("The step is copied.")}.get(act, _("The step is moved."))
    return leave(Flow.model_validate(body), row, said, **({"step": shown} if shown else {}))


@bp.post("/<key>/start")
@allow("editor")
def save_start(key: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    body, fields = dump_body(flow), list(START_FIELDS)
    values = flow_forms.read_values(fields, request.form)
    raw, errors = flow_forms.to_raw(fields, values, body)
    changed, more = flow_forms.check(raw, (), fields)
    chosen = Chosen("start", "", "", fields, values, errors | more)
    if changed is None or errors:
        return show_page(row, flow, chosen), 422
    names = {field.path[0] for field in fields}
    if is_overtaken(key, row, {n: body.get(n) for n in names}, lambda was: {n: was.get(n) for n in names}):
        return show_page(row, flow, chosen, theirs=row.author), 409
    return leave(changed, row, _("Saved in the draft. Customers get it once it is published."), start="1")


@bp.post("/<key>/slots")
@allow("editor")
def save_slot(key: str) -> ResponseReturnValue:
    """name_was: the one that is changed, none for a new one. Its name can't be changed: texts and steps go by it."""
    row, flow = find_flow(key)
    body, fields, was = dump_body(flow), list(SLOT_FIELDS), request.form.get("name_was", "")
    before = body["slots"].get(was) if was else None
    if was and before is None:
        abort(404)
    values = flow_forms.read_values(fields, request.form)
    name = was or flow_forms.pick_name(values["name"] or values["label_es"] or values["label_en"], body["slots"], "_", "dato")
    raw, errors = flow_forms.to_raw(fields, values, before or {})
    raw.pop("name", None)
    changed, more = flow_forms.check({**body, "slots": {**body["slots"], name: raw}}, ("slots", name), fields)
    chosen = Chosen("slot", was, "", fields, values | ({"name": was} if was else {}), errors | more)
    if changed is None or errors:
        return show_page(row, flow, chosen), 422
    if was and is_overtaken(key, row, before, lambda old: old["slots"].get(was)):
        return show_page(row, flow, chosen, theirs=row.author), 409
    return leave(changed, row, _("Saved in the draft. Customers get it once it is published."), slot=name)


@bp.post("/<key>/slots/<name>/delete")
@allow("editor")
def delete_slot(key: str, name: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    if name not in flow.slots:
        abort(404)
    slots = {n: spec for n, spec in flow.slots.items() if n != name}
    return leave(flow.model_copy(update={"slots": slots}), row, _("«%(name)s» is taken out.", name=name))


@bp.get("/<key>/yaml")
@allow("editor")
def yaml(key: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    return show_yaml_page(row, flow, write_yaml(flow))


@bp.post("/<key>/yaml")
@allow("editor")
def save_yaml(key: str) -> ResponseReturnValue:
    row, flow = find_flow(key)
    typed = request.form.get("text", "").replace("\r\n", "\n")
    try:
        changed = read_yaml(typed, key)
    except ContentError as e:
        return show_yaml_page(row, flow, typed, problems=str(e).splitlines()), 422
    if is_overtaken(key, row, dump_body(flow), lambda was: was):
        return show_yaml_page(row, flow, typed, theirs=row.author, changed=changed), 409
    store(changed, row)
    say(_("Saved in the draft. Customers get it once it is published."), undo_url=url_for("content.back", kind="flow", was=row.id))  # fmt: skip  # noqa: E501
    return go("flows.yaml", key=key)
