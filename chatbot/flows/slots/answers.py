"""Yes and no, and one of several options: by number, by title, nearly."""

from __future__ import annotations

import regex

from chatbot.flows.slots import asides
from chatbot.flows.slots.folded import WORD, fold_in_place, listed
from chatbot.flows.slots.kinds import Found, Heard, Option, Reading, SlotSpec, Unclear, Where
from chatbot.flows.slots.number_words import read_words

YES_PHRASES = (
    "claro que si", "por supuesto que si", "por supuesto", "desde luego que si", "desde luego", "faltaria mas", "de acuerdo",
    "eso es",
    "asi es", "me parece bien", "me parece perfecto", "esta bien", "me va bien", "me viene bien", "sin problema",
    "ningun problema",
    "no hay problema", "no tengo problema", "no hay inconveniente", "por que no", "como no", "si quiero", "por favor si",
    "yo si",
    "that's right", "thats right", "that is right", "go ahead", "sounds good", "no problem", "why not", "all right",
    "please do",
    "do it", "i do", "i am", "i would", "of course", "muy bien", "todo bien", "todo correcto", "no me importa",
    "i guess so", "i think so", "that's fine",
    "si", "sii", "siii", "siiii", "sip", "sep", "claro", "vale", "val", "ok", "oki", "okey", "okay", "okis", "venga", "dale",
    "hecho",
    "perfecto", "genial", "estupendo", "correcto", "exacto", "exactamente", "confirmo", "confirmado",
    "confirma", "confirmar", "confirme", "confirmad", "confirmalo", "confirmala", "confirmelo", "confirmela", "confirmarlo",
    "confirmarla", "confirm", "confirmed", "i confirm", "afirmativo", "adelante",
    "obvio", "cierto", "efectivamente", "listo", "va", "yes", "yess", "yeah", "yep", "yup", "sure", "certainly", "absolutely",
    "definitely", "right", "correct", "fine", "alright", "great", "perfect", "ya", "simon", "👍", "✅", "👌", "✔",
)  # fmt: skip
NO_PHRASES = (
    "claro que no", "por supuesto que no", "desde luego que no", "mejor no", "va a ser que no", "creo que no",
    "me parece que no",
    "ni hablar", "de eso nada", "ni de broma", "ni loco", "ni loca", "para nada", "de ninguna manera", "de ningun modo",
    "en absoluto",
    "todavia no", "aun no", "ahora no", "hoy no", "por ahora no", "de momento no", "no quiero", "no lo quiero",
    "no me interesa",
    "no hace falta", "no es necesario", "no es correcto", "no esta bien", "no me va bien", "no me viene bien", "no puedo",
    "no estoy de acuerdo", "no vale", "yo no", "no no", "of course not", "certainly not", "absolutely not", "definitely not",
    "not really", "not now", "not yet", "not at all", "no way", "i don't", "i do not", "i'm not", "i am not", "i don't want to",
    "don't", "rather not", "i'd rather not", "not correct", "that's wrong", "that's not right", "not right", "i don't think so",
    "no thanks", "no thank you", "no", "noo", "nooo", "nop", "nope", "nah", "nel", "nones", "negativo", "nunca", "jamas",
    "tampoco",
    "never", "negative", "incorrecto", "wrong", "👎", "❌",
)  # fmt: skip
UNSURE = (
    "no se", "no lo se", "ni idea", "no estoy segur", "depende", "quizas", "quiza", "tal vez", "puede ser", "puede que",
    "a lo mejor",
    "no sabria", "i don't know", "i dont know", "dunno", "not sure", "maybe", "perhaps", "it depends", "depends",
)  # fmt: skip
BUT = frozenset(listed("pero aunque sino but though although unless only solo solamente if excepto salvo except cuando when"))
ORDINALS = {
    **dict.fromkeys(("primer", "primero", "primera", "1o", "1a", "1er", "first", "1st"), 1),
    **dict.fromkeys(("segundo", "segunda", "2o", "2a", "second", "2nd"), 2),
    **dict.fromkeys(("tercer", "tercero", "tercera", "3o", "3a", "3er", "third", "3rd"), 3),
    **dict.fromkeys(("cuarto", "cuarta", "4o", "4a", "fourth", "4th"), 4),
    **dict.fromkeys(("quinto", "quinta", "5o", "5a", "fifth", "5th"), 5),
    **dict.fromkeys(("sexto", "sexta", "6o", "6a", "sixth", "6th"), 6),
    **dict.fromkeys(("septimo", "septima", "seventh", "7th"), 7),
    **dict.fromkeys(("octavo", "octava", "eighth", "8th"), 8),
    **dict.fromkeys(("noveno", "novena", "ninth", "9th"), 9),
    **dict.fromkeys(("decimo", "decima", "tenth", "10th"), 10),
    **dict.fromkeys(("ultimo", "ultima", "last"), -1),
    **dict.fromkeys(("penultimo", "penultima"), -2),
}
NUMBERED = frozenset(listed("opcion opc numero num n nro option number la el una the one choice de esa ese esta este eleccion"))


