"""What reading a file ends with: its sections and notes, or a refusal with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """code and facts: those of errors.IngestError."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


@dataclass(slots=True)
class Outcome:
    """sections: Markdown and the number of its page, or None; language: what the file says of itself, such as "es"."""

    title: str = ""
    language: str = ""
    sections: list[tuple[str, int | None]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def note(self, code: str, **facts: Any) -> None:
        self.notes.append({"code": code, **facts})

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "language": self.language, "sections": self.sections, "notes": self.notes}
