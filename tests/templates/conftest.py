"""What the template tests share: each of them runs once for every supported operating system."""

from __future__ import annotations

import pytest

from templates.render import SYSTEMS


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    """A name for render(os=...)."""
    name: str = request.param
    return name
