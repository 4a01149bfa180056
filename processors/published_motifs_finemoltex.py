"""Motifs as the published FineMolTex cuts them: BRICS with two further rules, or else a junction tree.

They may share atoms, and then the later one owns the atom; so a motif can be left without atoms. All else in this
package uses partitions. Published weights were trained on these.
"""

from collections import deque
from functools import lru_cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import BRICS

from .smiles_finemoltex import RDKIT_ERRORS

Cliques = list[list[int]]  # atoms of each motif
Edges = list[tuple[int, int]]  # pairs of motifs

UNREADABLE = "*"  # label of a motif that RDKit does not accept on its own
_FEWEST_EDGES = 2  # with fewer, BRICS has found too little
_LARGE_RING, _MANY_RINGS, _MANY_BONDS, _SHARED = 4, 2, 2, 2
_LABEL_CACHE_SIZE = 32768


def split_as_published(molecule: Chem.Mol) -> tuple[list[int], list[str], list[int]]:
    """Split a molecule into motifs, atoms of several going to the last.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule with at least one atom.

    Returns:
        Motif of each atom, label of each motif, and position of each motif, its rank in a breadth-first walk.

    Example:
    >>> motif_of_atom, labels, positions = split_as_published(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
    >>> labels, positions
    (['C1=CC=CC=C1', 'C', 'N', 'O', 'C', 'O'], [4, 1, 2, 5, 0, 3])
    """
    cliques, edges = _split_by_brics(molecule)
    if len(edges) < _FEWEST_EDGES:
        tree, tree_edges = _split_by_tree(molecule)
        cliques, edges = (tree, tree_edges) if tree else (cliques, edges)
    motif_of_atom = [0] * molecule.GetNumAtoms()
    for motif, atoms in enumerate(cliques):
        for atom in atoms:
            motif_of_atom[atom] = motif
    return motif_of_atom, _label(molecule, cliques), _rank(cliques, edges)


def _split_by_brics(molecule: Chem.Mol) -> tuple[Cliques, Edges]:
    """Cut BRICS bonds, bonds that leave a ring, and all bonds of branched chain atoms."""
    everything = list(range(molecule.GetNumAtoms()))
    brics = [bond for bond, _ in BRICS.FindBRICSBonds(molecule)]
    if not brics:
        return [everything], []
    cliques = [[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()] for bond in molecule.GetBonds()]
    for begin, end in brics:
        cliques.remove([begin, end] if [begin, end] in cliques else [end, begin])
        cliques += [[begin], [end]]
    breaks = _cut_ring_bonds(molecule, cliques) + _cut_branches(molecule, cliques)
    cliques = _merge(cliques)
    owner = {atom: motif for motif, atoms in enumerate(cliques) for atom in atoms}  # the last one
    return cliques, [(owner[begin], owner[end]) for begin, end in [*brics, *breaks]]


def _cut_ring_bonds(molecule: Chem.Mol, cliques: Cliques) -> Cliques:
    """Cut bonds from a ring to a chain, in place; the bond after each that is cut is passed over, as published."""
    breaks, place = [], 0
    while place < len(cliques):
        bond = cliques[place]
        outside = [atom for atom in bond if not molecule.GetAtomWithIdx(atom).IsInRing()]
        if len(bond) == 2 and len(outside) == 1:
            cliques.remove(bond)
            cliques.append(outside)
            breaks.append(bond)
        place += 1
    return breaks


def _cut_branches(molecule: Chem.Mol, cliques: Cliques) -> Cliques:
    """Cut all bonds of chain atoms with three or more neighbours, in place."""
    breaks = []
    for atom in molecule.GetAtoms():
        centre, around = atom.GetIdx(), [one.GetIdx() for one in atom.GetNeighbors()]
        if len(around) <= _MANY_BONDS or atom.IsInRing():
            continue
        cliques.append([centre])
        for neighbour in around:
            bond = next((one for one in ([neighbour, centre], [centre, neighbour]) if one in cliques), None)
            if bond is not None:
                cliques.remove(bond)
                breaks.append(bond)
            cliques.append([neighbour])
    return breaks


def _merge(cliques: Cliques) -> Cliques:
    """Merge motifs that share an atom, each with those after it, once."""
    place = 0
    while place < len(cliques) - 1:
        atoms = set(cliques[place])
        rest = []
        for other in cliques[place + 1 :]:
            if atoms.isdisjoint(other):
                rest.append(other)
            else:
                atoms.update(other)
        cliques = [*cliques[:place], list(atoms), *rest]
        place += 1
    return cliques


