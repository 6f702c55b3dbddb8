"""`python -m training grade`: the network that grades pictures like others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import UsageError

if TYPE_CHECKING:
    from training.grade.network import Grading

_SAY_EVERY = 640
_NOT_THOSE = ("non-commercial",)  # photos, as for the styles that ship
_OPSET = 17


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    grade = commands.add_parser(
        "grade",
        help="the grade of a photo on others: train what finds it",
        description="Train the network that grades pictures like a reference, on photos under "
        "colour tables that are known.",
    )
    grade.add_argument(
        "--data",
        type=Path,
        default=Path("."),
        help="folder that holds content/ and MANIFEST.tsv (default: here)",
    )
    grade.add_argument(
        "--luts",
        type=Path,
        metavar="FILE.npz",
        help="colour tables by name, (n, n, n, 3) bytes with red last (default: film_luts.npz in "
        "--data)",
    )
    grade.add_argument(
        "--samples",
        type=int,
        default=16_000,
        metavar="N",
        help="views of photos under tables that it is fitted to (default: 16000)",
    )
    grade.add_argument(
        "--out",
        type=Path,
        default=Path("runs/grade.onnx"),
        metavar="FILE.onnx",
        help="what to write",
    )
    grade.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Train, and write the network. Raises UsageError or TrainingError."""
    from training.data import photo_files
    from training.grade.fit import GradeFit, split_photos
    from training.grade.tables import read_tables

    if args.samples < 1:
        raise UsageError(f"--samples must be at least 1, not {args.samples}.")
    tables, _ = read_tables(args.luts or args.data / "film_luts.npz")
    photos, _ = split_photos(photo_files(args.data / "content", _NOT_THOSE))
    made = GradeFit(photos, list(tables.values()))
    print(f"{len(photos)} photos, {len(tables)} tables", flush=True)

    def show(count: int) -> None:
        if count % _SAY_EVERY == 0:
            print(f"{count} of {args.samples} samples", flush=True)

    missed = made.fit(args.samples, show)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    export_grading(made.network.eval(), args.out)
    print(
        f"{args.out}: done; {missed:.0%} of what tells grades apart is missed. Next: "
        f"python -m bench.targets.grade --network {args.out}"
    )


def export_grading(network: Grading, path: Path) -> None:
    """Write ``network`` as ``engines.grade`` takes it. Raises OSError."""
    import warnings

    import onnx
    import torch

    from engines.atomic_write import atomic_write
    from training.grade.network import example

    with atomic_write(path) as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own age
        torch.onnx.export(
            network,
            example(),
            str(written),
            input_names=["picture", "content", "gain", "reference", "colours"],
            output_names=["now", "code", "graded"],
            dynamic_axes={"colours": {0: "points"}, "graded": {0: "points"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        onnx.checker.check_model(onnx.load(str(written)), full_check=True)
