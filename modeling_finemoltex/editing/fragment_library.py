"""What a fragment database holds in which surroundings: looked up for all cuts of a molecule at once, and kept."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import rdBase

from .fragment_database import (
    canonicalize_fragment,
    find_name,
    find_radii,
    import_crem,
    open_database,
    standardize_surroundings,
)
from .fragment_mining import Cut, MoleculeCutter

MAX_KEPT = 200_000  # surroundings that are kept
AT_ONCE = 500  # surroundings of one query: SQLite takes 999 values
_KNOWN_COLUMNS = ("env_id", "core_smi_id", "core_num_atoms", "dist2", "is_ring_closure")  # the others are counts


class Held(NamedTuple):
    """The fragments that a library has in one kind of surroundings, `(R,)` each: SMILES, heavy atoms and counts."""

    fragments: list[str]
    sizes: np.ndarray
    seen: np.ndarray


class Exchange(NamedTuple):
    """A cut with what may take the place of its fragment.

    Args:
        cut ([`Cut`]): Where the fragment lies.
        numbers (`tuple[int, ...]`): The attachment point of each of its bonds.
        removed (`str`): The fragment, written as those of the library.
        held ([`Held`]): What the library has there.
    """

    cut: Cut
    numbers: tuple[int, ...]
    removed: str
    held: Held


class FragmentLibrary:
    """A fragment database, of which each kind of surroundings is read once.

    Fragments with one or two attachment points are looked up; others, which a database of CReM may hold, are not.

    Args:
        database (`str` or `Path`): The file.
        radius (`int`, *optional*): Bonds of the surroundings that must agree; the largest in the file, if absent.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If there is no such database, it is damaged, or lacks this radius.
    """

    def __init__(self, database: str | Path, radius: int | None = None) -> None:
        import_crem()
        self.database = Path(database)
        with closing(open_database(self.database)) as connection:
            radii = find_radii(connection)
            self.radius = radii[-1] if radius is None else radius
            if self.radius not in radii:
                raise ValueError(f"{self.database} has the radii {radii}, not {radius}.")
            self.name = find_name(connection) or self.database.stem
            self._query = _write_query(connection, self.radius)
        self._surroundings: dict[tuple[str, ...], tuple[str, dict[int, int]]] = {}  # by the names of a cutter
        self._held: dict[str, Held | None] = {}

    def list_exchanges(self, cutter: MoleculeCutter) -> list[Exchange]:
        """List the cuts of a molecule for which the library has fragments.

        Args:
            cutter ([`MoleculeCutter`]): Of the molecule, with the radius of this library.
        """
        with rdBase.BlockLogs():
            found = [(cut, *self._name(cut, cutter)) for cut in cutter.list_cuts()]
            held = self._look_up(name for _, name, _ in found)
            return [
                Exchange(cut, _number(cut, order), canonicalize_fragment(cut.place.fragment, order), here)
                for cut, name, order in found
                if (here := held[name]) is not None
            ]

    def _name(self, cut: Cut, cutter: MoleculeCutter) -> tuple[str, dict[int, int]]:
        """Name the surroundings of a cut as the database does, and number its bonds."""
        names = cut.place.surroundings
        if names not in self._surroundings:
            if len(self._surroundings) >= MAX_KEPT:
                self._surroundings.clear()
            contexts = [cutter.write_behind(bond) for bond in cut.bonds]
            name, orders = standardize_surroundings(contexts, self.radius)
            self._surroundings[names] = name, orders[0]  # the library has the fragments in every order
        return self._surroundings[names]

    def _look_up(self, names: Iterable[str]) -> Mapping[str, Held | None]:
        """Read what was not read yet."""
        names = set(names)
        if len(self._held) >= MAX_KEPT:
            self._held = {}
        held = self._held
        missing = sorted(names - held.keys())
        if missing:
            rows: dict[str, list[tuple[str, int, int]]] = {name: [] for name in missing}
            for name, *row in self._read(missing):
                rows[name].append(tuple(row))
            held |= {name: _hold(found) for name, found in rows.items()}
        return held

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
        """Read rows: name of the surroundings, fragment, heavy atoms, count."""
        with closing(sqlite3.connect(f"{self.database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for start in range(0, len(names), AT_ONCE):
                some = names[start : start + AT_ONCE]
                yield from connection.execute(self._query.format(", ".join("?" * len(some))), some)


def _number(cut: Cut, order: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(order[place] for place in range(1, len(cut.bonds) + 1))


def _hold(rows: Sequence[tuple[str, int, int]]) -> Held | None:
    if not rows:
        return None
    fragments, sizes, seen = zip(*rows, strict=True)
    return Held(list(fragments), np.array(sizes), np.array(seen))


def _write_query(connection: sqlite3.Connection, radius: int) -> str:
    """Write the query that reads the rows of some surroundings, for each of the layouts of CReM."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info(radius{radius})")]
    if "env" in columns:  # the first layout: all in one table
        return f"SELECT env, core_smi, core_num_atoms, freq FROM radius{radius} WHERE env IN ({{}}) ORDER BY rowid"
    counted = ["freq"] if "freq" in columns else [one for one in columns if one not in _KNOWN_COLUMNS]
    named = ", ".join(f'r."{one}"' for one in counted)
    closing_rings = " AND r.is_ring_closure = 0" if "is_ring_closure" in columns else ""
    return (
        f"SELECT e.env, f.core_smi, r.core_num_atoms, {f'MAX({named})' if ',' in named else named} "
        f"FROM envs e JOIN radius{radius} r ON r.env_id = e.env_id JOIN frags f ON f.core_smi_id = r.core_smi_id "
        f"WHERE e.env IN ({{}}){closing_rings} ORDER BY r.rowid"
    )
