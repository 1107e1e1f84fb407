"""9. The whole box at rest, as what its processes really take: the sum of their proportional shares."""

from __future__ import annotations

import time

from appliance.box import Box

MOST_MB = 400
PSS = """
import os, pathlib
total, lines = 0, []
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if folder.name == str(os.getpid()):  # this look itself is no part of the box
        continue
    try:
        rollup = (folder / "smaps_rollup").read_text()
        name = (folder / "cmdline").read_text().replace(chr(0), " ")[:60] or (folder / "comm").read_text().strip()
    except OSError:
        continue
    kb = int(rollup.split("Pss:")[1].split()[0])
    total += kb
    lines.append((kb // 1024, name))
print(total // 1024)
for mb, name in sorted(lines, reverse=True)[:25]:
    print(f"{mb:>5} MB  {name}")
"""


def test_the_whole_box_at_rest_takes_less_than_400_mb(box: Box) -> None:
    looks: list[str] = []
    for pause_s in (20, 15, 15, 30, 60):  # what the install and the first questions left ends, and what runs now and then
        time.sleep(pause_s)
        looks.append(box.host.ssh("python3 -", stdin=PSS))
        if int(looks[-1].split()[0]) < MOST_MB:
            break
    told = min(looks, key=lambda text: int(text.split()[0]))
    assert int(told.split()[0]) < MOST_MB, told
