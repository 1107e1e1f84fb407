"""What stands in a customer's own message as a form's values is no form's: it would be a second message."""

from __future__ import annotations

import pytest

from chatbot.chatwoot_events import message_facts

VALUES = {"submitted_values": [{"title": "Sí", "value": "si"}]}


@pytest.mark.parametrize(("message_type", "submitted"), [(0, ""), (1, "Sí")])
def test_only_a_form_that_was_sent_to_the_customer_is_submitted(message_type: int, submitted: str) -> None:
    given = {"id": 7, "content": "hola", "message_type": message_type, "content_attributes": VALUES}
    facts = message_facts(given)
    assert facts is not None
    assert (facts.submitted, bool(facts.submitted_hash)) == (submitted, bool(submitted))
