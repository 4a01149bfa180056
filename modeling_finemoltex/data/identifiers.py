"""Names under which one molecule or text is recognised again: canonical SMILES, InChIKey, stable hashes."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from ..processors import smiles_finemoltex
from ..processors.relative_stereo_finemoltex import (
    IS_RARE,
    RELATIVE_STEREO,
    STEREO_GROUP,
    get_labels,
    label_axes,
    list_groups,
    read_marks,
)
from ..processors.smiles_finemoltex import INCHI, RDKIT_ERRORS, parse_molecule
from .progress import progress_bar

CHUNK_SIZE = 512  # molecules handed to a worker at once: about 0.2 s of work, so the bar moves and pickling is cheap
# RDKit ranks atoms in quadratic time: a molecule as large takes a second, one of 70,000 atoms would take minutes.
MAX_ATOMS = 5_000
PROGRESS_FROM = 5_000  # fewer molecules than this finish before a progress bar would be read
# A second drug of a mixture has about as many heavy atoms as the first, a counter-ion or solvent has fewer.
SHARE_OF_LARGEST = 0.6


def stable_hash(text: str) -> int:
    """Hash a string to 63 bits, equal on every machine, Python version and run.

    Args:
        text (`str`): Any string.

    Returns:
        `int` in `[0, 2**63)`, so that it fits a signed 64-bit column.

    Example:
    >>> stable_hash("CCO") == stable_hash("CCO") != stable_hash("OCC")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "big") >> 1


def try_parse(molecule: Any) -> Chem.Mol | None:
    """Parse a molecule quietly, if it is not so large that a job would wait for it.

    Args:
        molecule (`str` or `rdkit.Chem.Mol`): As `parse_molecule` takes it.

    Returns:
        `rdkit.Chem.Mol` or `None`: The sanitised molecule; `None` if it is none, or has more than `MAX_ATOMS` atoms.

    Example:
    >>> [try_parse(one) is not None for one in ("CCO", "CCO ethanol", "C(C", None, "C" * 5_001)]
    [True, False, False, False, False]
    """
    parsed = smiles_finemoltex.try_parse(molecule)
    return None if parsed is None or parsed.GetNumAtoms() > MAX_ATOMS else parsed


def explain_refusal(smiles: Any) -> str:
    """Say why `try_parse` refuses something: one sentence without its end; nothing, if it does not."""
    try:
        parse_molecule(smiles, max_atoms=MAX_ATOMS)
    except ValueError as error:
        return str(error).split(". ")[0].rstrip(".")
    return ""


def attempt(function: Callable[..., Any], *values: Any) -> Any:
    """Call a function of RDKit; `None` if it fails for this molecule, in whichever way."""
    try:
        with rdBase.BlockLogs():
            return function(*values)
    except RDKIT_ERRORS:
        return None


def write_smiles(molecule: Chem.Mol) -> str | Chem.Mol | None:
    """Write a parsed molecule, unless a SMILES cannot say all of it.

    Args:
        molecule (`rdkit.Chem.Mol`): From a format that can say more.

    Returns:
        `str`, `rdkit.Chem.Mol` or `None`: Its canonical SMILES; the molecule itself if it has hindered rotation or
        enhanced stereo; `None` if RDKit cannot write it.
    """
    if attempt(list_groups, molecule) or attempt(label_axes, molecule):
        return molecule
    return attempt(Chem.MolToSmiles, molecule)


def canonical_smiles(smiles: Any) -> str | None:
    """Write the canonical SMILES (with stereo and isotopes) of a molecule; `None` if it cannot be read or written."""
    molecule = try_parse(smiles)
    return None if molecule is None else attempt(Chem.MolToSmiles, molecule)


def molecule_key(smiles: Any) -> str | None:
    """Name one molecule for comparison: equal names, equal features; `None` if it cannot be parsed.

    It is the canonical SMILES. What that does not say, such as spiro centres, hindered rotation and enhanced stereo,
    follows as a count of each label.

    Example:
    >>> molecule_key("OCC"), molecule_key("C[C@H]1CC[C@@H](C)CC1")
    ('CCO', 'C[C@H]1CC[C@@H](C)CC1 2x3')
    """
    molecule = try_parse(smiles)
    if molecule is None:
        return None
    name = attempt(Chem.MolToSmiles, molecule)
    if name is None or not molecule.HasProp(IS_RARE):
        return name
    pairs = zip(*(get_labels(molecule, kind) for kind in (RELATIVE_STEREO, STEREO_GROUP)), strict=True)
    counts = Counter(f"{label}{'' if not group else 'or and'.split()[group - 1]}" for label, group in pairs)
    return " ".join([name, *(f"{count}x{label}" for label, count in sorted(counts.items()) if label != "0")])


