"""How strongly a new painting pulls, and faces against it.

What measuring and training again did for the gallery is done here while it trains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.filmed import Distances

# Of frames like those that are filmed (training/filmed.py), where the gallery's come to .2 to .4
# and 0.9 to 1.7.
AIM = 0.25
MOST_CONTENT = 2.3  # beyond it hardly anything of the picture is left to be seen
LEAST_FACE = 0.8  # of FaceFinder.score, with a margin: on other faces it comes to less
_NEAR = 0.4  # the gallery's own farthest
_FAR = 0.6
_LOST_FACE = 0.5
_MOST_CHANGE = 1.3
_STYLE_WEIGHTS = (0.3, 8.0)
_FACE_WEIGHTS = (32.0, 1000.0)


def in_words(now: Distances) -> str:
    """Return how far a painting is, for people."""
    words = ["near the painting"]
    if now.style > _NEAR:
        words = ["still far from the painting" if now.style > _FAR else "getting nearer"]
    if now.content > MOST_CONTENT:
        words.append("the picture gets lost")
    if now.face is not None and now.face < _LOST_FACE:
        words.append("faces change much")
    return ", ".join(words)


@dataclass
class Balance:
    """Sets the weights of one painting's style loss and of the content inside faces.

    The style's is such that its distance comes to ``AIM``, or the content's to ``MOST_CONTENT``
    before that: paintings that are easy to come near get a smaller weight. The faces' is such that
    their score comes to ``LEAST_FACE``: the less they would be kept, the larger.
    """

    style_weight: float = 1.0
    face_weight: float = _FACE_WEIGHTS[0]

    @property
    def smoothing_weight(self) -> float:
        """Return the weight of what flattens the picture.

        A painting that pulls hard flickers and shows the network's cells, so what holds against it
        has to pull harder too; as hard, it would take the style back.
        """
        return max(1.0, self.style_weight ** (1 / 3))

    def see(self, now: Distances) -> None:
        """Set the weights to go on with."""
        factor = min(math.sqrt(now.style / AIM), MOST_CONTENT / now.content)
        self.style_weight = _changed(self.style_weight, factor, _STYLE_WEIGHTS)
        if now.face is not None:
            self.face_weight = _changed(
                self.face_weight, math.exp(LEAST_FACE - now.face), _FACE_WEIGHTS
            )


def _changed(weight: float, factor: float, bounds: tuple[float, float]) -> float:
    weight *= min(_MOST_CHANGE, max(1 / _MOST_CHANGE, factor))
    return min(bounds[1], max(bounds[0], weight))
