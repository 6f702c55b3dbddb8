import importlib.metadata
from fractions import Fraction

import pytest

import run_cam
import stylize_video
from engines.errors import EngineUnavailable, SinkError, SourceError, UsageError
from realtime.cli import run, say, version
from realtime.timeline import parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 2), ("2.5", Fraction(5, 2)), ("1:02.5", Fraction(125, 2)), ("1:00:00", 3600), ("0", 0)],
)
def test_times(text, expected):
    assert parse_time("--ss", text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1:2:3:4", "1e3", "nan", "1.", ":", "1:-2"])
def test_other_times_name_the_flag(text):
    with pytest.raises(UsageError, match="--to"):
        parse_time("--to", text)


@pytest.mark.parametrize("error", [UsageError, SourceError, EngineUnavailable, SinkError])
def test_an_error_is_one_line_and_its_exit_code(error, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])

    def main(argv):
        raise error("something\n  happened")

    with pytest.raises(SystemExit) as left:
        run(main)
    assert left.value.code == error.exit_code
    assert capsys.readouterr().err == "error: something happened\n"


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["program", "--debug"])

    def main(argv):
        raise UsageError("what")

    with pytest.raises(SystemExit):
        run(main)
    assert "Traceback" in capsys.readouterr().err


def test_a_mistake_of_ours_is_one_line_and_70(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])

    def main(argv):
        raise IndexError("list index\nout of range")

    with pytest.raises(SystemExit) as left:
        run(main)
    told = capsys.readouterr().err
    assert left.value.code == 70
    assert told.startswith("error: list index out of range [IndexError]") and told.count("\n") == 1


def test_control_characters_do_not_reach_the_terminal(capsys):
    say("style \x1b]0;pwned\x07 \u202egnp \x9b31m\nsecond line é 画")
    assert capsys.readouterr().err == "style ]0;pwned gnp 31m\nsecond line é 画\n"


def test_ctrl_c_is_130(monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])

    def main(argv):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as left:
        run(main)
    assert left.value.code == 130


@pytest.mark.parametrize("program", [run_cam, stylize_video], ids=lambda program: program.__name__)
def test_both_programs_tell_their_version(program, capsys):
    with pytest.raises(SystemExit) as left:
        program.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"livebrush {version()}\n"


def test_the_version_is_the_installed_one_or_that_of_this_copy(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"7 of {name}")
    assert version() == "7 of livebrush"

    def nothing_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing_installed)
    assert version() == "0.2.0"
