"""The process that refines a style, with a stand-in for the training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engines.errors import EngineUnavailable
from engines.style import Style
from engines.style_row import StyleRow
from realtime.media import refining
from realtime.media.refining import Refinable, Refining
from tests.small_frame import small_frame

ROOT = Path(__file__).parents[3]
START = StyleRow(Style("sea", "Sea"), np.zeros(4, np.float32), "network", "digest", "sea.jpg")
# What `python -m training refine` does, without the training.
TRAINING = """
import os, sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {root!r})
import numpy as np
from engines.style_row import read_row, write_row
parser = ArgumentParser()
for name in ("what", "picture"):
    parser.add_argument(name)
for name in ("-o", "--photos", "--from", "--vgg"):
    parser.add_argument(name, type=Path)
for name in ("--seconds", "--style-scale"):
    parser.add_argument(name, type=float)
for name in ("--watch-stdin", "--no-download"):
    parser.add_argument(name, action="store_true")
args = parser.parse_args()
begin = read_row(vars(args)["from"])
assert args.what == "refine" and len(list(args.photos.iterdir())) == 2
assert args.watch_stdin and args.no_download
def found(number):
    write_row(args.o, replace(begin, row=begin.row + number, digest=f"digest {{number}}"))
    print(f"{{1 - number / 10:.3f}} of the loss that it began with", flush=True)
{then}
"""


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Returns what sets what the training does."""
    (tmp_path / "training").mkdir()
    monkeypatch.setattr(refining, "_ROOT", tmp_path)
    monkeypatch.setattr(refining, "require_training", lambda: None)

    def set_training(then: str) -> None:
        text = TRAINING.format(root=str(ROOT), then=then)
        (tmp_path / "training" / "__main__.py").write_text(text)

    return set_training


def wanted() -> Refinable:
    frames = [small_frame(48, 64, seed) for seed in range(2)]
    return Refinable(small_frame(60, 60, 3), START, frames, 1.0, None, may_download=False)


def test_each_better_row_is_handed_over(training):
    training("print('other lines are for people'); found(1); sys.stdin.readline(); found(2)")
    # The second one is waited for until the first has been taken.
    refined = Refining(wanted(), 5, is_beside=True)
    rows = refined.rows()
    row, share = next(rows)
    assert share == 0.9 and row.row.tolist() == [1] * 4
    assert (row.style, row.typed, row.digest) == (START.style, "sea.jpg", "digest 1")
    refined._process.stdin.write("\n")
    refined._process.stdin.flush()
    assert [(row.row[0], share) for row, share in rows] == [(2, 0.8)]


def test_why_training_has_failed_is_said(training):
    training("found(1); sys.exit('error: --vgg: no such file')")
    with pytest.raises(EngineUnavailable, match=r"^--refine: --vgg: no such file$"):
        list(Refining(wanted(), 5).rows())


def test_it_is_ended_at_once_and_leaves_nothing(training, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    training("found(1); sys.stdin.read()")
    refined = Refining(wanted(), 60, is_beside=True)
    found = []
    thread = threading.Thread(target=lambda: found.extend(refined.rows()))
    thread.start()
    end_s = time.monotonic() + 20
    while refined._process is None and time.monotonic() < end_s:
        time.sleep(0.01)
    refined.stop()
    thread.join(10)
    assert not thread.is_alive() and refined._process.returncode is not None
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="there are no priorities to be read")
def test_beside_a_show_it_comes_last(training):
    training("found(1); sys.stdin.read()")
    refined = Refining(wanted(), 60, is_beside=True)
    rows = refined.rows()
    next(rows)
    assert os.getpriority(os.PRIO_PROCESS, refined._process.pid) == 19
    rows.close()
    assert refined._process.returncode is not None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
def test_it_ends_with_a_program_that_is_killed(training, tmp_path: Path):
    training("print('1'); Path('begun').touch(); sys.stdin.read(); Path('ended').touch()")
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from realtime.media import refining
from tests.realtime.media.test_refining import wanted
refining._ROOT = Path({str(tmp_path)!r})
refining.require_training = lambda: None
list(refining.Refining(wanted(), 60, is_beside=True).rows())
"""
    program = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_for(tmp_path / "begun")
    program.kill()
    program.wait()
    wait_for(tmp_path / "ended")


def test_the_training_ends_with_its_input(tmp_path: Path):
    pytest.importorskip("torch", reason="refining is training")
    command = [
        sys.executable,
        "-m",
        "training",
        "refine",
        "none.png",
        "-o",
        str(tmp_path / "a.row"),
    ]
    # Nothing is there to be trained on, so anything else would end with another code.
    done = subprocess.run(
        [*command, "--watch-stdin"], cwd=ROOT, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert done.returncode == 1


def test_without_pytorch_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"needs PyTorch. Type: pip install '.*\[train\]'"):
        list(Refining(wanted(), 5).rows())


def wait_for(path: Path) -> None:
    end_s = time.monotonic() + 30
    while not path.exists() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert path.exists()