def inchikey(smiles: Any) -> str | None:
    """Compute the 27-character InChIKey of one molecule; `None` if it cannot be parsed or InChI refuses it."""
    molecule = try_parse(smiles)
    return None if molecule is None else _write_inchikey(molecule, smiles)


def inchikey14(smiles: Any) -> str | None:
    """Compute the first block of the InChIKey, the same for all stereoisomers; `None` as in `inchikey`."""
    key = inchikey(smiles)
    return None if key is None else key[:14]


def skeletons(smiles: Any) -> str | None:
    """Name the skeletons of a molecule, by which its salts and solvates are recognised.

    A skeleton is the first block of an InChIKey, the same for all stereoisomers. The molecule as a whole has one, and
    so has each of its main fragments: the largest, and every other with 60 % of its heavy atoms. Counter-ions and
    solvents are smaller. An atom by itself, as both ions of table salt, is no skeleton unless it is the whole.

    Args:
        smiles (`str` or `rdkit.Chem.Mol`): As `try_parse` takes it.

    Returns:
        `str` or `None`: The distinct skeletons, that of the whole first, with blanks between them; `None` if the
        molecule cannot be parsed, or InChI refuses all of it.

    Example:
    >>> skeletons("CCN")
    'QUSNBJAOOMFDIB'
    >>> skeletons("CCN.Cl").split()[1]
    'QUSNBJAOOMFDIB'
    """
    molecule = try_parse(smiles)
    if molecule is None:
        return None
    keys = [_write_inchikey(molecule, smiles)]
    keys += [attempt(Chem.MolToInchiKey, fragment) for fragment in _list_main_fragments(molecule)]
    return " ".join(dict.fromkeys(key[:14] for key in keys if key)) or None


def _list_main_fragments(molecule: Chem.Mol) -> list[Chem.Mol]:
    """List the largest of several fragments, and those of similar size; none of a molecule in one piece."""
    if len(Chem.GetMolFrags(molecule)) < 2:  # before the costly copies
        return []
    fragments = attempt(Chem.GetMolFrags, molecule, True) or [molecule]
    largest = max(fragment.GetNumHeavyAtoms() for fragment in fragments)
    least = max(SHARE_OF_LARGEST * largest, 2)
    return [fragment for fragment in fragments if fragment.GetNumHeavyAtoms() >= least]


def _write_inchikey(molecule: Chem.Mol, smiles: Any) -> str | None:
    """Write the InChIKey of a molecule that was parsed from `smiles`."""
    is_smiles = isinstance(smiles, str) and not smiles.strip().startswith(INCHI)
    if is_smiles and molecule.HasProp(IS_RARE):
        # InChI names what RDKit's perception of the molecule has dropped.
        molecule = attempt(_read_with_marks, smiles.strip())
    return None if molecule is None else attempt(Chem.MolToInchiKey, molecule) or None


def _read_with_marks(smiles: str) -> Chem.Mol:
    molecule = read_marks(smiles)
    Chem.SanitizeMol(molecule)
    return molecule


def map_unique(
    function: Callable[[Any], Any], values: Sequence[Any], num_proc: int | None = None, description: str = ""
) -> np.ndarray:
    """Apply a function of one value to each distinct value, in several processes on request.

    Args:
        function: A module-level function (workers receive it by name).
        values (sequence of length `R`): Inputs; equal ones are computed once.
        num_proc (`int`, *optional*): Worker processes; `None` or 1 stays in this process.
        description (`str`): Text left of the progress bar.

    Returns:
        `np.ndarray` of shape `(R,)` and dtype object, in the order of `values`.
    """
    distinct = list(dict.fromkeys(values))
    chunks = [distinct[start : start + CHUNK_SIZE] for start in range(0, len(distinct), CHUNK_SIZE)]
    is_shown = None if len(distinct) >= PROGRESS_FROM else False
    bar = progress_bar(is_shown=is_shown, total=len(distinct), desc=description, unit=" molecules")
    results: list[Any] = []
    with bar:
        if num_proc is None or num_proc <= 1 or len(chunks) == 1:
            for chunk in chunks:
                results.extend(map(function, chunk))
                bar.update(len(chunk))
        else:
            with ProcessPoolExecutor(max_workers=min(num_proc, len(chunks))) as pool:
                for answers in pool.map(_apply_to_chunk, [function] * len(chunks), chunks):
                    results.extend(answers)
                    bar.update(len(answers))
    table = dict(zip(distinct, results, strict=True))
    output = np.empty(len(values), dtype=object)
    output[:] = [table[value] for value in values]
    return output


def _apply_to_chunk(function: Callable[[Any], Any], chunk: list[Any]) -> list[Any]:
    """Run one chunk inside a worker."""
    return [function(value) for value in chunk]
