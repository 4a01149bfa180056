"""Queries about structure: does "an ester without nitrogen" find esters without nitrogen, in a pool of molecules?

The truth is a set of patterns for each query, matched in every molecule, so nothing is annotated and every figure is
exact. A query counts if enough molecules of the pool match it, and not so many that chance would find them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from tqdm.auto import tqdm

from ..data.fact_counts import count_columns
from ..data.identifiers import try_parse
from ..data.molecule_files import MoleculeFile
from ..data.structure_language import Understanding, understand
from .tables import align_columns

POOL_SEED = 11  # of the order of the pool, as published
POOL_LIMIT = 10_000
LEAST_MATCHES, LARGEST_SHARE = 10, 0.4  # what a query must match in the pool to count
PRECISION_AT, R_PRECISION_AT_MOST = 10, 50
SCORES = ("pooled", "tokens", "both")
TOKEN_CHUNK = 512  # molecules whose tokens are in memory at once
KEYS = {"text", "all", "any", "none", "count", "set"}

Scorer = Callable[[Sequence[str]], np.ndarray]  # texts -> (texts, R) scores; -inf: left out


@dataclass(frozen=True)
class StructureQuery:
    """A question in several wordings, and what right answers are.

    Args:
        texts (`tuple[str, ...]`): Wordings that mean the same.
        group (`str`): Kind of question; figures are given for each kind.
        required, alternatives, excluded (`tuple[str, ...]`): SMARTS that must all match, of which one must match, of
            which none may match.
        counts (`Mapping[str, tuple[int, int]]`): SMARTS -> least and most matches; matches differ in their atoms.
    """

    texts: tuple[str, ...]
    group: str = "single"
    required: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def patterns(self) -> set[str]:
        """All SMARTS."""
        return {*self.required, *self.alternatives, *self.excluded, *self.counts}

    def matches(self, found: Mapping[str, np.ndarray]) -> np.ndarray:
        """Tell which molecules are right.

        Args:
            found (mapping): SMARTS -> number of matches in each molecule, `(R,)`.

        Returns:
            `np.ndarray` of shape `(R,)`, bool.
        """
        parts = [found[smarts] > 0 for smarts in self.required]
        parts += [found[smarts] == 0 for smarts in self.excluded]
        parts += [(found[smarts] >= low) & (found[smarts] <= high) for smarts, (low, high) in self.counts.items()]
        if self.alternatives:
            parts.append(np.logical_or.reduce([found[smarts] > 0 for smarts in self.alternatives]))
        return np.logical_and.reduce(parts)


@dataclass(frozen=True, eq=False)
class StructurePool:
    """Molecules, the queries that count in them, and the right answers.

    Args:
        smiles (`list[str]`): `R` molecules.
        queries (`list[StructureQuery]`): `Q` of them.
        truth (`np.ndarray` of shape `(Q, R)`, bool): Right answers.
    """

    smiles: list[str]
    queries: list[StructureQuery]
    truth: np.ndarray


def load_structure_queries(path: str | Path) -> list[StructureQuery]:
    """Read queries from a JSON list of objects with `text`, `all`, `any`, `none`, `count` and `set`.

    Args:
        path (`str` or `Path`): The file.

    Returns:
        `list[StructureQuery]`: In the order of the file.

    Raises:
        ValueError: If the file is no such list, or a pattern is no SMARTS; names the query.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} must hold a list of queries: it holds {type(entries).__name__}.")
    return [_read_query(entry, f"{path}, query {number}") for number, entry in enumerate(entries)]


def _read_query(entry: Any, where: str) -> StructureQuery:
    """Check one query."""
    if not isinstance(entry, dict) or not {"text"} <= set(entry) <= KEYS:
        found = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        raise ValueError(f"{where} must be an object with 'text' and some of {sorted(KEYS)}: got {found}.")
    texts = [entry["text"]] if isinstance(entry["text"], str) else entry["text"]
    try:
        counts = {smarts: (int(low), int(high)) for smarts, (low, high) in entry.get("count", {}).items()}
        lists = [tuple(entry.get(name, ())) for name in ("all", "any", "none")]
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{where}: 'count' maps a SMARTS to [least, most], the others are lists: {error}") from error
    query = StructureQuery(tuple(texts), str(entry.get("set", "single")), *lists, counts)
    if not texts or not query.patterns:
        raise ValueError(f"{where} needs a text and a pattern: got {entry}.")
    for smarts in query.patterns:
        with rdBase.BlockLogs():
            if not isinstance(smarts, str) or Chem.MolFromSmarts(smarts) is None:
                raise ValueError(f"{where}: {smarts!r} is not a SMARTS pattern.")
    return query


