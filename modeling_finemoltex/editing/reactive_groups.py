"""Groups that fall apart, react with water or with everything, and that no chemist puts into a molecule: data."""

from functools import cache

from rdkit import Chem

# Plain name -> patterns; what two patterns match at one place counts twice, in source and edit alike.
REACTIVE_GROUPS: dict[str, tuple[str, ...]] = {
    "nitroso group": ("[!#1]-[NX2]=[OX1]",),
    "azide": ("[N]=[N+]=[N-]", "[N-]-[N+]#N"),
    "diazo or diazonium group": ("[#6]=[N+]=[N-]", "[#6]-[N+]#[NX1]"),
    "azo group": ("[NX2]=!@[NX2]",),
    "peroxide": ("[OX2,OX1-]-[OX2,OX1-]",),
    "halogen on a heteroatom": ("[#7,#8,#16]-[F,Cl,Br,I]",),
    "hypervalent halogen": ("[F,Cl,Br,I;!X1;!X0]",),
    "N-N chain": ("[#7;!$([#7](=O)[O-])]-!@[#7;!$([#7](=O)[O-])]", "[NX3]-[NX3]-[NX3]", "[NX3]-[NX3+](=O)[O-]"),
    "N-O chain": ("[#7]-!@[OX2,OX1-;!$([OX1-]-[#7+])]",),
    "chain of heteroatoms": ("[OX2,NX3,SX2;!R]-[SX2,OX2;!R]-[#7,#8,#16]",),
    "sulfenyl group": ("[SX2;!R]-!@[#7,OX2]",),
    "disulfide": ("[SX2;!R]-[SX2;!R]",),
    "oxime": ("[CX3]=!@[NX2]-[OX2,OX1-]",),
    "hydrazone": ("[CX3]=!@[NX2]-[#7]",),
    "imine": ("[#6][CX3;!R](=[NX2]-[#6])[#6,#1]", "[CX3H1;!R](=[NX2]-[#6])[#6]", "[CX3H2]=[NX2]"),
    "free imine": ("[CX3;!$(C~[N;!$(N=C)]);!$(C-[O,S])]=[NX2H1]",),
    "nitrone or nitronate": ("[CX3]=!@[NX3+][O-]",),
    "aldehyde": ("[CX3H1](=O)[#6,#1,S]", "[CX3H2]=O"),
    "formate": ("[CX3H1](=O)[OX2]",),
    "thioaldehyde or thioketone": ("[#6,#1][CX3](=S)[#6]", "[CX3H1]=S"),
    "acyl halide": ("[CX3](=[O,S])[F,Cl,Br,I]",),
    "acyl cyanide": ("[CX3](=O)C#N",),
    "anhydride": ("[CX3](=[O,S])[OX2,SX2][CX3]=[O,S]", "[CX3](=O)[OX2][S,P]"),
    "carbamic or carbonic acid": ("[OX2H1]C(=O)[N,O,S]", "[SX2H1]C(=[O,S])[N,O,S]"),
    "isocyanate, carbodiimide or ketene": ("[N,C]=[CX2]=[O,S,N]",),
    "allene": ("[CX3]=[CX2]=[CX3]",),
    "sulfinyl hydrogen": ("[#16;H1,H2](=O)",),
    "hemiaminal": ("[CX4]([OX2H1])[#7]", "[CX4]([SX2H1])[#7]"),
    "hemiacetal": ("[OX2H1][CX4][OX2H0]", "[OX2H1,SX2H1][CX4][SX2]", "[SX2H1][CX4][OX2]"),
    "gem-diol": ("[OX2H1][CX4][OX2H1]",),
    "aminal": (
        "[NX3;H2;!$(N*=[O,S])][CX4][#7,#8,#16]",
        "[NX3;!R;!$(N-*=[O,S,N]);!$(N-a)][CX4][NX3,OX2;!$(N-*=[O,S,N])]",
    ),
    "open acetal": ("[OX2H0,SX2H0;!R;!$([O,S]*=[O,S])][CX4;H1,H2;!R][OX2H0,SX2H0;!R;!$([O,S]*=[O,S])]",),
    "alpha-halo alcohol, amine or ether": (
        "[CX4]([F,Cl,Br,I])[OX2H1,SX2H1,NX3H2]",
        "[CX4;!$(C(F)F)]([F,Cl,Br,I])[NX3,OX2,SX2]",
        "[CX4]([Cl,Br,I])[NX3,OX2,SX2]",
    ),
    "cyanohydrin": ("[OX2H1][CX4]C#N",),
    "enol": ("[OX2H1][CX3]=[CX3;!$(C-C=[O,N])]", "[SX2H1][CX3]=[CX3]"),
    "free enamine": ("[NX3H2][CX3]=[CX3;!$(C-[C,S]=[O,N]);!$(CC#N)]",),
    "vinyl ether or amine": ("[CX3H2]=[CX3][OX2,NX3;!$(N-*=[O,S,N])]",),
    "alkyl halide": ("[CX4;!$(C(F)F)][Cl,Br,I]",),
    "alpha-halo carbonyl": ("[CX3](=O)[CX4;!$(C(F)F)][F,Cl,Br,I]",),
    "three-membered ring with a heteroatom": ("[#6,#7]1[#7,#8,#16]~[#6,#7,#8]1",),
    "small strained ring": ("C1=CC1", "C1#CC1", "O=C1CC1", "C1(=O)CC[O,S]1", "C1=CC=C1", "C=C1C=CC1=C"),
    "alkyne in a ring": ("[C;R]#@[C;R]",),
    "heteroatom on an alkyne": ("C#[CX2]-[#7,#8,#16,F,Cl,Br,I]",),
    "N- or O-cyano group": ("[NX3;!$(N-C=[N,O]),OX2,SX2]-C#N",),
    "phosphorus halide": ("[P,Si,B;!$([B-])]-[F,Cl,Br,I]",),
    "sulfinic ester or amide": ("[SX3](=O)[OX2,NX3]",),
    "sulfonic ester": ("S(=O)(=O)[OX2][#6]",),
}


@cache
def reactive_patterns() -> list[tuple[str, Chem.Mol]]:
    """Parse the patterns, once in a process: name of the group and pattern."""
    return [(name, Chem.MolFromSmarts(text)) for name, texts in REACTIVE_GROUPS.items() for text in texts]


def count_reactive(molecule: Chem.Mol) -> list[int]:
    """Count the places of every pattern of `reactive_patterns`, in its order."""
    return [len(molecule.GetSubstructMatches(pattern)) for _, pattern in reactive_patterns()]
