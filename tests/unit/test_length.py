"""length.py and channel_text.py: a reply fits its channel and stays readable."""

from __future__ import annotations

import time
from typing import Literal

import pytest
import regex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatbot.channel_text import defuse, split_sentences
from chatbot.length import CHANNELS, FittedPart, fit
from chatbot.reply import Part, Reply

WHATSAPP = "Channel::Whatsapp"
EMAIL = "Channel::Email"
SMS = "Channel::Sms"
TELEGRAM = "Channel::Telegram"
LIQUID = regex.compile(r"\{\{|\}\}|\{%|%\}")
Target = Literal["short", "medium", "long"]


def fit_text(
    text: str,
    channel: str = TELEGRAM,
    *,
    responder: str = "canned",
    target: Target = "short",
    limit: int | None = None,
    choices: tuple[tuple[str, str], ...] = (),
) -> tuple[FittedPart, ...]:
    return fit(Reply((Part(text, choices),), "es", responder), target, channel, limit)


def texts_of(parts: tuple[FittedPart, ...]) -> list[str]:
    return [part.text for part in parts]


@pytest.mark.parametrize(
    "text",
    [
        "El Sr. Ruiz y la Sra. Gil atienden en EE. UU. y en España.",
        "Cuesta 3.50 € o 1.234,56 € según la talla.",
        "Hay tallas grandes, p. ej. la XL. de algodón.",
        "Abrimos a las 9 a.m. y cerramos a las 8 p.m. cada día.",
        "Mire https://tienda.es/a.b?c=d. y siga los pasos.",
        "La empresa es Telas Ruiz S.L. y está en Av. Goya, n. 5.",
        "Visit Mr. Smith at No. 5, e.g. on Monday",
    ],
)
def test_abbreviations_decimals_and_urls_end_no_sentence(text: str) -> None:
    assert split_sentences(text) == [text]


def test_sentences_end_where_people_end_them() -> None:
    text = "Hola. ¿Qué tal? ¡Bien! Son 3.50 €. Mire https://a.es/b. Gracias… Adiós"
    assert split_sentences(text) == ["Hola.", "¿Qué tal?", "¡Bien!", "Son 3.50 €.", "Mire https://a.es/b.", "Gracias…", "Adiós"]


def test_assistant_is_cut_between_sentences_at_its_target() -> None:
    text = " ".join(f"Esta es la frase número {number} de una respuesta larga." for number in range(30))
    (part,) = fit_text(text, responder="assistant", target="short")
    assert len(part.text) <= 320
    assert part.text.endswith("respuesta larga.")
    (longer,) = fit_text(text, responder="assistant", target="medium")
    assert 320 < len(longer.text) <= 800


def test_the_first_sentence_is_never_cut_to_the_target() -> None:
    text = "palabra " * 100 + "fin. Otra frase."
    assert texts_of(fit_text(text, responder="assistant")) == ["palabra " * 100 + "fin."]


@pytest.mark.parametrize("responder", ["canned", "faq"])
def test_the_owners_words_are_only_split_at_the_hard_limit(responder: str) -> None:
    text = " ".join(f"Frase {number} del dueño de la tienda." for number in range(60))
    assert texts_of(fit_text(text, responder=responder)) == [text]
    parts = texts_of(fit_text(text, "Channel::Instagram", responder=responder, limit=700))
    assert " ".join(parts) == text
    assert len(parts) == 3


def test_a_cut_never_ends_with_a_heading_or_an_introduction() -> None:
    text = "Una frase. " * 25 + "\n\nHaga lo siguiente:\n\n" + "- paso con muchas palabras para ocupar sitio\n" * 9
    (part,) = fit_text(text, responder="assistant")
    assert part.text.endswith("Una frase.")


def test_a_heading_at_the_end_of_a_full_message_moves_to_the_next() -> None:
    text = "Uno dos tres cuatro cinco.\n\n## Título\n\nSeis siete ocho nueve diez."
    assert texts_of(fit_text(text, limit=40)) == ["Uno dos tres cuatro cinco.", "Título\n\nSeis siete ocho nueve diez."]


def test_list_items_stay_whole() -> None:
    text = "Tenemos:\n\n" + "\n".join(f"- artículo {number}. Vale mucho. Es bueno." for number in range(20))
    for part in fit_text(text, limit=200):
        assert all(line.endswith("Es bueno.") or line == "Tenemos:" for line in part.text.split("\n") if line)


def test_a_long_sentence_is_split_between_words_and_never_in_a_url() -> None:
    url = "https://tienda.es/" + "a" * 80
    parts = texts_of(fit_text(f"{'palabra ' * 12}{url} {'palabra ' * 12}", limit=100))
    assert any(url in part for part in parts)
    assert all(len(part) <= 100 for part in parts)


def test_past_five_messages_the_text_says_that_it_ends() -> None:
    parts = texts_of(fit_text("Una frase cualquiera de la tienda. " * 100, SMS))
    assert len(parts) == 5
    assert parts[-1].endswith("(El mensaje era más largo y termina aquí.)")
    assert all(len(part) <= 320 for part in parts)


MARKDOWN = (
    "## Envíos\n\n**Gratis** desde *50 €*, mire [la página](https://tienda.es/envios) ![camión](https://x.es/c.png).\n\n"
    "- uno\n- dos\n  1. tres\n\n`código` y <https://a.es/b>"
)


