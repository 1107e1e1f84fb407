"""DOCX: mammoth makes HTML of its styles, and that becomes Markdown. Pictures aren't even unpacked."""

from __future__ import annotations

import io

import mammoth
import regex
from defusedxml.ElementTree import fromstring
from lxml import etree

from chatbot.extractor import archive
from chatbot.extractor.markup import convert
from chatbot.extractor.outcome import Outcome

WANTED = regex.compile(
    r"(?:\[Content_Types\]\.xml|_rels/\.rels|docProps/core\.xml|word/(?:[\w-]+\.xml|_rels/[\w.-]+\.rels))", regex.I
)
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
OFF = {"0", "false", "off"}
# people write headings in bold
BOLD_LINE = regex.compile(r"<p><strong>([^<]{2,80}[^<.,;:])</strong></p>(?=<)")
LONGEST_SAMPLE = 100


def read(content: bytes, kind: str, media_type: str) -> Outcome:  # noqa: ARG001  as all of them are called
    """One section. Raises Refused."""
    parts = archive.unpack(content, lambda name: bool(WANTED.fullmatch(name)))
    outcome = Outcome(title=_read_title(parts.get("docProps/core.xml", b"")))
    parts["word/document.xml"] = _take_out_hidden(parts["word/document.xml"], outcome)
    converted = mammoth.convert_to_html(io.BytesIO(archive.pack(parts)), convert_image=lambda _: [], external_file_access=False)
    outcome.sections.append((convert(BOLD_LINE.sub(r"<h5>\1</h5>", converted.value)), None))
    return outcome


def _read_title(core: bytes) -> str:
    return (fromstring(core, forbid_dtd=True).findtext(TITLE) or "") if core else ""


def _take_out_hidden(document: bytes, outcome: Outcome) -> bytes:
    """Runs of the font's effect "hidden"."""
    tree = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    hidden = [run for run in tree.iter(f"{WORD}r") if _is_hidden(run)]
    samples = [said for run in hidden if (said := "".join(run.itertext()).strip())]
    for run in hidden:
        run.getparent().remove(run)
    if samples:
        outcome.note("hidden_text", count=len(samples), samples=[said[:LONGEST_SAMPLE] for said in samples[:3]])
    return bytes(etree.tostring(tree))


def _is_hidden(run: etree._Element) -> bool:
    vanish = run.find(f"{WORD}rPr/{WORD}vanish")
    return vanish is not None and vanish.get(f"{WORD}val", "1") not in OFF
