"""A server that others live on too: refused, and with mostrador_coexist shared, with nothing of theirs changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.box import ANSWERS, Box
from appliance.conftest import bare_box

# what somebody else set up before: a database, a Redis, a web server with a page, the clock of their country
NEIGHBOUR = """
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update -q
apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends postgresql redis-server nginx-light >/dev/null
runuser -u postgres -- createdb shop
printf 'unixsocket /run/redis/redis-server.sock\\nunixsocketperm 770\\n' >>/etc/redis/redis.conf
ln -sf /usr/share/zoneinfo/Europe/Madrid /etc/localtime
printf 'server { listen 80; server_name shop.example; return 200 "the shop"; }\\n' >/etc/nginx/conf.d/shop.conf
systemctl restart redis-server nginx
redis-cli set kept yes
"""
# what is theirs, in lines that must be the same afterwards
THEIRS = """
readlink /etc/localtime; hostname; sshd -T | grep -i passwordauth
sha256sum /etc/redis/redis.conf /etc/postgresql/*/main/pg_hba.conf /etc/nginx/conf.d/shop.conf /etc/ssh/sshd_config
systemctl show --property=MainPID --value redis-server
redis-cli get kept; redis-cli config get maxmemory-policy
runuser -u postgres -- psql -qAtc "SELECT datname FROM pg_database WHERE datname = 'shop'"
apt-config dump Unattended-Upgrade::Automatic-Reboot
python3 -c "
import http.client
c = http.client.HTTPConnection('127.0.0.1', 80)
c.request('GET', '/', headers={'Host': 'shop.example'})
print(c.getresponse().read().decode())"
"""


@pytest.fixture(scope="module")
def shared(release: Path) -> Iterator[Box]:
    with bare_box("shared", release) as box:
        box.host.ssh(NEIGHBOUR, 600)
        yield box


def test_it_is_refused_and_shared_where_that_is_said_and_nothing_of_theirs_changes(shared: Box) -> None:
    theirs = shared.host.ssh(THEIRS)
    refused = shared.play()
    assert not refused.is_good
    assert "mostrador_coexist: true" in refused.output
    assert shared.host.ssh(THEIRS) == theirs
    played = shared.play(mostrador_coexist=True)
    assert played.is_good, played.output[-3000:]
    assert shared.host.ssh(THEIRS) == theirs
    shared.fill()
    assert shared.ask("horario") == ANSWERS["horario"]
    again = shared.play(mostrador_coexist=True)
    assert again.is_good, again.output[-3000:]
    assert again.changed == 0, again.changes()
