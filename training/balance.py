"""How strongly a new painting pulls: what measuring and training again did for the gallery, done while it trains."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Of frames like those that are filmed (training/filmed.py), where the gallery's come to .2 to .4 and 0.9 to 1.7.
AIM = 0.25
MOST_CONTENT = 2.0  # beyond it hardly anything of the picture is left to be seen
_MOST_CHANGE = 1.3
_WEIGHTS = (0.3, 6.0)


@dataclass
class Balance:
    """Sets the weight of one painting's style loss so that its distance comes to ``AIM``, or the content's to ``MOST_CONTENT``
    before that. Paintings that are easy to come near get a smaller weight: it leaves faces whole."""

    weight: float = 1.0

    def see(self, style: float, content: float) -> float:
        """The weight to go on with. style, content: losses as they are now, style without its weight."""
        factor = min(math.sqrt(style / AIM), MOST_CONTENT / content)
        self.weight *= min(_MOST_CHANGE, max(1 / _MOST_CHANGE, factor))
        self.weight = min(_WEIGHTS[1], max(_WEIGHTS[0], self.weight))
        return self.weight
