"""Rows of an upload to entries: which column is what, which rows are one entry, and what is wrong with a row. All pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from chatbot.bodies import KINDS, Content
from chatbot.body_types import Body
from chatbot.reply import Language
from chatbot.text import fold, split_words

LANGUAGES: tuple[Language, ...] = get_args(Language)
# what a column may be, and the names by which it is known (folded, without signs)
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "faq": {
        "question": ("question", "questions", "pregunta", "preguntas", "phrasing", "phrasings", "frase", "frases", "consulta",
                     "variantes", "utterance", "utterances", "q"),
        "question_es": ("question es", "questions es", "pregunta es", "preguntas es", "pregunta espanol"),
        "question_en": ("question en", "questions en", "pregunta en", "preguntas en", "pregunta ingles"),
        "answer": ("answer", "answers", "respuesta", "respuestas", "reply", "response", "contestacion", "a"),
        "answer_es": ("answer es", "respuesta es", "respuesta espanol"),
        "answer_en": ("answer en", "respuesta en", "respuesta ingles"),
    },
    "canned": {
        "text": ("text", "texto", "answer", "respuesta", "message", "mensaje", "reply", "response", "content", "contenido"),
        "text_es": ("text es", "texto es", "texto espanol", "respuesta es"),
        "text_en": ("text en", "texto en", "texto ingles", "respuesta en"),
        "exact": ("exact", "exacto", "exactos", "mensajes exactos", "trigger", "triggers", "disparador", "disparadores"),
        "keywords": ("keywords", "keyword", "palabras clave", "palabra clave", "palabras", "words"),
        "patterns": ("patterns", "pattern", "patrones", "patron", "regex"),
        "events": ("events", "event", "eventos", "evento"),
        "priority": ("priority", "prioridad", "orden", "order"),
    },
    "article": {
        "title": ("title", "titulo", "heading", "nombre", "name", "tema", "subject"),
        "text": ("text", "texto", "body", "content", "contenido", "cuerpo", "article", "articulo"),
        "url": ("url", "link", "enlace", "web", "direccion"),
    },
}  # fmt: skip
COMMON: dict[str, tuple[str, ...]] = {
    "language": ("language", "lang", "idioma", "lengua", "locale"),
    "key": ("key", "clave", "id", "slug", "identifier", "identificador", "short code", "code", "codigo"),
    "handoff": ("handoff", "hand off", "pasar a persona", "derivar", "transfer", "a persona"),
    "inboxes": ("inboxes", "inbox", "bandejas", "bandeja", "canales"),
    "enabled": ("enabled", "active", "activa", "activo", "en uso", "habilitada", "habilitado"),
}
for _kind, _own in FIELDS.items():
    _own.update({name: words for name, words in COMMON.items() if _kind != "article" or name != "handoff"})
BY_LANGUAGE = {"question": "questions", "answer": "answers", "text": "texts"}
LISTS = {"exact", "keywords", "patterns", "events"}
LANGUAGE_WORDS: dict[str, Language] = {
    "es": "es", "spa": "es", "spanish": "es", "espanol": "es", "castellano": "es",
    "en": "en", "eng": "en", "english": "en", "ingles": "en",
}  # fmt: skip
YES, NO = {"si", "s", "yes", "y", "true", "verdadero", "1", "x"}, {"no", "n", "false", "falso", "0"}
SEPARATORS = re.compile(r"[|\r\n]+")
MAX_KEY_CHARS = 80


@dataclass(frozen=True, slots=True)
class Options:
    """How a table is to be read. columns: one name of FIELDS, or "" (left out), for each column."""

    kind: str
    columns: tuple[str, ...]
    language: Language = "es"
    has_header: bool = True


@dataclass(frozen=True, slots=True)
class RowProblem:
    """row: as the spreadsheet counts, from 1. code and field are put into words by the page; value: what the words name."""

    row: int
    code: str
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """state: "new", "changed" or "same", against the draft. rows: where it comes from."""

    kind: str
    body: Body
    before: Body | None
    state: str
    rows: tuple[int, ...] = ()


@dataclass(slots=True)
class Plan:
    entries: list[PlannedEntry] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Entries by state, and "wrong": rows that are left out."""
        states = [entry.state for entry in self.entries]
        return {**{s: states.count(s) for s in ("new", "changed", "same")}, "wrong": len({p.row for p in self.problems})}


class WrongCell(Exception):
    """A cell that can't be understood."""

    def __init__(self, code: str, field: str, value: str = "") -> None:
        super().__init__(code)
        self.problem = (code, field, value)


def guess_columns(kind: str, rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], bool]:
    """What each column is, and whether the first row holds names. Without any known name: in the order of the kind's fields."""
    width = max((len(row) for row in rows), default=0)
    first = [*rows[0], *[""] * width][:width] if rows else []
    known = {word: name for name, words in FIELDS[kind].items() for word in (fold(name).replace("_", " "), *words)}
    columns: list[str] = []
    for cell in first:
        name = known.get(" ".join(split_words(cell.replace("_", " "))), "")
        columns.append("" if name in columns or (name == "key" and _are_numbers(rows, len(columns))) else name)
    if any(columns):
        return tuple(columns), True
    usual = {"faq": ("question", "answer"), "canned": ("exact", "text"), "article": ("title", "text")}[kind]
    return tuple([*usual, *[""] * width][:width]), False


