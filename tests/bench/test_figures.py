"""The table's arithmetic: ratios to the peer, targets met and missed, and the pages made of them."""

from __future__ import annotations

import json

import pytest

from bench.figures import (
    CLASSIC,
    END_TO_END,
    ENGINE_ONLY,
    LIVE,
    OURS,
    OURS_MPEG4,
    PEER,
    PLAIN,
    Row,
    targets,
    with_ratios,
)
from bench.page import as_json, markdown

MACHINE = {"date": "today", "commit": "abc", "processor": "a fast one", "cores": "2"}


def rows(ours_ms: float = 10, file_ms: float = 20, live_ms: float = 40, p95_ms: float = 60, sound_kept: bool = True) -> list[Row]:
    return with_ratios(
        [
            Row(ENGINE_ONLY, OURS, "640x480", "openvino", "fp32", 2 * ours_ms),
            Row(ENGINE_ONLY, OURS, "640x480", "openvino", "int8", ours_ms),
            Row(ENGINE_ONLY, CLASSIC, "640x480", "openvino", "fp32", 400),
            Row(ENGINE_ONLY, PEER, "640x480", "onnxruntime", "fp32", 100),
            Row(ENGINE_ONLY, OURS, "1280x720", "openvino", "int8", 3 * ours_ms),
            Row(END_TO_END, OURS, "512x480", "openvino", "int8", file_ms, facts={"sound_kept": sound_kept, "startup_s": 1.0}),
            Row(END_TO_END, OURS_MPEG4, "512x480", "openvino", "int8", 0.7 * file_ms, facts={"sound_kept": sound_kept}),
            Row(END_TO_END, PEER, "512x480", "onnxruntime", "fp32", 100, facts={"sound_kept": False}),
            Row(END_TO_END, OURS, "640x480", "openvino", "int8", 1.2 * file_ms, facts=_file_facts(file_ms / 20, 3.0)),
            Row(END_TO_END, PLAIN, "640x480", "onnxruntime", "fp32", 50, facts={"sound_kept": False}),
            Row(END_TO_END, OURS, "1280x720", "openvino", "int8", 3 * file_ms, facts=_file_facts(1.5, file_ms / 20)),
            Row(LIVE, OURS, "640x480", "openvino", "int8", live_ms, facts=_live_facts(p95_ms)),
        ]
    )


def test_each_row_is_compared_with_the_peer_of_its_own_part_and_size() -> None:
    assert [row.ratio for row in rows()] == [5, 10, 0.25, 1, None, 5, pytest.approx(7.14, abs=0.01), 1, None, None, None, None]


def test_the_best_row_counts_and_all_targets_are_met() -> None:
    found = targets(rows())
    assert [target.met for target in found] == [True] * 8
    assert found[0].measured == "10.0 (openvino int8)"


def test_a_missed_target_is_said() -> None:
    assert [target.met for target in targets(rows(ours_ms=21, file_ms=34, live_ms=51, p95_ms=120))] == [False] * 8
    assert not targets(rows(sound_kept=False))[1].met
    assert [target.measured for target in targets([])] == [None] * 8


def test_the_page_and_the_json_hold_what_was_measured() -> None:
    found = rows(p95_ms=130)
    page = markdown(MACHINE, found, targets(found))
    assert "| engine only | livebrush | 640x480 | openvino | int8 | 100.0 | 10.0 | 10.00 |" in page
    assert page.count("| met |") == 7 and page.count("**missed**") == 1
    data = json.loads(json.dumps(as_json(MACHINE, found, targets(found))))
    assert data["key"]["engine_640x480"]["precision"] == "int8"
    assert data["key"]["file"]["times_peer"] == 5 and data["key"]["live"]["p95_ms"] == 130


def _file_facts(of_cpu: float, of_chain: float) -> dict[str, object]:
    return {"sound_kept": True, "startup_s": 1.0, "of_cpu": of_cpu, "of_chain": of_chain}


def _live_facts(p95_ms: float) -> dict[str, object]:
    return {"p50_ms": 30.0, "p95_ms": p95_ms, "shown": 200, "dropped": 40, "startup_s": 1.0}
