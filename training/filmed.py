"""What a painting comes to on pictures like those that are filmed, measured while it is trained on sharper photos."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from training.data import read_photo, resize_short_side
from training.loop import Trainer, scaled
from training.losses import CONTENT_LAYER, STYLE_LAYERS, content_loss

_FRAMES = 4
_LINES_PX, _SOFT_PX = 480, 2.0  # a photo that is so soft is painted about as clips are, by style and by content
_SCALE = 0.75


class Filmed:
    """Up to four of the trainer's photos at 480 lines, softened, and the distances of their paintings in its only style."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, side = trainer, trainer.config.crop_px
        files = trainer.files[:: math.ceil(len(trainer.files) / _FRAMES)]
        self._frames = torch.stack([_soft_centre(path, side) for path in files]).to(trainer.device)
        self._mix = torch.ones(len(files), 1, device=trainer.device)
        with torch.no_grad():
            self._content = trainer.vgg(scaled(self._frames, _SCALE), (CONTENT_LAYER,))[CONTENT_LAYER]

    @torch.no_grad()
    def measure(self) -> tuple[float, float]:
        """(style, content): means of the style loss, without a weight, and of the content loss, as the network is now."""
        painted = self._trainer.network(self._frames, self._mix).clamp(0, 1)
        seen = self._trainer.vgg(scaled(painted, _SCALE), STYLE_LAYERS)
        style = self._trainer.style_losses(seen, self._mix, _SCALE)
        return float(style.mean()), float(content_loss(seen[CONTENT_LAYER], self._content).mean())


def _soft_centre(path: Path, side_px: int) -> Tensor:
    """(3, side_px, side_px) fp32 0..1: the centre of a photo, as soft as a clip."""
    photo = cv2.GaussianBlur(resize_short_side(read_photo(path), _LINES_PX), (0, 0), _SOFT_PX)
    top, left = ((length - side_px) // 2 for length in photo.shape[:2])
    crop = np.ascontiguousarray(photo[top : top + side_px, left : left + side_px].transpose(2, 0, 1))
    return torch.from_numpy(crop).float() / 255
