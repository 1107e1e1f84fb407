"""Reads YAML as plain text, lists and mappings with the line of every value; refuses what a content file never needs.

Values stay text: what is a number or a yes is decided by the field that they stand in, so `es: No` is the word No.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from chatbot.body_types import UNWANTED
from chatbot.errors import ContentError
from chatbot.saying import gettext as _

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 10
MAX_VALUES = 200_000
NOTHING = {"", "~", "null", "Null", "NULL"}
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    line: int
    message: str


@dataclass(slots=True)
class Source:
    """A file as it was read. lines: where each value starts, by its path, e.g. ("faq", 3, "questions", "es", 0)."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a value or, where it is missing, of what should hold it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str | bytes) -> Source:
    """Raises ContentError for what isn't YAML or has no place in it; a name given twice is noted as a problem."""
    decoded = _decode(text)
    source = Source()
    try:
        # pulled one by one, so that deep nesting is refused before the scanner has spent its time on it
        events = _pull(decoded)
        for event in events:
            if isinstance(event, NodeEvent):
                source.value = _build(source, events, event, ())
    except MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        raise ContentError(_say_invalid(str(e.problem)), line=mark.line + 1 if mark else 1) from None
    except (YAMLError, ValueError, OverflowError) as e:
        raise ContentError(_say_invalid(str(e).splitlines()[0]), line=1) from None
    return source


def _say_invalid(problem: str) -> str:
    """The reader's own words stay English: they name signs and indentation."""
    hint = _("Check the indentation, and quote texts that hold a colon with a space, a # or start with a sign")
    return _("isn't valid YAML: %(problem)s. %(hint)s", problem=problem, hint=hint)


def _decode(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        most = MAX_BYTES // 1024 // 1024
        raise ContentError(_("the file is larger than %(most)s MB; split it and import the pieces one by one", most=most))
    if isinstance(text, bytes):
        try:
            return _decode(text.decode("utf-8"))
        except UnicodeDecodeError as e:
            raise ContentError(
                _("isn't UTF-8; save the file with the encoding UTF-8"), line=text.count(b"\n", 0, e.start) + 1
            ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if found := UNWANTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ContentError(_("has the control character %(sign)s; take it out", sign=f"U+{ord(found[0]):04X}"), line=line)
    return text


def _pull(text: str) -> Iterator[Event]:
    documents = values = 0
    # the round-trip reader would leave marks of its own in folded texts
    for event in YAML(typ="safe", pure=True).parse(text):
        documents += isinstance(event, DocumentStartEvent)
        values += isinstance(event, NodeEvent)
        if documents > 1:
            raise ContentError(_("a second document starts here; a file holds one, so take the `---` out"), line=_at(event))
        if values > MAX_VALUES:
            raise ContentError(_("the file has more than %(most)s values; split it", most=MAX_VALUES), line=_at(event))
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise ContentError(
                _("anchors (&name) and aliases (*name) aren't taken; quote the text or write it out"), line=_at(event)
            )
        if isinstance(event, ScalarEvent) and (found := UNWANTED.search(event.value)):
            sign = f"U+{ord(found[0]):04X}"
            raise ContentError(_("has the control character %(sign)s; take it out", sign=sign), line=_at(event))
        if getattr(event, "ctag", None):
            raise ContentError(_("tags (!name) aren't taken; quote the text if it starts with !"), line=_at(event))
        yield event


def _at(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _build(source: Source, events: Iterator[Event], event: Event, path: Path) -> Any:
    source.lines.setdefault(path, _at(event))
    if len(path) > MAX_DEPTH:
        raise ContentError(
            _("is nested more than %(most)s levels deep; check the indentation and the brackets", most=MAX_DEPTH),
            line=_at(event),
        )
    if isinstance(event, MappingStartEvent):
        return _build_mapping(source, events, path)
    if isinstance(event, SequenceStartEvent):
        return _build_list(source, events, path)
    if not isinstance(event, ScalarEvent):
        raise ContentError(_("this isn't a text, a list or a mapping"), line=_at(event))
    return None if not event.style and event.value in NOTHING else str(event.value)


def _build_mapping(source: Source, events: Iterator[Event], path: Path) -> dict[str, Any]:
    built: dict[str, Any] = {}
    while not isinstance(name := next(events), MappingEndEvent):
        if not isinstance(name, ScalarEvent):
            raise ContentError(_("a field's name must be one word, such as `key`"), line=_at(name))
        word = str(name.value)
        if word in built:
            first = source.lines[(*path, word)]
            said = _("`%(word)s` stands here twice, first on line %(line)s; take one out", word=word, line=first)
            source.problems.append(Problem(_at(name), said))
        source.lines.setdefault((*path, word), _at(name))
        built[word] = _build(source, events, next(events), (*path, word))
    return built


def _build_list(source: Source, events: Iterator[Event], path: Path) -> list[Any]:
    built: list[Any] = []
    while not isinstance(item := next(events), SequenceEndEvent):
        built.append(_build(source, events, item, (*path, len(built))))
    return built
