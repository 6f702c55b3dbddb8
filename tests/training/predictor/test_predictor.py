"""The predictor on a toy network: views, mixes, rows and the file that ships, from end to end."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from engines.errors import ModelError
from engines.networks.predictor import PictureToStatistics, Whitening
from engines.networks.weights import load_weights, network_hash
from engines.predictor import Predictor, predictor_view
from engines.style_row import read_row
from export.predictor import export_predictor
from tests.small_frame import small_frame
from tests.training.commands.test_fit import config, data, fit  # noqa: F401 (fixtures)
from training.__main__ import main
from training.commands import refine
from training.losses import STYLE_LAYERS
from training.predictor import guess, pictures, views
from training.predictor.loop import nearest_mixes
from training.predictor.pictures import Views, draw_pattern, split_paintings, turn_hue
from training.predictor.views import Seen


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SIDE_PX", 64)
    monkeypatch.setattr(views, "SIDE_PX", 64)
    monkeypatch.setattr(views, "SEEN_PX", 48)
    monkeypatch.setattr(views, "CHUNK", 4)
    monkeypatch.setattr(pictures, "_SHORT_PX", 90)
    monkeypatch.setattr(guess, "_LEAST_PX", 32)


def write_paintings(folder: Path, artists: list[str]) -> Path:
    folder.mkdir()
    lines = ["file\tartist"]
    for number, artist in enumerate(artists):
        cv2.imwrite(str(folder / f"{number}.png"), small_frame(80, 110, number))
        lines.append(f"{number}.png\t{artist}")
    (folder / "MANIFEST.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_no_artist_is_learned_from_and_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "HELD_OUT", 4)
    artists = [f"artist {n // 3}" for n in range(20)] + ["J. M. W. Turner"]
    folder = write_paintings(tmp_path / "paintings", artists)
    known = frozenset(["J M W Turner", *{f"artist {n}" for n in range(4)}])
    learned, held = split_paintings(folder, known)
    by = {f"{n}.png": artist for n, artist in enumerate(artists)}
    assert len(held) == 4
    assert not {by[p.name] for p in held} & {by[p.name] for p in learned}
    assert {by[p.name] for p in held} <= {"artist 4", "artist 5", "artist 6"}


def test_views_are_repeatable_and_never_alike(tmp_path: Path, small: None):
    folder = write_paintings(tmp_path / "paintings", ["a", "b"])
    files = sorted(folder.glob("*.png"))
    first, again = (Views(files, files, 7) for _ in range(2))
    drawn = [first.next() for _ in range(12)]
    assert all(np.array_equal(view, again.next()) for view in drawn)
    assert {view.shape for view in drawn} == {(64, 64, 3)}
    assert len({view.tobytes() for view in drawn}) == 12


def test_a_turned_hue_keeps_light_and_shade():
    picture = small_frame(40, 60, 3) // 2 + 60
    turned = turn_hue(picture, 30)
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(picture.astype(float) - turned).mean() > 3
    assert np.abs((picture.astype(float) - turned) @ luma).mean() < 2


def test_patterns_have_few_colours():
    for seed in range(9):
        pattern = draw_pattern(np.random.default_rng(seed))
        _, counts = np.unique(pattern.reshape(-1, 3), axis=0, return_counts=True)
        assert np.sort(counts)[-6:].sum() > 0.9 * counts.sum(), seed


def test_the_mix_that_a_gram_matrix_was_made_of_is_found():
    torch.manual_seed(0)
    bundled = [torch.stack([m @ m.T for m in torch.rand(3, size, size)]) for size in (8, 8, 12, 12)]
    wanted = torch.tensor([[1.0, 0, 0], [0.2, 0.8, 0], [0.3, 0.3, 0.4]])
    mixed = [torch.einsum("np,pij->nij", wanted, layer) for layer in bundled]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in mixed], 1)
    halves = [(g / norms[:, i, None, None]).half() for i, g in enumerate(mixed)]
    seen = Seen(torch.zeros(3, 3, 8, 8), {1.0: torch.zeros(3, 4)}, {1.0: halves}, {1.0: norms})
    assert (nearest_mixes(bundled, seen, 1.0) - wanted).abs().max() < 0.02


def test_whitened_statistics_know_nothing_of_each_other():
    statistics = torch.rand(60, 30, generator=torch.manual_seed(1)) * torch.logspace(-2, 4, 30)
    whitened = Whitening(statistics, 10)(statistics)
    assert torch.allclose(whitened.T @ whitened / 59, torch.eye(10), atol=1e-3)


def test_the_guess_takes_any_size():
    network = PictureToStatistics(7).eval()
    for size in ((64, 64), (48, 112)):
        assert network(torch.rand(2, 3, *size)).shape == (2, 7)


@pytest.mark.timeout(300)
def test_a_predictor_is_trained_in_slices_and_exported(
    tmp_path: Path,
    data: Path,  # noqa: F811
    config: dict,  # noqa: F811
    small: None,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    """A dry run of 20 steps: every part of it is the real one, on toys."""
    import onnxruntime

    torch.set_num_threads(1)
    fit(tmp_path, data, config, "--steps", "2")
    config |= {"name": "predictor", "steps": 20}
    file = tmp_path / "predictor.yaml"
    file.write_text(yaml.safe_dump(config))
    if not (data / "paintings").exists():
        write_paintings(data / "paintings", [f"artist {n}" for n in range(50)])
    run = tmp_path / "predictor"
    command = ["predictor", "--config", file, "--data", data, "--vgg", data / "vgg.safetensors"]
    command += ["--from", tmp_path / "run" / "weights.safetensors", "--out", run]
    command += ["--views", "8", "--guess-steps", "5"]
    command = [str(part) for part in command]
    assert main([*command, "--minutes", "0"]) == 0
    assert "--resume" in capsys.readouterr().out
    assert main(command) == 2, "a run is never begun anew over another"
    assert main([*command, "--resume"]) == 0
    assert "held-out pictures" in capsys.readouterr().out
    weights = run / "predictor.safetensors"
    export_predictor(weights, tmp_path / "predictor.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "predictor.onnx"))
    (row,) = session.run(None, {"picture": np.full((1, 96, 64, 3), 90, np.uint8)})
    (other,) = session.run(None, {"picture": small_frame(96, 64, 5)[None]})
    assert row.shape == other.shape
    assert np.isfinite(row).all()
    assert not np.array_equal(row, other)
    network = session.get_modelmeta().custom_metadata_map["network"]
    assert network == network_hash(load_weights(tmp_path / "run" / "weights.safetensors")[0])

    monkeypatch.setattr("engines.predictor.PREDICTOR", tmp_path / "predictor.onnx")
    monkeypatch.setattr(refine, "PREDICTOR_CONFIG", file)
    monkeypatch.setattr(refine, "BUNDLED_WEIGHTS", tmp_path / "run" / "weights.safetensors")
    picture, output = data / "paintings" / "7.png", tmp_path / "seven.row"
    command = ["refine", picture, "-o", output, "--photos", data / "content", "--seconds", "3"]
    command += ["--vgg", data / "vgg.safetensors"]
    assert main([str(part) for part in command]) == 0
    made = read_row(output)
    predicted = Predictor().predict(predictor_view(cv2.imread(str(picture))[..., ::-1]))
    assert made.network == network
    assert 0 < np.abs(made.row - predicted).max() < 0.5
    assert main(["refine", str(picture), "-o", str(tmp_path / "seven.png")]) == 2


def test_what_is_no_predictor_is_said(tmp_path: Path):
    (tmp_path / "p.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="training predictor"):
        export_predictor(tmp_path / "p.safetensors", tmp_path / "p.onnx")


def test_every_style_layer_has_its_channels(data: Path):  # noqa: F811
    assert len(views.CHANNELS) == len(STYLE_LAYERS)