def _are_numbers(rows: Sequence[Sequence[str]], column: int) -> bool:
    """A database's row numbers are no names of entries."""
    return all(row[column].isdecimal() for row in rows[1:] if len(row) > column)


def plan_rows(rows: Sequence[Sequence[str]], options: Options, draft: Content) -> Plan:
    """What importing them would do."""
    return _Planning(options, draft).run(rows)


def plan_bodies(bodies: Iterable[Body], kind_of: Mapping[type[Body], str], draft: Content) -> Plan:
    """The same for entries that were read whole."""
    present = {(kind_of[type(b)], b.key): b for b in draft.entries()}
    return Plan([_compare(kind_of[type(b)], b, present.get((kind_of[type(b)], b.key))) for b in bodies])


def _compare(kind: str, body: Body, before: Body | None, rows: Iterable[int] = ()) -> PlannedEntry:
    state = "new" if before is None else "same" if before == body else "changed"
    return PlannedEntry(kind, body, before, state, tuple(rows))


def number_rows(rows: Sequence[Sequence[str]], has_header: bool) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows that hold something, with their numbers. Names stand in the first row that isn't empty."""
    filled = ((number, row) for number, row in enumerate(rows, start=1) if any(row))
    if has_header:
        next(filled, None)
    return filled


class _Planning:
    """One walk over the rows. Entries grow row by row: `raw` by key, and `rows` where each came from."""

    def __init__(self, options: Options, draft: Content) -> None:
        self.options = options
        self.model = KINDS[options.kind]
        entries: Sequence[Body] = getattr(draft, options.kind)
        self.before = {body.key: body for body in entries}
        self.raw: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, list[int]] = {}
        self.owners: dict[str, str] = {}
        self.seen: dict[str, tuple[int, str]] = {}
        self.problems: list[RowProblem] = []
        for body in entries:
            for sign in find_signs(body.model_dump(mode="json")):
                self.owners.setdefault(sign, body.key)

    def run(self, rows: Sequence[Sequence[str]]) -> Plan:
        for number, cells in number_rows(rows, self.options.has_header):
            try:
                self._add(number, read_row(cells, self.options))
            except WrongCell as e:
                self.problems.append(RowProblem(number, *e.problem))
        entries = [self._finish(key) for key in self.raw]
        return Plan([entry for entry in entries if entry], sorted(self.problems, key=lambda p: p.row))

    def _add(self, number: int, found: dict[str, Any]) -> None:
        """Joins the row with its entry, where the row itself is right."""
        signs = list(find_signs(found))
        is_named = "key" in found
        key = found["key"] if is_named else self._find_key(signs, number, found)
        present = self.raw.get(key)
        before = self.before.get(key)
        base = present if present is not None else before.model_dump(mode="json") if before else {}
        row = {**found, "key": key}
        _check_row(self.model, {**base, **_merge_languages(base, row)})
        self._refuse_duplicates(key, found, present)
        self.raw[key] = _join(base, row, replaces_questions=is_named and present is None)
        self.rows.setdefault(key, []).append(number)
        for sign in signs:
            self.owners.setdefault(sign, key)
            self.seen.setdefault(sign, (number, key))

    def _find_key(self, signs: list[str], number: int, found: dict[str, Any]) -> str:
        """Of the entry with the same question, answer or title; else made from this row's words."""
        for sign in signs:
            if sign in self.owners:
                return self.owners[sign]
        base = make_key(found) or f"{self.options.kind}-{number}"
        key, count = base, 1
        while key in self.raw or key in self.before:
            count += 1
            key = f"{base[: MAX_KEY_CHARS - 6]}-{count}"
        return key

    def _refuse_duplicates(self, key: str, found: dict[str, Any], present: dict[str, Any] | None) -> None:
        """The same question or title twice in the file with another answer, and a row that adds nothing."""
        for name in ("answers", "texts", "text", "title"):
            new, old = found.get(name), (present or {}).get(name)
            clash = (
                any(old.get(language, text) != text for language, text in new.items())
                if isinstance(new, dict) and isinstance(old, dict)
                else isinstance(new, str) and old is not None and new != old
            )
            if clash:
                raise WrongCell("two_answers", name, str(self.rows[key][0]))
        asked = [sign for sign in find_signs(found) if sign.startswith("question")]
        taken = next((self.seen[sign] for sign in asked if sign in self.seen and self.seen[sign][1] != key), None)
        if taken is not None:
            raise WrongCell("question_taken", "questions", str(taken[0]))
        is_known = all(sign in self.seen for sign in find_signs(found))  # in the file: what only the draft has is no repeat
        if present is not None and is_known and _join(present, {**found, "key": key}, replaces_questions=False) == present:
            raise WrongCell("row_twice", "", str(self.rows[key][0]))

    def _finish(self, key: str) -> PlannedEntry | None:
        try:
            body = self.model.model_validate(self.raw[key])
        except ValidationError as e:
            code, name, value = explain(e)
            self.problems += [RowProblem(number, code, name, value) for number in self.rows[key]]
            return None
        return _compare(self.options.kind, body, self.before.get(key), self.rows[key])


