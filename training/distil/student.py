"""The student: a `fast` network, or a row of the bundled one, trained on pairs of pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from engines.atomic_write import atomic_write
from engines.errors import TrainingError
from engines.networks.style_network import TrainableNetwork
from training.config import LossWeights, StyleConfig, TrainingConfig
from training.distil.held_out import LAYERS, features_apart
from training.distil.pictures import BEFORE
from training.loop import Trainer, scaled
from training.losses import gram_matrix, grid_loss, range_loss, style_loss
from training.pairs import BatchSampler, Pair, draw_from_targets
from training.targets import Targets
from training.temporal import output_temporal_loss, relative_temporal_loss, warp
from training.vgg import Vgg16

# Cells of 4 and 8 pixels: with 48 channels for the 48 values of a fine cell it begins by giving the
# picture back whole, lines and all; the bundled network's larger cells are for broad strokes.
OWN_NETWORK = {"fine_px": 4, "width": 48, "deep": 64, "blocks": 4, "canvas": 2}
CROP_PX = 192
ROW_CROP_PX = 288  # whole cells of the bundled network
_STATE = "run.json"
_SEEN_PX = 112  # of a crop by VGG16: all of it at half the size, or a part at its own
_MANY_STEPS = 10_000  # until it is known how many fit in
_STEP_CHECK = 8  # steps between two looks at how many more fit in
_WEIGHTS = LossWeights(
    pixels=10, content=1, style=2, tone=0, tv=0, temporal=20, relative=0.1, grid=300, range=10
)


@dataclass(frozen=True)
class TargetPair(Pair):
    """A pair, and what the teacher made of both moments: (N, 3, H, W) fp32 RGB 0..1."""

    target_before: Tensor
    target_after: Tensor


class TargetSampler(BatchSampler):
    """Draws batches from pairs of pictures, (H, W, 6) uint8."""

    kind = TargetPair

    def __init__(
        self, config: TrainingConfig, pictures: list[np.ndarray], seed: int, ahead: bool
    ) -> None:
        self._pictures = pictures
        super().__init__(config, seed, ahead)

    def _draw(self) -> tuple[np.ndarray, ...]:
        random, config = self._random, self._config
        count = 1 + (random.random() < config.layer_share)
        chosen = [self._choose() for _ in range(count)]
        return draw_from_targets(chosen, config.crop_px, random, config.still_share, config.cell_px)

    def _choose(self) -> np.ndarray:
        return self._pictures[self._random.integers(len(self._pictures))]


def student_config(style: StyleConfig, network: dict[str, int], rows_only: bool) -> TrainingConfig:
    """Return the run of one student.

    network: its size; rows_only: the network is kept and a row is learnt.
    """
    return TrainingConfig(
        name=style.name,
        family="fast",
        network=network,
        styles=(style,),
        photos=BEFORE,
        previews=(),
        still_share=0.35,
        crop_px=ROW_CROP_PX if rows_only else CROP_PX,
        vgg_scales=(0.5, 1.0),
        batch=1,
        row_rate=20.0 if rows_only else 5.0,
        rows_only=rows_only,
        smoothing=(0.02, 0.2),
        weights=_WEIGHTS,
    )


class Student(Trainer):
    """A trainer whose photos have targets of their own.

    pictures: what it learns from, (H, W, 6) uint8 RGB as ``read_pair`` gives them, of the folder
    ``data``. about: whom it learns from. The run's folder also gets ``run.json``: what was decided,
    and the seconds spent.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: Path,
        pictures: list[np.ndarray],
        vgg: Vgg16,
        folder: Path,
        device: str,
        about: dict[str, str],
    ) -> None:
        super().__init__(config, data, vgg, folder, device)
        self.pictures, self.about = pictures, about
        self.spent_s = 0.0

    def _look_at_paintings(self) -> dict[float, Targets]:
        return {}

    def _open_sampler(self, seed: int, ahead: bool) -> BatchSampler:
        return TargetSampler(self.config, self.pictures, seed, ahead)

    def save(self) -> None:
        """Save as every trainer, and what has been decided and spent."""
        super().save()
        write_state(self.folder, {"rows_only": self.config.rows_only, "spent_s": self.spent_s})

    def metadata(self) -> dict[str, str]:
        """Return what every trainer does, and whom this one learnt from."""
        metadata = super().metadata()
        training = {**json.loads(metadata["training"]), "distilled": self.about}
        return {**metadata, "training": json.dumps(training)}

    def settled(self) -> TrainableNetwork:
        """Return a copy of the network as it ships."""
        return self._settled()

    def fit_for(self, seconds: float, on_step: Callable[[int, float], None]) -> None:
        """Train for about ``seconds``; ``on_step(step, seconds spent)`` after each step."""
        first, before_s, began_s = self.step, self.spent_s, 0.0
        self.config = replace(self.config, steps=self.step + _MANY_STEPS)

        def show(step: int, _: dict[str, float]) -> None:
            nonlocal began_s
            began_s = began_s or time.monotonic()  # the first step, which prepares, does not count
            spent_s = time.monotonic() - began_s
            self.spent_s = before_s + spent_s
            done = step - first - 1
            if done and done % _STEP_CHECK == 0:  # again and again: other programs come and go
                more = round((seconds - spent_s) * done / max(spent_s, 1e-6))
                self.config = replace(self.config, steps=max(step, step + more))
            on_step(step, spent_s)

        self.fit(show)

    def _losses(self, raw: Tensor, features: Tensor, pair: Pair, mix: Tensor) -> dict[str, Tensor]:
        assert isinstance(pair, TargetPair)
        before, after = raw.clamp(0, 1).chunk(2)
        found, wanted = self._seen(before, pair.target_before)
        warped = warp(before, pair.flow)
        own = pair.after - warp(pair.before, pair.flow)
        still = torch.zeros_like(pair.visible)
        misses = (before - pair.target_before).abs() + (after - pair.target_after).abs()
        return {
            "pixels": misses.mean() / 2,
            "content": features_apart(found, wanted).mean(),
            "style": style_loss(
                [gram_matrix(f) for f in found], [gram_matrix(f) for f in wanted]
            ).mean(),
            "temporal": output_temporal_loss(after, warped, pair.visible, still).mean(),
            "relative": relative_temporal_loss(after, warped, own, pair.visible).mean(),
            "grid": grid_loss(raw, self.config.cell_px).mean(),
            "range": range_loss(raw).mean(),
        }

    def _seen(self, picture: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return what VGG16 sees in a part of both: all at half the size, or some at its own."""
        scales, side = self.config.vgg_scales, picture.shape[-1]
        scale = scales[torch.randint(len(scales), ()).item()]
        part = min(side, int(_SEEN_PX / scale))
        top, left = (int(torch.randint(side - part + 1, ()).item()) for _ in range(2))
        window = (..., slice(top, top + part), slice(left, left + part))
        found = self.vgg(scaled(picture[window], scale), LAYERS)
        with torch.no_grad():
            wanted = self.vgg(scaled(target[window], scale), LAYERS)
        return [found[layer] for layer in LAYERS], [wanted[layer] for layer in LAYERS]


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write what a run that goes on has to know into its ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / _STATE) as written:
        written.write_text(json.dumps(state), encoding="utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Return what ``write_state`` wrote, {} if nothing was. Raises TrainingError if damaged."""
    file = folder / _STATE
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise TrainingError(
            f"{file}: is damaged ({error}). Begin anew with --overwrite."
        ) from error
