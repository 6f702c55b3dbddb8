"""What masks of people are worth: against a far larger network, where nothing moves, and in time.

python -m bench.targets.masks --data DATA --matting DIR
    DIR: where ``bench/tools/video_matting.mjs`` says what to install; it takes some minutes
"""

from __future__ import annotations

import argparse
import subprocess
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from bench.tools.machine import describe_machine
from engines.people.network import PERSON_SIZE, PeopleNetwork, find_person
from realtime import cli
from realtime.media.reading.video_file import VideoFile
from realtime.picture.people import PeopleMasks
from realtime.picture.resample import Scaler
from training.data import resize_short_side
from training.evaluate.clips import static_level

_CLIPS = ("talking_head_indoor.mp4", "webcam_sign_book.mkv", "carphone.mp4")
_LINES_PX, _EDGE_PX = 480, 3
_FRAMES, _SETTLED = 30, 6
_SCRIPT = Path(__file__).parents[1] / "tools" / "video_matting.mjs"


def main(argv: list[str]) -> int:
    """Measure and print a line for each clip."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.masks", description="What masks of people are worth."
    )
    parser.add_argument("--data", type=Path, required=True, help="holds clips/")
    parser.add_argument("--matting", type=Path, required=True, help="has node_modules/")
    args = parser.parse_args(argv)
    for name in _CLIPS:
        with VideoFile(args.data / "clips" / name) as video:
            pixels = [frame.pixels for frame in islice(video.frames(), _FRAMES)]
        frames = [resize_short_side(picture, _LINES_PX) for picture in pixels]
        _measure(name, frames, _matte(frames, args.matting))
    print(describe_machine()["processor"])
    return 0


def _measure(name: str, frames: list[np.ndarray], mattes: list[np.ndarray]) -> None:
    """Print what the masks of ``frames`` are worth, beside those of the network alone."""
    steady, small, raw, times_ms = _masks(frames)
    scaler = Scaler()
    alone = [scaler.resize(mask, mattes[0].shape) for mask in raw]
    for what, masks in (("masks", steady), ("network", alone)):
        pairs = list(zip(masks, mattes, strict=True))[_SETTLED:]
        overlaps, edges = (
            np.mean([of(mask > 127, matte > 127) for mask, matte in pairs])
            for of in (overlap, edge_score)
        )
        print(f"{name:26} {what:8} IoU {overlaps:.3f}   boundary F {edges:.3f}")
    inputs = [scaler.resize(frame, PERSON_SIZE) for frame in frames]
    ours, theirs = (static_level([m[..., None] for m in s], inputs) for s in (small, raw))
    print(
        f"{name:26} change where the input stands still: {ours / theirs:.2f} of the network's; "
        f"{np.median(times_ms):.1f} ms of processor time a frame",
        flush=True,
    )


def _masks(
    frames: list[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[float]]:
    """Return masks (H, W) uint8, those that are remembered, the network's own, and times."""
    people, network, scaler = PeopleMasks(), PeopleNetwork("person"), Scaler()
    full, small, raw, times_ms = [], [], [], []
    for frame in frames:
        begin_s = time.process_time()
        full.append(people.begin(frame, with_faces=False)().person)
        times_ms.append(1000 * (time.process_time() - begin_s))
        small.append(people.state()["person"])
        raw.append(find_person(network, scaler.resize(frame, PERSON_SIZE)))
    people.close()
    small, raw = ([np.rint(255 * m).astype(np.uint8) for m in masks] for masks in (small, raw))
    return full, small, raw, times_ms


def _matte(frames: list[np.ndarray], folder: Path) -> list[np.ndarray]:
    height, width = frames[0].shape[:2]
    command = ["node", str(_SCRIPT), str(width), str(height)]
    content = np.stack(frames).tobytes()
    done = subprocess.run(command, cwd=folder, input=content, stdout=subprocess.PIPE, check=True)
    return list(np.frombuffer(done.stdout, np.uint8).reshape(len(frames), height, width))


def overlap(mask: np.ndarray, true: np.ndarray) -> float:
    """Return the share of what is in one of two (H, W) bool that is in both."""
    return float((mask & true).sum() / max(1, (mask | true).sum()))


def edge_score(mask: np.ndarray, true: np.ndarray, within_px: int = _EDGE_PX) -> float:
    """Return how well the edges of two (H, W) bool lie on each other, 0..1.

    It is the harmonic mean of the shares of each edge that has the other within ``within_px``.
    """
    one, two = _edge(mask), _edge(true)
    shares = [_share_near(one, two, within_px), _share_near(two, one, within_px)]
    return 2 * shares[0] * shares[1] / max(sum(shares), 1e-9)


def _share_near(edge: np.ndarray, other: np.ndarray, within_px: int) -> float:
    if not edge.any() or not other.any():
        return 0.0
    away_px = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 5)
    return float((away_px[edge] <= within_px).mean())


def _edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of (H, W) bool that have others beside them; not the picture's border."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return mask & ~inner


if __name__ == "__main__":
    cli.run(main)
