"""Known holes fail `make check`, and an index that tells of none is said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bench.targets import supply

OLD = {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
GOOD = {"name": "good", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What pip-audit prints, one after the other; licences are listed by nobody."""
    texts: list[object] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "pip_audit" not in command:
            return subprocess.CompletedProcess(command, 0)
        found = texts.pop(0)
        text = found if isinstance(found, str) else json.dumps({"dependencies": found})
        return subprocess.CompletedProcess(command, 1, text, "no route to the index")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(supply, "ROOT", tmp_path)
    monkeypatch.setattr(supply, "_LICENCES", tmp_path / "out" / "licences.md")
    return texts


def test_a_known_hole_fails(answers, capsys):
    answers += [[GOOD], [GOOD, OLD, UNKNOWN]]
    assert supply.main([]) == 1
    assert "| old | 1.0 | CVE-1 | 1.1 |" in capsys.readouterr().err


def test_no_known_hole_passes(answers, capsys):
    answers += [[GOOD], [GOOD]]
    assert supply.main([]) == 0
    assert "known holes: 0 in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "reason"), [("", "no route to the index"), ([UNKNOWN], "not found")]
)
def test_an_index_that_does_not_answer_is_asked_once_and_said(answers, capsys, answer, reason):
    answers += [answer]
    assert supply.main([]) == 0
    said = capsys.readouterr().err
    assert "known holes: skipped" in said and reason in said


def test_all_pinned_releases_are_asked_for():
    names = {line.partition("==")[0] for line in supply.pinned()}
    assert {"numpy", "pillow-heif", "uv", "torch"} <= names
    assert not any("\\" in line for line in supply.pinned())
