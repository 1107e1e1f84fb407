"""Orders to a model, hidden in what it reads, and its own orders, repeated in what it writes. Pure.

Cutting the orders out is a courtesy to the model: what it writes is checked as if it had obeyed them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import regex

from chatbot.knowledge.grounding import INVISIBLE, SENTENCE
from chatbot.text import fold, split_words

# of the product's own rules this many words in a row, of the owner's orders this many (or all of a shorter one)
RULE_WORDS = 8
ORDER_WORDS = 6
LEAST_ORDER_WORDS = 4
LONGEST_RULES = 40_000

# in folded text, a line at a time
ORDERS = regex.compile(
    "|".join(
        (
            r"\b(?:ignor|disregard|forget|overrid|olvid|descart|omit|bypass|salt)\p{L}*\b[^\n]{0,60}\b(?:instruc|rules?\b|reglas?\b"
            r"|prompts?\b|orders?\b|ordenes|guidelines|directrices|previous|prior|anterior|above|todo lo)",
            r"^[\s>*#\-\[(]{0,10}(?:(?:assistant|developer)|(?:system|assistant|developer|sistema|asistente|ai|ia) "
            r"(?:message|mensaje|note|nota|override|prompt))\s?[\])]?\s?:",
            r"<\|[a-z_]{2,20}\|>|\[/?inst\]|<</?sys>>|</?(?:system|assistant|instructions?|prompt)\b",
            r"\b(?:you are now|from now on,? you|ahora eres|a partir de ahora,? (?:eres|debes|responde|di))\b",
            r"\b(?:reveal|repeat|print|show|output|echo|muestra|repite|imprime|revela|escribe)\p{L}*\b[^\n]{0,40}"
            r"\b(?:prompt|instruc\p{L}+|system message|mensaje de(?:l)? sistema)\b",
            r"\b(?:system prompt|prompt del sistema|prompt injection|jailbreak|developer mode|modo desarrollador)\b",
            r"\b(?:language model|modelo de lenguaje|chatbot|llm|ai assistant|asistente de ia|gpt)\b[^\n]{0,60}"
            r"\b(?:must|should|shall|debes?|tienes? que|has to|have to)\b",
        )
    ),
    regex.MULTILINE,
)
BLOCK = regex.compile(r"\n\s*\n")

# What an owner's instruction to the assistant begins with; the rest of the instructions are facts, which may be told.
BIDDING = regex.compile(
    r"^[\s\-*•#0-9.)]{0,8}(?:"
    r"(?:por favor |please )?(?:responde|contesta|usa|utiliza|trata|tutea|habla|se (?:amable|breve|claro|cercan\p{L}+)|eres"
    r"|actua|di(?:les|le)?|pide|pregunta|deriva|pasa|evita|recuerda|ofrece|recomienda|saluda|manten(?:te)?|escribe|presentate"
    r"|consulta|comportate)\b"
    r"|(?:no|nunca|jamas) (?:le |les |lo |la )?(?:digas|menciones|ofrezcas|prometas|hables|des|reveles|compartas|inventes|uses"
    r"|respondas|contestes|comentes|cuentes|confirmes|expliques|muestres|escribas|aceptes|hagas|recomiendes|tutees)\b"
    r"|si (?:te |alguien |el cliente |un cliente |la clienta |preguntan|piden)"
    r"|tu (?:tarea|trabajo|objetivo|papel|rol|mision|nombre)\b"
    r"|siempre (?:responde|contesta|di|usa|trata|habla|ofrece|pregunta|pide)\b"
    r"|you are|you're|your (?:task|job|role|goal|name)|(?:answer|reply|respond|use|act|speak|say|tell|ask|avoid|remember)\b"
    r"|be (?:kind|brief|polite|clear|friendly)"
    r"|(?:do not|don't|never) (?:say|mention|offer|promise|talk|give|reveal|share|invent|use|answer|reply|discuss|tell|confirm"
    r"|explain|show|write|accept)\b"
    r"|always (?:answer|reply|say|use|be|ask|offer|tell)\b|if (?:a |the |any )?(?:customer|user|someone|somebody|they)\b)"
)
SECRET = regex.compile(
    r"\b(?:confidencial|confidential|secret[oa]?|uso interno|internal use|no (?:lo|la|se lo) (?:digas|reveles|cuentes))\b"
)
# what nobody writes: a text in base64 or the like
BLOB = regex.compile(r"[A-Za-z0-9+/=_\-]{50,}")
SPEAKER = regex.compile(r"^(?:customer|colleague|you|attributes|name): ", regex.MULTILINE)


def cut_orders(text: str) -> str:
    """The text without the paragraphs that speak to a model instead of to a reader."""
    if not has_orders(text):
        return text
    return "\n\n".join(block for block in BLOCK.split(text) if not has_orders(block))


@lru_cache(maxsize=2048)  # the same passages turn after turn
def has_orders(text: str) -> bool:
    return ORDERS.search(fold(INVISIBLE.sub("", text))) is not None


def find_biddings(instructions: str) -> list[str]:
    """The sentences of the owner's instructions that tell the assistant what to do, or that are secret."""
    sentences = (sentence.strip() for sentence in SENTENCE.findall(instructions))
    return [s for s in sentences if s and (BIDDING.match(fold(s)) or SECRET.search(fold(s)))]


def find_leak(text: str, rules: str, instructions: str, tags: Iterable[str] = (), known: Iterable[str] = ()) -> str:
    """Which part of the prompt a text repeats, as a code; "" for none.

    rules: the product's; instructions: the owner's, of which facts may be told and biddings may not; tags: of the fences;
    known: texts that a long run of letters may stand in.
    """
    if any(tag in text.lower() for tag in tags):
        return "tag"
    words = split_words(text)
    if _shares_run(words, split_words(rules), RULE_WORDS):
        return "rules"
    for sentence in find_biddings(instructions):
        own = split_words(sentence)
        if len(own) >= LEAST_ORDER_WORDS and _shares_run(words, own, min(ORDER_WORDS, len(own))):
            return "instructions"
    if len(SPEAKER.findall(text)) > 1:
        return "history"
    blobs = BLOB.findall(text)
    return "blob" if blobs and not all(any(blob in source for source in known) for blob in blobs) else ""


def _shares_run(words: list[str], secret: list[str], least: int) -> bool:
    runs = {tuple(secret[n : n + least]) for n in range(min(len(secret), LONGEST_RULES) - least + 1)}
    return any(tuple(words[n : n + least]) in runs for n in range(len(words) - least + 1))
