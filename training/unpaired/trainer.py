"""The training of two translators and their discriminators, in steps that can be repeated exactly.

All that is drawn in a step follows from the seed and the step's number, so a run that goes on from
its checkpoint does what one without a break would have done.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.errors import TrainingError
from engines.networks.families.ugatit import UGatIt
from engines.networks.layers import settle_bytes
from engines.networks.style_network import StyleNetwork
from engines.networks.weights import save_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.losses import grid_loss, range_loss
from training.precision import fastest_float
from training.preview import save_curves
from training.unpaired.augment import SMALL_SET, augment
from training.unpaired.history import History
from training.unpaired.kinds import (
    Kind,
    begin_near_identity,
    clip_shares,
    follow,
    translate,
)
from training.unpaired.losses import attention_loss, difference, least_squares
from training.unpaired.pictures import PictureSet, draw_crop
from training.unpaired.preview import save_preview
from training.vgg import Vgg16

DIRECTIONS = ("there", "back")
_EMA = 0.999
_SAVE_EVERY_S, _RECORD_EVERY = 120.0, 50
_PREVIEWS = 24
_BEGUN_ON = 8  # pictures that U-GAT-IT's first scales are set by


class UnpairedTrainer:
    """One run in ``folder``.

    It writes checkpoint.pt, there.safetensors and back.safetensors (the averaged generators, from
    the first set to the second and back), previews/, history.json and losses.png.

    name: of both styles. size_px: side of the crops.
    """

    def __init__(
        self,
        kind: Kind,
        sets: tuple[PictureSet, PictureSet],
        folder: Path,
        names: tuple[str, str],
        size_px: int,
        seed: int = 0,
        device: str = "cpu",
        batch: int = 1,
        vgg: Vgg16 | None = None,
    ) -> None:
        self.kind, self.sets, self.folder, self.names = kind, sets, folder, names
        self.size_px, self.seed, self.device, self.batch = size_px, seed, device, batch
        self._float = fastest_float(device)
        self.step, self.spent_s = 0, 0.0
        self.history: list[dict[str, float]] = []
        self.is_small = min(len(s.learnt) for s in sets) < SMALL_SET
        torch.manual_seed(seed)
        self.generators = nn.ModuleDict({way: kind.build() for way in DIRECTIONS})
        random = np.random.default_rng(seed)
        seen = torch.cat([self._draw(s, random, _BEGUN_ON) for s in sets]) if vgg else None
        self.discriminators = nn.ModuleDict(
            {way: kind.build_discriminator(size_px, vgg, seen) for way in DIRECTIONS}
        )
        for module in (self.generators, self.discriminators):
            module.to(device=device, memory_format=torch.channels_last).train()
        self._begin()
        self.averaged = copy.deepcopy(self.generators).requires_grad_(False)
        self.optimizers = kind.optimizers(self.generators, self.discriminators)
        self._rates = [
            [group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers
        ]
        self.pools = {way: History() for way in DIRECTIONS}
        self._sums: dict[str, list[float]] = {}

    def _begin(self) -> None:
        random = np.random.default_rng(self.seed)
        for way, pictures in zip(DIRECTIONS, self.sets, strict=True):
            network = self.generators[way]
            if isinstance(network, UGatIt):
                begin_near_identity(network, self._draw(pictures, random, _BEGUN_ON))

    def fit_for(self, seconds: float, on_step: Callable[[int, float], None]) -> None:
        """Train until ``seconds`` are spent; ``on_step(step, seconds spent)`` after each step."""
        saved_s = time.monotonic()
        shown = int(self.spent_s * _PREVIEWS / seconds)
        try:
            while self.spent_s < seconds or not self.step:
                begun_s = time.monotonic()
                self.take_step(min(1.0, self.spent_s / seconds))
                self.spent_s += time.monotonic() - begun_s
                on_step(self.step, self.spent_s)
                if time.monotonic() - saved_s > _SAVE_EVERY_S:
                    self.save()
                    saved_s = time.monotonic()
                if self.spent_s * _PREVIEWS >= (shown + 1) * seconds:
                    shown = int(self.spent_s * _PREVIEWS / seconds)
                    self.preview()
        except (KeyboardInterrupt, SystemExit):  # SIGTERM is the latter
            self.save()
            raise
        self.save()

    def take_step(self, share: float = 0.0) -> dict[str, float]:
        """Train the generators once, then the discriminators; return what the losses were.

        share: of the run that is done; from half on the rates fall evenly to 0 (Zhu et al. 2017,
        section 4).
        """
        random = np.random.default_rng((self.seed, 1 + self.step))
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * min(1.0, 2 - 2 * share)
        real = [self._draw(pictures, random, self.batch) for pictures in self.sets]
        with self._fast_floats():
            losses, translated = self._generator_losses(real, random)
        weights = self.kind.weights
        self._move(0, sum(getattr(weights, name) * loss for name, loss in losses.items()))
        for network in self.generators.values():
            clip_shares(network)
        keep = min(_EMA, (1 + self.step) / (10 + self.step))
        follow(self.averaged, self.generators, keep)
        with self._fast_floats():
            losses["discriminators"] = self._discriminator_loss(real, translated, random)
        self._move(1, losses["discriminators"])
        self.step += 1
        found = {name: float(loss.detach()) for name, loss in losses.items()}
        self._record(found)
        return found

    def _fast_floats(self) -> torch.autocast:
        return torch.autocast(
            self.device, dtype=torch.bfloat16, enabled=self._float == torch.bfloat16
        )

    def _draw(self, pictures: PictureSet, random: np.random.Generator, count: int) -> Tensor:
        lines = self.kind.seen_lines_px(self.size_px)
        drawn = [draw_crop(pictures.learnt, self.size_px, lines, random) for _ in range(count)]
        batch = torch.from_numpy(np.stack(drawn)).to(self.device)
        return batch.contiguous(memory_format=torch.channels_last)

    def _generator_losses(
        self, real: list[Tensor], random: np.random.Generator
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the losses, unweighted, and the translated pictures in the order of DIRECTIONS."""
        self.discriminators.requires_grad_(False)
        parts: dict[str, list[Tensor]] = {}
        first = []
        for i, way in enumerate(DIRECTIONS):  # what is to be translated, and what is to be kept
            both = torch.cat([real[i], real[1 - i]])
            first.append(translate(self.generators[way], both, random).split(len(real[i])))
        for i, way in enumerate(DIRECTIONS):
            translated, kept = first[i]
            picture = translated.picture
            again = translate(self.generators[DIRECTIONS[1 - i]], picture, random).picture
            losses = {
                "adversarial": least_squares(self._judge(way, picture, random), 1.0),
                "cycle": difference(again, real[i]),
                "identity": difference(kept.picture, real[1 - i]),
            }
            if translated.logits is not None and kept.logits is not None:
                losses["attention"] = attention_loss(translated.logits, kept.logits)
            if self.kind.weights.grid:
                losses["grid"] = grid_loss(picture, self.generators[way].cell_px).mean()
                losses["range"] = range_loss(picture).mean()
            for name, loss in losses.items():
                parts.setdefault(name, []).append(loss)
        self.discriminators.requires_grad_(True)
        return {name: sum(both) for name, both in parts.items()}, [
            translated.picture for translated, _ in first
        ]

    def _discriminator_loss(
        self, real: list[Tensor], translated: list[Tensor], random: np.random.Generator
    ) -> Tensor:
        losses = []
        for i, way in enumerate(DIRECTIONS):
            judged = self.pools[way].swap(translated[i], random)
            losses.append(least_squares(self._judge(way, real[1 - i], random), 1.0))
            losses.append(least_squares(self._judge(way, judged, random), 0.0))
        return torch.stack(losses).sum() / 2

    def _judge(self, way: str, pictures: Tensor, random: np.random.Generator) -> list[Tensor]:
        """Return the verdicts of what knows the pictures that ``way`` leads to."""
        if self.is_small:
            drawn = torch.Generator().manual_seed(int(random.integers(2**31)))
            pictures = augment(pictures, drawn)
        verdicts: list[Tensor] = self.discriminators[way](pictures)
        return [verdict.float() for verdict in verdicts]

    def _move(self, which: int, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss.item()} at step {self.step}. Begin anew with --overwrite "
                "and another --seed."
            )
        self.optimizers[which].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[which].step()

    def _record(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(value)
        if self.step % _RECORD_EVERY == 0:
            means = {name: sum(values) / len(values) for name, values in self._sums.items()}
            self.history.append({"step": self.step, **means})
            self._sums = {}

    def preview(self) -> None:
        """Write a sheet of held-out pictures of both sets, translated."""
        save_preview(
            self.folder / "previews" / f"{self.step:06d}.jpg",
            [self.settled(way) for way in DIRECTIONS],
            [pictures.held for pictures in self.sets],
            self.kind.painted_px(self.size_px),
        )

    def settled(self, way: str) -> StyleNetwork:
        """Return a generator as it ships: averaged, its weights on the steps of their int8 form."""
        network = copy.deepcopy(self.averaged[way])
        assert isinstance(network, StyleNetwork)
        return settle_bytes(network).eval()

    def save(self) -> None:
        """Write the checkpoint, both generators as they ship, history and curves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self.folder / "checkpoint.pt", self._state())
        for i, way in enumerate(DIRECTIONS):
            weights = self.folder / f"{way}.safetensors"
            config = dict(self.kind.config)
            save_weights(weights, self.settled(way), self.kind.network, config, self._metadata(i))
        (self.folder / "history.json").write_text(json.dumps(self.history), encoding="utf-8")
        if self.history:
            save_curves(self.folder / "losses.png", self.history)

    def _metadata(self, which: int) -> dict[str, str]:
        name, source = self.names[which], self.sets[1 - which].folder.resolve().name
        styles = [
            {"name": "original", "title": "the untouched picture"},
            {"name": name, "title": name, "licence": "yours to know", "source": source},
        ]
        unpaired = {
            "from": self.sets[which].folder.resolve().name,
            "to": source,
            "size_px": self.size_px,
            "steps_done": self.step,
        }
        return {
            **({"canvas": json.dumps({name: 1.0})} if self.kind.network == "fast" else {}),
            "name": name,
            "styles": json.dumps(styles),
            "training": json.dumps({"unpaired": unpaired}),
        }

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.kind.network,
            "size_px": self.size_px,
            "seed": self.seed,
            "step": self.step,
            "spent_s": self.spent_s,
            "history": self.history,
            "sums": self._sums,
            "pools": {way: pool.pictures for way, pool in self.pools.items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            **{name: getattr(self, name).state_dict() for name in _PARTS},
        }

    def resume(self) -> None:
        """Go on from the folder's checkpoint. Raises TrainingError if it is of another run."""
        state = load_checkpoint(self.folder / "checkpoint.pt")
        try:
            ours = {"network": self.kind.network, "size_px": self.size_px, "seed": self.seed}
            theirs = {name: state[name] for name in ours}
            if theirs != ours:
                raise ValueError(f"it was begun with {theirs}, and this is {ours}")
            for name in _PARTS:
                getattr(self, name).load_state_dict(state[name])
            for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self.folder}: its checkpoint is of another run ({error}). Choose another --out, "
                "or begin anew with --overwrite."
            ) from error
        for way, pool in self.pools.items():
            pool.pictures = [picture.to(self.device) for picture in state["pools"][way]]
        self.step, self.spent_s = state["step"], state["spent_s"]
        self.history, self._sums = state["history"], state["sums"]


_PARTS = ("generators", "averaged", "discriminators")
