import os
import unicodedata

import pytest

from unet_lightning.reading.names import guess_notes, is_hidden, locate, walk


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


@pytest.mark.parametrize("name", ["._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".ipynb_checkpoints"])
def test_what_systems_leave_behind_is_hidden(name):
    assert is_hidden(name)


def test_walk_gives_a_folder_before_those_below_it_and_follows_a_link_once(tmp_path):
    touch(tmp_path, "set/b.png", "set/a/c.png", "set/.x/d.png", "set/._b.png", "elsewhere/e.png")
    (tmp_path / "set/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/a/up").symlink_to(tmp_path / "set")
    found = [path.relative_to(tmp_path / "set").as_posix() for path in walk(tmp_path / "set")]
    assert found == ["b.png", "a/c.png", "again/e.png"]
    assert [path.name for path in walk(tmp_path / "set", deep=False)] == ["b.png"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("images\\a.png", "images/a.png"),
        ("..\\set\\images\\a.png", "../set/images/a.png"),
        ("/data/local-files/?d=images/a%20b.png", "images/a b.png"),
        (unicodedata.normalize("NFD", "images/zäh.png"), "images/zäh.png"),
    ],
)
def test_a_name_is_read_as_it_was_meant(tmp_path, name, place):
    touch(tmp_path / "set", "images/a.png", "images/a b.png", "images/zäh.png", "masks/a.png")
    exact, guessed = locate([name], [tmp_path / "set"])
    assert exact[name].resolve() == (tmp_path / "set" / place).resolve()
    assert not guessed


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("C:\\Users\\me\\set\\images\\a.png", "images/a.png"),
        ("/home/me/masks/A.PNG", "masks/a.png"),
        ("..\\..\\media\\upload\\4\\c.png", "images/c.png"),
        ("upload/4/0a1b2c3d-c.png", "images/c.png"),
        ("d.png", "images/0a1b2c3d-d.png"),
        ("/home/me/a.png", None),  # which one?
        ("e.png", None),
        ("", None),
    ],
)
def test_a_path_of_another_machine_stands_for_the_only_file_that_ends_like_it(tmp_path, name, place):
    touch(tmp_path, "images/a.png", "masks/a.png", "images/c.png", "images/0a1b2c3d-d.png")
    exact, guessed = locate([name], [tmp_path])
    assert not exact
    assert guessed == ({} if place is None else {name: tmp_path / place})


def test_no_file_is_given_to_two_names(tmp_path):
    touch(tmp_path, "images/a.png")
    assert locate(["images/a.png", "masks/a.png"], [tmp_path])[1] == {}
    assert locate(["x/a.png", "y/a.png"], [tmp_path]) == ({}, {})


def test_guesses_are_one_note(tmp_path):
    touch(tmp_path, "images/a.png", "images/b.png")
    guessed = locate(["D:\\a.png", "D:\\b.png"], [tmp_path])[1]
    (line,) = guess_notes(tmp_path / "list.csv", guessed)
    assert "2 files (D:\\a.png is" in line
    assert guess_notes(tmp_path, {}) == []


def test_folders_that_were_looked_at_are_not_entered_again_by_any_link(tmp_path, monkeypatch):
    touch(tmp_path, "images/a/b.png", "other/c.png")
    (tmp_path / "again").symlink_to(tmp_path / "images")
    entered = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: entered.append(os.path.realpath(place)) or scandir(place))
    found = list(walk(tmp_path, without=[tmp_path / "images"]))
    assert found == [tmp_path / "other/c.png"]
    assert entered == [os.path.realpath(tmp_path), os.path.realpath(tmp_path / "other")]
