"""A style that a model file does not hold: its row, as a file NAME.row beside other things.

A row is good for one network only, and says for which by the network's hash.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import ModelError, printable
from engines.style import Style, check_style

ENDING = ".row"
_MOST_BYTES = 2**20
# Many times what any row of the bundled network has; beyond it bytes cannot follow.
_LARGEST = 100.0


@dataclass(frozen=True, eq=False)
class StyleRow:
    """One style from outside, for one network."""

    style: Style
    row: np.ndarray
    """(R,) float32: scales and shifts, then strengths of the canvas."""
    network: str
    """The hash of the network that it is for (``engines.networks.weights.network_hash``)."""
    digest: str
    """A hash of what it was made from: the same for the same picture, taken in the same way."""
    typed: str = ""
    """What a user has named it by, where that is a file."""

    @property
    def is_of_picture(self) -> bool:
        """Whether the picture that it was made from is the file ``typed``."""
        return bool(self.typed) and Path(self.typed).suffix.lower() != ENDING

    def fits(self, metadata: Mapping[str, str], length: int) -> bool:
        """Return whether it is for the network of a model with ``metadata`` and such rows."""
        return self.network == metadata.get("network") and len(self.row) == length

    def check_network(self, name: str, network: str, length: int) -> None:
        """Raise ModelError unless the model ``name`` has the network that this row is for.

        network: the model's hash, "" where it takes no rows. length: of its rows.
        """
        if not network:
            raise ModelError(
                f"{self.style.name}: {name} takes no styles from outside. Its own styles it has; "
                "`--model gallery` takes any picture."
            )
        if self.network != network or len(self.row) != length:
            raise ModelError(
                f"{self.style.name}: is for another network than that of {name}, so it would paint "
                "anything. Give --model the model that it was made with, or make it anew from its "
                "picture: -s PICTURE."
            )


def write_row(path: Path, row: StyleRow) -> None:
    """Write ``row`` as the file ``path``, NAME.row. Raises OSError."""
    with atomic_write(path) as written:
        written.write_bytes(_content(row))


def _content(row: StyleRow) -> bytes:
    from safetensors.numpy import save

    about = {key: text for key, text in asdict(row.style).items() if key != "name"}
    header = {**about, "network": row.network, "digest": row.digest}
    content: bytes = save({"row": np.ascontiguousarray(row.row, np.float32)}, metadata=header)
    return content


def row_text(row: StyleRow) -> str:
    """Return the file NAME.row as text, for ``row_from_text``."""
    return base64.b64encode(_content(row)).decode()


def row_from_text(name: str, text: str) -> StyleRow:
    """Return the style ``name`` of ``row_text``. Raises ModelError for what is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}{ENDING}"
        try:
            path.write_bytes(base64.b64decode(text, validate=True))
        except ValueError as error:
            raise ModelError(f"the style {name} is damaged ({error}).") from error
        return read_row(path)


def read_row(path: Path) -> StyleRow:
    """Read NAME.row; the style is called NAME. Raises ModelError for what is no such file."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        with safe_open(str(path), framework="numpy") as file:
            header, names = dict(file.metadata() or {}), list(file.keys())
            if names != ["row"]:
                raise ValueError("it holds no row, or more")
            row = file.get_tensor("row")
        if row.ndim != 1 or row.dtype != np.float32 or not np.abs(row).max() <= _LARGEST:
            raise ValueError(f"a row is float32 numbers of at most {_LARGEST:g}")
        texts = {field.name: header.get(field.name, "") for field in fields(Style)}
        style = Style(**{**texts, "name": path.stem})
        check_style(style)
        return StyleRow(style, row, header["network"], header["digest"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: is not a style's row that can be used ({printable(str(error))[:200]}). "
            "Make it anew from its picture: -s PICTURE."
        ) from error
