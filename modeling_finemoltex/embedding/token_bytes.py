"""Tokens of molecules as bytes: one int8 number a dimension and one scale a token, and the counts of concepts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

MOST = 127  # of an int8 number
HEADER = 3  # numbers before the scales: tokens, how many of them are motifs, and concepts; uint16
COUNT_STEPS = 32  # of one occurrence of a concept, stored as uint8
CONCEPT_BYTES = 3  # number of the concept, uint16, and its count


class TokenArrays(NamedTuple):
    """What [`MoleculeTokens`] holds, as numpy arrays: `U` tokens of width `D`, `B` molecules, `K` concepts."""

    vectors: np.ndarray  # (U, D), float32
    molecule_of_token: np.ndarray  # (U,), int64
    is_atom: np.ndarray  # (U,), bool
    concepts: np.ndarray | None = None  # (B, K), float32


def pack_arrays(tokens: TokenArrays, num_molecules: int) -> list[bytes]:
    """Pack the tokens of each molecule: `6 + n (2 + D) + 3 c` bytes for `n` tokens and `c` concepts that are there.

    Args:
        tokens ([`TokenArrays`]): `U` tokens of width `D`; motifs come before atoms.
        num_molecules (`int`): `B`.

    Returns:
        `list[bytes]`: `B` packed molecules.
    """
    vectors, owner, is_atom, counts = tokens
    scales = (np.abs(vectors).max(1, initial=0.0) / MOST).astype(np.float16)  # (U,)
    numbers = np.rint(vectors / np.maximum(scales, np.finfo(np.float16).tiny)[:, None].astype(np.float32))
    numbers = numbers.clip(-MOST, MOST).astype(np.int8)  # (U, D)
    order = np.argsort(owner, kind="stable")  # of one molecule, motifs stay before atoms
    ends = np.bincount(owner, minlength=num_molecules).cumsum()
    num_motifs = np.bincount(owner[~is_atom], minlength=num_molecules)
    concepts = _pack_concepts(counts, num_molecules)
    packed = []
    for molecule, rows in enumerate(np.split(order, ends[:-1])):
        counted = concepts[molecule]
        header = np.array([len(rows), num_motifs[molecule], len(counted) // CONCEPT_BYTES], dtype=np.uint16)
        packed.append(header.tobytes() + scales[rows].tobytes() + numbers[rows].tobytes() + counted)
    return packed


def _pack_concepts(counts: np.ndarray | None, num_molecules: int) -> list[bytes]:
    """Pack the concepts that each molecule holds: their numbers, then their counts."""
    if counts is None:
        return [b""] * num_molecules
    steps = np.rint(counts * COUNT_STEPS).clip(0, 255).astype(np.uint8)  # (B, K)
    return [np.flatnonzero(row).astype(np.uint16).tobytes() + row[row > 0].tobytes() for row in steps]


def unpack_arrays(packed: Sequence[Any], size: int, num_concepts: int = 0) -> TokenArrays:
    """Put packed molecules into one batch.

    Args:
        packed (sequence of bytes-like): Of `pack_tokens`, one a molecule.
        size (`int`): `D`.
        num_concepts (`int`): `K`; 0 if the model has none.

    Returns:
        [`TokenArrays`]; molecules are numbered in the order given.

    Raises:
        ValueError: If a length is not that of its header, or a concept is unknown; names the place.
    """
    vectors, owners, is_atom = [np.empty((0, size), np.float32)], [np.empty(0, int)], [np.empty(0, bool)]
    counts = np.zeros((len(packed), num_concepts), np.float32)  # (B, K)
    for place, one in enumerate(packed):
        num_tokens, num_motifs, num_held = (
            np.frombuffer(one, np.uint16, HEADER).tolist() if len(one) >= 6 else (0, 1, 0)
        )
        start = 2 * (HEADER + num_tokens)
        held = start + num_tokens * size  # where the concepts start
        is_whole = len(one) == held + CONCEPT_BYTES * num_held and num_motifs <= num_tokens
        concepts = np.frombuffer(one[held : held + 2 * num_held], np.uint16) if is_whole else np.empty(0, np.uint16)
        if not is_whole or concepts.max(initial=0) >= max(num_concepts, 1) or (num_held and not num_concepts):
            raise ValueError(
                f"The tokens of molecule {place} are damaged or of another model: {len(one)} bytes for {num_tokens} "
                f"tokens of {size} numbers and {num_held} of {num_concepts} concepts. Embed the library again."
            )
        scales = np.frombuffer(one, np.float16, num_tokens, 2 * HEADER)
        numbers = np.frombuffer(one, np.int8, num_tokens * size, start).reshape(-1, size)
        counts[place, concepts] = np.frombuffer(one, np.uint8, num_held, held + 2 * num_held) / COUNT_STEPS
        vectors.append(numbers * scales[:, None].astype(np.float32))
        owners.append(np.full(num_tokens, place))
        is_atom.append(np.arange(num_tokens) >= num_motifs)
    return TokenArrays(
        np.concatenate(vectors).astype(np.float32),
        np.concatenate(owners),
        np.concatenate(is_atom),
        counts if num_concepts else None,
    )
