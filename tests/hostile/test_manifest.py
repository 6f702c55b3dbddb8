"""An unfinished folder that is damaged, or not what it seems, is made again or refused."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

import stylize_video
from engines.errors import SinkError, UsageError
from realtime.exits import exit_code
from realtime.media.writing.manifest import Segment, read_manifest
from realtime.media.writing.work_folder import WorkFolder
from tests.conftest import write_tiny_model, write_video

WORK = ".out.mp4.unfinished"
SEGMENT = Segment(48, 0, 47, 0, "0" * 64)
BOMB = b"\x00" * 10_000_000


class Unfinished:
    """A run that was interrupted after its first segment, and what it would be."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "tiny.onnx"
        write_tiny_model(self.model)
        self.clip = folder / "clip.mp4"
        write_video(self.clip, [40 * n for n in range(60)])
        self.whole = folder / "whole" / "out.mp4"
        self.whole.parent.mkdir()
        assert self.run(self.whole) == 0
        self.begun = folder / "begun"
        self.begun.mkdir()
        put = WorkFolder.put

        def put_one(work: WorkFolder, number: int, *rest: object) -> None:
            if number == 1:
                raise KeyboardInterrupt
            put(work, number, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WorkFolder, "put", put_one)
            assert self.run(self.begun / "out.mp4") == 130
        assert len(read_manifest(self.begun / WORK).segments) == 1

    def run(self, output: Path, *flags: str) -> int:
        flags = (
            "--model",
            str(self.model),
            "--engine",
            "passthrough",
            "--brush",
            "2",
            *flags,
        )
        return exit_code(
            lambda: stylize_video.main([str(self.clip), "-o", str(output), "-s", "dim", *flags])
        )


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Unfinished:
    return Unfinished(tmp_path_factory.mktemp("manifest"))


@pytest.fixture
def work(unfinished: Unfinished, tmp_path: Path) -> Path:
    return Path(shutil.copytree(unfinished.begun / WORK, tmp_path / WORK))


def check(unfinished: Unfinished, work: Path, flag: str = "--resume") -> int:
    """Going on ends in 0 with the bits of a whole run, or is refused and nothing is changed."""
    output = work.parent / "out.mp4"
    before = {path.name for path in work.iterdir()}
    code = unfinished.run(output, flag)
    assert code in (0, 2, 5), code
    if code:
        assert not output.exists() and {path.name for path in work.iterdir()} >= before
    else:
        assert output.read_bytes() == unfinished.whole.read_bytes() and not work.exists()
    return code


def change_line(work: Path, number: int, change: Callable[[dict], object]) -> None:
    lines = (work / "manifest.jsonl").read_text().splitlines()
    content = json.loads(lines[number])
    lines[number] = json.dumps(change(content) or content)
    (work / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines))


def of_segment(**fields: object) -> Callable[[dict], None]:
    return lambda line: line["segment"].update(fields)


def of_plan(**fields: object) -> Callable[[dict], None]:
    return lambda head: head["plan"].update(fields)


CHANGES = {
    "head is a list": (0, lambda head: [head]),
    "no plan": (0, lambda head: {"format": 3}),
    "plan is a list": (0, lambda head: {"format": 3, "plan": []}),
    "format is text": (0, lambda head: {**head, "format": "3"}),
    "another format": (0, lambda head: {**head, "format": 4}),
    "engine is text": (0, of_plan(engine="passthrough")),
    "engine has no threads": (0, of_plan(engine={"name": "a", "precision": "b", "device": "c"})),
    "threads are text": (0, of_plan(encoder_threads="2")),
    "no threads": (0, of_plan(encoder_threads=0)),
    "too many threads": (0, of_plan(encoder_threads=10**9)),
    "segment is a list": (1, lambda line: {"number": 0, "segment": []}),
    "number is text": (1, lambda line: {**line, "number": "0"}),
    "number is negative": (1, lambda line: {**line, "number": -1}),
    "no frames": (1, of_segment(frames=0)),
    "frames are text": (1, of_segment(frames="48")),
    "frames are a fraction": (1, of_segment(frames=1.5)),
    "time is endless": (1, of_segment(first_pts=10**400)),
    "hash is a path": (1, of_segment(sha256="../../secret")),
    "state's hash is a number": (1, of_segment(state_sha256=1)),
    "state has no hash": (1, of_segment(state_sha256=None)),
    "state has another size": (1, of_segment(state_bytes=1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_manifest_that_another_has_changed(unfinished: Unfinished, work: Path, name: str):
    change_line(work, *CHANGES[name])
    assert check(unfinished, work) == (0 if name.startswith("state has") else 2)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 0), (b"\n", 0), (b"[" * 50_000 + b"\n", 2), (b"\xff\xfe\n", 2), (b"null\n", 2)],
    ids=["empty", "a line end", "deep", "no text", "null"],
)
def test_a_manifest_that_is_none(unfinished: Unfinished, work: Path, content: bytes, code: int):
    (work / "manifest.jsonl").write_bytes(content)
    assert check(unfinished, work) == code


