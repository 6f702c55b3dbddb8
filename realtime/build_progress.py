"""Shows on stderr how far an engine that is built first has come."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from engines.base import OnProgress

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def show_build(what: str, expected_s: float | None) -> Iterator[OnProgress]:
    """Show a bar with the time that is left, or one line where nobody watches a terminal.

    It begins with the first progress. Nothing is shown on a background thread, and nothing if there
    is nothing to build. For ``EngineOptions.show_build``.
    """
    title = f"building {what}" + (f" (about {max(1, round(expected_s))} s)" if expected_s else "")
    watched = threading.current_thread() is threading.main_thread()
    begun = False
    with ExitStack() as stack:
        bar = _bar(stack) if watched and sys.stderr.isatty() else None

        def on_progress(share: float, phase: str) -> None:
            nonlocal begun
            if bar is not None:
                if not begun:
                    bar.add_task(title, total=1.0, phase="")
                    bar.start()
                bar.update(bar.task_ids[0], completed=share, phase=phase)
            elif watched and not begun:
                print(title, file=sys.stderr, flush=True)
            begun = True

        yield on_progress


def _bar(stack: ExitStack) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(
        *columns, TextColumn("{task.fields[phase]}"), console=Console(stderr=True), transient=True
    )
    stack.callback(bar.stop)
    return bar
