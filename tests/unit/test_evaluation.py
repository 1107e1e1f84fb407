"""What scripts/eval counts, by hand: places, the area under a curve, sets by their shape, and a fit of known labels."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from evaluation.calibrate import fit
from evaluation.figures import Figures, rate_places, rate_scores, show_table
from evaluation.sets import FaqSet, PassageSet, misspell_set, read_set


def test_places_and_areas() -> None:
    assert rate_places([1, 2, 11, None]) == {"r1": 0.25, "r5": 0.5, "mrr10": (1 + 0.5) / 4}
    assert rate_scores([0.9, 0.8], [0.1, 0.2]) == 1
    assert rate_scores([0.9, 0.1], [0.5, 0.5]) == 0.5
    assert rate_scores([0.5], [0.5, 0.5]) == 0.5
    assert rate_scores([], [0.5]) is None


def test_a_line_has_every_figure_by_name() -> None:
    line = json.loads(Figures("s", "hybrid", r1=0.51234).to_json())
    assert list(line) == ["set", "channel", "accuracy", "right_answered", "false_answers", "r1", "r5", "mrr10", "auroc"]
    assert line["r1"] == 0.5123
    assert line["accuracy"] is None
    assert "0.512" in show_table([Figures("s", "hybrid", r1=0.51234)])


def test_sets_are_told_apart_by_their_shape(tmp_path: Path) -> None:
    faq = tmp_path / "faq.json"
    faq.write_text(
        json.dumps(
            {
                "locale": "es-ES",
                "data": [
                    {"intent": "a", "utterances": ["¿Abren hoy?"], "tests": ["¿están abiertos?"]},
                    {"intent": "None", "utterances": [], "tests": ["el cielo es azul"]},
                ],
            }
        )
    )
    one = read_set(faq)
    assert isinstance(one, FaqSet)
    assert (one.language, one.asked, one.strange) == ("es", (("a", "¿están abiertos?"),), ("el cielo es azul",))
    squad = tmp_path / "x.en.json"
    paragraph = {"context": "\ufeffIt opens at nine.", "qas": [{"id": "1", "question": "When does it open?"}]}
    squad.write_text(json.dumps({"data": [{"title": "A_B", "paragraphs": [paragraph]}]}))
    other = read_set(squad)
    assert isinstance(other, PassageSet)
    assert (other.name, other.language, other.paragraphs) == ("x.en", "en", ("It opens at nine.",))
    assert other.asked == (("1", "When does it open?", 0),)


@pytest.mark.parametrize("content", ["", "[]", '{"data": []}', '{"data": [{"other": 1}]}', "{"])
def test_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"x\.json"):
        read_set(path)


def test_typos_take_accents_and_change_some_words() -> None:
    questions = tuple((str(n), "¿Cuánto cuesta devolver un pedido grande?", 0) for n in range(50))
    asked = misspell_set(PassageSet("x", "es", ("",), questions)).asked
    texts = [question for _, question, *_ in asked]
    assert all("á" not in text for text in texts)
    assert 20 < sum(text != "¿cuanto cuesta devolver un pedido grande?" for text in texts) < 50


def test_a_fit_finds_the_coefficients_that_made_the_labels() -> None:
    chance = random.Random(3)
    rows = [[1.0, chance.gauss(0, 1), chance.gauss(0, 1)] for _ in range(4_000)]
    labels = [chance.random() < 1 / (1 + math.exp(-(0.5 + 2 * a - b))) for _, a, b in rows]
    assert fit(rows, labels) == pytest.approx([0.5, 2, -1], abs=0.2)
