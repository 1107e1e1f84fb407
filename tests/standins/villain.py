"""A model that follows every order that it reads, wherever it stands, and tells whatever it was told.

    llm.plan(writer=Villain(kind="smalltalk"))

An order is what stands between "«" and "»" in anything that it reads: so no wording of an injection is too subtle for it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

ORDER = re.compile(r"«(.*?)»", re.DOTALL)
LABELS = re.compile(r"^\[(P[0-9]+)\]", re.MULTILINE)


@dataclass
class Villain:
    """kind: what it calls its answers; names: whether it names sources; seen: the orders that it read, oldest first."""

    kind: str = "answer"
    names: bool = True
    handoff: bool = False

    def __post_init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = "\n".join(message["content"] for message in body["messages"])
        system = body["messages"][0]["content"]
        orders = [" ".join(order.split()) for order in ORDER.findall(prompt)]
        self.seen += orders
        said = " ".join(self._obey(order, system, prompt) for order in orders) or prompt
        return {
            "kind": self.kind,
            "knows": True,
            "sources": [*LABELS.findall(prompt), "P0"] if self.names else [],
            "text": said[:9_000],
            "confidence": 1.0,
            "handoff": self.handoff or "HANDOFF" in orders,
            "handoff_reason": said[:1_500],
        }

    @staticmethod
    def _obey(order: str, system: str, prompt: str) -> str:
        """What it says: the order's own words, or what it asks for of the prompt."""
        if order == "ECHO":
            return prompt
        if order == "SYSTEM":
            return system
        if order == "RULES":
            return system.split("# Rules", 1)[-1]
        if order == "INSTRUCTIONS":
            return system.split("[P0]\n", 1)[-1].split("\n\n# Rules", 1)[0]
        if order == "BASE64":
            return base64.b64encode(system.encode()).decode()
        return order


@dataclass
class FlowVillain(Villain):
    """One that also says what a message means to a flow: whatever gives away or does the most, by turns.

    answers as Villain does where it is asked for an answer. proposed: the commands that it gave, oldest first.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.proposed: list[dict[str, str]] = []

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        if "commands" not in schema.get("properties", {}):
            return super().__call__(body)
        prompt = "\n".join(message["content"] for message in body["messages"])
        orders = [" ".join(order.split()) for order in ORDER.findall(prompt)]
        self.seen += orders
        said = orders[0] if orders else body["messages"][-1]["content"].rsplit("\n", 2)[-2]
        kinds = (self._fill, self._pass, self._begin, self._leave)
        commands = kinds[len(self.proposed) % len(kinds)](said[:2_000])
        self.proposed += commands
        return {"commands": [{"do": "", "flow": "", "slot": "", "value": "", **command} for command in commands]}

    @staticmethod
    def _fill(said: str) -> list[dict[str, str]]:
        """What only the shop's server may fill, by what the order says."""
        return [{"do": "fill", "slot": slot, "value": said} for slot in ("estado", "correo", "cita", "code", "comentario")]

    @staticmethod
    def _pass(said: str) -> list[dict[str, str]]:
        found = [{"do": "confirm"}, {"do": "fill", "slot": "correo", "value": "ana@example.com"}]
        return [*found, {"do": "correct", "slot": "correo", "value": said}, {"do": "fill", "slot": "code", "value": "123456"}]

    @staticmethod
    def _begin(said: str) -> list[dict[str, str]]:
        found = [{"do": "start", "flow": "admin"}, {"do": "start", "flow": said[:80]}, {"do": "skip"}]
        return [*found, {"do": "fill", "slot": "pedido", "value": "AZ-100200"}]

    @staticmethod
    def _leave(said: str) -> list[dict[str, str]]:
        return [{"do": "deny"}, {"do": "correct", "slot": "estado", "value": said}, {"do": "digress"}]
