"""The vocabulary of structural facts: groups, kinds of compounds and ring systems, with patterns that prove them."""

import functools
from collections import Counter
from typing import NamedTuple

from rdkit import Chem


class StructuralTerm(NamedTuple):
    """A pattern with the words for it; every match of the pattern is one occurrence."""

    group: str | None  # countable noun for one occurrence ("a nitro group"); None where only the kind is said
    kind: str | None  # what a molecule with it may be called ("a nitrile"); None where only the group is said
    smarts: str


# Building blocks. A carbonyl carbon of an acid, ester or amide has a carbon neighbour or a hydrogen (else it belongs
# to a urea, carbonate, ...); an amine nitrogen touches carbon and hydrogen alone, and no carbon with a double bond.
_ACYL = "CX3;$(C[#6]),H1"
_NOT_ACYL = "[#6;!$(C=[O,N,S])]"
_AMINE = "NX3;+0;!$(N~[!#6;!#1]);!$(N-[#6]=,#*)"
_CARBINOL = "CX4;!$(C(~[!#6;!#1])~[!#6;!#1]);$(C[OX2H1])"

TERMS = [
    StructuralTerm("carboxy group", "carboxylic acid", f"[{_ACYL};$(C(=O)[OX2H1])]"),
    StructuralTerm("carboxylate group", None, f"[{_ACYL};$(C(=O)[OX1-])]"),
    StructuralTerm("ester group", "carboxylic ester", f"[{_ACYL};$(C(=O)-;!@[OX2H0]{_NOT_ACYL})]"),
    StructuralTerm(None, "methyl ester", f"[{_ACYL};$(C(=O)-;!@[OX2H0][CH3])]"),
    StructuralTerm(None, "acetate ester", f"[CX3;$(C([CH3])(=O)-;!@[OX2H0]{_NOT_ACYL})]"),
    StructuralTerm("lactone group", "lactone", f"[CX3;$(C[#6]);$(C(=O)-;@[OX2H0]-;@{_NOT_ACYL})]"),
    StructuralTerm(
        "carboxamide group", "carboxamide", f"[{_ACYL};$(C(=O)-;!@[NX3;!$(N[!#6;!#1]);!$(N(C=O)C=O)])]"
    ),
    StructuralTerm("lactam group", "lactam", "[CX3;$(C[#6]);$(C(=O)-;@[NX3;!$(N(C=O)C=O)])]"),
    StructuralTerm("peptide bond", "peptide", "[CX3;$(C(=O)([CX4][NX3,NX4+])-;!@[NX3][CX4]C=O)]"),
    StructuralTerm("imide group", "imide", "[NX3;$(N(C(=O)[#6])C(=O)[#6])]"),
    StructuralTerm("urea group", "urea derivative", "[CX3;$(C(=O)([NX3])[NX3])]"),
    StructuralTerm("carbamate group", "carbamate ester", "[CX3;$(C(=O)([NX3])[OX2H0][#6])]"),
    StructuralTerm("carbonate group", "carbonate ester", "[CX3;$(C(=O)([OX2H0][#6])[OX2H0][#6])]"),
    StructuralTerm("anhydride group", "carboxylic anhydride", "[OX2;$(O(C(=O)[#6])C(=O)[#6])]"),
    StructuralTerm("acyl halide group", "acyl halide", "[CX3;$(C[#6]);$(C(=O)[F,Cl,Br,I])]"),
    StructuralTerm("thioester group", "thioester", "[CX3;$(C[#6]);$(C(=O)[SX2H0][#6])]"),
    StructuralTerm("aldehyde group", "aldehyde", "[CX3H1;$(C[#6]);$(C=[OX1])]"),
    StructuralTerm("keto group", "ketone", "[CX3;$(C([#6])([#6])=[OX1])]"),
    StructuralTerm(None, "cyclic ketone", "[CX3;$(C(=[OX1])(-;@[#6])-;@[#6])]"),
    StructuralTerm(None, "aromatic ketone", "[CX3;$(C([#6])(c)=[OX1])]"),
    StructuralTerm(None, "methyl ketone", "[CX3;$(C([CH3])([#6])=[OX1])]"),
    StructuralTerm(None, "enone", "[CX3;$(C([#6])(=[OX1])[CX3]=[CX3])]"),
    StructuralTerm("alcoholic hydroxy group", None, "[OX2H1;$(O[CX4])]"),
    StructuralTerm(None, "primary alcohol", f"[{_CARBINOL};H2,H3]"),
    StructuralTerm(None, "secondary alcohol", f"[{_CARBINOL};H1]"),
    StructuralTerm(None, "tertiary alcohol", f"[{_CARBINOL};H0]"),
    StructuralTerm("phenolic hydroxy group", "phenol", "[OX2H1;$(O-c1ccccc1)]"),
    StructuralTerm(None, "catechol", "[OX2H1]-c1c(-[OX2H1])cccc1"),
    StructuralTerm(None, "enol", "[OX2H1;$(O[CX3]=[CX3]);!$(OC=[O,N,S])]"),
    StructuralTerm("methoxy group", None, f"[CH3;$(C[OX2]{_NOT_ACYL})]"),
    StructuralTerm(None, "aromatic ether", f"[OX2H0;$(O(c){_NOT_ACYL})]"),
    StructuralTerm(
        "ether linkage",
        "ether",
        "[OX2H0;!R;$(O([#6;!$(C=[O,N,S]);!$(C([OX2])[OX2])])[#6;!$(C=[O,N,S]);!$(C([OX2])[OX2])])]",
    ),
    StructuralTerm(None, "acetal", f"[CX4;$(C([OX2H0]{_NOT_ACYL})[OX2H0]{_NOT_ACYL});!$(C(O)(O)O)]"),
    StructuralTerm("epoxide ring", "epoxide", "[OX2;$(O1[#6][#6]1)]"),
    StructuralTerm("peroxide bond", "peroxide", "[OX2;$(O[#6]),H1][OX2;$(O[#6]),H1]"),
    StructuralTerm("pyranose ring", "sugar derivative",
                   "[OX2;$(O1[CX4;$(C-;!@[#7,#8,#16])][CX4][CX4;$(C-;!@[#7,#8])][CX4;$(C-;!@[#7,#8])][CX4]1)]"),
    StructuralTerm("primary amino group", "primary amino compound", f"[{_AMINE};H2]"),
    StructuralTerm("secondary amino group", "secondary amino compound", f"[{_AMINE};H1]"),
    StructuralTerm("tertiary amino group", "tertiary amino compound", f"[{_AMINE};H0]"),
    StructuralTerm(None, "aromatic amine", f"[{_AMINE};$(Nc)]"),
    StructuralTerm("ammonium group", None, "[NX4+;H1,H2,H3]"),
    StructuralTerm("quaternary ammonium group", "quaternary ammonium compound", "[NX4+;$(N([#6])([#6])([#6])[#6])]"),
    StructuralTerm(None, "alpha-amino acid", "[CX4;$(C([NX3,NX4+;!$(NC=O)])C(=O)[OX2H1,OX1-])]"),
    StructuralTerm("N-oxide group", "N-oxide", "[#7+;$([NX4][OX1-]),$([nX3][OX1-])]"),
    StructuralTerm("nitro group", "nitro compound", "[NX3+;$(N(=O)[O-]);$(N[#6])]"),
    StructuralTerm("nitrate ester group", "nitrate ester", "[NX3+;$(N(=O)([O-])O[#6])]"),
    StructuralTerm("nitrosamine group", "nitrosamine", "[NX3;$(N[NX2]=[OX1])]"),
    StructuralTerm("cyano group", "nitrile", "[CX2;$(C#[NX1]);$(C[#6])]"),
    StructuralTerm("azido group", "azide", "[NX2;$(N=[N+]=[N-]);$(N[#6])]"),
    StructuralTerm("azo group", "azo compound", "[NX2;$(N[#6])]=;!@[NX2;$(N[#6])]"),
    StructuralTerm("hydrazone group", "hydrazone", "[NX2;!R;$(N=[CX3]);$(N-[NX3])]"),
    StructuralTerm("oxime group", "oxime", "[NX2;$(N=[CX3]);$(N[OX2H1])]"),
    StructuralTerm("hydroxamic acid group", "hydroxamic acid", "[CX3;$(C(=O)[NX3][OX2H1])]"),
    StructuralTerm("guanidine group", "guanidine derivative", "[CX3;$(C(=[NX2,NX3+])([NX3])[NX3])]"),
    StructuralTerm("amidine group", "amidine", "[CX3;$(C(=[NX2,NX3+])([NX3])[#6])]"),
    StructuralTerm("isothiocyanate group", "isothiocyanate", "[CX2;$(C(=S)=N[#6])]"),
    StructuralTerm("thiocarbonyl group", None, "[CX3;$(C=[SX1])]"),
    StructuralTerm("thiol group", "thiol", "[SX2H1;$(S[#6])]"),
    StructuralTerm("thioether linkage", "organic sulfide", f"[SX2H0;$(S({_NOT_ACYL}){_NOT_ACYL})]"),
    StructuralTerm("disulfide bond", "organic disulfide", "[SX2;$(S[#6])][SX2;$(S[#6])]"),
    StructuralTerm("sulfinyl group", "sulfoxide", "[SX3;$(S(=O)([#6])[#6])]"),
    StructuralTerm("sulfonyl group", "sulfone", "[SX4;$(S(=O)(=O)([#6])[#6])]"),
    StructuralTerm("sulfonamide group", "sulfonamide", "[SX4;$(S(=O)(=O)([#6])[#7])]"),
    StructuralTerm("sulfo group", "sulfonic acid", "[SX4;$(S(=O)(=O)([#6])[OX2H1])]"),
    StructuralTerm("sulfonate group", None, "[SX4;$(S(=O)(=O)([#6])[OX1-])]"),
    StructuralTerm("sulfate ester group", "sulfuric ester", "[SX4;$(S(=O)(=O)(O)[OX2][#6])]"),
    StructuralTerm("phosphate ester group", "organic phosphate", "[PX4;$(P(=O)(O)(O)O[#6])]"),
    StructuralTerm("phosphonate group", "phosphonic acid derivative", "[PX4;$(P(=O)([#6])(O)O)]"),
    StructuralTerm("boronic acid group", "boronic acid", "[BX3;$(B([OX2H1])([OX2H1])[#6])]"),
    StructuralTerm("fluorine substituent", "organofluorine compound", "[F;$(F[#6])]"),
    StructuralTerm("chlorine substituent", "organochlorine compound", "[Cl;$(Cl[#6])]"),
    StructuralTerm("bromine substituent", "organobromine compound", "[Br;$(Br[#6])]"),
    StructuralTerm("iodine substituent", "organoiodine compound", "[I;$(I[#6])]"),
    StructuralTerm("trifluoromethyl group", None, "[CX4;$(C(F)(F)(F)[!F])]"),
    StructuralTerm("tert-butyl group", None, "[CX4H0;$(C([CH3])([CH3])[CH3]);!$(C([CH3])([CH3])([CH3])[CH3])]"),
    StructuralTerm("carbon-carbon double bond", None, "[CX3]=[CX3]"),
    StructuralTerm("carbon-carbon triple bond", "alkyne", "[CX2]#[CX2]"),
    # Skeletons: kinds alone.
    StructuralTerm(None, "flavone", "O=c1cc(-c2ccccc2)oc2ccccc12"),
    StructuralTerm(None, "isoflavone", "O=c1c(-c2ccccc2)coc2ccccc12"),
    StructuralTerm(None, "flavanone", "O=C1CC(-c2ccccc2)Oc2ccccc12"),
    StructuralTerm(None, "chalcone", "O=C(-C=Cc1ccccc1)c1ccccc1"),
    StructuralTerm(None, "cinnamic acid derivative", "c1ccccc1[CX3]=[CX3]C(=O)[OX2,OX1-]"),
    StructuralTerm(None, "benzoic acid derivative", "c1ccccc1-!@[CX3](=O)[OX2,OX1-]"),
    StructuralTerm(None, "biphenyl derivative", "c1ccccc1-!@c1ccccc1"),
    StructuralTerm(None, "aniline derivative", f"[{_AMINE};$(N-!@c1ccccc1)]"),
    StructuralTerm(None, "phenethylamine derivative", f"c1ccccc1-!@[CX4]-!@[CX4]-!@[{_AMINE}]"),
    StructuralTerm(None, "beta-lactam", "O=C1[NX3][CX4][CX4]1"),
    StructuralTerm(None, "penam", "O=C1CC2SCCN12"),
    StructuralTerm(None, "cephem", "O=C1CC2SCC=CN12"),
    StructuralTerm(None, "nucleoside derivative", "n-!@[CX4]1[OX2][CX4][CX4][CX4]1"),
    StructuralTerm(None, "triglyceride", "[CH2](OC(=O)C)[CH](OC(=O)C)[CH2]OC(=O)C"),
    StructuralTerm(None, "glycerophospholipid", "P(=O)(O)O[CH2][CH](OC(=O)CC)[CH2]OC(=O)CC"),
]  # fmt: skip

