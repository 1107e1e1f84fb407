"""A question as it is searched: its words with typos put right, their weights, and its vector."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chatbot.knowledge.embedding import Sought, embed_query
from chatbot.knowledge.lexical import pick_content, stem_each, weigh
from chatbot.knowledge.scope import Scope
from chatbot.knowledge.spelling import choose, find_similar
from chatbot.knowledge.statistics import Statistics, count_in_languages, read_statistics
from chatbot.reply import Language, TurnInput
from chatbot.settings import Settings
from chatbot.text import WORD, fold, stem_words

FEW_STEMS = 3
LONGEST_SEEN = 300
NO_VECTOR = Sought(None, "left_out")


@dataclass(frozen=True, slots=True)
class Asked:
    """weights: the content stems' by the language of the text they are looked for in; corrected: typos and what they became;
    average: the usual length of a chunk's stems."""

    weights: Mapping[Language, Mapping[str, float]]
    corrected: Mapping[str, str]
    statistics: Statistics
    sought: Sought

    @property
    def average(self) -> float:
        return self.statistics.length


def read_question(turn: TurnInput, *, with_history: bool) -> str:
    """The customer's text; one of few words ("and to the islands?") with what they wrote before it, or what their picture
    shows."""
    if with_history and len(stem_each(pick_content(turn.text))[turn.language]) < FEW_STEMS:
        if turn.seen:
            return f"{turn.text}\n{turn.seen[:LONGEST_SEEN]}"
        earlier = next((line.text for line in reversed(turn.history) if line.who == "customer"), "")
        return f"{turn.text}\n{earlier}"
    return turn.text


def ask(
    connection: Connection,
    scope: Scope,
    question: str,
    language: Language,
    settings: Settings | None,
    faqs: Sequence[str],
    *,
    is_dense: bool,
) -> Asked:
    """language: the customer's; faqs: the FAQs' texts as lexical.read_text() makes them, which are counted with the chunks.

    What isn't known is put right by words of the customer's language alone: a Spanish word that stands in no text isn't a typo
    of an English one.
    """
    words = pick_content(question)
    counted = _Counted(connection, scope, faqs)
    counted.count(words)
    unknown = [word for word in words if not counted.frequency(word)]
    similar = find_similar(connection, unknown) if unknown else {}
    corrected = choose(similar, counted.count_in(language, similar)) if similar else {}
    counted.count(corrected.values())
    words = [corrected.get(word, word) for word in words]
    sought = embed_query(connection, settings, _correct(question, corrected)) if settings and is_dense else NO_VECTOR
    return Asked(
        {lang: counted.weigh(stems) for lang, stems in stem_each(words).items()}, corrected, counted.statistics, sought
    )


def _correct(question: str, corrected: Mapping[str, str]) -> str:
    return WORD.sub(lambda found: corrected.get(fold(found[0]), found[0]), question) if corrected else question


class _Counted:
    """How many texts have a word, in chunks and FAQs together."""

    def __init__(self, connection: Connection, scope: Scope, faqs: Sequence[str]) -> None:
        self._connection, self._scope, self._faqs = connection, scope, faqs
        self._stems: dict[str, frozenset[str]] = {}
        self._of_faqs: dict[str, int] = {}
        self.statistics = read_statistics(connection, scope, ())

    def count(self, words: Iterable[str]) -> None:
        new = {word: frozenset(self._stem(word)) for word in words if word not in self._stems}
        self._stems |= new
        stems = frozenset[str]().union(*new.values())
        # all of them: what was counted before may have expired since
        every = frozenset[str]().union(*self._stems.values())
        self.statistics = read_statistics(self._connection, self._scope, sorted(every))
        self._of_faqs |= {stem: sum(f" {stem} " in text for text in self._faqs) for stem in stems}

    def count_in(self, language: Language, similar: Mapping[str, Sequence[str]]) -> Callable[[str], float]:
        """How common each of these words is in this language's chunks, and in the FAQs."""
        stems = {other: stem_words(other, language)[0] for others in similar.values() for other in others}
        found = count_in_languages(self._connection, self._scope, [language], sorted(set(stems.values())))
        return lambda word: found.get(stems[word], 0) + sum(f" {stems[word]} " in text for text in self._faqs)

    def _stem(self, word: str) -> Collection[str]:
        """In the languages that there are texts in: another's stems only cost a look."""
        languages: list[Language] = list(self.statistics.languages) if not self._faqs else ["es", "en"]
        return {stem for language in languages for stem in stem_words(word, language)}

    def frequency(self, word: str) -> float:
        return max((self._count_stem(stem) for stem in self._stems.get(word, ())), default=0.0)

    def _count_stem(self, stem: str) -> float:
        return self.statistics.frequencies.get(stem, 0) + self._of_faqs.get(stem, 0)

    def weigh(self, stems: Iterable[str]) -> dict[str, float]:
        size = self.statistics.size + len(self._faqs)
        return {stem: weigh(self._count_stem(stem), size) for stem in stems}
