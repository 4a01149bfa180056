"""Files of fragments: built from a library, and opened read-only. Their layout is that of CReM, which reads them."""

import functools
import itertools
import logging
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase
from tqdm.auto import tqdm

from ..data.atomic_files import staged_file
from ..data.identifiers import explain_refusal, try_parse
from ..data.rejection import SHOWN, join_reasons, refuse_all
from ..data.worker_processes import take_ahead
from .fragment_mining import MinedFragments, Place, mine_fragments

logger = logging.getLogger(__name__)

# Bonds around a cut that must agree. 2 keeps what a medicinal chemist would; 3 needs libraries of millions.
RADIUS = 2
MAX_FRAGMENT = 10  # heavy atoms of a fragment that is exchanged
CHUNK_SIZE = 200  # molecules that a process cuts at once: two seconds of work
SURROUNDINGS_AT_ONCE = 200
_SCHEMA_VERSION = 2  # of CReM: cuts in rings are told by their surroundings
_SCHEMA = """
    PRAGMA user_version = {version};
    CREATE TABLE envs(env_id INTEGER PRIMARY KEY, env TEXT NOT NULL UNIQUE);
    CREATE TABLE frags(core_smi_id INTEGER PRIMARY KEY, core_smi TEXT NOT NULL);
    CREATE TABLE frags_h(core_smi_h_id INTEGER PRIMARY KEY);
    CREATE TABLE radius{radius}(
        env_id INTEGER NOT NULL, core_smi_id INTEGER NOT NULL, core_num_atoms INTEGER NOT NULL,
        dist2 INTEGER NOT NULL, seen INTEGER NOT NULL
    );
    CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def build_fragment_database(
    smiles: Iterable[str],
    database: str | Path,
    radius: int = RADIUS,
    num_processes: int = 1,
    max_fragment: int = MAX_FRAGMENT,
    min_count: int = 1,
    name: str | None = None,
    replace: bool = False,
) -> dict[str, Any]:
    """Cut molecules into fragments and store which occur in which surroundings, and how often.

    Molecules are cut at one or two bonds that are single and in no ring, and at hydrogens. The file gets its name when
    it is whole.

    Args:
        smiles (iterable of `str`): The library; molecules that cannot be parsed are left out and counted in the log.
        database (`str` or `Path`): File to write; one that is there is not touched.
        radius (`int`): Bonds of the surroundings.
        num_processes (`int`): Processes that cut.
        max_fragment (`int`): Most heavy atoms of a fragment.
        min_count (`int`): Molecules in which a fragment must occur in the same surroundings.
        name (`str`, *optional*): Of the library, as edits will tell it; that of the file, if absent.
        replace (`bool`): Replace a file that is there, once the new one is whole.

    Returns:
        `dict`: As `read_fragment_facts` gives it.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If the file exists, a number is not positive, no molecule can be read, or no fragment is as
            frequent as asked.

    Example:
    >>> facts = build_fragment_database(["CCO", "CCN"], Path(folder) / "fragments.db")
    >>> facts["molecules"], facts["radius"]
    (2, 2)
    """
    import_crem()
    target = Path(database)
    if target.exists() and not replace:
        raise ValueError(f"{database} exists: delete it, or give another name.")
    for given, value in {"radius": radius, "max_fragment": max_fragment, "min_count": min_count}.items():
        if value < 1:
            raise ValueError(f"`{given}` must be at least 1, got {value}.")
    facts: dict[str, Any] = {"name": name or target.stem, "radius": radius, "max_fragment": max_fragment}
    mined, facts["molecules"] = _mine(smiles, radius, max_fragment, num_processes)
    rows = _standardize(mined, radius, min_count, num_processes)
    if not rows:
        raise ValueError(
            f"No fragment occurs in {min_count} of the {facts['molecules']} molecules in the same surroundings: give "
            "more molecules, or lower `min_count`."
        )
    with staged_file(target) as staged:
        _write(staged, rows, facts | {"min_count": min_count})
    return read_fragment_facts(target)


def read_fragment_facts(database: str | Path) -> dict[str, Any]:
    """Tell what a fragment database holds.

    Args:
        database (`str` or `Path`): The file.

    Returns:
        `dict`: `name` of the library, `molecules` of it, `radius`, `max_fragment`, `min_count` (those that the file
        tells), numbers of `fragments`, `surroundings` and `pairs` of both.

    Raises:
        ValueError: If there is no such database, or it is damaged.
    """
    with closing(open_database(database)) as connection:
        radius = find_radii(connection)[-1]
        facts: dict[str, Any] = {"name": Path(database).stem, "radius": radius}
        if _has_table(connection, "about"):
            told = dict(connection.execute("SELECT name, value FROM about"))
            facts |= {key: int(value) if value.isdigit() and key != "name" else value for key, value in told.items()}
        for fact, table in {"fragments": "frags", "surroundings": "envs", "pairs": f"radius{radius}"}.items():
            (facts[fact],) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
        return facts


def open_database(database: str | Path) -> sqlite3.Connection:
    """Open a fragment database read-only, and look whether it is one.

    Args:
        database (`str` or `Path`): The file.

    Raises:
        ValueError: If there is no such database, or it is damaged.
    """
    path = Path(database)
    advice = "`finemoltex fragments build` makes one of your molecules."
    if not path.is_file():
        raise ValueError(f"{database} is no fragment database: {advice}")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        radii = find_radii(connection)
        (fault,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ValueError(f"{database} is no fragment database, or a damaged one ({error}): {advice}") from error
    if not radii or version > _SCHEMA_VERSION or fault != "ok":
        connection.close()
        raise ValueError(f"{database} is no fragment database, or a damaged one: {advice}")
    return connection


def find_radii(connection: sqlite3.Connection) -> list[int]:
    """List the radii of an open fragment database."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return sorted(int(table.removeprefix("radius")) for table in tables if table.removeprefix("radius").isdigit())


