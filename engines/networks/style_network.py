"""What the network of any family is: the attributes and methods that the rest of Livebrush uses."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class StyleNetwork(nn.Module):
    """A network that paints a picture in a mix of paintings.

    A family subclasses it, implements ``forward`` and sets what differs from the values here.
    """

    cell_px: int = 1
    """The network sees cells of so many pixels: pieces of a frame must begin at multiples of it."""
    reach_px: int | None = None
    """How far beyond a pixel the network looks, a multiple of ``cell_px``; None: not known."""
    takes_statistics: bool = False
    """Whether it also takes statistics of the whole frame, which its pieces must be given."""
    canvas_channels: int = 0
    """Channels of noise that ``forward`` takes as ``canvas``, too; 0: it takes none."""
    row_length: int = 0
    """Numbers of a row that ``forward`` takes as ``row``, too; 0: it takes none."""
    rows: nn.Parameter
    """(P, R) float: one row of parameters for each painting, where a family holds several."""

    @abstractmethod
    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``, (N, 3, H, W) float, RGB in 0..1, with the weights ``mix``, (N, P) float.

        Each row of ``mix`` sums to 1. Networks with ``canvas_channels`` take ``canvas``, too. Those
        with a ``row_length`` take ``row``, (N, R) float, the row of a style that they do not hold:
        ``mix`` then has its weight, too, as the last one. Returns (N, 3, H, W), not clamped.
        """

    def in_cells(self) -> CellNetwork | None:
        """Return a copy that paints pictures cut into cells, None where a family has no such form.

        It gives the same numbers, faster.
        """
        return None


class CellNetwork(nn.Module):
    """A network that paints pictures cut into cells, channels last, as ``layers.to_cells`` does."""

    cell_px: int
    """The sides of a picture are padded to multiples of so many pixels before it is cut."""
    scale: int
    """The side of the cells that are cut out, in pixels."""

    @abstractmethod
    def forward(self, cells: Tensor, mix: Tensor) -> Tensor:
        """Paint ``cells``, (N, h, w, scale * scale * 3) RGB in 0..1, with the weights ``mix``.

        With a canvas and a row where the network takes one. Returns as ``cells``, not clamped.
        """


class TrainableNetwork(StyleNetwork):
    """A network that `python -m training` can train: it has ``rows``, and tells its features."""

    tint_at: int
    """Where in a row its last six numbers for the picture stand: three scales and three shifts."""

    @abstractmethod
    def paint_traced(
        self, image: Tensor, mix: Tensor, canvas: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Paint as ``forward``, and return the features that the picture was made of, too.

        The sides of ``image`` must be multiples of ``cell_px``. canvas: (N, canvas_channels, h, w)
        noise; absent: none. The features are (N, C, h, w), over the same area as the picture.
        """
