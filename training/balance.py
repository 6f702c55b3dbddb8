"""How strongly a new painting pulls: what measuring and training again did for the gallery, done while it trains."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

AIM = 0.3  # of the untouched photos' distance to the painting: what the gallery's come to on theirs; on clips it is more
MOST_CONTENT = 1.8  # beyond it hardly anything of the picture is left to be seen
_EVERY = 20  # steps: single crops tell little
_MOST_CHANGE = 1.1
_WEIGHTS = (0.3, 6.0)


@dataclass
class Balance:
    """Sets the weight of one painting's style loss so that it comes to ``AIM``. ``untouched``: the style loss of the pictures
    as they are, without a weight. Paintings that are easy to come near get a smaller weight: it leaves faces whole."""

    untouched: float
    weight: float = 1.0
    _seen: list[tuple[float, float]] = field(default_factory=list)

    def see(self, style: float, content: float) -> float:
        """The weight for the next step. style, content: a step's losses, style without its weight."""
        self._seen.append((style / self.untouched, content))
        if len(self._seen) == _EVERY:
            style_rel, content = (sum(column) / _EVERY for column in zip(*self._seen, strict=True))
            self._seen.clear()
            factor = MOST_CONTENT / content if content > MOST_CONTENT else math.sqrt(style_rel / AIM)
            self.weight *= min(_MOST_CHANGE, max(1 / _MOST_CHANGE, factor))
            self.weight = min(_WEIGHTS[1], max(_WEIGHTS[0], self.weight))
        return self.weight