def load_structure_pool(
    path: str | Path, queries: Sequence[StructureQuery], limit: int = POOL_LIMIT, smiles_column: str | None = None
) -> StructurePool:
    """Draw a pool from a file of molecules and find the right answers.

    The rows are shuffled as pandas does it (`sample(frac=1, random_state=11)`); the first that can be read stay.

    Args:
        path (`str` or `Path`): Any file of molecules.
        queries (sequence of `StructureQuery`): Those that do not count in this pool are left out.
        limit (`int`): Molecules of the pool.
        smiles_column (`str`, *optional*): Column of the molecules.

    Returns:
        [`StructurePool`].

    Raises:
        ValueError: If no query counts in the pool, or the file cannot be read.
    """
    if limit < 1:
        raise ValueError(f"`limit` must be at least 1, got {limit}.")
    source = MoleculeFile(path, smiles_column)
    to_smiles = source.to_smiles
    rows = pd.Series([None if row.problem else row.value for row in source], dtype=object)
    smiles: list[str] = []
    molecules: list[Chem.Mol] = []
    for value in rows.sample(frac=1, random_state=POOL_SEED):
        molecule = None
        if value is not None:
            try:
                value = value if to_smiles is None else to_smiles(value)
                molecule = try_parse(value)
            except ValueError:
                continue
        if molecule is not None:
            smiles.append(value)
            molecules.append(molecule)
            if len(smiles) == limit:
                break
    return build_structure_pool(smiles, molecules, queries)


