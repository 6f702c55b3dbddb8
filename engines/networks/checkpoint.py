"""A published checkpoint as a network family takes it.

A family whose weights others publish defines ``take_checkpoint(state)``: it gets a plain state dict
(``module.`` and nesting taken off) and returns how it reads it, or nothing where the names are not
its own. More than one reading means that the weights alone do not tell; a trial decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """One way to read a checkpoint."""

    name: str
    """As ``--as`` takes it: the family, or the family and a variant of it."""
    family: str
    what: str
    """What the network is, in words."""
    why: str
    """By what it was recognised."""
    config: dict[str, object]
    state: dict[str, Tensor]
    """As the family's ``load_state_dict`` takes it, strictly."""
    terms: str = field(default="")
    """What is known of the licence of all weights of this layout."""


def drop_statistics(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` without what norms that take the picture's own statistics never read."""
    read_by_none = ("running_mean", "running_var", "num_batches_tracked")
    return {name: value for name, value in state.items() if not name.endswith(read_by_none)}
