"""The tables of the vocabulary of structure queries: patterns, and the words for them.

The place of a row is the number of its fact, which data sets of queries store: new rows go to the end of `LATER` or
`LATER_RINGS`.
"""

from typing import NamedTuple


class StructuralFact(NamedTuple):
    """A pattern with the words for it; every match of the pattern, as a set of atoms, is one occurrence.

    Args:
        smarts (`str`): The pattern.
        names (`tuple[str, ...]`): Countable nouns: a molecule has, and mostly is, "a ketone".
        groups (`tuple[str, ...]`): What stands before "group": a molecule has "a keto group".
        masses (`tuple[str, ...]`): Nouns without an article: a molecule contains "fluorine".
        adjectives (`tuple[str, ...]`): What such a molecule is: "fluorinated".
        kind (`str`): `"group"`; `"ring"`, where "a pyridine" and "a pyridine ring" say the same; `"class"`, which is
            a kind of ring, or something that is there or not and counts once; `"relation"`, a substituent on a ring.
        needs (`tuple[int, ...]`): Facts without which this one cannot be: they are looked up first.
    """

    smarts: str
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    masses: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    kind: str = "group"
    needs: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The word that reports use."""
        return (self.names or self.masses or tuple(f"{group} group" for group in self.groups))[0]


def _fact(smarts: str, names: str = "", groups: str = "", masses: str = "", adjectives: str = "") -> StructuralFact:
    """Read a line of the table below; a comma and a blank separate words."""
    return StructuralFact(
        smarts, *(tuple(filter(None, one.split(", "))) for one in (names, groups, masses, adjectives))
    )


GROUPS = [
    # Elements.
    _fact("[#7]", "nitrogen atom", masses="nitrogen"),
    _fact("[#8]", "oxygen atom", masses="oxygen"),
    _fact("[#16]", "sulfur atom, sulphur atom", masses="sulfur, sulphur"),
    _fact("[#15]", "phosphorus atom", masses="phosphorus"),
    _fact("[#5]", "boron atom", masses="boron"),
    _fact("[#14]", "silicon atom", masses="silicon"),
    _fact("[#34]", "selenium atom", masses="selenium"),
    _fact("[F,Cl,Br,I]", "halogen atom, halogen", masses="halogens", adjectives="halogenated"),
    _fact("[F]", "fluorine atom, organofluorine compound, fluoro substituent", "fluoro", "fluorine", "fluorinated"),
    _fact("[Cl]", "chlorine atom, organochlorine compound, chloro substituent", "chloro", "chlorine", "chlorinated"),
    _fact("[Br]", "bromine atom, organobromine compound, bromo substituent", "bromo", "bromine", "brominated"),
    _fact("[I]", "iodine atom, organoiodine compound, iodo substituent", "iodo", "iodine", "iodinated"),
    _fact("[!#1;!#5;!#6;!#7;!#8;!#9;!#14;!#15;!#16;!#17;!#34;!#35;!#53]", "metal atom", masses="metal"),
    # Carbonyl compounds.
    _fact("C(=O)[OX2H1]", "carboxylic acid", "carboxy, carboxyl, carboxylic acid"),
    _fact("C(=O)[OX1-]", "carboxylate", "carboxylate"),
    _fact("[#6]C(=O)O[#6]", "ester, carboxylic ester, carboxylic acid ester, carboxylate ester", "ester"),
    _fact("C(=O)O[CH3]", "methyl ester", "methoxycarbonyl, methyl ester"),
    _fact("C(=O)O[CH2][CH3]", "ethyl ester", "ethoxycarbonyl, ethyl ester"),
    _fact("C(=O)OC([CH3])([CH3])[CH3]", "tert-butyl ester", "tert-butoxycarbonyl, Boc"),
    _fact("[CH3]C(=O)O[#6]", "acetate, acetate ester", "acetoxy, acetyloxy"),
    _fact("[#6;R]C(=O)[OX2;R]", "lactone"),
    _fact("[NX3]C(=O)[#6]", "amide, carboxamide, carboxylic amide", "amide, amido, carboxamide"),
    _fact("[NX3H2]C(=O)[#6]", "primary amide, primary carboxamide", "carbamoyl, primary amide"),
    _fact("[NX3H1](C(=O)[#6])[#6]", "secondary amide", "secondary amide"),
    _fact("[NX3H0](C(=O)[#6])([#6])[#6]", "tertiary amide", "tertiary amide"),
    _fact("[NX3;R]C(=O)[#6;R]", "lactam, cyclic amide"),
    _fact("[CH3]C(=O)[NX3]", "acetamide", "acetamido, acetylamino"),
    _fact("c-[NX3]C(=O)[#6]", "anilide"),
    _fact("cC(=O)[NX3]", "benzamide, aromatic amide"),
    _fact("O=C[NX3]C=O", "imide", "imide"),
    _fact("[NX3]C(=O)[NX3]", "urea, carbamide", "urea, ureido"),
    _fact("[NX3]C(=S)[NX3]", "thiourea", "thiourea"),
    _fact("[NX3]C(=O)[OX2]", "carbamate, urethane", "carbamate"),
    _fact("[OX2]C(=O)[OX2]", "carbonate, carbonate ester", "carbonate"),
    _fact("C(=O)OC(=O)", "anhydride, acid anhydride", "anhydride"),
    _fact("C(=O)[F,Cl,Br,I]", "acyl halide, acid halide"),
    _fact("[#6]C(=O)S[#6]", "thioester", "thioester"),
    _fact("[CX3H1](=O)[#6]", "aldehyde, carbaldehyde", "aldehyde, formyl"),
    _fact("[#6]C(=O)[#6]", "ketone", "keto, oxo"),
    _fact("[CH3]C(=O)[#6]", "methyl ketone", "acetyl"),
    _fact("cC(=O)[#6]", "aryl ketone, aromatic ketone"),
    _fact("cC(=O)c", "diaryl ketone, benzophenone"),
    _fact("[#6;R][C;R](=O)[#6;R]", "cyclic ketone"),
    _fact("C=CC(=O)[#6]", "enone, alpha,beta-unsaturated ketone"),
    _fact("C=CC(=O)O", "acrylate, alpha,beta-unsaturated ester"),
    _fact("C=CC(=O)[NX3]", "acrylamide", "acrylamide"),
    _fact("O=CCC=O", "1,3-dicarbonyl compound, 1,3-dicarbonyl"),
    _fact("O=CC=O", "1,2-dicarbonyl compound, 1,2-dicarbonyl"),
    _fact("[CX3]=O", "carbonyl compound, carbonyl, C=O double bond, C=O bond", "carbonyl"),
    _fact("C(=O)[NX3][OX2H1]", "hydroxamic acid", "hydroxamic acid, hydroxamate"),
    _fact("C(=O)[NX3][NX3]", "hydrazide, acylhydrazide", "hydrazide"),
    # Hydroxy groups and ethers.
    _fact("[OX2H1]", "hydroxyl", "hydroxy, hydroxyl"),
    _fact("[CX4][OX2H1]", "alcohol, aliphatic alcohol", "alcoholic hydroxy, aliphatic hydroxy"),
    _fact("[CH2][OX2H1]", "primary alcohol", "hydroxymethyl, primary hydroxy"),
    _fact("[CX4H1]([#6])([#6])[OX2H1]", "secondary alcohol", "secondary hydroxy"),
    _fact("[CX4H0]([#6])([#6])([#6])[OX2H1]", "tertiary alcohol", "tertiary hydroxy"),
    _fact("[CX4]([OX2H1])[CX4][OX2H1]", "vicinal diol, 1,2-diol, glycol"),
    _fact("c[OX2H1]", "phenol", "phenolic hydroxy, phenol"),
    _fact("[OX2H1]c1c([OX2H1])cccc1", "catechol", "catechol"),
    _fact("[OX2H1]c1cc([OX2H1])ccc1", "resorcinol"),
    _fact("[OX2H1]c1ccc([OX2H1])cc1", "hydroquinone"),
    _fact("[OX2H1]C=C", "enol"),
    _fact("[#6;!$(C=O)]O[#6;!$(C=O)]", "ether, ether linkage", "ether, alkoxy"),
    _fact("c[OX2][#6;!$(C=O)]", "aryl ether, aromatic ether", "aryloxy"),
    _fact("c[OX2]c", "diaryl ether, diphenyl ether"),
    _fact("[#6]O[CH3]", "methyl ether", "methoxy"),
    _fact("cO[CH3]", "anisole, aryl methyl ether, methoxyarene"),
    _fact("[#6]O[CH2][CH3]", "ethyl ether", "ethoxy"),
    _fact("[CX4]([OX2][#6])[OX2][#6]", "acetal, ketal", "acetal"),
    _fact("[CX4]([OX2H1])[OX2][#6]", "hemiacetal"),
    _fact("C1OC1", "epoxide, oxirane, oxirane ring", "epoxy"),
    _fact("[OX2][OX2]", "peroxide", "peroxy"),
    _fact("[OX2H1][CX4]1[CX4][OX2][CX4][CX4]([OX2H1])1", "sugar ring"),
    _fact("[OX2;R][CX4;R]([OX2])[CX4;R]([OX2])[CX4;R][OX2]", "sugar, glycoside, carbohydrate unit, carbohydrate, saccharide", "sugar, glycosyl"),
    # Nitrogen.
    _fact("[CX4][NX3H2]", "primary amine, primary aliphatic amine, aliphatic primary amine", "primary amino, aminoalkyl, primary aliphatic amino, aliphatic primary amino"),
    _fact("[NX3H2][#6;!$(C=[O,N,S])]", "amino compound", "amino"),
    _fact("[NX3H1]([CX4])[CX4]", "secondary amine, secondary aliphatic amine, dialkylamine", "secondary amino, secondary aliphatic amino, aliphatic secondary amino"),
    _fact("[NX3H0]([CX4])([CX4])[CX4]", "tertiary amine, tertiary aliphatic amine, trialkylamine", "tertiary amino, tertiary aliphatic amino, aliphatic tertiary amino"),
    _fact("[NX3;!$(N~[!#6;!#1]);!$(N-[#6]=,#[!#6])]", "amine"),
    _fact("c[NX3H2]", "aromatic primary amine, primary aromatic amine, arylamine"),
    _fact("[NX3;!$(NC=O)]-c1ccccc1", "aniline", "anilino"),
    _fact("[NX3]([CH3])[CH3]", "dimethylamine, dimethylamino compound", "dimethylamino"),
    _fact("[NX4+]", "ammonium, ammonium salt", "ammonium"),
    _fact("[NX4+]([#6])([#6])([#6])[#6]", "quaternary ammonium compound, quaternary ammonium, quaternary amine, quaternary ammonium salt", "quaternary ammonium"),
    _fact("[NX3,NX4+][CX4]C(=O)[OX2H1,OX1-]", "amino acid, alpha-amino acid"),
    _fact("[NX3][CX4]C(=O)[NX3][CX4]C(=O)", "peptide, dipeptide", "peptide"),
    _fact("[#7+][OX1-]", "N-oxide", "N-oxide"),
    _fact("[N+](=O)[O-]", "nitro compound, nitro substituent", "nitro"),
    _fact("c[N+](=O)[O-]", "nitroarene, nitroaromatic compound, aromatic nitro compound"),
    _fact("O[N+](=O)[O-]", "nitrate ester, organic nitrate", "nitrate"),
    _fact("[NX2]=[OX1]", "nitroso compound", "nitroso"),
    _fact("N[NX2]=O", "nitrosamine", "nitrosamine"),
    _fact("C#N", "nitrile, cyano compound, cyanide, carbonitrile", "nitrile, cyano"),
    _fact("cC#N", "benzonitrile, aromatic nitrile"),
    _fact("N=[N+]=[N-]", "azide, azido compound", "azide, azido"),
    _fact("[#6]N=N[#6]", "azo compound", "azo"),
    _fact("[CX3]=[NX2]", "imine", "imine, imino"),
    _fact("[#6]=[NX2][CX4,c]", "Schiff base"),
    _fact("C=N[NX3]", "hydrazone", "hydrazone"),
    _fact("[NX3][NX3]", "hydrazine", "hydrazine, hydrazino"),
    _fact("C=N[OX2H1]", "oxime", "oxime, hydroxyimino"),
    _fact("C=NO[#6]", "oxime ether", "alkoxyimino"),
    _fact("[NX3]C(=[NX2,NX3+])[NX3]", "guanidine", "guanidine, guanidino"),
    _fact("[#6]C(=[NX2,NX3+])[NX3]", "amidine", "amidine, amidino"),
    _fact("N=C=S", "isothiocyanate", "isothiocyanate"),
    _fact("N=C=O", "isocyanate", "isocyanate"),
    _fact("SC#N", "thiocyanate", "thiocyanate"),
    # Sulfur, phosphorus, boron, silicon.
    _fact("[#6][SX2H1]", "thiol, mercaptan, sulfhydryl", "thiol, mercapto, sulfanyl"),
    _fact("[#6][SX2][#6]", "thioether, sulfide, organic sulfide, organosulfide", "thioether, sulfide"),
    _fact("[#6]S[CH3]", "methyl sulfide, methyl thioether", "methylthio, methylsulfanyl"),
    _fact("[#6]SS[#6]", "disulfide, disulfide bridge, disulfide bond, organic disulfide", "disulfide"),
    _fact("[#6][SX3](=O)[#6]", "sulfoxide", "sulfinyl"),
    _fact("[#6]S(=O)(=O)[#6]", "sulfone, organic sulfone", "sulfonyl"),
    _fact("[CH3]S(=O)(=O)", "methyl sulfone, mesyl compound", "methylsulfonyl, mesyl, methanesulfonyl"),
    _fact("S(=O)(=O)[NX3]", "sulfonamide", "sulfonamide, sulfonamido, sulfamoyl"),
    _fact("[NX3H2]S(=O)(=O)[#6]", "primary sulfonamide"),
    _fact("S(=O)(=O)[OX2H1]", "sulfonic acid", "sulfo, sulfonic acid"),
    _fact("[#6]S(=O)(=O)O[#6]", "sulfonate ester", "sulfonyloxy"),
    _fact("[#6]S(=O)(=O)[OX1-,OX2H1]", "sulfonate", "sulfonate"),
    _fact("OS(=O)(=O)O", "sulfate, sulfate ester", "sulfate, sulfooxy"),
    _fact("[#6]=S", "thiocarbonyl compound, thione", "thiocarbonyl, thioxo"),
    _fact("C(=S)[NX3]", "thioamide", "thioamide"),
    _fact("P(=O)(O)(O)O", "phosphate, phosphate ester", "phosphate, phosphoryloxy"),
    _fact("OP(=O)(O)OP(=O)(O)O", "diphosphate, pyrophosphate", "diphosphate, pyrophosphate"),
    _fact("[#6]P(=O)(O)O", "phosphonate, phosphonic acid", "phosphonate, phosphono"),
    _fact("[#6]P([#6])[#6]", "phosphine"),
    _fact("P=S", "phosphorothioate, thiophosphate"),
    _fact("[#6]B(O)O", "boronic acid, organoboronic acid", "boronic acid, borono"),
    _fact("[Si]([#6])([#6])[#6]", "silane", "silyl, trimethylsilyl"),
    # Carbon skeletons and substituents.
    _fact("[CH3]", "methyl substituent", "methyl"),
    _fact("c[CH3]", "methylarene, aromatic methyl", "aromatic methyl"),
    _fact("[CH2][CH3]", "ethyl substituent", "ethyl"),
    _fact("[CX4H1]([CH3])[CH3]", "isopropyl substituent", "isopropyl"),
    _fact("C([CH3])([CH3])[CH3]", "tert-butyl substituent", "tert-butyl"),
    _fact("[CX4H1]([CH3])([CH3])[CH2]", "isobutyl substituent", "isobutyl"),
    _fact("C(F)(F)F", "trifluoromethyl substituent", "trifluoromethyl"),
    _fact("OC(F)(F)F", "trifluoromethyl ether", "trifluoromethoxy"),
    _fact("[CX4H1](F)F", "difluoromethyl substituent", "difluoromethyl"),
    _fact("C(Cl)(Cl)Cl", "trichloromethyl substituent", "trichloromethyl"),
    _fact("c[F,Cl,Br,I]", "aryl halide, haloarene, halogenated arene"),
    _fact("cF", "aryl fluoride, fluoroarene, aromatic fluorine"),
    _fact("cCl", "aryl chloride, chloroarene, aromatic chlorine"),
    _fact("cBr", "aryl bromide, bromoarene, aromatic bromine"),
    _fact("cI", "aryl iodide, iodoarene, aromatic iodine"),
    _fact("[CX4][F,Cl,Br,I]", "alkyl halide, haloalkane"),
    _fact("[CX4]Cl", "alkyl chloride, chloroalkane"),
    _fact("[CX4]Br", "alkyl bromide, bromoalkane"),
    _fact("c1ccccc1F", "fluorobenzene, fluorophenyl ring", "fluorophenyl"),
    _fact("c1ccccc1Cl", "chlorobenzene, chlorophenyl ring", "chlorophenyl"),
    _fact("c1ccccc1Br", "bromobenzene, bromophenyl ring", "bromophenyl"),
    _fact("c1ccccc1I", "iodobenzene, iodophenyl ring", "iodophenyl"),
    _fact("c1ccccc1[CH3]", "toluene, methylphenyl ring", "tolyl, methylphenyl"),
    _fact("c1ccccc1O[CH3]", "methoxybenzene, methoxyphenyl ring", "methoxyphenyl"),
    _fact("c1ccccc1[OX2H1]", "hydroxybenzene, hydroxyphenyl ring", "hydroxyphenyl"),
    _fact("c1ccccc1[N+](=O)[O-]", "nitrobenzene, nitrophenyl ring", "nitrophenyl"),
    _fact("c1ccccc1C(=O)[OX2H1,OX1-]", "benzoic acid"),
    _fact("c1ccccc1C(F)(F)F", "trifluoromethylbenzene", "trifluoromethylphenyl"),
    _fact("c1ccccc1[CX4H2]", "benzyl substituent", "benzyl"),
    _fact("c1ccccc1-c1ccccc1", "biphenyl", "biphenyl"),
    _fact("c1ccccc1[CX4][CX4][NX3]", "phenethylamine", "phenethylamine"),
    _fact("[CX3]=[CX3]", "alkene, olefin, carbon-carbon double bond, C=C double bond, C=C bond", "alkene"),
    _fact("[CH2]=C", "terminal alkene", "vinylidene, vinyl"),
    _fact("C=CC=C", "conjugated diene, 1,3-diene"),
    _fact("C=C-c1ccccc1", "styrene"),
    _fact("[CH2]=[CH][CX4H2]", "allyl substituent", "allyl"),
    _fact("C#C", "alkyne, acetylene, carbon-carbon triple bond, C#C triple bond", "alkyne, alkynyl, ethynyl"),
    _fact("[CX2H1]#C", "terminal alkyne", "terminal alkyne"),
    _fact("[CH2][CH2][CH2][CH2][CH2][CH2][CH2][CH3]", "long alkyl chain, fatty chain", "long-chain alkyl"),
    _fact("[CH2][CH2][CH2][CH2][CH2][CH2]C(=O)[OX2H1,OX1-]", "fatty acid"),
    _fact("c1ccccc1C=CC(=O)[OX2,OX1-]", "cinnamic acid, cinnamate", "cinnamoyl"),
    _fact("c1ccccc1C=CC(=O)c1ccccc1", "chalcone"),
    _fact("O=c1cc(-c2ccccc2)oc2ccccc12", "flavone"),
    _fact("O=c1c(-c2ccccc2)coc2ccccc12", "isoflavone"),
    _fact("O=C1CC(-c2ccccc2)Oc2ccccc12", "flavanone"),
    _fact("n-[CX4]1[OX2][CX4][CX4][CX4]1", "nucleoside, ribofuranosyl unit"),
    # Rings of a class.
    _fact("a1aaaaa1", "six-membered aromatic ring, aromatic six-membered ring"),
    _fact("a1aaaa1", "five-membered aromatic ring, aromatic five-membered ring"),
    _fact("*1@*@*@1", "three-membered ring, 3-membered ring"),
    _fact("*1@*@*@*@1", "four-membered ring, 4-membered ring"),
    _fact("*1@*@*@*@*@1", "five-membered ring, 5-membered ring"),
    _fact("*1@*@*@*@*@*@1", "six-membered ring, 6-membered ring"),
    _fact("*1@*@*@*@*@*@*@1", "seven-membered ring, 7-membered ring"),
    _fact("[X4;$(*(@*)(@*)(@*)@*);R2]", "spiro centre, spiro atom, spiro center, spiro compound", adjectives="spirocyclic"),
]  # fmt: skip

# Facts that came later. They stand behind all others, so that the numbers in data sets of queries keep their meaning.
LATER = [
    _fact("[CX4,c][OX2H1]", "alcoholic or phenolic hydroxy group", "free hydroxy"),
    _fact("[#6]", "carbon atom", masses="carbon"),
    _fact("[$([#7]1:[#6]:[#6]:[#7]:[#7]:1),$([#7]1(:[#7]:[#6]:[#6]:[#7]:1)),$([#7]1:[#6]:[#7]:[#7]:[#6]:1)]", "triazole")._replace(kind="ring"),
    _fact("[$([#8]1:[#6]:[#6]:[#7]:[#7]:1),$([#8]1:[#6]:[#7]:[#6]:[#7]:1),$([#8]1:[#6]:[#7]:[#7]:[#6]:1),$([#8]1:[#7]:[#6]:[#6]:[#7]:1)]", "oxadiazole")._replace(kind="ring"),
    _fact("[$([#16]1:[#6]:[#6]:[#7]:[#7]:1),$([#16]1:[#6]:[#7]:[#6]:[#7]:1),$([#16]1:[#6]:[#7]:[#7]:[#6]:1),$([#16]1:[#7]:[#6]:[#6]:[#7]:1)]", "thiadiazole")._replace(kind="ring"),
    _fact("[$([#7]1:[#6]:[#7]:[#6]:[#7]:[#6]:1),$([#6]1:[#7]:[#7]:[#6]:[#7]:[#6]:1),$([#7]1(:[#7]:[#6]:[#6]:[#6]:[#7]:1))]", "triazine")._replace(kind="ring"),
    _fact("[$([OX2H1]C=O),$([OX2H1]S=O),$([OX2H1]P=O)]", "acid, organic acid, acidic proton", "acid, acidic", adjectives="acidic"),
    # Halogens.
    _fact("[CX4]F", "alkyl fluoride, fluoroalkane, aliphatic fluorine"),
    _fact("[CX4]I", "alkyl iodide, iodoalkane"),
    _fact("[CX3]=[CX3][F,Cl,Br,I]", "vinyl halide"),
    _fact("[CX4](F)F", "gem-difluoride, gem-difluoro substituent"),
    _fact("[CX4](F)(F)[CX4](F)F", "perfluoroalkyl chain, perfluorinated chain", "perfluoroalkyl"),
    _fact("FC(F)(F)C=O", "trifluoroacetyl compound", "trifluoroacetyl"),
    _fact("C(=O)Cl", "acyl chloride, acid chloride"),
    _fact("S(=O)(=O)[Cl]", "sulfonyl chloride"),
    _fact("S(=O)(=O)F", "sulfonyl fluoride"),
    _fact("Cl[CH2]C(=O)", "chloroacetyl compound, chloroacetamide", "chloroacetyl"),
    # Oxygen.
    _fact("[OX2;R]([#6;R])[#6;R]", "cyclic ether"),
    _fact("C=C[OX2][#6;!$(C=O)]", "enol ether, vinyl ether"),
    _fact("[OX2H1][CX4]C(=O)[OX2H1]", "alpha-hydroxy acid"),
    _fact("[#6]C(=O)C(=O)[OX2H1]", "alpha-keto acid, 2-oxo acid"),
    _fact("[#6]C(=O)CC(=O)O[#6]", "beta-keto ester"),
    _fact("[#6]C(=O)CC(=O)[#6]", "beta-diketone, 1,3-diketone"),
    _fact("[OX2]C(=O)C=CC=O", "maleate, fumarate"),
    _fact("c1ccccc1[OX2][#6]", "phenyl ether", "phenoxy"),
    _fact("c1ccccc1[CH2][OX2]", "benzyl ether, benzyl alcohol", "benzyloxy"),
    _fact("c1ccccc1C(=O)", "benzoyl compound", "benzoyl"),
    _fact("c1ccccc1C(=O)O[#6]", "benzoate, benzoate ester"),
    _fact("C(=O)[OX2][OX2H1]", "peroxy acid, peracid"),
    _fact("[OX2][OX2H1]", "hydroperoxide", "hydroperoxy"),
    # Nitrogen.
    _fact("[CX3]=[CX3][NX3;!$(NC=O)]", "enamine"),
    _fact("[NX3;R;!$(N~[!#6;!#1]);!$(N-[#6]=,#[!#6])]", "cyclic amine"),
    _fact("[NX3,nX3][CH3]", "N-methyl substituent", "N-methyl"),
    _fact("[NX3]([CH3])C(=O)[#6]", "N-methyl amide"),
    _fact("[NX3][OX2H1]", "hydroxylamine", "N-hydroxy"),
    _fact("[NX3][OX2][#6]", "alkoxyamine, O-alkyl hydroxylamine"),
    _fact("C(=O)N([#6])O[#6]", "Weinreb amide"),
    _fact("[NX3][CX4][CX4][OX2H1]", "beta-amino alcohol, 1,2-amino alcohol"),
    _fact("[NX3][CX4][CX4][NX3]", "ethylenediamine, 1,2-diamine"),
    _fact("[NX3][CX4][CX4]C(=O)[OX2H1,OX1-]", "beta-amino acid"),
    _fact("NC(=[NX2,NX3+])NC(=[NX2,NX3+])N", "biguanide"),
    _fact("C=NNC(=O)[#6]", "acylhydrazone"),
    _fact("C=NNC(=O)N", "semicarbazone"),
    _fact("C=NNC(=S)N", "thiosemicarbazone"),
    _fact("[#6;!$(C=O)][NX3][NX3]C(=O)N", "semicarbazide"),
    _fact("[#6][N+]#[C-]", "isocyanide, isonitrile", "isocyano"),
    _fact("[#6]=[N+]=[N-]", "diazo compound", "diazo"),
    _fact("[#6]-[N+]#N", "diazonium, diazonium salt", "diazonium"),
    _fact("N=C=N", "carbodiimide"),
    _fact("[NX3]C#N", "cyanamide"),
    _fact("c1ccccc1[NX3]c1ccccc1", "diphenylamine"),
    _fact("c1ccccc1[CX4][NX3]", "benzylamine"),
    _fact("[NX3+]=[#6]", "iminium", "iminium"),
    _fact("[n+]1ccccc1", "pyridinium, pyridinium salt")._replace(kind="ring"),
    # Sulfur, phosphorus, boron, silicon.
    _fact("S(=O)(=O)[NX3]C(=O)[NX3]", "sulfonylurea"),
    _fact("[NX3]S(=O)(=O)[NX3]", "sulfamide"),
    _fact("[NX3]S(=O)(=O)[OX2]", "sulfamate"),
    _fact("S(=O)(=O)[NX3]C(=O)[#6]", "acyl sulfonamide, acylsulfonamide"),
    _fact("[NX3]C(=S)S", "dithiocarbamate"),
    _fact("[NX3]C(=O)[SX2]", "thiocarbamate"),
    _fact("c[SX2][#6]", "aryl thioether, aryl sulfide", "arylthio"),
    _fact("c1ccccc1S(=O)(=O)", "benzenesulfonyl compound", "phenylsulfonyl, benzenesulfonyl"),
    _fact("[CH3]c1ccc(S(=O)(=O))cc1", "tosyl compound, tosylate", "tosyl"),
    _fact("[SX3+]([#6])([#6])[#6]", "sulfonium, sulfonium salt", "sulfonium"),
    _fact("[PX4+]([#6])([#6])([#6])[#6]", "phosphonium, phosphonium salt", "phosphonium"),
    _fact("[#6]P(=O)([#6])[#6]", "phosphine oxide"),
    _fact("P(=O)[NX3]", "phosphoramide, phosphoramidate"),
    _fact("[#6]B(O[#6])O[#6]", "boronic ester, boronate ester, boronic acid ester"),
    _fact("[Si]O[#6]", "silyl ether"),
    # Carbon.
    _fact("C=C=C", "allene"),
    _fact("C#C[CH2]", "propargyl substituent", "propargyl"),
    _fact("c1ccccc1C=Cc1ccccc1", "stilbene"),
    _fact("c1ccccc1[CX4]c1ccccc1", "diphenylmethane", "benzhydryl"),
    _fact("c1ccccc1[CX4](c1ccccc1)c1ccccc1", "triphenylmethane", "trityl"),
    _fact("c1ccccc1C#C", "phenylacetylene, phenylalkyne"),
    _fact("[OX2H1]c1cccc2ccccc12", "1-naphthol"),
    _fact("*1@*@*@*@*@*@*@*@1", "eight-membered ring, 8-membered ring"),
    # Elements of salts and complexes.
    *(
        _fact(f"[{symbol}]", f"{name} atom, {name} ion", masses=name)
        for symbol, name in {
            "#3": "lithium", "#11": "sodium", "#12": "magnesium", "#13": "aluminium", "#19": "potassium", "#20": "calcium",
            "#25": "manganese", "#26": "iron", "#27": "cobalt", "#28": "nickel", "#29": "copper", "#30": "zinc",
            "#33": "arsenic", "#47": "silver", "#50": "tin", "#52": "tellurium", "#78": "platinum", "#79": "gold",
            "#80": "mercury",
        }.items()
    ),
]  # fmt: skip
# Rings that came later, as molecules that are this ring and nothing else.
LATER_RINGS = {
    "thiirane": "C1CS1", "thietane": "C1CSC1", "1,3-dithiane": "C1CSCSC1", "1,2-dithiolane": "C1CSSC1",
    "tetrahydrothiopyran": "C1CCSCC1", "oxepane": "C1CCCOCC1", "azocane": "C1CCCNCCC1", "dihydropyran": "C1=COCCC1",
    "pyran": "C1=COC=CC1", "azepine": "C1=CNC=CC=C1", "dibenzothiophene": "c1ccc2c(c1)sc1ccccc12",
    "thieno[3,2-c]pyridine": "c1cc2sccc2cn1", "cinnoline": "c1ccc2nnccc2c1", "adenine": "Nc1ncnc2ncnc12",
    "guanine": "Nc1nc(=O)c2ncnc2n1", "cytosine": "Nc1ccnc(=O)n1", "thymine": "Cc1cnc(=O)nc1=O", "rhodanine": "O=C1CSC(=S)N1",
    "benzoxazine": "C1COc2ccccc2N1", "cyclobutenedione": "O=C1C(=O)C=C1", "1,2,3,4-tetrahydro-beta-carboline": "C1NCCc2c1[nH]c1ccccc12",
    "pyrazol-3-one": "O=c1ccnn1", "imidazol-2-one": "O=c1nccn1", "pyrimidin-4-one": "O=c1ccncn1", "pyrrolizidine": "C1CC2CCCN2C1",
    "indolizidine": "C1CCN2CCCC2C1", "quinolizidine": "C1CCN2CCCCC2C1", "diketopiperazine": "O=C1CNC(=O)CN1", "oxazepane": "C1CNCCOC1",
}  # fmt: skip

# One atom is enough for these, so that the number of matches says nothing: rings are counted as such.
CARBON = 6
RING_CLASSES: dict[
    str, tuple[bool | None, bool | None]
] = {  # class -> is it aromatic, does it hold other atoms than carbon
    "aromatic ring": (True, None),
    "heteroaromatic ring": (True, True),
    "ring": (None, None),
    "heterocycle": (None, True),
    "aliphatic ring": (False, None),
}
CLASSES = [
    _fact("a", "aromatic ring, arene, aromatic system, aromatic, aromatic group", adjectives="aromatic"),
    _fact("[a;!#6]", "heteroaromatic ring, aromatic heterocycle, heteroarene, heteroaromatic", adjectives="heteroaromatic"),
    _fact("[R]", "ring, ring system, cycle", adjectives="cyclic"),
    _fact("[R;!#6]", "heterocycle, heterocyclic ring", adjectives="heterocyclic"),
    _fact("[R2]@[R2]", "fused ring system", adjectives="polycyclic"),
    _fact("[C,N,O,S;R]", "aliphatic ring, non-aromatic ring"),
    _fact("[+,++,+++]", "positive charge, cation, cationic centre", adjectives="positively charged"),
    _fact("[-,--,---]", "negative charge, anion, anionic centre", adjectives="negatively charged"),
    _fact("[#2H,#3H,13#6,14#6,15#7,18#8]", "isotopic label", adjectives="isotopically labelled"),
]  # fmt: skip

# Further words for the ring systems, and for those that nobody names so.
RING_SYNONYMS = {
    "benzene": ("benzene", "phenyl ring"),
    "tetrahydrofuran": ("tetrahydrofuran", "oxolane", "THF ring"),
    "tetrahydropyran": ("tetrahydropyran", "oxane"),
    "oxirane": (),  # the group "epoxide"
    "benzothiophene": ("benzothiophene", "1-benzothiophene"),
    "benzofuran": ("benzofuran", "1-benzofuran"),
    "thiazole": ("thiazole", "1,3-thiazole"),
    "oxazole": ("oxazole", "1,3-oxazole"),
    "isoxazole": ("isoxazole", "1,2-oxazole"),
    "isothiazole": ("isothiazole", "1,2-thiazole"),
    "benzothiazole": ("benzothiazole", "1,3-benzothiazole"),
    "benzoxazole": ("benzoxazole", "1,3-benzoxazole"),
    "1,3-benzodioxole": ("1,3-benzodioxole", "benzodioxole", "methylenedioxybenzene"),
    "chromane": ("chromane", "chroman"),
    "chroman-4-one": ("chroman-4-one", "chromanone"),
    "pyridin-2-one": ("pyridin-2-one", "2-pyridone", "pyridone"),
    "pyridin-4-one": ("pyridin-4-one", "4-pyridone"),
    "pyran-2-one": ("pyran-2-one", "2-pyrone"),
    "pyran-4-one": ("pyran-4-one", "4-pyrone"),
    "pyrrolidin-2-one": ("pyrrolidin-2-one", "pyrrolidinone", "2-pyrrolidone", "gamma-lactam"),
    "piperidin-2-one": ("piperidin-2-one", "delta-lactam", "2-piperidone"),
    "oxazolidin-2-one": ("oxazolidin-2-one", "oxazolidinone"),
    "thiazolidine-2,4-dione": ("thiazolidine-2,4-dione", "thiazolidinedione"),
    "cyclohex-2-en-1-one": ("cyclohex-2-en-1-one", "cyclohexenone"),
    "gamma-butyrolactone": ("gamma-butyrolactone", "gamma-lactone"),
    "delta-valerolactone": ("delta-valerolactone", "delta-lactone"),
    "tetrahydroisoquinoline": ("tetrahydroisoquinoline", "1,2,3,4-tetrahydroisoquinoline"),
    "tetrahydroquinoline": ("tetrahydroquinoline", "1,2,3,4-tetrahydroquinoline"),
    "7-oxabicyclo[4.1.0]heptane": ("cyclohexene oxide",),
    "azepane": ("azepane", "hexahydroazepine"),
    "indane": ("indane", "indan"),
    "tetralin": ("tetralin", "tetrahydronaphthalene"),
    "1,4-benzoquinone": ("1,4-benzoquinone", "benzoquinone", "quinone"),
    "1,4-naphthoquinone": ("1,4-naphthoquinone", "naphthoquinone"),
    "1,4-dioxane": ("1,4-dioxane", "dioxane"),
    "1,3-dioxolane": ("1,3-dioxolane", "dioxolane"),
    "1,4-benzodiazepine": ("1,4-benzodiazepine", "benzodiazepine"),
    "oxindole": ("oxindole", "indolin-2-one"),
    "quinolin-4-one": ("quinolin-4-one", "4-quinolone", "quinolone"),
    "quinolin-2-one": ("quinolin-2-one", "2-quinolone"),
    "quinazolin-4-one": ("quinazolin-4-one", "quinazolinone"),
    "1,4-benzodioxane": ("1,4-benzodioxane", "benzodioxane", "1,4-benzodioxan"),
    "furan-2(5H)-one": ("furan-2(5H)-one", "butenolide"),
    "benzimidazole": ("benzimidazole", "1H-benzimidazole", "1,3-benzimidazole", "benzoimidazole"),
    "indazole": ("indazole", "1H-indazole"),
    "indole": ("indole", "1H-indole"),
    "chromone": ("chromone", "chromen-4-one", "4H-chromen-4-one"),
    "coumarin": ("coumarin", "chromen-2-one", "2H-chromen-2-one"),
    "dihydropyridine": ("dihydropyridine", "1,4-dihydropyridine"),
    "cyclohexene": ("cyclohexene",),
    "steroid": ("steroid", "sterane"),
    "1,2-benzisoxazole": ("1,2-benzisoxazole", "benzisoxazole", "1,2-benzoxazole"),
    "xanthine": ("xanthine",),
    "norbornane": ("norbornane", "bicyclo[2.2.1]heptane"),
}

# Ring systems that RING_SYSTEMS does not list, since a molecule holds them inside larger ones.
MORE_RINGS = {
    "beta-lactam": "O=C1NCC1", "imidazolidine": "C1CNCN1", "imidazoline": "C1CN=CN1", "pyrazoline": "C1C=NNC1",
    "pyrazolidine": "C1CNNC1", "oxazoline": "C1CN=CO1", "oxazolidine": "C1COCN1", "thiazoline": "C1CN=CS1",
    "thiomorpholine": "C1CSCCN1", "tetrahydrothiophene": "C1CCSC1", "tetrahydropyridine": "C1C=CCNC1",
    "dihydropyridine": "C1=CCC=CN1", "2,3-dihydrobenzofuran": "C1Cc2ccccc2O1", "dihydrofuran": "C1=CCCO1",
    "1,4-benzodiazepine": "c1ccc2c(c1)C=NCCN2", "diazepane": "C1CNCCCN1", "isoindoline": "C1NCc2ccccc21",
    "isoindolinone": "O=C1NCc2ccccc21", "quinolin-4-one": "O=c1ccnc2ccccc12", "quinolin-2-one": "O=c1ccc2ccccc2n1",
    "quinazolin-4-one": "O=c1ncnc2ccccc12", "pyrimidine-2,4-dione": "O=c1ccnc(=O)n1", "pyridazinone": "O=c1cccnn1",
    "thieno[2,3-d]pyrimidine": "c1ncc2ccsc2n1", "indolizine": "c1ccn2cccc2c1", "1,2-benzisoxazole": "c1ccc2oncc2c1",
    "naphthyridine": "c1cnc2ncccc2c1", "imidazo[1,2-a]pyrimidine": "c1cn2ccnc2nc1", "7-azaindole": "c1cnc2nccc2c1",
    "pyrazolo[1,5-a]pyrimidine": "c1cnc2ccnn2c1", "1,2,4-triazolo[4,3-a]pyridine": "c1ccn2cnnc2c1", "1,2,3-thiadiazole": "c1nnsc1",
    "1,4-benzodioxane": "C1COc2ccccc2O1", "morphinan": "C1CC2CC3=CC=CC=C3C4(C1)C2NCCC4", "steroid": "C1CCC2C(C1)CCC1C2CCC2CCCC12",
    "cyclooctane": "C1CCCCCCC1", "cyclobutene": "C1=CCC1", "phenoxazine": "c1ccc2c(c1)Nc1ccccc1O2",
    "phenazine": "c1ccc2nc3ccccc3nc2c1", "azulene": "c1ccc2cccc2cc1", "porphyrin": "C1=CC2=CC3=CC=C(N3)C=C4C=CC(=N4)C=C5C=CC(=CC1=N2)N5",
    "terpyridine": "c1ccnc(c1)-c1cccc(n1)-c1ccccn1", "bipyridine": "c1ccnc(c1)-c1ccccn1",
}  # fmt: skip

# What stands on a ring: fact -> pattern from the attached atom on, prefix of the ring's name, and participle.
SUBSTITUENTS = {
    "fluorine atom": ("[F]", "fluoro", "fluorinated"),
    "chlorine atom": ("[Cl]", "chloro", "chlorinated"),
    "bromine atom": ("[Br]", "bromo", "brominated"),
    "iodine atom": ("[I]", "iodo", "iodinated"),
    "halogen atom": ("[F,Cl,Br,I]", "halo", "halogenated"),
    "hydroxyl": ("[OX2H1]", "hydroxy", "hydroxylated"),
    "amino compound": ("[NX3H2]", "amino", "aminated"),
    "methyl substituent": ("[CH3]", "methyl", "methylated"),
    "methyl ether": ("[OX2][CH3]", "methoxy", "methoxylated"),
    "nitro compound": ("[N+](=O)[O-]", "nitro", "nitrated"),
    "nitrile": ("C#N", "cyano", "cyanated"),
    "trifluoromethyl substituent": ("C(F)(F)F", "trifluoromethyl", "trifluoromethylated"),
    "carboxylic acid": ("C(=O)[OX2H1]", "carboxy", "carboxylated"),
}
SUBSTITUTED_RINGS = (
    "naphthalene", "pyridine", "pyrimidine", "pyrazine", "pyridazine", "1,3,5-triazine", "pyrrole", "furan",
    "thiophene", "imidazole", "pyrazole", "thiazole", "oxazole", "isoxazole", "1,2,4-triazole", "indole", "indazole",
    "benzimidazole", "benzofuran", "benzothiophene", "benzothiazole", "quinoline", "isoquinoline", "quinazoline",
    "purine", "coumarin", "piperidine", "piperazine", "morpholine", "pyrrolidine", "cyclohexane", "cyclopropane",
)  # fmt: skip