# Name of a ring system -> a molecule that is this ring system and nothing else.
RING_SYSTEMS = {
    "benzene": "c1ccccc1", "naphthalene": "c1ccc2ccccc2c1", "anthracene": "c1ccc2cc3ccccc3cc2c1",
    "phenanthrene": "c1ccc2c(c1)ccc1ccccc12", "pyrene": "c1cc2ccc3cccc4ccc(c1)c2c34", "indene": "C1=Cc2ccccc2C1",
    "indane": "C1Cc2ccccc2C1", "fluorene": "C1c2ccccc2-c2ccccc12", "tetralin": "C1CCc2ccccc2C1",
    "pyridine": "c1ccncc1", "pyrimidine": "c1cncnc1", "pyrazine": "c1cnccn1", "pyridazine": "c1ccnnc1",
    "1,3,5-triazine": "c1ncncn1", "1,2,4-triazine": "c1cnncn1", "pyrrole": "c1cc[nH]c1", "furan": "c1ccoc1",
    "thiophene": "c1ccsc1", "imidazole": "c1c[nH]cn1", "pyrazole": "c1cn[nH]c1", "oxazole": "c1cocn1",
    "isoxazole": "c1cnoc1", "thiazole": "c1cscn1", "isothiazole": "c1cnsc1", "1,2,3-triazole": "c1c[nH]nn1",
    "1,2,4-triazole": "c1nc[nH]n1", "tetrazole": "c1nnn[nH]1", "1,3,4-oxadiazole": "c1nnco1",
    "1,2,4-oxadiazole": "c1ncon1", "1,3,4-thiadiazole": "c1nncs1", "1,2,4-thiadiazole": "c1ncsn1",
    "indole": "c1ccc2[nH]ccc2c1", "indoline": "C1Cc2ccccc2N1", "oxindole": "O=C1Cc2ccccc2N1",
    "isatin": "O=C1C(=O)Nc2ccccc12", "indazole": "c1ccc2[nH]ncc2c1", "benzimidazole": "c1ccc2[nH]cnc2c1",
    "benzotriazole": "c1ccc2[nH]nnc2c1", "benzofuran": "c1ccc2occc2c1", "benzothiophene": "c1ccc2sccc2c1",
    "benzothiazole": "c1ccc2scnc2c1", "benzoxazole": "c1ccc2ocnc2c1", "quinoline": "c1ccc2ncccc2c1",
    "isoquinoline": "c1ccc2cnccc2c1", "quinazoline": "c1ccc2ncncc2c1", "quinoxaline": "c1ccc2nccnc2c1",
    "phthalazine": "c1ccc2cnncc2c1", "purine": "c1ncc2nc[nH]c2n1", "xanthine": "O=c1[nH]c(=O)c2[nH]cnc2[nH]1",
    "pteridine": "c1cnc2ncncc2n1", "carbazole": "c1ccc2c(c1)[nH]c1ccccc12", "acridine": "c1ccc2nc3ccccc3cc2c1",
    "phenothiazine": "c1ccc2c(c1)Nc1ccccc1S2", "dibenzofuran": "c1ccc2c(c1)oc1ccccc12",
    "beta-carboline": "c1ccc2c(c1)[nH]c1cnccc12", "1,3-benzodioxole": "c1ccc2OCOc2c1", "coumarin": "O=c1ccc2ccccc2o1",
    "chromone": "O=c1ccoc2ccccc12", "chromane": "C1CCc2ccccc2O1", "chroman-4-one": "O=C1CCOc2ccccc12",
    "xanthone": "O=c1c2ccccc2oc2ccccc12", "anthraquinone": "O=C1c2ccccc2C(=O)c2ccccc12",
    "1,4-naphthoquinone": "O=C1C=CC(=O)c2ccccc12", "1,4-benzoquinone": "O=C1C=CC(=O)C=C1",
    "tetrahydroisoquinoline": "C1Cc2ccccc2CN1", "tetrahydroquinoline": "C1CNc2ccccc2C1",
    "phthalimide": "O=C1NC(=O)c2ccccc12", "imidazo[1,2-a]pyridine": "c1ccn2ccnc2c1",
    "pyrrolo[2,3-d]pyrimidine": "c1ncc2cc[nH]c2n1", "pyrazolo[3,4-d]pyrimidine": "c1ncc2cn[nH]c2n1",
    "pyridin-2-one": "O=c1cccc[nH]1", "pyridin-4-one": "O=c1cc[nH]cc1", "pyran-4-one": "O=c1ccocc1",
    "pyran-2-one": "O=c1cccco1", "pyrimidin-2-one": "O=c1nccc[nH]1", "uracil": "O=c1cc[nH]c(=O)[nH]1",
    "barbiturate": "O=C1CC(=O)NC(=O)N1", "hydantoin": "O=C1CNC(=O)N1", "piperidine": "C1CCNCC1",
    "piperazine": "C1CNCCN1", "morpholine": "C1COCCN1", "pyrrolidine": "C1CCNC1", "azetidine": "C1CNC1",
    "aziridine": "C1CN1", "azepane": "C1CCCNCC1", "pyrrolidin-2-one": "O=C1CCCN1", "piperidin-2-one": "O=C1CCCCN1",
    "succinimide": "O=C1CCC(=O)N1", "maleimide": "O=C1C=CC(=O)N1", "oxazolidin-2-one": "O=C1NCCO1",
    "thiazolidine": "C1CSCN1", "thiazolidine-2,4-dione": "O=C1CSC(=O)N1", "tetrahydrofuran": "C1CCOC1",
    "tetrahydropyran": "C1CCOCC1", "1,3-dioxolane": "C1COCO1", "1,4-dioxane": "C1COCCO1", "oxirane": "C1CO1",
    "oxetane": "C1COC1", "gamma-butyrolactone": "O=C1CCCO1", "delta-valerolactone": "O=C1CCCCO1",
    "furan-2(5H)-one": "O=C1C=CCO1", "cyclopropane": "C1CC1", "cyclobutane": "C1CCC1", "cyclopentane": "C1CCCC1",
    "cyclohexane": "C1CCCCC1", "cycloheptane": "C1CCCCCC1", "cyclopentene": "C1=CCCC1", "cyclohexene": "C1=CCCCC1",
    "cyclopentanone": "O=C1CCCC1", "cyclohexanone": "O=C1CCCCC1", "cyclohex-2-en-1-one": "O=C1C=CCCC1",
    "decalin": "C1CCC2CCCCC2C1", "norbornane": "C1CC2CCC1C2", "adamantane": "C1C2CC3CC1CC(C2)C3",
    "quinuclidine": "C1CN2CCC1CC2", "tropane": "C1CC2CCCC1N2", "7-oxabicyclo[4.1.0]heptane": "C1CCC2OC2C1",
}  # fmt: skip

