"""Which addresses of the Internet Protocol belong to the open internet. Pure; pages.py asks for each connection.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

PROTOCOLS = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))  # meant for protocols, and for relays to IPv6
IPV6_UNICAST = IPv6Network("2000::/3")  # all that has been given out so far
NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last four bytes
TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/23"))  # 6to4, Teredo and others: where they end isn't told by them
DOCUMENTATION = IPv6Network("3fff::/20")


def is_public(address: str) -> bool:
    """Whether it is a single machine's on the open internet, however it is written: not private, loopback, link-local (where
    clouds keep their metadata), shared by a carrier, multicast, reserved, or an IPv4 one of those inside an IPv6 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public_ipv4(found) if isinstance(found, IPv4Address) else _is_public_ipv6(found)


def _is_public_ipv4(address: IPv4Address) -> bool:
    is_odd = address.is_multicast or address.is_reserved or any(address in network for network in PROTOCOLS)
    return address.is_global and not is_odd


def _is_public_ipv6(address: IPv6Address) -> bool:
    if address in NAT64:
        return _is_public_ipv4(IPv4Address(int(address) & 0xFFFF_FFFF))
    is_odd = address.scope_id is not None or address in DOCUMENTATION or any(address in tunnel for tunnel in TUNNELS)
    return address in IPV6_UNICAST and address.is_global and not is_odd
