"""Training of a predictor against the losses of the bundled network, which stays as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from engines.errors import TrainingError
from engines.networks.predictor import CodeToRow, StatisticsToCode, Whitening, colours_of
from engines.networks.style_network import StyleNetwork
from engines.networks.weights import load_weights, network_hash
from training.checkpoint import load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.data import read_photo, resize_short_side, spread
from training.loop import Trainer, rate_factor
from training.losses import palette_loss
from training.pairs import Pair, PairSampler
from training.predictor.views import Seen, Targets
from training.preview import stylise_photo
from training.targets import Targets as PaintingTargets
from training.vgg import Vgg16

KEPT = 192
"""Principal components of the statistics that a predictor is shown."""
_SAVE_EVERY = 100
_PEAK_RATE, _KNOWN_RATE, _WARM_UP, _LAST = 2e-4, 0.05, 100, 0.02
_LINES_PX, _PHOTOS = 240, 6
_SUM_WEIGHT = 10.0  # how strictly the weights of a mix sum to 1
_NOISE = 0.15  # of the whitened statistics: a few hundred paintings are soon known by heart


class PictureTrainer(Trainer):
    """A trainer whose styles are the pictures of each batch: its rows are set from outside."""

    def keep_network(self, network: StyleNetwork) -> None:
        """Paint with ``network``, which stays as it is."""
        self.network.load_state_dict(network.state_dict())
        self.network.requires_grad_(False).eval()

    def begin(self, rows: Tensor, targets: Targets) -> None:
        """Set the rows (N, R) and the targets (N) of the next losses."""
        if isinstance(self.network.rows, nn.Parameter):
            del self.network.rows  # a parameter cannot become what another network says
        self.network.rows = rows
        self._eye = torch.eye(len(rows), device=rows.device)
        self._calm = torch.zeros(len(rows), device=rows.device)
        self.style_weights = torch.ones(len(rows), device=rows.device)
        self.targets = {scale: targets.at(scale) for scale in self.config.vgg_scales}

    def _look_at_paintings(self) -> dict[float, Targets]:
        return {}

    def _painting_losses(
        self, before: Tensor, seen: dict[str, Tensor], pair: Pair, mix: Tensor, scale: float
    ) -> dict[str, Tensor]:
        losses = super()._painting_losses(before, seen, pair, mix, scale)
        if self.config.weights.palette:
            means, covariances = self.targets[scale].colours(mix)
            losses["palette"] = palette_loss(before, means, covariances).mean()
        return losses

    def _draw_mix(self) -> Tensor:
        """Return (N, N): one picture a sample, in ``blend_share`` of them two."""
        mix = self._eye.clone()
        for sample in mix:
            if torch.rand(1).item() < self.config.blend_share:
                share = torch.rand(1).item()
                sample.copy_(share * sample + (1 - share) * sample.roll(1))
        return mix


class PredictorRun:
    """One run in ``folder``: checkpoint.pt and history.json.

    seen: what is learned from. bundled: weights of the network, which stays as it is.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: Path,
        vgg: Vgg16,
        folder: Path,
        seen: Seen,
        bundled: Path,
        device: str = "cpu",
    ) -> None:
        self.trainer = PictureTrainer(config, data, vgg, folder, device)
        source, _ = load_weights(bundled)
        self.network_hash = network_hash(source)
        rows = source.rows.detach()
        self.trainer.keep_network(source)
        self.seen, self.folder, self.device = seen, folder, device
        self.scale = max(config.vgg_scales)
        self.whitening = Whitening(seen.statistics[self.scale], min(KEPT, len(seen) - 1)).to(device)
        self.code = StatisticsToCode(self.whitening.whiten.shape[1]).to(device)
        self.row = CodeToRow(rows, source.tint_at).to(device)
        known = [self.row.known]
        others = [self.row.free, *self.code.parameters()]
        self.optimizer = torch.optim.AdamW(
            [{"params": others, "share": 1.0}, {"params": known, "share": _KNOWN_RATE}],
            weight_decay=1e-3,
        )
        self.step, self.history = 0, list[dict[str, float]]()

    def begin_as_mixes(self, steps: int = 1500) -> None:
        """Let the predictor begin with the mixes of bundled styles that are nearest to the views.

        By Gram matrices, and a few small pictures for the colours: it takes a minute.
        """
        trainer = self.trainer
        self.row.colours = colours_painted(trainer.network, trainer.files)
        paintings = PaintingTargets(
            trainer.config, trainer.data, trainer.vgg, self.scale, self.device
        )
        bundled = paintings.grams(torch.eye(len(trainer.config.styles), device=self.device))
        mixes = nearest_mixes(bundled, self.seen, self.scale).to(self.device)
        whitened = self.whitening(self.seen.statistics[self.scale].to(self.device))
        optimizer = torch.optim.AdamW(self.code.parameters(), lr=1e-3, weight_decay=1e-2)
        for _ in range(steps):
            chosen = torch.randint(len(mixes), (64,), device=self.device)
            noise = _NOISE * torch.randn(64, whitened.shape[1], device=self.device)
            code = self.code(whitened[chosen] + noise)
            logs = code[:, : self.row.paintings].log_softmax(1)
            loss = -(mixes[chosen] * logs).sum(1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def save(self) -> None:
        """Write a checkpoint from which ``resume`` goes on."""
        modules = {name: getattr(self, name).state_dict() for name in _MODULES}
        state = {**modules, "optimizer": self.optimizer.state_dict(), "step": self.step}
        save_checkpoint(self.folder / "checkpoint.pt", {**state, "history": self.history})
        (self.folder / "history.json").write_text(json.dumps(self.history))

    def resume(self) -> None:
        """Go on from the folder's checkpoint.

        Raises TrainingError if there is none, or it is of other views.
        """
        state = load_checkpoint(self.folder / "checkpoint.pt")
        try:
            for name in _MODULES:
                getattr(self, name).load_state_dict(state[name])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self.folder}: its checkpoint is of another run ({error}). Choose another --out."
            ) from error
        self.step, self.history = state["step"], state["history"]

    def fit(
        self, minutes: float, on_step: Callable[[int, dict[str, float]], None] = lambda *_: None
    ) -> None:
        """Train to the config's last step, for at most so many ``minutes`` now; save on the way."""
        config, end_s = self.trainer.config, time.monotonic() + 60 * minutes
        seed = config.seed * 1_000_003 + self.step
        torch.manual_seed(seed)
        sampler = PairSampler(
            config, self.trainer.files, self.trainer.clips, seed, self.device != "cpu"
        )
        sums: dict[str, float] = {}
        try:
            while self.step < config.steps and time.monotonic() < end_s:
                losses = self._train_step(sampler)
                self.step += 1
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value / _SAVE_EVERY
                on_step(self.step, losses)
                if self.step % _SAVE_EVERY == 0:
                    self.history.append({"step": self.step, **sums})
                    sums = {}
                    self.save()
        finally:
            self.save()
            sampler.close()

    def _train_step(self, sampler: PairSampler) -> dict[str, float]:
        config = self.trainer.config
        factor = rate_factor(self.step, config.steps, _WARM_UP, _LAST)
        for group in self.optimizer.param_groups:
            group["lr"] = _PEAK_RATE * factor * group["share"]
        chosen = torch.randint(len(self.seen), (config.batch,))
        statistics = self.seen.statistics[self.scale][chosen].to(self.device)
        whitened = self.whitening(statistics)
        pictures = self.seen.pictures[chosen].to(self.device).float() / 255
        noisy = whitened + _NOISE * torch.randn_like(whitened)
        rows = self.row(self.code(noisy), colours_of(pictures))
        self.trainer.begin(rows, self.seen.picked(chosen, self.device))
        losses = self.trainer.losses(sampler.next())
        total = self.trainer.weighted(losses)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if torch.isfinite(total):
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, 10.0)
            self.optimizer.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}


