import json
import random
from collections import Counter

import pytest
from rdkit import Chem

from modeling_finemoltex import train_motif_vocab
from modeling_finemoltex.processors.atom_features_finemoltex import record_of
from modeling_finemoltex.processors.motif_vocabulary_finemoltex import MotifVocabulary
from modeling_finemoltex.processors.motifs_finemoltex import FRAGMENTATIONS, partition_molecule
from modeling_finemoltex.processors.smiles_finemoltex import try_parse

TROUBLE = {
    "single atom": "C",
    "metal": "[Fe+2]",
    "salt": "[Na+].[Cl-]",
    "acetate": "[13CH3]C(=O)[O-].[K+]",
    "isotopes": "[2H]C([2H])([2H])c1ccc([2H])cc1",
    "hydrogen": "[H][H]",
    "proton": "[H+]",
    "dummy": "*CC(*)c1ccccc1",
    "dative": "N->[Pt](Cl)(Cl)<-N",
    "ferrocene": "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
    "cyclosporin-like": "O=C1NCC(=O)NCC(=O)NCC(=O)NCC(=O)N1C",
    "cage": "C12C3C4C1C5C2C3C45",
    "hypervalent": "F[P-](F)(F)(F)(F)F",
    "radical": "C[CH]C",
    "polyene": "CC=CC=CC=CC(=O)O",
    "long chain": "C" * 320,
    "peptide": "NC(C)C(=O)" * 70 + "O",
    "spiro": "C1CCC2(CC1)OCCO2",
    "carbene": "[C]",
    "zinc": "C[Zn]C",
    "any bond": "C~C",
}

# Counted by hand.
PAPER = {
    "CC(=O)Oc1ccccc1C(=O)O": {"C": 3, "O": 4, "c1ccccc1": 1},
    "CC(=O)Nc1ccc(O)cc1": {"C": 2, "O": 2, "N": 1, "c1ccccc1": 1},
    "CCO": {"C": 1, "CO": 1},
    "CCCCC": {"CC": 2, "C": 1},
    "O": {"O": 1},
    "c1ccc2ccccc2c1": {"c1ccc2ccccc2c1": 1},
    "c1ccccc1-c1ccccc1": {"c1ccccc1": 2},
    "NS(=O)(=O)c1ccccc1": {"N": 1, "S": 1, "O": 2, "c1ccccc1": 1},
    "[Na+].[Cl-]": {"[Na+]": 1, "[Cl-]": 1},
    "[2H]C([2H])([2H])O": {"CO": 1},
}
FUNCTIONAL = {
    "CC(=O)Oc1ccccc1C(=O)O": {"C": 1, "O=CO": 2, "c1ccccc1": 1},
    "CC(=O)Nc1ccc(O)cc1": {"C": 1, "NC=O": 1, "O": 1, "c1ccccc1": 1},
    "CCO": {"CCO": 1},
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O": {"C": 3, "O=c1[nH]c(=O)c2[nH]cnc2[nH]1": 1},
    "CCNC(=O)NS(=O)(=O)c1ccc(C)cc1": {"CC": 1, "NC(=O)N[SH](=O)=O": 1, "c1ccccc1": 1, "C": 1},
    "N#CCc1ccc([N+](=O)[O-])cc1": {"C#N": 1, "C": 1, "c1ccccc1": 1, "O=[NH+][O-]": 1},
    "FC(F)(F)c1ccncc1": {"FC(F)F": 1, "c1ccncc1": 1},
    "CC(=O)OC(C)=O": {"C": 2, "O=COC=O": 1},
    "COc1ccccc1": {"CO": 1, "c1ccccc1": 1},
    "C[C@H](N)C(=O)[O-]": {"CCN": 1, "O=C[O-]": 1},
    "O=C1C=CC(=O)C=C1": {"O=C1C=CC(=O)C=C1": 1},
    "[Na+].[Cl-]": {"[Na+]": 1, "[Cl-]": 1},
}


def partition(smiles, fragmentation):
    molecule = try_parse(smiles)
    return partition_molecule(molecule, record_of(molecule), fragmentation)


@pytest.mark.parametrize(("smiles", "expected"), PAPER.items())
def test_paper_motifs_by_hand(smiles, expected):
    assert Counter(partition(smiles, "paper").labels) == expected