def _expression(phrases: tuple[str, ...]) -> regex.Pattern[str]:
    ordered = sorted(phrases, key=len, reverse=True)
    return regex.compile(r"(?<![\w'])(?:" + "|".join(map(regex.escape, ordered)) + r")(?![\w'])")


_BOTH = _expression((*YES_PHRASES, *NO_PHRASES))
_UNSURE = regex.compile(r"(?<![\w'])(?:" + "|".join(UNSURE) + ")")
_IF = regex.compile(r"(?<!\w)si (?:es|no|puede|puedes|pueden|hay|tienen|teneis|se|fuera|os|te)(?!\w)")
LETTERS = {"es": ("s", "n"), "en": ("y", "n")}
_YES = frozenset(YES_PHRASES)


def _squeeze(text: str) -> str:
    """ "siiiii" and "noooo" once."""
    return regex.sub(r"([a-z])\1{2,}", r"\1", text)


# it is to be confirmed yet, or something of it is asked for: "let me confirm", "confirma la hora"
_TO_CONFIRM = regex.compile(
    r"\b(?:que|sin|para|por|a|de|falta|dej[ae](?:me|nos)?|let (?:me|us)|(?<!\b(?:want|like) )to|will|['’]ll|be|must|should)"
    r"(?: l[oa])? confirm"
    r"|(?<!\bi )\bconfirm(?!o\b|ad[oa]\b|ed\b)\w* (?:el|la|los|las|mi|the|my) (?!cita\b|reserva|appointment|booking)\w"
)


