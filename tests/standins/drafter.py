"""A model that drafts FAQs: what each text of a passage is to be asked, said back with the label under which it came.

llm.plan(writer=Drafter({"Abrimos de 9 a 14": ("hours", "¿Qué horario tenéis?", "Abrimos de 9 a 14 horas.")}))
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PASSAGE = re.compile(r"^\[(P[0-9]+)\] .*?(?=^\[P[0-9]+\] |^</)", re.MULTILINE | re.DOTALL)
Drafted = tuple[str, str, str]


class Drafter:
    """drafts: a text that stands in a passage -> (topic, question, answer), or several. Of "faq" only where FAQs are asked for.

    seen: how often each of the texts was read.
    """

    def __init__(self, drafts: Mapping[str, Drafted | list[Drafted]]) -> None:
        self.drafts = {text: [said] if isinstance(said, tuple) else said for text, said in drafts.items()}
        self.seen: list[str] = []

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        system, prompt = (message["content"] for message in body["messages"][:2])
        is_faq = '"topic" faq' in system
        items = []
        for match in PASSAGE.finditer(prompt):
            for text, said in self.drafts.items():
                if text in match[0]:
                    self.seen.append(text)
                    items += [make_item(match[1], *one) for one in said if (one[0] == "faq") == is_faq]
        return {"items": items}


def make_item(label: str, topic: str, question: str, answer: str) -> dict[str, Any]:
    return {
        "topic": topic, "question": question, "phrasings": [f"{question} ¿Lo sabéis?"], "answer": answer, "sources": [label],
    }  # fmt: skip
