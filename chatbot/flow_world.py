"""What the flow machine knows of a turn: its flows by revision, and the world that their steps may look at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo

import regex
from sqlalchemy import Engine

from chatbot.content import load_flows
from chatbot.db import statements
from chatbot.flows.definition import Flow
from chatbot.flows.repair import make_book
from chatbot.flows.run import FlowBook, Run, World
from chatbot.flows.slots import Where
from chatbot.hours import read_hours
from chatbot.reply import TurnInput
from chatbot.settings import Settings

# channels that vouch for whom they bring: what a visitor types on a web page proves nothing, and changes the contact too
PROVES_EMAIL = {"Channel::Email"}
PROVES_PHONE = {"Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms"}
NUMBER = regex.compile(r"(?:whatsapp:)?\+?([0-9]{6,15})")  # WhatsApp's own has no "+", Twilio's is "whatsapp:+34..."


def find_book(turn: TurnInput, run: Run | None, engine: Engine) -> FlowBook:
    """The flows of the turn's release, and the former revisions that its run stands on."""
    revisions = turn.content.flow_revisions
    flows: dict[tuple[str, int], Flow] = {(flow.key, revisions.get(flow.key, 0)): flow for flow in turn.content.flow}
    wanted = {revision: key for key, revision in (run.revisions if run else ()) if revision and (key, revision) not in flows}
    if wanted:
        with statements(engine) as connection:
            former: Mapping[int, Flow] = load_flows(connection, wanted)
        flows |= {(wanted[revision], revision): flow for revision, flow in former.items()}
    return make_book(flows, {flow.key: revisions.get(flow.key, 0) for flow in turn.content.flow})


def make_world(turn: TurnInput, settings: Settings) -> World:
    hours = read_hours(settings)
    zone = ZoneInfo(settings.time_zone)
    where = Where(
        language=turn.language,
        now=turn.now.astimezone(zone),
        zone=zone,
        country=find_country(settings.time_zone),
        hours=None if hours.is_always_open else hours,
    )
    return World(
        where=where,
        inbox=turn.inbox.chatwoot_id,
        channel=turn.inbox.channel,
        contact=turn.contact,
        proven_email=prove_email(turn),
        proven_phone=prove_phone(turn),
        is_open=None if hours.is_always_open else hours.is_open(turn.now),
        team_language=settings.language,
    )


def prove_email(turn: TurnInput) -> str:
    """The contact's address where this conversation is written from it; "" where it isn't, or nobody vouches for that."""
    is_own = turn.source_id.strip().casefold() == turn.contact.email.strip().casefold()
    return turn.contact.email if turn.inbox.channel in PROVES_EMAIL and is_own else ""


def prove_phone(turn: TurnInput) -> str:
    """The same of the contact's number."""
    end, number = NUMBER.fullmatch(turn.source_id.strip()), NUMBER.fullmatch(turn.contact.phone.strip())
    if turn.inbox.channel not in PROVES_PHONE or end is None or number is None:
        return ""
    return turn.contact.phone if end[1] == number[1] else ""


@lru_cache(maxsize=8)
def find_country(time_zone: str) -> str:
    """The country of a time zone ("ES" of Atlantic/Canary), by CLDR; Spain where it has none."""
    from babel.core import get_global  # noqa: PLC0415  its tables are read once, and only where there are flows

    territory = get_global("zone_territories").get(time_zone, "ES")
    return str(territory) if len(str(territory)) == 2 else "ES"
