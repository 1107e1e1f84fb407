"""Checks of what flows need of the world: servers that they may call, keys, and mail for their codes."""

from __future__ import annotations

from sqlalchemy import text

from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.clients import mail
from chatbot.content import live_release_id, load_content
from chatbot.flow_wishes import is_allowed, read_secrets
from chatbot.flows.calls import list_templates
from chatbot.flows.definition import Call, Flow, Verify
from chatbot.flows.wording import list_variables

FAILED = text("""
SELECT place, outcome ->> 'error' AS error, count(*) AS count FROM flow_call
WHERE state = 'failed' AND created_at > now() - interval '1 hour' GROUP BY 1, 2 ORDER BY count DESC LIMIT 1
""")


def check_flows(at: Surroundings) -> Finding | None:
    """Of the live release; absent where it has no flow."""
    with at.engine.connect() as connection:
        flows = [flow for flow in load_content(connection, live_release_id(connection)).flow if flow.enabled]
        failed = connection.execute(FAILED).first()
    if not flows:
        return None
    calls = [(flow, step) for flow in flows for step in flow.steps if isinstance(step, Call)]
    for flow, step in calls:
        if not is_allowed(step.url, at.settings):
            return warn("host", flow=flow.key, step=step.id, url=step.url.split("{")[0])
        if missing := _find_missing(step, set(read_secrets(at.settings))):
            return warn("secret", flow=flow.key, step=step.id, name=missing)
    if (mailing := _find_mailing(flows)) and not mail.can_send(at.config):
        return warn("mail", flow=mailing)
    if failed is not None:
        return fail("failed", place=failed.place.rpartition("/")[0], problem=failed.error or "", count=failed.count)
    return ok(count=len(flows), calls=len(calls))


def _find_missing(step: Call, known: set[str]) -> str:
    used = (name for template in list_templates(step) for kind, name in list_variables(template) if kind == "secret")
    return next((name for name in used if name not in known), "")


def _find_mailing(flows: list[Flow]) -> str:
    return next((f.key for f in flows for step in f.steps if isinstance(step, Verify) and step.by == "mail"), "")