# The same by elements and connections alone, whatever the bond orders: A, B, C and D rings of steroids.
RING_SKELETONS = {"steroid": "C1CCC2C(C1)CCC1C2CCC2CCCC12"}


@functools.cache
def _term_patterns() -> list[tuple[StructuralTerm, Chem.Mol]]:
    """Compile the patterns on first use, once a process."""
    return [(term, Chem.MolFromSmarts(term.smarts)) for term in TERMS]


@functools.cache
def _ring_names() -> tuple[dict[str, str], dict[str, str]]:
    """Index the ring systems by what `_ring_key` makes of them: exact ones, and skeletons."""
    exact: dict[str, str] = {}
    skeletons: dict[str, str] = {}
    for names, index, is_exact in ((RING_SYSTEMS, exact, True), (RING_SKELETONS, skeletons, False)):
        for name, smiles in names.items():
            molecule = Chem.MolFromSmiles(smiles)
            (atoms,) = find_ring_systems(molecule)
            index[_ring_key(molecule, atoms, is_exact)] = name
    return exact, skeletons


def count_terms(molecule: Chem.Mol) -> dict[StructuralTerm, int]:
    """Count the occurrences of every structural term; those that do not occur are left out."""
    counts = {term: len(molecule.GetSubstructMatches(pattern)) for term, pattern in _term_patterns()}
    return {term: count for term, count in counts.items() if count}


