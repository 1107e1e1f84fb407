"""Checks of the machine: what customers meet at its door, and what root's reader and the backups wrote down."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from chatbot.checks import Finding, Surroundings, fail, ok, warn
from chatbot.clients.probes import ask_loopback, get, read_certificate
from chatbot.models import Instance

FACTS_OLD_S = 180
RUN_OLD_S = 300
WARN_LIFE, FAIL_LIFE = 0.30, 0.15  # renewal is due at a third
DISK_WARN, DISK_FAIL = 0.10, 0.05
DAYS_WARN, DAYS_FAIL = 14.0, 3.0
TREND_S = 6 * 3_600
MEMORY_WARN, MEMORY_FAIL = 0.10, 0.04
PROVED_H = 26.0
UPDATES_WARN_DAYS, UPDATES_FAIL_DAYS = 3.0, 14.0
SYSTEM_WARN_DAYS = 180
# (ID, VERSION_ID) -> the system's name, and the last day of its regular security support
SYSTEMS = {
    ("debian", "13"): ("Debian 13", date(2028, 8, 9)),
    ("ubuntu", "24.04"): ("Ubuntu 24.04", date(2029, 4, 25)),
    ("ubuntu", "26.04"): ("Ubuntu 26.04", date(2031, 4, 23)),
}
BACKUP_SERVICE = "mostrador-backup.service"
HOUR_S = 3_600.0
CLOCK_SLACK = timedelta(hours=1)  # what is dated later was made while the clock was ahead
STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def check_facts(at: Surroundings) -> Finding | None:
    """Whether root's reader still writes: without it half of this list is blind."""
    if at.facts is None:
        return None
    age_s = at.now.timestamp() - float(at.facts.get("at", 0))
    return ok(age_s=round(age_s)) if age_s < FACTS_OLD_S else fail("old")


def check_ready(at: Surroundings) -> Finding | None:
    """What a customer's webhook needs: nginx, TLS, the web process and its database, asked on this machine."""
    if not at.is_own_box or not at.domain:
        return None
    found = ask_loopback(at.domain, at.port, "/readyz")
    if found.status == 200:
        return ok()
    return fail("not_ready", status=found.status or found.problem, why=_read_why(found.body))


def _read_why(body: bytes) -> str:
    try:
        return str(json.loads(body).get("why", ""))[:200]
    except (ValueError, AttributeError):
        return ""


def check_nginx(at: Surroundings, plain_port: int = 80) -> Finding | None:
    """nginx stands in front, and plain http only leads to https."""
    if not at.is_own_box or not at.domain:
        return None
    plain = ask_loopback(at.domain, plain_port, "/healthz", is_tls=False)
    secure = ask_loopback(at.domain, at.port, "/healthz")
    if not secure.status or not plain.status:
        return fail("away", problem=secure.problem or plain.problem)
    if not secure.headers.get("server", "").startswith("nginx"):
        return fail("not_in_front")
    is_led = plain.status in {301, 308} and plain.headers.get("location", "").startswith("https://")
    return ok() if is_led else fail("plain", status=plain.status)


def check_certificate(at: Surroundings) -> Finding | None:
    """The one that is really served, by the fraction of its life that is left."""
    if not at.is_own_box or not at.domain:
        return None
    found = read_certificate(at.domain, at.port)
    if found is None:
        return fail("none")
    values: dict[str, Any] = {"days": (found.ends_at - at.now).days, "left": round(100 * found.left(at.now))}
    if found.is_self_signed:
        return fail("self_signed", domain=at.domain)
    if found.names and at.domain not in found.names:
        return fail("other_name", domain=at.domain, names=", ".join(found.names)[:100])
    if found.left(at.now) < WARN_LIFE:
        return fail("short", **values) if found.left(at.now) < FAIL_LIFE else warn("late", **values)
    return ok(**values)


def check_public_name(at: Surroundings) -> Finding | None:
    """The way the world takes: DNS, firewall, a trusted certificate, HSTS; and that it is this installation that answers."""
    url = at.config.public_url.rstrip("/")
    if not url.startswith("https://"):
        return None
    found = get(f"{url}/healthz")
    if not found.status:
        return fail("away", url=url, problem=found.problem)
    if found.status not in {200, 503}:
        return fail("other", url=url, status=found.status)
    with at.engine.connect() as connection:
        own = str(connection.scalar(select(Instance.installation_id)))
    if own not in get(f"{url}/health/installation").body.decode("utf-8", "replace"):
        return fail("not_us", url=url)
    return ok(url=url) if "strict-transport-security" in found.headers else warn("no_hsts", url=url)


