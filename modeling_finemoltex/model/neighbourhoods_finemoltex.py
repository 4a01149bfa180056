"""Circular fingerprints from the tensors of a batch: how often each neighbourhood of atoms occurs in a molecule.

Axes as in `molecules_finemoltex.py`.
"""

import torch
from torch import Tensor

from .masking_finemoltex import GOLDEN_GAMMA, mix_bits
from .molecules_finemoltex import Molecules

RADIUS = 2  # bonds, as in ECFP4
NUM_BUCKETS = 2048
# What tells atoms and bonds apart, as in Morgan fingerprints: columns of `atom_features` and of `edge_features`.
ATOM_COLUMNS = (0, 2, 3, 4, 8)  # atomic number, degree, charge, hydrogens, in a ring
BOND_COLUMN = 0  # type


def count_neighbourhoods(molecules: Molecules, radius: int = RADIUS, num_buckets: int = NUM_BUCKETS) -> Tensor:
    r"""Count the neighbourhoods of the atoms of each molecule, hashed into buckets (Rogers and Hahn 2010).

    An atom starts with a number made of its features. In each of `radius` rounds it takes in those of its neighbours,
    \(n_v \leftarrow h(n_v + \sum_{u \sim v} h(n_u + h(b_{uv})))\) with bond types \(b\), a mixer \(h\) and integers
    modulo \(2^{64}\). A sum does not know an order, and integers do not round: the counts depend neither on the order
    of the atoms nor on the device. Unlike RDKit's fingerprint, neighbourhoods of the same atoms count each.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        radius (`int`): Rounds; the atoms alone are counted too.
        num_buckets (`int`): `V`.

    Returns:
        `torch.FloatTensor` of shape `(B, V)`: Adds up to `radius + 1` times the number of atoms in each row.

    Example:
    >>> molecules = Molecules.from_tensors(**processor(smiles=["CCO", "OCC", "CCN"], return_tensors="pt"))
    >>> counts = count_neighbourhoods(molecules)
    >>> bool((counts[0] == counts[1]).all()), bool((counts[0] == counts[2]).all())
    (True, False)
    """
    sources, targets = molecules.edge_index  # (E,), (E,)
    bonds = mix_bits(molecules.edge_features[:, BOND_COLUMN].long() + GOLDEN_GAMMA)  # (E,)
    numbers = torch.zeros_like(molecules.molecule_of_atom)  # (N,)
    for column in ATOM_COLUMNS:
        numbers = mix_bits(numbers + molecules.atom_features[:, column].long() + GOLDEN_GAMMA)  # (N,)
    counts = torch.zeros(molecules.num_molecules * num_buckets, device=numbers.device)  # (B * V,)
    ones, first = torch.ones_like(numbers, dtype=counts.dtype), molecules.molecule_of_atom * num_buckets
    for step in range(radius + 1):
        if step:
            taken = torch.zeros_like(numbers).index_add(0, targets, mix_bits(numbers[sources] + bonds))  # (N,)
            numbers = mix_bits(numbers + taken)
        counts = counts.index_add(0, first + numbers % num_buckets, ones)
    return counts.view(molecules.num_molecules, num_buckets)


__all__ = ["count_neighbourhoods"]