def find_name(connection: sqlite3.Connection) -> str | None:
    """Find the name of the library in an open database; `None` in one that does not tell it, as one of CReM."""
    if not _has_table(connection, "about"):
        return None
    (name,) = connection.execute("SELECT value FROM about WHERE name = 'name'").fetchone()
    return name


def import_crem() -> Any:
    """Import CReM.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        from crem import crem
    except ImportError as error:
        raise ImportError("Fragment exchange needs `pip install crem`.") from error
    return crem


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _mine(smiles: Iterable[str], radius: int, max_fragment: int, num_processes: int) -> tuple[MinedFragments, int]:
    """Cut all molecules; give what they hold, and how many they are."""
    counts: Counter[Place] = Counter()
    examples: dict[str, str] = {}
    problems: list[str] = []
    num_rows = 0
    given = iter(smiles)
    chunks = iter(lambda: list(itertools.islice(given, CHUNK_SIZE)), [])
    work = functools.partial(_mine_chunk, radius=radius, max_fragment=max_fragment)
    with tqdm(desc="Cut molecules", unit=" molecules") as bar:
        for size, mined, refused in _map(work, chunks, num_processes):
            problems += [f"molecule {num_rows + place + 1}: {reason}" for place, reason in refused]
            num_rows += size
            for place, count in mined.counts.items():
                names = tuple(map(sys.intern, place.surroundings))
                counts[Place(names, sys.intern(place.fragment))] += count
            for key, example in mined.examples.items():
                examples.setdefault(sys.intern(key), example)
            bar.update(size)
    if num_rows == len(problems):
        raise refuse_all("The library", num_rows, problems[:SHOWN], "Give SMILES strings such as 'CCO'.")
    if problems:
        shown = join_reasons(problems, len(problems))
        logger.warning("Left out %d of %d molecules that cannot be read (%s).", len(problems), num_rows, shown)
    return MinedFragments(counts, examples), num_rows - len(problems)


def _mine_chunk(
    smiles: list[str], radius: int, max_fragment: int
) -> tuple[int, MinedFragments, list[tuple[int, str]]]:
    """Cut some molecules; give how many there were, what they hold, and which cannot be read."""
    with rdBase.BlockLogs():
        parsed = [try_parse(one) for one in smiles]
        refused = [(place, explain_refusal(smiles[place])) for place, one in enumerate(parsed) if one is None]
        molecules = [one for one in parsed if one is not None]
        return len(smiles), mine_fragments(molecules, radius, max_fragment), refused


def _map(work: Any, chunks: Iterable[Any], num_processes: int) -> Iterator[Any]:
    """Apply a function to chunks, in several processes on request, a few chunks ahead of what is taken."""
    if num_processes <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(num_processes) as pool:
        begun = (pool.submit(work, chunk) for chunk in chunks)
        yield from (future.result() for future in take_ahead(begun, 2 * num_processes))


def _standardize(mined: MinedFragments, radius: int, min_count: int, num_processes: int) -> Counter[tuple[str, str]]:
    """Write surroundings and fragments as CReM looks them up: (surroundings, fragment) -> molecules that have both."""
    kept: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for place, count in mined.counts.items():
        if count >= min_count:
            kept.setdefault(place.surroundings, []).append((place.fragment, count))
    tasks = [([mined.examples[name] for name in names], held) for names, held in kept.items()]
    chunks = (tasks[start : start + SURROUNDINGS_AT_ONCE] for start in range(0, len(tasks), SURROUNDINGS_AT_ONCE))
    rows: Counter[tuple[str, str]] = Counter()
    with tqdm(total=len(tasks), desc="Name surroundings", unit=" surroundings") as bar:
        for size, found in _map(functools.partial(_standardize_chunk, radius=radius), chunks, num_processes):
            rows.update(found)
            bar.update(size)
    return rows


def _standardize_chunk(
    tasks: list[tuple[list[str], list[tuple[str, int]]]], radius: int
) -> tuple[int, Counter[tuple[str, str]]]:
    """Standardise some surroundings, each with the fragments that it has."""
    rows: Counter[tuple[str, str]] = Counter()
    with rdBase.BlockLogs():
        for contexts, held in tasks:
            surroundings, orders = standardize_surroundings(contexts, radius)
            for fragment, count in held:
                for spelling in {canonicalize_fragment(fragment, order) for order in orders}:
                    rows[surroundings, spelling] += count
    return len(tasks), rows


def standardize_surroundings(contexts: Sequence[str], radius: int) -> tuple[str, list[dict[int, int]]]:
    """Write surroundings as CReM looks them up.

    Args:
        contexts (sequence of `str`): SMILES of what lies behind each of one or two bonds, with `[*:1]` at the bond.
        radius (`int`): Bonds of the surroundings.

    Returns:
        The name of the surroundings, and every way to number the bonds: place of a context, from 1 -> its number.
    """
    from crem.mol_context import get_std_context_core_permutations

    whole = ".".join(_relabel(context, {1: number}) for number, context in enumerate(contexts, start=1))
    # A fragment without symmetry shows every order in which equal surroundings can be numbered.
    probe = "[*:1]CO[*:2]" if len(contexts) > 1 else "[*:1]C"
    surroundings, _, orders = get_std_context_core_permutations(
        whole, probe, radius, keep_stereo=False, return_att_map=True
    )
    return surroundings, list(orders.values())


def canonicalize_fragment(fragment: str, order: Mapping[int, int]) -> str:
    """Number the attachment points of a fragment anew, and write it as CReM does."""
    return _canonicalize(_relabel(fragment, order))


@functools.lru_cache(maxsize=100_000)
def _canonicalize(fragment: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromSmiles(fragment))


def _relabel(smiles: str, order: Mapping[int, int]) -> str:
    """Number attachment points anew."""
    return re.sub(r"\[\*:(\d)\]", lambda found: f"[*:{order[int(found[1])]}]", smiles)


def _write(path: Path, rows: Counter[tuple[str, str]], facts: dict[str, Any]) -> None:
    """Write the tables, in an order that does not depend on the order of the molecules."""
    surroundings = {one: number for number, one in enumerate(sorted({one for one, _ in rows}), start=1)}
    fragments = {one: number for number, one in enumerate(sorted({one for _, one in rows}), start=1)}
    sizes = {one: _measure(one) for one in fragments}
    table = sorted((surroundings[around], fragments[one], *sizes[one], seen) for (around, one), seen in rows.items())
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA.format(version=_SCHEMA_VERSION, radius=facts["radius"]))
        connection.executemany("INSERT INTO envs(env, env_id) VALUES (?, ?)", surroundings.items())
        connection.executemany("INSERT INTO frags(core_smi, core_smi_id) VALUES (?, ?)", fragments.items())
        connection.executemany(f"INSERT INTO radius{facts['radius']} VALUES (?, ?, ?, ?, ?)", table)
        connection.executemany("INSERT INTO about VALUES (?, ?)", [(key, str(value)) for key, value in facts.items()])
        connection.execute(f"CREATE INDEX lookup ON radius{facts['radius']}(env_id, core_num_atoms)")
        connection.commit()
        connection.execute("VACUUM")


def _measure(fragment: str) -> tuple[int, int]:
    """Count heavy atoms, and the bonds between two attachment points (0 if there is one)."""
    molecule = Chem.MolFromSmiles(fragment, sanitize=False)
    ends = [atom.GetIdx() for atom in molecule.GetAtoms() if not atom.GetAtomicNum()]
    return molecule.GetNumHeavyAtoms(), len(Chem.GetShortestPath(molecule, *ends)) - 1 if len(ends) == 2 else 0
