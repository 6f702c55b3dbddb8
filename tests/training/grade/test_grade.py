"""The network of a grade: what it learns from, and that what is written is what was learned."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.errors import TrainingError
from engines.grade import CODE, GradeNetwork, grade_view, grid
from tests.small_frame import small_frame
from training.__main__ import main
from training.commands.grade import export_grading
from training.grade.fit import GradeFit
from training.grade.network import Grading
from training.grade.tables import identity, look_up, read_tables, varied


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos and tables, as --data has them."""
    (tmp_path / "content").mkdir()
    lines = ["file\twhat\tsource\tlicence"]
    for n in range(24):
        name = f"content/{n:02d}.png"
        cv2.imwrite(str(tmp_path / name), small_frame(60, 80, n))
        lines.append(f"{name}\tphoto\there\tCC0")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(lines) + "\n")
    plain = identity(5).permute(1, 2, 3, 0).numpy()
    films = {f"film_{n}": plain ** (1 + 0.1 * n) * (1, 0.8, 0.5) for n in range(34)}
    films |= {f"film_{n}_plus": films[f"film_{n}"] * 0.9 for n in range(0, 34, 2)}
    grey = np.repeat(plain.mean(-1, keepdims=True), 3, -1)
    np.savez(
        tmp_path / "film_luts.npz",
        **{name: (255 * film).astype(np.uint8) for name, film in {**films, "grey": grey}.items()},
    )
    return tmp_path


def test_films_are_held_out_with_all_their_variants(data: Path):
    kept, held = read_tables(data / "film_luts.npz")
    assert len(held) == 30 and len(kept) == 22 and "grey" in kept
    assert not {name.removesuffix("_plus") for name in kept} & {
        name.removesuffix("_plus") for name in held
    }
    np.savez(data / "wrong.npz", film=np.zeros(3))
    with pytest.raises(TrainingError, match="no file of colour tables"):
        read_tables(data / "wrong.npz")


def test_tables_are_looked_up_with_red_last():
    colours = torch.rand(2, 50, 3)
    tables = identity(7).expand(2, -1, -1, -1, -1)
    torch.testing.assert_close(look_up(tables, colours), colours)
    drawn = varied(identity(7)[None], 6)
    assert drawn.shape == (6, 3, 7, 7, 7) and drawn.min() >= 0 and drawn.max() <= 1


def test_at_first_nothing_changes():
    network, codes = Grading(), torch.zeros(2, 1, CODE)
    colours = torch.rand(1, 9, 3)
    torch.testing.assert_close(network.graded(colours, *codes)[1], colours)


def test_it_finds_grades_of_photos_that_it_has_not_seen(data: Path):
    """Warm tables are told from cold ones: less is missed than by the mean of all."""
    warm, cold = identity(5), identity(5)
    warm[2] *= 0.4
    cold[0] *= 0.4
    made = GradeFit(sorted((data / "content").iterdir()), [warm, cold])
    assert made.fit(512) < 0.8


def test_the_terms_measure_what_they_change(data: Path):
    made = GradeFit(sorted((data / "content").iterdir())[:4], [identity(5)])
    colours, code = made._colours[None], torch.randn(1, CODE)
    change = made.network.map(colours, code) - colours
    assert float(change.square().sum(-1).mean()) == pytest.approx(
        float(code.square().sum()), rel=1e-3
    )


def test_it_is_written_as_it_was_found(data: Path):
    kept, _ = read_tables(data / "film_luts.npz")
    made = GradeFit(sorted((data / "content").iterdir()), list(kept.values()))
    made.fit(128)
    export_grading(made.network.eval(), data / "grade.onnx")
    written, view = GradeNetwork(data / "grade.onnx"), grade_view(small_frame(60, 80))
    code = written.reference_code(view)
    now = written.content_code(view)
    table = written.bake(now, code, 9)
    with torch.no_grad():
        picture = torch.from_numpy(view.copy()).permute(2, 0, 1)[None].float() / 255
        content, reference = made.network.codes(picture)
        colours = torch.from_numpy(grid(9).reshape(1, -1, 3))
        graded = made.network.graded(colours, content, reference)[1].clamp(0, 1)
    np.testing.assert_allclose(now, content[0], atol=1e-4)
    np.testing.assert_allclose(code, reference[0], atol=1e-4)
    np.testing.assert_allclose(table.reshape(-1, 3), graded[0], atol=1e-3)


def test_the_command_writes_a_network(data: Path, capsys: pytest.CaptureFixture[str]):
    out = data / "new" / "grade.onnx"
    assert main(["grade", "--data", str(data), "--samples", "64", "--out", str(out)]) == 0
    assert "4 photos, 22 tables" in capsys.readouterr().out
    GradeNetwork(out)
    assert main(["grade", "--data", str(data), "--samples", "0", "--out", str(out)]) == 2
