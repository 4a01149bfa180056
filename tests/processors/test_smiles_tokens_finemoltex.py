"""Tokens of a SMILES: written again letter by letter, and each about the right atoms."""

import pytest
from rdkit import Chem

from modeling_finemoltex.processors.smiles_tokens_finemoltex import (
    IDS,
    UNKNOWN,
    VOCABULARY,
    as_arrays,
    split_smiles,
    tokenize_smiles,
    write_smiles,
)

AWKWARD = {
    "C": "an atom",
    "ClCBr": "two letters",
    "c1ccccc1": "aromatic",
    "[nH]1cccc1": "a bracket that is a token",
    "C[C@@H](O)[C@H](N)C(=O)[O-]": "chirality and charge",
    "[13CH3]C([2H])=[18O].[Na+]": "isotopes and fragments",
    "C%10CCCC%10": "a ring number of two digits",
    "F/C=C/C=C\\Cl": "directions",
    "F[P-](F)(F)(F)(F)F": "a bracket in parts",
    "[Fe+2]": "an ion",
    "[235U]": "an isotope in parts",
    "[NH3]->[Pt](Cl)<-[NH3]": "dative bonds",
    "[CH3:7][OH:12]": "numbered atoms",
    "N[Co@OH12](Cl)(Br)(I)(F)O": "octahedral",
    "*C": "any atom",
    "[se]1cccc1": "aromatic selenium",
    "[2HH]": "isotopic hydrogen",
    "[Sc+3].[Cl-].[Cl-].[Cl-]": "an element that begins like another",
    "C=1CCCC=1": "a double bond at a ring number",
    "C12C3C4C1C5C2C3C45": "cubane",
}


@pytest.mark.parametrize("smiles", AWKWARD, ids=AWKWARD.values())
def test_a_smiles_is_written_again_letter_by_letter(smiles):
    tokens = tokenize_smiles(smiles)
    assert write_smiles(tokens.ids) == smiles
    assert len(tokens.ids) == len(tokens.ends)


def test_frequent_brackets_are_one_token_and_others_are_parts():
    assert split_smiles("[C@@H]Cl") == [["[C@@H]"], ["Cl"]]
    assert split_smiles("[235UH2+]") == [["[", "{2}", "{3}", "{5}", "{U}", "{h}", "{2}", "{+}", "]"]]
    assert split_smiles("[Sc]") == [["[", "{Sc}", "]"]]


def test_a_symbol_outside_the_vocabulary_is_unknown_and_never_dropped():
    assert split_smiles("C[Q]C%45") == [["C"], [UNKNOWN], ["C"], [UNKNOWN]]
    assert UNKNOWN in write_smiles([IDS["C"], IDS[UNKNOWN]])
    tokens = tokenize_smiles("C%45C[Q]%45")
    assert tokens.ids.count(IDS[UNKNOWN]) == 3 and tokens.places == [0, 2, 3]
    assert tokens.ends[1] == (0, 2)  # the ring is still a bond between its atoms


def test_the_vocabulary_has_no_token_twice():
    assert len(VOCABULARY) == len(IDS)
    assert all(split_smiles(token) == [[token]] for token in VOCABULARY if token[0] == "[" and token[-1] == "]"
               and token not in VOCABULARY[:6])  # fmt: skip


def test_ends_by_hand():
    # 0 C, 1 (, 2 =, 3 O, 4 ), 5 O, 6 c, 7 1, 8 c, 9 c, 10 1
    assert tokenize_smiles("C(=O)Oc1cc1").ends == [
        *((0, 0), (0, 1), (0, 1), (1, 1), (0, 1), (2, 2)),
        *((3, 3), (3, 5), (4, 4), (5, 5), (3, 5)),
    ]
    assert tokenize_smiles("[Na+].C").ends == [(0, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("smiles", ["C(", "C1CC", "C)", "C(=)O", "=C", "C="])
def test_what_is_open_is_refused(smiles):
    with pytest.raises(ValueError, match="open|no end|begin"):
        tokenize_smiles(smiles)


def test_other_numbers_are_refused():
    with pytest.raises(ValueError, match=rf"no SMILES token {len(VOCABULARY)}: the vocabulary has"):
        write_smiles([len(VOCABULARY)])
    with pytest.raises(ValueError, match="its SMILES has 2 atoms and the molecule 3"):
        as_arrays(tokenize_smiles("CC"), [0, 1, 2])


MOLECULES = ["CC(=O)Oc1ccccc1C(=O)O", "C/C=C/[C@H](N)C(=O)O", "[13CH3]C(=O)[O-].[K+]", "C1CC2(C1)OCC(C#N)=N2"]


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_token_of_random_spellings_is_about_the_right_atoms(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    bonds = {frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in molecule.GetBonds()}
    for seed in range(1, 30):
        written = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)[0]
        arrays = as_arrays(
            tokenize_smiles(written), list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
        )
        for atom in molecule.GetAtoms():
            place = int(arrays["smiles_places"][atom.GetIdx()])
            symbol = write_smiles([int(arrays["smiles_ids"][place])])
            assert atom.GetSymbol().lower() in symbol.lower(), (written, atom.GetIdx())
            assert arrays["smiles_ends"][place].tolist() == [atom.GetIdx()] * 2
        between = {frozenset(pair) for pair in arrays["smiles_ends"].tolist() if pair[0] != pair[1]}
        dots = {frozenset(pair) for pair in between if not molecule.GetBondBetweenAtoms(*pair)}
        assert between - dots <= bonds and len(dots) == written.count(".")
