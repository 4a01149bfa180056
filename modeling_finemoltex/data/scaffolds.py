"""Bemis-Murcko scaffolds: the rings of a molecule with what joins them."""

from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from .identifiers import attempt, try_parse

# RDKit compares all pairs of atoms: 1.3 s for two rings with 640 atoms between them, 30 ms for 200 atoms.
MANY_ATOMS = 200


def murcko_scaffold(smiles: str, with_stereo: bool = False) -> str | None:
    """Write the scaffold of one molecule.

    Args:
        smiles (`str`): The molecule.
        with_stereo (`bool`): Keep stereo.

    Returns:
        `str` or `None`: SMILES, empty without rings; `None` if the molecule cannot be parsed.

    Example:
    >>> murcko_scaffold("CCc1ccc(CC2CC2)cc1"), murcko_scaffold("CCO"), murcko_scaffold("C1CC")
    ('c1ccc(CC2CC2)cc1', '', None)
    """
    molecule = try_parse(smiles)
    return None if molecule is None else attempt(_write_scaffold, molecule, with_stereo)


def _write_scaffold(molecule: Chem.Mol, with_stereo: bool) -> str:
    """Write the scaffold of a parsed molecule."""
    if molecule.GetNumAtoms() > MANY_ATOMS:
        return Chem.MolToSmiles(prune_to_scaffold(molecule), isomericSmiles=with_stereo)
    return MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=with_stereo)


def chiral_scaffold(smiles: str) -> str | None:
    """Write the scaffold of one molecule with stereo; see `murcko_scaffold`.

    Args:
        smiles (`str`): The molecule.

    Returns:
        `str` or `None`: SMILES.
    """
    return murcko_scaffold(smiles, with_stereo=True)


def functional_skeleton(smiles: str) -> str | None:
    """Write what of a molecule is no saturated carbon: the scaffold, so to speak, of a molecule without rings.

    Homologues share it, as acids of any length do; so the near relatives of a chain stay together in a split.

    Args:
        smiles (`str`): The molecule.

    Returns:
        `str` or `None`: SMILES of the parts, stereo ignored; empty for an alkane, `None` if the molecule cannot be
        parsed.

    Example:
    >>> functional_skeleton("CCCCCC(=O)O"), functional_skeleton("CC(C)C(=O)O"), functional_skeleton("OCCN")
    ('O=CO', 'O=CO', 'N.O')
    """
    molecule = try_parse(smiles)
    return None if molecule is None else attempt(_write_skeleton, molecule)


def _write_skeleton(molecule: Chem.Mol) -> str:
    """Write the atoms that are no saturated carbons, with the bonds among them, in fragments."""
    kept = [
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() != 6 or any(bond.GetBondType() != Chem.BondType.SINGLE for bond in atom.GetBonds())
    ]
    if not kept:
        return ""
    return Chem.MolFragmentToSmiles(molecule, kept, isomericSmiles=False)


def scaffold_or_groups(smiles: str) -> str | None:
    """Write the scaffold with stereo, or without rings the functional skeleton, marked as such.

    Args:
        smiles (`str`): The molecule.

    Returns:
        `str` or `None`: A name for the group of the molecule; `None` if it cannot be parsed.

    Example:
    >>> scaffold_or_groups("CCc1ccccc1"), scaffold_or_groups("CCO")
    ('c1ccccc1', 'chain O')
    """
    scaffold = chiral_scaffold(smiles)
    return scaffold if scaffold or scaffold is None else f"chain {functional_skeleton(smiles)}"


def prune_to_scaffold(molecule: Chem.Mol) -> Chem.Mol:
    """Take the ends of chains away until only rings and what joins them are left, in linear time.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.

    Returns:
        `rdkit.Chem.Mol`: Its scaffold, with atoms that are doubly bonded to it.

    Example:
    >>> Chem.MolToSmiles(prune_to_scaffold(Chem.MolFromSmiles("CCn1cccc1CC1CC1=O")))
    'O=C1CC1Cc1ccc[nH]1'
    """
    neighbours = {atom.GetIdx(): {other.GetIdx() for other in atom.GetNeighbors()} for atom in molecule.GetAtoms()}
    leaves = [atom for atom, around in neighbours.items() if len(around) < 2]
    for atom in leaves:
        for other in neighbours.pop(atom):
            neighbours[other].discard(atom)
            if len(neighbours[other]) == 1:
                leaves.append(other)
    kept = set(neighbours)
    scaffold = Chem.RWMol(molecule)
    scaffold.BeginBatchEdit()
    for bond in molecule.GetBonds():
        inside, outside = sorted(
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), key=lambda atom: atom not in neighbours
        )
        if inside in neighbours and outside not in neighbours:
            if bond.GetBondType() == Chem.BondType.DOUBLE:
                kept.add(outside)
            else:
                atom = scaffold.GetAtomWithIdx(inside)
                atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)  # a hydrogen is no substituent of a centre
                if atom.GetNoImplicit() or (atom.GetIsAromatic() and atom.GetAtomicNum() != 6):
                    atom.SetNumExplicitHs(atom.GetNumExplicitHs() + 1)
    for atom in molecule.GetAtoms():
        if atom.GetIdx() not in kept:
            scaffold.RemoveAtom(atom.GetIdx())
    scaffold.CommitBatchEdit()
    result = scaffold.GetMol()
    result.ClearComputedProps()
    result.UpdatePropertyCache()
    Chem.GetSymmSSSR(result)
    return result