def _split_by_tree(molecule: Chem.Mol) -> tuple[Cliques, Edges]:
    """Take bonds of chains and rings as motifs, with the spanning tree of what they share (Jin et al. 2018)."""
    bonds = [[one.GetBeginAtomIdx(), one.GetEndAtomIdx()] for one in molecule.GetBonds() if not one.IsInRing()]
    cliques = _join_rings([*bonds, *map(list, Chem.GetSymmSSSR(molecule))])
    motifs_of_atom: list[list[int]] = [[] for _ in range(molecule.GetNumAtoms())]
    for motif, atoms in enumerate(cliques):
        for atom in atoms:
            motifs_of_atom[atom].append(motif)
    shared: dict[tuple[int, int], int] = {}
    most = molecule.GetNumAtoms() + 1  # where many rings meet, all hang on the atom
    for atom, motifs in enumerate(motifs_of_atom):
        num_bonds = sum(len(cliques[one]) == _SHARED for one in motifs)
        num_rings = sum(len(cliques[one]) > _LARGE_RING for one in motifs)
        is_fork = num_bonds > _MANY_BONDS or (num_bonds == _MANY_BONDS and len(motifs) > _MANY_BONDS)
        if is_fork or num_rings > _MANY_RINGS:
            shared |= {(motif, len(cliques)): 1 if is_fork else most for motif in motifs}
            cliques.append([atom])
            continue
        for place, first in enumerate(motifs):
            for second in motifs[place + 1 :]:
                common = len(set(cliques[first]) & set(cliques[second]))
                shared[first, second] = max(shared.get((first, second), 0), common)
    return cliques, _span(len(cliques), shared)


def _join_rings(cliques: Cliques) -> Cliques:
    """Join rings that share more than two atoms."""
    for first in range(len(cliques)):
        for second in range(first + 1, len(cliques)):
            if len(cliques[first]) > _SHARED and len(set(cliques[first]) & set(cliques[second])) > _SHARED:
                cliques[first] = list({*cliques[first], *cliques[second]})
                cliques[second] = []
    return [one for one in cliques if one]


def _span(num_motifs: int, shared: dict[tuple[int, int], int]) -> Edges:
    """Find the spanning forest of the heaviest edges, and list its edges in the order of motifs."""
    root = list(range(num_motifs))

    def find(motif: int) -> int:
        """Follow a motif to the root of its tree."""
        while root[motif] != motif:
            motif = root[motif]
        return motif

    kept = []
    for first, second in sorted(sorted(shared), key=lambda edge: -shared[edge]):
        one, other = find(first), find(second)
        if one != other:
            root[one] = other
            kept.append((first, second))
    return sorted(kept)


def _rank(cliques: Cliques, edges: Edges) -> list[int]:
    """Rank motifs by a walk from the last one with atom 0; by their number, if the walk does not meet each once."""
    around: list[list[int]] = [[] for _ in cliques]
    for first, second in edges:
        around[first].append(second)
        around[second].append(first)
    start = max((motif for motif, atoms in enumerate(cliques) if 0 in atoms), default=0)
    order, left = [], deque([(start, -1)])
    while left and len(order) <= len(cliques):  # a cycle would never end
        motif, parent = left.popleft()
        order.append(motif)
        left.extend((one, motif) for one in around[motif] if one != parent)
    if len(order) != len(cliques):
        return list(range(len(cliques)))
    return np.argsort(order, kind="stable").tolist()


def _label(molecule: Chem.Mol, cliques: Cliques) -> list[str]:
    """Name motifs by the Kekulé SMILES of their atoms alone."""
    kekulized = Chem.Mol(molecule)
    Chem.Kekulize(kekulized)
    labels = []
    for atoms in cliques:
        try:
            labels.append(_name(Chem.MolFragmentToSmiles(kekulized, atoms, kekuleSmiles=True)))
        except RDKIT_ERRORS:
            labels.append(UNREADABLE)
    return labels


@lru_cache(maxsize=_LABEL_CACHE_SIZE)
def _name(fragment: str) -> str:
    """Write a fragment without stereo, isotopes and radicals, filled up with hydrogens.

    Raises:
        ValueError: If RDKit refuses it.
    """
    read = Chem.MolFromSmiles(fragment, sanitize=False)
    if read is None:
        raise ValueError(f"{fragment} cannot be read")
    bare = Chem.RWMol()
    for atom in read.GetAtoms():
        copy = Chem.Atom(atom.GetSymbol())
        copy.SetFormalCharge(atom.GetFormalCharge())
        bare.AddAtom(copy)
    for bond in read.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType())
    Chem.SanitizeMol(bare)
    Chem.Kekulize(bare)
    return Chem.MolToSmiles(bare, kekuleSmiles=True)


__all__ = ["UNREADABLE", "split_as_published"]
