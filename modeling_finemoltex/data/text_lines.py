"""Lines of a text file: decompressed, decoded, numbered, and never longer than memory allows."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

# Suffix -> what reads the bytes of a compressed file.
DECOMPRESSORS: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": lambda raw: pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"),
}
READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeError, pa.ArrowException)
MAX_LINE = 1 << 24  # characters
CHUNK_CHARACTERS = 1 << 15  # read at once
HEAD_BYTES = 4096  # that show the encoding
BEFORE_TEXT = "\ufeff \t\r\n"
ENCODINGS = (  # of files that begin with a byte-order mark, the longer marks first
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
FOREIGN = {  # how files begin that are no text
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "gzip data; its name must end in .gz",
    b"BZh": "bzip2 data; its name must end in .bz2",
    b"\x28\xb5\x2f\xfd": "zstandard data; its name must end in .zst",
}


class Chunk(NamedTuple):
    """Consecutive lines."""

    first: int  # number of the first line, from 1
    lines: list[str]  # without their ends
    text: str  # all of them
    is_plain: bool  # nothing is wrong with any of them


class CutLine(str):
    """The beginning of a line that is too long."""


class TextLines:
    """The lines of one text file, read once, some hundred at a time; use it as a context manager.

    Args:
        path (`Path`): The file; a suffix of `DECOMPRESSORS` tells how it is compressed. UTF-16 and UTF-32 are
            recognised, all else is read as UTF-8.

    Raises:
        OSError: If the file cannot be opened, or begins like a file that is no text.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.fraction_read = path, 0.0  # in bytes of the file as it lies on disk
        self._size = max(1, path.stat().st_size)
        self._raw = path.open("rb")
        decompress = DECOMPRESSORS.get(path.suffix.lower())
        try:
            binary = io.BufferedReader(self._raw if decompress is None else decompress(self._raw))
            head = binary.peek(HEAD_BYTES)[:HEAD_BYTES]
            for start, content in FOREIGN.items():
                if head.startswith(start):
                    raise OSError(f"it is {content}")
        except BaseException:
            self._raw.close()
            raise
        self.encoding = _find_encoding(head)
        self.start = head.decode(self.encoding, "ignore").lstrip(BEFORE_TEXT)[:1]  # the first character
        # Bytes that are not UTF-8 become surrogates, which `find_problem` sees.
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        self._text = io.TextIOWrapper(binary, self.encoding, errors=errors)  # every kind of line end becomes "\n"

    def __enter__(self) -> "TextLines":
        """Return the lines themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._text.close()
        self._raw.close()

    def blocks(self) -> Iterator[str]:
        """Read the text as it is, in pieces of some thousand characters; what is not of its encoding is replaced.

        Yields:
            `str`: A piece.
        """
        while block := self._text.read(CHUNK_CHARACTERS):
            self.fraction_read = min(1.0, self._raw.tell() / self._size)
            yield block if block.isascii() else block.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def chunks(self) -> Iterator[Chunk]:
        """Read the lines, without their ends.

        Yields:
            `Chunk`: Some hundred lines.

        Raises:
            OSError, EOFError, zlib.error: If the file is damaged; see `READ_ERRORS`.
        """
        first, begun, block = 1, "", ""  # `begun`: the line that the last block broke off in
        while block := block or self._text.read(CHUNK_CHARACTERS):
            self.fraction_read = min(1.0, self._raw.tell() / self._size)
            head, end, tail = block.rpartition("\n")
            block = ""
            if not end:
                begun += tail
                if len(begun) > MAX_LINE:
                    yield Chunk(first, [CutLine(f"{begun[:200]}...")], "", False)
                    first, begun, block = first + 1, "", self._skip_line()
                continue
            text, begun = begun + head, tail
            lines = text.split("\n")
            yield Chunk(first, lines, text, self.find_problem(text) is None)
            first += len(lines)
        self.fraction_read = 1.0
        if begun:
            yield Chunk(first, [begun], begun, self.find_problem(begun) is None)

    def __iter__(self) -> Iterator[tuple[int, str, str | None]]:
        """Read line by line.

        Yields:
            Number from 1, line without its end, and what is wrong with it or `None`.
        """
        for chunk in self.chunks():
            for number, line in enumerate(chunk.lines, start=chunk.first):
                yield number, line, None if chunk.is_plain else self.find_problem(line)

    def find_problem(self, line: str) -> str | None:
        """Say what is wrong with a line: too long, not of its encoding, or with a NUL character; `None` if nothing."""
        if isinstance(line, CutLine):
            return f"it is longer than {MAX_LINE} characters"
        if "\0" in line:
            return "it holds a NUL character"
        if line.isascii():
            return None
        if self.encoding.startswith("utf-8"):
            try:
                line.encode()
            except UnicodeEncodeError:
                return "it is not valid UTF-8"
        elif "\ufffd" in line:
            return f"it is not valid {self.encoding.upper()}"
        return None

    def _skip_line(self) -> str:
        """Skip the rest of a line; return what was read beyond it."""
        while block := self._text.read(CHUNK_CHARACTERS):
            _, end, tail = block.partition("\n")
            if end:
                return tail
        return ""


def escape(cell: str) -> str:
    """Write bytes that are not UTF-8 as escapes."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _find_encoding(head: bytes) -> str:
    """Recognise the encoding by the mark at the beginning, or by the zero bytes of plain letters in UTF-16."""
    for mark, encoding in ENCODINGS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.4 * len(head[1::2]) and min(even, odd) < 0.1 * len(head[1::2]):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"
