"""Check a file of faiss before faiss reads it: its own reader trusts sizes and numbers in the file, and crashes.

Layouts as faiss writes them since 1.7: a table of vectors (`IxFI`), a graph (`IHNf`), lists of vectors (`IwFl`) or of
codes (`IwPQ`). Little endian; a sequence is its length as 64 bits and its items.

What faiss follows without a check, numbers of rows above all, is read whatever the size: some per cent of a file of
lists, a fifth of one of a graph. Large tables of vectors are left on the disk.
"""

import struct
from pathlib import Path

import numpy as np

HEADER = "<iqqq?i"  # width, rows, two numbers without meaning, whether it is trained, metric
INNER_PRODUCT = 0
MOST_BREADTH = 1 << 16  # rows kept in view while a row is added
MOST_LEVELS = 64  # of a graph: a level has a few per cent of the rows of the one below
READ_UP_TO = 1 << 26  # bytes of vectors: a value that is not finite in larger tables spoils hits, and no more


class _Reader:
    """Reads a file from front to back, never beyond its end."""

    def __init__(self, content: np.ndarray) -> None:
        self.content, self.place = content, 0

    def numbers(self, layout: str) -> tuple:
        """Read numbers as `struct` lays them out."""
        self.need(struct.calcsize(layout))
        found = struct.unpack_from(layout, self.content, self.place)
        self.place += struct.calcsize(layout)
        return found

    def tag(self) -> str:
        """Read the four letters that name a structure."""
        return self.numbers("<4s")[0].decode("latin-1")

    def sequence(self, dtype: str, count: int | None = None) -> np.ndarray:
        """Read items, preceded by their number, which must be `count` where that is known: `(n,)`."""
        (length,) = self.numbers("<Q")
        check(count is None or length == count, f"a sequence has {length} items instead of {count}")
        return self.items(dtype, length)

    def items(self, dtype: str, length: int) -> np.ndarray:
        """Read so many items: `(length,)`."""
        size = np.dtype(dtype).itemsize * length
        self.need(size)
        found = self.content[self.place : self.place + size].view(dtype)
        self.place += size
        return found

    def need(self, size: int) -> None:
        """Refuse to read beyond the end."""
        left = len(self.content) - self.place
        check(size <= left, f"it asks for {size:,} bytes where {left:,} are left")


def check(is_right: bool, reason: str) -> None:
    """Refuse a file.

    Raises:
        ValueError: If it is not right, with the reason.
    """
    if not is_right:
        raise ValueError(reason)


def check_faiss_file(file: Path, tag: str) -> None:
    """Make sure that faiss can read a file and search what it holds.

    Args:
        file (`Path`): As `faiss.write_index` wrote it.
        tag (`str`): Four letters that its structure begins with: `IxFI`, `IHNf`, `IwFl` or `IwPQ`.

    Raises:
        ValueError: If it is another file, cut off, or a number in it does not fit the others.
        OSError: If it cannot be read.
    """
    check(file.stat().st_size > 0, "it is empty")
    reader = _Reader(np.memmap(file, np.uint8, "r"))
    {"IxFI": _check_table, "IHNf": _check_graph, "IwFl": _check_lists, "IwPQ": _check_lists}[tag](reader, tag)
    left = len(reader.content) - reader.place
    check(left == 0, f"{left:,} bytes follow its structure")


def _read_header(reader: _Reader, tag: str) -> tuple[int, int]:
    """Read what every structure begins with: rows and width, `(R, P)`."""
    found = reader.tag()
    check(found == tag, f"it begins with {found!r} instead of {tag!r}")
    width, rows, _, _, is_trained, metric = reader.numbers(HEADER)
    check(width > 0 and rows >= 0, f"it says {rows} rows of width {width}")
    check(is_trained and metric == INNER_PRODUCT, "it is not trained, or of another metric than the inner product")
    return rows, width


def _check_table(reader: _Reader, tag: str) -> tuple[int, int]:
    """Check a table of vectors: rows and width, `(R, P)`."""
    rows, width = _read_header(reader, tag)
    vectors = reader.sequence("<f4", rows * width)
    check(vectors.nbytes > READ_UP_TO or np.isfinite(vectors).all(), "it holds vectors that are not finite")
    return rows, width


