"""Relations of atoms: those of a processor, those found anew, and what hidden atoms leave of them."""

import torch

from modeling_finemoltex import FineMolTexFeatureExtractor, Molecules
from modeling_finemoltex.model.relations_finemoltex import APART, code_bonds, list_bond_features, relate_atoms

SIZES = (6, 8, 4)
SMILES = ["C1=CC=C1", "CC(=O)Oc1ccccc1C(=O)O", "C1CC2CCC1CC2", "[Na+].[Cl-]", "C", "C" * 40]


def read(smiles, *views):
    return Molecules.from_tensors(**FineMolTexFeatureExtractor(views=["graph", *views])(smiles))


def test_what_is_found_anew_is_what_the_processor_found():
    given, anew = relate_atoms(read(SMILES, "paths"), SIZES), relate_atoms(read(SMILES), SIZES)
    for name in ("slots", "is_atom", "lengths", "bonds"):
        assert torch.equal(getattr(given, name), getattr(anew, name)), name
    assert given.lengths.dtype == anew.lengths.dtype == torch.uint8
    long = ["C" * 300]
    assert torch.equal(relate_atoms(read(long, "paths"), SIZES).lengths, relate_atoms(read(long), SIZES).lengths)


def test_pairs_are_told_apart():
    relations = relate_atoms(read(["[Na+].[Cl-]", "CCO"], "paths", "conformer"), SIZES)
    assert relations.is_pair.sum((1, 2)).tolist() == [4, 9] and relations.is_joined.sum((1, 2)).tolist() == [0, 6]
    assert relations.is_spatial.sum((1, 2)).tolist() == [0, 6] and relations.lengths[0, 0, 1] == APART
    assert not relate_atoms(read(["CCO"]), SIZES).is_spatial.any()


def test_values_of_atoms_are_padded_and_back():
    relations = relate_atoms(read(["CCO", "C"]), SIZES)
    values = torch.arange(8.0).view(4, 2)
    assert relations.pad(values)[1].tolist() == [[6.0, 7.0], [0.0, 0.0], [0.0, 0.0]]
    assert torch.equal(relations.unpad(relations.pad(values)), values)


def test_bonds_are_numbered_and_back():
    features = list_bond_features(SIZES)
    assert code_bonds(features, SIZES).tolist() == list(range(1, 193))


def test_selected_molecules_keep_their_relations():
    molecules = read(SMILES[:4], "paths", "conformer")
    taken = relate_atoms(molecules.select(torch.tensor([3, 1])), SIZES)
    full = relate_atoms(molecules, SIZES)
    for name in ("lengths", "bonds", "positions", "has_conformer"):
        assert torch.equal(getattr(taken, name), getattr(full, name)[[3, 1]]), name


def test_hidden_atoms_have_no_relations_and_tell_of_none():
    """An ether in a chain is hidden: its length, and that it joined both ends, are gone."""
    molecules = read(["CCOCC", "CCC"], "paths", "conformer")
    hidden = torch.zeros(8, dtype=torch.bool)
    hidden[2] = True
    relations = relate_atoms(molecules, SIZES, hidden)
    lengths = relations.lengths[0].tolist()
    assert lengths[0][:2] == [0, 1] and lengths[0][2:] == [APART] * 3 and lengths[2] == [255, 255, 0, 255, 255]
    assert not relations.bonds[0, 2].any() and relations.has_conformer.tolist() == [False, True]
    assert torch.equal(relations.lengths[1], relate_atoms(molecules, SIZES).lengths[1])


def test_hidden_motifs_tell_neither_size_nor_place():
    """Two molecules that differ in the motif that is hidden alone have the same relations."""
    one, two = (
        read(["CC(=O)Oc1ccccc1", "C"], "paths", "conformer"),
        read(["CC(=O)Oc1ccncc1", "C"], "paths", "conformer"),
    )
    found = []
    for molecules in (one, two):
        hidden = torch.zeros_like(molecules.motif_attention_mask, dtype=torch.bool)
        hidden[0, -1] = True
        left = molecules.collapse(hidden)
        assert left.path_lengths is None and left.has_conformer.tolist() == [0, 1]
        found.append(relate_atoms(left, SIZES))
    for name in ("lengths", "bonds", "is_spatial"):
        assert torch.equal(getattr(found[0], name), getattr(found[1], name)), name
