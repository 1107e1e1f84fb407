"""What an entry may hold: one pydantic model per kind, and all entries of a release as one Content. Pure.

Import, export, panel and API share these models; content.py keeps their revisions and releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from chatbot.body_types import Body, Event, Key, Keyword, Line, LongText, Pattern, Priority, Text, Url
from chatbot.flows.definition import Flow
from chatbot.reply import Language
from chatbot.saying import gettext as _


class CannedResponse(Body):
    """A fixed text ("Plantilla"), fired by any one of its triggers.

    exact: whole messages; keywords: whole words or phrases inside one; patterns: regular expressions searched in it.
    All ignore case and accents (patterns ignore case only). texts may hold {{contact.name}}-like variables.
    priority: of several that the same kind of trigger fires, the highest is said.
    """

    texts: dict[Language, Text] = Field(min_length=1)
    exact: tuple[Line, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    events: tuple[Event, ...] = ()
    handoff: bool = False
    priority: Priority = 0


class FaqEntry(Body):
    """One answer and its questions (phrasings), per language."""

    questions: dict[Language, tuple[Line, ...]] = Field(min_length=1)
    answers: dict[Language, Text] = Field(min_length=1)
    handoff: bool = False


class Knowledge(Body):
    """What passages are found in. assistants: keys of those that may use it, empty means all; valid_from, valid_until:
    the first and the last day in the business's time zone; show_link: whether the customer may get its address.
    """

    title: Line
    assistants: tuple[Key, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    show_link: bool = True


class Article(Knowledge):
    """A knowledge page in Markdown. url: where customers can read it, the only link that may be given for it."""

    text: LongText
    language: Language = "es"
    url: Url | None = None


class Document(Knowledge):
    """An uploaded file or something on the web, read into passages. source: what kind of thing it is; url: all but a file's;
    file: the SHA-256 of its bytes (models.StoredFile); language: None is found out page by page.

    read_every_h: how often the web is read again, 0 for never; max_pages, max_depth: of a site or sitemap.
    """

    source: Literal["file", "page", "site", "sitemap", "help_center"]
    url: Url | None = None
    file: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    language: Language | None = None
    read_every_h: int = Field(default=24, ge=0, le=8_760)
    max_pages: int = Field(default=200, ge=1, le=5_000)
    max_depth: int = Field(default=5, ge=0, le=20)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.source == "file" and (self.file is None or self.url is not None):
            raise ValueError(_("a file needs `file` (its SHA-256) and no `url`"))
        if self.source not in ("file", "help_center") and (self.url is None or self.file is not None):
            raise ValueError(_("a page, site or sitemap needs `url` and no `file`"))
        return self


class When(BaseModel):
    """When a conversation goes to an assistant by rule; any one of them will do. phrases: in what was just written, in
    singular or plural; inboxes: Chatwoot's ids of those where it begins; labels: the conversation's or its contact's there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phrases: dict[Language, tuple[Keyword, ...]] = {}
    inboxes: tuple[int, ...] = ()
    labels: tuple[Line, ...] = ()


class Assistant(Body):
    """The AI persona ("Agente especializado"). Which of several speaks: router.py.

    about: what it looks after, for the panel and for the model that chooses; priority: the highest speaks where nothing else
    decides; model: None takes the setting's; length: the reply's target; history_tokens: how much of the past it sees;
    min_confidence: below it the answer isn't used; max_replies: answers in one conversation before a person is asked;
    daily_budget_micros: what its model calls may cost in a day. None: no limit of its own.
    """

    name: Line
    instructions: Text
    tone: Line = "cercano y claro"
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("es", "en")
    default_language: Language = "es"
    model: Line | None = None
    length: Literal["short", "medium", "long"] = "short"
    history_tokens: int = Field(default=1_500, ge=0, le=20_000)
    max_output_tokens: int = Field(default=600, ge=50, le=4_000)
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    priority: Priority = 0
    about: dict[Language, Line] = Field(default={})
    when: When = When()
    max_replies: int | None = Field(default=None, ge=1, le=1_000)
    daily_budget_micros: int | None = Field(default=None, ge=0, le=1_000_000_000)


KINDS: dict[str, type[Body]] = {
    "canned": CannedResponse,
    "faq": FaqEntry,
    "article": Article,
    "document": Document,
    "assistant": Assistant,
    "flow": Flow,
}
KIND_NAMES: dict[type[Body], str] = {model: kind for kind, model in KINDS.items()}
# the kinds where an order has an effect: FAQs and articles are chosen by how well they fit
ORDERED = ("canned", "assistant")
LATER_FIELDS = ("enabled", "priority", "assistants", "valid_from", "valid_until", "show_link", "about", "when", "max_replies",
                "daily_budget_micros")  # fmt: skip


class Content(BaseModel):
    """All entries of one release (or of a draft), in key order within each kind. release_id: None for a draft; flow_revisions:
    the revision id of each flow by its key, which a conversation stays on."""

    model_config = ConfigDict(frozen=True)

    release_id: int | None = None
    canned: tuple[CannedResponse, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    article: tuple[Article, ...] = ()
    document: tuple[Document, ...] = ()
    assistant: tuple[Assistant, ...] = ()
    flow: tuple[Flow, ...] = ()
    flow_revisions: dict[str, int] = {}

    @property
    def persona(self) -> Assistant | None:
        """The first, who speaks where nothing says otherwise."""
        return self.assistant[0] if self.assistant else None

    def pick_assistant(self, key: str, inbox: int) -> Assistant | None:
        """The one of this key, else the first; of those that may speak in an inbox."""
        own = self.list_speakers(inbox)
        return next((a for a in own if a.key == key), own[0] if own else None)

    def list_speakers(self, inbox: int) -> tuple[Assistant, ...]:
        """Who may speak in an inbox: the first, and whoever else has a rule or says what it looks after."""
        own = [a for a in self.assistant if not a.inboxes or inbox in a.inboxes]
        return tuple(a for n, a in enumerate(own) if n == 0 or a.about or a.when != When())

    def list_languages(self, inbox: int) -> tuple[Language, ...]:
        """What the bot speaks in an inbox: what any of its assistants does."""
        speakers = self.list_speakers(inbox)
        spoken: list[Language] = [language for assistant in speakers for language in assistant.languages]
        return tuple(dict.fromkeys(spoken)) or ("es", "en")

    def entries(self) -> Iterator[Body]:
        """Every entry, kind by kind."""
        return chain(self.canned, self.faq, self.article, self.document, self.assistant, self.flow)


def make_content(
    bodies: Iterable[Body], release_id: int | None = None, flow_revisions: Mapping[str, int] | None = None
) -> Content:
    """Sorts entries into a Content."""
    kinds: dict[str, list[Body]] = {kind: [] for kind in KINDS}
    for body in sorted(bodies, key=lambda b: b.key):
        kinds[KIND_NAMES[type(body)]].append(body)
    return Content.model_validate({"release_id": release_id, **kinds, "flow_revisions": dict(flow_revisions or {})})


def dump_body(body: Body) -> dict[str, Any]:
    """As a revision holds it: what came later is left out where it is as ever, so that switching off and on is no change."""
    fields = type(body).model_fields
    later: set[str] = {name for name in LATER_FIELDS if name in fields and getattr(body, name) == fields[name].default}
    return body.model_dump(mode="json", exclude=later)


def address_of(document: Document) -> str:
    """The Page.address where its reading begins. A help centre without a `url` is the connected Chatwoot's own."""
    return f"sha256:{document.file}" if document.source == "file" else document.url or "chatwoot:help_center"
