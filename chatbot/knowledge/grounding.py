"""Holds what a model wrote against what it was given: links, images, numbers and promises that stand nowhere are found.

Pure. The assistant's responder decides what to do about them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

import regex

from chatbot.text import fold

IMAGE = regex.compile(
    r"!\[[^\]\n]{0,500}\](?:\([^)\s]{0,4000}(?:\s[^)\n]{0,300})?\)|\[[^\]\n]{0,100}\])|<img\b[^>]{0,4000}>?", regex.I
)
# A dotted word with one of these at its end is an address; with a path behind it any is.
DOMAINS = (
    "com|es|net|org|info|biz|io|eu|mx|ar|cl|pe|ec|uy|co|cat|gal|eus|shop|store|app|dev|link|ly|me|xyz|top|site|online|ru|cn|uk"
    "|de|fr|it|pt|nl|be|ch|pl|ie|us|ca|br|jp|kr|in|au|nz|za|tk|ml|ga|cf|gq|cc|tv|ws|pw|to|gg|gl|ai|vip|win|bid|icu|buzz|live|life"
    "|world|today|club|space|website|web|tech|cloud|page|pro|mobi|name|email|support|help|click|zip|mov|download|loan|review|date"
    "|trade|party|science|stream|racing|men|work|host|press|fun|rest|bar|cfd|sbs|cyou|monster|agency|center|group|market|money"
    "|pay|bank|finance|digital|media|network|solutions|example|test|invalid|local|localhost|onion"
)
LABEL = r"[\p{L}\p{N}\-]{1,63}"
LINK = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}+\-])(?:[a-z][a-z0-9+\-]{{1,20}}://|www\.|(?:mailto|tel|sms|javascript|data|vbscript|whatsapp):)"
    rf"[^\s<>\"'|]{{1,4000}}"
    rf"|(?<![\w:/])//[\w\-][^\s<>\"'|]{{1,4000}}"
    rf"|(?<![\w@.+%\-])[\w.+%\-]{{1,64}}@(?:[\w\-]{{1,63}}\.){{1,6}}\p{{L}}{{2,24}}"
    rf"|(?<![\w@.\-])(?:{LABEL}\.){{1,5}}(?:(?:{DOMAINS})(?![\w\-])(?:[/?#:][^\s<>\"'|]{{0,4000}})?"
    rf"|\p{{L}}{{2,24}}/[^\s<>\"'|]{{1,4000}})"
    r"|(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])[^\s<>\"'|]{0,4000}"
    r"|(?<![\w.@/])@[\w.]{3,40}",
    regex.IGNORECASE,
)
MAIL = regex.compile(r"[\w.+%\-]{1,64}@(?:[\w\-]{1,63}\.){1,6}\p{L}{2,24}")
# "evil[.]com", "evil (dot) com"; and "evil punto com", where no word of a sentence is meant
SPELLED = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}\-])({LABEL})"
    rf"(?:\s{{0,2}}[\[({{<]\s{{0,2}}(?:\.|dot|punto)\s{{0,2}}[\])}}>]\s{{0,2}}(?=(?:{DOMAINS})\b)"
    r"|\s(?:dot|punto)\s(?=(?:com|net|org|info|shop|xyz|io|app)\b))",
    regex.IGNORECASE,
)
INVISIBLE = regex.compile(r"[\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f]")
TAG = regex.compile(r"</?[a-z!][^<>\n]{0,2000}>", regex.IGNORECASE)
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
# "If your order is confirmed" promises nothing. Both are searched in folded text.
DEEDS = tuple(
    regex.compile(pattern)
    for pattern in (
        rf"\b(?:he|hemos) (?:{DONE_ES})[oa]s?\b",
        rf"\b(?:te|le|os|se|te lo|se lo|te la|se la) (?:{DO_ES})(?:o|io|amos|emos|imos)\b(?! (?:si|cuando))",
        rf"(?<!\b(?:si|cuando|que|hasta que) )\b(?:tu|su|la|el) (?:{THING_ES}) (?:ya )?(?:{STATE_ES}) (?:{DONE_ES})[oa]\b",
        r"\bme (?:encargo|ocupo) de\b",
        r"\bqueda (?:reservad|confirmad|cancelad|tramitad)[oa]\b",
        rf"\b(?:i|we)(?: have|['’]ve|ve)(?: just| now| already| gone ahead and)? (?:{DONE_EN})\b",
        rf"\bi(?: just| now| already)? (?:{DONE_EN})\b",
        rf"(?<!\b(?:if|when|once|until|after) )\b(?:your|the) (?:{THING_EN}) (?:has been|is now|was) (?:{DONE_EN})\b",
        r"\bconsider it done\b",
    )
)
PROMISES = DEEDS + tuple(
    regex.compile(pattern)
    for pattern in (
        rf"\b(?:te|le|os|les|nos|se lo|te lo|se la|te la) (?:{DO_ES})(?:a|e|i)?r(?:e|emos|an)\b",
        rf"\b(?:voy|vamos) a (?:{DO_ES})[aei]r(?:te|le|os|les|lo|la)*\b",
        rf"\b(?:i|we|someone|a colleague) ?(?:{WILL_EN})(?: now)? (?:{DO_EN})\b",
    )
)


def strip_images(text: str) -> str:
    """The text without Markdown and HTML images."""
    return IMAGE.sub("", text).strip()


def strip_tags(text: str) -> str:
    """The text without HTML. What only looks like it ("< 5 días") stays."""
    return TAG.sub("", text).strip()


def drop_unknown_links(text: str, known: Iterable[str]) -> str:
    """Without the sentences that hold a link or address that stands in none of the known texts.

    The sentence goes with it: what is left of "see it here" without its link helps nobody.
    """
    allowed = {link for source in known for link in find_links(source)}
    kept = keep_sentences(text, lambda sentence: find_links(sentence) <= allowed)
    return kept if find_links(kept) <= allowed else ""  # one may be spelled over two sentences


@lru_cache(maxsize=512)  # the same passages turn after turn
def find_links(text: str) -> frozenset[str]:
    """The links, domains and mail addresses in a text, as they are compared."""
    written = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).replace("。", ".")
    return frozenset(_compare_link(match.group()) for match in LINK.finditer(SPELLED.sub(r"\1.", written)))


def is_mail(link: str) -> bool:
    return MAIL.fullmatch(link) is not None


def find_host(link: str) -> str:
    """The host of a link as find_links gives it, or of an address."""
    return (
        regex.split(r"[/?#:]", link.rsplit("@", 1)[-1].split("://", 1)[-1].lstrip("/"), maxsplit=1)[0]
        .lower()
        .removeprefix("www.")
    )


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


def find_promise(text: str, known: Iterable[str], patterns: Iterable[regex.Pattern[str]] = PROMISES) -> str | None:
    """The first wording that claims or promises an action, unless a known text has the very same words.

    patterns: DEEDS alone for what claims that something was done already.
    """
    folded, sources = _flatten(text), None
    for pattern in patterns:
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
