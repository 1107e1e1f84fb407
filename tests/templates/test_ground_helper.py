"""The helper of the template tests keeps what it promises."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleUndefinedVariable

from templates.render import evaluate


def test_facts_differ_by_system() -> None:
    assert evaluate("ansible_facts.distribution_major_version", os="ubuntu-24.04") == "24"
    assert evaluate("ansible_facts.memtotal_mb", facts={"memtotal_mb": 8192}) == 8192


def test_defaults_are_templates_themselves() -> None:
    assert evaluate("base_hostname", mostrador_domain="bot.shop.example") == "bot"


def test_an_undefined_variable_is_an_error() -> None:
    with pytest.raises(AnsibleUndefinedVariable):
        evaluate("mostrador_nothing_of_the_kind")
