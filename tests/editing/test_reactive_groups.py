"""Every reactive group finds its example, and none of the groups that drugs are made of."""

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import REACTIVE_GROUPS
from modeling_finemoltex.editing.reactive_groups import count_reactive, reactive_patterns

EXAMPLES = {
    "nitroso group": "CC(C)N=O",
    "azide": "CN=[N+]=[N-]",
    "diazo or diazonium group": "C=[N+]=[N-]",
    "azo group": "CN=NC",
    "peroxide": "COOC",
    "halogen on a heteroatom": "CN(C)Cl",
    "hypervalent halogen": "OCl(=O)=O",
    "N-N chain": "CNNC",
    "N-O chain": "CON(C)C",
    "chain of heteroatoms": "COSN",
    "sulfenyl group": "CSN",
    "disulfide": "CSSC",
    "oxime": "CC=NO",
    "hydrazone": "CC=NN",
    "imine": "CC=NC",
    "free imine": "CC(C)=N",
    "nitrone or nitronate": "CC=[N+](C)[O-]",
    "aldehyde": "CC=O",
    "formate": "COC=O",
    "thioaldehyde or thioketone": "CC(C)=S",
    "acyl halide": "CC(=O)Cl",
    "acyl cyanide": "CC(=O)C#N",
    "anhydride": "CC(=O)OC(C)=O",
    "carbamic or carbonic acid": "CNC(=O)O",
    "isocyanate, carbodiimide or ketene": "CN=C=O",
    "allene": "C=C=C",
    "sulfinyl hydrogen": "CS=O",
    "hemiaminal": "CC(O)N",
    "hemiacetal": "CC(O)OC",
    "gem-diol": "CC(O)O",
    "aminal": "CNCN",
    "open acetal": "COCOC",
    "alpha-halo alcohol, amine or ether": "COCCl",
    "cyanohydrin": "CC(O)C#N",
    "enol": "CC(O)=CC",
    "free enamine": "NC=CC",
    "vinyl ether or amine": "C=COC",
    "alkyl halide": "CCCl",
    "alpha-halo carbonyl": "CC(=O)CF",
    "three-membered ring with a heteroatom": "C1OC1",
    "small strained ring": "C1=CC1",
    "alkyne in a ring": "C1CC#CCC1",
    "heteroatom on an alkyne": "CC#CO",
    "N- or O-cyano group": "CN(C)C#N",
    "phosphorus halide": "CP(C)Cl",
    "sulfinic ester or amide": "CS(=O)OC",
    "sulfonic ester": "CS(=O)(=O)OC",
}
# Urea, guanidine, amidine, nitro, N-oxide, isoxazole, pyrazole, pyridone, sulfonamide, trifluoromethyl and its ethers,
# dioxole, N-CHF2, morpholine, hydantoin, imidazoline, oxadiazole, carbamate, thiourea, sulfoxide, ketal, diazepine,
# phosphate, boronic acid, tetrazole, N-cyanoguanidine.
HARMLESS = """
NC(N)=O NC(N)=N CC(N)=N O=[N+]([O-])c1ccccc1 [O-][n+]1ccccc1 c1conc1 c1c[nH]nc1 O=c1cccc[nH]1 CNS(C)(=O)=O
FC(F)(F)c1ccccc1 FC(F)(F)Oc1ccccc1 FC(F)Oc1ccccc1 C1Oc2ccccc2O1 FC(F)n1cccn1 C1COCCN1 O=C1CNC(=O)N1 C1=NCCN1
c1nnco1 CNC(=O)OC NC(N)=S CS(C)=O CC1(C)OCCO1 O=C1CN=C(c2ccccc2)c2ccccc2N1 COP(=O)(O)O CB(O)O c1nnn[nH]1
CNC(NC)=NC#N
""".split()


def test_every_group_has_an_example():
    assert set(EXAMPLES) == set(REACTIVE_GROUPS) and all(pattern is not None for _, pattern in reactive_patterns())


@pytest.mark.parametrize(("name", "smiles"), EXAMPLES.items())
def test_the_example_has_the_group(name, smiles):
    counts = count_reactive(Chem.MolFromSmiles(smiles))
    assert name in {group for (group, _), count in zip(reactive_patterns(), counts, strict=True) if count}


@pytest.mark.parametrize("smiles", HARMLESS)
def test_groups_of_drugs_are_none(smiles):
    assert not any(count_reactive(Chem.MolFromSmiles(smiles)))
