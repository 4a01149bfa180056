"""Motifs as the published program cuts them, on molecules counted by hand."""

import json
import os
from pathlib import Path

import pytest
from rdkit import Chem
from safetensors.numpy import load_file

from modeling_finemoltex import FineMolTexFeatureExtractor, train_motif_vocab
from modeling_finemoltex.processors.published_motifs_finemoltex import UNREADABLE, split_as_published

FOLDER = os.environ.get("FINEMOLTEX_PARITY_DIR")  # of arrays of the published program, with its molecules
UNREADABLE_FRAGMENT = "O=c1onc2cnc3ccccc3n12"  # a ring of it is no molecule on its own
EMPTY = {"fragmentation": "published", "motifs": {}}


def split(smiles):
    return split_as_published(Chem.MolFromSmiles(smiles))


def atoms_of(smiles):
    motif_of_atom, labels, _ = split(smiles)
    return [[atom for atom, own in enumerate(motif_of_atom) if own == motif] for motif in range(len(labels))]


def test_brics_bonds_and_branches_are_cut():
    motif_of_atom, labels, positions = split("CC(=O)Oc1ccccc1C(=O)O")  # aspirin
    assert labels == ["C1=CC=CC=C1", "C", "O", "C", "C", "O", "O", "O"]
    assert motif_of_atom == [4, 1, 5, 2, 0, 0, 0, 0, 0, 0, 3, 6, 7]
    assert sorted(positions) == list(range(8)) and positions[4] == 0  # the walk starts at atom 0


def test_the_ring_bond_after_one_that_is_cut_is_passed_over():
    """As published, which is no rule but a slip: both methyl groups, atoms 0 and 2, hang on the ring alike."""
    (ring,) = [atoms for atoms in atoms_of("CC1(C)CCC(NC(C)=O)CC1") if 1 in atoms]
    assert 2 in ring and 0 not in ring


def test_rings_without_brics_bonds_are_a_junction_tree():
    motif_of_atom, labels, positions = split("Cn1c(=O)c2c(ncn2C)n(C)c1=O")  # caffeine
    assert labels[:5] == ["CN", "C=O", "CN", "CN", "C=O"] and len(labels) == 7
    assert motif_of_atom[1] == 6 and positions[0] == 0  # the ring owns what it shares with a bond


def test_a_motif_may_be_left_without_atoms():
    assert [] in atoms_of("CCCCC(C)(C)CC")


def test_what_is_no_tree_keeps_its_order():
    for smiles in ("c1ccc2c(c1)ccc1ccccc12", "C[C@H](N)C(=O)O.[K+]"):
        positions = split(smiles)[2]
        assert sorted(positions) == list(range(len(positions)))
    assert split("[Na+].[Cl-]")[1:] == (["[Cl-].[Na+]"], [0])
    assert split("O") == ([0], ["O"], [0])


def test_rings_that_share_three_atoms_are_one_motif():
    assert atoms_of("C1CC2CC1CC2") == [list(range(7))]
    assert len(atoms_of("C1CCC2(CC1)CCCC2")) == 2


def test_a_fragment_that_rdkit_refuses_has_a_name_too():
    assert split("C[N+](C)(C)CC(=O)[O-]")[1].count("[NH4+]") == 1  # filled up with hydrogens
    assert UNREADABLE in split(UNREADABLE_FRAGMENT)[1]


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "CCCCC(C)(C)CC", "[Fe+2]", "*c1ccccc1"])
def test_an_extractor_cuts_lists_and_names_alike(smiles):
    extractor = FineMolTexFeatureExtractor(train_motif_vocab([smiles], "published", min_count=1), views=["graph_2"])
    row, motifs = extractor.featurize(smiles), extractor.motifs(smiles)
    assert len(motifs) == len(row.motif_ids) and {one.label for one in motifs} == set(
        extractor.decode_motifs(row.motif_ids)
    )
    assert sum(len(one.atoms) for one in motifs) == len(row.atom_features)
    assert set(FineMolTexFeatureExtractor(EMPTY).featurize(smiles).motif_ids) == {0}


@pytest.mark.skipif(not FOLDER, reason="FINEMOLTEX_PARITY_DIR names no folder of arrays")
def test_molecules_give_the_stored_inputs():
    stored = load_file(Path(FOLDER) / "inputs.safetensors")
    named = json.loads((Path(FOLDER) / "metadata.json").read_text(encoding="utf-8"))["molecules"]
    extractor, first_atom, first_motif = FineMolTexFeatureExtractor(EMPTY, views=["graph_2"]), 0, 0
    bonds = {
        tuple(map(int, (*ends, *features)))
        for ends, features in zip(stored["edge_index"].T, stored["edge_attr"], strict=True)
    }
    for molecule, num_motifs in zip(named, stored["num_motifs"], strict=True):
        row = extractor.featurize(molecule["smiles"])
        atoms = slice(first_atom, first_atom + len(row.atom_features))
        motifs = slice(first_motif, first_motif + int(num_motifs))
        assert row.atom_features.tolist() == stored["atom_features"][atoms].tolist(), molecule["name"]
        assert row.atom_to_motif.tolist() == stored["clique"][atoms].tolist(), molecule["name"]
        assert row.motif_positions.tolist() == stored["motif_position_flat"][motifs].tolist(), molecule["name"]
        for ends, features in zip(row.edge_index.tolist(), row.edge_features.tolist(), strict=True):
            assert (*(end + first_atom for end in ends), *features) in bonds, molecule["name"]
        first_atom, first_motif = atoms.stop, motifs.stop
    assert (first_atom, first_motif) == (len(stored["atom_features"]), len(stored["motif_position_flat"]))
