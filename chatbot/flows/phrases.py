"""Phrases that start a flow or mean a repair ("vuelve atrás", "start over"), found in a message by its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import regex

from chatbot.flows.definition import Flow
from chatbot.flows.repair import load_repairs, load_words
from chatbot.language import LONGEST_COURTESY, read_courtesies, squeeze
from chatbot.reply import Language
from chatbot.text import FUNCTION_WORDS, fold, split_words, stem_words, strip_lead_in

# a phrase speaks for a message this short, or for one of which it is this share, or where it stands early
SHORT_WORDS = 14
LEAST_SHARE = 1 / 4
EARLY_WORDS = 6
MORE_WORDS = 3
CLAUSE = regex.compile(r"[,.;:!?\n]+")
WORD = regex.compile(r"[\p{L}\p{N}]+")
# asks about what the phrase names, and doesn't want it done
ABOUT = regex.compile(
    r"^\W*(?:(?:es|seria) (?:necesari|obligatori)\w+|(?:hay|tengo|tenemos|habria) que|hace falta|necesito (?:tener|llevar)|"
    r"cuanto (?:cuesta|vale|tarda)|"
    r"do (?:i|we) (?:need|have) to|is it necessary|must i|how much|how long)\b"
)
POINTERS = frozenset(("eso", "esto", "ese", "pues", "pero", "perdon", "sorry", "but", "this"))
NOES = (["no"], ["nope"], ["nop"], ["nah"])
QUESTION_MARK = regex.compile(r"[?¿]")
ASKS = regex.compile(
    r"^\W*(?:(?:y|and|pero|but|oye|por cierto|una (?:pregunta|duda)|by the way)\W+)*"
    r"(?:que|cual(?:es)?|cuant[oa]s?(?! antes)|cuando|donde|como|quien|por que|"
    r"(?:a|desde|hasta) que hora|(?:desde|hasta) cuando|"
    r"(?:a|de|en|por) donde|para que (?:(?:lo|la|me|os|les?|se) )?(?:quer|quier|necesit|ped|pid)\w+|para que (?:sirve|es)|"
    r"haceis|hacen|teneis|tienen|vendeis|aceptais|enviais|envian|puedo|podeis|se puede|hay|sabeis|abris|"
    r"what|which|how|when|where|who|why|do|does|can|could|is|are|will|would)\b"
)
# "el miércoles me viene mejor"
SUITS = regex.compile(
    r"\s+(?:(?:me|nos)\s+(?:viene|va|vendr[ií]a|ir[ií]a)|would\s+(?:be|suit\s+(?:me|us))|is|suits\s+(?:me|us))\W*$", regex.I
)
FUNCTION = FUNCTION_WORDS["es"] | FUNCTION_WORDS["en"]
REPAIRS = ("human", "restart", "cancel", "back", "skip", "repeat")


def spell(text: str) -> list[str]:
    """The folded words, stretched letters once."""
    return [squeeze(word) for word in split_words(text[:2_000])]


@lru_cache(maxsize=4_000)
def _spell_phrase(phrase: str) -> tuple[str, ...]:
    return tuple(spell(phrase))


def list_phrases(flow: Flow) -> list[tuple[str, ...]]:
    return [_spell_phrase(phrase) for phrases in flow.start.phrases.values() for phrase in phrases]


def find_repair(text: str, flow: Flow | None, *, is_prose: bool) -> str:
    """The repair that a message asks for ("back"), "" for none. is_prose: the open question takes any words, so only a message
    that is nothing else counts, or a plain wish for a person.
    """
    words = spell(text)
    cores = {tuple(words), tuple(strip_lead_in(words)), tuple(read_courtesies(strip_lead_in(words))[1])}
    clauses = [clause for clause in (tuple(spell(part)) for part in CLAUSE.split(text[:500])) if clause]
    repairs = load_repairs()
    for name in REPAIRS:
        phrases = list_phrases(repairs[f"repair-{name}"])
        if cores.intersection(phrases) or (clauses and all(clause in phrases for clause in clauses)):
            return name
    for name in REPAIRS[:1] if is_prose else REPAIRS:
        if any(_stands_in(phrase, words, flow) for phrase in list_phrases(repairs[f"repair-{name}"])):
            return name
    return ""


def _stands_in(phrase: tuple[str, ...], words: Sequence[str], flow: Flow | None) -> bool:
    """Inside a message that says little else: a few words more, or for a single word only such as say nothing of their own."""
    at = find_words(phrase, words)
    if at < 0 or (at and words[at - 1] in load_words("negations")):
        return False
    if len(phrase) > 1:
        return len(words) <= len(phrase) + MORE_WORDS
    titles = {word for title in (flow.title.values() if flow else ()) for word in spell(title)}
    return phrase[0] not in FUNCTION and len(words) > 1 and set(words) - {phrase[0]} <= FUNCTION | load_words("beside") | titles


def is_not_right(text: str) -> bool:
    """ "No es correcto", "no, está mal": a no to what was summed up, and nothing else."""
    said = [" ".join(words) for clause in CLAUSE.split(text) if (words := _strip_pointer(spell(clause)))]
    return bool(said) and all(words in load_words("not_right") for words in said)


def _strip_pointer(words: list[str]) -> list[str]:
    """Without what leads to it: "eso", "pues", and a "no" that stands by itself."""
    while words and (words[0] in POINTERS or words in NOES):
        words = words[1:]
    return words


def is_question(text: str) -> bool:
    return bool(QUESTION_MARK.search(text) or ASKS.match(fold(text[:200])))


def strip_farewells(text: str) -> str:
    """Without thanks and goodbyes: the "luego" of "hasta luego" is no hour."""
    tokens = list(WORD.finditer(text))
    words = [squeeze(fold(token[0])) for token in tokens]
    spans, at = [], 0
    while at < len(words):
        sizes = range(min(LONGEST_COURTESY, len(words) - at), 0, -1)
        size = next((n for n in sizes if _is_farewell(words[at : at + n])), 0)
        if size:
            spans.append((tokens[at].start(), tokens[at + size - 1].end()))
        at += size or 1
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text


def _is_farewell(words: Sequence[str]) -> bool:
    """One phrase of it. "No, gracias" is a no."""
    if " ".join(words) in load_words("farewells"):
        return True
    found, rest = read_courtesies(words)
    is_one = not rest and len(found) == 1 and found[0][0] in ("thanks", "goodbye")
    return is_one and not load_words("negations").intersection(words)


def find_words(phrase: Sequence[str], words: Sequence[str]) -> int:
    """Where the phrase begins in the words, -1 for nowhere."""
    size = len(phrase)
    return next((n for n in range(len(words) - size + 1) if tuple(words[n : n + size]) == tuple(phrase)), -1)


def strip_marker(text: str) -> tuple[str, str]:
    """(marker, rest) of a message that begins as a correction does: ("quise decir", "3") of "no, perdón, quise decir 3".

    A bare "no" or "perdón" before something else counts too. ("", text) for none.
    """
    tokens = [(squeeze(fold(found[0])), found.end()) for found in WORD.finditer(text[:1_000])]
    words = [word for word, _ in tokens]
    markers = sorted(list_phrases(load_repairs()["repair-correct"]), key=len, reverse=True)
    for skipped in range(min(4, len(words))):
        if skipped and words[skipped - 1] not in load_words("leads"):
            break
        for marker in markers:
            if tuple(words[skipped : skipped + len(marker)]) == marker:
                return " ".join(marker), text[tokens[skipped + len(marker) - 1][1] :].lstrip(" ,:;.")
    if len(words) > 1 and words[0] in load_words("apologies"):
        rest = text[tokens[0][1] :]
        # "no puedo el jueves" is no correction to Thursday: only what stands apart from the "no" is
        return "no", rest.lstrip(" ,:;.") if rest.lstrip()[:1] in {",", ".", ";", ":"} else text
    if len(words) > 1 and words[-1] in load_words("instead"):
        return words[-1], SUITS.sub("", text[: tokens[-2][1]])
    return "", text


# starting a flow


def find_started(text: str, flows: Iterable[Flow], *, is_prose: bool = False) -> tuple[str, ...]:
    """Keys of the flows whose phrases a message holds. Of phrases that share words the longest counts.

    is_prose: the open question takes any words, so a phrase must be nearly all of the message.
    """
    if ABOUT.match(fold(text[:500])):
        return ()
    best: dict[str, range] = {}
    for flow in flows:
        found = [
            at
            for language, phrases in flow.start.phrases.items()
            for phrase in phrases
            if (at := _find_phrase(phrase, text, language, is_prose=is_prose))
        ]
        if found:
            best[flow.key] = max(found, key=len)
    return tuple(key for key, at in best.items() if not any(len(o) > len(at) and set(o) & set(at) for o in best.values()))


def find_triggered(flows: Iterable[Flow], trigger: Literal["faqs", "canned", "events", "labels"], name: str) -> tuple[str, ...]:
    """Keys of the flows that begin with this FAQ or canned response (its key), event or label."""
    return tuple(flow.key for flow in flows if name in getattr(flow.start, trigger))


@lru_cache(maxsize=4_000)
def _read_words(text: str, language: Language) -> tuple[list[str], list[str], list[int]]:
    """(words, stems, places of the words that say something)."""
    words = split_words(text)
    content = [n for n, word in enumerate(words) if word not in FUNCTION_WORDS[language]]
    return words, stem_words(text, language), content


def _find_phrase(phrase: str, text: str, language: Language, *, is_prose: bool) -> range | None:
    """The words of the text that the phrase takes up, in any of their forms and with small words between."""
    words, stems, content = _read_words(text[:2_000], language)
    wanted, wanted_stems, telling = _read_words(phrase, language)
    needed = [wanted_stems[n] for n in telling]
    if len(needed) < 2:  # nothing to be found between: the phrase as it is
        at = find_words(wanted_stems, stems)
        place = range(at, at + len(wanted)) if at >= 0 else None
    else:
        found = find_words(needed, [stems[n] for n in content])
        place = range(content[found], content[found + len(needed) - 1] + 1) if found >= 0 else None
    if place is None or load_words("negations").intersection(words[max(0, place.start - 3) : place.start]):
        return None
    if is_prose:
        return place if len(words) <= len(wanted) + MORE_WORDS else None
    is_for_it = len(words) <= SHORT_WORDS or place.start <= EARLY_WORDS or len(wanted) / len(words) >= LEAST_SHARE
    return place if is_for_it else None
