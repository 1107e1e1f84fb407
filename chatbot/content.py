"""What the bot may say: one pydantic model per kind of entry, and the immutable releases that turns are pinned to.

Import, export, panel and API share these models. Entry -> Revision -> Release is the only history there is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chatbot.reply import Language

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Event = Literal["new_conversation", "thanks", "goodbye"]


class Body(BaseModel):
    """What every kind of entry has. inboxes: Chatwoot inbox ids it is limited to; empty means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    inboxes: tuple[int, ...] = ()


class CannedResponse(Body):
    """A fixed text ("Plantilla"), fired by any one of its triggers.

    exact: whole messages; keywords: whole words or phrases inside one; patterns: regular expressions searched in it.
    All ignore case and accents (patterns ignore case only). texts may hold {{contact.name}}-like variables.
    """

    texts: dict[Language, Text] = Field(min_length=1)
    exact: tuple[Line, ...] = ()
    keywords: tuple[Line, ...] = ()
    patterns: tuple[Line, ...] = ()
    events: tuple[Event, ...] = ()
    handoff: bool = False


class FaqEntry(Body):
    """One answer and its questions (phrasings), per language."""

    questions: dict[Language, tuple[Line, ...]] = Field(min_length=1)
    answers: dict[Language, Text] = Field(min_length=1)
    handoff: bool = False


class Article(Body):
    """A knowledge page in Markdown. url: where customers can read it, the only link that may be given for it."""

    title: Line
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200_000)]
    language: Language = "es"
    url: str | None = Field(default=None, max_length=2_000)


class Assistant(Body):
    """The AI persona ("Agente especializado").

    model: None takes the setting's; length: the reply's target; history_tokens: how much of the past it sees;
    min_confidence: below it the answer isn't used.
    """

    name: Line
    instructions: Text
    tone: Line = "cercano y claro"
    languages: tuple[Language, ...] = ("es", "en")
    default_language: Language = "es"
    model: str | None = None
    length: Literal["short", "medium", "long"] = "short"
    history_tokens: int = Field(default=1_500, ge=0, le=20_000)
    max_output_tokens: int = Field(default=600, ge=50, le=4_000)
    min_confidence: float = Field(default=0.5, ge=0, le=1)


KINDS: dict[str, type[Body]] = {"canned": CannedResponse, "faq": FaqEntry, "article": Article, "assistant": Assistant}


class Content(BaseModel):
    """All entries of one release (or of a draft), in key order within each kind. release_id: None for a draft."""

    model_config = ConfigDict(frozen=True)

    release_id: int | None = None
    canned: tuple[CannedResponse, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    article: tuple[Article, ...] = ()
    assistant: tuple[Assistant, ...] = ()

    @property
    def persona(self) -> Assistant | None:
        return self.assistant[0] if self.assistant else None
