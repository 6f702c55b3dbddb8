"""Real clips for training: decoded, shrunk, kept as frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.errors import TrainingError
from training.data import read_licences, resize_short_side

_FRAMES_KEPT = 150
_SHORT_SIDE_PX = 480


@dataclass(frozen=True)
class Clip:
    """A clip to train on.

    frames: consecutive (H, W, 3) uint8 RGB. licence: of its manifest row.
    """

    frames: list[np.ndarray]
    licence: str


def read_clips(
    folder: Path, names: tuple[str, ...], exclude_licence: tuple[str, ...]
) -> list[Clip]:
    """Read the clips called ``names`` in ``folder``.

    Those whose manifest licence holds a word of ``exclude_licence`` are left out. Raises
    TrainingError for a clip that is missing or cannot be read.
    """
    licences = read_licences(folder)
    used = [
        n
        for n in names
        if not any(word.lower() in licences.get(n, "").lower() for word in exclude_licence)
    ]
    return [Clip(_decode(folder / name), licences.get(name, "not listed")) for name in used]


def _decode(path: Path) -> list[np.ndarray]:
    import av

    frames: list[np.ndarray] = []
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                picture = frame.to_ndarray(format="rgb24")
                frames.append(
                    resize_short_side(picture, _SHORT_SIDE_PX)
                    if min(picture.shape[:2]) > _SHORT_SIDE_PX
                    else picture
                )
                if len(frames) == _FRAMES_KEPT:
                    break
    except (av.FFmpegError, OSError) as error:
        raise TrainingError(
            f"{path}: not a clip that can be read ({error}). Take it out of the config's clips."
        ) from error
    if len(frames) < 2:
        raise TrainingError(
            f"{path}: holds {len(frames)} frames; motion needs two. "
            "Take it out of the config's clips."
        )
    return frames
