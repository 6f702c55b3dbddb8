"""What a user sees while a plan is built."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from engines.plans.build import OnProgress

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def build_progress(what: str, expected_s: float | None) -> Iterator[OnProgress]:
    """From the first progress on, a bar on stderr with the time that is left; one line where nobody
    watches a terminal.

    Nothing on a background thread, and nothing if there is nothing to build. expected_s: how long
    the last such build took.
    """
    title = f"building {what}" + (f" (about {max(1, round(expected_s))} s)" if expected_s else "")
    watched = threading.current_thread() is threading.main_thread()
    told = False
    with ExitStack() as stack:
        bar = _bar(stack) if watched and sys.stderr.isatty() else None

        def on_progress(share: float, phase: str) -> None:
            nonlocal told
            if bar is not None:
                if not told:
                    bar.add_task(title, total=1.0, phase="")
                    bar.start()
                bar.update(bar.task_ids[0], completed=share, phase=phase)
            elif watched and not told:
                print(title, file=sys.stderr, flush=True)
            told = True

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
