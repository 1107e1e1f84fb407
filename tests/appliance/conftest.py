"""One installed box for most of the tests, in an order in which the later ones may break more.

While writing tests: `python -m appliance up NAME` and APPLIANCE_HOST=NAME scripts/test --appliance ... use and keep that one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.box import Box
from appliance.host import Host
from appliance.machine import must_run, refusal
from appliance.outside import Outside
from appliance.playbook import Played, built_release

KEPT = os.environ.get("APPLIANCE_HOST", "")
HERE = Path(__file__).parent
ORDER = (
    "test_machine", "test_install", "test_rerun", "test_memory", "test_outside", "test_doctor", "test_renewal", "test_kills",
    "test_alerts", "test_reboot", "test_deploy", "test_restore",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are marked, and stand in the order above; those of other folders stay where they are."""
    own = [item for item in items if HERE in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.appliance)
    own.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))
    others = [item for item in items if HERE not in item.path.parents]
    items[:] = others + own


@pytest.fixture(scope="session")
def machine() -> None:
    """Where no host can be booted, root on Debian fails and everybody else skips; both say why."""
    if reason := refusal():
        sys.stderr.write(f"\nappliance: {reason}\n")
        if must_run():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def outside(machine: None) -> Iterator[Outside]:
    if KEPT:
        yield Outside.find(KEPT)
        return
    with Outside("tests") as outside:
        yield outside


@pytest.fixture(scope="session")
def release(machine: None) -> Path:
    """The artefact of this tree."""
    return built_release()


@pytest.fixture(scope="session")
def fresh_box(outside: Outside, release: Path) -> Iterator[Box]:
    """A bare host to which the domain leads, with nothing played yet."""
    if KEPT:
        yield Box(Host.find(KEPT), outside, release)
        return
    with Host("tests", dns=outside.address) as host:
        outside.point(host.address)
        outside.befriend(host)
        yield Box(host, outside, release)


@pytest.fixture(scope="session")
def installed(fresh_box: Box) -> Played:
    """The first play."""
    played = fresh_box.play()
    if played.is_good:
        fresh_box.fill()
    return played


@pytest.fixture(scope="session")
def box(fresh_box: Box, installed: Played) -> Box:
    """Installed, with content, live. Tests that break something mend it."""
    if not installed.is_good:
        pytest.fail(f"the install failed:\n{installed.output[-3000:]}", pytrace=False)
    return fresh_box
