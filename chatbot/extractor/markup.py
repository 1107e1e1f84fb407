"""HTML: what nobody sees goes, then the main text without menus and footers, as Markdown."""

from __future__ import annotations

import regex
from lxml import html
from lxml.etree import ParserError
from markdownify import markdownify
from trafilatura import extract

from chatbot.extractor.kinds import CHARSET, decode
from chatbot.extractor.outcome import Outcome, Refused

HEAD = 4_096
XML_START = regex.compile(r"^\s*<\?xml[^>]*\?>")
HIDDEN_STYLE = regex.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?:\D|$)|opacity\s*:\s*0*(?:\.0+)?\s*(?:;|!|$)"
    r"|(?:text-indent|left|top|right|margin-left)\s*:\s*-\d{3,}|clip-path\s*:\s*inset\(\s*(?:50|100)%",
    regex.I,
)
UNSEEN_TAGS = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "input", "select", "option"}
AROUND = "//nav | //header[not(ancestor::main or ancestor::article)] | //footer | //aside | //form//button"
# how much of the page's <main> the main text must have, or <main> is taken as it stands
LEAST_SHARE = 0.6
LONGEST_SAMPLE = 100
STRUCTURE = regex.compile(r"^(?:#{1,6} |\||- |\d+\. )", regex.M)
BLANK_LINES = regex.compile(r"\n{3,}")


def read(content: bytes, kind: str, media_type: str) -> Outcome:  # noqa: ARG001  as all of them are called
    """One section. Raises Refused."""
    said = CHARSET.search(content[:HEAD])
    text = XML_START.sub(
        "", decode(content, media_type if "charset" in media_type.lower() else said[0].decode() if said else "")
    )
    try:
        tree = html.document_fromstring(text, parser=html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True))
    except (ParserError, ValueError):
        raise Refused("empty") from None
    outcome = Outcome(title=_find_title(tree), language=(tree.get("lang") or "")[:2].lower())
    _take_out_hidden(tree, outcome)
    outcome.sections.append((_find_main_text(tree), None))
    return outcome


def convert(markup: str) -> str:
    """Markup of a known converter as Markdown, all of it."""
    found = markdownify(
        markup, heading_style="ATX", bullets="-", table_infer_header=True, strip=["img"],
        escape_asterisks=False, escape_underscores=False,
    )  # fmt: skip
    return BLANK_LINES.sub("\n\n", found).strip()


def _find_title(tree: html.HtmlElement) -> str:
    """The heading where there is just one; a <title> often ends with the name of the shop."""
    headings = tree.xpath("//h1")
    title = tree.findtext(".//title") or ""
    return headings[0].text_content() if len(headings) == 1 and headings[0].text_content().strip() else title


def _take_out_hidden(tree: html.HtmlElement, outcome: Outcome) -> None:
    samples: list[str] = []
    count = 0
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None:
            continue
        if element.tag in UNSEEN_TAGS:
            element.drop_tree()
        elif element.get("hidden") is not None or HIDDEN_STYLE.search(element.get("style") or ""):
            said = " ".join(element.text_content().split())
            element.drop_tree()
            if said:
                count += 1
                samples.append(said[:LONGEST_SAMPLE])
    if count:
        outcome.note("hidden_text", count=count, samples=samples[:3])


def _find_main_text(tree: html.HtmlElement) -> str:
    """trafilatura's choice, unless the page itself says where its main text is and that has much more, or its structure."""
    found = extract(tree, output_format="markdown", include_comments=False, include_tables=True, include_links=False) or ""
    for around in tree.xpath(AROUND):
        around.drop_tree()
    mains = tree.xpath("//main | //*[@role='main']") or tree.xpath("//article") or tree.xpath("//body") or [tree]
    whole = "\n\n".join(convert(html.tostring(main, encoding="unicode")) for main in mains if not _is_inside(main, mains))
    is_most = _count(found) >= LEAST_SHARE * _count(whole)
    # of a short page it gives the bare lines, menus included
    is_flat = bool(STRUCTURE.search(whole)) and not STRUCTURE.search(found)
    return found if is_most and not is_flat else whole


def _is_inside(element: html.HtmlElement, others: list[html.HtmlElement]) -> bool:
    return any(above in others for above in element.iterancestors())


def _count(text: str) -> int:
    return len(regex.findall(r"\w+", text))
