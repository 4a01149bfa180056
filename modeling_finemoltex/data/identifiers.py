"""Names under which one molecule or text is recognised again: canonical SMILES, InChIKey, stable hashes."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from tqdm.auto import tqdm

from ..processors.smiles_finemoltex import parse_molecule, try_parse

CHUNK_SIZE = 512  # molecules handed to a worker at once: about 0.2 s of work, so the bar moves and pickling is cheap
PROGRESS_FROM = 5_000  # fewer molecules than this finish before a progress bar would be read


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


def canonical_smiles(smiles: Any) -> str | None:
    """Write the canonical SMILES (with stereo and isotopes) of one molecule; `None` if it cannot be parsed."""
    molecule = try_parse(smiles)
    return None if molecule is None else Chem.MolToSmiles(molecule)


def explain_refusal(smiles: Any) -> str:
    """Say why something is no molecule: the first sentence of the error of `parse_molecule`, or nothing."""
    try:
        parse_molecule(smiles)
    except ValueError as error:
        return str(error).split(". ")[0].rstrip(".")
    return ""


def inchikey(smiles: Any) -> str | None:
    """Compute the 27-character InChIKey of one molecule; `None` if it cannot be parsed or InChI refuses it."""
    molecule = try_parse(smiles)
    if molecule is None:
        return None
    with rdBase.BlockLogs():
        return Chem.MolToInchiKey(molecule) or None


def inchikey14(smiles: Any) -> str | None:
    """Compute the first block of the InChIKey, the same for all stereoisomers; `None` as in `inchikey`."""
    key = inchikey(smiles)
    return None if key is None else key[:14]


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
    bar = tqdm(total=len(distinct), desc=description, unit=" molecules", disable=len(distinct) < PROGRESS_FROM or None)
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
