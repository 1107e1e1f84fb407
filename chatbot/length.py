"""Fits a reply to its channel: the assistant's target length, the channel's hard limit, its formatting. Pure.

On the path between the pipeline and delivery. Characters are counted as code points, as the channels do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from chatbot.channel_text import Style, Unit, defuse, split_units
from chatbot.reply import Language, Part, Reply
from chatbot.texts import get_text

Target = Literal["short", "medium", "long"]
TARGETS: dict[Target, int] = {"short": 320, "medium": 800, "long": 1_600}
# whose words are shortened; canned responses and FAQ answers are the owner's and stay whole
SHORTENED = ("assistant", "fallback")
MOST_PARTS = 5
MARKS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Channel:
    """max_chars: of one message; has_buttons: shows input_select as buttons; button_chars: of a message with buttons."""

    max_chars: int = 10_000
    style: Style = "plain"
    has_buttons: bool = False
    button_chars: int | None = None


# limits by Chatwoot's class of the channel; Twilio's is WhatsApp or SMS, and nothing says which
CHANNELS = {
    "Channel::WebWidget": Channel(style="markdown", has_buttons=True),
    "Channel::Api": Channel(style="markdown"),
    "Channel::Email": Channel(style="markdown"),
    "Channel::Whatsapp": Channel(4_096, "whatsapp", has_buttons=True, button_chars=1_024),
    "Channel::TwilioSms": Channel(1_600),
    "Channel::FacebookPage": Channel(2_000, has_buttons=True),
    "Channel::Instagram": Channel(1_000),
    "Channel::Telegram": Channel(4_096, has_buttons=True),
    "Channel::Line": Channel(2_000, has_buttons=True),
    "Channel::Sms": Channel(320),
}
UNKNOWN_CHANNEL = Channel(1_000)
TOKEN = regex.compile(r"\S+|\s+")


@dataclass(frozen=True, slots=True)
class FittedPart:
    """One outgoing message as it is sent. choices: (title, value), only where the channel shows buttons."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()


def fit(reply: Reply, target: Target, channel: str, hard_limit: int | None = None) -> tuple[FittedPart, ...]:
    """The messages that the reply becomes, in order, none empty and none over the limit.

    channel: Chatwoot's class, e.g. "Channel::Whatsapp"; hard_limit: an inbox's own, where it is lower.
    Only the assistant's and the fallback's words are cut to the target, and only between sentences or list items.
    """
    shown = CHANNELS.get(channel, UNKNOWN_CHANNEL)
    most = TARGETS[target] if reply.responder in SHORTENED else None
    return tuple(fitted for part in reply.parts for fitted in _fit_part(part, shown, most, hard_limit, reply.language))


def _fit_part(
    part: Part, channel: Channel, most: int | None, hard_limit: int | None, language: Language
) -> Iterator[FittedPart]:
    limit = max(1, min(channel.max_chars, hard_limit or channel.max_chars))
    choices = tuple((" ".join(defuse(title).split()), value) for title, value in part.choices)
    units = split_units(part.text, channel.style)
    if most is not None:
        units = _shorten(units, most)
    if choices and not units:
        units = [Unit(get_text("say.which", language), "")]
    if choices and channel.has_buttons:
        limit = min(limit, channel.button_chars or limit)
    elif choices:
        units += [Unit(f"{number}. {title}", "\n") for number, (title, _) in enumerate(choices, 1)]
    texts = _pack(units, limit, language)
    for number, text in enumerate(texts, 1):
        yield FittedPart(text, choices if channel.has_buttons and number == len(texts) else ())


def _shorten(units: Sequence[Unit], most: int) -> list[Unit]:
    """The units that fit, the first one always; none that only introduces what was cut off."""
    size, kept = 0, 0
    for unit in units:
        size += len(unit.text) + (len(unit.gap) if kept else 0)
        # what a heading or colon introduces comes along with it
        if size > most and any(not before.is_lead for before in units[:kept]):
            break
        kept += 1
    if kept < len(units):
        while kept > 1 and units[kept - 1].is_lead:
            kept -= 1
    return list(units[:kept])


def _pack(units: Sequence[Unit], limit: int, language: Language) -> list[str]:
    """Messages of at most `limit` characters; past five of them the text ends with a line that says so."""
    messages: list[list[Unit]] = []
    size = 0
    for unit in _cut_long(units, limit):
        grown = size + len(unit.gap) + len(unit.text)
        if messages and grown <= limit:
            messages[-1].append(unit)
            size = grown
            continue
        moved = _take_leads(messages[-1], limit - len(unit.gap) - len(unit.text)) if messages else []
        messages.append([*moved, unit])
        size = len(_join(messages[-1]))
    if len(messages) > MOST_PARTS:
        messages = messages[:MOST_PARTS]
        _end_honestly(messages[-1], limit, language)
    return [_join(message) for message in messages]


def _take_leads(message: list[Unit], room: int) -> list[Unit]:
    """A heading or introduction at the end of a full message goes with what follows, if there is room for it."""
    if len(message) > 1 and message[-1].is_lead and len(message[-1].text) <= room:
        return [message.pop()]
    return []


def _end_honestly(message: list[Unit], limit: int, language: Language) -> None:
    ending = Unit(get_text("say.cut_here", language), "\n\n")
    if len(ending.text) > limit:
        return
    while message and len(_join([*message, ending])) > limit:
        message.pop()
    message.append(ending)


def _join(message: Sequence[Unit]) -> str:
    return message[0].text + "".join(unit.gap + unit.text for unit in message[1:])


def _cut_long(units: Sequence[Unit], limit: int) -> Iterator[Unit]:
    """Units over the limit in pieces: at line ends and between words; inside a word or URL only if it alone is over it."""
    for unit in units:
        if len(unit.text) <= limit:
            yield unit
            continue
        gap = unit.gap
        for piece in _cut_words(unit.text, limit):
            yield Unit(piece, gap)
            gap = " "


def _cut_words(text: str, limit: int) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for token in TOKEN.findall(text):
        for piece in [token] if len(token) <= limit else _cut_letters(token, limit):
            if size + len(piece) > limit:
                yield from _words_of(held)
                held, size = [], 0
            if held or not piece.isspace():
                held.append(piece)
                size += len(piece)
    yield from _words_of(held)


def _words_of(held: Sequence[str]) -> Iterator[str]:
    if text := "".join(held).strip():
        yield text


def _cut_letters(word: str, limit: int) -> Iterator[str]:
    """A word in pieces that don't begin with a combining mark or half an emoji, where a few characters allow that."""
    start = 0
    while len(word) - start > limit:
        end = start + limit
        back = next((at for at in range(end, max(start, end - MARKS_KEPT), -1) if not _is_bound(word, at)), end)
        yield word[start:back]
        start = back
    yield word[start:]


def _is_bound(word: str, at: int) -> bool:
    return bool(unicodedata.combining(word[at])) or word[at] in "\u200d\ufe0f" or word[at - 1] == "\u200d"