def check_disk(at: Surroundings) -> Finding:
    """The fullest of the disks that are written to, and when it will be full if it goes on like this."""
    share, path = min((free / total, path) for path, (free, total) in read_disks().items())
    values: dict[str, Any] = {"path": path, "left": round(100 * share)}
    days = find_days_left(at.history)
    if share < DISK_FAIL:
        return fail("full", is_sure=True, **values)
    if days is not None and days < DAYS_WARN:
        values["days"] = round(days, 1)
        return fail("soon", **values) if days < DAYS_FAIL else warn("soon", **values)
    return warn("little", **values) if share < DISK_WARN else ok(**values)


def read_disks() -> dict[str, tuple[int, int]]:
    """Path -> (bytes free, bytes in all), one path for each file system."""
    found: dict[int, str] = {}
    for path in ("/", "/var", "/var/lib/postgresql", "/var/backups", "/var/log"):
        if Path(path).is_dir():
            found.setdefault(Path(path).stat().st_dev, path)
    usages = {path: shutil.disk_usage(path) for path in found.values()}
    return {path: (usage.free, usage.free + usage.used) for path, usage in usages.items()}


def find_days_left(history: tuple[tuple[float, float], ...]) -> float | None:
    """Days until nothing is free, by the line through the readings; None where they are few, or it isn't filling."""
    if len(history) < 2 or history[-1][0] - history[0][0] < TREND_S:
        return None
    mean_t = sum(t for t, _ in history) / len(history)
    mean_free = sum(free for _, free in history) / len(history)
    spread = sum((t - mean_t) ** 2 for t, _ in history)
    slope = sum((t - mean_t) * (free - mean_free) for t, free in history) / spread
    return None if slope >= 0 else history[-1][1] / -slope / 86_400


