"""Which reader knows which type of slot."""

from __future__ import annotations

from collections.abc import Callable

from chatbot.flows.slots import amounts, answers, codes, moments, papers, plain
from chatbot.flows.slots.kinds import Found, Reading, SlotSpec, SlotType, Where
from chatbot.flows.slots.opening import keep_open

Reader = Callable[[SlotSpec, str, Where], Reading | None]
Finder = Callable[[SlotSpec, str, Where], Found | None]

READERS: dict[SlotType, tuple[Reader, Finder]] = {
    "text": (plain.read_text, plain.find_text),
    "address": (plain.read_address, plain.find_address),
    "file": (plain.read_file, plain.find_file),
    "number": (amounts.read_number, amounts.find_number),
    "money": (amounts.read_money, amounts.find_money),
    "yes_no": (answers.read_yes_no, answers.find_yes_no),
    "choice": (answers.read_choice, answers.find_choice),
    "date": (moments.read_moment, moments.find_moment),
    "time": (moments.read_moment, moments.find_moment),
    "datetime": (moments.read_moment, moments.find_moment),
    "email": (codes.read_email, codes.find_email),
    "phone": (codes.read_phone, codes.find_phone),
    "order_number": (codes.read_order_number, codes.find_order_number),
    "postal_code": (codes.read_postal_code, codes.find_postal_code),
    "tax_id": (papers.read_tax_id, papers.find_tax_id),
    "iban": (papers.read_iban, papers.find_iban),
}


def read_slot(spec: SlotSpec, text: str, where: Where) -> Reading | None:
    """The whole message as the answer to this slot's question. None: nothing of that kind is in it.

    Heard.value by type: number 3 or 2.5; money {"amount": "12.50", "currency": "EUR"}; yes_no True or False; choice the
    option's value; date "2026-11-27"; time "17:00"; datetime "2026-11-27T17:00+01:00"; phone "+34600111222"; else text.
    """
    return keep_open(spec, READERS[spec.type][0](spec, text, where), where) if text.strip() else None


def find_slot(spec: SlotSpec, text: str, where: Where) -> Found | None:
    """The slot's value somewhere inside a sentence that says several things. None: there is none."""
    return READERS[spec.type][1](spec, text, where) if text.strip() else None
