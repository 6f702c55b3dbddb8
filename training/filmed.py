"""What a painting comes to on pictures like those that are filmed.

It is measured while the style is trained on sharper photos.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.canvas import draw_canvas
from training.data import read_photo, resize_short_side, spread
from training.faces import Box, FaceFinder
from training.loop import Trainer, scaled
from training.losses import CONTENT_LAYER, STYLE_LAYERS, content_loss

_FRAMES, _FACES = 4, 3
_LINES_PX, _SOFT_PX = (
    480,
    2.0,
)  # a photo that is so soft is painted about as clips are, by style and by content
_SCALE = 0.75
_LOOKED_AT = 12  # photos in which a face is looked for
_LEAST_FACE_PX = 50  # smaller ones are too coarse when enlarged
_FACE_PX = (90, 140)  # of a webcam: somebody who sits back, and close to it
_SURE = 0.5  # what is not clearly a face before it is painted need not be one after


class Distances(NamedTuple):
    """style: mean of the style loss, without a weight.

    content: of the content loss. face: of ``FaceFinder.score``, None without a face.
    """

    style: float
    content: float
    face: float | None


class Filmed:
    """Softened photos and faces, and the distances of their paintings in the trainer's only style.

    They are up to four of the trainer's photos at 480 lines, and faces in up to three of them, as
    large as a webcam has them.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, side = trainer, trainer.config.crop_px
        self._frames = _batch(
            [_soft_centre(path, side) for path in spread(trainer.files, _FRAMES)], trainer.device
        )
        with torch.no_grad():
            self._content = trainer.vgg(scaled(self._frames, _SCALE), (CONTENT_LAYER,))[
                CONTENT_LAYER
            ]
        self._finder = FaceFinder()
        views = _face_views(spread(trainer.files, _LOOKED_AT), side, self._finder)
        self._boxes = [box for _, box in views]
        self._faces = _batch([view for view, _ in views], trainer.device) if views else None

    @torch.no_grad()
    def measure(self) -> Distances:
        """Return the distances as the network is now."""
        painted = self._paint(self._frames)
        seen = self._trainer.vgg(scaled(painted, _SCALE), STYLE_LAYERS)
        style = self._trainer.style_losses(seen, painted.new_ones(len(painted), 1), _SCALE)
        return Distances(
            float(style.mean()),
            float(content_loss(seen[CONTENT_LAYER], self._content).mean()),
            self._score(),
        )

    def _paint(self, frames: Tensor) -> Tensor:
        network, mix = self._trainer.network, frames.new_ones(len(frames), 1)
        if not network.canvas_channels:
            return network(frames, mix).clamp(0, 1)
        noise = draw_canvas((frames.shape[2], frames.shape[3]), network.cell_px)
        canvas = torch.tensor(noise, device=frames.device).expand(len(frames), -1, -1, -1)
        return network(frames, mix, canvas).clamp(0, 1)

    def _score(self) -> float | None:
        if self._faces is None:
            return None
        pictures = (self._paint(self._faces) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return float(
            np.mean([self._finder.score(*view) for view in zip(pictures, self._boxes, strict=True)])
        )


def _batch(pictures: list[np.ndarray], device: str) -> Tensor:
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)).to(device).float() / 255


def _soft_centre(path: Path, side_px: int) -> np.ndarray:
    """Return the centre of a photo, as soft as a clip: (side_px, side_px, 3)."""
    photo = resize_short_side(read_photo(path), _LINES_PX)
    return _soft_crop(photo, (photo.shape[1] / 2, photo.shape[0] / 2), side_px)


def _face_views(
    files: list[Path], side_px: int, finder: FaceFinder
) -> list[tuple[np.ndarray, Box]]:
    """Return views of the largest face of each photo, and where it is in them.

    (side_px, side_px, 3) each, of ``_FACES`` photos at most.
    """
    views: list[tuple[np.ndarray, Box]] = []
    for path in files:
        if len(views) >= _FACES * len(_FACE_PX):
            break
        photo = read_photo(path)
        left, top, right, bottom = max(
            finder.find(photo), key=lambda box: box[2] - box[0], default=(0, 0, 0, 0)
        )
        for face_px in _FACE_PX if right - left >= _LEAST_FACE_PX else ():
            scale = face_px / (right - left)
            enlarged = resize_short_side(photo, min(photo.shape[:2]) * scale)
            view = _soft_crop(
                enlarged, ((left + right) / 2 * scale, (top + bottom) / 2 * scale), side_px
            )
            first, last = (side_px - face_px) // 2, (side_px + face_px) // 2
            if finder.score(view, (first, first, last, last)) >= _SURE:
                views.append((view, (first, first, last, last)))
    return views[: _FACES * len(_FACE_PX)]


def _soft_crop(photo: np.ndarray, centre: tuple[float, float], side_px: int) -> np.ndarray:
    """Return (side_px, side_px, 3) about (x, y) ``centre``, edges repeated beyond the photo."""
    return cv2.getRectSubPix(cv2.GaussianBlur(photo, (0, 0), _SOFT_PX), (side_px, side_px), centre)