_MODULES = ("whitening", "code", "row")


def colours_painted(network: StyleNetwork, photos: list[Path]) -> Tensor:
    """Return mean and deviation of the channels of what each style paints, (P, 2, 3).

    Over a few of the ``photos``: a painting's own colours are not quite met.
    """
    chosen = [resize_short_side(read_photo(path), _LINES_PX) for path in spread(photos, _PHOTOS)]
    found, count = [], len(network.rows)
    for style in range(count):
        painted = [
            torch.from_numpy(stylise_photo(network, photo, style, count)).float() / 255
            for photo in chosen
        ]
        pixels = torch.cat([picture.flatten(0, 1) for picture in painted])
        found.append(torch.stack([pixels.mean(0), pixels.std(0)]))
    return torch.stack(found).to(network.rows.device)


def nearest_mixes(bundled: list[Tensor], seen: Seen, scale: float) -> Tensor:
    """Return the mixes (N, P) of bundled styles whose Gram matrices are nearest to the views'.

    bundled: one (P, C, C) a layer. They minimise the style loss (``training.losses.style_loss``)
    over weights that are at least 0 and sum to 1: non-negative least squares (Lawson & Hanson
    1974) on the Cholesky factor of the normal equations.
    """
    from scipy.optimize import nnls

    inner, cross = 0.0, 0.0
    for layer, (ours, theirs) in enumerate(zip(bundled, seen.grams[scale], strict=True)):
        flat = ours.flatten(1).cpu().double()
        norm = seen.norms[scale][:, layer].double()
        inner = inner + (flat @ flat.T)[None] / norm.square()[:, None, None]
        cross = cross + (theirs.flatten(1).double() @ flat.T) / norm[:, None]
    count = cross.shape[1]
    mixes = torch.zeros(len(seen), count)
    for number, (square, wanted) in enumerate(zip(inner, cross, strict=True)):
        weight = _SUM_WEIGHT * square.diagonal().mean().sqrt()
        root = torch.linalg.cholesky(square + 1e-6 * square.diagonal().mean() * torch.eye(count))
        goal = torch.linalg.solve_triangular(root, wanted[:, None], upper=False)[:, 0]
        rows = torch.cat([root.T, weight.expand(1, count)])
        found, _ = nnls(rows.numpy(), torch.cat([goal, weight[None]]).numpy())
        mixes[number] = torch.from_numpy(found / max(found.sum(), 1e-9))
    return mixes
