"""Holds what a model wrote against what it was given: links, images, numbers and promises that stand nowhere are found.

Pure. The assistant's responder decides what to do about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import regex

from chatbot.text import fold

IMAGE = regex.compile(
    r"!\[[^\]\n]{0,500}\](?:\([^)\s]{0,4000}(?:\s[^)\n]{0,300})?\)|\[[^\]\n]{0,100}\])|<img\b[^>]{0,4000}>?", regex.I
)
DOMAINS = (
    "com|es|net|org|info|biz|io|eu|mx|ar|cl|pe|ec|uy|co|cat|gal|eus|shop|store|app|dev|link|ly|me|xyz|top|site|online|ru|cn|uk"
)
LINK = regex.compile(
    rf"(?:https?://|www\.|(?:mailto|tel|javascript|data):)[^\s<>\"'|]{{1,4000}}"
    rf"|(?<![\w@.])[\w.+%\-]{{1,64}}@(?:[\w\-]{{1,63}}\.){{1,6}}\p{{L}}{{2,24}}"
    rf"|(?<![\w@.\-])(?:[a-z0-9\-]{{1,63}}\.){{1,5}}(?:{DOMAINS})(?![\w\-])(?:/[^\s<>\"'|]{{0,4000}})?",
    regex.IGNORECASE,
)
# What ends a link in running text or in Markdown.
LINK_END = ".,;:!?*_~)]}'\"»”`"
SENTENCE = regex.compile(r"[^\n]*?(?:[.!?…]+[)\]»”\"*_]*(?=\s|$)|(?=\n|$))\s*")
NUMBER = regex.compile(r"[0-9](?:[.,:/][0-9]|[0-9])*")
NUMBER_RUN = regex.compile(r"[0-9](?:[ .,:/\-]?[0-9])*")
ROUND = regex.compile(r"[.,:]00?$")

DONE_ES = (
    "reservad|tramitad|cancelad|anulad|devuelt|reembolsad|procesad|enviad|gestionad|solicitad|cambiad|modificad|actualizad"
    "|programad|agendad|confirmad|registrad|cread|abiert|apuntad|avisad|aplicad|anadid|activad|emitid|abonad|pedid|hech"
)
DO_ES = (
    "reserv|tramit|cancel|anul|devolv|reembols|proces|envi|mand|gestion|solicit|cambi|modific|actualiz|program|agend|confirm"
    "|registr|apunt|avis|aplic|activ|abon|llam|contact|escrib"
)
DONE_EN = (
    "booked|reserved|processed|cancell?ed|refunded|scheduled|issued|submitted|updated|changed|arranged|requested|sent|placed"
    "|applied|confirmed|approved|registered|opened|created|added|notified|credited"
)
DO_EN = (
    "book|reserve|process|cancel|refund|schedule|issue|submit|update|change|arrange|request|send|call|contact|email|get back"
)
THING_ES = "reserva|cita|pedido|devolucion|reembolso|cambio|cancelacion|solicitud|envio|cuenta|suscripcion"
THING_EN = "refund|booking|reservation|order|appointment|return|exchange|cancellation|request|account|subscription"
STATE_ES = "ha sido|esta|queda|ha quedado"
WILL_EN = "will|['’]ll|am going to|are going to|['’]m going to|['’]re going to"
# Searched in folded text; "if your order is confirmed" promises nothing.
PROMISES = tuple(
    regex.compile(pattern)
    for pattern in (
        rf"\b(?:he|hemos) (?:{DONE_ES})[oa]s?\b",
        rf"\b(?:te|le|os|les|nos|se lo|te lo|se la|te la) (?:{DO_ES})(?:a|e|i)?r(?:e|emos|an)\b",
        rf"\b(?:voy|vamos) a (?:{DO_ES})[aei]r(?:te|le|os|les|lo|la)*\b",
        rf"\b(?:te|le|os|se|te lo|se lo|te la|se la) (?:{DO_ES})(?:o|io|amos|emos|imos)\b(?! (?:si|cuando))",
        rf"(?<!\b(?:si|cuando|que|hasta que) )\b(?:tu|su|la|el) (?:{THING_ES}) (?:ya )?(?:{STATE_ES}) (?:{DONE_ES})[oa]\b",
        r"\bme (?:encargo|ocupo) de\b",
        r"\bqueda (?:reservad|confirmad|cancelad|tramitad)[oa]\b",
        rf"\b(?:i|we)(?: have|['’]ve|ve)(?: just| now| already| gone ahead and)? (?:{DONE_EN})\b",
        rf"\bi(?: just| now| already)? (?:{DONE_EN})\b",
        rf"\b(?:i|we|someone|a colleague) ?(?:{WILL_EN})(?: now)? (?:{DO_EN})\b",
        rf"(?<!\b(?:if|when|once|until|after) )\b(?:your|the) (?:{THING_EN}) (?:has been|is now|was) (?:{DONE_EN})\b",
        r"\bconsider it done\b",
    )
)


def strip_images(text: str) -> str:
    """The text without Markdown and HTML images."""
    return IMAGE.sub("", text).strip()


def drop_unknown_links(text: str, known: Iterable[str]) -> str:
    """Without the sentences that hold a link or address that stands in none of the known texts.

    The sentence goes with it: what is left of "see it here" without its link helps nobody.
    """
    allowed = {link for source in known for link in find_links(source)}
    return keep_sentences(text, lambda sentence: find_links(sentence) <= allowed)


def find_links(text: str) -> set[str]:
    """The links, domains and mail addresses in a text, as they are compared."""
    return {_compare_link(match.group()) for match in LINK.finditer(text)}


def keep_sentences(text: str, is_kept: Callable[[str], bool]) -> str:
    return "".join(s for s in SENTENCE.findall(text) if is_kept(s)).strip()


def find_unknown_numbers(text: str, known: Iterable[str]) -> list[str]:
    """Numbers of two digits and more that stand in none of the known texts, however they are written there."""
    numbers: set[str] = set()
    for source in known:
        numbers.update(_compare_number(n) for n in NUMBER.findall(source))
        numbers.update(_digits(run) for run in NUMBER_RUN.findall(source))
    unknown: list[str] = []
    for run in NUMBER_RUN.findall(text):
        if _digits(run) not in numbers:
            unknown += [n for n in NUMBER.findall(run) if len(_compare_number(n)) > 1 and _compare_number(n) not in numbers]
    return unknown


def find_promise(text: str, known: Iterable[str]) -> str | None:
    """The first wording that claims or promises an action, unless a known text has the very same words."""
    folded, sources = _flatten(text), None
    for pattern in PROMISES:
        for match in pattern.finditer(folded):
            sources = [_flatten(source) for source in known] if sources is None else sources
            if not any(match.group() in source for source in sources):
                return str(match.group())
    return None


def _flatten(text: str) -> str:
    return " ".join(fold(text).replace("*", "").replace("_", "").split())


def _compare_link(link: str) -> str:
    link = link.split(")", 1)[0] if "(" not in link else link
    link = regex.sub(r"^(?:https?://|mailto:|tel:)?(?:www\.)?", "", link.rstrip(LINK_END), flags=regex.IGNORECASE)
    host, slash, path = link.partition("/")
    return (host.lower() + slash + path).rstrip("/" + LINK_END)


def _compare_number(number: str) -> str:
    return _digits(ROUND.sub("", number))


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
