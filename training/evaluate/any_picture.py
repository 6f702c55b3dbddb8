"""What `python -m training evaluate MODEL --pictures N` measures: pictures that become styles."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engines import ModelFile
from engines.errors import UsageError
from engines.style import Style
from engines.style_row import StyleRow
from realtime.files.refine import frames_of
from realtime.media.reading.style_pictures import distinct, open_predictor, read_still, row_of
from realtime.media.refining import Refinable, Refining, nearer
from training.config import load_config
from training.data import photo_files, spread
from training.evaluate.candidates import PaintedStyle
from training.evaluate.clips import ClipSource
from training.evaluate.figures import STILL
from training.predictor.pictures import split_paintings

Say = Callable[[str], None]
_CONFIG = Path(__file__).parents[1] / "configs" / "predictor.yaml"


def held_out_paintings(data: Path, count: int) -> list[Path]:
    """Return ``count`` of the paintings in ``data`` whose artists the predictor has never seen.

    Raises UsageError if there are fewer.
    """
    config = load_config(_CONFIG)
    folder = data / "paintings"
    if not (folder / "MANIFEST.tsv").is_file():
        raise UsageError(
            f"--pictures: {folder} has no MANIFEST.tsv that says who painted what. Give the folder "
            "that holds paintings/ with --data DIR."
        )
    _, held = split_paintings(folder, frozenset(style.artist for style in config.styles))
    _check(count, len(held), "--pictures")
    return spread(held, count)


def held_out_photos(data: Path, count: int) -> list[ClipSource]:
    """Return ``count`` photos of ``data`` that nothing was trained on, the config's previews first.

    Raises UsageError if there are fewer.
    """
    config = load_config(_CONFIG)
    folder = data / config.photos
    previews = [folder / name for name in config.previews if (folder / name).is_file()]
    trained = {*photo_files(folder, config.exclude_licence, config.previews), *previews}
    others = [path for path in photo_files(folder, ()) if path not in trained]
    _check(count, len(previews) + len(others), "--photos")
    photos = [*previews[:count], *spread(others, max(0, count - len(previews)))]
    return [ClipSource(path.stem, STILL, path) for path in photos]


def with_pictures(model: ModelFile, paintings: Sequence[Path]) -> ModelFile:
    """Return ``model`` with the paintings as styles. Raises ModelError, EngineError."""
    predictor, rows = open_predictor(model), list[StyleRow]()
    for path in paintings:
        row = row_of(read_still(path), path.stem, predictor)
        style = distinct(row.style, [*model.style_names, *(row.style.name for row in rows)])
        rows.append(replace(row, style=style, typed=str(path)))
    return model.with_rows(rows)


def refined(
    model: ModelFile, sources: Sequence[ClipSource], seconds: float, vgg: Path | None, say: Say
) -> ModelFile:
    """Return ``model`` with its pictures' rows as `stylize_video.py *.mp4 --refine` makes them.

    sources: what will be painted. Raises EngineUnavailable.
    """
    frames, rows = frames_of([source.path for source in sources]), list[StyleRow]()
    for number, row in enumerate(model.rows, 1):
        wanted = Refinable(read_still(Path(row.typed)), row, frames, 1.0, vgg)
        *_, (best, share) = [(row, 1.0), *Refining(wanted, seconds).rows()]
        say(f"{number}/{len(model.rows)} {row.style.name}: {nearer(share)}")
        rows.append(best)
    return model.with_rows(rows)


def picture_styles(model: ModelFile, data: Path, of: str) -> list[PaintedStyle]:
    """Return the pictures that are styles of ``model``, painted by the candidate ``of``."""
    with (data / "paintings" / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        about = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    return [
        _style(row.style, Path(row.typed), about[Path(row.typed).name], of) for row in model.rows
    ]


def _style(style: Style, path: Path, about: dict[str, str], of: str) -> PaintedStyle:
    return PaintedStyle(style.name, of, path, about.get("title", ""), about.get("artist", ""))


def _check(count: int, most: int, flag: str) -> None:
    if not 1 <= count <= most:
        raise UsageError(f"{flag} lies between 1 and {most} here, got {count}.")
