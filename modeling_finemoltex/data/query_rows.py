"""Training rows of structure queries: molecules with their facts, and texts with their conditions."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc
import rdkit
from datasets import Value

from . import structural_queries
from .fact_counts import FactCounts
from .feature_cache import EXTRA_COLUMNS, cache_file
from .identifiers import skeletons, stable_hash, try_parse
from .structural_facts import count_facts, structural_facts
from .structural_queries import Query, QueryWriter

logger = logging.getLogger(__name__)

# Part of the cache key: raise it whenever the same molecules give other rows.
REVISION = 1
QUERIES_PER_MOLECULE = 4
GROUP_SIZE = 1.9  # queries of a group on average
BATCH = 256


def write_query_rows(
    table: datasets.Dataset,
    smiles_column: str,
    source: Any,
    seed: int,
    num_proc: int | None,
    on_error: str,
    identify: bool,
) -> datasets.Dataset:
    """Write structure queries about the molecules of a table.

    Args:
        table (`datasets.Dataset`): Molecules.
        smiles_column (`str`): Their column.
        source (`PairSource`): Its `name` and `texts_per_molecule`.
        seed (`int`): Of the queries.
        num_proc (`int`, *optional*): Worker processes that count the facts.
        on_error (`str`): `"raise"` stops at an unreadable molecule, `"skip"` leaves it out.
        identify (`bool`): Add the column `skeletons`.

    Returns:
        `datasets.Dataset`: Columns `smiles`, `text`, `row`, those of `EXTRA_COLUMNS` and on request `skeletons`; the
        rows of a molecule are neighbours, those of a group share `group_ids`.

    Raises:
        ValueError: If a molecule is unreadable and `on_error="raise"`, or none is left.
    """
    molecules = _count_table(table, smiles_column, source.name, num_proc, on_error, identify)
    if not len(molecules):
        raise ValueError(f"{source.name}: none of its {len(table)} rows has a readable molecule.")
    counts = np.stack([restore_facts(facts) for facts in molecules.with_format("numpy")["facts"][:]])  # (R, F)
    num_groups = round(len(molecules) * (source.texts_per_molecule or QUERIES_PER_MOLECULE) / GROUP_SIZE)
    written = list(QueryWriter(counts, seed).write(num_groups))
    queries = sorted(
        ((query, group) for group, members in enumerate(written) for query in members), key=lambda one: one[0].row
    )
    logger.info("%s: wrote %d queries about %d molecules.", source.name, len(queries), len(molecules))
    rows = molecules.select([query.row for query, _ in queries])
    rows = datasets.Dataset.from_dict({name: rows[name][:] for name in rows.column_names}, features=molecules.features)
    return (
        rows.add_column("text", [query.text for query, _ in queries])
        .add_column("conditions", [_flatten(query) for query, _ in queries], feature=EXTRA_COLUMNS["conditions"])
        .add_column("group_ids", [group for _, group in queries])
    )


def _count_table(
    table: datasets.Dataset, smiles_column: str, name: str, num_proc: int | None, on_error: str, identify: bool
) -> datasets.Dataset:
    """Count the facts of all molecules, kept in the cache: `smiles`, `row`, `facts` and on request `skeletons`."""
    vocabulary = [(fact.smarts, *fact.names) for fact in structural_facts()]
    parts = [
        "facts",
        REVISION,
        structural_queries.REVISION,
        rdkit.__version__,
        table._fingerprint,
        vocabulary,
        on_error,
        identify,
    ]
    fingerprint = f"{stable_hash(json.dumps(parts)):016x}"
    features = {"smiles": Value("string"), "row": Value("int64"), "facts": EXTRA_COLUMNS["facts"]}
    return table.map(
        _count_batch,
        batched=True,
        batch_size=BATCH,
        with_indices=True,
        input_columns=[smiles_column],
        remove_columns=table.column_names,
        features=datasets.Features(features | ({"skeletons": Value("string")} if identify else {})),
        fn_kwargs={"name": name, "on_error": on_error, "identify": identify},
        num_proc=num_proc,
        new_fingerprint=fingerprint,
        cache_file_name=cache_file(table, f"facts-{fingerprint}"),
        desc=f"Counting facts of {name}",
    )


def add_facts(pairs: datasets.Dataset, num_molecules: int, seed: int, num_proc: int | None) -> datasets.Dataset:
    """Count the structural facts of some molecules of pairs.

    Args:
        pairs (`datasets.Dataset`): With `smiles`; `facts` that it has are kept.
        num_molecules (`int`): Of so many molecules, drawn at random.
        seed (`int`): Of that choice.
        num_proc (`int`, *optional*): Worker processes.

    Returns:
        `datasets.Dataset`: With `facts`, flat pairs of fact and count, null for the other molecules.
    """
    smiles = pairs["smiles"][:]
    known = pairs["facts"][:] if "facts" in pairs.column_names else [None] * len(pairs)
    molecules = sorted({one for one, facts in zip(smiles, known, strict=True) if facts is None})
    chosen = np.random.default_rng(seed).permutation(len(molecules))[:num_molecules]
    counts = FactCounts.from_smiles([molecules[place] for place in chosen], num_proc)
    facts_of = {molecules[place]: flatten_facts(counts.row(number)) for number, place in enumerate(chosen)}
    facts = [facts_of.get(one) if old is None else old for one, old in zip(smiles, known, strict=True)]
    pairs = pairs.remove_columns([name for name in pairs.column_names if name == "facts"])
    return pairs.add_column("facts", facts, feature=EXTRA_COLUMNS["facts"])


def flatten_facts(counts: Mapping[int, int]) -> list[int]:
    """Write the facts of a molecule as flat pairs of fact and count."""
    return [number for pair in counts.items() for number in pair]


def find_facts(rows: datasets.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Find the molecules of training rows whose facts are known.

    Args:
        rows (`datasets.Dataset`): With `facts`, null where they are not known, and `molecule_ids` or `smiles`.

    Returns:
        `np.ndarray` of shape `(R,)`, the first row of each molecule, and `(R, F)`, int8, its facts.

    Raises:
        ValueError: If no row has facts.
    """
    names = ["facts", "molecule_ids" if "molecule_ids" in rows.column_names else "smiles"]
    table = rows.select_columns(names).with_format("arrow")[:] if set(names) <= set(rows.column_names) else None
    known = np.empty(0, np.int64) if table is None else np.flatnonzero(pc.is_valid(table["facts"]).to_numpy())
    if not len(known):
        raise ValueError(
            "No training row has structural facts: give `--fact_molecules`, `--query_molecules` or a source with "
            "`queries: true`."
        )
    _, first = np.unique(table[names[1]].to_numpy()[known].astype(str), return_index=True)
    places = known[np.sort(first)]
    return places, np.stack([restore_facts(facts) for facts in table["facts"].take(places).to_pylist()])


