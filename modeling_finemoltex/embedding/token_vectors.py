"""Token vectors of molecules as bytes: one int8 number a dimension and one scale a token."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..model.tokens_finemoltex import MoleculeTokens

MOST = 127  # of an int8 number
HEADER = 2  # numbers before the scales: tokens, and how many of them are motifs; uint16


def pack_tokens(tokens: MoleculeTokens, num_molecules: int) -> list[bytes]:
    """Pack the token vectors of each molecule, its motifs before its atoms: `4 + n (2 + D)` bytes for `n` tokens.

    Args:
        tokens ([`MoleculeTokens`]): `U` tokens of width `D`.
        num_molecules (`int`): `B`.

    Returns:
        `list[bytes]`: `B` packed molecules.
    """
    vectors = tokens.vectors.float().cpu().numpy()  # (U, D)
    owner, is_atom = tokens.molecule_of_token.cpu().numpy(), tokens.is_atom.cpu().numpy()
    scales = (np.abs(vectors).max(1, initial=0.0) / MOST).astype(np.float16)  # (U,)
    numbers = np.rint(vectors / np.maximum(scales, np.finfo(np.float16).tiny)[:, None].astype(np.float32))
    numbers = numbers.clip(-MOST, MOST).astype(np.int8)  # (U, D)
    order = np.argsort(owner, kind="stable")  # of one molecule, motifs stay before atoms
    ends = np.bincount(owner, minlength=num_molecules).cumsum()
    num_motifs = np.bincount(owner[~is_atom], minlength=num_molecules)
    packed = []
    for molecule, rows in enumerate(np.split(order, ends[:-1])):
        header = np.array([len(rows), num_motifs[molecule]], dtype=np.uint16)
        packed.append(header.tobytes() + scales[rows].tobytes() + numbers[rows].tobytes())
    return packed


def unpack_tokens(packed: Sequence[Any], size: int) -> MoleculeTokens:
    """Put packed molecules into one batch.

    Args:
        packed (sequence of bytes-like): Of `pack_tokens`, one a molecule.
        size (`int`): `D`.

    Returns:
        [`MoleculeTokens`] on the CPU, float32; molecules are numbered in the order given.

    Raises:
        ValueError: If a length is not that of its header; names the place.
    """
    vectors, owners, is_atom = [], [], []
    for place, one in enumerate(packed):
        num_tokens, num_motifs = np.frombuffer(one, np.uint16, HEADER).tolist() if len(one) >= 4 else (-1, 0)
        if len(one) != 2 * (HEADER + num_tokens) + num_tokens * size or num_motifs > num_tokens:
            raise ValueError(
                f"The token vectors of molecule {place} are damaged or of another model: {len(one)} bytes for "
                f"{num_tokens} tokens of {size} numbers. Embed the library again."
            )
        scales = np.frombuffer(one, np.float16, num_tokens, 2 * HEADER)
        numbers = np.frombuffer(one, np.int8, num_tokens * size, 2 * (HEADER + num_tokens)).reshape(-1, size)
        vectors.append(numbers * scales[:, None].astype(np.float32))
        owners.append(np.full(num_tokens, place))
        is_atom.append(np.arange(num_tokens) >= num_motifs)
    if not vectors:
        vectors, owners, is_atom = [np.empty((0, size), np.float32)], [np.empty(0, int)], [np.empty(0, bool)]
    return MoleculeTokens(
        torch.from_numpy(np.concatenate(vectors).astype(np.float32)),
        torch.from_numpy(np.concatenate(owners)),
        torch.from_numpy(np.concatenate(is_atom)),
    )
