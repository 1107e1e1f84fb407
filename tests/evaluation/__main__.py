"""`python -m evaluation FILE...`: prints a table of what the product finds and answers on sets with known answers.

Files are told apart by their shape (sets.py). A second passage file with the same questions' ids gives the paragraphs in
another language. Nothing is set by what is measured: thresholds and weights are the product's.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# before chatbot is imported: a developer's .env and var/local.env are no part of this
os.environ["ENV_FILE"] = os.environ["VAR_DIR"] = os.devnull

from evaluation import calibrate, faqs, passages
from evaluation.figures import Figures, show_table
from evaluation.sets import FaqSet, PassageSet, list_questions, misspell_set, read_set
from evaluation.store import Store, open_store


def main() -> int:
    given = _read_arguments()
    try:
        sets = [read_set(_find(path)) for path in given.files]
        if len({one.name for one in sets}) < len(sets):
            raise ValueError("two files have the same name, by which their figures are told apart")
        strange = [q for path in given.out_of_scope for q in list_questions(read_set(_find(path)))]
    except (OSError, ValueError) as e:
        print(f"scripts/eval: {e}", file=sys.stderr)  # noqa: T201
        return 2
    with open_store(is_dense=not given.without_embeddings) as store:
        if store.obstacle:
            print(f"scripts/eval: {store.obstacle}", file=sys.stderr)  # noqa: T201
        figures, samples = _measure(store, sets, strange, given)
    if given.calibrate:
        print(calibrate.calibrate(samples, given.false_answers), file=sys.stderr)  # noqa: T201
    if not given.json:
        print(show_table(figures))  # noqa: T201
    return 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/eval", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="one object a line, as soon as it is known")
    parser.add_argument("--out-of-scope", action="append", default=[], metavar="FILE", help="whose questions no FAQ answers")
    parser.add_argument("--false-answers", type=float, default=0.05, help="how many of those may be answered")
    parser.add_argument("--typos", action="store_true", help="the questions with typos beside those without")
    parser.add_argument("--without-embeddings", action="store_true", help="words alone")
    parser.add_argument("--calibrate", action="store_true", help="set the product's confidence from the passage sets")
    return parser.parse_args()


def _find(path: str) -> Path:
    return Path(os.environ.get("EVAL_FROM", "."), path)


def _measure(
    store: Store, sets: list[FaqSet | PassageSet], strange: list[str], given: argparse.Namespace
) -> tuple[list[Figures], list[passages.Sample]]:
    figures: list[Figures] = []
    samples: list[passages.Sample] = []

    def note(measured: list[Figures]) -> None:
        figures.extend(measured)
        if given.json:
            print("\n".join(line.to_json() for line in measured), flush=True)  # noqa: T201

    for one in (s for s in sets if isinstance(s, FaqSet)):
        for asked in [one, misspell_set(one)] if given.typos else [one]:
            assert isinstance(asked, FaqSet)
            note(faqs.measure(store, asked, strange, given.false_answers, with_siblings=asked is one))
    groups = _pair([s for s in sets if isinstance(s, PassageSet)])
    for one, other in groups:
        for each in filter(None, (one, other)):
            store.add_paragraphs(passages.name_of(each), each.paragraphs, each.language)
    has_vectors = bool(groups) and store.embed()
    for one, other in groups:
        measured, read = passages.measure(store, one, other, has_vectors=has_vectors)
        note(measured)
        samples += read
        if given.typos:
            note(passages.measure_typos(store, one, has_vectors=has_vectors))
    return figures, samples


def _pair(sets: list[PassageSet]) -> list[tuple[PassageSet, PassageSet | None]]:
    """Each set with the one of another language that has its questions."""
    pairs: list[tuple[PassageSet, PassageSet | None]] = []
    left = list(sets)
    while left:
        one = left.pop(0)
        other = next((s for s in left if s.ids & one.ids and s.language != one.language), None)
        if other is not None:
            left.remove(other)
        pairs.append((one, other))
    return pairs


if __name__ == "__main__":
    sys.exit(main())