def check_memory(_at: Surroundings) -> Finding:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    available, total = (int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    values: dict[str, Any] = {"mb": available // 1024, "left": round(100 * available / total)}
    if available / total < MEMORY_WARN:
        return fail("none", **values) if available / total < MEMORY_FAIL else warn("little", **values)
    return ok(**values)


def _facts(at: Surroundings, name: str) -> Mapping[str, Any] | None:
    """What root found out; None where it didn't look, or this is no box."""
    found = (at.facts or {}).get(name)
    return found if isinstance(found, Mapping) and "error" not in found else None


def check_units(at: Surroundings) -> Finding | None:
    """The services that have no check of their own here: timers run, and what they start didn't fail."""
    units = _facts(at, "units")
    if units is None:
        return None
    told = {BACKUP_SERVICE} if _is_backup_told(at) else set()
    bad = sorted(name for name, unit in units.items() if unit["active"] == "failed" or not _is_running(name, unit))
    bad = [name for name in bad if name not in told]
    return fail("bad", parts=tuple(bad), names=", ".join(bad), words=" ".join(bad)) if bad else ok(count=len(units))


def _is_backup_told(at: Surroundings) -> bool:
    """Whether check_backup tells why its service failed, or one has been made and proved since root looked."""
    finding = check_backup(at)
    if finding is None or finding.level == "fail":
        return finding is not None
    _, newest = read_beside(Path(at.config.backup_folder), "proved", at.now)[0]
    looked_at = datetime.fromtimestamp(float((at.facts or {}).get("at", 0)), UTC)
    return looked_at.isoformat() < str(newest.get("proved_at", "")) <= (at.now + CLOCK_SLACK).isoformat()


def _is_running(name: str, unit: Mapping[str, Any]) -> bool:
    is_at_rest = unit["type"] == "oneshot" and not name.endswith((".timer", ".target"))
    # what is just stopping is being restarted, or has stopped by the next look
    return is_at_rest or unit["active"] in {"active", "activating", "reloading", "deactivating"}


def check_firewall(at: Surroundings) -> Finding | None:
    found = _facts(at, "firewall")
    if found is None:
        return None
    return ok() if found["drops"] else fail("open")


def check_fail2ban(at: Surroundings) -> Finding | None:
    """A service that runs may only just have been started. One that doesn't is told at once, together with check_units."""
    found = _facts(at, "fail2ban")
    if found is None:
        return None
    if "sshd" in found["jails"]:
        return ok(is_sure=True, banned=found["banned"])
    service = (_facts(at, "units") or {}).get("fail2ban.service", {})
    return fail("off", is_sure=service.get("active") in {"inactive", "failed"})


def check_logs(at: Surroundings) -> Finding | None:
    found = _facts(at, "journal")
    if found is None:
        return None
    if not found["is_persistent"]:
        return fail("volatile")
    return ok(mb=found["bytes"] // 2**20) if found["is_capped"] else warn("uncapped", mb=found["bytes"] // 2**20)


def check_private_files(at: Surroundings) -> Finding | None:
    """Keys and backups are for their owners alone."""
    found = _facts(at, "private")
    if found is None:
        return None
    names = found["open"]
    return fail("readable", names=", ".join(names)[:300], words=" ".join(names)[:300]) if names else ok(count=found["count"])


def check_managed_files(at: Surroundings) -> Finding | None:
    """What the play wrote is still as it wrote it: a later play would undo what was changed by hand."""
    found = _facts(at, "managed")
    if found is None:
        return None
    changed = [*found["changed"], *found["missing"]]
    return warn("changed", names=", ".join(changed)[:300]) if changed else ok(count=found["count"])


def check_reboot(at: Surroundings) -> Finding | None:
    found = _facts(at, "reboot")
    if found is None:
        return None
    return warn("pending", days=found["days"]) if found["is_pending"] and found["days"] >= 1 else ok()


def check_updates(at: Surroundings) -> Finding | None:
    """Security updates install themselves every night. Absent while one is under way: packages are installed by half then."""
    found = _facts(at, "updates")
    if found is None:
        return None
    if found["off"]:
        return fail("off", names=", ".join(found["off"]))
    if found["half"] and not found["is_busy"]:
        return fail("half", names=", ".join(found["half"])[:300])
    days = round(found["days"])
    if found["days"] > UPDATES_WARN_DAYS:
        return fail("late", days=days) if found["days"] > UPDATES_FAIL_DAYS else warn("late", days=days)
    return None if found["is_busy"] else ok()


def check_system(at: Surroundings) -> Finding | None:
    """Until when there are security updates for it at all; absent where the table doesn't know it."""
    found = _facts(at, "os")
    known = SYSTEMS.get((found["id"], found["version"])) if found else None
    if known is None:
        return None
    name, until = known
    days = (until - at.now.date()).days
    if days < 0:
        return fail("ended", name=name, until=until.isoformat())
    values: dict[str, Any] = {"name": name, "until": until.isoformat(), "days": days}
    return warn("soon", **values) if days <= SYSTEM_WARN_DAYS else ok(**values)


def check_monitoring(at: Surroundings) -> Finding | None:
    """Whether `check` runs by itself."""
    if not at.is_own_box:
        return None
    age_s = (at.now - at.ran_at).total_seconds() if at.ran_at else None
    return ok(age_s=round(age_s)) if age_s is not None and age_s < RUN_OLD_S else fail("silent")


def read_beside(folder: Path, ending: str, now: datetime) -> list[tuple[datetime, Mapping[str, Any]]]:
    """What is noted beside backups that aren't of the future, with the time that they are of, which is in their name; newest
    first."""
    found = []
    for path in folder.glob(f"*.{ending}"):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if (stamp := STAMP.search(path.name)) and isinstance(content, dict):
            found.append((datetime.strptime(stamp[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), content))
    return sorted((f for f in found if f[0] <= now + CLOCK_SLACK), key=lambda proof: proof[0], reverse=True)


def check_backup(at: Surroundings) -> Finding | None:
    """The newest backup that was proved, and whether it went off the box."""
    if not at.is_own_box:
        return None
    folder = Path(at.config.backup_folder)
    proofs, failures = (read_beside(folder, ending, at.now) for ending in ("proved", "failed"))
    if failures and (not proofs or failures[0][0] > proofs[0][0]):
        return fail("spoiled", problem=str(failures[0][1].get("problem", ""))[:400])
    if not proofs:
        return fail("none")
    made_at, proof = proofs[0]
    hours = max(0.0, round((at.now - made_at).total_seconds() / HOUR_S, 1))
    if hours > PROVED_H:
        return fail("old", is_sure=True, hours=hours)
    return ok(hours=hours) if proof.get("copied_at") else warn("not_copied", hours=hours)
