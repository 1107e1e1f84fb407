"""The format of conversation scripts (tests/conversations/README.md), checked: a misspelt field is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

One = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]  # one, or a list
ACTS = ("customer", "press", "file", "agent", "agent_note", "hand_back", "resolve", "clock", "publish", "shop")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Answer(Strict):
    """Of the shop's API. body: JSON, or text as it is."""

    body: Any = None
    status: int = 200
    redirect: str = ""
    wait_s: float = 0.0


class Proposal(Strict):
    """What the model says that a message means."""

    do: str
    flow: str = ""
    slot: str = ""
    value: str = ""


class Line(Strict):
    """One thing that happens, and what must come of it. Exactly one of the acts; every expectation may be left out."""

    customer: One | None = None
    press: str | None = None
    file: str | None = None
    agent: str | None = None
    agent_note: str | None = None
    hand_back: bool = False
    resolve: bool = False
    clock: str | None = None
    publish: dict[str, dict[str, str]] | None = None
    shop: dict[str, list[Answer]] | None = None

    twice: bool = False
    model: list[Proposal] = []
    chooses: str = "stay"

    bot: One | None = None
    never: One = Field(default=[], alias="not")
    buttons: One | None = None
    slots: dict[str, Any] = {}
    asks: str | None = None
    ended: bool | None = None
    status: Literal["open", "pending", "resolved"] | None = None
    labels: One | None = None
    priority: str | None = None
    attributes: dict[str, str] | None = None
    note: One = []
    calls: One | None = None
    sent: dict[str, Any] | None = None
    mails: int | None = None
    assistant: str | None = None

    @model_validator(mode="after")
    def _check_acts(self) -> Line:
        done = [name for name in ACTS if getattr(self, name) not in (None, False)]
        if len(done) != 1:
            raise ValueError(f"one of {', '.join(ACTS)}, and not {done}")
        return self


class Contact(Strict):
    name: str = "Lola Vidal"
    email: str | None = None
    phone: str | None = None


class Script(Strict):
    """One conversation. now: by the business's clock; models: played once for each."""

    name: str
    language: Literal["es", "en"] = "es"
    channel: Literal["web", "whatsapp", "email"] = "web"
    contact: Contact = Contact()
    now: str = "2026-11-26T10:00"
    settings: dict[str, Any] = {}
    models: list[Literal["none", "stand-in"]] = ["none", "stand-in"]
    shop: dict[str, list[Answer]] = {}
    mail: bool = True
    flows: list[dict[str, Any]] = []
    never: One = []
    lines: list[Line]

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, raw: Any) -> Any:
        """A list among the lines is played as if its lines stood there, so that scripts may share a beginning."""
        return {**raw, "lines": list(_flatten(raw["lines"]))} if isinstance(raw, dict) and "lines" in raw else raw


def _flatten(lines: list[Any]) -> list[Any]:
    return [one for line in lines for one in (_flatten(line) if isinstance(line, list) else [line])]


class Sheet(Strict):
    """A file. shared: lines under names, for anchors, and nothing else."""

    shared: dict[str, Any] = {}
    scripts: list[Script]


def load_scripts(folder: Path) -> list[tuple[str, Script]]:
    """(file/name, script) of every file, in order."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        sheet = Sheet.model_validate(YAML(typ="safe", pure=True).load(path))
        found += [(f"{path.stem}/{script.name}", script) for script in sheet.scripts]
    return found
