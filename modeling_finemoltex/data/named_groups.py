"""The groups that can be put in or left out by name: what each is as a piece of a molecule."""

import functools
from typing import NamedTuple

from rdkit import Chem

from .structural_facts import count_fact
from .structure_words import fact_numbers

# Name of a fact of the vocabulary -> its pieces, with one attachment point or two. The first with one is put in, and
# all of them where the name is that of a class; any of them is left out.
PIECES: dict[str, tuple[str, ...]] = {
    "alcoholic or phenolic hydroxy group": ("O*",),
    "alcohol": ("O*",),
    "phenol": ("O*",),
    "primary alcohol": ("OC*",),
    "methyl ether": ("CO*",),
    "ethyl ether": ("CCO*",),
    "ether": ("CO*", "CCO*", "*O*", "*CO*"),
    "trifluoromethyl ether": ("FC(F)(F)O*",),
    "phenyl ether": ("*Oc1ccccc1",),
    "amino compound": ("N*",),
    "primary amine": ("NC*", "N*"),
    "amine": ("N*", "*N*"),
    "dimethylamine": ("CN(C)*",),
    "nitro compound": ("O=[N+]([O-])*",),
    "nitrile": ("N#C*",),
    "azide": ("[N-]=[N+]=N*",),
    "carboxylic acid": ("O=C(O)*",),
    "carboxylate": ("O=C([O-])*",),
    "aldehyde": ("O=C*",),
    "ketone": ("CC(=O)*", "*C(*)=O", "O=*"),
    "methyl ketone": ("CC(=O)*",),
    "ester": ("COC(=O)*", "CCOC(=O)*", "CC(=O)O*", "CC(C)(C)OC(=O)*", "*OC(*)=O"),
    "methyl ester": ("COC(=O)*",),
    "ethyl ester": ("CCOC(=O)*",),
    "tert-butyl ester": ("CC(C)(C)OC(=O)*",),
    "acetate": ("CC(=O)O*",),
    "primary amide": ("NC(=O)*",),
    "amide": ("NC(=O)*", "CNC(=O)*", "CC(=O)N*", "CN(C)C(=O)*", "*NC(*)=O", "*N(C)C(*)=O", "O=*"),
    "acetamide": ("CC(=O)N*",),
    "urea": ("NC(=O)N*", "*NC(=O)N*", "O=*"),
    "carbamate": ("COC(=O)N*", "CC(C)(C)OC(=O)N*", "*NC(=O)O*"),
    "thiol": ("S*",),
    "thioether": ("CS*", "*S*", "*CS*"),
    "methyl sulfide": ("CS*",),
    "sulfoxide": ("CS(=O)*", "*S(*)=O"),
    "sulfone": ("CS(=O)(=O)*", "*S(*)(=O)=O"),
    "methyl sulfone": ("CS(=O)(=O)*",),
    "sulfonamide": ("NS(=O)(=O)*", "CS(=O)(=O)N*", "CNS(=O)(=O)*", "*NS(*)(=O)=O", "*S(*)(=O)=O"),
    "primary sulfonamide": ("NS(=O)(=O)*",),
    "sulfonic acid": ("O=S(=O)(O)*",),
    "boronic acid": ("OB(O)*",),
    "fluorine atom": ("F*",),
    "chlorine atom": ("Cl*",),
    "bromine atom": ("Br*",),
    "iodine atom": ("I*",),
    "halogen atom": ("F*", "Cl*", "Br*", "I*"),
    "trifluoromethyl substituent": ("FC(F)(F)*",),
    "difluoromethyl substituent": ("FC(F)*",),
    "methyl substituent": ("C*",),
    "ethyl substituent": ("CC*",),
    "isopropyl substituent": ("CC(C)*",),
    "tert-butyl substituent": ("CC(C)(C)*",),
    "terminal alkene": ("C=C*",),
    "terminal alkyne": ("C#C*",),
    "benzyl substituent": ("*Cc1ccccc1",),
    "benzene": ("*c1ccccc1", "*c1ccccc1*", "*c1cccc(*)c1", "*c1ccc(*)cc1"),
    "pyridine": ("*c1cccnc1", "*c1ccncc1", "*c1ccccn1"),
    "thiophene": ("*c1cccs1", "*c1ccsc1"),
    "furan": ("*c1ccco1", "*c1ccoc1"),
    "cyclopropane": ("*C1CC1",),
    "cyclobutane": ("*C1CCC1",),
    "cyclopentane": ("*C1CCCC1",),
    "cyclohexane": ("*C1CCCCC1",),
    "morpholine": ("*N1CCOCC1",),
    "piperidine": ("*N1CCCCC1",),
    "piperazine": ("*N1CCNCC1",),
    "pyrrolidine": ("*N1CCCC1",),
}
# What is put in is one of these as it comes; for other names only the first piece is put in.
CLASSES = ("halogen atom", "pyridine", "thiophene", "furan", "ester", "amide", "sulfonamide")


class Group(NamedTuple):
    """A group of the vocabulary with its pieces, as canonical SMILES with the attachment points `*`."""

    name: str
    pieces: tuple[str, ...]

    @property
    def added(self) -> tuple[str, ...]:
        """The pieces that are put in."""
        single = tuple(piece for piece in self.pieces if piece.count("*") == 1 and "*=" not in piece)
        return single if self.name in CLASSES else single[:1]

    @property
    def is_substituent(self) -> bool:
        """Whether the group ends a chain, whatever the molecule: one attachment point, and no ring."""
        return all(piece.count("*") == 1 and "*=" not in piece and "1" not in piece for piece in self.pieces)

    def count(self, molecule: Chem.Mol) -> int:
        """Count the group in a molecule, as the vocabulary does."""
        return count_fact(molecule, fact_numbers()[self.name])

    def count_in(self, piece: str) -> int:
        """Count the group in a piece with one attachment point, on an aromatic ring."""
        return self.count(Chem.MolFromSmiles(piece.replace("*", "c9(cncnc9)"))) if piece else 0


@functools.cache
def known_groups() -> dict[str, Group]:
    """List the groups that can be put in or left out, by the name of their fact."""
    return {name: Group(name, tuple(Chem.CanonSmiles(piece) for piece in pieces)) for name, pieces in PIECES.items()}
