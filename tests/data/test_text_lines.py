"""Lines of text files: compression, encodings, ends of lines, and lines that are wrong."""

import bz2
import gzip
import lzma
from functools import partial

import pyarrow as pa
import pytest

from modeling_finemoltex.data import text_lines
from modeling_finemoltex.data.text_lines import TextLines

TEXT = "alpha\n\nb\u00e9ta \u03b3\nlast"
EXPECTED = [(1, "alpha", None), (2, "", None), (3, "b\u00e9ta \u03b3", None), (4, "last", None)]


def read(path, content):
    path.write_bytes(content)
    with TextLines(path) as lines:
        return list(lines)


@pytest.mark.parametrize(
    "suffix, compress",
    [
        ("", bytes),
        (".gz", partial(gzip.compress, mtime=0)),
        (".bz2", bz2.compress),
        (".XZ", lzma.compress),
        (".zst", lambda content: pa.compress(content, codec="zstd", asbytes=True)),
    ],
)
def test_compression(tmp_path, suffix, compress):
    path = tmp_path / f"a.txt{suffix}"
    assert read(path, compress(TEXT.encode())) == EXPECTED
    twice = compress(b"one\n") + compress(b"two\n")  # as `cat` joins them
    assert [line for _, line, _ in read(path, twice)] == ["one", "two"]
    if suffix:
        with pytest.raises(text_lines.READ_ERRORS):
            read(path, b"no such data, but as long as a header")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    assert read(tmp_path / "a.txt", TEXT.replace("\n", end).encode(encoding)) == EXPECTED


def test_lines_that_are_wrong_say_why_and_the_others_are_fine(tmp_path, monkeypatch):
    found = read(tmp_path / "a.txt", b"fine\nB\xe9\nnul\x00\n\xc3\xa9\n")
    assert [problem for _, _, problem in found] == [None, "it is not valid UTF-8", "it holds a NUL character", None]
    broken = "ab\n".encode("utf-16") + b"\x00\xd8\n\x00" + "cd\n".encode("utf-16-le")
    assert [problem for _, _, problem in read(tmp_path / "b.txt", broken)] == [None, "it is not valid UTF-16", None]
    monkeypatch.setattr(text_lines, "MAX_LINE", 50_000)
    found = read(tmp_path / "c.txt", b"one\n" + b"x" * 200_000 + b"\ntwo\nthree\n" + b"y" * 120_000)
    assert [(number, len(line), problem) for number, line, problem in found] == [
        (1, 3, None),
        (2, 203, "it is longer than 50000 characters"),
        (3, 3, None),
        (4, 5, None),
        (5, 203, "it is longer than 50000 characters"),
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"PK\x03\x04zip", "zip archive or an Excel workbook"),
        (b"PAR1", "a Parquet file"),
        (gzip.compress(b"x", mtime=0), "gzip data; its name must end in .gz"),
        (bz2.compress(b"x"), "bzip2 data"),
    ],
)
def test_files_that_are_no_text_say_what_they_are(tmp_path, content, message):
    with pytest.raises(OSError, match=message):
        read(tmp_path / "a.txt", content)


def test_long_files_are_read_in_pieces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"line {number}\n" for number in range(30_000)))
    with TextLines(path) as lines:
        iterator = iter(lines)
        next(iterator)
        assert 0 < lines.fraction_read < 0.2
        assert [number for number, line, _ in iterator if line != f"line {number - 1}"] == []
        assert lines.fraction_read == 1.0
