from pathlib import Path

import pytest

from engines.errors import SourceError
from realtime.files.inputs import InputFile, expand_inputs
from realtime.media.packets import open_container


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    for name in (
        "b.mp4",
        "a.MOV",
        "notes.txt",
        "day/c.png",
        "day/.hidden.mp4",
        ".trash/d.mp4",
        "50%d[1].mp4",
        "@x.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str, recursive: bool = False) -> list[str]:
    return [str(file.path) for file in expand_inputs(arguments, recursive)]


def test_a_folder_means_the_media_files_in_it(tree):
    assert names(".") == ["50%d[1].mp4", "@x.mp4", "a.MOV", "b.mp4"]
    assert names(".", recursive=True) == ["50%d[1].mp4", "@x.mp4", "a.MOV", "b.mp4", "day/c.png"]
    assert expand_inputs([str(tree)], recursive=True)[-1] == InputFile(
        tree / "day" / "c.png", Path("day"), named=False
    )


def test_a_pattern_that_the_shell_left_alone_is_looked_up(tree):
    assert names("*.mp4") == ["50%d[1].mp4", "@x.mp4", "b.mp4"]
    assert names("**/*.png") == ["day/c.png"]


def test_a_name_that_looks_like_a_pattern_is_a_name_if_it_is_there(tree):
    assert names("50%d[1].mp4", "./@x.mp4") == ["50%d[1].mp4", "@x.mp4"]


def test_a_list_has_one_argument_per_line(tree):
    (tree / "list.txt").write_text("\ufeff# mine\n\nb.mp4\n  day \n", encoding="utf-8")
    assert names("@list.txt") == ["b.mp4", "day/c.png"]


def test_a_file_that_is_named_twice_comes_once(tree):
    assert names("b.mp4", "*.mp4", "b.mp4") == ["b.mp4", "50%d[1].mp4", "@x.mp4"]


def test_a_file_that_is_not_there_is_left_to_whoever_opens_it(tree):
    assert names("missing.mp4") == ["missing.mp4"]


@pytest.mark.parametrize("argument", ["empty", "*.avi", "@missing.txt"])
def test_what_holds_nothing_is_said(tree, argument):
    (tree / "empty").mkdir()
    with pytest.raises(SourceError, match=argument.strip("@*")):
        names(argument)


def test_a_list_may_have_a_nul_behind_each_name(tree):
    """As find -print0 writes it: then names are names, with blanks, # and all."""
    (tree / " #c\n.mp4").write_bytes(b"x")
    (tree / "list.txt").write_bytes(b"b.mp4\0 #c\n.mp4\0day\0missing.mp4\0")
    assert names("@list.txt") == ["b.mp4", " #c\n.mp4", "day/c.png", "missing.mp4"]


@pytest.mark.parametrize(
    "content", [b"\0", b"in/a.mp4\0in/b.mp4\0", b"\x7fELF\0\1\2\0\0\xff", bytes(900)]
)
def test_what_is_no_list_is_refused(tree, content):
    (tree / "list.txt").write_bytes(content)
    with pytest.raises(SourceError, match="is not a text file with a name per line"):
        names("@list.txt")


def test_a_name_that_no_file_can_have_is_no_traceback(tree):
    for name in ("a\0b.mp4", "x" * 5000):
        with pytest.raises(SourceError):
            open_container(Path(name))
