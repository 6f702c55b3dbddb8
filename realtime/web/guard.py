"""Who may speak to the server: checks of Host, Origin and token.

Knows header values, not frameworks.

Host stops DNS rebinding, Origin stops other pages in the same browser, the token stops other users
and programs.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass

from engines.errors import UsageError

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Guard:
    """Where the server listens, and whom it lets in."""

    host: str
    port: int
    token: str | None
    """What a page must know; None for a server that asks for none."""
    public: str | None = None
    """The origin, such as https://paint.example.org, under which a proxy shows the page."""
    all_controls: bool = False
    """Whether pages may end the show, rule its window and write its disk."""

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Return why a request with these headers is refused whatever it asks for, or None."""
        if host is None or not self._is_ours(host):
            return "this Host is not served here"
        if origin is not None and origin not in (f"http://{host}", f"https://{host}", self.public):
            return "requests from other pages are refused"
        return None

    def knows_token(self, authorization: str | None) -> bool:
        """Return whether the header is ``Bearer`` and the token, compared in constant time."""
        if self.token is None:
            return True
        return secrets.compare_digest(
            (authorization or "").encode(), f"Bearer {self.token}".encode()
        )

    @property
    def address(self) -> str:
        """What to open in a browser; the token is in the part that browsers do not send."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        if _is_any(self.host):
            name = "127.0.0.1"
        token = f"#token={self.token}" if self.token else ""
        return (self.public or f"http://{name}:{self.port}") + "/" + token

    def _is_ours(self, host: str) -> bool:
        """Return whether it is the proxy's name, or one of ours with our port.

        Ours are this machine's, the one that was asked for, and beyond loopback any address by
        number.
        """
        if self.public and host == self.public.partition("://")[2]:
            return True
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        if name in (*_LOCAL_NAMES, self.host):
            return True
        if is_loopback(self.host):
            return False
        return name == socket.gethostname() or _is_address(name.strip("[]"))


def guard_for(host: str, port: int, token: str | None, public: str | None = None) -> Guard:
    """Return the guard of ``--serve``.

    ``token``: None for a random one, "none" for none at all. Raises UsageError for none beyond this
    machine, for one that is too short, and for a ``public`` that is no origin.
    """
    public = public and public.lower().rstrip("/")
    if public and not _ORIGIN.fullmatch(public):
        raise UsageError(
            "--serve-as is the address that a proxy shows, https://NAME or https://NAME:PORT, "
            f"not {public!r}."
        )
    if token == "none":
        if not is_loopback(host) or public:
            raise UsageError(
                f"--serve {host}: will not listen beyond this machine without a token. "
                "Leave --token none out."
            )
        return Guard(host, port, None)
    if token is not None and len(token) < 16:
        raise UsageError("--token needs at least 16 characters; leave it out for a random one.")
    return Guard(host, port, token or secrets.token_urlsafe(18), public)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_any(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
