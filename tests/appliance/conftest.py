"""Two installed boxes for most of the tests, in an order in which the later ones may break more.

While writing tests: `python -m appliance up NAME` and APPLIANCE_HOST=NAME scripts/test --appliance ... use and keep that one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.box import Box
from appliance.host import Host
from appliance.machine import must_run, refusal
from appliance.outside import DOMAIN, Outside
from appliance.playbook import Played, bring_tree, built_release, run_script

KEPT = os.environ.get("APPLIANCE_HOST", "")
HERE = Path(__file__).parent
# two halves that know nothing of each other, each with boxes and an outside of its own: they run side by side
HALVES = {
    "play": (
        "test_install",
        "test_rerun",
        "test_memory",
        "test_embedder",
        "test_outside",
        "test_panel_bans",
        "test_doctor",
        "test_renewal",
        "test_alerts",
        "test_reboot",
    ),
    "script": ("test_machine", "test_script", "test_kills", "test_deploy", "test_restore", "test_coexist"),
}
ORDER = [name for names in HALVES.values() for name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are marked, and stand in the order above; those of other folders stay where they are."""
    own = [item for item in items if HERE in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.appliance)
    own.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))
    others = [item for item in items if HERE not in item.path.parents]
    items[:] = others + own


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A process for each half. (xdist's own --dist loadgroup doesn't group with this pytest.)"""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415  only where it is in use

    class Halves(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return half_of(Path(nodeid.partition("::")[0]))

    return Halves(config, log)


def half_of(path: Path) -> str:
    return "script" if path.stem in HALVES["script"] else "play"


@pytest.fixture(scope="session")
def machine() -> None:
    """Where no host can be booted, root on Debian fails and everybody else skips; both say why."""
    if reason := refusal():
        sys.stderr.write(f"\nappliance: {reason}\n")
        if must_run():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def release(machine: None) -> Path:
    """The artefact of this tree."""
    return built_release()


@contextmanager
def bare_box(name: str, release: Path) -> Iterator[Box]:
    """A bare host to which the domain leads, with nothing played yet, and all that is outside it."""
    if KEPT:
        yield Box(Host.find(KEPT), Outside.find(KEPT), release)
        return
    with Outside(name) as outside, Host(name, dns=outside.address) as host:
        outside.point(host.address)
        outside.befriend(host)
        yield Box(host, outside, release)


@pytest.fixture(scope="session")
def fresh_box(release: Path) -> Iterator[Box]:
    with bare_box("tests", release) as box:
        yield box


@pytest.fixture(scope="session")
def installed(fresh_box: Box) -> Played:
    """The first play."""
    played = fresh_box.play()
    if played.is_good:
        fresh_box.fill()
    return played


@pytest.fixture(scope="session")
def fresh_script_box(release: Path) -> Iterator[Box]:
    with bare_box("script", release) as box:
        yield box


@pytest.fixture(scope="session")
def script_installed(fresh_script_box: Box) -> Played:
    """The first run of scripts/install on the server itself, as a person at its keyboard."""
    bring_tree(fresh_script_box.host)
    played = run_script(fresh_script_box.host, f"-e mostrador_acme_directory_url={fresh_script_box.outside.acme_directory_url}",
                        answers=f"{DOMAIN}\nowner@mostrador.test\n")  # fmt: skip
    if played.is_good:
        fresh_script_box.tell_settings()
        fresh_script_box.fill()
    return played


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest) -> Box:
    """Its file's half's: installed by either road, with content, live. Tests that break something mend it."""
    is_script = half_of(request.path) == "script"
    installed: Played = request.getfixturevalue("script_installed" if is_script else "installed")
    if not installed.is_good:
        pytest.fail(f"the install failed:\n{installed.output[-3000:]}", pytrace=False)
    box: Box = request.getfixturevalue("fresh_script_box" if is_script else "fresh_box")
    return box


@pytest.fixture(scope="module")
def outside(box: Box) -> Outside:
    return box.outside
