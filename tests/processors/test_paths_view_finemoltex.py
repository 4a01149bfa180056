"""Shortest paths: against a search by hand, whatever the order of the atoms; large molecules; the refusal."""

import random
from itertools import pairwise

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexGraphConfig
from modeling_finemoltex.model import relations_finemoltex as relations
from modeling_finemoltex.processors import BOND_FEATURE_SIZES
from modeling_finemoltex.processors.motif_vocabulary_finemoltex import MotifVocabulary
from modeling_finemoltex.processors.paths_view_finemoltex import APART, MOST_PAIRED_ATOMS, MOST_PATH_BONDS, PathsView
from modeling_finemoltex.processors.smiles_finemoltex import parse_molecule

MOLECULES = ["C1=CC=C1", "CC(=O)Oc1ccccc1C(=O)O", "C1CC2CCC1CC2", "[Na+].[Cl-]", "C", "C/C=C/C#N"]


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor(views=["graph", "paths"])


def find_paths(molecule, start, end):
    """All shortest paths between two atoms as lists of atoms, by search."""
    paths = [[start]]
    while paths and paths[0][-1] != end:
        if any(path[-1] == end for path in paths):
            break
        paths = [
            [*path, other.GetIdx()]
            for path in paths
            for other in molecule.GetAtomWithIdx(path[-1]).GetNeighbors()
            if other.GetIdx() not in path
        ]
    return [path for path in paths if path[-1] == end]


def read_codes(row):
    """The number of each bond of a molecule by its two atoms."""
    digits = np.cumprod([1, *BOND_FEATURE_SIZES[:0:-1]])[::-1]
    codes = 1 + (row["edge_features"].astype(int) * digits).sum(1)
    return {frozenset(ends): code for ends, code in zip(row["edge_index"].tolist(), codes.tolist(), strict=True)}


@pytest.mark.parametrize("smiles", MOLECULES)
def test_paths_are_the_shortest_and_their_bonds_the_least(extractor, smiles):
    row, molecule = extractor.featurize(smiles), parse_molecule(smiles)
    num_atoms, codes = molecule.GetNumAtoms(), read_codes(row)
    lengths = row["path_lengths"].reshape(num_atoms, num_atoms)
    bonds = row["path_bonds"].reshape(num_atoms, num_atoms, MOST_PATH_BONDS)
    for start in range(num_atoms):
        for end in range(num_atoms):
            found = [[codes[frozenset(step)] for step in pairwise(path)] for path in find_paths(molecule, start, end)]
            if not found:
                assert lengths[start, end] == APART and not bonds[start, end].any()
                continue
            assert lengths[start, end] == len(found[0])
            expected = (min(found) + [0] * MOST_PATH_BONDS)[:MOST_PATH_BONDS]
            assert bonds[start, end].tolist() == expected


@pytest.mark.parametrize("smiles", MOLECULES)
def test_the_order_of_the_atoms_is_that_of_the_pairs(smiles):
    view, molecule = PathsView(MotifVocabulary()), parse_molecule(smiles)
    order = list(range(molecule.GetNumAtoms()))
    random.Random(0).shuffle(order)
    size = len(order)
    one, two = view.featurize(molecule), view.featurize(Chem.RenumberAtoms(molecule, order))
    for name, width in (("path_lengths", ()), ("path_bonds", (MOST_PATH_BONDS,))):
        table = one[name].reshape(size, size, *width)[np.ix_(order, order)]
        assert (two[name].reshape(table.shape) == table).all()


def test_pairs_are_padded(extractor):
    batch = extractor(["CCO", "C"])
    assert batch["path_lengths"].tolist() == [[[0, 1, 2], [1, 0, 1], [2, 1, 0]], [[0, 255, 255]] + [[255] * 3] * 2]
    assert tuple(batch["path_bonds"].shape) == (2, 3, 3, MOST_PATH_BONDS)
    assert batch["path_bonds"][0, 0, 2].tolist() == [1, 1, 0, 0, 0] and not batch["path_bonds"][1].any()


def test_large_molecules_are_read_and_larger_ones_refused(extractor):
    row = extractor.featurize("C" * 300)
    lengths = row["path_lengths"].reshape(300, 300)
    assert lengths.dtype == np.uint8 and lengths[0, 253] == 253 and lengths[0, 299] == 254 == lengths[299, 40]
    assert extractor.featurize("C" * MOST_PAIRED_ATOMS)["path_lengths"].size == MOST_PAIRED_ATOMS**2
    message = "the molecule has 513 atoms, and its pairs are compared for at most 512. Leave it out, or use an encoder"
    with pytest.raises(ValueError, match=message):
        extractor.featurize("C" * (MOST_PAIRED_ATOMS + 1), 3)
    _, kept = extractor.featurize_batch(["C", "C" * (MOST_PAIRED_ATOMS + 1)], on_error="skip")
    assert kept == [0]


def test_model_and_processor_agree_on_their_numbers():
    assert tuple(FineMolTexGraphConfig().bond_feature_sizes) == BOND_FEATURE_SIZES
    assert (relations.APART, relations.PATH_BONDS) == (APART, MOST_PATH_BONDS)
    assert np.prod(BOND_FEATURE_SIZES) < 255  # and so a number of a bond is a byte
