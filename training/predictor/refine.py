"""A better row for one picture: descent on it against the real losses, on what is filmed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from engines.networks.weights import load_weights
from training.config import TrainingConfig
from training.pairs import PairSampler
from training.predictor.loop import PictureTrainer
from training.predictor.views import look
from training.vgg import Vgg16

_RATE, _LAST = 0.01, 0.2
_PULL = 0.02  # back to the row that it begins with, in deviations of the bundled rows


def refine(
    config: TrainingConfig,
    weights: Path,
    vgg: Vgg16,
    start: np.ndarray,
    view: np.ndarray,
    photos: Path,
    seconds: float,
    on_row: Callable[[Tensor], None] = lambda _: None,
    every_s: float = 2.0,
) -> Tensor:
    """Return a row, (R,), that paints more like the picture than ``start`` does, after ``seconds``.

    config: of the predictor. weights: of the network. view: the picture as
    ``training.predictor.pictures.middle_view`` gives it. photos: a folder of frames, which its
    parent's MANIFEST.tsv need not list. ``on_row`` is given the row every ``every_s`` seconds.
    Raises TrainingError if there are no photos.
    """
    config = replace(
        config,
        photos=photos.name,
        exclude_licence=(),
        previews=(),
        clips=(),
        batch=1,
        blend_share=0,
    )
    trainer = PictureTrainer(config, photos.parent, vgg, photos.parent)
    network, _ = load_weights(weights)
    trainer.keep_network(network)
    spread = network.rows.detach().std(0) + 1e-3
    trainer.step = config.steps  # everything that smooths is in
    image = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)[None]
    targets = look(vgg, image, config.vgg_scales).picked(torch.zeros(1, dtype=torch.long), "cpu")
    row = torch.from_numpy(start)[None]
    found = row.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([found], lr=_RATE)
    sampler = PairSampler(config, trainer.files, [], config.seed, ahead=False)
    begin_s = told_s = time.monotonic()
    while (now_s := time.monotonic()) < begin_s + seconds:
        done = (now_s - begin_s) / seconds
        optimizer.param_groups[0]["lr"] = _RATE * (1 - (1 - _LAST) * done)
        trainer.begin(found, targets)
        losses = trainer.losses(sampler.next())
        total = trainer.weighted(losses) + _PULL * ((found - row) / spread).square().mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        if now_s - told_s > every_s:
            told_s = now_s
            on_row(found.detach()[0].clone())
    on_row(found.detach()[0])
    return found.detach()[0]
