"""Under which addresses others in the network reach the page, as links and as QR codes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import segno

from realtime.web.guard import Guard, is_any, is_loopback, own_names


@dataclass(frozen=True)
class Link:
    """An address of the page, with its token."""

    address: str

    def print_code(self, out: TextIO) -> None:
        """Draw it as a QR code of characters, for a terminal."""
        segno.make(self.address, error="l").terminal(out, border=2, compact=True)

    @property
    def code(self) -> str:
        """It as a QR code, an SVG."""
        drawn = io.BytesIO()
        segno.make(self.address, error="m").save(
            drawn, kind="svg", scale=5, border=3, dark="#000", light="#fff", xmldecl=False
        )
        return drawn.getvalue().decode()


def links(guard: Guard) -> list[Link]:
    """Return the addresses at which other machines find the page; none if they do not."""
    if guard.public:
        return [Link(guard.address)]
    if is_loopback(guard.host):
        return []
    names = [*_network_addresses(), own_names()[1]] if is_any(guard.host) else [guard.host]
    return [Link(guard.address_at(name)) for name in names]


def certified_names(guard: Guard) -> list[str]:
    """Return every name and address that this machine's page may be opened by."""
    here = ["localhost", "127.0.0.1", "::1"]
    if is_loopback(guard.host):
        return here
    given = [] if is_any(guard.host) else [guard.host]
    names = dict.fromkeys([*here, *given, *_network_addresses(), *own_names()])
    return [name for name in names if name.isascii()]


def _network_addresses() -> list[str]:
    """Return this machine's IPv4 addresses, loopback left out."""
    return list(dict.fromkeys(_find_addresses()))


def _find_addresses() -> Iterator[str]:
    import ifaddr  # what aioice finds its own by

    for adapter in ifaddr.get_adapters():
        for found in adapter.ips:
            if isinstance(found.ip, str) and not found.ip.startswith(("127.", "169.254.")):
                yield found.ip