def build_structure_pool(
    smiles: list[str], molecules: Sequence[Chem.Mol], queries: Sequence[StructureQuery]
) -> StructurePool:
    """Find the right answers among molecules, and leave out the queries that do not count.

    Args:
        smiles (`list[str]` of length `R`): The molecules.
        molecules (sequence of `R` `Chem.Mol`): The same, parsed.
        queries (sequence of `StructureQuery`): Asked.

    Raises:
        ValueError: If no query counts.
    """
    patterns = {smarts: Chem.MolFromSmarts(smarts) for query in queries for smarts in sorted(query.patterns)}
    counted = {smarts for query in queries for smarts in query.counts}
    found = {smarts: np.zeros(len(molecules), dtype=np.int32) for smarts in patterns}
    bar = tqdm(molecules, desc="Right answers", unit=" molecules", disable=len(molecules) < POOL_LIMIT // 5)
    for position, molecule in enumerate(bar):
        for smarts, pattern in patterns.items():
            if smarts in counted:
                found[smarts][position] = len(molecule.GetSubstructMatches(pattern))
            else:
                found[smarts][position] = molecule.HasSubstructMatch(pattern)
    truth = np.stack([query.matches(found) for query in queries])  # (Q, R)
    sizes = truth.sum(axis=1)
    counts = (sizes >= LEAST_MATCHES) & (sizes < LARGEST_SHARE * len(molecules))
    if not counts.any():
        raise ValueError(
            f"No query counts in a pool of {len(molecules)} molecules: it must match {LEAST_MATCHES} of them or more, "
            f"and less than {LARGEST_SHARE:.0%}."
        )
    kept = [query for query, is_kept in zip(queries, counts, strict=True) if is_kept]
    return StructurePool(smiles, kept, truth[counts])


def score_by_model(encoder: Any, smiles: Sequence[str], scores: str | None = None) -> Scorer:
    """Score by the cosine of the wholes, by words against motifs and atoms, or by both.

    Args:
        encoder (`MoleculeTextEncoder`): The model.
        smiles (sequence of `str`): `R` molecules, embedded here, once. One that the model refuses is never found.
        scores (`str`, *optional*): One of `SCORES`; both of a model with a token score, else the pooled one, if
            absent.

    Returns:
        Function of `T` texts: their scores with all molecules, `(T, R)`.

    Raises:
        ValueError: If `scores` is unknown, or asks for tokens that the model does not have.
    """
    if scores not in (None, *SCORES):
        raise ValueError(f"`scores` must be one of {', '.join(SCORES)}: got {scores!r}.")
    scores = scores or ("both" if getattr(encoder, "token_size", 0) else "pooled")
    if scores == "pooled":
        (vectors, kept), packed = encoder.encode_molecules(list(smiles), on_error="skip"), []
    else:
        vectors, packed, kept = encoder.encode_with_tokens(list(smiles), on_error="skip")

    def score(texts: Sequence[str]) -> np.ndarray:
        """Score texts."""
        texts = list(texts)
        found = np.zeros((len(texts), len(kept)), dtype=np.float32)  # (T, molecules that are kept)
        if scores != "tokens":
            found += encoder.encode_texts(texts) @ vectors.T
        for start in range(0, len(packed), TOKEN_CHUNK):
            part = slice(start, start + TOKEN_CHUNK)
            found[:, part] += encoder.score_tokens(texts, packed[part])
        everything = np.full((len(texts), len(smiles)), -np.inf, dtype=np.float32)  # (T, R)
        everything[:, kept] = found
        return everything

    return score


def require_facts(score: Scorer, smiles: Sequence[str]) -> Scorer:
    """Leave out the molecules that contradict what a text says about structure, and order the others as before.

    Args:
        score (callable): Of the model alone.
        smiles (sequence of `str`): `R` molecules.

    Returns:
        Function like `score`; molecules that are left out score minus infinity.
    """
    columns: dict[int, np.ndarray] = {}

    def score_required(texts: Sequence[str]) -> np.ndarray:
        """Score texts."""
        scores = np.array(score(texts), dtype=np.float64)  # (T, R)
        understood = [understand_required(text) for text in texts]
        missing = sorted({fact for one in understood for fact in one.facts} - columns.keys())
        columns.update(count_columns(smiles, missing))
        for row, one in enumerate(understood):
            if one:
                scores[row, ~one.accepts(columns)] = -np.inf
        return scores

    return score_required


def understand_required(text: str) -> Understanding:
    """Read a text whose structure is required: carefully first; if that finds nothing, every word of structure."""
    return understand(text) or understand(text, is_loose=True)


def evaluate_structure_queries(
    pool: StructurePool, score: Scorer, marks_facts: bool = False
) -> dict[str, dict[str, float]]:
    """Measure how many of the best molecules are right.

    Each figure is a mean over the wordings of a query, then over the queries of a kind. Of molecules with equal scores
    every order is equally likely; molecules that are left out (minus infinity) are no hits at all.

    Args:
        pool ([`StructurePool`]): Molecules, queries and right answers.
        score (callable): Texts -> scores `(T, R)`.
        marks_facts (`bool`): Also tell the share of the ten best that contradict what is understood of a text, as
            `contradicting`; wordings of which nothing is understood contradict nothing.

    Returns:
        `dict`: For each kind of query `P@10`, `R-precision` (precision among as many as there are right ones, at most
        50), `chance` (share of right ones in the pool) and `queries` (how many count).

    Example:
    >>> truth = np.array([[True] * 10 + [False] * 30])
    >>> pool = StructurePool(["C"] * 40, [StructureQuery(("a ring",), "single", ("[R]",))], truth)
    >>> evaluate_structure_queries(pool, lambda texts: np.arange(40)[None])["single"]["P@10"]
    0.0
    """
    texts = [text for query in pool.queries for text in query.texts]
    scores = np.asarray(score(texts), dtype=np.float64)  # (T, R)
    if scores.shape != (len(texts), len(pool.smiles)) or np.isnan(scores).any():
        raise ValueError(
            f"Scores must be numbers of shape {(len(texts), len(pool.smiles))}, one row per wording: got shape "
            f"{scores.shape} with {int(np.isnan(scores).sum())} that are not a number."
        )
    contradicting = _contradictions(pool.smiles, texts) if marks_facts else np.zeros((len(texts), 0), dtype=bool)
    figures: dict[str, list[dict[str, float]]] = {}
    row = 0
    for query, right in zip(pool.queries, pool.truth, strict=True):
        rows = range(row, row + len(query.texts))
        row = rows.stop
        size = min(int(right.sum()), R_PRECISION_AT_MOST)
        values = {
            f"P@{PRECISION_AT}": np.mean([precision_at(scores[one], right, PRECISION_AT) for one in rows]),
            "R-precision": np.mean([precision_at(scores[one], right, size) for one in rows]),
            "chance": right.mean(),
        }
        if marks_facts:
            marked = [precision_at(scores[one], contradicting[one], PRECISION_AT) for one in rows]
            values["contradicting"] = np.mean(marked)
        figures.setdefault(query.group, []).append(values)
    return {
        group: {name: float(np.mean([one[name] for one in all_values])) for name in all_values[0]}
        | {"queries": len(all_values)}
        for group, all_values in figures.items()
    }


def _contradictions(smiles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Tell which molecules contradict what is understood of each text: `(T, R)`."""
    understood = [understand(text) for text in texts]
    columns = count_columns(smiles, sorted({fact for one in understood for fact in one.facts}))
    nothing = np.zeros(len(smiles), dtype=bool)
    return np.stack([~one.accepts(columns) if one else nothing for one in understood])


def precision_at(scores: np.ndarray, right: np.ndarray, k: int) -> float:
    """Give the expected share of right ones among the `k` best.

    Args:
        scores (`np.ndarray` of shape `(R,)`): Higher is better; minus infinity is never found.
        right (`np.ndarray` of shape `(R,)`, bool): Right answers.
        k (`int`): At most `R`.

    Returns:
        `float`: Where equal scores lie on both sides of the cut, their mean.

    Example:
    >>> precision_at(np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, False, True, False]), 2)
    0.75
    """
    k = min(k, len(scores))
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]
    if np.isneginf(cut):
        return float(right[~np.isneginf(scores)].sum() / k)
    above, equal = scores > cut, scores == cut
    free = k - above.sum()
    return float((right[above].sum() + free * right[equal].mean()) / k)


def format_structure_table(figures: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Lay out the figures of one system: a line for each kind of query.

    Args:
        figures (mapping): As `evaluate_structure_queries` returns them.
        title (`str`): Which system.
    """
    names = [name for name in next(iter(figures.values())) if name != "queries"]
    rows: list[Sequence[str]] = [(title, *names, "queries")]
    for group, values in figures.items():
        shares = (f"{100 * values[name]:.1f} %" for name in names)
        rows.append((group, *shares, str(values["queries"])))
    return align_columns(rows, 1)
