"""What each loss and each normalisation buys.

Short trainings differ in one thing and are measured on a clip that nothing is trained on. They need
the photos, paintings and clips of docs/training.md, and hours on a CPU, so every finished row is
kept.

python -m bench.targets.ablation losses --steps 1000 --data DATA --vgg VGG16
    the table of docs/training.md
python -m bench.targets.ablation norms --data DATA --vgg VGG16
    the table of docs/networks.md
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace

from bench import ROOT
from bench.rows.variant_network import Variant, restep
from bench.tools.markdown import fill, markdown_table
from engines.networks.layers import settle_bytes
from realtime import cli
from training.config import TrainingConfig, load_config
from training.data import read_photo
from training.evaluate.candidates import paint
from training.evaluate.clips import ClipSource, MeasuringClip, prepare
from training.evaluate.figures import WEBCAM, ClipFigures
from training.evaluate.likeness import Features, Likeness
from training.evaluate.measure import measure
from training.faces import FaceFinder
from training.loop import Trainer
from training.vgg import load_vgg

CLIP = "webcam_sign_book.mkv"
FRAMES = 40
# Not Great Wave for losses: it alone has a calm loss, which holds even areas still by itself.
PAINTINGS = {"losses": "starry_night", "norms": "great_wave"}


@dataclass(frozen=True)
class Trial:
    """One training.

    ``weights`` replace what the gallery's config says, style's is scaled; ``variant`` changes the
    network.
    """

    name: str
    weights: dict[str, float] = field(default_factory=dict)
    style_share: float = 1.0
    variant: Variant = field(default_factory=Variant)


_SILENT = {"temporal": 0.0, "relative": 0.0}
TABLES = {
    "losses": (
        Trial("all that ships is trained with"),
        Trial("no temporal loss", _SILENT),
        # Without, a smaller weight comes as near to the painting.
        Trial("no temporal loss, a quarter of the style weight", _SILENT, style_share=0.25),
        Trial("all, 2.5 times the style weight", style_share=2.5),
        Trial("no temporal loss, half the style weight", _SILENT, style_share=0.5),
        Trial("output-temporal loss alone, weight 350", {"temporal": 350.0, "relative": 0.0}),
        Trial("relative loss alone", {"temporal": 0.0}),
        Trial("all, and the feature-temporal loss", {"features": 2.0}),
        Trial("frame difference instead", {**_SILENT, "difference": 350.0}),
    ),
    "norms": (
        Trial("none: multiply-add by the style's row, as it ships"),
        Trial("instance norm", variant=Variant(step="instance norm")),
        Trial(
            "instance norm, statistics running over time",
            variant=Variant(step="instance norm", memory=0.9),
        ),
        Trial("batch statistics, frozen and folded", variant=Variant(step="batch norm")),
        Trial("filter response norm", variant=Variant(step="filter response norm")),
    ),
}
_PAGES = {"losses": ROOT / "docs" / "training.md", "norms": ROOT / "docs" / "networks.md"}
_HEADER = (
    "trained with",
    "style",
    "content",
    "flicker",
    "drift",
    "still",
    "flicker at equal style",
)


def main(argv: list[str]) -> int:
    """Train and measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.ablation", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with content/, styles/ and clips/"
    )
    parser.add_argument("--vgg", type=Path, help="VGG16 weights (default: download)")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    args = parser.parse_args(argv)
    kept = ROOT / "out" / "ablation" / f"{args.table}.json"
    ground = Ground.lay(args.table, args.data, args.vgg, args.steps)
    of = repr(ground.config)  # rows that were trained otherwise are not comparable
    stored = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found: dict[str, dict[str, float]] = stored["rows"] if stored.get("of") == of else {}
    kept.parent.mkdir(parents=True, exist_ok=True)
    for row in TABLES[args.table]:
        if row.name not in found:
            found[row.name] = ground.figures(row)
            kept.write_text(json.dumps({"of": of, "rows": found}, indent=1), encoding="utf-8")
        cli.say(f"{row.name}: " + ", ".join(f"{k} {v:.3g}" for k, v in found[row.name].items()))
    page = _PAGES[args.table]
    page.write_text(
        fill(page.read_text(encoding="utf-8"), args.table, section(args.table, found, args.steps)),
        encoding="utf-8",
    )
    cli.say(f"wrote {page}")
    return 0


