"""What flows/checks.py finds in all flows of some content: for their pages, and before anything gets live, from wherever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from chatbot.bodies import Content
from chatbot.content import live_release_id, load_content, load_draft, select_spoken
from chatbot.content_yaml import Source
from chatbot.errors import ContentError
from chatbot.flows.checks import Finding, explain, list_findings
from chatbot.flows.definition import Flow
from chatbot.reply import Language
from chatbot.saying import gettext as _
from chatbot.settings import Settings

MAX_ERRORS = 20


def find_in(flow: Flow, content: Content, settings: Settings) -> tuple[Finding, ...]:
    """Checked against the other flows of this content, in the languages that the bot speaks where the flow may begin."""
    flows = {other.key: other for other in content.flow}
    return list_findings(flow, flows, _list_languages(flow, content), settings.flow_hosts)


def _list_languages(flow: Flow, content: Content) -> tuple[Language, ...]:
    content = select_spoken(content)
    inboxes = flow.inboxes or (0, *(inbox for assistant in content.assistant for inbox in assistant.inboxes))
    return tuple(dict.fromkeys(language for inbox in inboxes for language in content.list_languages(inbox)))


def list_blocking(
    connection: Connection, settings: Settings, release_id: int | None = None, live_id: int | None = None
) -> list[Finding]:
    """What keeps the draft, or a former release, from getting live: in a flow that was changed, or that a change elsewhere
    brought about. What is published already (live_id, else what is live now) doesn't hold up the rest.
    """
    live = load_content(connection, live_id or live_release_id(connection))
    wanted = load_draft(connection) if release_id is None else load_content(connection, release_id)
    known = {flow.key: flow for flow in live.flow}
    old = [finding for flow in live.flow for finding in find_in(flow, live, settings)]
    found = [(flow, finding) for flow in wanted.flow if flow.enabled for finding in find_in(flow, wanted, settings)]
    return [f for flow, f in found if f.is_blocking and (flow != known.get(flow.key) or f not in old)]


def make_error(findings: Iterable[Finding], name: str = "", source: Source | None = None) -> ContentError:
    """All of them in one, each with its line where it stands in the file `name`."""
    lines, first = [], None
    for finding in findings:
        place = f"flow {finding.flow}" + (f", {finding.step}" if finding.step else "")
        line = _find_line(source, finding) if source else None
        said = f"{place}: {explain(finding)}"
        lines.append(_("%(file)s, line %(line)s: %(problem)s", file=name, line=line, problem=said) if line else said)
        first = first or line
    more = [_("... and %(n)s more", n=len(lines) - MAX_ERRORS)] if len(lines) > MAX_ERRORS else []
    error = ContentError("\n".join((*lines[:MAX_ERRORS], *more)))
    error.line = first
    return error


def _find_line(source: Source, finding: Finding) -> int | None:
    """None for a flow that the file doesn't have: it waits in the draft."""
    listed = source.value.get("flow") if isinstance(source.value, Mapping) else None
    for n, flow in enumerate(_list_mappings(listed)):
        if flow.get("key") == finding.flow:
            steps = [step.get("id") for step in _list_mappings(flow.get("steps"))]
            at = ("steps", steps.index(finding.step)) if finding.step in steps else ()
            return source.line(("flow", n, *at))
    return None


def _list_mappings(listed: Any) -> list[Mapping[str, Any]]:
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
