"""What a customer's words say beside their question, in Spanish and English: a person is wanted, anger, danger.

Word lists, so they err: each pattern says whom it is said to ("eres un idiota"), since "soy idiota, puse mal la calle" and
"a killer deal" are nothing of the kind. Everything is searched clause by clause in folded words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import regex

from chatbot.moods_words import ANGRY, DANGEROUS, HARMLESS, NO_WISH, ONE_PERSON, PLEASED, WISHES
from chatbot.text import split_words

Mood = Literal["sensitive", "asked", "upset"]

LONGEST_READ = 5_000
CLAUSE = regex.compile(r"[^.!?;\n…]+[.!?…]*")
COMMA = regex.compile(r"[,:()]")
SHOUTED_WORDS = 3
SHOUTED_LETTERS = 12
SHOUTED_SHARE = 0.8
SHOUT_MARKS = regex.compile(r"[!?]{2,}|!")
CHEERS = regex.compile(r" (?:feliz|felices|gracias|viva|bravo|enhorabuena|thanks?|merry|happy|congratulations|hooray|cheers) ")


@dataclass(frozen=True, slots=True)
class Clause:
    """Folded words between blanks: the whole, and its pieces between commas."""

    whole: str
    pieces: tuple[str, ...]
    is_question: bool


def read_mood(text: str) -> Mood | None:
    """The gravest of what is said, or None."""
    clauses = list(_split(text[:LONGEST_READ]))
    if any(_is_dangerous(clause) for clause in clauses):
        return "sensitive"
    if any(_is_wish(clause) for clause in clauses):
        return "asked"
    if any(_is_angry(clause) for clause in clauses) or is_shouted(text):
        return "upset"
    return None


def is_one_person(text: str) -> bool:
    """ "Una persona, yo": how many, where that is asked, and a wish for a person elsewhere."""
    return ONE_PERSON.fullmatch(_flatten(text[:LONGEST_READ])) is not None


def is_shouted(text: str) -> bool:
    """In capitals and with marks: capitals alone are how some people write."""
    words = regex.findall(r"\p{L}{2,}", text[:LONGEST_READ])
    letters = "".join(words)
    if len(words) < SHOUTED_WORDS or len(letters) < SHOUTED_LETTERS or not SHOUT_MARKS.search(text):
        return False
    said = _flatten(text[:LONGEST_READ])
    if CHEERS.search(said) or PLEASED.search(said):
        return False
    return sum(letter.isupper() for letter in letters) / len(letters) >= SHOUTED_SHARE


def _split(text: str) -> Iterator[Clause]:
    for clause in CLAUSE.findall(text):
        yield Clause(_flatten(clause), tuple(_flatten(piece) for piece in COMMA.split(clause)), "?" in clause)


def _flatten(text: str) -> str:
    return f" {' '.join(split_words(text))} "


def _is_dangerous(clause: Clause) -> bool:
    said = HARMLESS.sub(" ", clause.whole)
    return any(pattern.search(said) for pattern in DANGEROUS)


def _is_wish(clause: Clause) -> bool:
    return any(not NO_WISH.search(piece) and any(wish.search(piece) for wish in WISHES) for piece in clause.pieces)


def _is_angry(clause: Clause) -> bool:
    """One who says so and is pleased all the same ("qué puta maravilla") isn't angry; a question may only ask for it."""
    if PLEASED.search(clause.whole):
        return False
    said = [pattern for pattern, of_questions in ANGRY if of_questions or not clause.is_question]
    return any(pattern.search(piece) for piece in clause.pieces for pattern in said)
