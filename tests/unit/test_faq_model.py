"""The FAQ's trained model: what it answers, asks back and declines; packed and opened; the threshold from its own entries."""

from __future__ import annotations

import pytest

from chatbot.bodies import FaqEntry
from chatbot.knowledge.faq_calibration import MOST_NEAR, Calibration
from chatbot.knowledge.faq_fit import calibrate, train
from chatbot.knowledge.faq_model import FaqModel, Weights, hash_entries, list_features
from chatbot.reply import Language


def faq(key: str, *questions: str, language: Language = "es", answer: str = "Respuesta.") -> FaqEntry:
    return FaqEntry(key=key, questions={language: questions}, answers={language: answer})


ENTRIES = (
    faq("devolver", "¿Puedo devolver un pedido?", "Quiero devolver un artículo", "¿Cómo hago una devolución?"),
    faq("canarias", "¿Hacéis envíos a Canarias?", "¿Enviáis a las islas Canarias?", "Envío a Canarias", "¿Llega a Canarias?"),
    faq("coste", "¿Cuánto cuesta el envío?", "¿Cuáles son los gastos de envío?", "Precio del envío"),
    faq("pago", "¿Cómo puedo pagar?", "¿Qué formas de pago aceptáis?", "Métodos de pago"),
    faq("garantia", "¿Qué garantía tienen los productos?"),
)
MODEL = train(ENTRIES)


def ask(question: str, model: FaqModel = MODEL) -> tuple[str, list[str]]:
    match = model.match(question, "es")
    return match.kind, [candidate.entry.key for candidate in match.candidates[: match.near]]


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("puedo devolver el pedido?", "devolver"),
        ("quiero hacer una devolucion", "devolver"),
        ("haceis envios a las canarias", "canarias"),
        ("que gastos de envio hay", "coste"),
        ("¿qué garantía tienen los productos?", "garantia"),
        ("que garantia tiene el producto", "garantia"),
    ],
)
def test_what_is_meant_is_answered_also_with_one_phrasing(question: str, key: str) -> None:
    assert ask(question) == ("answered", [key])


@pytest.mark.parametrize("question", ["¿no puedo devolver un pedido?", "no puedo devolver el artículo"])
def test_the_opposite_is_not_answered_with_the_policy(question: str) -> None:
    no = faq("no-devolver", "No puedo devolver mi pedido", "No me deja devolver un artículo", "No consigo hacer la devolución")
    kind, keys = ask(question, train((*ENTRIES, no)))
    assert kind != "answered" or question.startswith("¿no") or keys == ["no-devolver"]
    assert ask("no puedo devolver un pedido")[0] == "none"


@pytest.mark.parametrize("question", ["¿hacéis envíos a Francia?", "¿puedo pagar con PayPal?", "¿vendéis bicis?", "¿y eso?"])
def test_near_questions_that_are_not_in_it_are_declined(question: str) -> None:
    assert ask(question)[0] == "none"


def test_two_faqs_with_the_same_words_are_asked_about() -> None:
    twins = (faq("uno", "¿Cuál es el plazo?"), faq("dos", "¿Cuál es el plazo?"), *ENTRIES)
    assert ask("cual es el plazo", train(twins)) == ("which", ["uno", "dos"])


def test_a_single_entry_answers_its_own_words_only() -> None:
    alone = train((faq("sola", "¿Hacéis envíos a Canarias?"),))
    assert ask("¿hacéis envíos a canarias?", alone)[0] == "answered"
    assert ask("¿cuál es la capital de Mongolia?", alone)[0] == "none"


def test_packed_and_opened_it_answers_the_same_whatever_the_order() -> None:
    opened = Weights.open(MODEL.weights.pack())
    again = FaqModel(ENTRIES[::-1], opened, MODEL.calibrations)
    for question in ("quiero devolver algo", "enviais a canarias?", "precio de los envios", "hola", ""):
        first, second = MODEL.match(question, "es"), again.match(question, "es")
        assert (first.kind, round(first.confidence, 5)) == (second.kind, round(second.confidence, 5))
    assert hash_entries(ENTRIES) == hash_entries(ENTRIES[::-1])
    assert hash_entries(ENTRIES) != hash_entries(ENTRIES[1:])


def test_the_small_model_says_what_the_exact_one_says() -> None:
    """Weights of one byte move no score noticeably."""
    words = ["puedo", "devolver", "un", "pedido"]
    exact = MODEL.weights
    scores = exact.score_words(words)
    assert max(range(len(scores)), key=lambda n: scores[n]) == exact.keys.index("devolver")
    assert 0.5 < max(scores) < 1.2
    assert all(abs(score) < 0.2 for n, score in enumerate(scores) if n != exact.keys.index("devolver"))
    assert len(exact.pack()) < 100_000
    assert all(feature[0] in "cs" for space in list_features(words) for feature in space)


def test_vectors_decide_where_words_say_nothing() -> None:
    """Made-up vectors: each entry has a direction of its own, and the question shares one."""
    directions = {"devol": 0, "devuel": 0, "canarias": 1, "env": 2, "gastos": 2, "pag": 3, "garant": 4}

    def embed(texts: list[str]) -> list[list[float]]:
        found = []
        for text in texts:
            word = next((n for start, n in directions.items() if start in text.lower()), 5)
            found.append([1.0 if n == word else 0.1 for n in range(6)])
        return found

    model = train(ENTRIES, embed)
    assert set(model.calibrations) == {"lexical", "hybrid"}
    assert ask("me devuelven?", model)[1][0] == "devolver"
    without = model.match("me devuelven?", "es", embed=lambda _text: None)
    assert without.confidence < model.match("me devuelven?", "es").confidence


def test_the_threshold_keeps_near_questions_out_and_says_how_many_get_in() -> None:
    near = tuple((n / 100, "a", "b") for n in range(100))
    found = Calibration(near, (0.1, 0.2), ((0.99, True), (0.5, True), (0.97, False)), 0.3)
    threshold = found.find_threshold(0.05)
    assert 0 < found.rate_near(threshold) <= MOST_NEAR
    assert found.rate_near(threshold - 0.02) > found.rate_near(threshold)
    assert found.rate_far(threshold) == 0
    assert found.rate_right(threshold) == pytest.approx(1 / 3)
    assert found.list_collisions() == [("a", "b", 70)]
    assert Calibration.from_json(found.to_json()) == found
    assert found.find_threshold(0.01) >= threshold


def test_what_answers_strangers_raises_the_threshold() -> None:
    near = tuple((0.1, "a", "b") for _ in range(40))
    assert Calibration(near, (0.1,) * 60, (), 0.3).find_threshold(0.05) == 0.3
    assert Calibration(near, (*(0.1,) * 50, *(0.6,) * 10), (), 0.3).find_threshold(0.05) > 0.6


def test_calibrating_tells_its_figures() -> None:
    threshold, found = calibrate(ENTRIES, 0.05)
    assert threshold == found.find_threshold(0.05)
    assert len(found.near) == 14
    assert len(found.known) >= 10
    assert found.rate_false(threshold) <= 0.05
