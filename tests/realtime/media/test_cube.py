"""Colour tables as .cube files."""

from pathlib import Path

import numpy as np
import pytest

from engines.errors import SourceError
from engines.grade import grid
from realtime.media.cube import LARGEST, read_cube, write_cube
from realtime.picture.grade import look_up


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "film.cube"
    path.write_text(text, encoding="utf-8")
    return path


def rows(table: np.ndarray) -> str:
    return "\n".join(f"{r} {g} {b}" for r, g, b in table.reshape(-1, 3))


def test_what_is_written_is_read(tmp_path: Path):
    table = np.random.default_rng(0).random((33, 33, 33, 3)).astype(np.float32)
    write_cube(tmp_path / "film.cube", table)
    np.testing.assert_allclose(read_cube(tmp_path / "film.cube"), table, atol=1e-6)


def test_red_runs_fastest(tmp_path: Path):
    """As the format has it: swapped channels would still look like a picture."""
    lines = (tmp_path / "film.cube").with_suffix(".cube")
    write_cube(lines, grid(2))
    said = lines.read_text().splitlines()
    assert said[:2] == ['TITLE "film"', "LUT_3D_SIZE 2"]
    assert said[2:5] == [
        "0.000000 0.000000 0.000000",
        "1.000000 0.000000 0.000000",
        "0.000000 1.000000 0.000000",
    ]


def test_comments_titles_empty_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path):
    head = '\ufeff# by nobody\n\nTITLE "A film"  # its name\nLUT_3D_SIZE 2\n\n'
    text = f"{head}{rows(grid(2))}\n# end\n"
    np.testing.assert_array_equal(read_cube(written(tmp_path, text)), grid(2))


def test_another_domain_is_brought_to_that_of_pictures(tmp_path: Path):
    """A table of 0..2 that halves is, for colours of 0..1, one that changes nothing."""
    text = f"LUT_3D_SIZE 3\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 2 2 2\n{rows(2 * grid(3))}"
    table = read_cube(written(tmp_path, text))
    np.testing.assert_allclose(table, grid(LARGEST), atol=1e-6)


def test_each_channel_has_its_own_domain(tmp_path: Path):
    text = f"LUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 2 4\n{rows(grid(2))}"
    white = read_cube(written(tmp_path, text))[-1, -1, -1]
    np.testing.assert_allclose(white, [1, 0.5, 0.25], atol=1e-6)


def test_curves_become_a_table(tmp_path: Path):
    curve = "\n".join(f"{x} {x * x} {1 - x}" for x in np.linspace(0, 1, 256))
    table = read_cube(written(tmp_path, f"LUT_1D_SIZE 256\n{curve}"))
    frame = np.array([[[200, 200, 200], [0, 128, 255]]], np.uint8)
    graded = look_up(frame, table)
    np.testing.assert_allclose(graded, [[[200, 157, 55], [0, 64, 0]]], atol=1)


def test_tables_that_are_too_fine_are_made_coarser(tmp_path: Path):
    table = read_cube(written(tmp_path, f"LUT_3D_SIZE 70\n{rows(grid(70))}"))
    np.testing.assert_allclose(table, grid(LARGEST), atol=1e-6)


def test_colours_out_of_range_end_at_it(tmp_path: Path):
    table = read_cube(written(tmp_path, f"LUT_3D_SIZE 2\n{rows(3 * grid(2) - 1)}"))
    assert table.min() == 0 and table.max() == 1


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "does not say its size"),
        ("LUT_3D_SIZE 2\n0 0 0", "should have 8 colours, and has 1"),
        (f"LUT_3D_SIZE 2\n{rows(grid(3))}", "should have 8 colours, and has 27"),
        ("LUT_3D_SIZE 1\n0 0 0", "whole number of 2 to 256"),
        ("LUT_3D_SIZE 999\n", "whole number of 2 to 256"),
        ("LUT_3D_SIZE -2\n", "whole number of 2 to 256"),
        ("LUT_3D_SIZE 2\nLUT_1D_SIZE 4\n", "two tables"),
        (f"LUT_3D_SIZE 2\n{rows(grid(2))}".replace("1.0", "nan", 1), "line 3 is not three"),
        ("LUT_3D_SIZE 2\nnan 0 0\n", "line 2 is not three numbers"),
        ("LUT_3D_SIZE 2\n0 0\n", "line 2 is not three numbers"),
        ("LUT_3D_SIZE 2\n0 0 1e999\n", "line 2 is not three numbers"),
        (f"LUT_3D_SIZE 2\nDOMAIN_MAX 0 1 1\n{rows(grid(2))}", "ends before it begins"),
        ("\x00\x01\x02", "does not say its size"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, says: str):
    with pytest.raises(SourceError, match=says):
        read_cube(written(tmp_path, text))