@dataclass(frozen=True)
class Ground:
    """What is the same for every row."""

    config: TrainingConfig
    data: Path
    load_vgg: Callable[[], Any]
    clip: MeasuringClip
    painting: Features
    likeness: Likeness
    faces: FaceFinder

    @classmethod
    def lay(cls, table: str, data: Path, vgg: Path | None, steps: int) -> Ground:
        """Read the clip and the painting of ``table`` once for all rows."""
        config = load_config(ROOT / "training" / "configs" / "gallery.yaml")
        style = next(s for s in config.styles if s.name == PAINTINGS[table])
        # Small and one painting only, so that a row takes minutes; the time saved goes into more
        # rows.
        config = replace(
            config,
            styles=(style,),
            steps=steps,
            crop_px=192,
            batch=2,
            vgg_scales=(0.75,),
            blend_share=0.0,
        )
        likeness, faces = Likeness(load_vgg(vgg)), FaceFinder()
        clip = prepare(ClipSource(CLIP, WEBCAM, data / "clips" / CLIP), FRAMES, likeness, faces)
        painting = likeness.features(read_photo(data / style.image))
        return cls(config, data, lambda: load_vgg(vgg), clip, painting, likeness, faces)

    def figures(self, row: Trial) -> dict[str, float]:
        """Train ``row`` and measure it, frame by frame in torch."""
        weights = replace(self.config.weights, **row.weights)
        config = replace(
            self.config, weights=replace(weights, style=weights.style * row.style_share)
        )
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(config, self.data, self.load_vgg(), Path(folder))
            restep(trainer.network, row.variant)

            def report(step: int, losses: dict[str, float]) -> None:
                if step % 100 == 0:
                    cli.say(f"{row.name}: step {step}, style {losses['style']:.3f}")

            trainer.fit(report)
        painted, times_ms = paint(self.clip.frames, frame_painter(trainer.network))
        return chosen(
            measure(painted, times_ms, self.clip, self.painting, self.likeness, self.faces)
        )


def frame_painter(network: torch.nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """Return the network with its shipping weights as a function.

    It takes (H, W, 3) uint8 RGB frames, shown one after the other.
    """
    settled = settle_bytes(copy.deepcopy(network)).eval()

    def painted(pixels: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            out = settled(image, torch.ones(1, 1)).clamp(0, 1)
        return (out[0].permute(1, 2, 0) * 255).round().byte().numpy()

    return painted


def chosen(figures: ClipFigures) -> dict[str, float]:
    """Return the figures that the table shows."""
    names = ("style_rel", "content", "ratio_1", "ratio_8", "static")
    return {name: round(getattr(figures, name), 4) for name in names}


def section(table: str, found: dict[str, dict[str, float]], steps: int) -> str:
    """Return the table.

    Flicker at equal style: over that of a row with what ships, where the two styles are within 5 %.
    """
    shipping = [
        found[row.name] for row in TABLES[table] if not row.weights and row.variant == Variant()
    ]
    rows = []
    for row in TABLES[table]:
        f = found[row.name]
        equal = next(
            (other for other in shipping if abs(f["style_rel"] / other["style_rel"] - 1) <= 0.05),
            None,
        )
        times = f"{f['ratio_1'] / equal['ratio_1']:.2f} x" if equal else ""
        digits = (("style_rel", 2), ("content", 2), ("ratio_1", 1), ("ratio_8", 1), ("static", 2))
        rows.append((row.name, *(f"{f[key]:.{d}f}" for key, d in digits), times))
    about = f"{PAINTINGS[table]}, {steps} steps from nothing, 192-px crops, measured on {CLIP}"
    return "\n".join(
        [
            f"{about}; see [Evaluating](training.md#evaluating).",
            "",
            *markdown_table(_HEADER, rows, 1),
        ]
    )


if __name__ == "__main__":
    cli.run(main)
