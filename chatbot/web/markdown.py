"""An article's Markdown as HTML, for the preview. The one place where typed text becomes markup: cleaned twice."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = {"a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "s", "strong"} | {
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
LONGEST_TEXT = 200_000
_reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def show_markdown(text: str) -> Markup:
    """HTML in the text is shown as it was typed; of links only those of the web and of mail work; pictures are left out."""
    html = _reader.render(text[:LONGEST_TEXT])
    clean = nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"})
    return Markup(clean)  # noqa: S704  cleaned above
