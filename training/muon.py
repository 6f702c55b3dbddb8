"""Muon for convolutions, Adam for the rest, as one optimiser.

torch.optim.Muon takes matrices only; a convolution's weight (O, I, h, w) is one, (O, I h w), after
a reshape. A network without normalisation learns faster by it than by Adam: docs/training.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
# Coefficients of the quintic iteration in Jordan et al. 2024, "Muon: an optimizer for hidden layers
# in neural networks".
_QUINTIC = (3.4445, -4.7750, 2.0315)
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class MuonAdam(torch.optim.Optimizer):
    """Moves convolution weights by Muon, everything else by Adam.

    Convolution weights move along the orthogonalised momentum of their gradient by ``muon_rate``;
    ``rows``, of one network or of several in it, by Adam with ``rows_rate``, everything else by
    Adam with ``adam_rate``. Groups hold their ``kind``: muon, rows or adam.
    """

    def __init__(
        self, network: nn.Module, muon_rate: float, adam_rate: float, rows_rate: float
    ) -> None:
        groups: dict[str, list[nn.Parameter]] = {"muon": [], "adam": [], "rows": []}
        for name, parameter in network.named_parameters():
            if not parameter.requires_grad:
                continue
            is_row = name.rpartition(".")[2] == "rows"
            groups["muon" if parameter.ndim == 4 else "rows" if is_row else "adam"].append(
                parameter
            )
        rates = {"muon": muon_rate, "adam": adam_rate, "rows": rows_rate}
        super().__init__(
            [{"params": p, "kind": k, "lr": rates[k]} for k, p in groups.items() if p], {}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            move = self._muon if group["kind"] == "muon" else self._adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move(parameter, parameter.grad, group["lr"])

    def _muon(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.mul_(_MOMENTUM).add_(gradient)
        ahead = gradient + _MOMENTUM * momentum  # Nesterov
        parameter.sub_(orthogonalise(ahead.flatten(1)).view_as(parameter), alpha=rate)

    def _adam(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        """Kingma & Ba 2015, algorithm 1."""
        state = self.state[parameter]
        count = state["count"] = state.get("count", 0) + 1
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        square = state.setdefault("square", torch.zeros_like(parameter))
        mean.lerp_(gradient, 1 - _BETAS[0])
        square.lerp_(gradient.square(), 1 - _BETAS[1])
        root = (square / (1 - _BETAS[1] ** count)).sqrt_().add_(_EPSILON)
        parameter.addcdiv_(mean, root, value=-rate / (1 - _BETAS[0] ** count))


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Return ``matrix`` (R, C) with its singular values brought to between 0.7 and 1.2.

    By the quintic Newton-Schulz iteration.
    """
    a, b, c = _QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T, iterations).T
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
