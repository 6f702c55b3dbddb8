"""The soak of the live program in small.

What it holds and how fast it ends says nothing after seconds on a busy machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rows.live_soak import Plan, check_strain, plan_for

pytest.importorskip("aiortc")
pytest.importorskip("pythonosc")


@pytest.mark.timeout(300)
def test_a_short_strain_is_survived(tmp_path: Path) -> None:
    plan, nothing = (
        Plan(6, 1, switches=4, recordings=2, breaks=1, browsers=1),
        Plan(0, 0, 0, 0, 0, 0),
    )
    found = {
        what: passed
        for what, passed, _ in check_strain(plan, tmp_path, warm_up=nothing, rest_s=0.1)
    }
    assert len(found) == 8
    for what in (
        "frames shown",
        "every recording is whole",
        "the stream is opened again",
        "browsers that come see the painting",
    ):
        assert next(passed for name, passed in found.items() if what in name), found


def test_ten_minutes_are_what_was_promised() -> None:
    assert plan_for(10) == Plan(600, 20_000, 200, 50, 50, 100)
    assert plan_for(0.01).browsers == 1
