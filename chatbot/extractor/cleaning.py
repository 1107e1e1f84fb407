"""Takes out the characters that nobody sees and that can hide words meant for a model, and says which and how many."""

from __future__ import annotations

import unicodedata
from collections import Counter

import regex

from chatbot.extractor.outcome import Outcome

# what typesetting uses: gone without a word (soft hyphens, joiners, marks of byte order, of emoji's variants)
SILENT = regex.compile(r"[\u00ad\ufeff\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]|(?<=\p{L})\u2060(?=\p{L})")
UNSEEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0--[\n\t]]", regex.V1)
BULLETS = regex.compile(r"[\ue000-\uf8ff]")
SPACES = regex.compile(r"[\p{Zs}\t\u2028\u2029]+")
TAG = range(0xE0020, 0xE007F)
MOST_SAMPLES = 5
LONGEST_SAMPLE = 60


class Cleaner:
    """Cleans texts of one file and counts what it took out."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._hidden = ""

    def clean(self, text: str) -> str:
        """The text without signs that nobody sees; newlines stay, other spaces become one plain space."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n").replace("\x0b", "\n").replace("\x85", "\n")
        text = BULLETS.sub("•", SILENT.sub("", text))
        text = UNSEEN.sub(self._take_out, text)
        return "\n".join(SPACES.sub(" ", line).rstrip() if line.strip() else "" for line in text.split("\n"))

    def _take_out(self, found: regex.Match[str]) -> str:
        sign = found[0]
        if unicodedata.category(sign) not in ("Cs", "Cn") or sign == "\u2065":
            self._counts[sign] += 1
            # tag characters are ASCII written invisibly
            self._hidden += chr(ord(sign) - 0xE0000) if ord(sign) in TAG and len(self._hidden) < LONGEST_SAMPLE else ""
        return ""

    def tell(self, outcome: Outcome) -> None:
        """As a note, where there was something."""
        if not self._counts:
            return
        samples = [f"U+{ord(sign):04X} ×{count}" for sign, count in self._counts.most_common(MOST_SAMPLES)]
        hidden = {"hidden": self._hidden} if self._hidden else {}
        outcome.note("invisible_characters", count=self._counts.total(), samples=samples, **hidden)


def clean_line(text: str) -> str:
    """A title or name: one line, clean, no longer than 300 signs."""
    return " ".join(Cleaner().clean(text).split())[:300]
