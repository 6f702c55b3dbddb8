"""What a painting comes to on pictures like those that are filmed, measured while it is trained on sharper photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import read_photo, resize_short_side
from training.loop import Trainer
from training.losses import CONTENT_LAYER, STYLE_LAYERS, content_loss, gram_matrix, style_loss

_FRAMES = 4
_LINES_PX, _SOFT_PX = 480, 2.0  # a photo that is so soft is painted about as clips are, by style and by content
_SCALE = 0.75


class Filmed:
    """Up to four of the trainer's photos at 480 lines, softened, and the distances of their paintings in its first style."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, side = trainer, trainer.config.crop_px
        files = trainer.files[:: -(-len(trainer.files) // _FRAMES)]
        self._frames = torch.stack([_soft_centre(path, side) for path in files]).to(trainer.device)
        self._targets = trainer.targets[_SCALE]
        with torch.no_grad():
            self._content = trainer.vgg(self._at_scale(self._frames), (CONTENT_LAYER,))[CONTENT_LAYER]

    @torch.no_grad()
    def measure(self) -> tuple[float, float]:
        """(style, content): means of the style loss, without a weight, and of the content loss, as the network is now."""
        trainer = self._trainer
        mix = F.one_hot(torch.zeros(len(self._frames), dtype=torch.long), len(trainer.config.styles)).float()
        painted = trainer.network(self._frames, mix.to(trainer.device)).clamp(0, 1)
        seen = trainer.vgg(self._at_scale(painted), STYLE_LAYERS)
        style = style_loss([gram_matrix(seen[layer]) for layer in STYLE_LAYERS], [t[:1] for t in self._targets])
        return float(style.mean()), float(content_loss(seen[CONTENT_LAYER], self._content).mean())

    def _at_scale(self, frames: Tensor) -> Tensor:
        return F.interpolate(frames, scale_factor=_SCALE, mode="bilinear", antialias=True)


def _soft_centre(path: Path, side_px: int) -> Tensor:
    """(3, side_px, side_px) fp32 0..1: the centre of a photo, as soft as a clip."""
    photo = cv2.GaussianBlur(resize_short_side(read_photo(path), _LINES_PX), (0, 0), _SOFT_PX)
    top, left = ((length - side_px) // 2 for length in photo.shape[:2])
    crop = np.ascontiguousarray(photo[top : top + side_px, left : left + side_px].transpose(2, 0, 1))
    return torch.from_numpy(crop).float() / 255
