"""Words of Spanish and English: folding, splitting, stemming. The one place where text becomes comparable."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import regex
import Stemmer

from chatbot.reply import Language

WORD = regex.compile(r"[\p{L}\p{N}]+")
NAMES = {"es": "spanish", "en": "english"}
MARK_FLOOD = regex.compile(r"(\p{M}{4})\p{M}+")
LONGEST_STEMMED = 40

# Words that say how a sentence is built and not what it is about, folded.
SPANISH = """
a al algo algun alguna algunas alguno algunos ante aqui asi aun aunque bajo bien buenas buenos cada como con contra cual
cuales cuando cuanta cuantas cuanto cuantos da dais dame dan das de decidme decir del deme desde dias dime donde dos e
el ella ellas ellos en entre era eran eres es esa esas ese eso esos esta estaba estais estamos estan estar estas este
esto estos estoy favor fue fuera gracias gustaria ha habeis haber habra hace haceis hacen hacer haces hacia hago han has
hasta hay he hemos hola la las le les lo los mas me mi mis mismo mucha muchas mucho muchos muy nada ni noches nos
nosotros nuestra nuestro o os otra otras otro otros para pero podeis podemos poder podria podriais podrias por porque
puede pueden puedes puedo pues que quien quienes quiere quieres quiero quisiera sabeis saber se sea ser seria si siempre
sin sino sobre sois solo somos son soy su sus tal tambien tan tanto tardes te teneis tenemos tener tengo ti tiene tienen
tienes toda todas todo todos tras tu tus un una unas uno unos usted ustedes va vais vamos van vas vez vosotros voy
vuestra vuestras vuestro vuestros y ya yo
"""
ENGLISH = """
a about am an and any are as at be been but by can could d did do does doing done for from get give go got had has have
he hello her here hey hi him his how i if in into is it its just know let like ll m me might my of on one or our please
possible re s she should so some such t tell than thank thanks that the their them then there these they this those to
too us ve very want was we were what when where which who why will with would you your yours
"""
FUNCTION_WORDS: dict[Language, frozenset[str]] = {"es": frozenset(SPANISH.split()), "en": frozenset(ENGLISH.split())}

# What leads in to a question and says nothing of it, folded: "perdona que te moleste", "quería saber si", "quick question".
LEAD_INS = (
    r"(?:perdon(?:a|e|ad|en|ame)?|disculp(?:a|e|ad|en|ame))"
    r"(?: (?:(?:que|por|la|las|si) )?(?:(?:te|os|le|les|la|lo) )?(?:molest\w+|interrump\w+|insist\w+))?"
    r"(?: (?:otra vez|de nuevo))?",
    r"por favor|porfa|oye|oiga|oigan|mira|mire|miren|mirad|bueno|pues|vale|entonces|por cierto|eh|es que|ya que estamos",
    r"a ver(?: si (?:me|nos) (?:podeis|puedes|pueden|puede) (?:ayudar|decir|informar))?",
    r"(?:(?:queria|queriamos|quisiera|quisieramos|quiero|necesito|necesitaria|me gustaria|tengo|tenia|tenemos) "
    r"(?:(?:hacer|preguntar|consultar)(?:te|os|le|les)? )?)?(?:una|otra) "
    r"(?:cosa|cosita|pregunta|preguntita|duda|dudita|consulta|consultita)(?: (?:mas|rapida|rapidita|tonta))*(?: si)?",
    r"(?:queria|queriamos|quisiera|quisieramos|quiero|necesito|necesitaria|me gustaria|nos gustaria) "
    r"(?:saber|preguntar(?:te|os|le|les)?|consultar(?:te|os|le|les)?)(?: (?:si|por))?",
    r"(?:me|nos) (?:podrias|podriais|podrian|podria|puedes|podeis|pueden|puede) (?:decir|informar|confirmar|ayudar)(?: si)?",
    r"(?:podrias|podriais|podrian|podria|puedes|podeis|pueden|puede) (?:decir|informar|confirmar|ayudar)(?:me|nos)(?: si)?",
    r"me preguntaba(?: si)?|(?:sabes|sabeis|saben|sabe usted) si",
    r"sorry(?: (?:to|for) (?:bother|bothering|disturb|disturbing)(?: you)?)?(?: again)?|excuse me|pardon(?: me)?",
    r"please|pls|ok|okay|well|so|oh|btw|by the way|do you know (?:if|whether)",
    r"(?:(?:i )?(?:have|ve|ve got|had|got) )?(?:(?:a|one|another|just a|just one) )?"
    r"(?:(?:quick|small|little|short|last|other|more) )*question(?: for you)?",
    r"(?:just )?(?:one|another) (?:(?:quick|small|last|other|more) )*thing(?: more)?",
    r"(?:i was |i m |im |was )?(?:just )?wondering(?: (?:if|whether))?",
    r"(?:i d like|i would like|i want(?:ed)?|i need) to (?:know|ask)(?: (?:if|whether))?",
    r"(?:can|could) (?:you tell me|i ask(?: you)?|you help me)(?: (?:something|if|whether))?",
)
LEAD_IN = regex.compile(rf"(?:{'|'.join(LEAD_INS)})(?: |$)")

# what unicodedata.combining() is true of
COMBINING = regex.compile(r"\P{CanonicalCombiningClass=0}+")


def fold(text: str) -> str:
    """Lower case without accents (ñ becomes n), for comparing only."""
    if text.isascii():
        return text.lower()
    return COMBINING.sub("", unicodedata.normalize("NFKD", _thin_marks(text).casefold()))


def split_words(text: str) -> list[str]:
    """The folded words and numbers of a text, in order."""
    return WORD.findall(fold(text))


def stem_words(text: str, language: Language) -> list[str]:
    """The folded stems of a text, in order, one per word of split_words. Stemmed before folding: stemmers know accents."""
    return [fold(_stem(word[:LONGEST_STEMMED], language)) for word in split_words(text)]


def find_phrase(text: str, phrases: Iterable[str], language: Language) -> str:
    """The first phrase that stands in the text in any form of its words ("abogado" in "mis abogados"); "" for none."""
    said = f" {' '.join(stem_words(text, language))} "
    return next((p for p in phrases if (words := stem_words(p, language)) and f" {' '.join(words)} " in said), "")


def strip_lead_in(words: list[str]) -> list[str]:
    """Folded words without one phrase that leads in to what they say."""
    found = LEAD_IN.match(" ".join(words))
    return words[len(found[0].split()) :] if found else words


def _thin_marks(text: str) -> str:
    # putting combining marks in order is quadratic in the length of a run of them
    return MARK_FLOOD.sub(r"\1", text)


@lru_cache(maxsize=50_000)
def _stem(word: str, language: Language) -> str:
    # the stemmer ends differently for a word written without its accent, so the accent goes first
    return str(_stemmer(language).stemWord(fold(word)))


_stemmers = threading.local()


def _stemmer(language: Language) -> Stemmer.Stemmer:
    """One for each thread: it isn't made to be shared."""
    own: dict[str, Stemmer.Stemmer] = _stemmers.__dict__
    if language not in own:
        own[language] = Stemmer.Stemmer(NAMES[language])
    return own[language]