def test_whatsapp_gets_its_own_marks() -> None:
    (part,) = fit_text(MARKDOWN, WHATSAPP)
    assert part.text == (
        "*Envíos*\n\n*Gratis* desde _50 €_, mire la página (https://tienda.es/envios) camión.\n\n• uno\n• dos\n  1. tres\n\n"
        "`código` y https://a.es/b"
    )


@pytest.mark.parametrize("channel", [TELEGRAM, SMS, "Channel::FacebookPage", "Channel::Instagram", "Channel::Line"])
def test_plain_channels_get_plain_text(channel: str) -> None:
    (part,) = fit_text(MARKDOWN, channel)
    assert part.text == (
        "Envíos\n\nGratis desde 50 €, mire la página (https://tienda.es/envios) camión.\n\n• uno\n• dos\n  1. tres\n\n"
        "código y https://a.es/b"
    )


@pytest.mark.parametrize("channel", ["Channel::WebWidget", EMAIL, "Channel::Api"])
def test_where_chatwoot_renders_the_source_stays_but_for_images(channel: str) -> None:
    (part,) = fit_text(MARKDOWN, channel)
    assert part.text == MARKDOWN.replace("![camión](https://x.es/c.png)", "camión").replace(
        "<https://a.es/b>", "<https://a.es/b>"
    )


def test_a_table_becomes_lines() -> None:
    (part,) = fit_text("| Talla | Precio |\n|---|---|\n| S | 10 € |\n| M | 12 € |")
    assert part.text == "Talla – Precio\nS – 10 €\nM – 12 €"


def test_liquid_is_neutralised_and_readable() -> None:
    (part,) = fit_text("Use {{ contact.name }} y {% if x %} {{{a}}} https://a.es/{{x}}")
    assert part.text == "Use { { contact.name } } y { % if x % } { { {a} } } https://a.es/%7B%7Bx%7D%7D"


def test_choices_are_buttons_or_a_numbered_list() -> None:
    choices = (("¿Envíos?", "envios"), ("¿Plazos {{x}}?", "plazos"))
    (button,) = fit_text("¿Cuál?", WHATSAPP, choices=choices)
    assert button.choices == (("¿Envíos?", "envios"), ("¿Plazos { {x} }?", "plazos"))
    (listed,) = fit_text("¿Cuál?", SMS, choices=choices)
    assert listed == FittedPart("¿Cuál?\n1. ¿Envíos?\n2. ¿Plazos { {x} }?")
    assert fit_text("", SMS, choices=choices)[0].text.startswith("Estas son las opciones:")


def test_an_empty_text_gives_no_message() -> None:
    assert fit_text(" \n ") == ()
    assert fit_text("![](https://x.es/a.png)") == ()


SAMPLES = [
    "a" * 100_000,
    "a " * 50_000,
    "." * 100_000,
    ". " * 50_000,
    "[" * 19_000,
    "*a " * 6_000,
    "`" * 19_000,
    "{" * 100_000,
    "{%}" * 30_000,
    "> " * 9_000,
    "- " * 9_000,
    "á" + "\u0301" * 100_000,
    "\ud800\x00 hola \u202ealoh",
    "A. " * 30_000,
    ".'\"" * 30_000,
    "![a](b)" * 2_500,
    "|a" * 9_000 + "\n" + "|-" * 9_000,
    "http://" * 15_000,
    "\n" * 100_000,
]


@pytest.mark.parametrize("text", SAMPLES, ids=lambda text: repr(text[:6]))
@pytest.mark.parametrize("channel", [WHATSAPP, EMAIL, SMS])
def test_hostile_texts_are_fitted_fast(text: str, channel: str) -> None:
    start = time.process_time()
    for part in fit_text(text, channel, responder="assistant"):
        assert part.text.strip()
        assert len(part.text) <= CHANNELS[channel].max_chars
        assert not LIQUID.search(part.text)
        part.text.encode("utf-8")
    assert time.process_time() - start < 2


anything = st.text(st.characters(blacklist_categories=[]), max_size=600) | st.text("ab .!{}%[]()*_`-\n#>|", max_size=600)
words = st.lists(
    st.sampled_from(["hola", "año.", "Sr.", "3,50", "https://a.es/b?c=d", "¿Qué?", "(sí)", "Fin.", "ok,"]), max_size=120
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(anything, st.sampled_from([*CHANNELS, "Channel::New"]), st.integers(1, 400), st.sampled_from(["canned", "assistant"]))
@example("{{{%}}}" * 20, EMAIL, 7, "canned")
def test_every_message_fits_and_says_something(text: str, channel: str, limit: int, responder: str) -> None:
    parts = fit_text(text, channel, responder=responder, limit=limit)
    assert len(parts) <= 5
    for part in parts:
        assert part.text.strip()
        assert len(part.text) <= limit
        assert not LIQUID.search(part.text)


@settings(max_examples=200, deadline=None)
@given(words, st.integers(60, 400), st.sampled_from([TELEGRAM, EMAIL, WHATSAPP]))
def test_no_word_is_lost_and_no_url_split(chosen: list[str], limit: int, channel: str) -> None:
    text = " ".join(chosen)
    parts = texts_of(fit_text(text, channel, limit=limit))
    if len(parts) < 5:
        assert " ".join(parts).split() == chosen
        assert texts_of(fit_text("\n\n".join(parts), channel, limit=10_000)) == (["\n\n".join(parts)] if parts else [])


@settings(deadline=None)
@given(st.text("{}% ah:/.tp", max_size=200))
def test_defusing_twice_changes_nothing_more(text: str) -> None:
    assert not LIQUID.search(defuse(text))
    assert defuse(defuse(text)) == defuse(text)