def _check_graph(reader: _Reader, tag: str) -> None:
    """Check a graph: every neighbour is a row, and every row has its place among the neighbours."""
    rows, width = _read_header(reader, tag)
    shares = reader.sequence("<f8")  # of the rows, on each level
    room = reader.sequence("<i4")  # neighbours of a row up to each level
    levels = reader.sequence("<i4", rows)
    offsets = reader.sequence("<u8", rows + 1)
    neighbours = reader.sequence("<i4")
    entry, top, breadth, *_ = reader.numbers("<5i")
    check(0 < breadth <= MOST_BREADTH and len(shares) == len(room) - 1, "it is built in another way")
    check(1 < len(room) <= MOST_LEVELS and room[0] == 0 and (np.diff(room) > 0).all(), "its levels have no room")
    check(bool((levels > 0).all() and (levels < len(room)).all()), "a row stands on a level that is not there")
    expected = np.concatenate([[0], np.cumsum(room[levels], dtype=np.uint64)]).astype(np.uint64)
    check(np.array_equal(offsets, expected) and len(neighbours) == expected[-1], "its neighbours have another number")
    check(bool((neighbours >= -1).all() and (neighbours < rows).all()), "a neighbour is no row")
    for level in range(1, len(room) - 1):
        above = offsets[:-1][levels > level].astype(np.int64)  # rows that stand there too
        linked = neighbours[above[:, None] + np.arange(room[level], room[level + 1])]
        check(bool((levels[linked[linked >= 0]] > level).all()), "a neighbour does not stand on its level")
    highest = int(levels.max()) - 1 if rows else -1
    check(top == highest and (-1 if not rows else 0) <= entry < max(rows, 1), "its entry is no row")
    check(not rows or levels[entry] - 1 == top, "its entry stands below the highest level")
    shape = _check_table(reader, "IxFI")
    check(shape == (rows, width), f"the graph has {rows} rows of width {width}, its vectors are {shape}")


def _check_lists(reader: _Reader, tag: str) -> None:
    """Check lists of rows: each row stands in one of them, once."""
    rows, width = _read_header(reader, tag)
    num_lists, num_probed = reader.numbers("<QQ")
    shape = _check_table(reader, "IxFI")
    check(num_lists > 0 and num_probed > 0 and shape == (num_lists, width), f"its {num_lists} lists have no centres")
    check(reader.numbers("<b") == (0,) and not len(reader.sequence("<i8")), "it has a map of its rows")
    code_size = 4 * width
    if tag == "IwPQ":
        _, code_size = reader.numbers("<?Q")
        total, parts, bits = reader.numbers("<QQQ")
        fits = parts > 0 and total == width and width % parts == 0 and bits == 8 and code_size == parts
        check(fits, f"its codes ({parts} of {bits} bits for {total} numbers) do not fit")
        check(np.isfinite(reader.sequence("<f4", width * 2**bits)).all(), "its codes are not finite")
    check(reader.tag() == "ilar" and reader.numbers("<QQ") == (num_lists, code_size), "its lists have another layout")
    layout, sizes = reader.tag(), reader.sequence("<u8")
    check(layout in ("full", "sprs"), f"its lists have the layout {layout!r}")
    if layout == "sprs":  # pairs of a list and its size, for the lists that are not empty
        check(len(sizes) % 2 == 0 and bool((sizes[::2] < num_lists).all()), "its lists have no sizes")
        check(bool((np.diff(sizes[::2].astype(np.int64)) > 0).all()), "its lists are not in order")
        sizes = sizes[1::2]
    else:
        check(len(sizes) == num_lists, f"{len(sizes)} of its {num_lists} lists have a size")
    check(bool((sizes <= rows).all()) and int(sizes.sum()) == rows, "its lists hold another number of rows")
    reader.need(rows * (code_size + 8))
    is_seen = np.zeros(rows, bool)
    for size in sizes.tolist():
        reader.items("u1", size * code_size)
        numbers = reader.items("<i8", size)
        check(bool(((numbers >= 0) & (numbers < rows)).all()), "a list names a row that is not there")
        is_seen[numbers] = True
    check(bool(is_seen.all()), "a row stands in no list")