def restore_facts(facts: Sequence[int]) -> np.ndarray:
    """Lay out flat pairs of fact and count. `(2n,)` -> `(F,)`, int8."""
    counts = np.zeros(len(structural_facts()), dtype=np.int8)
    pairs = np.asarray(facts, dtype=np.int64).reshape(-1, 2)  # (n, 2)
    counts[pairs[:, 0]] = pairs[:, 1]
    return counts


def _flatten(query: Query) -> list[int]:
    return [number for condition in query.conditions for number in condition[:3]]


def _count_batch(
    smiles: Sequence[str], rows: Sequence[int], name: str, on_error: str, identify: bool
) -> dict[str, list[Any]]:
    """Count the facts of a batch of molecules, and identify them."""
    batch: dict[str, list[Any]] = {key: [] for key in ("smiles", "row", "facts", *["skeletons"] * identify)}
    for text, row in zip(smiles, rows, strict=True):
        molecule = try_parse(text)
        if molecule is None:
            if on_error == "raise":
                raise ValueError(
                    f"{name}, row {row}: RDKit cannot parse the SMILES {text!r}. Correct or remove it, or leave such "
                    "rows out with `--on_error skip`."
                )
            continue
        counts = count_facts(molecule)
        present = np.flatnonzero(counts)
        batch["smiles"].append(text)
        batch["row"].append(row)
        batch["facts"].append(np.stack([present, counts[present]], axis=1).reshape(-1).astype(np.int16))
        if identify:
            batch["skeletons"].append(skeletons(text))
    return batch
