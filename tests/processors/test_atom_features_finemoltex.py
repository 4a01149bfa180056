import random

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexConfig
from modeling_finemoltex.processors.atom_features_finemoltex import (
    ATOM_FEATURE_SIZES,
    BOND_FEATURE_SIZES,
    RARE_FEATURE_SIZES,
    atom_feature_matrix,
    bond_feature_matrix,
    record_of,
)
from modeling_finemoltex.processors.smiles_finemoltex import try_parse

STEREO = [
    "C[C@H](N)C(=O)O",
    "C[C@@H](O)[C@H](O)/C=C/C=C\\C",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "C[C@H]1CC[C@@H](C)CC1",
    "CC[S@](=O)c1ccccc1",
    "C/C(F)=C(/Cl)Br",
    "[O-][n+]1ccccc1.[2H]C([2H])=C",
]


def features(smiles):
    record = record_of(try_parse(smiles))
    return atom_feature_matrix(record), bond_feature_matrix(record)


def test_sizes_equal_those_of_the_model():
    graph_config = FineMolTexConfig.from_preset("tiny").graph_config
    assert tuple(graph_config.atom_feature_sizes) == ATOM_FEATURE_SIZES
    assert tuple(graph_config.rare_feature_sizes) == RARE_FEATURE_SIZES
    assert tuple(graph_config.bond_feature_sizes) == BOND_FEATURE_SIZES


def test_alanine_by_hand():
    atoms, bonds = features("C[C@H](N)C(=O)[O-]")
    # number, chirality, degree, charge + 5, hydrogens, radicals, hybridization, aromatic, ring
    assert atoms[:, :9].tolist() == [
        [6, 0, 1, 5, 3, 0, 3, 0, 0],
        [6, 2, 3, 5, 1, 0, 3, 0, 0],
        [7, 0, 1, 5, 2, 0, 3, 0, 0],
        [6, 0, 3, 5, 0, 0, 2, 0, 0],
        [8, 0, 1, 5, 0, 0, 2, 0, 0],
        [8, 0, 1, 4, 0, 0, 2, 0, 0],
    ]
    assert not atoms[:, 9:].any()  # relative stereo, isotope, enhanced stereo
    assert bonds.tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]]
    assert atoms.dtype == bonds.dtype == np.uint8


def test_aromatic_and_stereo_bonds():
    atoms, bonds = features("c1ccccc1/C=C/C#N")
    assert atoms[:6, 7:9].tolist() == [[1, 1]] * 6
    assert sorted(set(map(tuple, bonds.tolist()))) == [(0, 0, 1), (1, 2, 1), (2, 0, 1), (3, 0, 1)]


@pytest.mark.parametrize(("smiles", "expected"), [("C/C=C\\C", 1), ("C/C=C/C", 2), ("CC=CC", 0)])
def test_double_bond_geometry(smiles, expected):
    assert features(smiles)[1][1, 1] == expected


def test_rare_values_stay_below_the_unknown_and_mask_rows():
    smiles = [
        "*",
        "[U]",
        "[Fe+3]",
        "[C-4]",
        "[Al+7]",
        "F[P-](F)(F)(F)(F)F",
        "[H][H]",
        "[CH3]",
        "N->[Pt](Cl)(Cl)<-N",
        "[Og]",
    ]
    for one in smiles:
        atoms, bonds = features(one)
        assert (atoms <= np.array(ATOM_FEATURE_SIZES + RARE_FEATURE_SIZES) - 2).all()
        assert (bonds <= np.array(BOND_FEATURE_SIZES) - 2).all()
    assert features("*")[0][0, 6] == ATOM_FEATURE_SIZES[6] - 2  # hybridization of a dummy atom is unknown
    assert features("[Al+7]")[0][0, 3] == 11  # beyond +5
    assert features("N->[Pt](Cl)(Cl)<-N")[1][0, 0] == BOND_FEATURE_SIZES[0] - 2  # a dative bond has an unknown type


def test_molecule_without_bonds():
    atoms, bonds = features("C")
    assert atoms.shape == (1, 12) and bonds.shape == (0, 3)


@pytest.mark.parametrize("smiles", STEREO)
def test_features_do_not_depend_on_the_atom_order(smiles):
    molecule = try_parse(smiles)
    expected = [sorted(matrix.tolist()) for matrix in features(smiles)]
    generator = random.Random(0)
    for seed in range(10):
        order = list(range(molecule.GetNumAtoms()))
        generator.shuffle(order)
        renumbered = Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)
        rewritten = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed + 1)[0]
        for other in (renumbered, rewritten):
            assert [sorted(matrix.tolist()) for matrix in features(other)] == expected


def test_global_stereo_setting_changes_nothing():
    expected = features(STEREO[1])
    Chem.SetUseLegacyStereoPerception(False)
    try:
        found = features(STEREO[1])
        assert not Chem.GetUseLegacyStereoPerception()
    finally:
        Chem.SetUseLegacyStereoPerception(True)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_parsing_is_quiet_and_says_no(capfd):
    assert try_parse("C(C") is None and try_parse("CN(C)(C)(C)C") is None
    assert capfd.readouterr().err == ""
