"""The content file: what it takes, what it says about mistakes, and that nothing is lost on the way out and in again."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chatbot.bodies import Article, Assistant, CannedResponse, Content, FaqEntry, make_content
from chatbot.body_types import Keyword, Line, Pattern, Text
from chatbot.content_file import diff, dump, parse, read_file
from chatbot.errors import ContentError

FAQ = """version: 1
faq:
  - key: canarias
    questions: ¿Enviáis a Canarias?
    answer: Sí.
"""


def refuse(text: str | bytes) -> ContentError:
    with pytest.raises(ContentError) as caught:
        parse(text, "bot.yaml")
    return caught.value


def test_short_forms_mean_the_same_as_long_ones() -> None:
    long = """version: 1
faq:
  - key: canarias
    questions:
      es:
        - ¿Enviáis a Canarias?
    answer:
      es: Sí.
"""
    assert parse(FAQ) == parse(long)


def test_the_language_of_short_forms_can_be_english() -> None:
    (faq,) = parse(FAQ.replace("version: 1", "version: 1\nlanguage: en"))
    assert isinstance(faq, FaqEntry)
    assert faq.answers == {"en": "Sí."}


def test_one_assistant_needs_no_list_and_no_key() -> None:
    (assistant,) = parse("version: 1\nassistant:\n  name: Lola\n  instructions: Ayuda.\n")
    assert (assistant.key, assistant.name) == ("assistant", "Lola")  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", ["No", "yes", "10:30", "012", "1e3", "2024-01-01", "0x1F", "null y más"])
def test_a_text_is_the_text_that_was_written(word: str) -> None:
    (faq,) = parse(FAQ.replace("Sí.", word))
    assert isinstance(faq, FaqEntry)
    assert faq.answers == {"es": word}


@pytest.mark.parametrize("word", ["true", "yes", "sí", "Si"])
def test_handoff_may_be_said_in_both_languages(word: str) -> None:
    (faq,) = parse(FAQ + f"    handoff: {word}\n")
    assert isinstance(faq, FaqEntry)
    assert faq.handoff


MISTAKES = [
    ("unknown_field", FAQ + "    answr: No.\n", 6, "unknown field `answr`; did you mean `answer`?"),
    ("unknown_section", FAQ + "fqa: []\n", 6, "did you mean `faq`?"),
    ("model_name_of_a_field", FAQ + "    answers: No.\n", 6, "did you mean `answer`?"),
    ("duplicate_key", FAQ + FAQ.split("faq:\n")[1], 6, "already taken on line 3"),
    ("name_twice", FAQ + "    answer: No.\n", 6, "`answer` stands here twice, first on line 5"),
    ("missing_text", FAQ.replace("Sí.", ""), 5, "there is none"),
    ("missing_field", FAQ.replace("    answer: Sí.\n", ""), 3, "answer is missing"),
    ("no_such_language", FAQ.replace("Sí.", "{fr: Oui}"), 5, "'es' or 'en'"),
    ("bad_key", FAQ.replace("canarias", "Envíos Canarias", 1), 3, "lower-case letters"),
    ("wrong_type", FAQ.replace("Sí.", "{es: [a, b]}"), 5, "must be text"),
    ("bad_number", FAQ + "    inboxes: [tres]\n", 6, "whole number"),
    ("bad_yes", FAQ + "    handoff: quizás\n", 6, "true or false"),
    ("section_no_list", "version: 1\nfaq: hola\n", 2, "must be a list"),
    ("entry_no_mapping", "version: 1\nfaq:\n  - hola\n", 3, "must have fields"),
    ("no_version", "faq: []\n", 1, "version: 1"),
    ("other_version", "version: 2\n", 1, "version: 1"),
    ("no_mapping", "- a\n- b\n", 1, "must be a mapping"),
    ("empty", "", 1, "must be a mapping"),
    ("bad_pattern", "version: 1\ncanned:\n  - key: a\n    text: A\n    patterns: ['(a']\n", 5, "regular expression"),
    ("greedy_pattern", "version: 1\ncanned:\n  - key: a\n    text: A\n    patterns:\n      - 'x*'\n", 6, "every message"),
    ("empty_keyword", "version: 1\ncanned:\n  - key: a\n    text: A\n    keywords: ['¡!']\n", 5, "no letter or digit"),
    ("unknown_event", "version: 1\ncanned:\n  - key: a\n    text: A\n    events: [hola]\n", 5, "new_conversation"),
    ("syntax", "version: 1\nfaq: [a\ncanned: b\n", 3, "isn't valid YAML"),
    ("colon_in_text", FAQ.replace("Sí.", "Sí: claro: que sí"), 5, "quote texts"),
    ("anchor", FAQ.replace("Sí.", "&si Sí."), 5, "anchors"),
    ("alias", FAQ.replace("Sí.", "*si"), 5, "aliases"),
    ("tag", FAQ.replace("Sí.", "!!python/object:os.system Sí."), 5, "tags"),
    ("two_documents", FAQ + "---\n" + FAQ, 6, "second document"),
    ("control_character", FAQ.replace("Sí.", "S\x07í."), 5, "U+0007"),
    ("escaped_control_character", FAQ.replace("Sí.", '"S\\x07í."'), 5, "U+0007"),
    ("escaped_half_character", FAQ.replace("Sí.", '"S\\ud800"'), 5, "U+D800"),
    ("nul", FAQ + "\0", 6, "U+0000"),
]


@pytest.mark.parametrize(("text", "line", "said"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_names_its_line_and_what_to_do(text: str, line: int, said: str) -> None:
    error = refuse(text)
    assert error.line == line
    assert f"bot.yaml, line {line}: " in str(error)
    assert said in str(error)


def test_a_file_in_another_encoding_names_the_line() -> None:
    error = refuse(FAQ.encode("latin-1"))
    assert error.line == 4
    assert "UTF-8" in str(error)


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake() -> None:
    assert parse(b"\xef\xbb\xbf" + FAQ.replace("\n", "\r\n").encode()) == parse(FAQ)


def test_all_mistakes_are_said_at_once_up_to_twenty() -> None:
    entries = "".join(f"  - key: k{n}\n    questions: a\n" for n in range(30))
    lines = str(refuse(f"version: 1\nfaq:\n{entries}")).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "... and 10 more"
    assert lines[0].startswith("bot.yaml, line 3: faq k0: answer is missing")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 100_000,
        "{" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "version: 1\nfaq:\n" + "  - a\n" * 50_000,
        "x" * (5 * 1024 * 1024 + 1),
    ],
    ids=["lists", "mappings", "items", "keys", "billion_laughs", "values", "size"],
)
def test_bombs_are_refused_before_they_go_off(bomb: str) -> None:
    refuse(bomb)


@pytest.mark.parametrize(("kind", "bad"), [(Keyword, "!"), (Pattern, "a|"), (Pattern, "[a"), (Line, "a\x00"), (Text, "\ud800")])
def test_the_panel_can_save_nothing_that_the_file_could_not_hold(kind: Any, bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(bad)


@pytest.mark.parametrize(
    "pattern", ["((a{1000}){1000}){1000}", "(?x)((a{10 00}){1000}){1000}", "a{1,99999}", "a{0}(b{99}){999}"]
)
def test_a_pattern_that_would_take_all_memory_is_never_compiled(pattern: str) -> None:
    with pytest.raises(ValidationError, match="repeats too much"):
        TypeAdapter(Pattern).validate_python(pattern)


def accepted(kind: Any) -> Callable[[str], bool]:
    adapter = TypeAdapter[Any](kind)

    def accepts(value: str) -> bool:
        try:
            return bool(adapter.validate_python(value) == value)
        except ValidationError:
            return False

    return accepts


tricky = st.sampled_from(
    ["- a", "a: b", "# no", "null", "~", "yes", "'", '"', "a\n b", "a \nb", "| x", "%a", "\u2028x", "a\n\n\n b", "😀"]
)
keys = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,9}\Z")
lines = (tricky | st.text(min_size=1, max_size=30)).map(str.strip).filter(accepted(Line))
texts = (tricky | st.text(min_size=1, max_size=80)).map(str.strip).filter(accepted(Text))
languages = st.sampled_from(["es", "en"])
by_language = st.dictionaries(languages, texts, min_size=1)
line_lists = st.lists(lines, max_size=3)
entries = {
    "canned": st.builds(
        dict,
        key=keys,
        texts=by_language,
        exact=line_lists,
        keywords=st.lists(lines.filter(accepted(Keyword)), max_size=2),
        patterns=st.lists(st.sampled_from([r"\bAZ-\d{6}\b", "a+b", "#", "'x\"", r"[\s:]y"]), max_size=2),
        events=st.lists(st.sampled_from(["new_conversation", "thanks", "goodbye"]), max_size=3),
        handoff=st.booleans(),
        inboxes=st.lists(st.integers(1, 99), max_size=2),
    ),
    "faq": st.builds(
        dict, key=keys, questions=st.dictionaries(languages, line_lists, min_size=1), answers=by_language, handoff=st.booleans()
    ),
    "article": st.builds(
        dict, key=keys, title=lines, text=texts, language=languages, url=st.sampled_from([None, "https://a.example/x#y"])
    ),
    "assistant": st.builds(
        dict, key=keys, name=lines, instructions=texts, model=st.none() | lines, min_confidence=st.floats(0, 1), tone=lines
    ),
}


@st.composite
def contents(draw: st.DrawFn) -> Content:
    kinds = {"canned": CannedResponse, "faq": FaqEntry, "article": Article, "assistant": Assistant}
    bodies = []
    for kind, strategy in entries.items():
        found = draw(st.lists(strategy, max_size=2, unique_by=lambda e: e["key"]))
        bodies += [kinds[kind].model_validate(e) for e in found]
    return make_content(bodies)


@pytest.mark.thorough
@given(contents())
@settings(deadline=None, max_examples=150)
def test_what_is_written_is_read_back_the_same(content: Content) -> None:
    written = dump(content)
    assert make_content(parse(written)) == content
    assert dump(make_content(parse(written))) == written


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_content_or_a_content_error(text: str | bytes) -> None:
    line: int | None = 1
    try:
        parse(text)
    except ContentError as e:
        line = e.line
    assert line


def test_a_difference_shows_what_stands_there_now_and_what_would() -> None:
    old = make_content(parse(FAQ + "  - key: adios\n    questions: a\n    answer: b\n"))
    new = make_content(parse(FAQ.replace("Sí.", "No.") + "  - key: hola\n    questions: a\n    answer: b\n"))
    changes = diff(old, new)
    assert [(c.action, c.kind, c.key) for c in changes] == [
        ("removed", "faq", "adios"),
        ("changed", "faq", "canarias"),
        ("added", "faq", "hola"),
    ]
    assert "-  es: Sí." in str(changes[1])
    assert "+  es: No." in str(changes[1])
    assert diff(old, old) == []


def test_the_sample_shop_is_whole() -> None:
    sample = read_file((files("chatbot") / "sample" / "shop.yaml").read_bytes(), "shop.yaml")
    content = make_content(sample.bodies)
    assert sample.is_sample
    assert [len(content.canned), len(content.faq), len(content.article), len(content.assistant)] == [12, 30, 15, 3]
    for faq in content.faq:
        assert {language: len(questions) for language, questions in faq.questions.items()} == {"es": 4, "en": 4}, faq.key
        assert set(faq.answers) == {"es", "en"}, faq.key
    questions = [q for faq in content.faq for each in faq.questions.values() for q in each]
    assert len(set(questions)) == len(questions)
    assert all(300 <= len(article.text.split()) <= 700 for article in content.article)
    assert all(canned.exact or canned.keywords or canned.patterns or canned.events for canned in content.canned)


def test_switched_off_and_priority_come_back_as_they_were() -> None:
    bodies = [
        CannedResponse(key="hola", texts={"es": "Hola"}, exact=("hola",), enabled=False, priority=3),
        FaqEntry(key="envios", questions={"es": ("¿Envíos?",)}, answers={"es": "Sí."}, enabled=False),
    ]
    written = dump(make_content(bodies))
    assert "enabled: false" in written
    assert parse(written) == bodies
    assert parse(written.replace("enabled: false", "enabled: sí"))[1].enabled