def read_yes_no(_spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """Yes or no; "sí, pero ..." and "no sé" are asked back."""
    folded = _squeeze(fold_in_place(text).text)
    if folded.strip(" .!") in LETTERS[where.language]:
        return _say_yes_no(folded.strip(" .!") != "n", where)
    if _UNSURE.search(folded) or _TO_CONFIRM.search(folded):
        return Unclear("unsure", _offer_yes_no(where))
    found = {phrase in _YES for phrase in _BOTH.findall(folded)}
    if not found:
        return None
    left = [word for word in WORD.findall(_BOTH.sub(" ", folded)) if word not in asides.TOLERATED or word in BUT]
    if len(found) > 1 or left or "?" in folded or _IF.search(folded):
        return Unclear("yes_but", _offer_yes_no(where))
    return _say_yes_no(found.pop(), where)


def find_yes_no(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """Only where a sentence begins with it: "sí, y otra cosa"."""
    first = regex.match(r"\s*([^,.;!?\n]+)[,.;!\n]", text)
    if not first or not isinstance(result := read_yes_no(spec, first[1], where), Heard):
        return None
    following = text[first.end() :]
    rest = read_yes_no(spec, following, where) if following.strip() else None
    is_doubtful = BUT.intersection(WORD.findall(fold_in_place(following).text)[:3]) or (rest is not None and rest != result)
    return Found(Unclear("yes_but", _offer_yes_no(where)) if is_doubtful else result, *first.span(1))


def _say_yes_no(value: bool, where: Where) -> Heard:
    return Heard(value, dict(zip((True, False), _words(where), strict=True))[value])


def _words(where: Where) -> tuple[str, str]:
    return ("sí", "no") if where.language == "es" else ("yes", "no")


def _offer_yes_no(where: Where) -> tuple[tuple[str, str], ...]:
    return tuple((word.capitalize(), word) for word in _words(where))


# one of several


def read_choice(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """By value, number, title, other words, part of a title, or one typo; asked where two are meant or near."""
    if exact := next((o for o in spec.options if o.value == text.strip()), None):
        return _heard(exact, where)
    folded = fold_in_place(text).text
    start, end = asides.strip_asides(folded)
    words = WORD.findall(folded[start:end])
    if not words:
        return None
    for match in (_match_whole, _match_number, _match_inside, _match_part, _match_near):
        if found := match(spec.options, words):
            return _answer(found, words, where)
    return None


def find_choice(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """An option's title or other words inside a sentence."""
    folded = fold_in_place(text)
    hits: list[tuple[Option, int, int]] = []
    for option in spec.options:
        for phrase in _phrases(option):
            expression = rf"(?<![\w'])(?:{r'[^a-z0-9]+'.join(map(regex.escape, phrase))})(?![\w'])"
            hits += [(option, *m.span()) for m in regex.finditer(expression, folded.text)]
    hits = [
        h for h in hits if not any(o is not h and o[1] <= h[1] and h[2] <= o[2] and o[2] - o[1] > h[2] - h[1] for o in hits)
    ]
    if not hits:
        return None
    options = list({h[0].value: h[0] for h in hits}.values())
    start, end = min(h[1] for h in hits), max(h[2] for h in hits)
    return Found(_answer(options, WORD.findall(folded.text[:end][-60:]), where), *folded.span(start, end))


def _answer(found: list[Option], words: list[str], where: Where) -> Reading:
    own = {word for option in found for phrase in _phrases(option) for word in phrase}
    denied = not asides.NEGATIONS.isdisjoint(set(words) - own) and not (
        words[0] == "no" and len(words) > 2 and words[1] in ("quise", "perdon", "mejor", "digo")
    )
    if len(found) == 1 and not denied:
        return _heard(found[0], where)
    return Unclear("negated" if denied else "which_option", tuple((_title(o, where), o.value) for o in found))


def _title(option: Option, where: Where) -> str:
    return option.title.get(where.language) or next(iter(option.title.values()), option.value)


def _heard(option: Option, where: Where) -> Heard:
    return Heard(option.value, _title(option, where))


def _phrases(option: Option) -> list[list[str]]:
    said = [option.value, *option.title.values(), *(w for words in option.words.values() for w in words)]
    return [words for phrase in said if (words := WORD.findall(fold_in_place(phrase).text))]


def _match_whole(options: tuple[Option, ...], words: list[str]) -> list[Option]:
    return [o for o in options if words in _phrases(o)]


def _match_number(options: tuple[Option, ...], words: list[str]) -> list[Option]:
    """ "2", "la segunda", "opción dos", "the last one"; where a title has that number too, both are meant."""
    bare = [w for w in words if w not in NUMBERED and w not in asides.TOLERATED and w not in asides.NEGATIONS]
    if not bare and words[-1] in ("una", "uno", "one"):
        bare = [words[-1]]
    named = [word for word in bare if word not in asides.ORS]
    found = [_find_numbered(options, word) for word in named]
    # "la 2 o la 3" is both
    return [o for o in options if any(o in f for f in found)] if all(found) and len(named) <= 2 else []


def _find_numbered(options: tuple[Option, ...], word: str) -> list[Option]:
    is_letter = len(word) == 1 and word in "abcdefgh"
    place = ORDINALS.get(word) or (ord(word) - 96 if is_letter else read_words(word))
    if not place:
        return []
    at = place - 1 if place > 0 else len(options) + place
    counted = [options[at]] if 0 <= at < len(options) else []
    return [o for o in options if o in counted or any(word in phrase for phrase in _phrases(o))]


def _match_inside(options: tuple[Option, ...], words: list[str]) -> list[Option]:
    said = f" {' '.join(words)} "
    found = [(o, max((len(p) for p in _phrases(o) if f" {' '.join(p)} " in said), default=0)) for o in options]
    longest = max((size for _, size in found), default=0)
    return [o for o, size in found if size and size == longest] if longest > 1 else [o for o, size in found if size]


def _match_part(options: tuple[Option, ...], words: list[str]) -> list[Option]:
    """Some of a title's words: "devolver" for "Devolver un pedido"."""
    telling = {w for w in words if w not in asides.TOLERATED and w not in asides.NEGATIONS and len(w) > 2}
    if not telling:
        return []
    return [o for o in options if any(telling <= set(phrase) for phrase in _phrases(o))]


def _match_near(options: tuple[Option, ...], words: list[str]) -> list[Option]:
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    said = {" ".join(w for w in words if w not in asides.TOLERATED), " ".join(words)}

    def is_near(phrase: str) -> bool:
        return len(phrase) >= 4 and any(OSA.distance(s, phrase, score_cutoff=1) <= 1 for s in said)

    return [
        o
        for o in options
        if any(is_near(p) for phrase in _phrases(o) for p in (" ".join(phrase), *(w for w in phrase if len(w) > 4)))
    ]
