"""Interleaved timing."""

from __future__ import annotations

from bench.rows.rounds import time_in_rounds


def test_everyone_has_a_turn_in_every_round_and_the_first_call_does_not_count() -> None:
    calls: list[str] = []
    times_ms = time_in_rounds(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3
    )
    turns = [name for name, before in zip(calls, ["", *calls], strict=False) if name != before]
    assert turns == ["a", "b"] * 3
    assert len(times_ms["a"]) == calls.count("a") - 3
    assert min(times_ms["a"]) >= 0
