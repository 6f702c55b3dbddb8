"""Who may speak to the server: checks of Host, Origin and token.

Knows header values, not frameworks.

Host stops DNS rebinding, Origin stops other pages in the same browser, the token stops other users
and programs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass, replace

from engines.errors import UsageError

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")
_WATCH_TOKEN_BYTES = 18
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
    scheme: str = "http"
    """Or https, with a certificate of our own."""

    @property
    def studio_refusal(self) -> str | None:
        """Why pages may not bring files and keep styles here, None if they may."""
        if self.token is None:
            return "Files and My styles need a token: start again without --token none."
        if is_loopback(self.host) and not self.public:
            return None
        return (
            None
            if self.all_controls
            else (
                "Files and My styles are for this machine alone, since others can open this page. "
                "--web-controls all lets every page with the token use them."
            )
        )

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
    def watch_token(self) -> str | None:
        """What a page must know to see the painting and do nothing else; None without a token.

        It is made of the token, so it lasts as long, and the token cannot be made of it (HMAC with
        SHA-256, RFC 2104).
        """
        if self.token is None:
            return None
        made = hmac.digest(self.token.encode(), b"watch only", hashlib.sha256)
        return base64.urlsafe_b64encode(made[:_WATCH_TOKEN_BYTES]).decode()

    def for_watching(self) -> Guard:
        """Return the guard whose addresses are for watching only."""
        return replace(self, token=self.watch_token)

    @property
    def address(self) -> str:
        """What to open in a browser; the token is in the part that browsers do not send."""
        name = "127.0.0.1" if is_any(self.host) else self.host
        return self.public + self._end if self.public else self.address_at(name)

    def address_at(self, name: str) -> str:
        """Return what to open where this machine is called ``name``, or has that address."""
        name = f"[{name}]" if ":" in name else name
        return f"{self.scheme}://{name}:{self.port}{self._end}"

    @property
    def _end(self) -> str:
        return f"/#token={self.token}" if self.token else "/"

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
        return name.lower() in own_names() or _is_address(name.strip("[]"))


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


def own_names() -> list[str]:
    """Return what others in the network may call this machine."""
    name = socket.gethostname().lower()
    return [name, name if name.endswith(".local") else f"{name}.local"]


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_any(host: str) -> bool:
    """Return whether it means all addresses of this machine."""
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
