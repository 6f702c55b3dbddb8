"""The page that --serve asks for, and the parts that it is made of.

The flags themselves are those of the live view (realtime/live/flags.py).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from engines.errors import UsageError
from engines.install import install_line
from realtime import cli
from realtime.controls.desk import Desk
from realtime.controls.osc import parse_listen
from realtime.live.flags import DEFAULT_PORT
from realtime.live.live_source import LiveSource
from realtime.live.run import Live
from realtime.live.thumbnails import Thumbnails, read_shipped
from realtime.stylizer import Stylizer
from realtime.web.guard import Guard, guard_for
from realtime.web.stream import WebStream

if TYPE_CHECKING:
    from realtime.web.server import WebServer

_THUMBNAILS_SHARE = 0.1  # a page shows them all the time


def guard_from(args: argparse.Namespace) -> Guard | None:
    """Return where --serve listens and whom it lets in, None without it; raises UsageError."""
    if args.serve is None:
        if args.serve_as:
            raise UsageError("--serve-as is the address of a page: it needs --serve.")
        return None
    missing = [name for name in ("fastapi", "uvicorn", "aiortc") if not find_spec(name)]
    if missing:
        raise UsageError(f"--serve needs {', '.join(missing)}: {install_line('web')}")
    listens = parse_listen(args.serve, "--serve", DEFAULT_PORT)
    guard = guard_for(*listens, args.token, args.serve_as)
    return replace(guard, all_controls=args.web_controls == "all")


def stream_from(guard: Guard | None, stylizer: Stylizer) -> WebStream | None:
    """Return what pages watch, None without --serve."""
    if not guard:
        return None
    return WebStream(
        Thumbnails(
            stylizer.engine,
            share=_THUMBNAILS_SHARE,
            shipped=read_shipped(stylizer.model),
            model_now=lambda: stylizer.model,
        )
    )


def server_from(
    guard: Guard, stream: WebStream, desk: Desk, live: Live, source: LiveSource
) -> WebServer:
    """Return the page's server, listening, and say what to open; raises UsageError."""
    from realtime.live.sources.browser import BrowserSource
    from realtime.web.server import WebServer

    browser = source if isinstance(source, BrowserSource) else None
    server = WebServer(guard, stream, desk, live.status, browser, live.pictures.bring)
    cli.say(f"open {server.guard.address}")
    return server
