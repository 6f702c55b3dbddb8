"""The fit command on a toy problem: it learns, saves, resumes and refuses, with real code from end
to end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from safetensors.torch import save_file

from engines.networks.weights import load_weights
from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.loop import Trainer

STYLE = {k: "ink" for k in ("name", "image", "title", "artist", "year", "licence", "source")}
CONFIGS = Path(__file__).parents[3] / "training" / "configs"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "content").mkdir()
    for seed in range(4):
        cv2.imwrite(str(folder / "content" / f"{seed}.png"), small_frame(120, 150, seed))
    for name, seed in (("a", 11), ("b", 12)):
        cv2.imwrite(str(folder / f"{name}.png"), 255 - small_frame(90, 90, seed))
    rows = ["file\twhat\tsource\tlicence", "content/3.png\tphoto\tnobody\tNon-Commercial research"]
    rows += [f"content/{seed}.png\tphoto\tnobody\tpublic domain" for seed in range(3)]
    (folder / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    save_file(caffe_state(), str(folder / "vgg.safetensors"))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> dict:
    style = {
        "title": "t",
        "artist": "a",
        "year": "1900",
        "licence": "public domain",
        "source": "s",
        "texture": 0.2,
    }
    return {
        "name": "toy",
        "family": "fast",
        "network": {"width": 16, "deep": 16, "blocks": 1},
        "photos": "content",
        "previews": ["0.png"],
        "exclude_licence": ["non-commercial"],
        "crop_px": 64,
        "batch": 2,
        "steps": 6,
        "styles": [{"name": n, "image": f"{n}.png", **style} for n in ("a", "b")],
    }


def fit(tmp_path: Path, data: Path, config: dict, *flags: str) -> int:
    file = tmp_path / "toy.yaml"
    file.write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    return main(
        [
            "fit",
            str(file),
            "--data",
            str(data),
            "--vgg",
            str(data / "vgg.safetensors"),
            "--out",
            str(run),
            *flags,
        ]
    )


def test_trains_and_resumes(tmp_path: Path, data: Path, config: dict, capfd: pytest.CaptureFixture):
    assert fit(tmp_path, data, config) == 0
    assert "step 6 of 6: content " in capfd.readouterr().out  # no terminal shows a bar
    run = tmp_path / "run"
    assert (run / "previews" / "000006.jpg").exists()
    network, header = load_weights(run / "weights.safetensors")
    assert [s["name"] for s in json.loads(header["styles"])] == ["original", "a", "b"]
    # One of the four is a preview, one is not ours to use.
    assert json.loads(header["training"])["pictures_by_licence"] == {"public domain": 2}
    before = torch.load(run / "checkpoint.pt", weights_only=True)
    # At no rate nothing moves, so it went on from what it had, and at the rates that the config has
    # now.
    still = {**config, "muon_rate": 0.0, "learning_rate": 0.0}
    assert fit(tmp_path, data, still, "--resume", "--steps", "8") == 0
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] == 8
    for name, tensor in before["network"].items():
        torch.testing.assert_close(state["network"][name], tensor, rtol=0, atol=0)
    counts = [s["count"] for s in state["optimizer"]["state"].values() if "count" in s]
    assert set(counts) == {8}
    assert fit(tmp_path, data, config, "--resume", "--steps", "9") == 0
    assert not torch.equal(load_weights(run / "weights.safetensors")[0].rows, network.rows)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit], ids=["SIGINT", "SIGTERM"])
def test_what_is_trained_is_kept_when_a_signal_ends_it(
    tmp_path: Path, data: Path, config: dict, monkeypatch: pytest.MonkeyPatch, ends: type
):
    def end(trainer: Trainer, losses: dict) -> None:
        if trainer.step == 3:
            raise ends

    monkeypatch.setattr(Trainer, "_record", end)
    if ends is SystemExit:
        with pytest.raises(SystemExit):
            fit(tmp_path, data, config)
    else:
        assert fit(tmp_path, data, config) == 130
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3


def test_weights_are_on_the_steps_of_their_int8_form(tmp_path: Path, data: Path, config: dict):
    assert fit(tmp_path, data, config) == 0
    network, _ = load_weights(tmp_path / "run" / "weights.safetensors")
    for weight in [m.weight for m in network.modules() if isinstance(m, torch.nn.Conv2d)]:
        levels = weight / weight.abs().amax((1, 2, 3), keepdim=True) * 63
        assert (levels - levels.round()).abs().max() < 1e-3


def test_vgg_may_look_at_smaller_crops(tmp_path: Path, data: Path, config: dict):
    assert fit(tmp_path, data, {**config, "vgg_scales": [0.75, 1]}) == 0


def test_paints_everywhere_from_weights_without_a_canvas(tmp_path: Path, data: Path, config: dict):
    assert fit(tmp_path, data, {**config, "steps": 1}) == 0
    first = tmp_path / "first.safetensors"
    (tmp_path / "run" / "weights.safetensors").rename(first)
    before = load_weights(first)[0].rows
    everywhere = {
        **config,
        "network": {**config["network"], "canvas": 2},
        "weights": {"structure": 1, "statistics": 8, "contrast": 12},
        "by_region": True,
        "layer_weights": [1, 1, 1, 1.5],
    }
    assert fit(tmp_path, data, everywhere, "--overwrite", "--from", str(first)) == 0
    network, header = load_weights(tmp_path / "run" / "weights.safetensors")
    assert network.canvas_channels == 2
    strengths = network.rows[:, before.shape[1] :]
    assert strengths.shape == (2, 2 * 16 * 2)
    assert 0 < strengths.abs().max() < 0.1, "they begin at zero and are learnt"
    assert (network.rows[:, : before.shape[1]] - before).abs().max() < 0.1
    assert json.loads(header["training"])["config"]["weights"]["contrast"] == 12
    assert (tmp_path / "run" / "previews" / "000006.jpg").exists()
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 6


def test_learns(tmp_path: Path, data: Path, config: dict):
    losses = []
    import training.loop as loop

    recorded = loop.Trainer._record
    try:
        loop.Trainer._record = lambda self, values: (losses.append(values), recorded(self, values))[
            1
        ]
        assert fit(tmp_path, data, {**config, "steps": 100}) == 0
    finally:
        loop.Trainer._record = recorded
    first, last = (sum(v["style"] for v in part) / len(part) for part in (losses[:6], losses[-20:]))
    assert last < 0.9 * first


def test_starts_from_weights_with_another_painting(tmp_path: Path, data: Path, config: dict):
    assert fit(tmp_path, data, config) == 0
    weights = tmp_path / "start.safetensors"
    (tmp_path / "run" / "weights.safetensors").rename(weights)
    more = {**config, "styles": [*config["styles"], {**config["styles"][0], "name": "c"}]}
    assert fit(tmp_path, data, {**more, "steps": 2}, "--overwrite", "--from", str(weights)) == 0
    assert load_weights(tmp_path / "run" / "weights.safetensors")[0].rows.shape[0] == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"styles": []}, "at least one"),
        ({"stepz": 3}, "stepz"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"batch": "two"}, "batch must be a whole number"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"styles": ["wave"]}, "must be a mapping"),
        ({"crop_px": 100}, "multiple of 32"),
        ({"vgg_scales": [0.3]}, "between 0.5 and 1"),
        ({"layer_weights": [1, 1]}, "layer_weights must be a list of 4, got [1, 1]"),
        ({"layer_weights": [0, 0, 0, 0]}, "one must be more than 0"),
        ({"short_side_px": [500, 270]}, "the smallest and the largest, at least 64"),
        ({"painting_px": 0}, "painting_px must be at least 64, got 0"),
        ({"by_region": "yes"}, "by_region must be true or false, got 'yes'"),
        ({"network": {"canvas": 3}}, "canvas must be 0 or 2, got 3"),
        ({"styles": [{**STYLE, "crop": [0.5, 0, 0.5, 1]}]}, "ink: crop must be top, left, bottom"),
        ({"styles": [{**STYLE, "crop": [0, 1]}]}, "styles[0].crop must be a list of 4"),
        ({"family": "slow"}, "transformer_net"),
        ({"clips": ["gone.mp4"]}, "gone.mp4"),
        ({"previews": ["gone.png"]}, "has no gone.png"),
        ({"previews": None}, "previews must be a list"),
        ({"clips": [3]}, "clips[0] must be text, got 3"),
        ({"vgg_scales": [1, "half"]}, "vgg_scales[1] must be a number, got 'half'"),
        ({"smoothing": [0.3]}, "smoothing must be a list of 2, got [0.3]"),
        ({"rows_only": 1}, "rows_only must be true or false, got 1"),
        ({"weights": {"stile": 2}}, "weights: unknown stile. Known: calm, content"),
        ({"styles": [{"name": "a"}]}, "styles[0]: image is missing"),
        ({"exclude_licence": "non-commercial"}, "exclude_licence must be a list"),
        ({"exclude_licence": ["domain", "research"]}, "leaves no photo"),
        ({"network": {"depth": 3}}, "depth"),
        ({"photos": "nowhere"}, "no such folder"),
    ],
)
def test_bad_configs_say_what_is_wrong(
    tmp_path: Path, data: Path, config: dict, capsys, change: dict, words: str
):
    assert fit(tmp_path, data, {**config, **change}) == 4
    assert words in capsys.readouterr().err


def test_a_number_may_have_an_exponent(tmp_path: Path, config: dict):
    from training.config import load_config

    file = tmp_path / "toy.yaml"
    file.write_text(yaml.safe_dump({**config, "learning_rate": 1}).replace("rate: 1", "rate: 1e-3"))
    assert load_config(file).learning_rate == 0.001


def test_the_classic_network_is_not_trained(tmp_path: Path, data: Path, config: dict, capsys):
    assert (
        fit(
            tmp_path,
            data,
            {**config, "family": "transformer_net", "network": {}, "styles": config["styles"][:1]},
        )
        == 4
    )
    assert "what is trained here is `fast`" in capsys.readouterr().err


def test_resume_needs_a_whole_checkpoint(tmp_path: Path, data: Path, config: dict, capsys):
    assert fit(tmp_path, data, config, "--resume") == 4
    assert "without --resume" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"damaged")
    assert fit(tmp_path, data, config, "--resume") == 4


def test_a_finished_run_is_not_overwritten(tmp_path: Path, data: Path, config: dict, capsys):
    assert fit(tmp_path, data, {**config, "steps": 1}) == 0
    assert fit(tmp_path, data, {**config, "steps": 1}) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert fit(tmp_path, data, {**config, "steps": 1}, "--overwrite") == 0
    renamed = [{**s, "name": s["name"] + "2"} for s in config["styles"]]
    assert fit(tmp_path, data, {**config, "styles": renamed, "steps": 2}, "--resume") == 4
    assert "its styles are a, b" in capsys.readouterr().err


def test_an_error_while_drawing_ends_the_run(
    tmp_path: Path, data: Path, config: dict, monkeypatch, capsys
):
    def fail(self):
        raise MemoryError("no memory for photos")

    monkeypatch.setattr("training.pairs.PairSampler._draw_batch", fail)
    assert fit(tmp_path, data, config) == 70
    assert "out of memory (no memory for photos)" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_configs_are_sound(path: Path):
    from engines.networks import build_network
    from training.config import load_config

    config = load_config(path)
    build_network(config.family, len(config.styles), **config.network)
    assert config.name == path.stem


def test_a_config_extends_the_one_beside_it():
    from training.config import load_config

    fine, gallery = (load_config(CONFIGS / f"{name}.yaml") for name in ("fine", "gallery"))
    assert fine.styles == gallery.styles and fine.weights == gallery.weights
    assert fine.network["width"] == 2 * gallery.network["width"]


def test_a_device_that_is_not_there_and_two_beginnings(
    tmp_path: Path, data: Path, config: dict, capsys, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert fit(tmp_path, data, config, "--device", "cuda") == 4
    assert "sees no such GPU. Use --device cpu" in capsys.readouterr().err
    assert fit(tmp_path, data, config, "--resume", "--from", "other.safetensors") == 2
    assert "give one of them" in capsys.readouterr().err
    assert fit(tmp_path, data, config, "--steps", "0") == 4
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fit toy.yaml", "optimise a.png b.png", "evaluate gallery"])
def test_without_pytorch_says_what_to_install(command: str):
    """In a process of its own: modules that are imported twice are two."""
    code = "import sys; sys.modules['torch'] = None; from training.__main__ import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(main({command.split()!r}))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "pip install 'livebrush[train,evaluate]'" in done.stderr
