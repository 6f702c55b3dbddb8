"""A wrong command line is one line that says what to type."""

from __future__ import annotations

import re

import pytest

import run_cam
import stylize_video
from engines.errors import UsageError


@pytest.mark.parametrize(
    ("program", "line", "said"),
    [
        (stylize_video, "-style great_wave a.mp4", "-style: flags have two dashes, --style"),
        (stylize_video, "a.mp4 --syle great_wave", "no flag --syle. Did you mean --style?"),
        (stylize_video, "a.mp4 --strength 80%", "--strength: '80%' is not a number, such as 0.8"),
        (stylize_video, "a.mp4 --crf 1.5", "--crf: '1.5' is not a whole number"),
        (stylize_video, "a.mp4 --audio mp3", "--audio: invalid choice: 'mp3'"),
        (stylize_video, "a.mp4 -s", "-s/--style: expected one argument"),
        (run_cam, "great_wave", "great_wave: stands there without a flag. A style is asked for"),
        (run_cam, "-s one -s two", "-s two: is given twice. A blend is -s"),
        (run_cam, "--sevre", "Did you mean --serve?"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_said_in_one_line(program, line: str, said: str):
    with pytest.raises(UsageError) as error:
        program.main(line.split())
    assert said in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 180
    assert "--help` shows all flags." in str(error.value)


def test_a_file_of_a_flags_name_is_a_file():
    with pytest.raises(UsageError, match="-style"):
        stylize_video.parse_args(["-style"])
    assert stylize_video.parse_args(["--", "-style"]).input == ["-style"]


@pytest.mark.parametrize("program", [run_cam, stylize_video], ids=lambda program: program.__name__)
@pytest.mark.parametrize("called", ["stylize_video.py", "livebrush"])
def test_help_begins_short_and_ends_with_examples(program, called: str, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", [called])
    with pytest.raises(SystemExit) as left:
        program.main(["--help"])
    text = capsys.readouterr().out
    name = "livebrush" if called == "livebrush" else f"python {program.__name__}.py"
    assert left.value.code == 0
    assert text.startswith(f"usage: {name} ") and len(text.split("\n\n")[0].splitlines()) == 1
    examples = text.split("examples:\n")[1]
    flags = set(re.findall(r"(?<!\S)(--[a-z-]+)", examples))
    assert name in examples and flags and all(flag in text.split("examples:")[0] for flag in flags)


def test_groups_come_in_the_order_of_a_beginner(capsys):
    with pytest.raises(SystemExit):
        stylize_video.main(["--help"])
    text = capsys.readouterr().out
    places = [text.index(word) for word in ("--output", "--style N", "--vcodec", "--cluster")]
    assert places == sorted(places)
