"""The student of the filters: one `fast` network with a row for each look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from msgspec.structs import replace
from torch import Tensor

from training.config import StyleConfig
from training.distil.student import OWN_NETWORK, Student, TargetPair, TargetSampler, student_config
from training.looks.filters import LOOKS
from training.pairs import BatchSampler, Pair
from training.vgg import Vgg16

LICENCE = "MIT"


@dataclass(frozen=True)
class LookPair(TargetPair):
    """A pair, its target, and in which looks it is drawn: (N, looks) fp32, 1 in all."""

    mix: Tensor


class LookSampler(TargetSampler):
    """Draws batches from what ``read_targets`` gives: a look each, or two laid over each other."""

    kind = LookPair

    def _draw(self) -> tuple[np.ndarray, ...]:
        random = self._random
        first, second = random.choice(len(LOOKS), 2, replace=False)
        share = random.uniform(0.2, 0.8) if random.random() < self._config.blend_share else 1.0
        self._mix = np.zeros(len(LOOKS), np.float32)
        self._mix[first], self._mix[second] = share, 1 - share
        return *super()._draw(), self._mix

    def _choose(self) -> np.ndarray:
        return _in_looks(super()._choose(), self._mix)


def _in_looks(picture: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """Return (H, W, 6): the photo, and its looks laid over each other as ``mix`` says."""
    places = np.flatnonzero(mix)
    parts = [picture[..., 3 + 3 * place : 6 + 3 * place] for place in places]
    target = parts[0]
    if len(parts) > 1:
        shares = mix[places].astype(float)
        target = cv2.addWeighted(parts[0].copy(), shares[0], parts[1].copy(), shares[1], 0)
    return np.dstack([picture[..., :3], target])


class LookStudent(Student):
    """Learns all looks at once. Its parts are those of ``Student``."""

    def _open_sampler(self, seed: int, ahead: bool) -> BatchSampler:
        return LookSampler(self.config, self.pictures, seed, ahead)

    def losses(self, pair: Pair) -> dict[str, Tensor]:
        """Return each loss of one batch, unweighted, in the looks that the pair was drawn in."""
        assert isinstance(pair, LookPair)
        self._mix = pair.mix.to(self.device)
        return super().losses(pair)

    def _draw_mix(self) -> Tensor:
        return self._mix


def begin(
    data: Path, pictures: list[np.ndarray], vgg: Vgg16, folder: Path, device: str
) -> LookStudent:
    """Return a student that has learnt nothing."""
    styles = tuple(
        StyleConfig(
            name,
            "",
            name.replace("_", " ").capitalize(),
            "Livebrush",
            "",
            LICENCE,
            "training/looks/filters.py",
        )
        for name in LOOKS
    )
    config = student_config(styles[0], OWN_NETWORK, rows_only=False)
    config = replace(config, name="looks", styles=styles)
    return LookStudent(config, data, pictures, vgg, folder, device, {"filters": "training/looks"})


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
