"""Joining the parts of a molecule where their marks are equal. A mark is the isotope of a dummy atom."""

from rdkit import Chem

from ..data.identifiers import canonical_smiles

_ZIP = Chem.MolzipParams()
_ZIP.label = Chem.MolzipLabel.Isotope
_STEREO = frozenset("@/\\")  # in a SMILES


def mark_hydrogens(molecule: Chem.Mol, places: list[int]) -> Chem.Mol:
    """Replace a hydrogen at each of some atoms by a dummy atom, with the marks 1, 2, ... in this order."""
    marked = Chem.RWMol(molecule)
    for mark, place in enumerate(places, start=1):
        atom = marked.GetAtomWithIdx(place)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)  # another neighbour: another centre, or none
        if atom.GetNumExplicitHs():
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() - 1)
        dummy = Chem.Atom(0)
        dummy.SetIsotope(mark)
        marked.AddBond(place, marked.AddAtom(dummy), Chem.BondType.SINGLE)
    return marked.GetMol()


def mark_piece(piece: str) -> Chem.Mol:
    """Parse a piece with one attachment point `*`, which gets the mark 1; nothing stands for a hydrogen."""
    if not piece:
        return Chem.MolFromSmiles("[1*][H]", sanitize=False)
    return Chem.MolFromSmiles(piece.replace("*", "[1*]"))


def join_parts(*parts: Chem.Mol | None) -> str | None:
    """Join parts where their marks are equal; `None` if one is missing or the result is no molecule."""
    if any(part is None for part in parts):
        return None
    whole = parts[0]
    for part in parts[1:]:
        whole = Chem.CombineMols(whole, part)
    try:
        joined = Chem.RemoveHs(Chem.molzip(whole, _ZIP))
    except (ValueError, RuntimeError):  # a valence exceeded, a ring that is not aromatic any more
        return None
    smiles = Chem.MolToSmiles(joined)
    if "*" in smiles:
        return None
    # What was a stereocentre may be none any more: written anew. The rest is canonical, and to parse takes longest.
    return smiles if _STEREO.isdisjoint(smiles) else canonical_smiles(smiles)