@pytest.mark.parametrize(("smiles", "expected"), FUNCTIONAL.items())
def test_functional_motifs_by_hand(smiles, expected):
    assert Counter(partition(smiles, "functional").labels) == expected


@pytest.mark.parametrize("fragmentation", FRAGMENTATIONS)
@pytest.mark.parametrize("smiles", TROUBLE.values(), ids=TROUBLE)
def test_motifs_are_a_partition_into_connected_pieces(smiles, fragmentation):
    molecule = try_parse(smiles)
    atom_to_motif, labels, positions = partition_molecule(molecule, record_of(molecule), fragmentation)
    assert len(atom_to_motif) == molecule.GetNumAtoms()
    assert set(atom_to_motif) == set(range(len(labels)))
    assert sorted(positions) == list(range(len(labels)))
    for motif, label in enumerate(labels):
        atoms = [atom for atom, owner in enumerate(atom_to_motif) if owner == motif]
        assert "." not in Chem.MolFragmentToSmiles(molecule, atoms)
        assert label and "." not in label and "13" not in label and "2H" not in label


@pytest.mark.parametrize("fragmentation", FRAGMENTATIONS)
@pytest.mark.parametrize("smiles", [*TROUBLE.values(), *PAPER, *FUNCTIONAL])
def test_motifs_do_not_depend_on_the_atom_order(smiles, fragmentation):
    molecule = try_parse(smiles)
    record = record_of(molecule)
    atom_to_motif, labels, positions = partition_molecule(molecule, record, fragmentation)
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))  # equal for symmetric atoms
    expected = sorted((ranks[i], labels[m], positions[m]) for i, m in enumerate(atom_to_motif))
    order = list(range(molecule.GetNumAtoms()))
    random.Random(1).shuffle(order)
    renumbered = Chem.RenumberAtoms(molecule, order)
    atom_to_motif, labels, positions = partition_molecule(renumbered, record_of(renumbered), fragmentation)
    assert sorted((ranks[order[i]], labels[m], positions[m]) for i, m in enumerate(atom_to_motif)) == expected


def test_positions_are_breadth_first():
    # chain of motifs C - NC=O - benzene - O: each lies one step further from the root
    atom_to_motif, labels, positions = partition("CC(=O)Nc1ccc(O)cc1", "functional")
    ordered = [label for _, label in sorted(zip(positions, labels, strict=True))]
    assert ordered in (["C", "NC=O", "c1ccccc1", "O"], ["O", "c1ccccc1", "NC=O", "C"])


def test_labels_have_no_stereo_and_no_attachment_marks():
    labels = partition("C[C@H](O)/C=C/[C@@H]1CCCN1C", "paper").labels
    assert not any(mark in label for label in labels for mark in "@/\\*")


def test_vocab_is_ordered_and_independent_of_the_input_order():
    smiles = ["CCO", "OCC", "CC(=O)Oc1ccccc1C(=O)O", "c1ccccc1O", "CCN", "C(C)O"]
    vocab = train_motif_vocab(iter(smiles), fragmentation="functional", min_count=2)
    assert vocab == train_motif_vocab(reversed(smiles), fragmentation="functional", min_count=2)
    assert list(vocab["motifs"].items()) == [("CCO", 3), ("O=CO", 2), ("c1ccccc1", 2)]
    assert vocab["num_molecules"] == 6 and vocab["fragmentation"] == "functional"


def test_ids_survive_json_with_sorted_keys():
    vocab = train_motif_vocab(["CCO", "CCO", "CCN", "c1ccccc1", "c1ccccc1", "c1ccccc1"], min_count=1)
    restored = json.loads(json.dumps(vocab, sort_keys=True))
    labels = ["[UNK]", "[MASK]", "c1ccccc1", "CCO", "CCN"]
    assert MotifVocabulary(restored).labels == MotifVocabulary(vocab).labels == labels


def test_max_size_keeps_the_most_frequent():
    assert list(train_motif_vocab(["CCO", "CCO", "CCN"], min_count=1, max_size=1)["motifs"]) == ["CCO"]


def test_vocab_leaves_unparseable_strings_out():
    assert train_motif_vocab(["CCO", "C(C", ""], min_count=1)["num_molecules"] == 1


def test_unknown_fragmentation():
    with pytest.raises(ValueError, match="`fragmentation` must be one of .*got 'rings'"):
        train_motif_vocab(["C"], fragmentation="rings")