def read_row(cells: Sequence[str], options: Options) -> dict[str, Any]:
    """The row's fields in the model's names. Raises WrongCell."""
    filled = {name: cell for name, cell in zip(options.columns, cells, strict=False) if name and cell}
    language = _read_language(filled.pop("language", ""), options.language)
    raw: dict[str, Any] = {"language": language} if options.kind == "article" else {}
    for name, cell in filled.items():
        bare, _, suffix = name.partition("_")
        if options.kind != "article" and bare in BY_LANGUAGE:
            value: Any = split_cell(cell) if bare == "question" else cell
            raw.setdefault(BY_LANGUAGE[bare], {}).setdefault(suffix or language, value)
        elif name in LISTS:
            raw[name] = [line.strip() for line in cell.splitlines() if line.strip()] if name == "patterns" else split_cell(cell)
        elif name in {"handoff", "enabled"}:
            raw[name] = _read_yes(cell, name)
        elif name == "inboxes":
            raw[name] = _read_numbers(cell)
        else:
            raw[name] = cell.lower() if name == "key" else cell
    return raw


def split_cell(cell: str) -> list[str]:
    """Several in one cell: separated by | or on lines of their own."""
    return list(dict.fromkeys(part.strip() for part in SEPARATORS.split(cell) if part.strip()))


def _read_language(cell: str, default: Language) -> Language:
    words = split_words(cell)
    if words and words[0] not in LANGUAGE_WORDS:
        raise WrongCell("language", "language", cell[:40])
    return LANGUAGE_WORDS[words[0]] if words else default


def _read_yes(cell: str, name: str) -> bool:
    word = fold(cell).strip()
    if word not in YES | NO:
        raise WrongCell("yes_no", name, cell[:40])
    return word in YES


def _read_numbers(cell: str) -> list[int]:
    parts = re.split(r"[\s,;|]+", cell.strip())
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise WrongCell("number", "inboxes", cell[:40])
    return [int(part) for part in parts]


def find_signs(raw: Mapping[str, Any]) -> Iterator[str]:
    """By what an entry without a key is known again: its questions, its answers, its title, its exact messages."""
    for language, questions in (raw.get("questions") or {}).items():
        yield from (f"question {language} {' '.join(split_words(question))}" for question in questions)
    for name in ("answers", "texts"):
        yield from (f"{name} {language} {' '.join(text.split())}" for language, text in (raw.get(name) or {}).items())
    if raw.get("title"):
        yield f"title {raw.get('language')} {' '.join(split_words(raw['title']))}"


def make_key(found: Mapping[str, Any]) -> str:
    """`¿Cuánto tarda?` -> cuanto-tarda"""
    questions = [q for listed in (found.get("questions") or {}).values() for q in listed]
    texts = list((found.get("texts") or {}).values())
    source = next(iter([*questions, *found.get("exact", []), *found.get("keywords", []), found.get("title", ""), *texts]), "")
    key = re.sub(r"[^a-z0-9]+", "-", "-".join(split_words(source)))[:60]
    return key.strip("-")


def _merge_languages(base: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {**(base.get(name) or {}), **value} if isinstance(value, dict) else value for name, value in row.items()}


def _join(base: Mapping[str, Any], row: Mapping[str, Any], *, replaces_questions: bool) -> dict[str, Any]:
    """Fields that the row doesn't have stay, questions and triggers come on top."""
    joined = {**base, **_merge_languages(base, row)}
    if not replaces_questions:
        old, new = base.get("questions") or {}, row.get("questions") or {}
        if new:
            joined["questions"] = {
                **old,
                **{lang: list(dict.fromkeys([*old.get(lang, []), *listed])) for lang, listed in new.items()},
            }
        for name in LISTS & row.keys():
            joined[name] = list(dict.fromkeys([*base.get(name, []), *row[name]]))
    return joined


def _check_row(model: type[Body], raw: dict[str, Any]) -> None:
    try:
        model.model_validate(raw)
    except ValidationError as e:
        raise WrongCell(*explain(e)) from None


def explain(error: ValidationError) -> tuple[str, str, str]:
    """The first thing that is wrong: (code, field, what the words name)."""
    detail = error.errors(include_url=False)[0]
    name = str(detail["loc"][0]) if detail["loc"] else ""
    limits = detail.get("ctx", {})
    if detail["type"] == "string_pattern_mismatch":
        return ("key" if name == "key" else "url", name, str(detail["input"])[:60])
    if detail["type"] == "value_error":
        is_about_signs = "control character" in detail["msg"]
        return ("signs" if is_about_signs else {"keywords": "no_word", "patterns": "pattern"}.get(name, "other"), name, "")
    codes = {"missing": "missing", "string_too_short": "missing", "too_short": "missing", "string_too_long": "too_long",
             "literal_error": "choice"}  # fmt: skip
    return (codes.get(detail["type"], "other"), name, str(limits.get("max_length") or limits.get("expected") or ""))
