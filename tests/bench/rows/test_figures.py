"""The table's arithmetic: ratios to the peer, targets met and missed, and their pages."""

from __future__ import annotations

import json

import pytest

from bench.rows.figures import (
    AUTO,
    CHANGING,
    CLASSIC,
    END_TO_END,
    ENGINE_ONLY,
    HEADLESS,
    LARGE,
    OURS,
    OURS_MPEG4,
    PEER,
    PLAIN,
    SMALL,
    STEADY,
    WINDOW,
    Row,
    live_targets,
    targets,
    with_ratios,
)
from bench.rows.page import as_json, markdown

MACHINE = {"date": "today", "commit": "abc", "processor": "a fast one", "cores": "2"}


def rows(
    ours_ms: float = 10,
    file_ms: float = 20,
    live_ms: float = 34,
    p95_ms: float = 60,
    sound_kept: bool = True,
) -> list[Row]:
    return with_ratios(
        [
            Row(ENGINE_ONLY, OURS, "640x480", "openvino", "fp32", 2 * ours_ms),
            Row(ENGINE_ONLY, OURS, "640x480", "openvino", "int8", ours_ms),
            Row(ENGINE_ONLY, CLASSIC, "640x480", "openvino", "fp32", 400),
            Row(ENGINE_ONLY, PEER, "640x480", "onnxruntime", "fp32", 100),
            Row(ENGINE_ONLY, OURS, "1280x720", "openvino", "int8", 3 * ours_ms),
            Row(
                END_TO_END,
                OURS,
                "512x480",
                "openvino",
                "int8",
                file_ms,
                facts={"sound_kept": sound_kept, "startup_s": 1.0},
            ),
            Row(
                END_TO_END,
                OURS_MPEG4,
                "512x480",
                "openvino",
                "int8",
                0.7 * file_ms,
                facts={"sound_kept": sound_kept},
            ),
            Row(
                END_TO_END, PEER, "512x480", "onnxruntime", "fp32", 100, facts={"sound_kept": False}
            ),
            Row(
                END_TO_END,
                OURS,
                SMALL,
                "openvino",
                "int8",
                1.2 * file_ms,
                facts=_file_facts(file_ms / 20, 3.0),
            ),
            Row(END_TO_END, PLAIN, SMALL, "onnxruntime", "fp32", 50, facts={"sound_kept": False}),
            Row(
                END_TO_END,
                OURS,
                LARGE,
                "openvino",
                "int8",
                3 * file_ms,
                facts=_file_facts(1.5, file_ms / 20),
            ),
            Row(HEADLESS, OURS, SMALL, "openvino", "int8", live_ms, facts=live_facts(p95_ms)),
        ]
    )


def test_each_row_is_compared_with_the_peer_of_its_own_part_and_size() -> None:
    assert [row.ratio for row in rows()] == [
        5,
        10,
        0.25,
        1,
        None,
        5,
        pytest.approx(7.14, abs=0.01),
        1,
        None,
        None,
        None,
        None,
    ]


def test_the_best_row_counts_and_all_targets_are_met() -> None:
    found = targets(rows())
    assert [target.met for target in found[:7]] == [True] * 7
    assert found[0].measured == "10.0 (openvino int8)"


def test_a_missed_target_is_said() -> None:
    assert [
        target.met for target in targets(rows(ours_ms=21, file_ms=34, live_ms=51, p95_ms=120))[:7]
    ] == [False] * 7
    assert not targets(rows(sound_kept=False))[1].met
    assert {target.measured for target in targets([])} == {None} and not any(
        target.met for target in targets([])
    )


def live_rows(frame_ms: float = 33.5, **facts: object) -> list[Row]:
    """A row for every live promise, and the engine alone at the large size: 40 fps."""
    parts = (
        (HEADLESS, SMALL),
        (WINDOW, SMALL),
        (CHANGING, SMALL),
        (STEADY, SMALL),
        (HEADLESS, LARGE),
        (AUTO, LARGE),
    )
    found = [
        Row(part, OURS, size, "openvino", "int8", frame_ms, facts=live_facts(**facts))
        for part, size in parts
    ]
    return [*found, Row(ENGINE_ONLY, OURS, LARGE, "openvino", "int8", 25)]


def test_live_promises_are_kept_and_broken_one_by_one() -> None:
    def broken(found: list[Row]) -> list[int]:
        return [n for n, target in enumerate(live_targets(found)) if not target.met]

    assert broken(live_rows()) == []
    assert broken(live_rows(p95_ms=67)) == [0, 1] == broken(live_rows(dropped=6))
    assert broken(live_rows(max_ms=68.0)) == [2] == broken(live_rows(longest_gap_ms=98.0))
    assert broken(live_rows(startup_s=3.2)) == [6]
    assert broken(live_rows(frame_ms=40)) == [0, 1, 5] and broken(live_rows(frame_ms=42)) == [
        0,
        1,
        4,
        5,
    ]
    assert broken(live_rows(frame_ms=51)) == [0, 1, 3, 4, 5]


def test_the_page_and_the_json_hold_what_was_measured() -> None:
    found = rows(p95_ms=130)
    page = markdown(MACHINE, found, targets(found))
    assert "| engine only | livebrush | 640x480 | openvino | int8 | 100.0 | 10.0 | 10.00 |" in page
    assert page.count("| met |") == 7 and "| live, 640x480 at 30 fps | 29 fps shown" in page
    data = json.loads(json.dumps(as_json(MACHINE, found, targets(found))))
    assert data["key"]["engine_640x480"]["precision"] == "int8"
    assert data["key"]["file"]["times_peer"] == 5 and data["key"]["live"]["p95_ms"] == 130


def live_facts(p95_ms: float = 60, **others: object) -> dict[str, object]:
    facts = {
        "p50_ms": 30.0,
        "max_ms": 65.0,
        "longest_gap_ms": 75.0,
        "shown": 236,
        "dropped": 2,
        "startup_s": 1.0,
        "network_size": SMALL,
    }
    return {**facts, "p95_ms": p95_ms, **others}


def _file_facts(of_cpu: float, of_chain: float) -> dict[str, object]:
    return {"sound_kept": True, "startup_s": 1.0, "of_cpu": of_cpu, "of_chain": of_chain}