def test_what_is_refused_can_be_begun_anew(unfinished: Unfinished, work: Path):
    (work / "manifest.jsonl").write_bytes(b"null\n")
    assert check(unfinished, work) == 2
    assert check(unfinished, work, "-y") == 0


def test_the_beginning_of_a_line_is_no_damage(unfinished: Unfinished, work: Path):
    with open(work / "manifest.jsonl", "ab") as file:
        file.write(b'{"number":1,"segm\x00\x00')
    assert check(unfinished, work) == 0


def test_a_folder_of_an_older_version_is_refused(unfinished: Unfinished, work: Path, capsys):
    (work / "manifest.json").write_text('{"format": 2, "plan": {}, "segments": {}}')
    assert check(unfinished, work) == 2
    assert "older version" in capsys.readouterr().err


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mean.npy", BOMB)
    return packed.getvalue()


def other_shape(state: bytes) -> bytes:
    with np.load(io.BytesIO(state)) as kept:
        arrays = {name: array[..., :1] for name, array in kept.items()}
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


@pytest.mark.parametrize(
    "change",
    [lambda state: b"", lambda state: state[:-40], lambda state: bomb(), other_shape],
    ids=["empty", "cut", "bomb", "another shape"],
)
def test_a_state_that_is_not_what_was_written_is_made_again(
    unfinished: Unfinished, work: Path, change: Callable[[bytes], bytes]
):
    (state,) = work.glob("*.npz")
    state.write_bytes(change(state.read_bytes()))
    assert check(unfinished, work) == 0


@pytest.mark.parametrize("content", [b"no archive", bomb()], ids=["no archive", "bomb"])
def test_a_state_that_the_manifest_vouches_for_is_looked_at_too(
    unfinished: Unfinished, work: Path, content: bytes
):
    (state,) = work.glob("*.npz")
    state.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change_line(work, 1, of_segment(state_sha256=digest, state_bytes=len(content)))
    assert check(unfinished, work) == 0


@pytest.mark.parametrize("seed", range(16))
def test_whatever_is_damaged(unfinished: Unfinished, work: Path, seed: int):
    dice = random.Random(seed)
    files = sorted(path for path in work.iterdir() if path.name != "lock")
    path = dice.choice([work / "manifest.jsonl", dice.choice(files)])
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice([1, 1, 3, 20])):
        at = dice.randrange(len(content))
        kind = dice.randrange(4)
        if kind == 0:
            content[at] = dice.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            del content[at : at + dice.randrange(1, 50)]
        else:
            content[at:at] = bytes(dice.choice(b'0123456789-{}[]",:\n') for _ in range(5))
        content = content or bytearray(b"\n")
    path.write_bytes(content)
    check(unfinished, work)


def test_a_disk_without_locks_is_said(tmp_path: Path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(SinkError, match="No locks available"):
        WorkFolder(tmp_path / "out.mp4", {})


def test_a_segment_of_a_long_video_costs_no_more_than_one_of_a_short_one(tmp_path: Path):
    def size_of_lines(count: int) -> int:
        written = 0
        work = WorkFolder(tmp_path / f"{count}.mp4", {"a": "plan" * 100})
        for number in range(count):
            (work.path / "part.mp4").write_bytes(b"frames")
            before = {p: p.stat().st_size for p in work.path.glob("manifest*")}
            work.put(number, work.path / "part.mp4", SEGMENT, {})
            (manifest,) = work.path.glob("manifest*")
            assert manifest in before, "it was written anew"
            written += manifest.stat().st_size - before[manifest]
        inode = manifest.stat().st_ino
        work.put(0, _file(work.path / "part.mp4"), SEGMENT, {})
        assert manifest.stat().st_ino == inode, "it was written anew"
        work.remove()
        return written

    assert size_of_lines(80) <= 4.5 * size_of_lines(20)


def _file(path: Path) -> Path:
    path.write_bytes(b"frames")
    return path


def test_a_refused_folder_stays_as_it_is(unfinished: Unfinished, work: Path):
    (work / "manifest.jsonl").write_bytes(b"{\n")
    before = {path.name: path.read_bytes() for path in work.iterdir()}
    with pytest.raises(UsageError, match="-y without --resume begins anew"):
        WorkFolder(work.parent / "out.mp4", {})
    assert {path.name: path.read_bytes() for path in work.iterdir()} == before
