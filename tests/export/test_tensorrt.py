"""`python -m export tensorrt` for cards that are not here, as users type it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines.errors import ParityError
from engines.plans import make
from engines.plans.cuda import cuda_problem
from engines.plans.library import library_names
from engines.plans.store import PlanStore
from export.__main__ import main
from tests.small_network import write_small_model

pytestmark = pytest.mark.skipif(
    "tensorrt_rtx" not in library_names(),
    reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEBRUSH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("small") / "small.onnx")


def test_build_list_clear(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    output = tmp_path / "made" / "small.plan"
    command = ["tensorrt", str(small), "--gpu", "sm86", "--size", "320x240", "-o", str(output)]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "building small, fp16, 320x240, for sm86" in told.err
    assert "from onnxruntime fp32" in told.out and "only be compared on its GPU" in told.out
    assert len(output.read_bytes()) > 10_000
    assert [path.name for path in output.parent.iterdir()] == ["small.plan"]

    assert main(command) == 0
    assert "building" not in capsys.readouterr().err, "the second time it is there"

    assert (
        main(
            [
                "tensorrt",
                str(small),
                "--gpu",
                "sm120",
                "--precision",
                "int8",
                "--size",
                "64x48,320x240,640x480",
            ]
        )
        == 0
    )
    assert main(["tensorrt", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "int8 64x48,320x240,640x480 any (sm120)" in listed and "fp16 320x240" in listed
    assert main(["tensorrt", "--clear"]) == 0
    assert main(["tensorrt", "--list"]) == 0
    assert "no engine is built yet" in capsys.readouterr().out


def test_processes_that_build_the_same(small: Path, tmp_path: Path):
    """One is killed while it builds, two build at once, a file is damaged, two more come: always a
    whole plan, built once.
    """
    command = [
        sys.executable,
        "-m",
        "export",
        "tensorrt",
        str(small),
        "--gpu",
        "sm89",
        "--size",
        "640x480",
    ]

    def start() -> subprocess.Popen:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def two_at_once() -> None:
        both = [start(), start()]
        told = [process.communicate(timeout=100) for process in both]
        assert [process.returncode for process in both] == [0, 0], told
        assert sorted("building" in stderr for _, stderr in told) == [False, True]

    with start() as killed:
        assert "building" in killed.stderr.readline()
        killed.kill()
    assert not PlanStore().entries()
    two_at_once()
    (entry,) = PlanStore().entries()
    plan = PlanStore().get(entry.key)
    entry.path.write_bytes(entry.path.read_bytes()[:-100])
    two_at_once()
    assert len(PlanStore().get(entry.key)) == len(plan)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ([], 2, "no model given"),
        (["gallery", "--gpu", "sm90"], 2, "sm89"),
        (["gallery", "--gpu", "sm89", "--precision", "fp4"], 2, "int8"),
        (["gallery", "--gpu", "sm89", "--size", "640"], 2, "640x480"),
        (["gallery", "--gpu", "sm86", "--precision", "fp8"], 4, "8.9 or later (Ada), not sm86"),
        (["galery", "--gpu", "sm89"], 2, "gallery"),
    ],
)
def test_what_cannot_be_is_said(
    flags: list[str], code: int, words: str, capsys: pytest.CaptureFixture
):
    assert main(["tensorrt", *flags]) == code
    assert words in capsys.readouterr().err


@pytest.mark.skipif(cuda_problem() is None, reason="there is a GPU here")
def test_for_the_card_that_is_not_here(small: Path, capsys: pytest.CaptureFixture):
    assert main(["tensorrt", str(small)]) == 4
    assert "--gpu sm75" in capsys.readouterr().err


def test_an_engine_that_fails_the_gate_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture
):
    def wrong(*_: object, **__: object) -> None:
        raise ParityError("the fp16 graph and onnxruntime fp32 disagree")

    monkeypatch.setattr(make, "check_graph", wrong)
    monkeypatch.setattr(make, "_PROVED", {})  # or the proof of an earlier test would do
    assert main(["tensorrt", str(small), "--gpu", "sm89", "-o", str(tmp_path / "bad.plan")]) == 4
    assert "disagree" in capsys.readouterr().err
    assert not PlanStore().entries() and not (tmp_path / "bad.plan").exists()
