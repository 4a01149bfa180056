"""Tokens of molecules, packed as bytes and unpacked as tensors."""

from collections.abc import Sequence
from typing import Any

import torch

from ..model.tokens_finemoltex import MoleculeTokens
from .token_bytes import TokenArrays, pack_arrays, unpack_arrays


def pack_tokens(tokens: MoleculeTokens, num_molecules: int) -> list[bytes]:
    """Pack the tokens of each molecule, as [`pack_arrays`] says.

    Args:
        tokens ([`MoleculeTokens`]): `U` tokens of width `D`; motifs come before atoms.
        num_molecules (`int`): `B`.

    Returns:
        `list[bytes]`: `B` packed molecules.
    """
    vectors, concepts = tokens.vectors.float().cpu().numpy(), tokens.concepts
    owner, is_atom = tokens.molecule_of_token.cpu().numpy(), tokens.is_atom.cpu().numpy()
    counts = None if concepts is None else concepts.float().cpu().numpy()  # (B, K)
    return pack_arrays(TokenArrays(vectors, owner, is_atom, counts), num_molecules)


def unpack_tokens(packed: Sequence[Any], size: int, num_concepts: int = 0) -> MoleculeTokens:
    """Put packed molecules into one batch.

    Args:
        packed (sequence of bytes-like): Of `pack_tokens`, one a molecule.
        size (`int`): `D`.
        num_concepts (`int`): `K`; 0 if the model has none.

    Returns:
        [`MoleculeTokens`] on the CPU, float32; molecules are numbered in the order given.

    Raises:
        ValueError: If a length is not that of its header, or a concept is unknown; names the place.
    """
    arrays = unpack_arrays(packed, size, num_concepts)
    return MoleculeTokens(*(None if array is None else torch.from_numpy(array) for array in arrays))
