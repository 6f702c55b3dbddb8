"""What the runs of our programs need before and after.

``--engine auto`` is brought to the choice that it has from the second run on; the report of a run
is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from engines import EngineOptions, ModelFile
from engines.auto import measure

Say = Callable[[str], None]


def settle_auto(model: ModelFile, first_run: Callable[[], dict]) -> None:
    """Let ``--engine auto`` come to the choice that it has from the second run on.

    A measurement still going on in the background would cost the runs that count.
    """
    before = os.environ.get("LIVEBRUSH_MEASURE")
    os.environ["LIVEBRUSH_MEASURE"] = "off"
    try:
        width, _, height = first_run()["size"].partition("x")
        measure(model, EngineOptions(), (int(height), int(width)))
        first_run()  # whatever it chose is compiled now
    finally:
        if before is None:
            del os.environ["LIVEBRUSH_MEASURE"]
        else:
            os.environ["LIVEBRUSH_MEASURE"] = before


def read_report(report: Path) -> dict:
    """Return what a program reports of a run."""
    return json.loads(report.read_text(encoding="utf-8"))
