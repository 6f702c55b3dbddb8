"""Photos for training: two views of each, as a shaky, noisy camera sees them, with the motion exactly known."""

from __future__ import annotations

import csv
import queue
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.errors import TrainingError
from training.config import TrainingConfig

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Frames are shown at the scale at which they are stylised: 480 lines, give or take what people film closer or wider.
_SHORT_SIDE_PX = (340, 640)


@dataclass(frozen=True)
class Pair:
    """A batch of photo crops at two moments.

    before, after: (N, 3, H, W) fp32 RGB 0..1. homography: (N, 3, 3), from pixels of ``after`` to pixels of ``before``.
    luminance_change: (N, 1, H, W), how much brighter ``after`` is along the motion by exposure, noise not counted.
    """

    before: Tensor
    after: Tensor
    homography: Tensor
    luminance_change: Tensor


def read_photo(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB. Raises TrainingError if the file is not a picture."""
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise TrainingError(f"{path}: not a picture that can be read")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def resize_short_side(picture: np.ndarray, short_px: float) -> np.ndarray:
    """Scale so that the short side has ``short_px`` pixels; averaging when shrinking, cubic when enlarging."""
    factor = short_px / min(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def photo_files(folder: Path, exclude_licence: tuple[str, ...], without: tuple[str, ...] = ()) -> list[Path]:
    """The folder's pictures by name, less those named in ``without`` and those whose licence in MANIFEST.tsv (beside the
    folder) holds a word of ``exclude_licence`` or is not listed. Raises TrainingError if none is left."""
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder of photos. Give the folder that holds it with --data DIR.")
    licences = read_licences(folder)
    if exclude_licence and not licences:
        raise TrainingError(
            f"{folder.parent}/MANIFEST.tsv: missing, so exclude_licence cannot be honoured. Add it, or remove exclude_licence."
        )
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PHOTO_SUFFIXES
        and path.name not in without
        and not (exclude_licence and _excluded(licences.get(path.name, ""), exclude_licence))
    ]
    if not found:
        raise TrainingError(f"{folder}: no photos left ({', '.join(sorted(PHOTO_SUFFIXES))}; exclude_licence: {exclude_licence})")
    return found


def read_licences(folder: Path) -> dict[str, str]:
    """Licence of each photo by file name, from MANIFEST.tsv beside the folder; empty without one."""
    manifest = folder.parent / "MANIFEST.tsv"
    if not manifest.is_file():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["file"].startswith(f"{folder.name}/")]
    return {row["file"].split("/", 1)[1]: row["licence"] or "" for row in rows}


def _excluded(licence: str, words: tuple[str, ...]) -> bool:
    return not licence or any(word.lower() in licence.lower() for word in words)


class PairSampler:
    """Draws ``Pair`` batches for ever, prepared ahead on one thread. Close it when done. Repeatable for a seed."""

    def __init__(self, config: TrainingConfig, files: list[Path], seed: int) -> None:
        self._config = config
        # Room for the largest scale drawn; decoded once, since decoding costs more than cropping.
        self._photos = [self._shrunk(read_photo(path)) for path in files]
        self._random = np.random.default_rng(seed)
        self._ready: queue.Queue[Pair | BaseException] = queue.Queue(maxsize=4)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="photo-sampler", daemon=True)
        self._thread.start()

    def next(self) -> Pair:
        """The next batch. Raises whatever went wrong while it was drawn."""
        drawn = self._ready.get()
        if isinstance(drawn, BaseException):
            raise drawn
        return drawn

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout=10)

    def _fill(self) -> None:
        while not self._closing.is_set():
            try:
                pair = self._draw_batch()
            except BaseException as error:
                pair = error
            while not self._closing.is_set():
                try:
                    self._ready.put(pair, timeout=0.2)
                    break
                except queue.Full:
                    continue

    @staticmethod
    def _shrunk(photo: np.ndarray) -> np.ndarray:
        return resize_short_side(photo, _SHORT_SIDE_PX[1]) if min(photo.shape[:2]) > _SHORT_SIDE_PX[1] else photo

    def _draw_batch(self) -> Pair:
        drawn = [self._draw() for _ in range(self._config.batch)]
        return Pair(*(torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True)))

    def _draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        random, side = self._random, self._config.crop_px
        low, high = np.log(_SHORT_SIDE_PX)
        photo = resize_short_side(
            self._photos[random.integers(len(self._photos))], max(np.exp(random.uniform(low, high)), side * 1.05)
        )
        if random.random() < 0.5:
            photo = np.ascontiguousarray(photo[:, ::-1])
        first = _placed(np.eye(3), random.uniform(0, photo.shape[1] - side), random.uniform(0, photo.shape[0] - side))
        motion = draw_motion(random, side)
        before = _view(photo, np.round(first), side)
        after = _view(photo, np.round(first) @ motion, side)
        lit = np.clip(after * _draw_exposure(random), 0, 1)
        change = ((lit - after) @ _LUMA)[None]
        before, after = degrade(before, random), degrade(lit, random)
        return _chw(before), _chw(after), motion.astype(np.float32), change.astype(np.float32)


def draw_motion(random: np.random.Generator, side_px: int) -> np.ndarray:
    """A (3, 3) homography from pixels of the later frame to the earlier: half the time whole-pixel pan, exact without
    interpolation; else pan, zoom, rotation and a little perspective about the centre, as a hand-held camera makes."""
    reach = side_px / 16
    if random.random() < 0.5:
        return _placed(np.eye(3), *np.round(random.normal(0, reach / 2, 2)))
    angle, zoom = np.deg2rad(random.normal(0, 1.5)), np.exp(random.normal(0, 0.02))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    turn[:2] *= zoom
    turn[2, :2] = random.normal(0, 0.03 / side_px, 2)
    centre = side_px / 2
    return _placed(np.eye(3), *(random.normal(0, reach / 2, 2) + centre)) @ turn @ _placed(np.eye(3), -centre, -centre)


def degrade(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """What a webcam adds, drawn anew for each frame: sensor noise, fine and blotchy, and compression. (H, W, 3) fp32 0..1."""
    if random.random() < 0.7:
        level = random.uniform(0.002, 0.035)
        noise = random.standard_normal(image.shape, np.float32) * level
        if random.random() < 0.5:
            small = random.standard_normal((image.shape[0] // 3, image.shape[1] // 3, 3), np.float32) * level
            noise += cv2.resize(small, image.shape[1::-1])
        image = np.clip(image + noise, 0, 1)
    if random.random() < 0.3:
        quality = int(random.integers(35, 90))
        _, coded = cv2.imencode(".jpg", (image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return image


def _draw_exposure(random: np.random.Generator) -> np.ndarray:
    """Gain per channel of the later frame: automatic exposure and white balance at work in half of the pairs."""
    if random.random() < 0.5:
        return np.ones(3, np.float32)
    return np.exp(random.normal(0, 0.05) + random.normal(0, 0.015, 3)).astype(np.float32)


def _placed(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    moved = matrix.copy()
    moved[:2, 2] += (x, y)
    return moved


def _view(photo: np.ndarray, to_photo: np.ndarray, side_px: int) -> np.ndarray:
    """(side, side, 3) fp32 0..1: the photo seen through ``to_photo``, mirrored beyond its edges."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(photo, to_photo, (side_px, side_px), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return seen.astype(np.float32) / 255


def _chw(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
