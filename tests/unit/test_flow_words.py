"""repair.yaml's words: every reason that a reader gives has a sentence in both languages, and phrases are folded alike."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from flow_talk import Talk

from chatbot.content_yaml import read
from chatbot.flows.repair import get_reason, load_words
from chatbot.text import fold

CATALOGUE = read((ROOT / "chatbot/flows/repair.yaml").read_bytes())
SLOTS = "\n".join(path.read_text() for path in (ROOT / "chatbot/flows/slots").glob("*.py"))
# answered by the question with all its options, or by the readings themselves
WITHOUT_WORDS = {"negated", "which_option", "confirm", "ambiguous_hour", "unsure", "yes_but", "which_number"}


def test_every_reason_has_its_sentence() -> None:
    whys = set(re.findall(r'(?:Wrong|Unclear)\(\s*"([a-z_]+)"', SLOTS)) - WITHOUT_WORDS
    assert len(whys) > 10
    facts = {"max_chars": 5, "day": "jueves", "ranges": "de 10:00 a 14:00"}
    assert not [why for why in whys for language in ("es", "en") if not get_reason(why, language, facts)]  # type: ignore[arg-type]


def test_texts_and_reasons_are_in_both_languages() -> None:
    assert not CATALOGUE.problems
    for section in ("texts", "reasons"):
        for name, texts in CATALOGUE.value[section].items():
            assert set(texts) == {"es", "en"}, name


@pytest.mark.parametrize("name", sorted(CATALOGUE.value["words"]))
def test_words_are_folded(name: str) -> None:
    assert all(word == fold(word) for word in load_words(name))


def test_why_an_answer_will_not_do_is_said() -> None:
    talk = Talk("es")
    for line in ("quiero pedir cita", "bordado", "12"):
        talk.say(line)
    assert talk.question == "Tiene que estar entre 1 y 8.\n\n¿Cuántas personas venís?"
    talk.say("2")
    talk.say("ayer")
    assert talk.question.startswith("Necesito un día a partir de mañana")
