"""What a grade by a picture is worth: against films that are known, on video, and in time.

python -m bench.targets.grade --data DATA [--rows films ramps clips portraits times]
    films takes half an hour on a CPU, the others a minute or two each; with color-matcher on the
    path (GPL-3, for measuring alone) it stands beside ours
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from bench.tools.machine import describe_machine
from engines.grade import GradeNetwork, grade_view
from realtime import cli
from realtime.media.reading.grades import grade_of
from realtime.picture.grade import BAKED_SIZE, Grade, Grader, look_up
from realtime.picture.grading import Grading
from realtime.picture.people import PeopleMasks
from training.data import photo_files, read_photo, resize_short_side
from training.evaluate.clips import CLIPS, ClipSource, static_level, warp_rms
from training.grade.fit import split_photos
from training.grade.tables import read_tables
from training.photoreal.matting import matting_energy

_SHORT_PX = 120  # of the photos that are compared
_FRAMES = 24
_SPEED_SIZE, _SPEED_FRAMES = (720, 1280), 40
_PORTRAIT_PX, _LEAST_FACE_PX, _PAIRS = 240, 150, 10

# Returns a photo in the grade of another, (H, W, 3) uint8 RGB each.
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main(argv: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.grade", description="What a grade by a picture is worth."
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="holds content/, clips/, film_luts.npz"
    )
    parser.add_argument("--network", type=Path, help="a grade.onnx (default: the one that ships)")
    parser.add_argument(
        "--rows", nargs="+", choices=_ROWS, default=list(_ROWS), help="what to measure (all)"
    )
    args = parser.parse_args(argv)
    network = GradeNetwork(args.network)
    _, files = split_photos(photo_files(args.data / "content", ("non-commercial",)))
    photos = [resize_short_side(read_photo(file), _SHORT_PX) for file in files]
    for row in args.rows:
        _ROWS[row](network, photos, args.data)
    print(describe_machine()["processor"])
    return 0


def _measure_films(network: GradeNetwork, photos: list[np.ndarray], data: Path) -> None:
    _, films = read_tables(data / "film_luts.npz")
    print(f"{len(films)} films x {len(photos)} photos that nothing was trained on")
    for name, method in _methods(network):
        apart, energy, alike = _compare(method, list(films.values()), photos)
        print(
            f"{name:14} dE2000 {apart:6.2f}   matting energy {energy:.3e}   "
            f"gradient correlation {alike:.4f}",
            flush=True,
        )


def _methods(network: GradeNetwork) -> list[tuple[str, Method]]:
    methods: list[tuple[str, Method]] = [
        ("untouched", lambda photo, _: photo),
        ("grade", lambda photo, reference: look_up(photo, _table(network, photo, reference))),
    ]
    try:
        from color_matcher import ColorMatcher
    except ImportError:
        print("color-matcher is not on the path: no mkl, no hm-mvgd-hm")
        return methods

    def peer(name: str) -> Method:
        def match(photo: np.ndarray, reference: np.ndarray) -> np.ndarray:
            found = ColorMatcher().transfer(src=photo.copy(), ref=reference, method=name)
            return np.clip(np.rint(found), 0, 255).astype(np.uint8)

        return match

    return [*methods, *((name, peer(name)) for name in ("mkl", "hm-mvgd-hm"))]


def _table(network: GradeNetwork, photo: np.ndarray, reference: np.ndarray) -> np.ndarray:
    code = network.reference_code(grade_view(reference))
    return network.bake(network.content_code(grade_view(photo)), code, BAKED_SIZE)


def _compare(
    method: Method, films: list[torch.Tensor], photos: list[np.ndarray]
) -> tuple[float, float, float]:
    """Return mean dE2000 to the truth, mean matting energy and mean correlation of gradients.

    Each photo is graded by the next one, on each film; the truth is the photo on that film.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    apart, energies, alike = [], [], []
    for film in films:
        table = film.permute(1, 2, 3, 0).numpy()
        for number, photo in enumerate(photos):
            graded = method(photo, look_up(photos[(number + 1) % len(photos)], table))
            true = look_up(photo, table)
            apart.append(deltaE_ciede2000(rgb2lab(true), rgb2lab(graded)).mean())
            energies.append(matting_energy(graded, photo))
            alike.append(_gradient_correlation(graded, photo))
    return float(np.mean(apart)), float(np.mean(energies)), float(np.mean(alike))


def _gradient_correlation(picture: np.ndarray, photo: np.ndarray) -> float:
    planes = [p.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) for p in (picture, photo)]
    steps = [np.concatenate([np.diff(p, axis=a).ravel() for a in (0, 1)]) for p in planes]
    return float(np.corrcoef(*steps)[0, 1])


def _measure_ramps(network: GradeNetwork, photos: list[np.ndarray], _: Path) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    ramps = [grey, *(np.where(np.arange(3) == c, grey, 0).astype(np.uint8) for c in range(3))]
    steps = [
        np.abs(np.diff(look_up(ramp, _table(network, photo, other)).astype(int), axis=1)).max(
            (0, 2)
        )
        for photo in photos
        for other in photos
        for ramp in ramps
    ]
    found = np.concatenate(steps)
    print(f"ramps: largest step {found.max()} of 255, over 2: {(found > 2).mean():.3%} of all")


