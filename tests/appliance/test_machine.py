"""The test host itself: if it weren't a machine like a provider's, the other tests would prove little."""

from __future__ import annotations

import pytest

from appliance import groups, network
from appliance.host import DISKS, Host, remove_orphans
from appliance.machine import STATE, locked, run

BARE = "bare"


@pytest.fixture(scope="module")
def host(machine: None) -> Host:  # type: ignore[misc]
    with Host(BARE) as host:
        yield host


def test_a_bare_debian_boots_with_a_gigabyte_and_a_small_disk(host: Host) -> None:
    assert "trixie" in host.ssh("cat /etc/os-release")
    assert host.ssh("systemctl is-system-running").strip() == "running"
    assert int(host.ssh("awk '/MemTotal/ {print $2}' /proc/meminfo")) < 1_048_576
    assert int(host.ssh("df --output=size -BG / | tail -n 1").strip().rstrip("G")) <= 8


def test_nothing_listens_but_ssh(host: Host) -> None:
    listening = host.ssh("cut -d: -f3 /proc/net/tcp /proc/net/tcp6 | awk '$1' && awk '$4 == \"0A\" {print $2}' /proc/net/tcp*")
    assert {line.rpartition(":")[2] for line in listening.split() if ":" in line} == {"0016"}


def test_a_reboot_loses_the_firewall_and_keeps_the_disk(host: Host) -> None:
    host.ssh("touch /root/kept")
    run("ip", "netns", "exec", f"mostrador-{BARE}", "nft", "add", "table", "inet", "from_before")
    before = host.ssh("cat /proc/sys/kernel/random/boot_id; systemctl show --property=UserspaceTimestampMonotonic")
    host.reboot()
    assert host.ssh("ls /root/kept").strip() == "/root/kept"
    assert "from_before" not in run("ip", "netns", "exec", f"mostrador-{BARE}", "nft", "list", "ruleset")
    assert host.ssh("cat /proc/sys/kernel/random/boot_id; systemctl show --property=UserspaceTimestampMonotonic") != before


def test_a_removed_host_leaves_nothing_behind() -> None:
    with Host("gone") as host:
        number = host.number
        with pytest.raises(RuntimeError, match="is there already"):
            Host("gone").start()
        assert groups.is_alive("gone"), "the second one must not have torn down the first"
    assert not groups.is_alive("gone")
    assert not (STATE / "gone").exists()
    assert not (DISKS / "gone").exists()
    assert str(DISKS / "gone") not in run("cat", "/proc/mounts")
    assert "mostrador-gone" not in run("ip", "netns", "list")
    with locked("leases"):  # somebody else may have got its number meanwhile
        leased = {int(path.read_text()) for path in STATE.glob("*/number")}
        links = {line.split()[0].partition("@")[0] for line in run("ip", "-brief", "link").splitlines()}
    assert number in leased or f"mt{number}" not in links


def test_who_ended_in_the_middle_of_its_lease_is_cleaned_up_after() -> None:
    (STATE / "half").mkdir(parents=True)
    assert "half" in network.orphans()
    remove_orphans()
    assert not (STATE / "half").exists()


def test_what_a_killed_process_left_is_found_and_removed() -> None:
    with Host("left") as host:
        (STATE / "left/owner").write_text("999999999 1")
        with Host("next"):  # or whatever else starts on this machine: the first one finds it
            assert not groups.is_alive("left")
            assert "left" not in network.orphans()
            assert not host.folder.exists()
            assert not (DISKS / "left").exists()
