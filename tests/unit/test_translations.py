"""Every text of the panel is in both languages: none missing, empty or fuzzy, none left over, variables the same.

Where the panel says usted, no text says tú.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from conftest import ROOT

PACKAGE = ROOT / "chatbot"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"gettext": None, "lazy_gettext": None, "_": None, "_l": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
VARIABLE = re.compile(r"%\(\w+\)[sd]")
# says tú wherever it stands
TU = re.compile(
    r"\b(?:tú|tus?|te|ti|contigo|tuy[oa]s?|eres|estás|estés|has|hayas|seas|vas|ves|das|dices|haces|hagas|pones|pongas|puedes|puedas|"
    r"quieres|quieras|sabes|sepas|debes|tienes|tengas|vienes|vuelves|vuelvas|sigues|dejas|dejes|buscas|busques|entras|entres|enteres|"
    r"escribes|escribas|eliges|elijas|necesitas|recibes|publiques|cambies|quites|añadas|(?:que|lo) importes|"
    r"(?!contraste|baste)\w+aste|(?!existe|consiste|insiste|asiste|resiste|triste|chiste)\w+iste|"
    r"\w+(?:[aei]rás|tabas|dabas|cabas|nabas|rabas|drías|arías|irías)|(?:hac|pod|quer|ten|escrib|sab|deb)ías)\b",
    re.I,
)
# tú's orders that may also be the third person or a noun: only where an order begins
ORDER = re.compile(
    r"(?:^(?=(?-i:[A-ZÁÉ]))|(?:[.:;!?,)] |\n+|\b(?:[oye]|así que) )(?:(?:antes|después|primero|luego|también|no) )?)"
    r"(?:abre|actualiza|añade|borra|busca|cambia|cierra|comprueba|conecta|copia|crea|deja|desactiva|di|divide|edita|ejecuta|elige|"
    r"elimina|empieza|entra|envía|escanea|escribe|espera(?= (?:al?|una?|unos)\b)|exporta|guarda|haz|importa|inicia|instala|"
    r"lee|llama|marca|mira|pega|pide|pon|protege|prueba(?= )|publica|pulsa|quita|recarga|recibe|responde|revisa|selecciona|"
    r"sigue|ten|trae|usa|vuelve)\b",
    re.I,
)
# Escríbelo, which usted changes in the middle (escríbalo)
WITH_PRONOUN = re.compile(r"\b\w*[áéíóú]\w*[ae](?:te|(?:se|te|me)?l[aoe]s?)\b|\b(?:da|di|haz|pon|ten)(?:l[aoe]s?)\b", re.I)
# read by hand: these orders are nobody's, somebody else does it
NOT_SAID_TO_THE_READER = {
    "Agent: reads, reviews, pauses",
    "Asks visitors for their e-mail after the first message.",
    "Captain answers in «%(inbox)s»: the bot wasn't connected there",
    "Editor: writes, tries, publishes",
    "It isn't needed: the bot writes with its own and reads with yours. From Chatwoot 4.14.2 on it can do both.",
    "It writes as a customer, waits until that arrives here, answers with a note, and resolves the conversation."
    " No customer sees it. It takes half a minute at most.",
    "Your team sees the answer in Chatwoot as a private note and sends what is good. Customers get nothing from the bot."
    " Good to begin with.",
    "live: answers",
    "suggest: writes a note for the team",
}


@cache
def read_catalog(language: str) -> Catalog:
    with (PACKAGE / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file)


@cache
def find_texts() -> set[str]:
    found = set()
    for _, _, message, _, _ in extract_from_dir(str(PACKAGE), METHODS, {}, KEYWORDS):
        found.add(message if isinstance(message, str) else message[0])
    return found


def name(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def list_strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_there_are_texts() -> None:
    assert len(find_texts()) > 50


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_text_is_there_and_nothing_else(language: str) -> None:
    catalog = read_catalog(language)
    known = {name(m) for m in catalog if m.id}
    assert find_texts() - known == set(), "missing"
    assert known - find_texts() == set(), "left over"
    for message in catalog:
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else message.id
        strings = list_strings(message)
        assert all(strings), f"empty: {ids[0]}"
        assert not message.fuzzy, f"fuzzy: {ids[0]}"
        assert set(VARIABLE.findall(strings[-1])) == set(VARIABLE.findall(ids[-1])), f"other variables: {ids[0]}"


def test_usted_changes_texts_of_es_and_nothing_else() -> None:
    spanish, with_usted = read_catalog("es"), read_catalog("es@usted")
    assert len(with_usted) > 200
    left = {name(m) for m in with_usted if m.id} - {name(m) for m in spanish if m.id}
    assert left == set(), "left over in es@usted: es has them no more"
    for message in with_usted:
        if not message.id:
            continue
        below, strings = spanish.get(name(message)), list_strings(message)
        assert message.id == below.id, f"one has a plural: {name(message)}"
        assert not message.fuzzy, f"fuzzy: {name(message)}"
        assert strings != list_strings(below), f"as in es, so take it out: {name(message)}"
        for string, other in zip(strings, list_strings(below), strict=True):
            assert string, f"empty: {name(message)}"
            assert set(VARIABLE.findall(string)) == set(VARIABLE.findall(other)), f"other variables: {name(message)}"


def find_tu(spanish: Message, changed: Message | None) -> Iterator[str]:
    """The words of the text, as who is addressed with usted reads it, that say tú."""
    old = {word.lower() for string in list_strings(spanish) for word in WITH_PRONOUN.findall(string)}
    for string in list_strings(changed or spanish):
        yield from TU.findall(string)
        yield from (word for word in WITH_PRONOUN.findall(string) if word.lower() in old)
        if name(spanish) not in NOT_SAID_TO_THE_READER:
            yield from ORDER.findall(string)


def test_with_usted_no_text_says_tu() -> None:
    spanish, with_usted = read_catalog("es"), read_catalog("es@usted")
    said = {name(m): found for m in spanish if m.id and (found := list(find_tu(m, with_usted.get(name(m)))))}
    assert said == {}, "write them with usted in chatbot/translations/es@usted/LC_MESSAGES/messages.po"
    assert {name(m) for m in spanish if m.id} >= NOT_SAID_TO_THE_READER, "an exception that nobody needs"


@pytest.mark.parametrize(
    "string",
    [
        "Escribe un nombre.",
        "Falta el nombre; escríbelo.",
        "¿Qué quieres hacer?",
        "Guardaste cambios.",
        "Es tuyo.",
        "Y luego elige otra.",
    ],
)
def test_what_says_tu_is_found(string: str) -> None:
    assert list(find_tu(Message("x", string), None))
