"""Words around an answer: those that change nothing ("pues", "creo que"), and those that change everything ("no", "antes de").

All folded.
"""

from __future__ import annotations

from collections.abc import Iterable

import regex

from chatbot.flows.slots.folded import WORD, listed

# what stands beside a day, an hour or a number without changing it
TOLERATED = frozenset(listed("""
    a al el la lo del de en para por pues bueno vale ok okay oki oye mira hola buenas buenos dias tardes noches si claro
    venga creo que seria podria podriamos puede puedo podemos puedes podeis podria ser me te nos os le les va iria ire
    voy vamos iremos bien mejor perfecto genial estupendo quiero queria quisiera querria gustaria necesito mi es era
    esta seria estaria favor porfa porfavor please gracias muchas digamos pongamos pon ponme apunta apuntame reserva
    reservame reservar cita hora dia fecha entonces eso justo mismo como eh ir come could go venir pasar pasarme
    acercarme mmm hmm ah oh uy pienso supongo imagino diria yo un una uno con mio mia numero tengo tenemos sino tambien
    ya cuando quise decir digo perdon perdona disculpa queria corrijo equivoque he equivocado cambia cambialo cambiar
    cambiamos pongalo ponlo deja dejalo dejame dejemos quedamos quedemos quedaria llega llego llegare llegaria and it
    its it's is the on at for to in of so well um uh yes yeah yep sure hello hi hey i i'd i'll i'm we we'd we'll would
    will like want prefer think guess maybe perhaps let's lets let us say make book put me my mine that that's works
    work fine good best great be can could please thanks thank you suits just mean meant sorry actually rather better a
    an one how what should do date day time time's cual cualquiera tal vez quizas quiza probablemente preferiria
    preferimos prefiero preferiblemente podrias podriais solo solamente sin falta senor senora y muy mucho hay haber si
    hueco libre disponible disponibilidad free available hrs h hs s porque posible possible if you'd okey d m p fijo
    fijamente seguro
"""))  # fmt: skip
ORS = frozenset(listed("o u or ni either tanto"))
NEGATIONS = frozenset(
    listed("""
    no not never nunca tampoco jamas excepto salvo menos except don't dont can't cant cannot won't isn't wasn't didn't
    nor quita imposible impossible unless
""")
)
RANGES = frozenset(
    listed("""
    antes despues desde hasta partir entre before after by until till til from between since since durante tras through
    thru onwards adelante previo within
""")
)
EVERY = frozenset(listed("cada todos todas los las every each all both ambos"))
# after a day or an hour these say another one
MODIFIERS = frozenset(
    listed("""
    santo santa siguiente pasado pasada proximo proxima otro otra anterior habil habiles laborable laborables de del of
    after before following next last and y o or u minus plus menos past business working
""")
)
# and before
BEFORE = frozenset(
    listed("""
    primer primero segundo segunda tercer tercero cuarto quinto ultimo penultimo proximo otro cualquier algun un una dos
    tres cuatro cinco semana quincena vispera mes ano first second third fourth two three four five other any some al
    week eve y veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa twenty thirty
""")
)
CLAUSE = regex.compile(r"[.,;!?\n()]+(?![0-9])")


# the end of a range that isn't said: "el 15 como muy tarde"
LIMIT = regex.compile(
    r"\bcomo (?:muy )?(?:tarde|pronto|mucho|poco|maximo|minimo)\b|\b(?:a lo|lo) (?:sumo|mas)\b|\bmas tard(?:ar|e)\b"
    r"|\bat (?:the )?(?:latest|earliest|most|least)\b|\bno (?:later|earlier|sooner)\b"
)
# what is told of may have been
PAST = frozenset(listed("era fue compre llego recibi paso vino ocurrio was bought arrived received came happened got"))
SUITS = regex.compile(
    r"\b(?:(?:me|te|nos|os|les?) )?(?:viene|vendria|vendra|va|iria)n? (?:muy )?(?:bien|mejor|perfecto|genial)\b"
)


def judge(rest: str, whole: bool) -> str:
    """Why what is left of a text makes its reading doubtful, "" where it doesn't. whole: nothing else may stand in it."""
    words = WORD.findall(SUITS.sub(" ", rest))
    for why, signs in (("negated", NEGATIONS), ("range", RANGES), ("several", ORS | EVERY)):
        if signs.intersection(words):
            return why
    if LIMIT.search(rest):
        return "range"
    if PAST.intersection(words):
        return "confirm"
    return "confirm" if whole and any(word not in TOLERATED for word in words) else ""


def find_unknown(rest: str) -> list[str]:
    known = TOLERATED | ORS | NEGATIONS | RANGES | EVERY
    return [word for word in WORD.findall(rest) if word not in known]


_START = regex.compile(
    r"^[\s.,!¡]*(?:(?:no|nop|nope|ay no|huy|uy)[\s,.!]+(?:no[\s,.!]+)?(?=perdon|disculp|quise|queria decir|me he"
    r"|me equivo|mejor|digo|mas bien|"
    r"es |era |sorry|i mean|i meant|actually|rather|make it|it's |it is )|no ?[,.;!]+\s*)"
)
_TAG = regex.compile(r",? ?(?:¿ ?(?:no|vale|ok|si|verdad) ?\??|no ?\?|vale ?\??|ok ?\??|right ?\??|okay ?\??)\s*$")


def strip_asides(text: str) -> tuple[int, int]:
    """Where the answer itself begins and ends in a folded text: behind "no, perdón", before "¿vale?"."""
    start = found.end() if (found := _START.match(text)) else 0
    end = found.start() if (found := _TAG.search(text, start)) else len(text)
    return (start, end) if end > start else (0, len(text))


# words that say what another one means for a customer's typing: one letter too many, too few, wrong or swapped
SAFE = frozenset(
    listed("""
    miercoles jueves viernes sabado domingo martes lunes febrero septiembre octubre noviembre diciembre agosto manana
    pasado proximo semana monday tuesday wednesday thursday friday saturday sunday january february september october
    november december tomorrow tonight afternoon morning
""")
)
NEVER = frozenset(listed("manzana banana jueces marte marta mares manada pasados pagado sentada semanal sundae tornado"))


def mend(word: str) -> str:
    """The one word that a typo was meant to be, or the word itself."""
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    if len(word) < 4 or word in NEVER or not word.isalpha():
        return word
    near = [w for w in SAFE if abs(len(w) - len(word)) <= 1 and OSA.distance(word, w, score_cutoff=1) <= 1]
    return near[0] if len(near) == 1 else word


def mend_words(text: str, words: Iterable[str]) -> str:
    """The text with the typos among these words mended."""
    for word in set(words):
        if (meant := mend(word)) != word:
            text = regex.sub(rf"(?<![\w']){regex.escape(word)}(?![\w'])", meant, text)
    return text
