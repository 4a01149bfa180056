"""Facts about the atoms, bonds and rings of a molecule, read from its binary form.

That is one call of RDKit instead of ten for each atom, in a third of the time. RDKit reads files of every version that
it ever wrote, so the version at the head fixes what the bytes after it mean. Where that or an atom is not known here,
RDKit is asked atom by atom.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rdkit import Chem

_MOST_ATOMS = 255  # of larger molecules the numbers of atoms take four bytes each
_NO_PROPERTIES = 0
_MOST_KINDS = 10_000  # of atoms that are remembered, a few hundred bytes each
# Byte order, stream version, and the versions whose atoms and bonds look as here: those of RDKit 2024.03 to 2026.09.
_HEADS = frozenset(b"\xef\xbe\xad\xde\0\0\0\0\x10\0\0\0" + bytes((minor, 0, 0, 0)) for minor in (1, 2, 3, 4))
_HEAD_SIZE = 16
_FIRST_ATOM = 30  # after the head, the patch number, how many atoms and bonds there are, and two marks
_BEGIN_BONDS, _BEGIN_RINGS = 0x0B, 0x42  # marks before the bonds and the rings

# Bits of the second byte of an atom. The others announce a query, a map number, a label or a residue.
_AROMATIC, _NO_IMPLICIT = 1 << 6, 1 << 5
# Bits of the third byte of an atom: which values follow, one byte each, in this order.
_VALUES = ("charge", "tag", "hybridization", "explicit", "valence", "implicit", "radicals")
_SP3 = int(Chem.HybridizationType.SP3)  # left out
_NO_TAG = Chem.ChiralType.CHI_UNSPECIFIED
_ATOM_HEAD = 6
_ATOM_SIZES = bytes(_ATOM_HEAD + (values >> 1).bit_count() for values in range(256))

# Bits of the third byte of a bond: aromatic and conjugated are facts, the others announce values.
_CONJUGATED, _TYPE, _DIRECTION, _STEREO = 1 << 5, 1 << 3, 1 << 2, 1 << 1
_KNOWN_BOND_BITS = 1 << 6 | _CONJUGATED | _TYPE | _DIRECTION | _STEREO
# Type, direction and stereo take a byte each, and so does the number of atoms that the stereo refers to.
_BOND_SIZES = bytes(
    3 + bool(flags & _TYPE) + bool(flags & _DIRECTION) + 2 * bool(flags & _STEREO) for flags in range(256)
)
_SINGLE = int(Chem.BondType.SINGLE)  # left out


class AtomFacts(NamedTuple):
    """What RDKit says of an atom apart from its surroundings. Enumerations are their integers."""

    number: int
    charge: int
    hydrogens: int
    radicals: int
    hybridization: int
    aromatic: bool
    tagged: bool  # has a raw mark of chirality


class BondFacts(NamedTuple):
    """What RDKit says of a bond apart from its atoms. Enumerations are their integers."""

    type: int
    stereo: int
    conjugated: bool


class MoleculeFacts(NamedTuple):
    """The facts of a molecule: of `n` atoms and the bonds of each, of `b` bonds, and the atoms of each ring."""

    atoms: list[AtomFacts]
    begins: list[int]
    ends: list[int]
    bonds: list[BondFacts]
    bonds_of: list[list[int]]
    rings: Sequence[Sequence[int]]


class _UnknownError(Exception):
    """The bytes hold something that is not read here."""


class _Atoms(dict[bytes, AtomFacts]):
    """Facts by the bytes of an atom, read once: a few hundred kinds make up all molecules."""

    def __missing__(self, token: bytes) -> AtomFacts:
        if len(self) >= _MOST_KINDS:
            self.clear()
        number, flags, values = token[0], token[1], token[2]
        if flags & ~(_AROMATIC | _NO_IMPLICIT) or values & 1 or any(token[3:_ATOM_HEAD]):
            raise _UnknownError
        follow = iter(token[_ATOM_HEAD:])
        found = {name: next(follow) for bit, name in enumerate(_VALUES, start=1) if values >> bit & 1}
        charge = found.get("charge", 0)
        facts = self[token] = AtomFacts(
            number=number,
            charge=charge - 256 if charge > 127 else charge,
            hydrogens=found.get("explicit", 0) + found.get("implicit", 0),
            radicals=found.get("radicals", 0),
            hybridization=found.get("hybridization", _SP3),
            aromatic=bool(flags & _AROMATIC),
            tagged="tag" in found,
        )
        return facts


class _Bonds(dict[bytes, BondFacts]):
    """Facts by the bytes of a bond after its atoms, read once."""

    def __missing__(self, token: bytes) -> BondFacts:
        flags = token[0]
        if flags & ~_KNOWN_BOND_BITS:
            raise _UnknownError
        facts = self[token] = BondFacts(
            type=token[1] if flags & _TYPE else _SINGLE,
            stereo=token[-2] if flags & _STEREO else 0,
            conjugated=bool(flags & _CONJUGATED),
        )
        return facts


_ATOMS, _BONDS = _Atoms(), _Bonds()


def read_facts(molecule: Chem.Mol) -> MoleculeFacts:
    """Read what RDKit says of a molecule.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.

    Returns:
        `MoleculeFacts`: Its atoms, bonds and rings, in RDKit's order.

    Example:
    >>> read_facts(Chem.MolFromSmiles("C=O")).atoms[1]
    AtomFacts(number=8, charge=0, hydrogens=0, radicals=0, hybridization=3, aromatic=False, tagged=False)
    """
    return _read_bytes(molecule) or ask_facts(molecule)


def ask_facts(molecule: Chem.Mol) -> MoleculeFacts:
    """Ask for the facts of `read_facts` one by one, which any molecule and any version of RDKit answers.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.

    Returns:
        `MoleculeFacts`: Its atoms, bonds and rings, in RDKit's order.
    """
    # Looking atoms up by index and mapping unbound methods takes half the time of iterating and calling methods.
    atoms = list(map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms())))
    bonds = list(map(molecule.GetBondWithIdx, range(molecule.GetNumBonds())))
    begins = list(map(Chem.Bond.GetBeginAtomIdx, bonds))
    ends = list(map(Chem.Bond.GetEndAtomIdx, bonds))
    bonds_of: list[list[int]] = [[] for _ in atoms]
    for bond, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        bonds_of[begin].append(bond)
        bonds_of[end].append(bond)
    atom_columns = (
        map(Chem.Atom.GetAtomicNum, atoms),
        map(Chem.Atom.GetFormalCharge, atoms),
        map(Chem.Atom.GetTotalNumHs, atoms),
        map(Chem.Atom.GetNumRadicalElectrons, atoms),
        map(int, map(Chem.Atom.GetHybridization, atoms)),
        map(Chem.Atom.GetIsAromatic, atoms),
        map(_NO_TAG.__ne__, map(Chem.Atom.GetChiralTag, atoms)),
    )
    bond_columns = (
        map(int, map(Chem.Bond.GetBondType, bonds)),
        map(int, map(Chem.Bond.GetStereo, bonds)),
        map(Chem.Bond.GetIsConjugated, bonds),
    )
    return MoleculeFacts(
        atoms=list(map(AtomFacts._make, zip(*atom_columns, strict=True))),
        begins=begins,
        ends=ends,
        bonds=list(map(BondFacts._make, zip(*bond_columns, strict=True))),
        bonds_of=bonds_of,
        rings=molecule.GetRingInfo().AtomRings(),
    )


def _read_bytes(molecule: Chem.Mol) -> MoleculeFacts | None:
    """Read the facts from the binary form; `None` if it holds something that is not known here."""
    num_atoms = molecule.GetNumAtoms()
    if num_atoms > _MOST_ATOMS:
        return None
    data = molecule.ToBinary(_NO_PROPERTIES)
    if data[:_HEAD_SIZE] not in _HEADS:
        return None
    try:
        atoms, at = _read_atoms(data, num_atoms)
        bonds_of: list[list[int]] = [[] for _ in atoms]
        begins, ends, bonds, at = _read_bonds(data, at, molecule.GetNumBonds(), bonds_of)
        return MoleculeFacts(atoms, begins, ends, bonds, bonds_of, _read_rings(data, at))
    except (_UnknownError, IndexError, ValueError, StopIteration):  # the last three: fewer bytes than announced
        return None


def _read_atoms(data: bytes, count: int) -> tuple[list[AtomFacts], int]:
    """Facts of each atom, and where the bonds begin."""
    at, known, sizes, atoms = _FIRST_ATOM, _ATOMS, _ATOM_SIZES, []
    for _ in range(count):
        end = at + sizes[data[at + 2]]
        atoms.append(known[data[at:end]])
        at = end
    if data[at] != _BEGIN_BONDS:
        raise _UnknownError
    return atoms, at + 1


def _read_bonds(
    data: bytes, at: int, count: int, bonds_of: list[list[int]]
) -> tuple[list[int], list[int], list[BondFacts], int]:
    """Both atoms and the facts of each bond, and where the rings begin; adds each bond to those of its atoms."""
    known, sizes, begins, ends, bonds = _BONDS, _BOND_SIZES, [], [], []
    for bond in range(count):
        begin, end, flags = data[at : at + 3]
        begins.append(begin)
        ends.append(end)
        bonds_of[begin].append(bond)
        bonds_of[end].append(bond)
        first = at + 2
        at += sizes[flags]
        bonds.append(known[data[first:at]])
        if flags & _STEREO:
            at += data[at - 1]
    return begins, ends, bonds, at


def _read_rings(data: bytes, at: int) -> list[bytes]:
    """Atoms of each ring, in order."""
    if data[at] != _BEGIN_RINGS:
        raise _UnknownError
    count, at, rings = int.from_bytes(data[at + 1 : at + 5], "little"), at + 5, []
    for _ in range(count):
        end = at + 1 + data[at]
        rings.append(data[at + 1 : end])
        at = end
    return rings
