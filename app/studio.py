"""The studio by a double click: it comes in the browser, once, and says there what is wrong."""

from __future__ import annotations

import html
import secrets
import socket
import sys
import time
import urllib.request
import webbrowser
from pathlib import Path

from filelock import FileLock, Timeout

import run_cam
from engines.atomic_write import atomic_write
from engines.errors import LivebrushError
from engines.folders import cache_dir
from realtime import cli
from realtime.controls.keys import user_folder

_WAIT_S = 30.0  # for another one that is just starting
_RETRY_S = 0.5


def open_studio() -> None:
    """Serve the studio and open its page; where one runs already, open that one's page.

    Leaves the process.
    """
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # As long as it is held the address beside it is that of a studio of ours.
    lock = FileLock(folder / "studio.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        cli.run(lambda _: _open_running(folder / "studio.address"))
    cli.run(lambda _: _serve(folder / "studio.address"))


def _serve(kept: Path) -> int:
    where, token = f"127.0.0.1:{_free_port()}", secrets.token_urlsafe(18)
    with atomic_write(kept, private=True) as written:
        written.write_text(f"http://{where} {token}", encoding="ascii")
    # All controls: who has started it by a double click has nothing but the page to end it by.
    words = ["--serve", where, "--open", "--web-controls", "all", "--token", token]
    try:
        return run_cam.main(words)
    except LivebrushError as error:
        _show(str(error))
        raise


def _open_running(kept: Path) -> int:
    """Open the page of the studio that runs already; others may not read a browser's arguments."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends_s = time.monotonic() + _WAIT_S
    while True:
        try:
            address, token = kept.read_text(encoding="ascii").split()
            asked = urllib.request.Request(
                f"{address}/opening", headers={"Authorization": f"Bearer {token}"}
            )
            with direct.open(asked, timeout=_RETRY_S) as answer:
                webbrowser.open(answer.read().decode("ascii"))
            return 0
        except (OSError, ValueError):
            if time.monotonic() > ends_s:
                _show("It runs already and does not answer. End it, and start it again.")
                return 1
            time.sleep(_RETRY_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _show(problem: str) -> None:
    """Show what is wrong in the browser, where nobody looks at a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    page = cache_dir() / "problem.html"
    page.write_text(
        "<!doctype html><meta charset='utf-8'><title>Livebrush</title>"
        "<style>body{font:18px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto}</style>"
        f"<h1>Livebrush cannot start</h1><p>{html.escape(problem)}</p>",
        encoding="utf-8",
    )
    webbrowser.open(page.as_uri())
