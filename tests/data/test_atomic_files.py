"""A file is the old one or the new one: after an error, a full disk, a kill, and with two writers."""

import os
import threading

import pytest

from modeling_finemoltex.data.atomic_files import (
    UnwrittenFileError,
    copy_file,
    locked_folder,
    open_atomically,
    remove_unfinished,
    staged_file,
    staged_folder,
    write_text,
)
from tests.faults import full_disk


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_an_error_leaves_the_old_file_alone(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(ZeroDivisionError), open_atomically(file) as stream:
        stream.write("half")
        _ = 1 / 0
    assert file.read_text() == "old" and names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_full_disk_is_a_sentence(tmp_path, is_there):
    file = tmp_path / "made" / "a.txt"
    if is_there:
        write_text(file, "old")
    source = tmp_path / "source"
    source.write_bytes(b"x" * 5_000)
    writers = (lambda: write_text(file, "x" * 5_000), lambda: copy_file(source, file))
    for write in writers:
        with full_disk(1_000), pytest.raises(UnwrittenFileError) as error:
            write()
        assert str(error.value).startswith(f"{file} cannot be written: File too large.")
        assert ("What was there is unchanged." in str(error.value)) == is_there
        assert names_in(tmp_path / "made") == (["a.txt"] if is_there else [])
        assert not is_there or file.read_text() == "old"


def test_a_place_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwrittenFileError, match="file/a.txt cannot be written: "):
        write_text(tmp_path / "file" / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnwrittenFileError, match="folder cannot be written: Is a directory"):
        write_text(tmp_path / "folder", "x")
    assert names_in(tmp_path) == ["file", "folder"]


def test_an_error_of_reading_something_else_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, staged_file(tmp_path / "a.txt"):
        (tmp_path / "source").read_text()
    assert error.value.filename == str(tmp_path / "source")


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    with open_atomically(tmp_path / "a.txt") as one, open_atomically(tmp_path / "a.txt") as other:
        one.write("one")
        other.write("other")
    assert (tmp_path / "a.txt").read_text() == "one" and names_in(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"


def test_what_a_killed_process_left_goes_and_what_another_one_holds_stays(tmp_path):
    with open_atomically(tmp_path / "a.txt") as stream:
        stream.write("half")
        stream.flush()
        (left,) = tmp_path.iterdir()
        left.rename(tmp_path / "b.txt")  # out of the way of this process
        (tmp_path / left.name).write_text("what the next one writes")
    (tmp_path / "b.txt").rename(left)
    (tmp_path / "a.txt").unlink()
    os.utime(left, (0, 0))
    with staged_file(tmp_path / "b.txt") as held:
        os.utime(held, (0, 0))
        remove_unfinished(tmp_path)
        assert list(tmp_path.iterdir()) == [held]
    write_text(tmp_path / "a.txt", "whole")
    assert names_in(tmp_path) == ["a.txt", "b.txt"]


def test_a_folder_appears_whole_and_keeps_what_else_it_has(tmp_path):
    target = tmp_path / "model"
    for content in ("one", "two"):
        with staged_folder(target) as staged:
            (staged / "deep").mkdir()
            (staged / "deep" / "a.txt").write_text(content)
            assert not target.exists() or (target / "deep" / "a.txt").read_text() == "one"
        (target / "own.txt").write_text("mine")
    assert (target / "deep" / "a.txt").read_text() == "two"
    with full_disk(100), pytest.raises(UnwrittenFileError, match="model cannot be written: .* unchanged"):
        with staged_folder(target) as staged:
            (staged / "own.txt").write_text("x" * 1_000)
    assert names_in(tmp_path) == ["a.txt", "deep", "model", "own.txt"]
    assert (target / "own.txt").read_text() == "mine"


def test_a_folder_has_one_writer(tmp_path):
    with locked_folder(tmp_path), pytest.raises(UnwrittenFileError, match="is being written by another process"):
        with locked_folder(tmp_path):
            pass
    with locked_folder(tmp_path):
        assert tmp_path.is_dir()


def test_a_writer_waits_for_another_one(tmp_path, caplog):
    order = []

    def write_later() -> None:
        with locked_folder(tmp_path, waits=True):
            order.append("second")

    with locked_folder(tmp_path):
        thread = threading.Thread(target=write_later)
        thread.start()
        while "waiting until it has ended" not in caplog.text:
            thread.join(0.01)
            assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
