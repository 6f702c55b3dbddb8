"""The page that --serve asks for, and the parts that it is made of.

The flags themselves are those of the live view (realtime/live/flags.py).
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import webbrowser
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from engines.install import install_line
from realtime import cli
from realtime.controls.desk import Desk
from realtime.controls.keys import user_folder
from realtime.controls.osc import parse_listen
from realtime.live.flags import DEFAULT_PORT
from realtime.live.live_source import LiveSource
from realtime.live.run import Live
from realtime.live.thumbnails import Thumbnails, read_shipped
from realtime.stylizer import Stylizer
from realtime.web.guard import Guard, guard_for
from realtime.web.screen import has_screen
from realtime.web.stream import WebStream

if TYPE_CHECKING:
    from realtime.web.server import WebServer

_THUMBNAILS_SHARE = 0.1  # a page shows them all the time
_PARTS = ("fastapi", "uvicorn", "aiortc", "cryptography", "segno")
_MOST_TOKEN_BYTES = 1024


def guard_from(args: argparse.Namespace) -> Guard | None:
    """Return where --serve listens and whom it lets in, None without it; raises UsageError."""
    if args.serve is None:
        flags = {
            "--serve-as": args.serve_as,
            "--https": args.https,
            "--token-file": args.token_file,
            "--open": args.open,
            "--files": args.files,
        }
        for flag in (flag for flag, value in flags.items() if value):
            raise UsageError(f"{flag} is about a page: it needs --serve.")
        return None
    missing = [name for name in _PARTS if not find_spec(name)]
    if missing:
        raise UsageError(f"--serve needs {', '.join(missing)}: {install_line('web')}")
    listens = parse_listen(args.serve, "--serve", DEFAULT_PORT)
    for folder in args.files or ():
        if not folder.is_dir():
            raise UsageError(f"--files {folder}: is no folder.")
    token = args.token if args.token_file is None else _kept_token(args.token_file, args.token)
    guard = guard_for(*listens, token, args.serve_as)
    scheme = "https" if args.https else "http"
    return replace(guard, all_controls=args.web_controls == "all", scheme=scheme)


def _kept_token(path: Path, given: str | None) -> str:
    """Return the token in --token-file, a new one where there is none. Raises UsageError."""
    if given is not None:
        raise UsageError("--token and --token-file both say the token: leave one out.")
    try:
        if not path.exists():
            with atomic_write(path, private=True) as written:
                written.write_text(secrets.token_urlsafe(18), encoding="ascii")
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise UsageError(f"--token-file {path}: others may read it. Type: chmod 600 {path}")
        with path.open(encoding="ascii") as file:
            token = file.read(_MOST_TOKEN_BYTES).strip()
    except UnicodeDecodeError as error:
        raise UsageError(f"--token-file {path}: holds no token. Name another file.") from error
    except OSError as error:
        raise UsageError(f"--token-file {path}: cannot be used ({error.strerror}).") from error
    if len(token) < 16:
        raise UsageError(f"--token-file {path}: holds no token of 16 characters or more.")
    return token


def stream_from(guard: Guard | None, stylizer: Stylizer) -> WebStream | None:
    """Return what pages watch, None without --serve."""
    if not guard:
        return None
    return WebStream(
        Thumbnails(
            stylizer.engine,
            share=_THUMBNAILS_SHARE,
            shipped=read_shipped(stylizer.models),
            models_now=lambda: stylizer.models,
        )
    )


def server_from(
    args: argparse.Namespace,
    guard: Guard,
    stream: WebStream,
    desk: Desk,
    live: Live,
    source: LiveSource,
) -> WebServer:
    """Return the page's server, listening, and say what to open; raises UsageError."""
    from realtime.live.sources.browser import BrowserSource
    from realtime.web.addresses import certified_names
    from realtime.web.certificate import own_certificate
    from realtime.web.server import WebServer

    browser = source if isinstance(source, BrowserSource) else None
    encrypts = guard.scheme == "https"
    certificate = own_certificate(user_folder(), certified_names(guard)) if encrypts else None
    parts = (desk, live.status, browser, live.pictures, certificate, args.files or ())
    # Of the same weights that pictures' styles are refined with, where there is a flag for them.
    server = WebServer(guard, stream, *parts, vgg=getattr(args, "vgg", None))
    cli.say(f"open {server.guard.address}")
    _tell_others(server.guard, certificate.fingerprint if certificate else "")
    return server


def open_page(args: argparse.Namespace, server: WebServer) -> None:
    """Open the page in this machine's browser, if --open asks for it."""
    # Without a screen this would be a browser in the terminal, which takes it over.
    if args.open and not (has_screen() and webbrowser.open(server.opening_address)):
        cli.say("note: --open: no browser was found here; open the address yourself.")


def _tell_others(guard: Guard, fingerprint: str) -> None:
    """Say how phones and other machines reach the page, in a terminal as a QR code too."""
    from realtime.web.addresses import links

    if guard.token:
        cli.say(f"to watch only, and change nothing: {guard.for_watching().address}")
    found = links(guard)
    for link in found:
        cli.say(f"on a phone or another machine: {link.address}")
    if found and sys.stderr.isatty():
        found[0].print_code(sys.stderr)
    if fingerprint:
        cli.say(
            "browsers ask once whether to trust this machine; it is the right one if they show "
            f"SHA-256 {fingerprint}"
        )
    elif found and not guard.public:
        cli.say("note: phones give their camera to https:// alone: add --https.")