def find_ring_systems(molecule: Chem.Mol) -> list[set[int]]:
    """Join the rings that share atoms (fused, bridged, spiro) into systems, each a set of atom numbers."""
    systems: list[set[int]] = []
    for ring in molecule.GetRingInfo().AtomRings():
        joined = set(ring)
        for system in [system for system in systems if system & joined]:
            joined |= system
            systems.remove(system)
        systems.append(joined)
    return systems


def count_ring_systems(molecule: Chem.Mol) -> Counter[str]:
    """Count the ring systems that have a name; the others (spiro, bridged, rare ones) are left out.

    A ring system is compared with all its bonds and the atoms doubly bonded to it, without charges and hydrogens: a
    quinolone is no quinoline, and an N-methylated indole is an indole.
    """
    exact, skeletons = _ring_names()
    names: Counter[str] = Counter()
    for atoms in find_ring_systems(molecule):
        name = exact.get(_ring_key(molecule, atoms, True)) or skeletons.get(_ring_key(molecule, atoms, False))
        if name is not None:
            names[name] += 1
    return names


def _ring_key(molecule: Chem.Mol, atoms: set[int], is_exact: bool) -> str:
    """Write a ring system canonically, as a molecule of its own: elements and bonds, or elements and connections."""
    if is_exact:
        atoms = atoms | {
            bond.GetOtherAtomIdx(atom)
            for atom in atoms
            for bond in molecule.GetAtomWithIdx(atom).GetBonds()
            if bond.GetBondType() == Chem.BondType.DOUBLE
        }
    ring_system, place = Chem.RWMol(), {}
    for atom in sorted(atoms):
        original = molecule.GetAtomWithIdx(atom)
        copy = Chem.Atom(original.GetAtomicNum())
        copy.SetIsAromatic(is_exact and original.GetIsAromatic())
        place[atom] = ring_system.AddAtom(copy)
    for bond in molecule.GetBonds():
        if bond.GetBeginAtomIdx() in atoms and bond.GetEndAtomIdx() in atoms:
            order = bond.GetBondType() if is_exact else Chem.BondType.SINGLE
            ring_system.AddBond(place[bond.GetBeginAtomIdx()], place[bond.GetEndAtomIdx()], order)
    ring_system.UpdatePropertyCache(strict=False)
    return Chem.MolToSmiles(ring_system)