def _measure_clips(network: GradeNetwork, photos: list[np.ndarray], data: Path) -> None:
    """Print how unsteady clips are when graded, over how they are themselves."""
    code = network.reference_code(grade_view(photos[-1]))
    grade = Grade("photo", "", code)
    clips = {**CLIPS, "street_crowd.avi": "other clips"}
    for name, kind in clips.items():
        source = ClipSource(name, kind, data / "clips" / name)
        frames = source.frames(_FRAMES)
        motions = [(t, source.motion(frames, t, t - 1)) for t in range(1, len(frames))]
        graded = []
        for hold in (False, True):
            grader = Grader()
            graded.append([grader.apply(frame, {grade: 1.0}, hold) for frame in frames])
        own = [warp_rms(frames, motions, 1), static_level(frames, frames)]
        for what, pictures in zip(("follows", "held"), graded, strict=True):
            ratio, still = warp_rms(pictures, motions, 1), static_level(pictures, frames)
            print(
                f"{name:26} grade {what:8} ratio {ratio / own[0]:.3f}   static "
                f"{still / own[1]:.3f}   contrast {_contrast(pictures) / _contrast(frames):.3f}"
            )


def _contrast(pictures: list[np.ndarray]) -> float:
    """Return the root of the mean square of steps between neighbours: what a table makes of them.

    No grade is steadier, over its input, than it is contrasty.
    """
    steps = [
        np.diff(picture.astype(np.float32), axis=axis) for picture in pictures for axis in (0, 1)
    ]
    return float(np.sqrt(np.mean([np.square(step).mean() for step in steps])))


def _measure_skin(network: GradeNetwork, _: list[np.ndarray], data: Path) -> None:
    """Print how far faces are from those of the photo that they are graded by.

    Mean colours in L*a*b*, with people graded by people, and with one grade for all.
    """
    from skimage.color import rgb2lab

    files = sorted((data / "content").glob("portrait_*.jpg"))
    portraits = [resize_short_side(read_photo(file), _PORTRAIT_PX) for file in files]
    seen = [(photo, *_find_face(photo)) for photo in portraits]
    seen = [found for found in seen if (found[2] > 127).sum() > _LEAST_FACE_PX][: 2 * _PAIRS]

    def skin(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        return rgb2lab(picture)[face > 127].mean(0)

    apart: list[list[np.ndarray]] = [[], []]
    for one, other in zip(seen[::2], seen[1::2], strict=False):
        wanted = skin(other[0], other[2])
        grade = grade_of(other[0], "other", network, other[1])
        for number, by_parts in enumerate((False, True)):
            person = one[1] if by_parts else None
            graded = Grading().apply(one[0], {grade: 1.0}, False, None, person)
            apart[number].append(skin(graded, one[2]) - wanted)
    for what, axes in (("all", slice(0, 3)), ("lightness", slice(0, 1)), ("colour", slice(1, 3))):
        whole, parts = (
            float(np.mean([np.linalg.norm(step[axes]) for step in steps])) for steps in apart
        )
        print(
            f"{len(apart[0])} pairs of portraits, {what:9}: faces {whole:.1f} apart, by parts "
            f"{parts:.1f}, {1 - parts / whole:.0%} less"
        )


def _find_face(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    people = PeopleMasks()
    masks = people.begin(photo, with_faces=True)()
    people.close()
    return masks.person, np.zeros_like(masks.person) if masks.face is None else masks.face


def _measure_times(network: GradeNetwork, photos: list[np.ndarray], _: Path) -> None:
    """Print what frames take whose light stays, and whose light changes all the time.

    By the clock on all cores, and in processor time on one, where no thread waits for another.
    """
    frame = cv2.resize(photos[0], _SPEED_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    grade = Grade("photo", "", network.reference_code(grade_view(photos[1])))
    threads = cv2.getNumThreads()
    for what, levels in (("stays", 0), ("changes", 2)):
        frames = [np.maximum(frame, number * levels) for number in range(_SPEED_FRAMES)]
        clock_ms = _times_ms(frames, grade, time.perf_counter)
        cv2.setNumThreads(1)
        processor_ms = _times_ms(frames, grade, time.process_time)
        cv2.setNumThreads(threads)
        print(
            f"720p, light {what:8} median {np.median(clock_ms):.1f} ms a frame on {threads} threads"
            f" (best {min(clock_ms):.1f}); of processor time on one {np.median(processor_ms):.1f}, "
            f"mean {np.mean(processor_ms):.1f}"
        )
    begin_s = time.perf_counter()
    GradeNetwork().reference_code(grade_view(frame))
    live_ms = 1000 * (time.perf_counter() - begin_s)
    print(f"a reference of 720p to its code: {live_ms:.0f} ms")


def _times_ms(frames: list[np.ndarray], grade: Grade, clock_s: Callable[[], float]) -> list[float]:
    """Return what each of ``frames`` but the first takes."""
    grader, times_ms = Grader(), []
    for frame in frames:
        begin_s = clock_s()
        grader.apply(frame, {grade: 1.0})
        times_ms.append(1000 * (clock_s() - begin_s))
    return times_ms[1:]


_ROWS: dict[str, Callable[[GradeNetwork, list[np.ndarray], Path], None]] = {
    "films": _measure_films,
    "ramps": _measure_ramps,
    "clips": _measure_clips,
    "portraits": _measure_skin,
    "times": _measure_times,
}


if __name__ == "__main__":
    cli.run(main)
