"""All content as one YAML file that a shop owner can read: parse, dump, diff, and the sample shop. See docs/content.md."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString
from sqlalchemy import Connection, select

from chatbot import content_yaml
from chatbot.bodies import KIND_NAMES, KINDS, Content, Document
from chatbot.body_types import Body
from chatbot.content import publish, save_drafts
from chatbot.content_yaml import Path, Problem, Source
from chatbot.errors import ContentError
from chatbot.models import Entry, StoredFile
from chatbot.reply import Language
from chatbot.saying import gettext as _

FILE_VERSION = "1"
MAX_ERRORS = 20
MAX_ERROR_CHARS = 500
SECTIONS = {"canned": "canned", "faq": "faq", "articles": "article", "documents": "document", "assistant": "assistant",
            "flow": "flow"}  # fmt: skip
SECTION_OF = {kind: section for section, kind in SECTIONS.items()}
TOP_FIELDS = ("version", "sample", "language", *SECTIONS)
# what a field is called in the file, where the model's name would be unnatural there
FILE_NAMES: dict[str, dict[str, str]] = {"canned": {"texts": "text"}, "faq": {"answers": "answer"}}
LISTS = {"exact", "keywords", "patterns", "events", "inboxes", "languages", "assistants", "labels"}
TRUE_WORDS = {"sí": "true", "si": "true"}


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A file that was read. is_sample: it says `sample: true` of itself: it has no place in production; source: with lines."""

    bodies: tuple[Body, ...]
    is_sample: bool
    source: Source = field(default_factory=Source, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that differs. action: "added", "removed" or "changed"; lines: a unified diff of its YAML."""

    action: str
    kind: str
    key: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{ {'added': '+', 'removed': '-', 'changed': '~'}[self.action] } {self.kind} {self.key}"
        return "\n".join((head, *(f"    {line}" for line in self.lines)))


def parse(text: str | bytes, source_name: str = "content file") -> list[Body]:
    """The file's entries in their order. Raises one ContentError that lists up to 20 problems with their lines."""
    return list(read_file(text, source_name).bodies)


def read_file(text: str | bytes, source_name: str = "content file") -> ContentFile:
    """Like parse(), and whether it is the sample."""
    try:
        source = content_yaml.read(text)
    except ContentError as e:
        raise _as_error([Problem(e.line or 1, str(e).removeprefix(f"line {e.line}: "))], source_name) from None
    problems = list(source.problems)
    bodies: list[Body] = []
    is_sample = False
    if not isinstance(source.value, dict):
        said = _("the file must be a mapping that starts with `version: %(version)s`", version=FILE_VERSION)
        problems.append(Problem(1, said))
    else:
        problems += _check_top(source)
        is_sample = str(source.value.get("sample", "")).lower() in {"true", "yes", "sí", "si"}
        for found in _read_entries(source):
            bodies.append(found) if isinstance(found, Body) else problems.append(found)
        problems += _find_duplicates(source)
    if problems:
        raise _as_error(problems, source_name)
    return ContentFile(tuple(bodies), is_sample, source)


def check_files(connection: Connection, bodies: Iterable[Body]) -> None:
    """A document names its file by the SHA-256 of bytes that aren't in the YAML. Raises ContentError where one is missing."""
    documents = [body for body in bodies if isinstance(body, Document) and body.file]
    known = set(connection.scalars(select(StoredFile.sha256).where(StoredFile.sha256.in_([d.file for d in documents]))))
    missing = [document for document in documents if document.file not in known]
    if missing:
        said = _("its file isn't in this installation; upload it under Documents, or take the document out of the file")
        lines = [f"document {document.key} ({(document.file or '')[:12]}...): {said}" for document in missing[:MAX_ERRORS]]
        raise ContentError("\n".join(lines))


def _as_error(problems: list[Problem], source_name: str) -> ContentError:
    ordered = sorted(dict.fromkeys(problems))
    lines = [
        _("%(file)s, line %(line)s: %(problem)s", file=source_name, line=p.line, problem=p.message[:MAX_ERROR_CHARS])
        for p in ordered[:MAX_ERRORS]
    ]
    if len(ordered) > MAX_ERRORS:
        lines.append(_("... and %(n)s more", n=len(ordered) - MAX_ERRORS))
    error = ContentError("\n".join(lines))
    error.line = ordered[0].line
    return error


def _check_top(source: Source) -> Iterator[Problem]:
    top: dict[str, Any] = source.value
    for name in top:
        if name not in TOP_FIELDS:
            said = _("unknown field `%(name)s`; %(advice)s", name=name, advice=_suggest(name, TOP_FIELDS))
            yield Problem(source.line((name,)), said)
    if top.get("version") != FILE_VERSION:
        said = _("the file needs `version: %(version)s` at its top; it's the only version", version=FILE_VERSION)
        yield Problem(source.line(("version",)), said)
    if top.get("language", "es") not in get_args(Language):
        yield Problem(source.line(("language",)), _("language must be es or en"))
    if str(top.get("sample", "false")).lower() not in {"true", "false", "yes", "no", "sí", "si"}:
        yield Problem(source.line(("sample",)), _("sample must be true or false"))


def _read_entries(source: Source) -> Iterator[Body | Problem]:
    default = source.value.get("language", "es")
    for section, kind in SECTIONS.items():
        listed = source.value.get(section)
        if listed is None:
            continue
        if section == "assistant" and isinstance(listed, dict):
            yield from _read_entry(source, (section,), kind, {"key": "assistant", **listed}, default)
            continue
        if not isinstance(listed, list):
            said = _("`%(section)s` must be a list: start each entry with `- key: ...`", section=section)
            yield Problem(source.line((section,)), said)
            continue
        for index, raw in enumerate(listed):
            path: Path = (section, index)
            if isinstance(raw, dict):
                yield from _read_entry(source, path, kind, raw, default)
            else:
                said = _("an entry of `%(section)s` must have fields, such as `key: my-entry`", section=section)
                yield Problem(source.line(path), said)


def _read_entry(source: Source, path: Path, kind: str, raw: dict[str, Any], default: str) -> Iterator[Body | Problem]:
    model, names = KINDS[kind], FILE_NAMES.get(kind, {})
    allowed = [names.get(field, field) for field in model.model_fields]
    unknown = [name for name in raw if name not in allowed]
    for name in unknown:
        problem = _("unknown field `%(name)s`; %(advice)s", name=name, advice=_suggest(name, allowed))
        yield Problem(source.line((*path, name)), f"{_label(kind, raw)}: {problem}")
    shaped = {f: _shape(f, raw[names.get(f, f)], default) for f in model.model_fields if names.get(f, f) in raw}
    try:
        body = model.model_validate(shaped)
    except ValidationError as e:
        for detail in e.errors(include_url=False):
            yield _explain(source, path, kind, raw, detail)
        return
    if not unknown:
        yield body


def _shape(field: str, value: Any, default: str) -> Any:
    """The short forms in full: a text without a language, one item without a list, `sí`."""
    if field == "when" and isinstance(value, dict):
        return {name: _shape("questions" if name == "phrases" else name, inner, default) for name, inner in value.items()}
    if field in {"texts", "answers", "questions", "about"} and isinstance(value, str | list | None):
        value = {default: value}
    if field == "questions" and isinstance(value, dict):
        return {language: [v] if isinstance(v, str) else v for language, v in value.items()}
    if field in LISTS and isinstance(value, str):
        return [value]
    if field in {"handoff", "enabled", "show_link"} and isinstance(value, str):
        return TRUE_WORDS.get(value.lower(), value)
    return value


def _explain(source: Source, path: Path, kind: str, raw: dict[str, Any], detail: ErrorDetails) -> Problem:
    """A pydantic error in the words of the file, at the nearest line that is known."""
    names = FILE_NAMES.get(kind, {})
    where = [part for part in detail["loc"] if part != "[key]"]
    if where:
        where[0] = names.get(str(where[0]), str(where[0]))
    shown = ".".join(str(part) if isinstance(part, str) else f"{part + 1}" for part in where) or _("the entry")
    return Problem(source.line((*path, *where)), f"{_label(kind, raw)}: {shown} {_say(detail)}")


def _say(detail: ErrorDetails) -> str:
    limits = detail.get("ctx", {})
    said = {
        "missing": _("is missing; add it"),
        "string_type": _("must be text, and there is none; write it, or take the field out"),
        "string_too_short": _("is empty; write the text, or take it out"),
        "string_too_long": _("is too long; %(most)s characters are the most", most=limits.get("max_length")),
        "too_short": _("is empty; at least one is needed"),
        "tuple_type": _("must be a list; put `- ` before each item"),
        "dict_type": _("must be texts by language; write `es: ...` and `en: ...` under it"),
        "int_parsing": _("must be a whole number"),
        "bool_parsing": _("must be true or false"),
        "float_parsing": _("must be a number with a dot, such as 0.5"),
        "literal_error": _("must be one of: %(expected)s", expected=limits.get("expected")),
        "greater_than_equal": _("is too small; %(least)s is the least", least=limits.get("ge")),
        "less_than_equal": _("is too large; %(most)s is the most", most=limits.get("le")),
    }
    if detail["type"] == "string_pattern_mismatch":
        is_url = "http" in str(limits.get("pattern"))
        return (
            _("must start with https:// (or http://) and have no spaces")
            if is_url
            else _("must be lower-case letters a-z, digits and hyphens only, at most 80, such as envios-canarias")
        )
    return said.get(detail["type"], detail["msg"].removeprefix("Value error, "))


def _label(kind: str, raw: Mapping[str, Any]) -> str:
    key = raw.get("key")
    return f"{kind} {key}" if isinstance(key, str) else kind


def _suggest(name: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    return _("did you mean `%(name)s`?", name=near[0]) if near else _("known are: %(names)s", names=", ".join(names))


def _find_duplicates(source: Source) -> Iterator[Problem]:
    for section, kind in SECTIONS.items():
        first: dict[str, int] = {}
        listed = source.value.get(section)
        for index, raw in enumerate(listed if isinstance(listed, list) else ()):
            key = raw.get("key") if isinstance(raw, dict) else None
            if isinstance(key, str):
                line = source.line((section, index, "key"))
                if key in first:
                    said = _("this key is already taken on line %(line)s; give it another", line=first[key])
                    yield Problem(line, f"{kind} {key}: {said}")
                first.setdefault(key, line)


def dump(content: Content) -> str:
    """Canonical YAML: entries by key, fields in the model's order, defaults left out. parse() gives the same back."""
    top: dict[str, Any] = {"version": 1}
    for body in content.entries():
        top.setdefault(SECTION_OF[KIND_NAMES[type(body)]], []).append(_to_file(body))
    return _write(top)


def _to_file(body: Body) -> dict[str, Any]:
    names = FILE_NAMES.get(KIND_NAMES[type(body)], {})
    fields = body.model_dump(mode="json", exclude_defaults=True)
    return {names.get(field, field): _style(value) for field, value in fields.items()}


def _style(value: Any) -> Any:
    """Languages in their order, several lines as a block, and quotes wherever YAML might read something else."""
    if isinstance(value, dict):
        languages = [language for language in get_args(Language) if language in value]
        return {name: _style(value[name]) for name in (languages if set(value) == set(languages) else value)}
    if isinstance(value, list):
        return [_style(item) for item in value]
    if not isinstance(value, str):
        return value
    if not value.isprintable() and not value.replace("\n", "").isprintable():
        return DoubleQuotedScalarString(value)
    return LiteralScalarString(value + "\n") if "\n" in value else value


def _write(value: Any) -> str:
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def diff(old: Content, new: Content) -> list[Change]:
    """What leads from old to new, kind by kind in key order. str() of a Change is what people read."""
    before = {(KIND_NAMES[type(b)], b.key): b for b in old.entries()}
    after = {(KIND_NAMES[type(b)], b.key): b for b in new.entries()}
    names = sorted(before.keys() | after.keys(), key=lambda n: (list(KINDS).index(n[0]), n[1]))
    return [_compare(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _compare(name: tuple[str, str], old: Body | None, new: Body | None) -> Change:
    if old is None or new is None:
        return Change("added" if old is None else "removed", *name)
    before, after = (_write(_to_file(body)).splitlines() for body in (old, new))
    lines = list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]
    return Change("changed", *name, tuple(line for line in lines if not line.startswith("@@")))


def load_sample(connection: Connection) -> int | None:
    """Publishes the sample shop where there is no content at all yet. Returns its release, None where there was some."""
    if connection.execute(select(Entry.id).limit(1)).first() is not None:
        return None
    for name in ("shop.yaml", "flows.yaml"):
        save_drafts(connection, parse((files("chatbot") / "sample" / name).read_bytes(), name), "sample")
    return publish(connection, "sample", "shop.yaml")
